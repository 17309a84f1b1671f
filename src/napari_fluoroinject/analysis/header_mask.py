"""Mask frames of the header or of a person in place of those found in the picture."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.motion import re_reference
from napari_fluoroinject.analysis.registered import MaskChoice
from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.model.masks import item_of_frames

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.model.annotation import MaskWish
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.masks import HeaderMask
    from napari_fluoroinject.model.motion import Injection, Motion


def check_mask(loop: CineLoop, wish: MaskWish) -> None:
    """Check that a header whose masks were asked for names some.

    Raises
    ------
    AnalysisError
        It does not: found mask frames in their place would not be what was asked for.
    """
    if wish == "header" and not np.any(item_of_frames(loop.masks, loop.shape[0]) >= 0):
        raise AnalysisError(
            "the header's mask frames were asked for, and the file names none that can be used; "
            "expected a Mask Subtraction Sequence with AVG_SUB, TID or REV_TID. Without that "
            "wish the mask frames are found in the picture"
        )


def choose_mask(
    loop: CineLoop,
    injection: Injection,
    motion: Motion,
    *,
    wish: MaskWish,
    frames: tuple[int, ...] = (),
) -> tuple[Injection, Motion, MaskChoice]:
    """Choose the mask frames and make the motion relative to their pose.

    Maps need one mask for all frames: of the header's AVG_SUB items it is the one that subtracts
    from most frames, and TID and REV_TID have none to offer. How many contrast frames it averages
    is for the display and left out here.

    A shift of the header other than 0 is kept as an offset of the mask: the frames then lie as
    far from it, on average over those that the item is meant for, as the header says; from frame
    to frame they move as measured.

    Parameters
    ----------
    loop, injection, motion
        `injection` as found in the picture, `motion` relative to any pose.
    wish
        Whose mask frames.
    frames
        Those that a person chose, in place of both; none = nobody chose any.

    Returns
    -------
    tuple
        Injection and motion with the chosen mask frames, and what was chosen.
    """
    if frames:
        return _chosen(injection, motion, frames)
    item = item_of_frames(loop.masks, loop.shape[0])
    fixed = [index for index, mask in enumerate(loop.masks) if mask.operation == "AVG_SUB"]
    counts = [int((item == index).sum()) for index in fixed]
    if wish == "auto" or max(counts, default=0) == 0:
        choice = MaskChoice(only_intervals=wish == "header")
        return injection, re_reference(motion, injection.mask_frames), choice
    index = fixed[int(np.argmax(counts))]
    mask = loop.masks[index]
    followed = tuple(frame for frame in mask.mask_frames if motion.locked[frame])
    used = followed or mask.mask_frames
    placed = re_reference(motion, used)
    offset = _offset(mask, placed, np.flatnonzero(item == index), used)
    choice = MaskChoice(
        source="header",
        quiet_frames=injection.mask_frames,
        unused_frames=tuple(frame for frame in mask.mask_frames if frame not in used),
        elsewhere=int((item >= 0).sum()) - max(counts),
        offset_px=offset,
    )
    if offset is not None:
        placed = _moved_from_mask(placed, offset, used)
    return _seen_from(injection, motion, placed, used), placed, choice


def _chosen(
    injection: Injection, motion: Motion, frames: tuple[int, ...]
) -> tuple[Injection, Motion, MaskChoice]:
    """The frames that a person chose, without those that the registration lost."""
    used = tuple(frame for frame in frames if motion.locked[frame]) or frames
    choice = MaskChoice(
        source="given",
        quiet_frames=injection.mask_frames,
        unused_frames=tuple(frame for frame in frames if frame not in used),
    )
    placed = re_reference(motion, used)
    return _seen_from(injection, motion, placed, used), placed, choice


def _offset(
    mask: HeaderMask, motion: Motion, meant: npt.NDArray[np.int64], frames: tuple[int, ...]
) -> Point | None:
    """How much further from the mask than measured the header puts the frames; None = no word."""
    shifts = np.array([mask.shift_of(int(frame)) for frame in meant])
    if not shifts.any():
        return None
    counted = motion.locked[meant] & ~np.isin(meant, frames)
    if not counted.any():
        counted[:] = True
    row, column = (shifts - motion.shift_px[meant])[counted].mean(axis=0)
    return float(row), float(column)


def _moved_from_mask(motion: Motion, offset_px: Point, mask: tuple[int, ...]) -> Motion:
    others = ~np.isin(np.arange(len(motion.shift_px)), mask)
    return replace(motion, shift_px=motion.shift_px + others[:, None] * np.array(offset_px))


def _seen_from(
    injection: Injection, before: Motion, after: Motion, frames: tuple[int, ...]
) -> Injection:
    """The injection with these mask frames, and where it was seen in their pose."""
    if injection.seen_at_px is None:
        return replace(injection, mask_frames=frames)
    # It was seen in the pose of the mask frames that were found, by a frame that is none.
    found = re_reference(before, injection.mask_frames)
    frame = len(before.shift_px) - 1 if injection.onset_frame is None else injection.onset_frame
    seen = after.in_reference_pose(found.in_frame(injection.seen_at_px, frame), frame)
    return replace(injection, mask_frames=frames, seen_at_px=seen)
