"""What a compressed frame says about itself, read from its markers before it is decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_END = b"\xff\xd9"
_SOC_SIZ = b"\xff\x4f\xff\x51"
"""SIZ follows SOC at once (T.800 A.5.1)."""
_JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"
"""Signature box of a JP2 file (T.800 I.5.1), which PS3.5 8.2.4 forbids and some writers leave."""
_JPEG_START = b"\xff\xd8"
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD9)))
_FRAME_HEADERS = frozenset((*range(0xC0, 0xD0), 0xF7)) - {0xC4, 0xC8, 0xCC}
"""SOF markers of ITU-T T.81 table B.1, and that of JPEG-LS (T.87)."""
_SCAN = 0xDA


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedSize:
    """Size of a coded picture; `bits` is its precision."""

    rows: int
    columns: int
    samples: int
    bits: int


def coded_size(encoded: bytes) -> CodedSize | None:
    """Size of a JPEG, JPEG-LS, JPEG 2000 or HTJ2K picture; None when its header tells none."""
    if encoded[:2] == _JPEG_START:
        return _jpeg_size(encoded)
    start = _contiguous_codestream(encoded) if encoded.startswith(_JP2) else 0
    head = encoded[start : start + 64]
    return _jpeg2000_size(head) if head.startswith(_SOC_SIZ) else None


def has_end(encoded: bytes) -> bool:
    """Whether the stream ends with its end marker; fill bytes may follow it.

    Decoders fill a picture that was cut off with grey or noise and report success.
    """
    return encoded[-64:].rstrip(b"\0\xff").endswith(_END)


def _jpeg_size(encoded: bytes) -> CodedSize | None:
    """Frame header of T.81 B.2.2; tables may come before it, also Huffman tables."""
    position = 2
    while position + 4 <= len(encoded) and encoded[position] == 0xFF:
        marker = encoded[position + 1]
        if marker == 0:  # no marker, and decoders would look for one in what follows
            return None
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker in _STANDALONE:
            position += 2
        elif marker == _SCAN:
            return None
        elif marker in _FRAME_HEADERS:
            if position + 10 > len(encoded):
                return None
            bits, rows, columns, samples = struct.unpack_from(">BHHB", encoded, position + 4)
            return CodedSize(rows=rows, columns=columns, samples=samples, bits=bits)
        else:
            position += 2 + struct.unpack_from(">H", encoded, position + 2)[0]
    return None


def _contiguous_codestream(encoded: bytes) -> int:
    """Offset of the codestream that a decoder of JP2 files takes: boxes of T.800 annex I.

    The end of the bytes where there is none, or a palette: one sample could become 255.
    """
    position = 0
    while position + 16 <= len(encoded):
        length, kind = struct.unpack_from(">I4s", encoded, position)
        content = position + 8
        if length == 1:
            length = struct.unpack_from(">Q", encoded, content)[0]
            content += 8
        if kind == b"jp2c":
            return content
        if length < content - position or (
            kind == b"jp2h" and b"pclr" in encoded[content : position + length]
        ):
            break
        position += length
    return len(encoded)


def _jpeg2000_size(head: bytes) -> CodedSize | None:
    """SIZ marker segment of T.800 A.5.1."""
    if len(head) < 43:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", head, 8)
    samples, precision = struct.unpack_from(">HB", head, 40)
    return CodedSize(
        rows=bottom - top, columns=right - left, samples=samples, bits=(precision & 0x7F) + 1
    )
