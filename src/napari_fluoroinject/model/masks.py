"""The masks that a header names for a subtraction, and which frame belongs to which."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.geometry import Point

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.model.arrays import BoolArray

MaskOperation = Literal["AVG_SUB", "TID", "REV_TID", "NONE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderMask:
    """One item of the Mask Subtraction Sequence (PS3.3 C.7.6.10).

    Attributes
    ----------
    operation
        AVG_SUB subtracts the mean of `mask_frames` from every frame, TID (time interval
        differencing) the frame `tid_offset` before it. REV_TID counts back: from the first frame
        the one `tid_offset` before it, from each further one a frame earlier still. NONE subtracts
        nothing.
    frame_ranges
        (first, last) frames it is for, the last one included, rising and apart; none = all frames
        for which it is defined. REV_TID has at least one.
    mask_frames
        Of AVG_SUB, at least one.
    contrast_frames
        So many frames, from the one in question on, are averaged before the subtraction.
    tid_offset
        Of TID and REV_TID; negative = the mask comes later.
    shift_px
        (row, column) by which the mask is moved, down and to the right: what stands at p in the
        mask stands at p + shift in the frame.
    frame_shifts_px
        (frame, shift) of single frames that have their own in place of `shift_px`, rising.

    Raises
    ------
    ValueError
        Without what its operation needs, or with numbers that no frame can have.
    """

    operation: MaskOperation
    frame_ranges: tuple[tuple[int, int], ...] = ()
    mask_frames: tuple[int, ...] = ()
    contrast_frames: int = 1
    tid_offset: int = 1
    shift_px: Point = (0.0, 0.0)
    frame_shifts_px: tuple[tuple[int, Point], ...] = ()

    def __post_init__(self) -> None:
        ends = [frame for pair in self.frame_ranges for frame in pair]
        if ends != sorted(ends):
            raise ValueError(f"frame ranges {self.frame_ranges}; expected rising ones apart")
        if min((*ends, *self.mask_frames), default=0) < 0 or self.contrast_frames < 1:
            raise ValueError(f"{self}: expected frames from 0, and at least one to average")
        if self.operation == "AVG_SUB" and not self.mask_frames:
            raise ValueError("AVG_SUB without mask frames; expected at least one")
        if self.operation == "REV_TID" and not ends:
            raise ValueError("REV_TID without a frame range; expected the first frame of one")
        shifted = [frame for frame, _ in self.frame_shifts_px]
        if shifted != sorted(set(shifted)):
            raise ValueError(f"shifts of frames {shifted}; expected one for each, rising")
        shifts = (self.shift_px, *(shift for _, shift in self.frame_shifts_px))
        if not all(isfinite(part) for shift in shifts for part in shift):
            raise ValueError(f"mask shifts {shifts}; expected finite numbers")

    def shift_of(self, frame: int) -> Point:
        """(row, column) by which the mask is moved under this frame."""
        at = bisect_left(self.frame_shifts_px, frame, key=lambda pair: pair[0])
        if at < len(self.frame_shifts_px) and self.frame_shifts_px[at][0] == frame:
            return self.frame_shifts_px[at][1]
        return self.shift_px

    def scaled(self, factor: float) -> HeaderMask:
        """The same for a picture whose pixels are `1 / factor` times as wide."""
        return replace(
            self,
            shift_px=(factor * self.shift_px[0], factor * self.shift_px[1]),
            frame_shifts_px=tuple(
                (frame, (factor * row, factor * column))
                for frame, (row, column) in self.frame_shifts_px
            ),
        )

    def mask_for(self, frame: int) -> tuple[int, ...]:
        """Frames whose mean is subtracted from this one; they may lie outside of the loop."""
        if self.operation == "AVG_SUB":
            return self.mask_frames
        return () if self.operation == "NONE" else (int(self._partner(np.array(frame))),)

    def in_range(self, frames: int) -> BoolArray:
        """(frames,) True where this item is meant; without ranges, where it is defined."""
        if not self.frame_ranges and self.operation != "NONE":
            return self.subtracts(frames)
        meant = np.full(frames, not self.frame_ranges, dtype=np.bool_)
        for first, last in self.frame_ranges:
            meant[first : last + 1] = True
        return meant

    def subtracts(self, frames: int) -> BoolArray:
        """(frames,) True where it is meant, and the loop has all frames that it takes."""
        frame = np.arange(frames)
        there: BoolArray = frame + self.contrast_frames <= frames
        if self.frame_ranges:
            there &= self.in_range(frames)
        if self.operation == "NONE":
            return there & False
        if self.operation == "AVG_SUB":
            return there & (max(self.mask_frames) < frames)
        partner = self._partner(frame)
        return there & (partner >= 0) & (partner < frames)

    def _partner(self, frame: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The frame that TID and REV_TID subtract (PS3.3 C.7.6.10.1.1)."""
        if self.operation == "TID":
            return frame - self.tid_offset
        first = self.frame_ranges[0][0]
        return (first - self.tid_offset) - (frame - first)


def item_of_frames(masks: Sequence[HeaderMask], frames: int) -> npt.NDArray[np.int64]:
    """Which item subtracts from each frame, (frames,); -1 where the frame stays as it is.

    A frame that several items are meant for belongs to the first of them.
    """
    item = np.full(frames, -1, dtype=np.int64)
    free = np.ones(frames, dtype=np.bool_)
    for index, mask in enumerate(masks):
        meant = mask.in_range(frames) & free
        item[meant & mask.subtracts(frames)] = index
        free &= ~meant
    return item
