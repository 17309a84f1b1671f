"""Every decoder tried on a tiny picture whose pixels are known."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_SIZE = 16
_LOSSY_TOLERANCE = 0.05
"""Of the full scale: the ramp is smooth, and a codec of 95 % quality stays far below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Syntax:
    """A transfer syntax, the depth it is tried with, and what encodes a picture for it."""

    uid: str
    name: str
    bits: int
    encode: Callable[[Any], bytes]
    lossy: bool = False


def try_decoders() -> Iterator[tuple[str, str | None]]:
    """Yield the name of each compressed transfer syntax, and what is wrong with it or None."""
    for syntax in _syntaxes():
        try:
            fault = _fault(syntax)
        except Exception as error:  # codecs raise kinds of their own; here each is the finding
            fault = f"{type(error).__name__}: {error}"
        yield syntax.name, fault


def _fault(syntax: _Syntax) -> str | None:
    import numpy as np

    from napari_fluoroinject.dicom.decode import decode_frame
    from napari_fluoroinject.dicom.pixels import PixelFormat

    picture = _ramp(syntax.bits)
    pixels = PixelFormat(
        frames=1,
        rows=_SIZE,
        columns=_SIZE,
        samples=1,
        bits_allocated=8 if syntax.bits == 8 else 16,
        bits_stored=syntax.bits,
        high_bit=syntax.bits - 1,
        signed=False,
        photometric="MONOCHROME2",
        planar=False,
    )
    decoded = decode_frame(syntax.encode(picture), pixels, syntax.uid)
    worst = int(np.abs(decoded.astype(np.int32) - picture).max())
    allowed = _LOSSY_TOLERANCE * (1 << syntax.bits) if syntax.lossy else 0
    return None if worst <= allowed else f"pixels come back wrong, by up to {worst}"


def _ramp(bits: int) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """A slanted ramp over the full scale, (rows, columns)."""
    import numpy as np

    row, column = np.indices((_SIZE, _SIZE))
    ramp = (row + column) * ((1 << bits) - 1) // (2 * _SIZE - 2)
    return ramp.astype(np.uint8) if bits == 8 else ramp.astype(np.uint16)


def _syntaxes() -> tuple[_Syntax, ...]:
    import imagecodecs as codecs

    def lossless_jpeg(picture: Any) -> bytes:
        return bytes(codecs.jpeg8_encode(picture, lossless=True, bitspersample=12, predictor=1))

    prefix = "1.2.840.10008.1.2."
    return (
        _Syntax(
            uid=f"{prefix}4.50",
            name="JPEG Baseline",
            bits=8,
            encode=lambda picture: bytes(codecs.jpeg8_encode(picture, level=95)),
            lossy=True,
        ),
        _Syntax(
            uid=f"{prefix}4.51",
            name="JPEG Extended 12 bit",
            bits=12,
            encode=lambda picture: bytes(codecs.jpeg8_encode(picture, level=95, bitspersample=12)),
            lossy=True,
        ),
        _Syntax(uid=f"{prefix}4.57", name="JPEG Lossless", bits=12, encode=lossless_jpeg),
        _Syntax(uid=f"{prefix}4.70", name="JPEG Lossless SV1", bits=12, encode=lossless_jpeg),
        _Syntax(
            uid=f"{prefix}4.80",
            name="JPEG-LS",
            bits=12,
            encode=lambda picture: bytes(codecs.jpegls_encode(picture)),
        ),
        _Syntax(
            uid=f"{prefix}4.90",
            name="JPEG 2000",
            bits=12,
            encode=lambda picture: bytes(
                codecs.jpeg2k_encode(picture, level=0, codecformat="j2k")
            ),
        ),
        _Syntax(
            uid=f"{prefix}4.201",
            name="HTJ2K",
            bits=12,
            encode=lambda picture: bytes(codecs.htj2k_encode(picture)),
        ),
        _Syntax(uid=f"{prefix}5", name="RLE", bits=12, encode=_rle),
    )


def _rle(picture: Any) -> bytes:
    """PS3.5 annex G: high bytes, then low bytes, each packed by itself row by row."""
    import imagecodecs as codecs

    planes = ((picture >> 8).astype("u1"), (picture & 0xFF).astype("u1"))
    segments = [b"".join(bytes(codecs.packbits_encode(r.tobytes())) for r in p) for p in planes]
    padded = [segment + b"\0" * (len(segment) % 2) for segment in segments]
    header = struct.pack("<16I", len(padded), 64, 64 + len(padded[0]), *[0] * 13)
    return header + b"".join(padded)
