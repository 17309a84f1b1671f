"""A subtracted loop: each frame less its mask, and what was taken off what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.annotation import MaskSource
from napari_fluoroinject.model.arrays import BoolArray, read_only
from napari_fluoroinject.model.cine import CineLoop
from napari_fluoroinject.model.masks import HeaderMask
from napari_fluoroinject.model.motion import Motion
from napari_fluoroinject.model.report import Provenance

if TYPE_CHECKING:
    from collections.abc import Sequence


MIDDLE = 1 << 15
"""The stored value of no difference: mid-grey."""
UNDEFINED = 0
"""The stored value where nothing is known: nothing was subtracted, or no beam came through."""
STEP_LN = 0.0004
"""Natural log units between two stored values: a hundredth of a frame's noise, and the logarithm
of the widest range that 16 bits hold (65535 over half a step, 11.8) still fits on either side."""


_CHOSEN = {"found": "found before contrast", "given": "chosen by a person"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SubtractedLoop:
    """Differences of the log frames of a loop: where contrast has come they are negative, dark.

    Attributes
    ----------
    loop
        What was subtracted from.
    stored
        (frames, rows, columns) uint16: the difference is `STEP_LN * (stored - MIDDLE)`.
    subtracted
        (frames,) False where no mask belongs to a frame; such a frame is undefined throughout.
    masks
        What was taken off, with the frames that were really used.
    mask_source
        Whose masks those are: found in the picture, of the header, chosen by a person (`given`),
        or of a presentation state.
    motion
        What was measured and undone: all frames stand in its reference pose, evenly exposed. None
        = each frame stands as stored, and only the shifts of the header were applied.
    onset_frame
        First frame with contrast; None = none was seen, or it was not looked for.
    window_ln
        Differences of more than this, up or down, are rare: the display's window.
    provenance
        What made it.
    """

    loop: CineLoop
    stored: npt.NDArray[np.uint16]
    subtracted: BoolArray
    masks: tuple[HeaderMask, ...]
    mask_source: MaskSource | Literal["given", "presentation"]
    motion: Motion | None
    onset_frame: int | None
    window_ln: float
    provenance: Provenance

    def __post_init__(self) -> None:
        object.__setattr__(self, "stored", read_only(self.stored, np.uint16))
        object.__setattr__(self, "subtracted", read_only(self.subtracted, np.bool_))
        if self.stored.shape != self.loop.shape or self.subtracted.shape != self.loop.shape[:1]:
            raise ValueError(
                f"{self.stored.shape} differences of a loop of {self.loop.shape}; expected one "
                "for each of its pixels"
            )

    @property
    def mask_frames(self) -> tuple[int, ...]:
        """Frames that were averaged for masks, rising; none where only intervals are taken."""
        return tuple(sorted({frame for mask in self.masks for frame in mask.mask_frames}))

    @property
    def lost(self) -> tuple[int, ...]:
        """Frames that the registration lost: they may not fit on their mask."""
        return () if self.motion is None else frames_where(~self.motion.locked)

    def told(self) -> str:
        """What was subtracted from what, in words; frames count from 1."""
        whose = _CHOSEN.get(self.mask_source, self._whose)
        masks = "; ".join(_told(mask) for mask in self.masks if mask.operation != "NONE")
        return f"{masks} ({whose})"

    def moved(self) -> str:
        """How frames were brought onto their masks, in words."""
        if self.motion is not None:
            lost = f", lost in frames {numbered(self.lost)}" if self.lost else ""
            return f"motion measured and undone{lost}, exposure evened out"
        shifted = any(
            any(shift) for mask in self.masks for shift in (mask.shift_px, *_shifts(mask))
        )
        return f"motion not corrected{f', shifts {self._whose} applied' if shifted else ''}"

    @property
    def _whose(self) -> str:
        presented = self.mask_source == "presentation"
        return "of the presentation state" if presented else "of the header"


def frames_where(chosen: BoolArray) -> tuple[int, ...]:
    """Frames that are True, rising."""
    return tuple(np.flatnonzero(chosen).tolist())


def numbered(frames: Sequence[int]) -> str:
    """Rising frames as a person counts them, from 1: `1-3, 7`."""
    runs: list[list[int]] = []
    for frame in frames:
        if runs and runs[-1][1] == frame - 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    return ", ".join(
        f"{first + 1}" if first == last else f"{first + 1}-{last + 1}" for first, last in runs
    )


def _told(mask: HeaderMask) -> str:
    ranges = ", ".join(f"{first + 1}-{last + 1}" for first, last in mask.frame_ranges)
    of = f" of {mask.contrast_frames} frames averaged" if mask.contrast_frames > 1 else ""
    on = f" from frames {ranges}" if ranges else ""
    if mask.operation == "AVG_SUB":
        frames = numbered(sorted(set(mask.mask_frames)))
        several = "mean of frames" if len(mask.mask_frames) > 1 else "frame"
        return f"{several} {frames}{on}{of}"
    back = "counted back, " if mask.operation == "REV_TID" else ""
    return f"{mask.operation}, {back}interval {mask.tid_offset}{on}{of}"


def _shifts(mask: HeaderMask) -> tuple[tuple[float, float], ...]:
    return tuple(shift for _, shift in mask.frame_shifts_px)
