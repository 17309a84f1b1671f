"""Results on their way to an archive: who queues them, who keeps them, and did all arrive once."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.proofs.objects import dataset_digest, number_of, result, result_uid
from tests.proofs.programs import echoes, free_port, kill, start, stop, until

if TYPE_CHECKING:
    from tests.proofs.table import Table

_XA = "1.2.840.10008.5.1.4.1.1.12.1"


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive that is never killed."""

    program: subprocess.Popen[bytes]
    root: Path
    port: int

    @classmethod
    def start(cls, folder: Path) -> Archive:
        """Start one, and wait until it answers."""
        root, port, said = folder / "archive", free_port(), folder / "archive.txt"
        words = ["-m", "tests.proofs.archive", str(root), str(port)]
        archive = cls(start(words, said), root, port)
        try:
            until(lambda: echoes(port, called="ARCHIVE"))
        except TimeoutError as error:
            kill(archive.program)
            raise RuntimeError(f"the archive does not answer: {said.read_text()}") from error
        return archive

    @property
    def url(self) -> str:
        """Where it is found."""
        return f"pacs://FLUOROINJECT:ARCHIVE@127.0.0.1:{self.port}"

    def judge(self, table: Table, spool: Path) -> None:
        """Stop it, and add what it keeps beside what was queued."""
        stop(self.program)
        entries = _rows(spool, "SELECT sop_instance_uid, path, state FROM outgoing")
        kept = {path.stem: path for path in (self.root / "objects").rglob("*.dcm")}
        names = {hashlib.sha256(uid.encode()).hexdigest(): path for uid, path, _ in entries}
        other = [
            name
            for name, path in names.items()
            if name in kept
            and dataset_digest(kept[name].read_bytes())
            != dataset_digest((spool / path).read_bytes())
        ]
        table.figure("results in the archive", len(kept))
        table.none("queued and not in the archive", names.keys() - kept.keys())
        table.none("in the archive and not queued", kept.keys() - names.keys())
        table.none("with other bytes than queued", other)
        table.none("returned twice with other bytes", list(self.root.glob("quarantine/**/*.dcm")))
        table.none(
            "entries not committed", [uid for uid, _, state in entries if state != "committed"]
        )
        judge_trail(table, spool)


class Feeder:
    """Stands for the workers: queues one result for each loop that has been received."""

    def __init__(self, spool: Path, url: str) -> None:
        self.queued: set[str] = set()
        self._spool, self._url = spool, url
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._feed)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Queue what is left, and end."""
        self._ended.set()
        self._thread.join()

    def _feed(self) -> None:
        from napari_fluoroinject.spool.database import Database
        from napari_fluoroinject.spool.queue import Queue

        with Database(self._spool) as database:
            queue, last = Queue(database), False
            while not last:
                last = self._ended.is_set()
                for (uid,) in _rows(self._spool, "SELECT sop_instance_uid FROM object"):
                    if uid not in self.queued:
                        queue.add([self._made(uid)], now_s=time.time())
                        self.queued.add(uid)
                self._ended.wait(0.2)

    def _made(self, uid: str) -> object:
        from napari_fluoroinject.spool.disk import fsync
        from napari_fluoroinject.spool.queue import Outgoing

        number = number_of(uid)
        folder = self._spool / "results"
        folder.mkdir(exist_ok=True)
        path, file = folder / f"{number}.dcm", result(number)
        path.write_bytes(file)
        for one in (path, folder, self._spool):
            fsync(one)
        return Outgoing(
            sop_instance_uid=result_uid(number),
            sop_class_uid=_XA,
            sha256=hashlib.sha256(file).hexdigest(),
            path=path,
            destination=self._url,
            source_uid=uid,
        )


def start_sender(spool: Path, url: str, said: Path) -> subprocess.Popen[bytes]:
    """Start the product's sender as the service starts it."""
    import os

    from napari_fluoroinject.service.orders import Orders

    orders = Orders(root=spool, service={"analyze": "generic", "send_to": url})
    words = ["-m", "napari_fluoroinject.service.sender", str(os.getpid())]
    return start(words, said, line=orders.text())


def settled(spool: Path) -> bool:
    """Whether nothing is on its way any more."""
    ((left,),) = _rows(spool, "SELECT count(*) FROM outgoing WHERE state <> 'committed'")
    return left == 0


def analysed(spool: Path) -> bool:
    """Whether no analysis is planned or done now."""
    ((left,),) = _rows(spool, "SELECT count(*) FROM job WHERE state IN ('waiting', 'working')")
    return left == 0


def judge_jobs(table: Table, spool: Path) -> None:
    """Add what became of the analyses: of loops that are alike, all have as many results."""
    jobs = dict(_rows(spool, "SELECT state, count(*) FROM job GROUP BY state"))
    table.figure("analyses done", jobs.pop("done", 0))
    table.none("analyses in any other state", sum(jobs.values()))
    results = _rows(spool, "SELECT count(*) FROM outgoing GROUP BY source_uid ORDER BY count(*)")
    counts = {count for (count,) in results}
    table.figure("results of a loop", "/".join(map(str, sorted(counts))))
    table.none("loops with fewer results than others", max(0, len(counts) - 1))
    lost = _rows(
        spool,
        "SELECT sop_instance_uid FROM job WHERE state = 'done' AND sop_instance_uid NOT IN "
        "(SELECT source_uid FROM outgoing)",
    )
    table.none("analysed without a result", lost)


def judge_trail(table: Table, spool: Path) -> None:
    """Add whether the audit trail holds together, where there is one."""
    from napari_fluoroinject.spool.audit import verify

    if (spool / "audit").exists():
        checked = verify(spool / "audit")
        table.figure("lines of the audit trail", checked.lines)
        table.none("breaks of its chain", 0 if checked.broken_at is None else 1)
        table.figure("torn lines moved aside", checked.repairs)


def _rows(spool: Path, query: str) -> list[tuple]:
    file = spool / "state.sqlite"
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=30)) as database:
        return database.execute(query).fetchall()
