"""The structural check of a DICOM object, made on its bytes before any parser sees them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from napari_fluoroinject.dicom.content import (
    LONGEST_UID,
    Content,
    inflate,
    is_uid,
    mapped,
    open_content,
    text_of,
)
from napari_fluoroinject.dicom.walk import PixelSpan, Walk
from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_FRAME_BYTES = 1 << 28
"""Of one decoded frame: 8192 x 8192 x 2 samples of 16 bits, four times the largest detector."""
LARGEST_LOOP_BYTES = 1 << 33
"""Of all decoded frames: two minutes of 1024 x 1024 x 16 bit at 30 frames per second."""

SOP_CLASS_UID, SOP_INSTANCE_UID = 0x00080016, 0x00080018
STUDY_UID, SERIES_UID = 0x0020000D, 0x0020000E
SAMPLES, PHOTOMETRIC, PLANAR, FRAMES = 0x00280002, 0x00280004, 0x00280006, 0x00280008
ROWS, COLUMNS = 0x00280010, 0x00280011
BITS_ALLOCATED, BITS_STORED, HIGH_BIT, SIGNED = 0x00280100, 0x00280101, 0x00280102, 0x00280103

_WANTED = frozenset(
    (
        *(SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_UID, SERIES_UID),
        *(
            SAMPLES,
            PHOTOMETRIC,
            PLANAR,
            FRAMES,
            ROWS,
            COLUMNS,
            BITS_ALLOCATED,
            BITS_STORED,
            HIGH_BIT,
            SIGNED,
        ),
    )
)
_DIGITS_AND_DOTS = re.compile(r"[0-9]+(\.[0-9]+)*")
_NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """What the bytes of a file say.

    Attributes
    ----------
    source
        Name of the file.
    sop_class_uid, sop_instance_uid
        Of the data set.
    transfer_syntax_uid
        Of the file meta information.
    start
        Where the data set begins.
    values
        Values of the attributes that describe the pixels, as they stand in the data set, by tag.
    pixels
        Where the pixel data lie; None when the object has none.
    group_lengths
        (start, end) of each top-level group length, retired: a copy may lack it (PS3.5 7.2).
    fault
        Why the pixel data cannot be what the object declares; None when they can.
    notes
        What is odd but tolerable, one sentence each.
    """

    source: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    start: int
    values: Mapping[int, bytes]
    pixels: PixelSpan | None
    group_lengths: tuple[tuple[int, int], ...]
    fault: str | None
    notes: tuple[str, ...] = ()

    def text(self, tag: int) -> str:
        """Value of a text attribute, empty where it is missing."""
        return text_of(self.values.get(tag, b""))

    def number(self, tag: int) -> int | None:
        """Value of an unsigned 16-bit attribute, None where it is missing."""
        value = self.values.get(tag, b"")
        return int.from_bytes(value, "little") if len(value) == 2 else None

    @property
    def frames(self) -> int | None:
        """Number of Frames; 1 where it is missing, None where it is no number above 0."""
        text = self.text(FRAMES) or "1"
        # PS3.5 6.2: an integer string has at most 12 characters
        return int(text) or None if re.fullmatch(r"\+?\d{1,12}", text) else None


def scan(path: Path) -> Structure:
    """Check the structure of a file: lengths, nesting, UIDs, and the size of its pixel data.

    No value is loaded, nothing recurses, and nothing is allocated by a declared size. Every
    storage object can be scanned, with or without pixel data.

    Raises
    ------
    UnreadableObjectError
        Not a DICOM file, cut off, a length past its parent, sequences deeper than 64, a deflated
        bomb, UIDs that are none. A wrong pixel length does not raise: it is the `fault`.
    """
    with mapped(path) as data:
        return scan_content(inflate(open_content(data, path.name)))


def check_series(structure: Structure) -> None:
    """Check that an object names its study and series.

    Leading zeros, which PS3.5 9.1 forbids, are let pass: real departments number studies so, and
    only the same text leads back to them.

    Raises
    ------
    UnreadableObjectError
        It names none, or by something else than digits and dots.
    """
    for keyword, tag in (("StudyInstanceUID", STUDY_UID), ("SeriesInstanceUID", SERIES_UID)):
        uid = structure.text(tag)
        if not uid or len(uid) > LONGEST_UID or not _DIGITS_AND_DOTS.fullmatch(uid):
            raise UnreadableObjectError(
                structure.source,
                seen=f"a {keyword} that is not valid" if uid else f"no {keyword}",
                expected=f"one that names its series: digits and dots, {LONGEST_UID} at most",
            )


def scan_content(content: Content) -> Structure:
    """Check the structure of a data set that is in memory; see `scan`."""
    walk = Walk(content, _WANTED)
    walk.run()
    structure = Structure(
        source=content.source,
        sop_class_uid=text_of(walk.values.get(SOP_CLASS_UID, b"")),
        sop_instance_uid=text_of(walk.values.get(SOP_INSTANCE_UID, b"")),
        transfer_syntax_uid=content.syntax,
        start=content.start,
        values=walk.values,
        pixels=walk.pixels,
        group_lengths=tuple(walk.group_lengths),
        fault=None,
    )
    _check_uids(structure)
    return _with_findings(structure, walk, content)


def native_bytes(structure: Structure) -> int:
    """How many bytes the frames need that the header declares, uncompressed (PS3.5 8.1.1)."""
    rows, columns, bits = (structure.number(tag) or 0 for tag in (ROWS, COLUMNS, BITS_ALLOCATED))
    frame_bits = rows * columns * bits * _stored_samples(structure)
    return ceil(frame_bits * (structure.frames or 0) / 8)


def _check_uids(structure: Structure) -> None:
    for name, uid in (
        ("SOP Class", structure.sop_class_uid),
        ("SOP Instance", structure.sop_instance_uid),
    ):
        if not is_uid(uid):
            raise UnreadableObjectError(
                structure.source,
                seen=f"a {name} UID that is {'not valid' if uid else 'missing'}",
                expected="digits and dots, 64 at most (PS3.5 9.1)",
            )


def _with_findings(structure: Structure, walk: Walk, content: Content) -> Structure:
    notes = []
    if content.announced_instance not in ("", structure.sop_instance_uid):
        notes.append(
            "The file meta information names another SOP instance than the data set; "
            "the data set's is used."
        )
    if walk.padding_bytes:
        notes.append(f"{walk.padding_bytes} zero bytes after the last data element are ignored.")
    icon_only = walk.icon and walk.pixels is None
    fault = "no pixel data, only an icon image" if icon_only else _fault(structure)
    return replace(structure, fault=fault, notes=tuple(notes))


def _fault(structure: Structure) -> str | None:
    """Why the pixel data cannot be what is declared (PS3.3 C.7.6.3, PS3.5 8.2 and A.4)."""
    pixels = structure.pixels
    if pixels is None:
        return None
    rows, columns, bits = (structure.number(tag) for tag in (ROWS, COLUMNS, BITS_ALLOCATED))
    frames = structure.frames
    if not (rows and columns and bits and frames):
        return "pixel data without Rows, Columns or Bits Allocated, or with no Number of Frames"
    if (pixels.length is None) == (structure.transfer_syntax_uid in _NATIVE):
        how = "encapsulated" if pixels.length is None else "native"
        return f"{how} pixel data under transfer syntax {structure.transfer_syntax_uid}"
    frame_bits = rows * columns * bits * _stored_samples(structure)
    declared = f"{frames} frames of {rows} x {columns} with {bits} bits allocated"
    if pixels.length is not None:
        need = native_bytes(structure)
        short = pixels.length < need
        return f"{pixels.length} bytes of pixel data; {declared} need {need}" if short else None
    if len(pixels.fragments) < frames:
        return f"{len(pixels.fragments)} fragments of pixel data; {declared}"
    too_large = (
        frame_bits > 8 * LARGEST_FRAME_BYTES or frame_bits * frames > 8 * LARGEST_LOOP_BYTES
    )
    return f"{declared}, more than can be decoded" if too_large else None


def _stored_samples(structure: Structure) -> int:
    """Samples per pixel as they are stored: YBR_FULL_422 shares its colour (PS3.3 C.7.6.3.1.2)."""
    if structure.text(PHOTOMETRIC) == "YBR_FULL_422":
        return 2
    return structure.number(SAMPLES) or 1
