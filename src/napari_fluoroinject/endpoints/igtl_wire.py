"""Messages of OpenIGTLink as bytes: headers of versions 1 to 3, pictures and texts, taken apart.

Source: http://openigtlink.org/protocols/v2_header.html, v3_header.html, v2_image.html and
v2_string.html. Bytes are taken apart here and not by pyigtl 0.3.4, which never looks at the CRC of
what it reads, believes any size, keeps only the newest message of each device, and takes 7 times
as long for the CRC of what it sends.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.compute.kernels.crc64 import crc64
from napari_fluoroinject.errors import EndpointError

Bytes = npt.NDArray[np.uint8]

HEAD_BYTES = 58
MOST_BODY_BYTES = 64 << 20
"""A message that claims more is not read: 64 MiB are four pictures of 2880 x 2880 at 16 bits."""

_VERSIONS = (1, 2, 3)
HEAD = struct.Struct(">H12s20sIIQQ")
EXTENDED = struct.Struct(">HHII")
IMAGE = struct.Struct(">HBBBB3H12f3H3H")
TEXT = struct.Struct(">HH")
BIG, LITTLE = 1, 2
ASCII, UTF8 = 3, 106
"""Character sets of texts, by IANA."""
SCALARS = {3: "u1", 4: "i2", 5: "u2"}
_OTHER_TYPES = {2: "int8", 6: "int32", 7: "uint32", 10: "float32", 11: "float64"}


class GarbledError(EndpointError):
    """What comes is no message, or a damaged one: nothing behind it can be trusted."""


class NoPictureError(EndpointError):
    """A whole message that holds no picture which can be taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What the first 58 bytes of a message say.

    `stamp_s` counts seconds by the sender's clock, since 1970 where it follows the protocol; None
    where it tells none.
    """

    version: int
    kind: str
    device: str
    stamp_s: float | None
    body_bytes: int
    crc: int


def parse_head(data: bytes) -> Head:
    """Take the first 58 bytes of a message apart; raises `GarbledError`."""
    version, kind, device, whole_s, part, body_bytes, crc = HEAD.unpack(data)
    if version not in _VERSIONS:
        raise GarbledError(f"a header of version {version}; expected 1, 2 or 3")
    kind = kind.partition(b"\0")[0]
    if not (kind.isascii() and kind.decode("ascii", "replace").isprintable() and kind.strip()):
        raise GarbledError("a type of message that is no text; expected one such as IMAGE")
    if body_bytes > MOST_BODY_BYTES:
        raise GarbledError(
            f"a message of {body_bytes} bytes; expected {MOST_BODY_BYTES} at most (64 MiB)"
        )
    return Head(
        version=version,
        kind=kind.decode("ascii").strip(),
        device=_readable(device.partition(b"\0")[0]),
        stamp_s=whole_s + part / 2**32 or None,
        body_bytes=body_bytes,
        crc=crc,
    )


def check_body(head: Head, body: Bytes) -> None:
    """Compare a body, (bytes,), with the CRC of its header; raises `GarbledError`."""
    if crc64(body) != head.crc:
        raise GarbledError(
            f"a {head.kind} message whose CRC is not that of its bytes; expected the CRC-64 of "
            "the body: it was damaged on the way, or the sender computes none"
        )


def message_id(head: Head, body: Bytes) -> int | None:
    """The number that the sender gave a message; None where it gives none (version 1, or 0)."""
    if head.version < 2 or body.size < EXTENDED.size:
        return None
    number = int(EXTENDED.unpack_from(body.data)[3])
    return number or None


def picture_of(head: Head, body: Bytes) -> npt.NDArray[Any]:
    """The picture of an IMAGE message, (rows, columns) uint8, uint16 or int16.

    Three equal components (grey as RGB) count as one. The matrix, which says where in the room a
    picture lies, is not looked at: pixels come in the order in which they were sent.

    Raises
    ------
    NoPictureError
        It holds none that can be taken.
    """
    content = _content(head, body)
    if content.size < IMAGE.size:
        raise NoPictureError(f"an IMAGE of {content.size} bytes; expected {IMAGE.size} or more")
    fields = IMAGE.unpack_from(content.data)
    _, components, scalar, endian, _, *size = fields[:8]
    if any(fields[20:23]) or list(fields[23:26]) != size:
        raise NoPictureError(
            "a picture that is a part of a larger one; expected whole pictures: turn partial "
            "updates off at the sender"
        )
    if components not in (1, 3):
        raise NoPictureError(f"pixels of {components} components; expected grey ones, of 1")
    kind = _pixel_type(scalar, endian)
    values = content[IMAGE.size :]
    rows, columns = _rows_columns(size)
    expected = rows * columns * components * kind.itemsize
    if values.size != expected:
        raise NoPictureError(f"{values.size} bytes of pixels; expected {expected}")
    stored = values.view(kind).reshape(rows, columns, components)
    native = _grey(stored).astype(kind.newbyteorder("="), copy=False)
    return np.require(native, requirements=["A", "C"])


def text_of(head: Head, body: Bytes) -> str | None:
    """The text of a STRING message; None where there is none that can be read."""
    try:
        content = _content(head, body)
        charset, length = TEXT.unpack_from(content.data)
    except (NoPictureError, struct.error):
        return None
    data = content[TEXT.size : TEXT.size + length].tobytes()
    return data.decode("ascii" if charset == ASCII else "utf-8", "replace")


def _content(head: Head, body: Bytes) -> Bytes:
    """The body without what versions 2 and 3 put around it."""
    if head.version < 2:
        return body
    if body.size < EXTENDED.size:
        raise NoPictureError(f"a body of {body.size} bytes; expected {EXTENDED.size} or more")
    begin, index_bytes, metadata_bytes, _ = EXTENDED.unpack_from(body.data)
    end = body.size - index_bytes - metadata_bytes
    if begin < EXTENDED.size or end < begin:
        raise NoPictureError("an extended header longer than its message; expected a shorter one")
    return body[begin:end]


def _pixel_type(scalar: int, endian: int) -> np.dtype[Any]:
    name = SCALARS.get(scalar)
    if name is None:
        seen = _OTHER_TYPES.get(scalar, f"type {scalar}")
        raise NoPictureError(f"pixels of {seen}; expected uint8, uint16 or int16")
    if endian not in (BIG, LITTLE):
        raise NoPictureError(f"byte order {endian}; expected 1 (big) or 2 (little)")
    return np.dtype(name).newbyteorder(">" if endian == BIG else "<")


def _rows_columns(size: list[int]) -> tuple[int, int]:
    """Of the size along columns, rows and slices; pyigtl calls the axes of a plane otherwise."""
    columns, rows, slices = size
    if not prod(size):
        raise NoPictureError(f"a picture of {columns} x {rows} x {slices}; expected pixels")
    if slices == 1:
        return rows, columns
    if columns == 1:
        return slices, rows
    raise NoPictureError(f"a volume of {slices} slices; expected one")


def _grey(stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
    first = stored[..., 0]
    if any((stored[..., k] != first).any() for k in range(1, stored.shape[2])):
        raise NoPictureError("a picture in colour; expected grey: set the sender to that")
    return first


def _readable(name: bytes) -> str:
    text = name.decode("utf-8", "replace").strip()
    return "".join(one if one.isprintable() else "?" for one in text)
