"""Whether a received object is whole and is what was announced: the status that says so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.scan import SERIES_UID, STUDY_UID, Structure, check_series, scan
from napari_fluoroinject.errors import ConflictError, StorageError, UnreadableObjectError

if TYPE_CHECKING:
    from napari_fluoroinject.endpoints.allow import Peer
    from napari_fluoroinject.endpoints.command import Command
    from napari_fluoroinject.endpoints.parts import Part
    from napari_fluoroinject.spool.store import Spool

OUT_OF_RESOURCES = 0xA700
MISMATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
FAULT_OF_OURS = 0xC001
CONFLICT = 0xC111
"""Statuses of the C-STORE table (PS3.4 B.2.3): the sender keeps its copy, and may say why."""

_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+", re.ASCII)
_LONGEST_UID = 64


class NotKeptError(Exception):
    """An object that is refused: status and comment for the peer."""

    def __init__(self, status: int, comment: str) -> None:
        super().__init__(f"0x{status:04X}: {comment}")
        self.status = status
        self.comment = comment


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An object that is durable; `new` is False when it had been received before.

    `sha256` is that of its content, as the spool tells content; `caller` and `address` are those
    of its sender.
    """

    path: Path
    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    sha256: str
    size_bytes: int
    caller: str
    address: str
    new: bool


def keep(part: Part, asked: Command, spool: Spool, peer: Peer) -> Received:
    """Bring an object that has arrived into the spool, if it is what its command announced.

    Raises
    ------
    NotKeptError
        It is not, or it cannot be kept.
    """
    part.complete()
    if part.failure:
        raise NotKeptError(OUT_OF_RESOURCES, part.failure)
    instance = asked.sop_instance_uid
    if len(instance) > _LONGEST_UID or not _UID.fullmatch(instance):
        raise NotKeptError(MISMATCH, "SOP Instance UID is not a valid UID")
    try:
        structure = scan(part.path)
        if (structure.sop_instance_uid, structure.sop_class_uid) != (instance, asked.sop_class_uid):
            raise NotKeptError(MISMATCH, "UIDs of command and data set differ")
        _require_series(structure)
        if structure.fault:
            spool.quarantine(part.path, uid=instance, reason=structure.fault)
            raise NotKeptError(MISMATCH, structure.fault)
        admission = spool.admit(part.path, uid=instance)
        size = admission.path.stat().st_size
    except UnreadableObjectError as error:
        raise NotKeptError(CANNOT_UNDERSTAND, error.seen) from error
    except ConflictError as error:
        raise NotKeptError(CONFLICT, "this UID is kept with other content") from error
    except (StorageError, OSError, MemoryError) as error:
        raise NotKeptError(OUT_OF_RESOURCES, "cannot be kept durably now") from error
    return Received(
        path=admission.path,
        sop_instance_uid=instance,
        sop_class_uid=structure.sop_class_uid,
        study_instance_uid=structure.text(STUDY_UID),
        series_instance_uid=structure.text(SERIES_UID),
        sha256=admission.sha256,
        size_bytes=size,
        caller=peer.ae_title,
        address=peer.address,
        new=admission.new,
    )


def _require_series(structure: Structure) -> None:
    """Nobody could find, analyse or file what names no study; all else may be missing."""
    try:
        check_series(structure)
    except UnreadableObjectError as error:
        raise NotKeptError(MISMATCH, error.seen) from error
