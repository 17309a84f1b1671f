"""What the pixel data of a cine object hold: size, bits, colour, and where each frame lies."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from napari_fluoroinject.dicom import scan
from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from napari_fluoroinject.dicom.content import Bytes
    from napari_fluoroinject.dicom.scan import Structure
    from napari_fluoroinject.dicom.walk import PixelSpan

Span = tuple[int, int]
"""(offset, length) in the bytes of an object."""

_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")
_STARTS = (b"\xff\xd8", b"\xff\x4f", b"\x00\x00")
"""First bytes of a JPEG or JPEG-LS stream, a JPEG 2000 codestream, and a JP2 file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelFormat:
    """Size and meaning of stored pixel values (PS3.3 C.7.6.3.1).

    `signed` is what the header says (Pixel Representation), `planar` that the colours of a frame
    lie plane by plane.
    """

    frames: int
    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    planar: bool

    @property
    def first_stored(self) -> int:
        """Smallest stored value that can occur."""
        return -(1 << (self.bits_stored - 1)) if self.signed else 0

    @property
    def inverted(self) -> bool:
        """Whether the smallest value is shown white (MONOCHROME1)."""
        return self.photometric == "MONOCHROME1"

    @property
    def sample_dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        """Type of one sample as it lies in the bytes, before overlays are taken out."""
        return np.dtype("<u2") if self.bits_allocated == 16 else np.dtype("u1")

    @property
    def stored_samples(self) -> int:
        """Samples per pixel as they lie in native pixel data."""
        return 2 if self.photometric == "YBR_FULL_422" else self.samples

    @property
    def frame_samples(self) -> int:
        """Samples of one frame of native pixel data."""
        return self.rows * self.columns * self.stored_samples


def pixel_span(structure: Structure) -> PixelSpan:
    """Return where the pixel data lie.

    Raises
    ------
    UnreadableObjectError
        No pixel data, or not those that the header declares.
    """
    if structure.fault is not None:
        _fail(structure, structure.fault, "whole pixel data as long as the header declares")
    if structure.pixels is None:
        _fail(structure, "no pixel data", "frames")
    return structure.pixels


def pixel_format(structure: Structure) -> PixelFormat:
    """Read the image pixel description of a cine object whose pixel data are whole.

    Raises
    ------
    UnreadableObjectError
        Pixels that are neither grey of 1, 8 or 16 bits nor colour of 8 bits.
    """
    allocated = structure.number(scan.BITS_ALLOCATED) or 0
    stored = structure.number(scan.BITS_STORED) or allocated
    high_bit = structure.number(scan.HIGH_BIT)
    result = PixelFormat(
        frames=structure.frames or 0,
        rows=structure.number(scan.ROWS) or 0,
        columns=structure.number(scan.COLUMNS) or 0,
        samples=structure.number(scan.SAMPLES) or 1,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=stored - 1 if high_bit is None else high_bit,
        signed=structure.number(scan.SIGNED) == 1,
        photometric=structure.text(scan.PHOTOMETRIC),
        planar=structure.number(scan.PLANAR) == 1,
    )
    _check(result, structure)
    return result


def frame_spans(
    structure: Structure, span: PixelSpan, data: Bytes
) -> tuple[tuple[Span, ...], ...]:
    """Tell which fragments hold which frame of encapsulated pixel data (PS3.5 A.4).

    One fragment per frame is the rule; else the basic offset table tells, else a frame begins
    wherever a fragment begins like a codestream.

    Raises
    ------
    UnreadableObjectError
        The frames cannot be told apart.
    """
    fragments, frames = span.fragments, structure.frames or 0
    if len(fragments) == frames:
        return tuple((fragment,) for fragment in fragments)
    if frames == 1:
        return (fragments,)
    first = _first_fragments(span, data, frames)
    if first is None:
        _fail(
            structure,
            f"{len(fragments)} fragments and no usable offset table for {frames} frames",
            "one fragment per frame, or an offset table",
        )
    edges = (*first, len(fragments))
    return tuple(fragments[a:b] for a, b in pairwise(edges))


def _first_fragments(span: PixelSpan, data: Bytes, frames: int) -> tuple[int, ...] | None:
    """Index of the first fragment of each frame; None when neither table nor bytes tell it."""
    offset, length = span.offset_table
    if length == 4 * frames:
        # offsets count from the first item after the table to the item, not to its value
        places = {start - 8 - span.offset: k for k, (start, _) in enumerate(span.fragments)}
        table = np.frombuffer(data[offset : offset + length], "<u4")
        first = tuple(places.get(int(place), -1) for place in table)
        if first[0] == 0 and all(a < b for a, b in pairwise(first)):
            return first
    starts = tuple(
        k for k, (start, _) in enumerate(span.fragments) if data[start : start + 2] in _STARTS
    )
    return starts if len(starts) == frames and starts[0] == 0 else None


def _check(pixels: PixelFormat, structure: Structure) -> None:
    grey = pixels.samples == 1 and pixels.photometric in _GREY
    colour = pixels.samples == 3 and pixels.photometric in _COLOUR
    seen = f"{pixels.samples} samples of {pixels.bits_stored} in {pixels.bits_allocated} bits"
    seen = f"{seen}, high bit {pixels.high_bit}, {pixels.photometric or 'no photometry'}"
    if not (grey or (colour and pixels.bits_allocated == pixels.bits_stored == 8)):
        _fail(structure, seen, "MONOCHROME1 or MONOCHROME2, or colour of 8 bits")
    if pixels.signed and (colour or pixels.bits_allocated == 1):
        _fail(structure, f"{seen}, signed", "unsigned samples, or grey of 8 or 16 bits")
    fits = 1 <= pixels.bits_stored <= pixels.high_bit + 1 <= pixels.bits_allocated
    if pixels.bits_allocated not in (1, 8, 16) or not fits:
        _fail(structure, seen, "1, 8 or 16 bits allocated that hold the bits stored")


def _fail(structure: Structure, seen: str, expected: str) -> NoReturn:
    raise UnreadableObjectError(structure.source, seen=seen, expected=expected)
