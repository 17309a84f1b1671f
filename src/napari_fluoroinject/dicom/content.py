"""The bytes of a DICOM file: mapped, opened at the data set, inflated where they are deflated."""

from __future__ import annotations

import mmap
import re
import stat
import struct
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Bytes = bytes | mmap.mmap

LARGEST_INFLATED_BYTES = 256 << 20
"""They stand in memory: a minute of 512 x 512 x 8 bit at 15 frames per second."""
LARGEST_INFLATION = 100
"""Deflated data that grow more than this are a bomb (PS3.5 A.5 sets no limit)."""
_BLOCK_BYTES = 1 << 18
LONGEST_KEPT = 128
"""Longest value that is copied out of the bytes."""

_META_LENGTH, _META_LENGTH_BYTES = 0x00020000, 4
_CLASS_UID, _INSTANCE_UID, _SYNTAX = 0x00020002, 0x00020003, 0x00020010
_PREFIX = slice(128, 132)
_LONG_FORM = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+", re.ASCII)
LONGEST_UID = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Content:
    """A data set with the file meta information that goes before it.

    Attributes
    ----------
    source
        Name of the file.
    data
        The bytes in which offsets count: the file's, or those that a deflated data set became.
    start
        Where the data set begins.
    syntax
        Transfer syntax UID.
    announced_class, announced_instance
        SOP class and instance UID of the file meta information, empty where it names none.
    """

    source: str
    data: Bytes
    start: int
    syntax: str
    announced_class: str
    announced_instance: str


@dataclass(frozen=True, slots=True)
class Head:
    """Tag, value representation, offset and length of a data element's value."""

    tag: int
    representation: bytes
    offset: int
    length: int


@contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap]:
    """Map the bytes of a file while the context lasts.

    Raises
    ------
    UnreadableObjectError
        The file cannot be opened, is empty, or is a folder, pipe or device.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for its writer
            raise UnreadableObjectError(
                path.name, seen="no regular file", expected="a DICOM file that can be read"
            )
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "an empty file"
        raise UnreadableObjectError(
            path.name, seen=reason, expected="a DICOM file that can be read"
        ) from error
    with data:
        yield data


def open_content(data: Bytes, source: str) -> Content:
    """Read the file meta information (PS3.10 7.1) and find where the data set begins.

    It ends where its group length says: what follows is the data set's, and names no transfer
    syntax. In a file without that length it ends with its group.

    Raises
    ------
    UnreadableObjectError
        Not a DICOM file, or one without a little endian transfer syntax.
    """
    if data[_PREFIX] != b"DICM":
        raise UnreadableObjectError(
            source,
            seen=f"{len(data)} bytes without the DICM prefix",
            expected="a DICOM file (PS3.10)",
        )
    position, end, meta = _PREFIX.stop, len(data), dict[int, str]()
    while position < end and data[position : position + 2] == b"\x02\x00":
        head = explicit_head(data, position, end)
        if head is None or head.offset + head.length > end:
            raise UnreadableObjectError(
                source,
                seen=f"file meta information that is damaged at byte {position}",
                expected="a DICOM file (PS3.10)",
            )
        meta[head.tag] = text_of(data[head.offset : head.offset + min(head.length, LONGEST_KEPT)])
        position = head.offset + head.length
        if head.tag == _META_LENGTH and head.length == _META_LENGTH_BYTES:
            stated = int.from_bytes(data[head.offset : position], "little")
            end = min(end, position + stated)
    syntax = meta.get(_SYNTAX, "")
    if not is_uid(syntax) or syntax == ExplicitVRBigEndian:
        raise UnreadableObjectError(
            source,
            seen=f"transfer syntax {syntax!r}",
            expected="a little endian transfer syntax in the file meta information",
        )
    return Content(
        source=source,
        data=data,
        start=position,
        syntax=syntax,
        announced_class=meta.get(_CLASS_UID, ""),
        announced_instance=meta.get(_INSTANCE_UID, ""),
    )


def inflate(content: Content) -> Content:
    """Return the content with its data set inflated where it is deflated (PS3.5 A.5).

    Raises
    ------
    UnreadableObjectError
        The deflated stream is damaged or cut off, or grows like a bomb: past
        `LARGEST_INFLATED_BYTES`, or more than `LARGEST_INFLATION` times.
    """
    if content.syntax != DeflatedExplicitVRLittleEndian:
        return content
    packed = content.data[content.start :]
    limit = min(LARGEST_INFLATED_BYTES, LARGEST_INFLATION * len(packed))
    try:
        size = _inflated_bytes(packed, limit)
        # told the size, zlib allocates once; growing would take twice the memory
        plain = b"" if size is None else zlib.decompress(packed, -zlib.MAX_WBITS, size or 1)
    except zlib.error as error:
        raise UnreadableObjectError(
            content.source,
            seen="a damaged deflated data set",
            expected="a whole deflated data set",
        ) from error
    if size is None:
        raise UnreadableObjectError(
            content.source,
            seen=f"a deflated data set of {len(packed)} bytes that is cut off, "
            f"or grows past {limit} bytes",
            expected=f"a whole one that grows at most {LARGEST_INFLATION} times",
        )
    return Content(
        source=content.source,
        data=plain,
        start=0,
        syntax=content.syntax,
        announced_class=content.announced_class,
        announced_instance=content.announced_instance,
    )


def _inflated_bytes(packed: bytes, limit: int) -> int | None:
    """Count what deflated bytes become, block by block; None when cut off or past the limit."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    size = 0
    for start in range(0, len(packed), _BLOCK_BYTES):
        rest = packed[start : start + _BLOCK_BYTES]
        while rest and not stream.eof:
            size += len(stream.decompress(rest, _BLOCK_BYTES))
            if size > limit:
                return None
            rest = stream.unconsumed_tail
    size += len(stream.flush())  # no input is left: a window at most
    return size if stream.eof and size <= limit else None


def explicit_head(data: Bytes, position: int, limit: int) -> Head | None:
    """Head of an element that names its representation (PS3.5 7.1.2); None when it is no such."""
    if position + 8 > limit:
        return None
    group, element = struct.unpack_from("<HH", data, position)
    representation = bytes(data[position + 4 : position + 6])
    if representation in _LONG_FORM:
        if position + 12 > limit:
            return None
        length = struct.unpack_from("<I", data, position + 8)[0]
        return Head(group << 16 | element, representation, position + 12, length)
    if not (representation.isalpha() and representation.isupper()):
        return None
    length = struct.unpack_from("<H", data, position + 6)[0]
    return Head(group << 16 | element, representation, position + 8, length)


def text_of(value: bytes) -> str:
    """Return the text of a value without its padding (PS3.5 6.2)."""
    return value.rstrip(b" \0").decode("ascii", "replace").strip()


def is_uid(text: str) -> bool:
    """Whether this is a UID (PS3.5 9.1)."""
    return len(text) <= LONGEST_UID and _UID.fullmatch(text) is not None
