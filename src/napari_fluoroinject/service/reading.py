"""Gathers the numbers of a service from its spool, its disk and its running parts."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING

from napari_fluoroinject import __version__
from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.service.numbers import Latest, Numbers, Sources, Waiting
from napari_fluoroinject.spool.audit_check import recent
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.overview import overview

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from napari_fluoroinject.spool.audit_entry import Fact
    from napari_fluoroinject.spool.overview import Overview, Recent

LATEST = 20
"""Objects on the page."""
_FRESH_S = 1.0
"""Numbers are gathered this often at most, however many ask."""
_ECHO_S = 10.0
_STARTING_S = 60.0
"""A part that has not run yet is starting for so long."""


class Reader:
    """Reads a service's numbers; any thread may ask.

    Parameters
    ----------
    root
        Folder of the spool.
    sources
        What only the running service knows.
    now_s
        The clock: seconds since the epoch.
    """

    def __init__(
        self, root: Path, sources: Sources, *, now_s: Callable[[], float] = time.time
    ) -> None:
        self._root = root
        self._sources = sources
        self._now_s = now_s
        self._started_s = now_s()
        self._turn = threading.Lock()
        self._database: Database | None = None
        self._numbers: Numbers | None = None
        self._gathered = self._echoed = -1e9
        self._echoes: bool | None = None
        self._begun = time.monotonic()
        self._ran: set[str] = set()

    def close(self) -> None:
        """Let go of the database."""
        with self._turn:
            if self._database is not None:
                self._database.close()
            self._database = None

    def numbers(self) -> Numbers:
        """Return the numbers, a second old at most; never raises for what the spool is like."""
        with self._turn:
            now = time.monotonic()
            if self._numbers is None or now - self._gathered >= _FRESH_S:
                self._numbers = self._gather()
                self._gathered = time.monotonic()
            return self._numbers

    def _gather(self) -> Numbers:
        fault: str | None = None
        found: Overview | None = None
        if self._sources.flush is not None:
            self._sources.flush()
        try:
            if self._database is None:
                self._database = Database(self._root)
            found = overview(self._database, recent=LATEST)
        except StorageError as error:
            fault = str(error)
        now_s, sources = self._now_s(), self._sources
        free, quarantined, quarantined_bytes = _disk(self._root)
        return Numbers(
            now_s=now_s,
            version=__version__,
            started_s=self._started_s,
            associations=sources.associations() if sources.associations else None,
            parts=self._parts(),
            unknown=_unknown(found, sources),
            echoes=self._echo(),
            free_bytes=free,
            reserve_bytes=sources.reserve_bytes,
            notice_after_s=sources.notice_after_s,
            quarantined=quarantined,
            quarantined_bytes=quarantined_bytes,
            resident_bytes=resident_bytes(),
            database_fault=fault,
            **({} if found is None else _counted(found, now_s=now_s)),  # type: ignore[arg-type] # named alike
            **({} if found is None else _noted(found, self._root / "audit", now_s=now_s)),  # type: ignore[arg-type] # named alike
        )

    def _parts(self) -> dict[str, bool | None]:
        """Whether each part runs; None for one that has had no time to start yet."""
        runs = self._sources.parts() if self._sources.parts else {}
        self._ran |= {name for name, up in runs.items() if up}
        early = time.monotonic() - self._begun < _STARTING_S
        return {
            name: None if early and not up and name not in self._ran else up
            for name, up in runs.items()
        }

    def _echo(self) -> bool | None:
        if self._sources.echoes is not None and time.monotonic() - self._echoed >= _ECHO_S:
            self._echoes = self._sources.echoes()
            self._echoed = time.monotonic()
        return self._echoes


def resident_bytes() -> int | None:
    """Memory of this process that is in use now; None where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return None
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - no path of ours
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _counted(found: Overview, *, now_s: float) -> dict[str, object]:
    counters = found.counters
    return {
        "received": found.received,
        "received_bytes": found.received_bytes,
        "duplicates": sum(counters.get("objects_duplicate", {}).values()),
        "refused": counters.get("objects_refused", {}),
        "associations_accepted": sum(counters.get("associations_accepted", {}).values()),
        "associations_refused": counters.get("associations_refused", {}),
        "jobs": found.jobs,
        "queue": found.queue,
        "oldest_unsent_s": _age(found.unsent_since_s, now_s),
        "oldest_uncommitted_s": _age(found.uncommitted_since_s, now_s),
        "last_analysis_s": found.last_analysis_s,
    }


def _unknown(found: Overview | None, sources: Sources) -> tuple[str, ...]:
    if found is None or sources.knows is None:
        return ()
    return tuple(one for one in found.destinations if not sources.knows(one))


def _age(since_s: float | None, now_s: float) -> float | None:
    return None if since_s is None else max(0.0, now_s - since_s)


def _disk(root: Path) -> tuple[int | None, int, int]:
    """Free bytes, and how many refused objects of which size are kept."""
    count = size = 0
    try:
        free = shutil.disk_usage(root).free
        for path in (root / "quarantine").rglob("*.dcm"):
            count, size = count + 1, size + path.stat().st_size
    except OSError:  # a file that is removed while it is looked at, or a disk that is gone
        return (shutil.disk_usage(root).free if root.exists() else None, count, size)
    return free, count, size


def _noted(found: Overview, trail: Path, *, now_s: float) -> dict[str, object]:
    """What the trail adds to the database: how it was decided, why it was not sent."""
    key = dict.fromkeys(("decided", "analysed"), "sop_instance_uid")
    key["send failed"] = "destination"
    told: dict[str, dict[Fact, Mapping[str, Fact]]] = {event: {} for event in key}
    try:
        for entry in recent(trail):
            if entry.event in key:
                told[entry.event][entry.facts.get(key[entry.event])] = entry.facts
    except StorageError:  # the objects themselves are shown all the same
        pass
    latest = (_shown(one, told["decided"], told["analysed"]) for one in found.recent)
    waiting = (
        Waiting(
            destination=one.destination,
            count=one.count,
            oldest_s=max(0.0, now_s - one.since_s),
            last_error=_text(told["send failed"].get(one.destination, {}).get("reason")),
        )
        for one in found.waiting
    )
    return {"latest": tuple(latest), "waiting": tuple(waiting)}


def _text(fact: Fact) -> str | None:
    return None if fact is None else str(fact)


def _shown(
    one: Recent,
    decided: Mapping[Fact, Mapping[str, Fact]],
    analysed: Mapping[Fact, Mapping[str, Fact]],
) -> Latest:
    how = decided.get(one.sop_instance_uid, {})
    warnings = analysed.get(one.sop_instance_uid, {}).get("warnings")
    procedure, basis = one.procedure or how.get("procedure"), how.get("basis")
    return Latest(
        sop_instance_uid=one.sop_instance_uid,
        received_s=one.received_s,
        caller=one.caller,
        state=_state(one),
        procedure=None if procedure is None else str(procedure),
        basis=None if basis is None else str(basis),
        warnings=warnings if isinstance(warnings, int) else None,
        results=one.results,
        returned=one.returned,
        kept=one.kept,
        reason=one.reason,
    )


def _state(one: Recent) -> str:
    """One word for the whole way of an object."""
    if one.job is None:
        return "received"
    if one.dismissed and not one.dead:
        return "dismissed"
    if one.job != "done" or not one.results:
        return {"done": "analysed", "working": "analysing"}.get(one.job, one.job)
    if one.dead:
        return "refused"
    if one.kept == one.results:
        return "kept"
    return "returned" if one.returned == one.results else "returning"
