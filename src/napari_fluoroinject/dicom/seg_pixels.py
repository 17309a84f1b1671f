"""The frames of a segmentation as they are stored: bits, shares, or a map of labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, RLELossless

from napari_fluoroinject.dicom.cine_pixels import Layout, compressed
from napari_fluoroinject.dicom.segments import LARGEST_FRACTION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.segments import Segment

SegEncoding = Literal["binary", "fractional", "labelmap"]
"""One bit per pixel and segment; a share per pixel and segment; one number per pixel."""
SegCompression = Literal["rle", "jpegls"]
"""RLE, which every reader knows, or JPEG-LS without loss, a fifth of its size. Bits are stored as
they are: neither compresses single bits (PS3.5 8.2)."""
BACKGROUND = 0
"""Label of a pixel that belongs to no segment."""

_SYNTAX = {"rle": RLELossless, "jpegls": JPEGLSLossless}
_BYTES = Layout(bits_allocated=8, bits_stored=8, signed=False, photometric="MONOCHROME2")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredFrames:
    """Frames that have a pixel, those of one segment after those of another, each in time order.

    Attributes
    ----------
    places
        Number of the segment (None in a label map: a frame holds all) and source frame, from 0.
    pictures
        One per place: bits packed with the first pixel lowest, or compressed bytes.
    overlap_px
        Pixels that lie in more than one segment, all frames together.
    overlap_frames
        Number of frames that have such pixels.
    """

    places: tuple[tuple[int | None, int], ...]
    pictures: tuple[bytes, ...]
    overlap_px: int
    overlap_frames: int


def store(
    segments: Sequence[Segment], encoding: SegEncoding, compression: SegCompression
) -> StoredFrames:
    """Draw segments and store their frames; frames without a pixel are left out.

    In a label map a pixel is one thing only. Of several segments the last one has it: a needle in
    front of contrast is seen, contrast behind a needle is not.
    """
    if encoding == "labelmap":
        return _label_map(segments, compression)
    if encoding == "binary":
        return _apart(segments, _bits, lambda segment, frame: segment.draw(frame))
    return _apart(segments, lambda picture: _compressed(picture, compression), _shares)


def add_pixels(
    dataset: Dataset, stored: StoredFrames, encoding: SegEncoding, compression: SegCompression
) -> None:
    """Write pixel data and transfer syntax (PS3.3 C.8.20.2.1); Rows and Columns stand there."""
    bits = 1 if encoding == "binary" else 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = 0
    if encoding == "binary":
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.PixelData = _without_gaps(stored.pictures, dataset.Rows * dataset.Columns)
        dataset["PixelData"].VR = "OB"
        return
    dataset.file_meta.TransferSyntaxUID = _SYNTAX[compression]
    dataset.PixelData = encapsulate(list(stored.pictures))
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True


def _apart(
    segments: Sequence[Segment],
    coded: Callable[[npt.NDArray[Any]], bytes],
    drawn: Callable[[Segment, int], npt.NDArray[Any]],
) -> StoredFrames:
    """Frames of each segment; all are drawn frame by frame, so that few stand in memory."""
    by_segment: list[dict[int, bytes]] = [{} for _ in segments]
    overlaps = _Overlaps()
    for frame in _frames(segments):
        pictures = [drawn(segment, frame) for segment in segments]
        for kept, picture in zip(by_segment, pictures, strict=True):
            if picture.any():
                kept[frame] = coded(picture)
        overlaps.count(pictures)
    return StoredFrames(
        places=tuple((k, frame) for k, kept in enumerate(by_segment, 1) for frame in kept),
        pictures=tuple(picture for kept in by_segment for picture in kept.values()),
        overlap_px=overlaps.pixels,
        overlap_frames=overlaps.frames,
    )


def _label_map(segments: Sequence[Segment], compression: SegCompression) -> StoredFrames:
    kept: dict[int, bytes] = {}
    overlaps = _Overlaps()
    for frame in _frames(segments):
        pictures = [segment.draw(frame) for segment in segments]
        labels = np.full(pictures[0].shape, BACKGROUND, dtype=np.uint8)
        for label, picture in enumerate(pictures, 1):
            labels[picture] = label
        if labels.any():
            kept[frame] = _compressed(labels, compression)
        overlaps.count(pictures)
    return StoredFrames(
        places=tuple((None, frame) for frame in kept),
        pictures=tuple(kept.values()),
        overlap_px=overlaps.pixels,
        overlap_frames=overlaps.frames,
    )


class _Overlaps:
    """Counts pixels that lie in more than one picture."""

    def __init__(self) -> None:
        self.pixels = self.frames = 0

    def count(self, pictures: Sequence[npt.NDArray[Any]]) -> None:
        """Add those of one frame."""
        seen, *others = (picture.astype(np.bool_, copy=False) for picture in pictures)
        twice = np.zeros_like(seen)
        for picture in others:
            twice |= seen & picture
            if picture is not others[-1]:
                seen = seen | picture
        pixels = int(np.count_nonzero(twice))
        self.pixels += pixels
        self.frames += pixels > 0


def _frames(segments: Sequence[Segment]) -> list[int]:
    return sorted({frame for segment in segments for frame in segment.frames})


def _shares(segment: Segment, frame: int) -> npt.NDArray[np.uint8]:
    """Shares in steps of Maximum Fractional Value, rounded."""
    steps = segment.occupy(frame)  # a new array, and a large one: no second is made
    steps *= np.float32(LARGEST_FRACTION)
    steps += np.float32(0.5)
    return steps.astype(np.uint8)


def _bits(picture: npt.NDArray[Any]) -> bytes:
    return np.packbits(picture, bitorder="little").tobytes()


def _without_gaps(pictures: Sequence[bytes], size: int) -> bytes:
    """Put frames of `size` pixels one after the other (PS3.5 8.1.1)."""
    if size % 8 == 0:
        packed = b"".join(pictures)
    else:
        bits = [
            np.unpackbits(np.frombuffer(picture, np.uint8), count=size, bitorder="little")
            for picture in pictures
        ]
        packed = np.packbits(np.concatenate(bits), bitorder="little").tobytes()
    return packed + b"\0" * (len(packed) % 2)


def _compressed(picture: npt.NDArray[np.uint8], compression: SegCompression) -> bytes:
    return compressed(picture, _BYTES, _SYNTAX[compression])
