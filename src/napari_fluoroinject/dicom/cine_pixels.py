"""The pixel data of a cine object that is written: layout, and compression by transfer syntax."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from napari_fluoroinject.errors import EncodingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydicom.dataset import Dataset

    from napari_fluoroinject.model.arrays import StoredArray
    from napari_fluoroinject.model.cine import IntensityScale

UNCOMPRESSED = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
)
LOSSY_QUALITY = 92
"""Of JPEG: what vendors that compress with loss roughly use; differences of a few grey values."""
LOSSY_PSNR_DB = 45
"""Of JPEG 2000: peak signal to noise ratio; errors of half a percent of full scale."""

_METHODS = {
    JPEGBaseline8Bit: "ISO_10918_1",
    JPEGExtended12Bit: "ISO_10918_1",
    JPEG2000: "ISO_15444_1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How stored values are written: bits, sign, photometric interpretation."""

    bits_allocated: int
    bits_stored: int
    signed: bool
    photometric: str

    @property
    def colour(self) -> bool:
        """Whether three samples stand for each pixel."""
        return self.photometric == "RGB"


def layout_of(
    stored: StoredArray,
    intensity: IntensityScale,
    *,
    photometric: str,
    allowed: tuple[int, ...],
) -> Layout:
    """Return the layout that holds every value of the intensity scale in as few bits as allowed.

    Raises
    ------
    EncodingError
        A stored value lies outside the scale, or no allowed number of bits holds it.
    """
    signed = intensity.first_stored < 0
    needed = max(1, int(len(intensity.ln_beam) - 1).bit_length())
    lowest, highest = int(stored.min()), int(stored.max())
    if lowest < intensity.first_stored or highest > intensity.first_stored + (1 << needed) - 1:
        raise EncodingError(
            f"stored values {lowest} to {highest}; the intensity scale has {needed} bits "
            f"from {intensity.first_stored} on"
        )
    bits = next((number for number in allowed if number >= needed), None)
    if bits is None or (signed and bits != needed):
        raise EncodingError(
            f"pixel values of {needed} bits; this kind of object stores one of {allowed}"
        )
    allocated = 1 if bits == 1 else 16 if bits > 8 else 8
    return Layout(
        bits_allocated=allocated, bits_stored=bits, signed=signed, photometric=photometric
    )


def add_pixels(dataset: Dataset, stored: StoredArray, layout: Layout, syntax: str) -> None:
    """Write the image pixel module and the pixel data, compressed as the transfer syntax says.

    Parameters
    ----------
    dataset
        Written to; its file meta information gets the transfer syntax.
    stored
        (frames, rows, columns).
    layout
        How the values are written.
    syntax
        Transfer syntax UID.

    Raises
    ------
    EncodingError
        A transfer syntax that is not written, or that cannot hold such pixels.
    """
    _, dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel = 3 if layout.colour else 1
    dataset.PhotometricInterpretation = layout.photometric
    if layout.colour:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated, dataset.BitsStored = layout.bits_allocated, layout.bits_stored
    dataset.HighBit = layout.bits_stored - 1
    dataset.PixelRepresentation = int(layout.signed)
    dataset.LossyImageCompression = "00"
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    samples = _samples(stored, layout)
    if syntax in UNCOMPRESSED:
        data = _bits(samples) if layout.bits_allocated == 1 else samples.tobytes()
        dataset.PixelData = data + b"\0" * (len(data) % 2)
        dataset["PixelData"].VR = "OB" if layout.bits_allocated <= 8 else "OW"
        return
    frames = [compressed(frame, layout, syntax) for frame in samples]
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    if syntax in _METHODS:
        dataset.LossyImageCompression = "01"
        dataset.LossyImageCompressionMethod = _METHODS[UID(syntax)]
        ratio = samples.nbytes / sum(len(frame) for frame in frames)
        dataset.LossyImageCompressionRatio = f"{ratio:.2f}"


def _samples(stored: StoredArray, layout: Layout) -> npt.NDArray[Any]:
    wide = layout.bits_allocated == 16
    samples = stored.astype(("<i2" if layout.signed else "<u2") if wide else "u1")
    if layout.signed:  # two's complement in the bits stored; what lies above stays clear
        unsigned = np.asarray(stored).astype(np.int32) & ((1 << layout.bits_stored) - 1)
        samples = unsigned.astype("<u2" if wide else "u1")
    return np.repeat(samples[..., None], 3, axis=-1) if layout.colour else samples


def _bits(samples: npt.NDArray[Any]) -> bytes:
    return np.packbits(samples.ravel(), bitorder="little").tobytes()


def compressed(frame: npt.NDArray[Any], layout: Layout, syntax: str) -> bytes:
    """Compress one frame, (rows, columns) or (rows, columns, 3).

    Raises
    ------
    EncodingError
        A transfer syntax that is not written, or that cannot hold such pixels.
    """
    encoder = _ENCODERS.get(UID(syntax))
    if encoder is None or layout.bits_allocated == 1:
        raise EncodingError(
            f"pixels of {layout.bits_allocated} bits cannot be written as {UID(syntax).name}; "
            f"expected one of {', '.join(uid.name for uid in (*UNCOMPRESSED, *_ENCODERS))}"
        )
    try:
        return encoder(np.ascontiguousarray(frame), layout.bits_stored)
    except (RuntimeError, ValueError) as error:
        raise EncodingError(
            f"a frame of {frame.shape} with {layout.bits_stored} bits cannot be written as "
            f"{UID(syntax).name}: {error}"
        ) from error


def _jpeg_baseline(frame: npt.NDArray[Any], bits: int) -> Any:
    if bits > 8:
        raise ValueError("JPEG baseline holds 8 bits")
    space = _colour_space(frame)
    return imagecodecs.jpeg8_encode(
        frame, level=LOSSY_QUALITY, colorspace=space, outcolorspace=space
    )


def _jpeg_extended(frame: npt.NDArray[Any], bits: int) -> Any:
    if bits > 12:
        raise ValueError("JPEG extended holds 12 bits")
    space, precision = _colour_space(frame), 8 if frame.dtype == np.uint8 else 12
    return imagecodecs.jpeg8_encode(
        frame,
        level=LOSSY_QUALITY,
        bitspersample=precision,
        colorspace=space,
        outcolorspace=space,
    )


def _jpeg_lossless(frame: npt.NDArray[Any], bits: int) -> Any:
    space = _colour_space(frame)
    return imagecodecs.jpeg8_encode(
        frame,
        lossless=True,
        predictor=1,
        bitspersample=bits,
        colorspace=space,
        outcolorspace=space,
    )


def _jpegls(frame: npt.NDArray[Any], _: int) -> Any:
    return imagecodecs.jpegls_encode(frame)


def _jpeg2000_lossless(frame: npt.NDArray[Any], bits: int) -> Any:
    return imagecodecs.jpeg2k_encode(
        frame, level=0, codecformat="j2k", reversible=True, bitspersample=bits, mct=False
    )


def _jpeg2000_lossy(frame: npt.NDArray[Any], bits: int) -> Any:
    return imagecodecs.jpeg2k_encode(
        frame, level=LOSSY_PSNR_DB, codecformat="j2k", bitspersample=bits, mct=False
    )


def _htj2k(frame: npt.NDArray[Any], _: int) -> Any:
    return imagecodecs.htj2k_encode(frame, reversible=True, rgb=False)


def _rle(frame: npt.NDArray[Any], _: int) -> bytes:
    """PS3.5 annex G: per colour, one segment for each byte of the samples, the highest first."""
    planes = np.moveaxis(frame, -1, 0) if frame.ndim == 3 else frame[None]
    segments = []
    for plane in planes:
        bytes_of = plane[..., None].view(np.uint8)
        for byte in range(bytes_of.shape[-1] - 1, -1, -1):
            packed = _packed_rows(bytes_of[..., byte].copy())
            segments.append(packed + b"\0" * (len(packed) % 2))
    offsets = 64 + np.cumsum([0, *(len(segment) for segment in segments[:-1])])
    table = [*offsets.tolist(), *([0] * (15 - len(segments)))]
    return struct.pack("<16I", len(segments), *table) + b"".join(segments)


def _packed_rows(samples: npt.NDArray[np.uint8]) -> bytes:
    """PackBits, row by row; empty rows above and below, of which masks have many, are packed once.

    Runs never cross from a row to the next (PS3.5 G.3.1), so that equal rows have equal bytes.
    """
    filled = np.flatnonzero(samples.any(axis=1))
    first, end = (filled[0], filled[-1] + 1) if len(filled) else (len(samples), len(samples))
    empty = imagecodecs.packbits_encode(np.zeros((1, samples.shape[1]), np.uint8))
    within = imagecodecs.packbits_encode(samples[first:end]) if end > first else b""
    return bytes(empty * int(first) + within + empty * int(len(samples) - end))


def _colour_space(frame: npt.NDArray[Any]) -> str | None:
    """Keep RGB as it is: a decoder must not find it turned into luma and chroma."""
    return "RGB" if frame.ndim == 3 else None


_ENCODERS: dict[UID, Callable[[npt.NDArray[Any], int], bytes]] = {
    JPEGBaseline8Bit: _jpeg_baseline,
    JPEGExtended12Bit: _jpeg_extended,
    JPEGLosslessSV1: _jpeg_lossless,
    JPEGLSLossless: _jpegls,
    JPEG2000Lossless: _jpeg2000_lossless,
    JPEG2000: _jpeg2000_lossy,
    HTJ2KLossless: _htj2k,
    RLELossless: _rle,
}
