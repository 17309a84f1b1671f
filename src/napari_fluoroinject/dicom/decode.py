"""One compressed frame to its samples, by the fastest permissive decoder of its syntax."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from napari_fluoroinject.dicom.codestream import coded_size, has_end
from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.dicom.pixels import PixelFormat

Samples = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.int16]
"""(rows, columns) or (rows, columns, samples), as decoded: overlays still in, colour as coded."""

LOSSY = frozenset((JPEGBaseline8Bit, JPEGExtended12Bit))
"""Transfer syntaxes that are always lossy; those that may be are told by the header."""
MAYBE_LOSSY = frozenset((JPEGLSNearLossless, JPEG2000, HTJ2K))


def check_syntax(syntax: str, source: str) -> None:
    """Check that encapsulated frames of this transfer syntax can be decoded.

    Raises
    ------
    UnreadableObjectError
        They cannot.
    """
    if syntax not in _DECODERS:
        raise UnreadableObjectError(
            source,
            seen=f"transfer syntax {UID(syntax).name}",
            expected="JPEG, JPEG-LS, JPEG 2000, HTJ2K, RLE or no compression",
        )


def check_frame(encoded: bytes, pixels: PixelFormat, syntax: str) -> str | None:
    """What is wrong with a compressed frame as far as its markers tell; None when nothing is.

    A codestream declares its own size: one that is not the header's would be decoded into an
    allocation of that size.
    """
    if syntax == RLELossless:
        segments = pixels.samples * pixels.bits_allocated // 8
        told = int.from_bytes(encoded[:4], "little")
        return None if told == segments else f"{told} RLE segments where {segments} are needed"
    size = coded_size(encoded)
    if size is None:
        return "no codestream header"
    wanted = (pixels.rows, pixels.columns, pixels.samples)
    if (size.rows, size.columns, size.samples) != wanted or size.bits > pixels.bits_allocated:
        return (
            f"a codestream of {size.rows} x {size.columns} x {size.samples} with {size.bits} bits "
            f"where the header declares {wanted[0]} x {wanted[1]} x {wanted[2]} with "
            f"{pixels.bits_allocated}"
        )
    return None if has_end(encoded) else "a codestream without its end marker"


def decode_frame(encoded: bytes, pixels: PixelFormat, syntax: str) -> Samples:
    """Decode one frame.

    The decoders (imagecodecs): libjpeg-turbo for every JPEG, CharLS, OpenJPEG, and PackBits in C;
    none is under the GPL.

    Returns
    -------
    (rows, columns) or (rows, columns, samples); grey where the decoder gives luma directly.

    Raises
    ------
    ValueError
        What came out is not a picture of the declared size; the decoders raise kinds of their
        own. `frames` makes one error of all.
    """
    fault = check_frame(encoded, pixels, syntax)
    if fault is not None:
        raise ValueError(fault)
    decoded: Samples = _DECODERS[UID(syntax)](encoded, pixels)
    size = (pixels.rows, pixels.columns)
    if decoded.shape not in (size, (*size, pixels.samples)):
        raise ValueError(f"a picture of shape {decoded.shape} where {size} was declared")
    if decoded.dtype.itemsize * 8 > pixels.bits_allocated:
        raise ValueError(f"samples of {decoded.dtype} where {pixels.bits_allocated} bits are")
    return decoded


def _jpeg(encoded: bytes, pixels: PixelFormat) -> Any:
    if pixels.samples == 1:
        return imagecodecs.jpeg8_decode(encoded)
    if pixels.photometric.startswith("YBR"):
        # luma is stored: a detour over RGB costs seven times as long (pydicom #2226)
        return imagecodecs.jpeg8_decode(encoded, colorspace="YCbCr", outcolorspace="GRAYSCALE")
    return imagecodecs.jpeg8_decode(encoded, colorspace="RGB", outcolorspace="RGB")


def _jpegls(encoded: bytes, _: PixelFormat) -> Any:
    return imagecodecs.jpegls_decode(encoded)


def _jpeg2000(encoded: bytes, _: PixelFormat) -> Any:
    # HTJ2K too: imagecodecs' OpenJPH is twice as fast, but returns noise for a damaged frame
    # where OpenJPEG raises
    return imagecodecs.jpeg2k_decode(encoded, planar=False)


def _rle(encoded: bytes, pixels: PixelFormat) -> Any:
    """PS3.5 annex G; the buffer of the right size bounds what a run can blow up to."""
    dtype = pixels.sample_dtype
    shape = (pixels.samples, pixels.rows, pixels.columns)
    buffer = bytearray(prod(shape) * dtype.itemsize)
    raw = imagecodecs.dicomrle_decode(encoded, dtype, out=buffer)
    planes = np.frombuffer(raw, dtype).reshape(shape)
    return np.moveaxis(planes, 0, -1) if pixels.samples > 1 else planes[0]


_DECODERS: dict[UID, Callable[[bytes, PixelFormat], Any]] = {
    JPEGBaseline8Bit: _jpeg,
    JPEGExtended12Bit: _jpeg,
    JPEGLossless: _jpeg,
    JPEGLosslessSV1: _jpeg,
    JPEGLSLossless: _jpegls,
    JPEGLSNearLossless: _jpegls,
    JPEG2000Lossless: _jpeg2000,
    JPEG2000: _jpeg2000,
    HTJ2KLossless: _jpeg2000,
    HTJ2KLosslessRPCL: _jpeg2000,
    HTJ2K: _jpeg2000,
    RLELossless: _rle,
}
