"""A spool with received loops, results of them, and what works on it, for tests."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom

from napari_fluoroinject.endpoints.arrivals import found_arrival
from napari_fluoroinject.endpoints.storage_scp import dataset_sha256
from napari_fluoroinject.service.delivery import Delivery
from napari_fluoroinject.settings import Settings, parse_settings
from napari_fluoroinject.spool.audit import Trail
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.index import Index
from napari_fluoroinject.spool.jobs import Jobs
from napari_fluoroinject.spool.outgoing import Outgoing
from napari_fluoroinject.spool.queue import Queue
from napari_fluoroinject.spool.store import Spool, file_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_fluoroinject.endpoints.base import Counterpart


@dataclass
class Received:
    """The spool under `root`, and its parts; `clock_s` is what the sender takes for now."""

    root: Path
    spool: Spool
    database: Database
    trail: Trail
    clock_s: float = 1e9

    @property
    def queue(self) -> Queue:
        return Queue(self.database, jitter=lambda: 0.0)

    @property
    def jobs(self) -> Jobs:
        return Jobs(self.database)

    def admit(self, path: Path, *, job: bool = False, received_s: float | None = None) -> str:
        """Receive a file; returns its SOP Instance UID."""
        uid = str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)
        part = self.spool.incoming / f"{uid}.part"
        part.write_bytes(path.read_bytes())
        kept = self.spool.admit(part, uid=uid).path
        part.unlink()
        arrival = found_arrival(kept)
        fields = {name: getattr(arrival, name) for name in arrival.__slots__}
        fields["received_s"] = time.time() if received_s is None else received_s
        Index(self.database).add(type(arrival)(**fields), job=job)
        return uid

    def add(self, files: Iterable[Path], *, source: str, to: str) -> None:
        """Queue results."""
        found = [(one, pydicom.dcmread(one, stop_before_pixels=True)) for one in files]
        self.queue.add(
            [
                Outgoing(
                    sop_instance_uid=str(header.SOPInstanceUID),
                    sop_class_uid=str(header.SOPClassUID),
                    sha256=file_sha256(file),
                    path=file,
                    destination=to,
                    source_uid=source,
                )
                for file, header in found
            ],
            now_s=self.clock_s,
        )

    def delivery(
        self, settings: Settings, sink_of: Callable[[object], Counterpart] | None = None
    ) -> Delivery:
        sent = Delivery(
            self.database, settings, self.trail, sink_of=sink_of, now_s=lambda: self.clock_s
        )
        sent.queue = self.queue
        return sent


def open_received(root: Path) -> Received:
    return Received(
        root=root,
        spool=Spool(root, digest=dataset_sha256),
        database=Database(root),
        trail=Trail(root / "audit"),
    )


def settings_of(text: str, folder: Path) -> Settings:
    """Settings from a file of their own."""
    path = folder / "fluoroinject.toml"
    path.write_text(text)
    return parse_settings(text, path=path)
