"""Admission with its row: when it has ended well, an object is on disk and in the index."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.spool.index import Arrival

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from napari_fluoroinject.spool.index import Index
    from napari_fluoroinject.spool.store import Admission, Spool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of an object before it is kept; see `Arrival`."""

    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    caller: str
    address: str
    received_s: float

    @property
    def sender(self) -> str:
        """AE title and address of whoever sent it, for a person."""
        return f"{self.caller} at {self.address}"


def keep(
    part: Path,
    facts: Facts,
    *,
    spool: Spool,
    index: Index,
    job: bool,
    aside: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Admission:
    """Keep an object durably: file to disk, link, folder to disk, row; then tell its sender.

    Parameters
    ----------
    part
        A complete file in `spool.incoming`.
    facts
        Of the object.
    spool, index
        Of the same root.
    job
        Whether it is to be analysed.
    aside
        As for `Spool.admit`.

    Returns
    -------
    Admission
        `new` is False when it was received before.

    Raises
    ------
    ConflictError
        If other content is known under its UID, kept or purged; the bytes go to quarantine.
    StorageError
        If it cannot be kept and noted; a later try finds everything in order.
    """
    uid = facts.sop_instance_uid
    admission = spool.admit(
        part, uid=uid, noted=index.sha256_of(uid), sender=facts.sender, aside=aside
    )
    arrival = Arrival(
        **asdict(facts),
        sha256=admission.sha256,
        size_bytes=admission.size_bytes,
        path=admission.path,
    )
    index.add(arrival, job=job)
    return admission
