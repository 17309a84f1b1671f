"""Which decoder reads the frames of a loop: the processor's, or a device's that was asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Literal

import numpy as np
from pydicom.uid import UID, HTJ2KLossless, HTJ2KLosslessRPCL, JPEG2000Lossless, JPEGLosslessSV1

from napari_fluoroinject.dicom.decode import Samples, check_frame, decode_frame
from napari_fluoroinject.dicom.pixels import PixelFormat
from napari_fluoroinject.errors import BackendUnavailableError, UnreadableObjectError

log = logging.getLogger(__name__)

DecoderWish = Literal["auto", "cpu", "nvimgcodec"]
"""`auto` is nvImageCodec where it is installed and of use, else the processor."""

ON_DEVICE = frozenset((JPEGLosslessSV1, JPEG2000Lossless, HTJ2KLossless, HTJ2KLosslessRPCL))
"""Transfer syntaxes that a device may decode: those whose samples are defined to the last bit."""
_BATCH = 16
"""Frames that a device decodes at a time: one alone leaves most of it idle."""
_INSTEAD = "take --decoder cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """What turns coded frames into samples.

    Attributes
    ----------
    name
        Of the library and its version, for the provenance of a result.
    batch
        Frames that it is best given at a time.
    decode
        Of coded frames, their format and transfer syntax, the samples of each in that order; it
        raises what it likes where one of them cannot be decoded.
    """

    name: str
    batch: int
    decode: Callable[[Sequence[bytes], PixelFormat, str], list[Samples]]


def choose_decoder(
    wish: DecoderWish, first: bytes, pixels: PixelFormat, *, syntax: str, source: str
) -> Decoder:
    """Return the decoder of a loop; never another than the one asked for.

    A device's decoder is taken only where its samples of the first frame are those of the
    processor's.

    Parameters
    ----------
    wish
        What was asked for.
    first
        The loop's first frame, coded.
    pixels, syntax
        How its frames are coded.
    source
        Name of the file, for errors.

    Raises
    ------
    BackendUnavailableError
        nvImageCodec was asked for, and it or its device is not there.
    UnreadableObjectError
        It was asked for, and does not decode this loop, or otherwise than the processor.
    """
    processor = processor_decoder()
    if wish == "cpu":
        return processor
    try:
        return _device_decoder(first, pixels, syntax=syntax, source=source)
    except (BackendUnavailableError, UnreadableObjectError) as error:
        if wish == "nvimgcodec":
            raise
        log.info("decoding on the processor: %s", error)
        return processor


def check_decoder(wish: DecoderWish) -> None:
    """Check that a decoder is there, before any loop is read.

    Raises
    ------
    BackendUnavailableError
        nvImageCodec was asked for, and it or its device is not there.
    """
    if wish == "nvimgcodec":
        from napari_fluoroinject.dicom import nvimgcodec

        nvimgcodec.open_device()


@cache
def processor_decoder() -> Decoder:
    """Return the decoder that reads every transfer syntax, frame by frame."""

    def decode(encoded: Sequence[bytes], pixels: PixelFormat, syntax: str) -> list[Samples]:
        return [decode_frame(one, pixels, syntax) for one in encoded]

    return Decoder(name=f"imagecodecs {version('imagecodecs')}", batch=1, decode=decode)


def _device_decoder(first: bytes, pixels: PixelFormat, *, syntax: str, source: str) -> Decoder:
    from napari_fluoroinject.dicom import nvimgcodec

    if UID(syntax) not in ON_DEVICE or pixels.samples > 1 or pixels.signed:
        raise UnreadableObjectError(
            source,
            seen=f"{UID(syntax).name}, {'signed' if pixels.signed else pixels.photometric}",
            expected="unsigned grey JPEG lossless, JPEG 2000 lossless or HTJ2K lossless for "
            f"nvImageCodec; or {_INSTEAD}",
        )
    device = nvimgcodec.open_device()

    def decode(encoded: Sequence[bytes], pixels: PixelFormat, syntax: str) -> list[Samples]:
        faults = (check_frame(one, pixels, syntax) for one in encoded)
        fault = next((one for one in faults if one is not None), None)
        if fault is not None:
            raise ValueError(fault)
        return device.decode(encoded, pixels)

    decoder = Decoder(name=device.name, batch=_BATCH, decode=decode)
    _check_first(decoder, first, pixels, syntax=syntax, source=source)
    return decoder


def _check_first(
    device: Decoder, first: bytes, pixels: PixelFormat, *, syntax: str, source: str
) -> None:
    """Compare a device's samples of a frame with the processor's.

    A frame that the processor cannot decode is nobody's fault here: it is told when it is read.
    """
    try:
        wanted = decode_frame(first, pixels, syntax)
    except Exception:  # decoders raise kinds of their own
        return
    try:
        same = np.array_equal(device.decode([first], pixels, syntax)[0], wanted)
        seen = "other samples than the processor's in frame number 1"
    except Exception as error:  # as above
        same, seen = False, f"frame number 1: {error}"
    if not same:
        raise UnreadableObjectError(
            source,
            seen=f"{device.name} gives {seen}",
            expected=f"the same from both; {_INSTEAD}",
        )
