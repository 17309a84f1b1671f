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
from napari_fluoroinject.service.numbers import Latest, Numbers, Sources
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
        self._closed = False
        self._database: Database | None = None
        self._numbers: Numbers | None = None
        self._gathered = self._echoed = -1e9
        self._echoes: bool | None = None

    def close(self) -> None:
        """Let go of the database."""
        with self._turn:
            self._closed = True
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
            if self._closed:  # somebody still asks while the service stops
                raise StorageError("the service stops")
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
            parts=dict(sources.parts()) if sources.parts else {},
            echoes=self._echo(),
            free_bytes=free,
            reserve_bytes=sources.reserve_bytes,
            quarantined=quarantined,
            quarantined_bytes=quarantined_bytes,
            resident_bytes=resident_bytes(),
            database_fault=fault,
            **({} if found is None else _counted(found, now_s=now_s)),  # type: ignore[arg-type] # named alike
            latest=() if found is None else _latest(found, self._root / "audit"),
        )

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


def _latest(found: Overview, trail: Path) -> tuple[Latest, ...]:
    decided: dict[Fact, Mapping[str, Fact]] = {}
    analysed: dict[Fact, Mapping[str, Fact]] = {}
    try:
        for entry in recent(trail):
            if entry.event in ("decided", "analysed"):
                kept = decided if entry.event == "decided" else analysed
                kept[entry.facts.get("sop_instance_uid")] = entry.facts
    except StorageError:  # the objects themselves are shown all the same
        pass
    return tuple(_shown(one, decided, analysed) for one in found.recent)


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
    if one.job != "done" or not one.results:
        return {"done": "analysed", "working": "analysing"}.get(one.job, one.job)
    if one.dead:
        return "refused"
    if one.kept == one.results:
        return "kept"
    return "returned" if one.returned == one.results else "returning"
