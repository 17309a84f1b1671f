"""Items of a sequence as bytes, explicit VR little endian: a loop has hundreds of them."""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING

from pydicom.charset import convert_encodings, default_encoding
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.tag import Tag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydicom.dataset import Dataset

_ITEM = struct.pack("<HH", 0xFFFE, 0xE000)
_PADDING = {"UI": b"\0"}
"""Values of odd length end in a blank, but for UIDs (PS3.5 6.2)."""


def text(keyword: str, value: str) -> bytes:
    """Return an element of ASCII text (PS3.5 7.1.2)."""
    vr = _representation(keyword)
    encoded = value.encode("ascii")
    return _short(keyword, vr, encoded + _PADDING.get(vr, b" ") * (len(encoded) % 2))


def numbers(keyword: str, *values: int) -> bytes:
    """Return an element of unsigned 32-bit numbers, VR UL."""
    return _short(keyword, "UL", struct.pack(f"<{len(values)}I", *values))


def sequence(keyword: str, *items: bytes) -> bytes:
    """Return a sequence of items, each the bytes of its elements in the order of their tags."""
    value = items_of(items)
    return struct.pack("<HH2sHI", *_group(keyword), b"SQ", 0, len(value)) + value


def items_of(items: Iterable[bytes]) -> bytes:
    """Return what a sequence of these items holds, all lengths stated (PS3.5 7.5)."""
    return b"".join(_ITEM + struct.pack("<I", len(item)) + item for item in items)


def elements_of(dataset: Dataset) -> bytes:
    """Return the bytes of a data set's elements."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, dataset)
    return buffer.getvalue()


def raw_sequence(keyword: str, items: Iterable[bytes]) -> RawDataElement:
    """Return a sequence that a data set writes as it is, and reads only if it is asked for it."""
    value = items_of(items)
    return RawDataElement(Tag(keyword), "SQ", len(value), value, 0, False, True)


def write_raw(dataset: Dataset) -> None:
    """Let a data set without ambiguous elements be written with its raw sequences as they are.

    pydicom reads them first unless the data set says that it was encoded in the same way before.
    """
    encodings = dataset.get("SpecificCharacterSet")
    character_set = convert_encodings(encodings) if encodings else default_encoding
    dataset.set_original_encoding(False, True, character_set)


def _short(keyword: str, vr: str, value: bytes) -> bytes:
    return struct.pack("<HH2sH", *_group(keyword), vr.encode("ascii"), len(value)) + value


@cache
def _group(keyword: str) -> tuple[int, int]:
    tag = Tag(keyword)
    return tag.group, tag.element


@cache
def _representation(keyword: str) -> str:
    return dictionary_VR(keyword)
