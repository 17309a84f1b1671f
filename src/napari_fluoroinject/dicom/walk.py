"""The structure of a data set, walked element by element without recursion."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NoReturn

from pydicom.datadict import dictionary_VR
from pydicom.uid import ImplicitVRLittleEndian

from napari_fluoroinject.dicom.content import LONGEST_KEPT, Bytes, Content, Head, explicit_head
from napari_fluoroinject.errors import UnreadableObjectError

DEEPEST_NESTING = 64
"""Parsers recurse; real objects nest fewer than ten sequences."""
MOST_ELEMENTS = 1_000_000
"""An enhanced object of 10 000 frames has about a million; more would only keep us busy."""
MOST_AROUND_FRAMES, MOST_PER_FRAME = 100_000, 500
"""Elements, items, delimiters: real objects have thousands, and one to three hundred a frame."""

_UID_AS = (b"UI", b"UN")
_LOWEST = 0x00040000
"""Lower groups are those of commands and of file meta information (PS3.5 7.1)."""
_ICON, _FRAMES = 0x00880200, 0x00280008
_PIXEL_DATA = 0x7FE00010
_PIXELS = (0x7FE00008, 0x7FE00009, _PIXEL_DATA)
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelSpan:
    """Where the pixel data lie; offsets count in the scanned bytes.

    Attributes
    ----------
    element
        Where the data element begins.
    offset, length
        Of native pixel data; `length` is None where they are encapsulated.
    offset_table
        (offset, length) of the basic offset table of encapsulated pixel data.
    fragments
        (offset, length) of each fragment of encapsulated pixel data.
    """

    element: int
    offset: int
    length: int | None
    offset_table: tuple[int, int] = (0, 0)
    fragments: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """An open data set, sequence or fragment list; `end` None = until its delimiter."""

    holds: str
    end: int | None
    limit: int
    implicit: bool


@dataclass(slots=True)
class _Fragments:
    """The fragments of the pixel data while they are walked."""

    element: int
    spans: list[tuple[int, int]] = field(default_factory=list)


class Walk:
    """Goes through a data set; what it found stands in its public attributes afterwards.

    Parameters
    ----------
    content
        The bytes and where the data set begins in them.
    wanted
        Tags of the top-level attributes whose values are kept.
    """

    def __init__(self, content: Content, wanted: frozenset[int]) -> None:
        self._content = content
        self._data: Bytes = content.data
        self._wanted = wanted
        self._position = content.start
        size = len(content.data)
        implicit = content.syntax == ImplicitVRLittleEndian
        self._levels = [_Level(holds="elements", end=size, limit=size, implicit=implicit)]
        self._fragments: _Fragments | None = None
        self._padding_sought = False
        self._allowed = MOST_AROUND_FRAMES
        self._last = _LOWEST
        self.values: dict[int, bytes] = {}
        self.pixels: PixelSpan | None = None
        self.icon = False
        self.group_lengths: list[tuple[int, int]] = []
        self.padding_bytes = 0

    def run(self) -> None:
        """Walk to the end of the bytes.

        Raises
        ------
        UnreadableObjectError
            The structure is not that of a data set.
        """
        for step in range(MOST_ELEMENTS):
            if step > self._allowed:
                self._fail(f"more than {self._allowed} data elements, too many for its frames")
            if not self._levels or self._only_padding_left():
                return
            level = self._levels[-1]
            if self._position == level.end:
                self._levels.pop()
            elif self._data[self._position : self._position + 2] == b"\xfe\xff":
                self._item(level)
            elif level.holds == "elements":
                self._element(level)
            else:
                self._fail(f"a data element between items at byte {self._position}")
        self._fail(f"more than {MOST_ELEMENTS} data elements")

    def _only_padding_left(self) -> bool:
        """Zeros after the pixel data that belong to no element: some archives pad files."""
        if self._padding_sought or len(self._levels) > 1 or self.pixels is None:
            return False
        if self._data[self._position : self._position + 8].strip(b"\0"):
            return False
        self._padding_sought = True
        if self._data[self._position :].strip(b"\0"):
            return False
        self.padding_bytes = len(self._data) - self._position
        return True

    def _item(self, level: _Level) -> None:
        """Item, or delimiter of an item or sequence (PS3.5 7.5)."""
        start = self._position
        if start + 8 > level.limit:
            self._fail(f"the end at byte {level.limit} inside an item")
        group, element, length = struct.unpack_from("<HHI", self._data, start)
        tag = group << 16 | element
        self._position = start + 8
        if tag == _ITEM and level.holds == "items":
            self._open("elements", length, implicit=level.implicit)
        elif tag == _ITEM and level.holds == "fragments" and length != _UNDEFINED:
            self._fragment(length, level)
        elif level.end is None and tag == _delimiter(level):
            self._levels.pop()
            if level.holds == "fragments":
                self._keep_fragments()
        else:
            self._fail(f"an item or delimiter out of place at byte {start}")

    def _fragment(self, length: int, level: _Level) -> None:
        offset = self._position
        if offset + length > level.limit:
            self._fail(f"a fragment of {length} bytes at byte {offset} that runs past the end")
        if self._fragments is not None:
            self._fragments.spans.append((offset, length))
        self._position += length
        self._allowed += 1  # fragments are no elements, and cost a parser nothing

    def _keep_fragments(self) -> None:
        if self._fragments is None:  # those of an icon
            return
        if not self._fragments.spans:
            self._fail("encapsulated pixel data without an offset table item")
        table, *spans = self._fragments.spans
        self.pixels = PixelSpan(
            element=self._fragments.element,
            offset=table[0] + table[1],
            length=None,
            offset_table=table,
            fragments=tuple(spans),
        )
        self._fragments = None

    def _element(self, level: _Level) -> None:
        start = self._position
        head = (_implicit_head if level.implicit else explicit_head)(
            self._data, start, level.limit
        )
        if head is None:
            self._fail(f"no whole data element at byte {start}")
        self._position = head.offset
        if len(self._levels) == 1:
            self._require_order(head.tag)
        if head.length == _UNDEFINED or head.representation == b"SQ":
            self._sequence(head, level, start=start)
            return
        if head.offset + head.length > level.limit:
            self._fail(f"a value of {_name(head.tag)} with {head.length} bytes past its end")
        if len(self._levels) == 1:
            self._value(head, start)
        self._position = head.offset + head.length

    def _require_order(self, tag: int) -> None:
        """PS3.5 7.1: ascending, each once; of two patients, readers take one or the other."""
        if tag < _LOWEST:
            self._fail(f"{_name(tag)}, which is no element of a data set")
        if tag == self._last:
            self._fail(f"{_name(tag)} twice")
        if tag < self._last:
            self._fail(f"{_name(tag)} after {_name(self._last)}: twice, or out of order")
        self._last = tag

    def _sequence(self, head: Head, level: _Level, *, start: int) -> None:
        top = len(self._levels) == 1
        if head.length == _UNDEFINED and head.tag == _PIXEL_DATA:
            if top:
                self._once(start)
                self._fragments = _Fragments(start)
            self._open("fragments", _UNDEFINED, implicit=level.implicit)
            return
        if head.representation not in (b"SQ", b"UN"):
            self._fail(f"a value of {_name(head.tag)} without a length")
        if sum(1 for opened in self._levels if opened.holds == "items") >= DEEPEST_NESTING:
            self._fail(f"sequences nested deeper than {DEEPEST_NESTING}")
        self.icon |= top and head.tag == _ICON
        # PS3.5 6.2.2 note 4: the items of a sequence of unknown representation are implicit
        self._open("items", head.length, implicit=level.implicit or head.representation == b"UN")

    def _open(self, holds: str, length: int, *, implicit: bool) -> None:
        parent = self._levels[-1]
        end = None if length == _UNDEFINED else self._position + length
        if end is not None and end > parent.limit:
            self._fail(f"items of {length} bytes at byte {self._position} past their parent's end")
        limit = parent.limit if end is None else end
        self._levels.append(_Level(holds=holds, end=end, limit=limit, implicit=implicit))

    def _value(self, head: Head, start: int) -> None:
        if head.tag in _PIXELS:
            self._once(start)
            self.pixels = PixelSpan(element=start, offset=head.offset, length=head.length)
        elif not head.tag & 0xFFFF:
            self.group_lengths.append((start, head.offset + head.length))
        elif head.tag in self._wanted:
            if head.representation not in _UID_AS and dictionary_VR(head.tag) == "UI":
                self._fail(f"a UID {_name(head.tag)} that is written as another type")
            end = head.offset + min(head.length, LONGEST_KEPT)
            self.values[head.tag] = self._data[head.offset : end]
            if head.tag == _FRAMES:
                told = self.values[head.tag].strip(b" \0")
                self._allowed += MOST_PER_FRAME * (int(told) if told.isdigit() else 1)

    def _once(self, start: int) -> None:
        if self.pixels is not None:
            self._fail(f"pixel data twice, again at byte {start}")

    def _fail(self, seen: str) -> NoReturn:
        raise UnreadableObjectError(
            self._content.source, seen=seen, expected="a DICOM file whose lengths fit into it"
        )


def _implicit_head(data: Bytes, position: int, limit: int) -> Head | None:
    """Head of an element whose representation the dictionary tells (PS3.5 7.1.3)."""
    if position + 8 > limit:
        return None
    group, element, length = struct.unpack_from("<HHI", data, position)
    tag = group << 16 | element
    try:
        representation = dictionary_VR(tag).encode("ascii")
    except KeyError:
        representation = b"UN"
    if length == _UNDEFINED:  # only a sequence may be, whatever its tag
        representation = b"SQ"
    return Head(tag, representation, position + 8, length)


def _delimiter(level: _Level) -> int:
    return _ITEM_END if level.holds == "elements" else _SEQUENCE_END


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
