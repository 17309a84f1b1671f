"""Changes to DICOM bytes that keep them nearly right: the rest would die at the first check."""

from __future__ import annotations

import random
import struct

_LONG_FORM = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_LENGTHS = (0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE)
_UNDEFINED = 0xFFFFFFFF
_SIZES = (0, 1, 2, 8, 255, 4096, 8192, 16384, 32768, 65535)
_TEXTS = (
    b"",
    b"-1",
    b"0",
    b"1e308",
    b"NaN",
    b"1e-400",
    b"\\",
    b"\\\\\\",
    b"999999999999",
    b"2\\3",
)
_VRS = (
    b"AE AS AT CS DA DS DT FL FD IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN "
    b"UR US UT UV ZZ"
).split()
_SYNTAXES = (
    *(b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.1.99"),
    *(b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.4.51", b"1.2.840.10008.1.2.4.70"),
    *(b"1.2.840.10008.1.2.4.80", b"1.2.840.10008.1.2.4.90", b"1.2.840.10008.1.2.4.201"),
    b"1.2.840.10008.1.2.5",
)
_ITEM, _ITEM_END, _SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0"


def mutate(content: bytes, most_bytes: int, seed: int) -> bytes:
    """Content with one to four changes to the elements that are found in it."""
    choose = random.Random(seed)
    data = bytearray(content)
    for _ in range(choose.randint(1, 4)):
        heads = elements(data)
        if not heads:
            break
        choose.choice(_CHANGES)(data, choose.choice(heads), choose)
    return bytes(data[:most_bytes])


def elements(data: bytes | bytearray) -> list[tuple[int, int, int, int]]:
    """(start, width of the length field, value, length) of elements, in sequences too, as far as
    the bytes name representations."""
    found, at = [], 132
    while at + 8 <= len(data) and len(found) < 2000:
        if data[at : at + 4] in (_ITEM, _ITEM_END, _SEQUENCE_END):
            found.append((at, 4, at + 8, 0))
            at += 8
            continue
        long = bytes(data[at + 4 : at + 6]) in _LONG_FORM
        value = at + (12 if long else 8)
        if not bytes(data[at + 4 : at + 6]).isupper() or value > len(data):
            break
        length = struct.unpack_from("<I" if long else "<H", data, value - (4 if long else 2))[0]
        inside = data[at + 4 : at + 6] == b"SQ" or length == _UNDEFINED
        shown = 0 if inside else min(length, len(data) - value)
        found.append((at, 4 if long else 2, value, shown))
        at = value + shown
    return found


_Head = tuple[int, int, int, int]


def _length(data: bytearray, head: _Head, choose: random.Random) -> None:
    _, width, value, length = head
    other = choose.choice((*_LENGTHS, _UNDEFINED, length + 1, max(0, length - 1), length * 2))
    data[value - width : value] = (other & (256**width - 1)).to_bytes(width, "little")


def _representation(data: bytearray, head: _Head, choose: random.Random) -> None:
    data[head[0] + 4 : head[0] + 6] = choose.choice(_VRS)


def _drop(data: bytearray, head: _Head, _: random.Random) -> None:
    del data[head[0] : head[2] + head[3]]


def _repeat(data: bytearray, head: _Head, choose: random.Random) -> None:
    piece = bytes(data[head[0] : head[2] + head[3]])
    if len(piece) < 4096:
        data[head[0] : head[0]] = piece * choose.choice((1, 1, 2, 16, 200))


def _move(data: bytearray, head: _Head, choose: random.Random) -> None:
    piece = bytes(data[head[0] : head[2] + head[3]])
    del data[head[0] : head[2] + head[3]]
    heads = elements(data)
    at = choose.choice(heads)[0] if heads else len(data)
    data[at:at] = piece


def _replace(data: bytearray, head: _Head, choose: random.Random) -> None:
    """Another value, with a length that fits: a number, a text, a transfer syntax."""
    at, width, value, length = head
    if bytes(data[at : at + 4]) in (_ITEM, _ITEM_END, _SEQUENCE_END):
        return
    vr = bytes(data[at + 4 : at + 6])
    if vr == b"UI":
        text = choose.choice((*_SYNTAXES, b"1.2.3", b""))
    elif vr == b"US":
        text = struct.pack("<H", choose.choice(_SIZES)) * choose.choice((1, 1, 1, 3))
    elif vr in (b"FL", b"FD"):
        number = choose.choice((0.0, -1.0, float("nan"), float("inf"), 1e300))
        text = struct.pack("<d", number) if vr == b"FD" else struct.pack("<f", number % 1e30)
    elif vr in _LONG_FORM:
        text = bytes(data[value : value + length // 2])
    else:
        text = choose.choice(_TEXTS)
    text += b" " * (len(text) % 2)
    data[value - width : value + length] = len(text).to_bytes(width, "little") + text


def _nest(data: bytearray, head: _Head, choose: random.Random) -> None:
    """Open sequences in one another."""
    deep = choose.choice((1, 2, 30, 63, 64, 65, 300))
    one = data[head[0] : head[0] + 4] + b"SQ\0\0\xff\xff\xff\xff" + _ITEM + b"\xff\xff\xff\xff"
    end = _ITEM_END + b"\0\0\0\0" + _SEQUENCE_END + b"\0\0\0\0"
    data[head[0] : head[0]] = bytes(one) * deep + end * deep


def _poke(data: bytearray, head: _Head, choose: random.Random) -> None:
    _, _, value, length = head
    if length:
        data[value + choose.randrange(length)] = choose.randrange(256)


def _cut(data: bytearray, head: _Head, choose: random.Random) -> None:
    if choose.random() < 0.2:
        del data[head[2] + head[3] // 2 :]


_CHANGES = (
    _length,
    _representation,
    _drop,
    _repeat,
    _move,
    _replace,
    _replace,
    _nest,
    _poke,
    _cut,
)
