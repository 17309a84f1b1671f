"""A spool as a day's work leaves it: every state that an object and its results can be in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_fluoroinject.spool.audit import Trail
from napari_fluoroinject.spool.counters import Counters
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.index import Arrival, Index
from napari_fluoroinject.spool.jobs import Jobs
from napari_fluoroinject.spool.queue import Outgoing, Queue

if TYPE_CHECKING:
    from pathlib import Path

ARCHIVE = "pacs://FLUOROINJECT:ARCHIVE@pacs.example:11112"
ROOT_UID = "1.2.826.0.1.3680043.10.999.3.14159265"
DECIDED = (
    ("esi_tf_lumbar_subpedicular", "worklist", 0),
    ("mbb_lumbar", "procedure code", 1),
    ("si_joint", "protocol name", 0),
    ("esi_il_lumbar", "worklist", 2),
    ("generic", "nothing else known", 0),
)


def uid(number: int) -> str:
    return f"{ROOT_UID}.{4000 + number}"


def prepare(root: Path, *, now_s: float, trouble: bool = True) -> None:
    """Fill a spool with nine objects; with `trouble` some failed, waited long or were refused."""
    with Database(root) as database, Trail(root / "audit", now_s=lambda: now_s) as trail:
        index = Index(database)
        for number in range(9):
            arrival = _arrival(root, number, received_s=now_s - 300.0 * (9 - number))
            index.add(arrival, job=True)
            trail.note("received", sop_instance_uid=arrival.sop_instance_uid, caller="CARM1")
        _analyse(root, database, trail, now_s=now_s, trouble=trouble)
        _send(database, trail, now_s=now_s, trouble=trouble)
        counters = Counters(database)
        counters.add("associations_accepted", 11, now_s=now_s)
        counters.add("objects_duplicate", 2, now_s=now_s)
        if trouble:
            counters.add("objects_refused", 1, label="0xA900", now_s=now_s)
            counters.add("objects_refused", 2, label="0xC111", now_s=now_s)
            counters.add("associations_refused", 4, label="caller", now_s=now_s)
            (root / "quarantine" / "ab").mkdir(parents=True)
            (root / "quarantine" / "ab" / "abcd.dcm").write_bytes(b"x" * 2_100_000)


def _arrival(root: Path, number: int, *, received_s: float) -> Arrival:
    path = root / "objects" / f"{number:02d}.dcm"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"object")
    return Arrival(
        sop_instance_uid=uid(number),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.12.1",
        study_instance_uid=f"{ROOT_UID}.1",
        series_instance_uid=f"{ROOT_UID}.2",
        sha256=f"{number:064x}",
        size_bytes=25_000_000,
        caller="CARM1" if number % 3 else "CARM2",
        address="10.1.2.3",
        received_s=received_s,
        path=path,
    )


def _analyse(root: Path, database: Database, trail: Trail, *, now_s: float, trouble: bool) -> None:
    """Five done, one failed (or done), one skipped, one being analysed, one waits."""
    jobs = Jobs(database)
    for number in range(8):
        job = jobs.claim(now_s - 207.5)
        assert job is not None
        name = job.sop_instance_uid
        if number < 5 or (number == 5 and not trouble):
            procedure, basis, warnings = DECIDED[number % 5]
            trail.note("decided", sop_instance_uid=name, procedure=procedure, basis=basis)
            queued_s = now_s - (100_000.0 if trouble and number == 4 else 200.0)
            jobs.done(name, _results(root, number), procedure=procedure, now_s=queued_s)
            trail.note("analysed", sop_instance_uid=name, warnings=warnings, seconds=7.5)
        elif number == 5:
            reason = "the picture is blank; <b>look</b> at the run as usual"
            jobs.failed(name, reason=reason, retry_s=None, now_s=now_s)
        elif number == 6:
            jobs.skipped(name, reason="no cine loop: a single frame", now_s=now_s)


def _results(root: Path, number: int) -> list[Outgoing]:
    one = Outgoing(
        sop_instance_uid="",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.88.33",
        sha256="0" * 64,
        path=root / "results" / "x.dcm",
        destination=ARCHIVE,
        source_uid=uid(number),
    )
    return [replace(one, sop_instance_uid=f"{uid(number)}.{k}") for k in range(7)]


def _send(database: Database, trail: Trail, *, now_s: float, trouble: bool) -> None:
    """Of five objects' seven results each: committed, sent, partly sent, refused, waiting."""
    queue = Queue(database)
    for entry in queue.take(now_s=now_s, limit=100):
        number, result = (int(x) for x in entry.sop_instance_uid.split(".")[-2:])
        number -= 4000
        if number <= 1 or not trouble:
            queue.sent(entry.number, status=0, now_s=now_s - 60)
            queue.verified(entry.number, now_s=now_s)
        elif number == 2 or (number == 3 and result):
            queue.sent(entry.number, status=0, now_s=now_s - 60)
        elif number == 3:
            queue.failed(
                entry.number,
                error="0xA900: refused",
                status=0xA900,
                permanent=True,
                now_s=now_s,
            )
        else:
            error = "nobody answers there"
            queue.failed(entry.number, error=error, status=None, permanent=False, now_s=now_s)
            trail.note("send failed", destination=ARCHIVE, reason="nobody answers at <pacs>")
