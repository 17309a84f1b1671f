"""Whether a received object is whole and is what was announced: the status that says so."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.content import is_uid
from napari_fluoroinject.dicom.scan import SERIES_UID, STUDY_UID, Structure, check_series, scan
from napari_fluoroinject.endpoints.places import Places
from napari_fluoroinject.errors import ConflictError, StorageError, UnreadableObjectError
from napari_fluoroinject.spool.askers import Askers
from napari_fluoroinject.spool.index import Index
from napari_fluoroinject.spool.keep import Facts
from napari_fluoroinject.spool.keep import keep as admit
from napari_fluoroinject.spool.store import Spool

if TYPE_CHECKING:
    from napari_fluoroinject.endpoints.allow import Peer
    from napari_fluoroinject.endpoints.command import Command
    from napari_fluoroinject.endpoints.parts import Part
    from napari_fluoroinject.spool.store import Admission

NO_SUCH_SOP_CLASS = 0x0122
OUT_OF_RESOURCES = 0xA700
MISMATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
FAULT_OF_OURS = 0xC001
CONFLICT = 0xC111
"""Statuses of C-STORE (PS3.4 B.2.3, PS3.7 C.5.6): the sender keeps its copy, may say why."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where objects are kept.

    Attributes
    ----------
    spool
        Of the files.
    index
        Of their rows; None = there is none.
    job
        Whether what is pushed is to be analysed.
    askers
        Who asks for objects that are kept and no more.
    places
        Where objects are judged before they are kept.
    """

    spool: Spool
    index: Index | None = None
    job: bool = False
    askers: Askers | None = None
    places: Places = field(default_factory=Places)

    def admit(self, part: Path, facts: Facts, *, originator: str = "") -> Admission:
        """Keep a file durably, with its row where there is an index.

        Parameters
        ----------
        part, facts
            As `spool.keep.keep`.
        originator
            Who asked for it over C-MOVE; empty = it was pushed.

        Raises
        ------
        ConflictError, StorageError
            As `spool.keep.keep`.
        """
        if self.index is None:
            return self.spool.admit(
                part,
                uid=facts.sop_instance_uid,
                sender=facts.sender,
                aside=self.places.aside,
            )
        return admit(
            part,
            facts,
            spool=self.spool,
            index=self.index,
            job=self.job and not self._was_asked_for(originator),
            aside=self.places.aside,
        )

    def _was_asked_for(self, originator: str) -> bool:
        """Whether we asked; what others let an archive send here is as good as pushed."""
        return bool(originator) and self.askers is not None and self.askers.knows(originator)


def uid_or_words(text: str) -> str:
    """A UID as it is; anything else that a peer gives for one may be a patient's name."""
    return text if is_uid(text) else "not a UID"


def keep(part: Part, asked: Command, shelf: Shelf, peer: Peer) -> Received:
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
    if not is_uid(instance):
        raise NotKeptError(MISMATCH, "SOP Instance UID is not a valid UID")
    try:
        structure = scan(part.path)
        if (structure.sop_instance_uid, structure.sop_class_uid) != (
            instance,
            asked.sop_class_uid,
        ):
            raise NotKeptError(MISMATCH, "UIDs of command and data set differ")
        _require_series(structure)
        if structure.fault:
            sender = f"{peer.ae_title} at {peer.address}"
            shelf.spool.quarantine(part.path, uid=instance, reason=structure.fault, sender=sender)
            raise NotKeptError(MISMATCH, structure.fault)
        facts = _facts(structure, peer)
        admission = shelf.admit(part.path, facts, originator=asked.move_originator)
    except UnreadableObjectError as error:
        raise _unreadable(error) from error
    except ConflictError as error:
        raise NotKeptError(CONFLICT, "this UID is kept with other content") from error
    except (StorageError, OSError, MemoryError) as error:
        raise NotKeptError(OUT_OF_RESOURCES, "cannot be kept durably now") from error
    return Received(
        path=admission.path,
        sop_instance_uid=instance,
        sop_class_uid=structure.sop_class_uid,
        study_instance_uid=facts.study_instance_uid,
        series_instance_uid=facts.series_instance_uid,
        sha256=admission.sha256,
        size_bytes=admission.size_bytes,
        caller=peer.ae_title,
        address=peer.address,
        new=admission.new,
    )


def _facts(structure: Structure, peer: Peer) -> Facts:
    return Facts(
        sop_instance_uid=structure.sop_instance_uid,
        sop_class_uid=structure.sop_class_uid,
        study_instance_uid=structure.text(STUDY_UID),
        series_instance_uid=structure.text(SERIES_UID),
        caller=peer.ae_title,
        address=peer.address,
        received_s=time.time(),
    )


def _unreadable(error: UnreadableObjectError) -> NotKeptError:
    if isinstance(error.__cause__, OSError):  # our disk's fault: the sender is to try again
        return NotKeptError(OUT_OF_RESOURCES, "cannot be read back now")
    return NotKeptError(CANNOT_UNDERSTAND, error.seen)


def _require_series(structure: Structure) -> None:
    """Nobody could find, analyse or file what names no study; all else may be missing."""
    try:
        check_series(structure)
    except UnreadableObjectError as error:
        raise NotKeptError(MISMATCH, error.seen) from error
