"""Samples as they were decoded to stored grey values: overlays out, sign in, colour to luma."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_fluoroinject.dicom.pixels import PixelFormat
    from napari_fluoroinject.model.arrays import StoredArray

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (PS3.3 C.7.6.3.1.2, ITU-R BT.601)."""


def stored_values(samples: npt.NDArray[Any], pixels: PixelFormat) -> StoredArray:
    """Return stored grey values of the shape of `samples` less the axis of its colours, read-only.

    Bits above the high bit may hold overlays (retired, PS3.5 8.1.2) and are taken out; where none
    is set the samples are handed on without a copy.

    Parameters
    ----------
    samples
        (..., rows, columns), or (..., rows, columns, 3) where the pixels are in colour.
    pixels
        What the samples mean.
    """
    if pixels.samples == 3 and samples.shape[-1] == 3:
        samples = _luma(samples, pixels.photometric)
    result: StoredArray = _signed(samples, pixels) if pixels.signed else _unsigned(samples, pixels)
    if result.flags.writeable:
        result.flags.writeable = False
    return result


def are_stored_values(samples: npt.NDArray[Any], pixels: PixelFormat) -> bool:
    """Whether samples of an unsigned type stand for themselves: no sign, overlay or shift."""
    if pixels.signed or pixels.high_bit + 1 != pixels.bits_stored:
        return False
    return int(samples.max(initial=0)) <= (1 << pixels.bits_stored) - 1


def native_samples(raw: npt.NDArray[Any], pixels: PixelFormat) -> npt.NDArray[Any]:
    """Shape the samples of whole frames as they lie in native pixel data (PS3.3 C.7.6.3.1).

    Parameters
    ----------
    raw
        (frames * samples of a frame,) of `sample_dtype`.
    pixels
        What the samples mean.

    Returns
    -------
    (frames, rows, columns), or (frames, rows, columns, 3).
    """
    size = (-1, pixels.rows, pixels.columns)
    if pixels.samples == 1:
        return raw.reshape(size)
    if pixels.photometric == "YBR_FULL_422":  # Y Y Cb Cr for every two pixels of a row
        return raw.reshape(-1, 4)[:, :2].reshape(size)
    if pixels.planar:
        return np.moveaxis(raw.reshape(-1, 3, *size[1:]), 1, -1)
    return raw.reshape(*size, 3)


def _luma(samples: npt.NDArray[Any], photometric: str) -> npt.NDArray[np.uint8]:
    if photometric in ("YBR_FULL", "YBR_FULL_422"):
        return np.ascontiguousarray(samples[..., 0])
    # YBR_RCT and YBR_ICT were turned back into RGB by their decoder (PS3.5 8.2.4)
    grey = samples.astype(np.float32) @ np.array(LUMA, np.float32)
    return np.rint(grey).astype(np.uint8)


def _unsigned(samples: npt.NDArray[Any], pixels: PixelFormat) -> Any:
    if samples.dtype.kind == "i":  # a J2K stream that calls itself signed: the header decides
        samples = samples.view(f"u{samples.dtype.itemsize}")
    samples = samples.astype(np.uint8 if pixels.bits_allocated <= 8 else np.uint16, copy=False)
    if are_stored_values(samples, pixels):
        return samples
    shift = pixels.high_bit + 1 - pixels.bits_stored
    return (samples >> shift) & samples.dtype.type((1 << pixels.bits_stored) - 1)


def _signed(samples: npt.NDArray[Any], pixels: PixelFormat) -> npt.NDArray[np.int16]:
    """Two's complement in the bits stored, whatever lies above (PS3.5 8.1.1)."""
    value = samples.astype(np.int32) >> (pixels.high_bit + 1 - pixels.bits_stored)
    sign = 1 << (pixels.bits_stored - 1)
    return (((value & (2 * sign - 1)) ^ sign) - sign).astype(np.int16)
