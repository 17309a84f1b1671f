"""Messages of OpenIGTLink to be sent: pictures and texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.compute.kernels.crc64 import crc64
from napari_fluoroinject.endpoints.igtl_wire import (
    ASCII,
    EXTENDED,
    HEAD,
    IMAGE,
    LITTLE,
    SCALARS,
    TEXT,
    UTF8,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.endpoints.igtl_wire import Bytes

_NAME_BYTES = 20
_MOST_TEXT_BYTES = 0xFFFF
_RAS = 1
_UPRIGHT = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
"""Columns run to the left and rows to the back, in RAS: upright in an axial view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A message to be sent, in parts that follow one another."""

    name: str
    parts: tuple[memoryview, ...]


def check_name(name: str) -> str:
    """Return a device name; raises ValueError where the protocol has no room for it."""
    if not (name and name.isascii() and name.isprintable() and len(name) <= _NAME_BYTES):
        raise ValueError(f"device name {name!r}; expected 1 to 20 ASCII characters")
    return name


def check_picture(pixels: npt.NDArray[Any]) -> int:
    """Return the protocol's number of a picture's type; raises ValueError for another array."""
    scalar = next((k for k, kind in SCALARS.items() if pixels.dtype == np.dtype(kind)), None)
    if scalar is None or pixels.ndim != 2 or not pixels.size or max(pixels.shape) > 0xFFFF:
        raise ValueError(
            f"an array of {pixels.dtype} {pixels.shape}; expected (rows, columns) of uint8, "
            "uint16 or int16"
        )
    return scalar


def pack_picture(
    name: str, pixels: npt.NDArray[Any], wall_s: float | None, *, number: int, version: int = 1
) -> Packed:
    """An IMAGE message of a picture, (rows, columns) uint8, uint16 or int16, which is not copied.

    Parameters
    ----------
    name
        Of the image device.
    wall_s
        When it was taken, in seconds since 1970; None = not known.
    number
        The message's own, from version 2 on; 0 = none.
    version
        Of the header; OpenIGTLink before 3 reads only 1.
    """
    scalar = check_picture(pixels)
    stored = np.ascontiguousarray(pixels, np.dtype(SCALARS[scalar]).newbyteorder("<"))
    rows, columns = stored.shape
    size = (columns, rows, 1)
    head = IMAGE.pack(1, 1, scalar, LITTLE, _RAS, *size, *_UPRIGHT, 0, 0, 0, *size)
    data = stored.reshape(-1).view(np.uint8)
    return _packed("IMAGE", name, wall_s, (head, data), number=number, version=version)


def pack_text(
    name: str, text: str, wall_s: float | None, *, number: int, version: int = 1
) -> Packed:
    """A STRING message; what is longer than 65,535 bytes is cut."""
    data = text.encode()[:_MOST_TEXT_BYTES]
    head = TEXT.pack(ASCII if data.isascii() else UTF8, len(data))
    body = np.frombuffer(head + data, np.uint8)
    return _packed("STRING", name, wall_s, (b"", body), number=number, version=version)


def _packed(
    kind: str,
    name: str,
    wall_s: float | None,
    content: tuple[bytes, Bytes],
    *,
    number: int,
    version: int,
) -> Packed:
    begin, data = content
    tail = b""
    if version > 1:
        begin = EXTENDED.pack(EXTENDED.size, 2, 0, number & 0xFFFFFFFF) + begin
        tail = b"\0\0"  # a count of metadata: none
    crc = crc64(np.frombuffer(begin, np.uint8))
    crc = crc64(np.frombuffer(tail, np.uint8), crc64(data, crc))
    whole_s = max(0, int(wall_s or 0))
    part = min(0xFFFFFFFF, int(((wall_s or 0) - whole_s) * 2**32)) if whole_s else 0
    body_bytes = len(begin) + data.size + len(tail)
    head = HEAD.pack(
        version, kind.encode(), check_name(name).encode(), whole_s, part, body_bytes, crc
    )
    parts = (memoryview(head + begin), data.data, memoryview(tail))
    return Packed(name=name, parts=tuple(one for one in parts if len(one)))
