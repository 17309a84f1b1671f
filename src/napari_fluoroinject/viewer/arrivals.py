"""Runs that a C-arm pushes to the receiver of this machine, seen as they come."""

from __future__ import annotations

import logging
import queue
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.dicom.opened import CINE_CLASSES
from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.errors import FluoroinjectError, UnreadableObjectError
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.sources import loops_in
from napari_fluoroinject.spool.database import FILE_NAME, Database
from napari_fluoroinject.spool.index import Index
from napari_fluoroinject.viewer.describe import frames_words, view_words
from napari_fluoroinject.viewer.thumbnails import thumbnail

if TYPE_CHECKING:
    from napari_fluoroinject.spool.index import Arrival

log = logging.getLogger(__name__)

POLL_S = 1.0
"""How often the index is looked at; one statement that only reads."""
_STOP_S = 5.0
_BACK_S = 12 * 3600.0
"""What came before this was for another day's list."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arrived:
    """A run that was pushed here.

    `picture` is its thumbnail, None where no frame can be decoded; `told` its frames, rate and
    view in words, or why it cannot be read, and then `readable` is False.
    """

    uid: str
    paths: tuple[Path, ...]
    received_s: float
    told: str
    picture: npt.NDArray[np.uint8] | None = None
    readable: bool = True


class Arrivals(Closing):
    """Watches the spool of a receiver, whoever runs it, from a thread that only reads.

    Parameters
    ----------
    spool
        The receiver's folder.
    back_s
        How far back what came already counts.

    Attributes
    ----------
    state
        In words, what is being watched, or why nothing can be.
    """

    def __init__(self, spool: Path, *, back_s: float = _BACK_S) -> None:
        self.state = "looking for a receiver"
        self._spool = spool
        self._from_s = time.time() - back_s
        self._came: queue.SimpleQueue[Arrived] = queue.SimpleQueue()
        self._series: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="arrivals", daemon=True)
        self._thread.start()

    def take(self) -> list[Arrived]:
        """Return what came since the last call; a run that grew comes again, under its UID."""
        came = []
        while True:
            try:
                came.append(self._came.get_nowait())
            except queue.Empty:
                return came

    def close(self) -> None:
        """Watch no more, and wait for the thread."""
        self._stop.set()
        self._thread.join(_STOP_S)

    def _watch(self) -> None:
        while not self._stop.is_set():
            # opened only where a receiver has made it: a mistyped path makes no folder
            if not (self._spool / FILE_NAME).is_file():
                self.state = f"no receiver has run yet with the spool {self._spool}"
            else:
                self._follow()
            self._stop.wait(POLL_S)

    def _follow(self) -> None:
        try:
            with Database(self._spool) as database:
                index = Index(database)
                while not self._stop.is_set():
                    self._look(index)
                    self.state = f"watching the spool {self._spool}"
                    self._stop.wait(POLL_S)
        except FluoroinjectError as error:
            self.state = f"the spool cannot be watched: {error}"

    def _look(self, index: Index) -> None:
        """Tell of each series that has more objects than when it was last told of."""
        series: dict[str, list[Arrival]] = {}
        for one in index.since(self._from_s):
            if one.sop_class_uid in CINE_CLASSES:
                series.setdefault(one.series_instance_uid, []).append(one)
        for uid, objects in series.items():
            if self._series.get(uid) == len(objects) or self._stop.is_set():
                continue
            known = self._series.get(uid, 0)
            self._series[uid] = len(objects)
            for arrived in arrived_in(index.series(uid), new=objects[known:]):
                self._came.put(arrived)


def arrived_in(objects: tuple[Arrival, ...], *, new: list[Arrival]) -> list[Arrived]:
    """The runs of a series that hold new objects; what cannot be read is one too.

    Parameters
    ----------
    objects
        All of the series: single frames make one run together.
    new
        Those that were not told of.
    """
    times = {one.path.resolve(): one.received_s for one in objects}
    fresh = {one.path.resolve() for one in new}
    arrived = []
    for found in loops_in([str(one.path) for one in objects if one.path.exists()]):
        if isinstance(found, UnreadableObjectError):
            continue
        paths = {path.resolve() for path in found.paths}
        if paths & fresh:
            at_s = max(times.get(path, 0.0) for path in paths)
            arrived.append(_arrived(found.paths, at_s, uid=found.reference.sop_instance_uid))
            fresh -= paths
    return [*arrived, *_unreadable(new, fresh)]


def _arrived(paths: tuple[Path, ...], received_s: float, *, uid: str) -> Arrived:
    picture = None
    try:
        loop = read_loop(*paths)
        told = f"{frames_words(loop)} · {view_words(loop.view)}"
    except FluoroinjectError as error:
        return Arrived(
            uid=uid, paths=paths, received_s=received_s, told=str(error), readable=False
        )
    try:
        picture = thumbnail(loop)
    except Exception:  # a peer chose these bytes; it is told once it is opened
        log.debug("no picture of an arrival", exc_info=True)
    return Arrived(uid=uid, paths=paths, received_s=received_s, told=told, picture=picture)


def _unreadable(new: list[Arrival], left: set[Path]) -> list[Arrived]:
    """Objects of no loop; what an analysis made is not meant to be one."""
    told = []
    for one in new:
        if one.path.resolve() not in left:
            continue
        error = next(
            (e for e in loops_in([str(one.path)]) if isinstance(e, UnreadableObjectError)), None
        )
        if error is not None and "result of an analysis" not in error.seen:
            told.append(
                Arrived(
                    uid=one.sop_instance_uid,
                    paths=(one.path,),
                    received_s=one.received_s,
                    told=f"seen {error.seen}; expected {error.expected}",
                    readable=False,
                )
            )
    return told
