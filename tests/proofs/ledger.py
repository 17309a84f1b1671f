"""A program that does what receiver, worker and sender do to the state of a spool, and says when.

`python -m tests.proofs.ledger ROOT MARKS COUNT`: before each line of MARKS what the line says was
promised to be on disk.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from itertools import count
from pathlib import Path

from tests.proofs.objects import uid_of

DESTINATION = "archive"
_THREADS = 2


def main() -> None:
    """Work."""
    from napari_fluoroinject.spool.audit import Trail
    from napari_fluoroinject.spool.database import Database

    root, marks, many = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    out = os.open(marks, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with Database(root) as database, Trail(root / "audit") as trail:
        threads = [
            threading.Thread(target=_work, args=(database, trail, out, range(k, many, _THREADS)))
            for k in range(_THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _work(database: object, trail: object, out: int, numbers: range) -> None:
    from napari_fluoroinject.spool.index import Index
    from napari_fluoroinject.spool.jobs import Jobs
    from napari_fluoroinject.spool.queue import Queue

    index, jobs, queue = Index(database), Jobs(database), Queue(database)
    clock = count(1)

    def said(what: str, *words: object) -> None:
        os.write(out, (" ".join([what, *map(str, words)]) + "\n").encode())

    for number in numbers:
        uid = uid_of(number)
        index.add(arrival(uid, Path(sys.argv[1])), job=True)
        said("received", uid)
        trail.note("received", sop_instance_uid=uid)
        said("noted", uid)
        job = jobs.claim(float(next(clock)) + 1e9)
        if job is None:
            continue
        made = [result(job.sop_instance_uid, k, Path(sys.argv[1])) for k in range(3)]
        jobs.done(job.sop_instance_uid, made, procedure="generic", now_s=float(next(clock)))
        said("done", job.sop_instance_uid, *[one.sop_instance_uid for one in made])
        for entry in queue.take(now_s=1e9, limit=2):
            queue.sent(entry.number, status=0, now_s=float(next(clock)))
            said("sent", entry.sop_instance_uid)
            asked = f"2.25.{entry.number}"
            queue.commitment_asked([entry.number], transaction_uid=asked, now_s=1e9)
            said("asked", entry.sop_instance_uid, asked)
            if entry.number % 2:
                queue.commitment_reported(
                    asked, committed=[entry.sop_instance_uid], failed={}, now_s=1e9
                )
                said("committed", entry.sop_instance_uid)


def arrival(uid: str, root: Path) -> object:
    """What is noted of an object with this UID."""
    from napari_fluoroinject.spool.index import Arrival

    return Arrival(
        sop_instance_uid=uid,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.12.1",
        study_instance_uid="1.2.3",
        series_instance_uid="1.2.3.4",
        sha256=hashlib.sha256(uid.encode()).hexdigest(),
        size_bytes=len(uid),
        caller="CARM",
        address="127.0.0.1",
        received_s=1.0,
        path=root / "objects" / f"{uid}.dcm",
    )


def result(uid: str, number: int, root: Path) -> object:
    """One of the results of an object with this UID."""
    from napari_fluoroinject.spool.queue import Outgoing

    return Outgoing(
        sop_instance_uid=f"{uid}.{number}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.88.33",
        sha256=hashlib.sha256(f"{uid}.{number}".encode()).hexdigest(),
        path=root / "results" / f"{uid}.{number}.dcm",
        destination=DESTINATION,
        source_uid=uid,
    )


if __name__ == "__main__":
    main()
