"""What our DICOM endpoints can do, as tables of a conformance statement (PS3.2)."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from pynetdicom import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION

from napari_fluoroinject.dicom.class_names import class_name
from napari_fluoroinject.dicom.header import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
)
from napari_fluoroinject.endpoints import dimse, judge, pdu
from napari_fluoroinject.endpoints.limits import Limits
from napari_fluoroinject.endpoints.receive import RECEIVED_CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterable

COMMITMENT_REPORT = dimse.STORAGE_COMMITMENT
"""Of the archive's own association: it is the SCP, though it calls."""
_STATUSES: dict[int, tuple[str, str]] = {
    dimse.SUCCESS: (
        "Success",
        "the object and its row are on disk; also for an object that came again unchanged, or "
        "losslessly in another transfer syntax",
    ),
    judge.OUT_OF_RESOURCES: (
        "Refused: out of resources",
        "the disk is full or below its reserve, too many objects wait to be compared with others "
        "of their UID, or the object cannot be kept durably now",
    ),
    judge.NO_SUCH_SOP_CLASS: (
        "Refused: SOP class not supported",
        "the command names another SOP class than its presentation context",
    ),
    judge.MISMATCH: (
        "Error: data set does not match SOP class",
        "UIDs of command and data set differ or are not valid, no study or series, or fewer "
        "pixels than declared (then the bytes go to quarantine)",
    ),
    judge.CANNOT_UNDERSTAND: (
        "Error: cannot understand",
        "the data set ends too early, nests too deep, has an element twice, out of order or of "
        "group 0002, or is none",
    ),
    judge.FAULT_OF_OURS: ("Error: cannot understand", "a fault of the receiver, see its log"),
    judge.CONFLICT: (
        "Error: cannot understand (duplicate SOP instance)",
        "the UID is kept with other content: the new bytes go to quarantine, the old ones stay",
    ),
}
"""Every status that C-STORE is answered with."""
_REJECTIONS = {
    pdu.CALLED_UNKNOWN: "another called AE title",
    pdu.CALLING_UNKNOWN: "a caller that is not listed: title, address or certificate",
    pdu.NO_SUCH_APPLICATION: "another application context than DICOM's",
    pdu.NO_SUCH_VERSION: "another protocol version than 1",
    pdu.BUSY: "every place is taken: try again",
}
_LIMITS = {
    "handshake_s": "TLS handshake, s",
    "request_s": "association request, s",
    "pdu_s": "one PDU from its first byte, s",
    "idle_s": "silence between PDUs, s",
    "window_s": "window in which a message must progress, s",
    "window_bytes": "least progress in each window, bytes",
    "longest_pdu_bytes": "longest PDU accepted, bytes",
    "longest_request_bytes": "longest association request, bytes",
    "longest_object_bytes": "longest object, bytes",
    "connections": "connections that have not yet associated",
    "connections_per_address": "of these from one address",
    "associations": "associations at once",
    "reserved": "places that one title alone cannot take",
}


def accepted_contexts() -> dict[str, tuple[str, ...]]:
    """Transfer syntaxes by SOP class that `listen` accepts, when results are sent too."""
    return {
        dimse.VERIFICATION: dimse.UNCOMPRESSED,
        **dict.fromkeys(RECEIVED_CLASSES, dimse.TRANSFER_SYNTAXES),
        COMMITMENT_REPORT: dimse.UNCOMPRESSED,
    }


def accepted_classes() -> str:
    """SOP classes that `listen` accepts, with our role."""
    rows = []
    for uid, syntaxes in accepted_contexts().items():
        role = "SCU (the archive calls as SCP)" if uid == COMMITMENT_REPORT else "SCP"
        which = (
            "all of the table below"
            if len(syntaxes) > len(dimse.UNCOMPRESSED)
            else "the two uncompressed"
        )
        rows.append((class_name(uid), f"`{uid}`", role, which))
    return table(("SOP class", "UID", "our role", "transfer syntaxes"), rows)


def transfer_syntaxes() -> str:
    """Transfer syntaxes accepted for images; in a context the first proposed one is taken."""
    rows = [(class_name(uid), f"`{uid}`") for uid in dimse.TRANSFER_SYNTAXES]
    return table(("transfer syntax", "UID"), rows)


def proposed_classes() -> str:
    """SOP classes that we propose as a user."""
    uncompressed = "the two uncompressed"
    rows = [
        (class_name(uid), f"`{uid}`", role, why)
        for uid, role, why in (
            (dimse.VERIFICATION, "SCU", uncompressed),
            (dimse.STUDY_ROOT_FIND, "SCU", uncompressed),
            (dimse.STUDY_ROOT_MOVE, "SCU", uncompressed),
            (dimse.STUDY_ROOT_GET, "SCU", uncompressed),
            (dimse.MODALITY_WORKLIST, "SCU", uncompressed),
            (dimse.STORAGE_COMMITMENT, "SCU", uncompressed),
        )
    ]
    own = "C-STORE: the object's own, and the two uncompressed"
    rows += [
        (class_name(uid), f"`{uid}`", "SCU; SCP of C-GET and of C-MOVE", own)
        for uid in (*dimse.CINE_CLASSES, *dimse.RESULT_CLASSES)
    ]
    return table(("SOP class", "UID", "our role", "transfer syntaxes"), rows)


def store_statuses() -> str:
    """Statuses that C-STORE is answered with."""
    rows = [(f"0x{status:04X}", *told) for status, told in sorted(_STATUSES.items())]
    return table(("status", "meaning (PS3.4 B.2.3)", "when"), rows)


def rejections() -> str:
    """Rejections of associations."""
    rows = [
        (f"{result} / {source} / {reason}", why)
        for (result, source, reason), why in _REJECTIONS.items()
    ]
    return table(("result / source / reason (PS3.8 9.3.4)", "when"), rows)


def limits() -> str:
    """Limits of the listener, with their defaults."""
    given = {one.name: getattr(Limits(), one.name) for one in fields(Limits)}
    rows = [
        (text, f"{given[name]:g}" if given[name] < 1e5 else f"{given[name]}")
        for name, text in _LIMITS.items()
    ]
    return table(("limit", "value"), rows)


def implementation() -> str:
    """Who we say we are in associations and in files."""
    rows = [
        (
            "listener, and every object that is written",
            f"`{IMPLEMENTATION_CLASS_UID}`",
            f"`{IMPLEMENTATION_VERSION_NAME}`",
        ),
        (
            "associations that we ask for (pynetdicom)",
            f"`{PYNETDICOM_IMPLEMENTATION_UID}`",
            f"`{PYNETDICOM_IMPLEMENTATION_VERSION}`",
        ),
    ]
    return table(("where", "Implementation Class UID", "Implementation Version Name"), rows)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(one)} |" for one in lines)
