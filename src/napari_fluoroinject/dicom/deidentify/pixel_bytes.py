"""The pixel data element of a copy: its frames, and no byte beside them."""

from __future__ import annotations

import re
import struct
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from pydicom.uid import RLELossless

from napari_fluoroinject.dicom import scan
from napari_fluoroinject.dicom.codestream import has_end
from napari_fluoroinject.dicom.pixels import frame_spans
from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.dicom.content import Bytes
    from napari_fluoroinject.dicom.scan import Structure
    from napari_fluoroinject.dicom.walk import PixelSpan

_BLOCK_BYTES = 1 << 20
_ITEM, _DELIMITER = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"
_RLE_HEADER_BYTES, _MOST_SEGMENTS = 64, 15
_JPEG_START, _JPEG_SCAN, _JPEG_COMMENT = b"\xff\xd8", 0xDA, 0xFE
_JPEG_APPLICATION = range(0xE0, 0xF0)
_HARMLESS_SEGMENT = re.compile(rb"JFIF\0.{7}\0\0|Adobe.{7}|mrfx.", re.DOTALL)
"""Version and density without a thumbnail; colour transforms of Adobe and of JPEG-LS."""
_J2K_TILE, _J2K_COMMENT = 0xFF90, 0xFF64
_HARMLESS_COMMENT = re.compile(rb"Created by OpenJPEG version [\d.]{1,12}|Kakadu-v?[\d.]{1,12}")


def kept_spans(structure: Structure, data: Bytes) -> Iterator[tuple[int, int] | bytes]:
    """Yield what the pixel data element of the copy consists of: bytes, or (start, end) of them.

    Native frames are cut where the header says that they end. An offset table that does not lead
    to fragments is emptied, as PS3.5 A.4 allows. Pixel data that are not what the header declares
    are copied as they are: `pixel_doubts` names them.

    Parameters
    ----------
    structure
        Of the source.
    data
        Its bytes, inflated.
    """
    span = structure.pixels
    if span is None:
        return
    if span.length is not None:
        need = scan.native_bytes(structure) if structure.fault is None else span.length
        padded = need + need % 2
        yield data[span.element : span.offset - 4] + struct.pack("<I", padded)
        yield span.offset, span.offset + need
        yield b"\0" * (padded - need)
        return
    start, length = span.offset_table
    table = data[start : start + length] if _is_table(span, data, structure.frames or 0) else b""
    yield data[span.element : start - 8] + _ITEM + struct.pack("<I", len(table)) + table
    if span.fragments:
        last, size = span.fragments[-1]
        yield span.fragments[0][0] - 8, last + size
    yield _DELIMITER


def pixel_doubts(structure: Structure, data: Bytes) -> tuple[str, ...]:
    """Say what in the pixel data is not seen in a picture, and is copied with it.

    Parameters
    ----------
    structure
        Of the source.
    data
        Its bytes, inflated.
    """
    span = structure.pixels
    if span is None:
        return ()
    if structure.fault is not None:
        return (f"{structure.fault}; whatever lies in them is copied",)
    if span.length is not None:
        return _hidden_bits(structure, span, data)
    try:
        frames = frame_spans(structure, span, data)
    except UnreadableObjectError:
        frames = ()
    rle = structure.transfer_syntax_uid == RLELossless
    if not frames or (rle and any(len(one) > 1 for one in frames)):
        return ("compressed pixel data hold other fragments than those of their frames",)
    found: set[str] = set()
    for spans in frames:
        first, last = (data[start : start + size] for start, size in (spans[0], spans[-1]))
        found.update(_beside_runs(first, structure) if rle else _beside_picture(first, last))
    return tuple(sorted(found))


def _is_table(span: PixelSpan, data: Bytes, frames: int) -> bool:
    """Whether an offset table leads to the first fragment and to later ones, one a frame."""
    start, length = span.offset_table
    if not frames or length != 4 * frames:
        return False
    told = np.frombuffer(data[start : start + length], "<u4").tolist()
    places = {one - 8 - span.offset for one, _ in span.fragments}
    return told[0] == 0 and set(told) <= places and all(a < b for a, b in pairwise(told))


def _hidden_bits(structure: Structure, span: PixelSpan, data: Bytes) -> tuple[str, ...]:
    """Bits of native samples beside those stored, but for the sign that is carried on."""
    allocated = structure.number(scan.BITS_ALLOCATED) or 0
    stored = structure.number(scan.BITS_STORED) or allocated
    high = structure.number(scan.HIGH_BIT)
    top = stored - 1 if high is None else high
    if allocated not in (8, 16) or not stored <= top + 1 <= allocated or stored == allocated:
        return ()
    above = ((1 << allocated) - 1) >> (top + 1) << (top + 1)
    below = (1 << (top + 1 - stored)) - 1
    signs = above | 1 << top if structure.number(scan.SIGNED) == 1 else 0
    end = span.offset + scan.native_bytes(structure)
    for start in range(span.offset, end, _BLOCK_BYTES):
        block = data[start : min(start + _BLOCK_BYTES, end)]
        samples = np.frombuffer(block, f"<u{allocated // 8}")
        hidden = (samples & (above | below)) != 0
        if signs and not below:
            hidden &= (samples & signs) != signs
        if hidden.any():
            return ("samples hold bits beside those stored, which a picture does not show",)
    return ()


def _beside_runs(encoded: bytes, structure: Structure) -> Iterator[str]:
    """PS3.5 annex G: a header, then segments that end where all samples are told."""
    samples = (structure.number(scan.ROWS) or 0) * (structure.number(scan.COLUMNS) or 0)
    count, *offsets = struct.unpack("<16I", encoded[:_RLE_HEADER_BYTES].ljust(64, b"\0"))
    told = offsets[:count]
    hidden = count > _MOST_SEGMENTS or any(offsets[count:]) or told[:1] != [_RLE_HEADER_BYTES]
    for start, end in pairwise((*told, len(encoded))):
        hidden = hidden or _end_of_runs(encoded, start, samples) + 1 < end
    if hidden:
        yield "compressed frames hold bytes that are no part of a picture"


def _end_of_runs(encoded: bytes, start: int, samples: int) -> int:
    """Where a segment of run lengths has told so many samples (PS3.5 G.3.2)."""
    position, left = start, samples
    while left > 0 and position < len(encoded):
        head = encoded[position]
        if head < 128:
            left -= head + 1
            position += head + 2
        else:
            left -= 257 - head if head > 128 else 0
            position += 2 if head > 128 else 1
    return position


def _beside_picture(first: bytes, last: bytes) -> Iterator[str]:
    """What a JPEG or JPEG 2000 codestream can carry beside the picture (T.81 B.2.4, T.800 A.9)."""
    if not has_end(last):
        yield "compressed frames hold bytes that are no part of a picture"
    if first.startswith(_JPEG_START):
        hidden = any(not _HARMLESS_SEGMENT.fullmatch(one) for one in _jpeg_words(first))
    elif first.startswith(b"\xff\x4f"):
        hidden = any(not _HARMLESS_COMMENT.fullmatch(one) for one in _j2k_words(first))
    else:
        hidden = True
    if hidden:
        yield "compressed frames hold a comment or data of an application"


def _jpeg_words(encoded: bytes) -> Iterator[bytes]:
    position = 2
    while position + 4 <= len(encoded) and encoded[position] == 0xFF:
        marker, length = encoded[position + 1], int.from_bytes(encoded[position + 2 :][:2])
        if marker == _JPEG_SCAN:
            return
        if marker == 0xFF:
            position += 1
            continue
        if marker == _JPEG_COMMENT or marker in _JPEG_APPLICATION:
            yield encoded[position + 4 : position + 2 + length]
        position += 2 + length


def _j2k_words(encoded: bytes) -> Iterator[bytes]:
    position = 2
    while position + 4 <= len(encoded):
        marker, length = struct.unpack_from(">HH", encoded, position)
        if marker == _J2K_TILE:
            return
        if marker == _J2K_COMMENT:
            yield encoded[position + 6 : position + 2 + length]
        position += 2 + length
