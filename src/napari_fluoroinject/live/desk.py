"""Writes each finished run of a live feed as DICOM, and puts it on its way."""

from __future__ import annotations

import logging
import queue
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.ordered import Order
from napari_fluoroinject.dicom.recorded import encode_recorded
from napari_fluoroinject.errors import FluoroinjectError, StorageError
from napari_fluoroinject.live.fates import beside
from napari_fluoroinject.live.filing import Filing, recorded_run
from napari_fluoroinject.live.prompt import step_back
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.model.recorded import FeedGeometry, KnownLength
from napari_fluoroinject.spool.disk import fsync, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_fluoroinject.dicom.write import EncodedObject
    from napari_fluoroinject.live.handing import Outgoing

log = logging.getLogger(__name__)

ASK_EVERY_S = 20.0
"""The worklist is not asked more often."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Papers:
    """What a run is written with.

    Attributes
    ----------
    order
        The worklist item; None with `research` alone.
    research
        Whether runs without an order are written under a patient that is visibly nobody.
    geometry, known, filing
        As `encode_recorded` and `recorded_run` take them.
    """

    order: Order | None = None
    research: bool = False
    geometry: FeedGeometry | None = None
    known: KnownLength | None = None
    filing: Filing = field(default_factory=Filing)

    @property
    def complete(self) -> bool:
        """Whether a run can be written: its patient is known, or nobody's on purpose."""
        return self.order is not None or self.research

    @property
    def mm_per_px(self) -> float | None:
        """What a pixel measures in the patient; None = not known."""
        if self.known is not None:
            return self.known.mm_per_px
        return None if self.geometry is None else self.geometry.mm_per_px


def write_run(folder: Path, number: int, papers: Papers) -> EncodedObject:
    """A run of a recording as a DICOM object.

    Raises
    ------
    StorageError
        No such run, or no order for it.
    FluoroinjectError
        It cannot be read or encoded.
    """
    if not papers.complete:
        raise StorageError(
            "no worklist item is known for this run: it stays in the recording; expected one, or "
            "the wish to keep it on this machine as nobody's"
        )
    run = recorded_run(folder, number, papers.filing)
    return encode_recorded(run, papers.order, geometry=papers.geometry, known=papers.known)


def keep_beside(folder: Path, number: int, encoded: EncodedObject) -> Path:
    """Write an object into the private folder of its recording, whole or not at all.

    Raises
    ------
    StorageError
        It cannot be written.
    """
    path = beside(folder, number)
    try:
        write_whole(path, encoded.content, mode=0o600)
        fsync(path)
        fsync(folder)
    except OSError as error:
        raise StorageError(
            f"run {number} cannot be written: {error.strerror or error}; expected a disk with "
            "room: the recording has it still"
        ) from error
    return path


class Desk(Closing):
    """Writes runs in a thread of its own, one after the other; `close` waits for the last.

    Parameters
    ----------
    papers
        What they are written with.
    order
        Asks the worklist for their order, which may take long and fail; it is asked again until it
        is known, and runs wait for it. None = the papers are all there is.
    outgoing, destination
        Who hands them over, and to whom; None = they stay beside the recording.

    Attributes
    ----------
    written
        How many were.
    """

    def __init__(
        self,
        papers: Papers,
        *,
        order: Callable[[], Order] | None = None,
        outgoing: Outgoing | None = None,
        destination: str | None = None,
    ) -> None:
        self.written = 0
        self._faults: list[str] = []
        self._papers, self._outgoing, self._destination = papers, outgoing, destination
        self._order, self._no_order = order, ""
        self._asked_s = float("-inf")
        self._waiting: list[tuple[Path, int]] = []
        self._row: queue.SimpleQueue[tuple[Path, int] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="fluoroinject-desk", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, folder: Path, number: int) -> None:
        """Have a run written whose frames are on disk; never waits."""
        self._row.put((folder, number))

    def close(self) -> None:
        """Wait until everything is written."""
        self._row.put(None)
        if self._thread.is_alive():
            self._thread.join()

    @property
    def faults(self) -> tuple[str, ...]:
        """Why runs were not written."""
        return (f"no run is written: {self._no_order}", *self._faults)[not self._no_order :]

    def _run(self) -> None:
        step_back()
        ending = False
        while not ending:
            self._find_order()
            self._write_waiting()
            with suppress(queue.Empty):
                asked = self._row.get(timeout=None if self._papers.complete else ASK_EVERY_S)
                if asked is not None:
                    self._waiting.append(asked)
                ending = asked is None
        self._find_order()
        self._write_waiting()

    def _write_waiting(self) -> None:
        while self._papers.complete and self._waiting:
            self._write(*self._waiting.pop(0))

    def _find_order(self) -> None:
        """Ask for the order where it is not known, and was not asked for just now."""
        now_s = time.monotonic()
        if self._order is None or self._papers.complete or now_s - self._asked_s < ASK_EVERY_S:
            return
        try:
            self._papers = replace(self._papers, order=self._order())
            self._no_order = ""
        except FluoroinjectError as error:
            self._no_order = str(error)
        except Exception as error:  # the edge of the thread: a person gets a sentence
            log.debug("the worklist could not be asked", exc_info=error)
            self._no_order = f"unexpected {type(error).__name__}; please report it with this line"
        self._asked_s = time.monotonic()

    def _write(self, folder: Path, number: int) -> None:
        try:
            encoded = write_run(folder, number, self._papers)
            if self._outgoing is None or self._destination is None:
                keep_beside(folder, number, encoded)
            else:
                self._outgoing.add(encoded, self._destination, of=(folder, number))
            self.written += 1
        except FluoroinjectError as error:
            self._faults.append(f"run {number}: {error}")
        except Exception as error:  # the edge of the thread: a person gets a sentence
            log.debug("a run was not written", exc_info=error)
            self._faults.append(
                f"run {number}: unexpected {type(error).__name__}; it stays in the recording"
            )
