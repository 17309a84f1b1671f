"""What a DICOMweb server answers in DICOM JSON (PS3.18 annex F): headers, and what it keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import keyword_for_tag

from napari_fluoroinject.dicom.pixels import PixelFormat
from napari_fluoroinject.errors import RefusedError, UnreadableObjectError

_REFERENCED_UID = "00081155"
_WARNING_REASON, _FAILURE_REASON = "00081196", "00081197"
_FAILED, _STORED = "00081198", "00081199"
_UNKNOWN_REASON = 0x0110

_REASONS = {
    0x0110: "it failed in processing it",
    0x0111: "it holds an object with this UID already",
    0x0117: "it does not take the UID",
    0x0122: "it does not take this SOP class",
    0x0124: "it is not authorised",
    0x0131: "the object does not fit the study",
    0x0132: "the server is busy",
    0xC122: "it does not take this transfer syntax",
}
"""Failure Reason (PS3.18 I.2.2, PS3.3 C.14.1.1)."""


def texts(answer: Mapping[str, Any]) -> Mapping[str, str]:
    """One data set of DICOM JSON as keyword and text; a sequence is JSON, a list of such texts."""
    found = {}
    for tag, element in answer.items():
        keyword = _keyword(tag)
        if keyword and isinstance(element, dict):
            values = _values(answer, tag)
            if element.get("vr") == "SQ":
                items = [texts(one) for one in values if isinstance(one, dict)]
                found[keyword] = json.dumps(items, ensure_ascii=False) if items else ""
            else:
                found[keyword] = "\\".join(_text(one) for one in values)
    return found


PIXEL_KEYS = (
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "SamplesPerPixel"),
    *("NumberOfFrames", "PixelRepresentation", "PhotometricInterpretation"),
    "PlanarConfiguration",
)
"""What tells the meaning of pixels."""


def tells_pixels(told: Mapping[str, str]) -> bool:
    """Whether an answer tells all that matters of the pixels of an object."""
    needed = (*PIXEL_KEYS[:6], "PixelRepresentation", "PhotometricInterpretation")
    return all(told.get(name) for name in needed)


def frame_format(told: Mapping[str, str], *, source: str) -> PixelFormat:
    """What the pixels of an object mean, from the texts of its header.

    Raises
    ------
    UnreadableObjectError
        The header does not say, or pixels of a kind that is not read.
    """
    names = PIXEL_KEYS[:6]
    rows, columns, allocated, stored, high_bit, samples = (
        _whole(told.get(name, "")) for name in names
    )
    stored = stored or allocated or 0
    result = PixelFormat(
        frames=_whole(told.get("NumberOfFrames", "")) or 1,
        rows=rows or 0,
        columns=columns or 0,
        samples=samples or 1,
        bits_allocated=allocated or 0,
        bits_stored=stored,
        high_bit=stored - 1 if high_bit is None else high_bit,
        signed=told.get("PixelRepresentation") == "1",
        photometric=told.get("PhotometricInterpretation", ""),
        planar=told.get("PlanarConfiguration") == "1",
    )
    plain = (result.samples, result.bits_allocated) in ((1, 8), (1, 16), (3, 8))
    if not (plain and rows and columns and 0 < stored <= result.high_bit + 1 <= (allocated or 0)):
        raise UnreadableObjectError(
            source, seen="pixels of another kind", expected="grey of 8 or 16 bits, or colour of 8"
        )
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the objects of one STOW request.

    `kept` maps SOP Instance UIDs to 0x0000 or the warning that was given, `failed` to the reason.
    """

    kept: Mapping[str, int]
    failed: Mapping[str, int]


def outcome(answer: Mapping[str, Any]) -> Outcome:
    """Read the answer to a STOW request (PS3.18 10.5.3): every item of both its sequences."""
    kept = {
        uid: _number(item, _WARNING_REASON) or 0x0000
        for item in _items(answer, _STORED)
        if (uid := _first(item, _REFERENCED_UID))
    }
    failed = {
        # an item that does not say which object it is about spoils the whole answer
        _first(item, _REFERENCED_UID): _number(item, _FAILURE_REASON) or _UNKNOWN_REASON
        for item in _items(answer, _FAILED)
    }
    return Outcome(kept=kept, failed=failed)


def fault(found: Outcome, uid: str, *, status: int, peer: str) -> RefusedError | None:
    """Why the server is not known to keep an object; None where it says, in so many words, it is.

    The HTTP status alone is no proof: 202 says that some failed, and 200 with an empty body
    nothing at all.

    Parameters
    ----------
    found
        What the server says.
    uid
        SOP Instance UID of the object.
    status
        Of the HTTP answer.
    peer
        Who says it.
    """
    reason = found.failed.get(uid, found.failed.get(""))
    if reason is not None:
        why = _REASONS.get(reason) or _ranged(reason)
        return RefusedError(
            f"{peer} did not keep {uid}: HTTP status {status}, failure reason 0x{reason:04X}: "
            f"{why}; expected success: see its log",
            status=reason,
        )
    if uid not in found.kept:
        return RefusedError(
            f"{peer} does not say that it keeps {uid} (HTTP status {status}); expected its word "
            "for every object (PS3.18 10.5.3): see its log"
        )
    return None


def _ranged(reason: int) -> str:
    if reason >> 8 == 0xA7:
        return "it is out of resources"
    if reason >> 8 == 0xA9:
        return "the object does not match its SOP class"
    if reason >> 12 == 0xC:
        return "it cannot understand the object"
    return "for a reason that the standard does not list"


def _keyword(tag: object) -> str:
    try:
        return keyword_for_tag(int(str(tag), 16)) if len(str(tag)) == 8 else ""
    except ValueError:
        return ""


def _text(value: object) -> str:
    if isinstance(value, dict):  # a person's name (PS3.18 F.2.2)
        return "=".join(
            str(value.get(group) or "") for group in ("Alphabetic", "Ideographic", "Phonetic")
        ).rstrip("=")
    return "" if value is None else str(value)


def _values(item: Mapping[str, Any], tag: str) -> list[Any]:
    element = item.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _items(answer: Mapping[str, Any], tag: str) -> list[Mapping[str, Any]]:
    return [one for one in _values(answer, tag) if isinstance(one, dict)]


def _first(item: Mapping[str, Any], tag: str) -> str:
    values = _values(item, tag)
    return str(values[0]) if values else ""


def _number(item: Mapping[str, Any], tag: str) -> int | None:
    return _whole(_first(item, tag))


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None
