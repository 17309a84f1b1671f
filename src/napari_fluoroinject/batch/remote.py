"""Studies of archives as orders: some are fetched ahead, and what was worked on makes room."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.batch.archive import studies_at
from napari_fluoroinject.batch.fetch import Archive, Fetched, Patience
from napari_fluoroinject.batch.order import LoopOrder, Unplanned
from napari_fluoroinject.batch.rooms import Rooms
from napari_fluoroinject.batch.study import Known, orders_of
from napari_fluoroinject.decide import AUTO
from napari_fluoroinject.dicom.place import place_of
from napari_fluoroinject.errors import FluoroinjectError, UnreadableObjectError
from napari_fluoroinject.spool.gathered import Gathered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.batch.wishes import Line
    from napari_fluoroinject.spool.gathered import Gathering

MOST_ROOMS = 8
"""Studies that lie here fetched and not ended, before no more are fetched ahead."""
_POLL_S = 0.2
_MARK_BYTES = 16
"""Of a hash of a study's UID: what is kept in memory of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """How studies are fetched.

    Attributes
    ----------
    scratch
        A private folder: each study has one of its own in it.
    associations
        How many studies are fetched at once.
    done
        Whether an order need not be worked on again; it has no files.
    patience
        What is done where nobody answers.
    """

    scratch: Path
    associations: int
    done: Callable[[LoopOrder], bool]
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Coming:
    """A study that is being fetched, and what was planned of it when it was fetched before."""

    room: Path
    told: Future[Fetched]
    before: tuple[LoopOrder, ...]


class Remote:
    """Fetches studies ahead of the work on them; used by one thread, and `ended` by any.

    Parameters
    ----------
    how
        How studies are fetched.
    index
        Remembers what was planned of each study.
    known
        What orders are made with.
    """

    def __init__(self, how: Fetching, index: Gathering, known: Known) -> None:
        self._how = how
        self._index = index
        self._known = known
        self._turns = threading.BoundedSemaphore(how.associations)
        self._pool = ThreadPoolExecutor(how.associations, thread_name_prefix="fetch")
        self._coming: deque[_Coming] = deque()
        self._rooms = Rooms()
        self._count = 0
        self._planned: set[bytes] = set()
        self._stop = threading.Event()

    def stop(self) -> None:
        """Fetch no more, and wait for nothing; called in any thread."""
        self._stop.set()

    def close(self) -> None:
        """Let go of what is being fetched, and remove what was."""
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)
        self._rooms.clear()

    def ended(self, order: LoopOrder) -> None:
        """Remove the files of a study once those of all of its loops are needed no more.

        Parameters
        ----------
        order
            Of one of its loops.
        """
        self._rooms.ended(order)

    def orders(self, line: Line, number: int) -> Iterator[LoopOrder | Unplanned]:
        """Yield the orders of all studies that one source names, in the order of their dates.

        Parameters
        ----------
        line, number
            The source, and its number in the index.
        """
        try:
            archive = Archive(
                line.source,
                self._known.settings,
                turns=self._turns,
                patience=self._how.patience,
                stop=self._stop,
            )
        except FluoroinjectError as error:
            yield Unplanned(source=line.source, reason=str(error))
            return
        found = _studies(archive)
        known = replace(
            self._known,
            studies_of=lambda _: 1 if _is_one(archive.keys.get("StudyInstanceUID", "")) else 2,
            twins=lambda _: (),
        )
        more = True
        while (more or self._coming) and not self._stop.is_set():
            while more and self._may_fetch():
                study = next(found, None)
                more = study is not None
                if isinstance(study, Unplanned):
                    yield study
                elif study is not None and self._is_new(study):
                    self._begin(archive, study, self._wish(line))
            if self._coming and self._coming[0].told.done():
                yield from self._came(self._coming.popleft(), line, number, known)
            else:
                self._wait()

    def _may_fetch(self) -> bool:
        busy = len(self._coming)
        return busy < 2 * self._how.associations and busy + len(self._rooms) < MOST_ROOMS

    def _wait(self) -> None:
        """Until the next study has come; where there is no room for it, until work has ended."""
        if self._coming:
            wait([self._coming[0].told], timeout=_POLL_S)
        else:
            self._stop.wait(_POLL_S)

    def _is_new(self, study: str) -> bool:
        """Whether no earlier source named this study; the first one that does is worked on."""
        mark = hashlib.sha256(study.encode()).digest()[:_MARK_BYTES]
        if mark in self._planned:
            self._known.skipped["study that another source names, too"] += 1
            return False
        self._planned.add(mark)
        return True

    def _begin(self, archive: Archive, study: str, wish: str) -> None:
        before: tuple[LoopOrder, ...] = ()
        known = None
        kept = self._index.fetched(study, wish)
        if kept is not None:
            orders = tuple(map(LoopOrder.read, json.loads(kept[1])))
            if all(map(self._how.done, orders)):
                before, known = orders, kept[0]
        self._count += 1
        room = self._how.scratch / f"study-{self._count}"
        told = self._pool.submit(archive.fetch, study, room, known=known)
        self._coming.append(_Coming(room=room, told=told, before=before))

    def _came(
        self, coming: _Coming, line: Line, number: int, known: Known
    ) -> Iterator[LoopOrder | Unplanned]:
        fetched = coming.told.result()
        if fetched.files is None:
            yield from coming.before
            return
        told: list[LoopOrder | Unplanned] = list(fetched.failures)
        files = []
        for path in fetched.files:
            try:
                files.append(_gathered(path, number))
            except UnreadableObjectError as error:
                told.append(Unplanned(source=path.stem, reason=str(error)))
        if not fetched.failures:  # of half a study nothing may be told as if it were whole
            told += [_named(one, line, fetched) for one in orders_of(files, known)]
        orders = [one for one in told if isinstance(one, LoopOrder)]
        if len(orders) == len(told):
            lasting = [replace(one, paths=(), beside=()) for one in orders]
            self._index.remember_fetched(
                fetched.study,
                self._wish(line),
                state=fetched.state,
                orders=json.dumps([one.text() for one in lasting]),
            )
        self._rooms.take(coming.room, [one.key for one in orders])
        yield from told

    def _wish(self, line: Line) -> str:
        """What decides of a study's orders beside its files: where it is from is no part of it."""
        from napari_fluoroinject.confined.asked import asked_of

        wish = asked_of(line.request)
        if line.request.procedure == AUTO:
            service = self._known.settings.service
            wish["auto"] = [dict(service.procedure_codes), dict(service.protocols)]
        return json.dumps(wish, sort_keys=True, default=str)


def _studies(archive: Archive) -> Iterator[str | Unplanned]:
    """UIDs of the studies that are asked for; why there are no more, where that is an error."""
    one = archive.keys.get("StudyInstanceUID", "")
    if _is_one(one):
        yield one
        return
    if any(archive.keys.get(key) for key in ("SeriesInstanceUID", "SOPInstanceUID")):
        yield Unplanned(
            source=archive.source,
            reason="seen a series or object without its study; expected StudyInstanceUID, too",
        )
        return
    count = 0
    try:
        keys = {key: text for key, text in archive.keys.items() if text}
        today = datetime.now().astimezone().date()
        for answer in studies_at(archive.studies, keys, today=today):
            count += 1
            yield answer["StudyInstanceUID"]
    except FluoroinjectError as error:
        yield Unplanned(source=archive.source, reason=str(error))
        return
    if not count:
        yield Unplanned(
            source=archive.source,
            reason="seen no study that matches; expected what `fluoroinject find` shows there",
        )


def _is_one(uid: str) -> bool:
    return bool(uid) and not set(uid) & set("\\*?")


def _gathered(path: Path, line: int) -> Gathered:
    placed = place_of(path)
    return Gathered(
        path=path,
        kind=placed.what or placed.kind,
        study=placed.study,
        sop=placed.sop,
        line=line,
    )


def _named(one: LoopOrder | Unplanned, line: Line, fetched: Fetched) -> LoopOrder | Unplanned:
    """As a person knows it: by the endpoint, not by a folder that will be gone."""
    where = line.source.partition("?")[0]
    if isinstance(one, LoopOrder):
        return replace(one, source=f"{where}, {one.key}", origin=fetched.state)
    return replace(one, source=f"{where}, {Path(one.source).stem}")
