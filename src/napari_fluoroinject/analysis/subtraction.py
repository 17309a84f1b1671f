"""Digital subtraction as a header defines it: masks averaged, moved, and taken off the frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.pose import poses
from napari_fluoroinject.model.masks import item_of_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import FloatArray
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.masks import HeaderMask
    from napari_fluoroinject.model.motion import Motion


def subtracted(
    ln: FloatArray, masks: Sequence[HeaderMask], *, on: Backend, motion: Motion | None = None
) -> FloatArray:
    """Frames less their masks, as PS3.3 C.7.6.10.1.1 defines AVG_SUB, TID and REV_TID.

    Contrast frames are averaged where the item says so; masks are averaged, moved by their shift
    and subtracted, so that contrast is negative: opacity is the opposite. A frame that several
    items are meant for belongs to the first of them; frames of none (`item_of_frames`) stay as
    they are. No pixel is interpolated twice; beyond the edge it is repeated.

    Parameters
    ----------
    ln
        (frames, rows, columns) float32, usually natural log of the beam intensity.
    masks
        Items of the header.
    on
        The compute backend.
    motion
        What the picture itself tells. With it every frame is brought into the reference pose and
        the shifts of the header, which stand for the same displacement, are left out.

    Returns
    -------
    (frames, rows, columns) float32, in the geometry of each frame; with `motion` in the reference
    pose.
    """
    frames = ln if motion is None else on.kernels.warp(ln, poses(motion))
    out = frames.copy()
    made = differences(frames.__getitem__, masks, len(frames), on=on, with_shifts=motion is None)
    for into, difference in zip(out, made, strict=True):
        if difference is not None:
            into[...] = difference
    return out


def differences(
    picture: Callable[[int], FloatArray],
    masks: Sequence[HeaderMask],
    frames: int,
    *,
    on: Backend,
    with_shifts: bool,
) -> Iterator[FloatArray | None]:
    """The same frame by frame, for loops of which not all frames are held at a time.

    Parameters
    ----------
    picture
        Gives a frame, (rows, columns) float32; asked again for frames that are masks, too.
    masks
        Items of the header.
    frames
        How many there are.
    on
        The compute backend.
    with_shifts
        Whether masks are moved by the shifts of the header.

    Yields
    ------
    (rows, columns) float32 for each frame; None for frames of no item.
    """
    made: tuple[tuple[int, ...], Point] | None = None
    taken_off = picture(0)
    for frame, item in enumerate(item_of_frames(masks, frames)):
        if item < 0:
            yield None
            continue
        mask = masks[item]
        shift = mask.shift_of(frame) if with_shifts else (0.0, 0.0)
        if made != (mask.mask_for(frame), shift):  # neighbours mostly share their mask
            made = mask.mask_for(frame), shift
            taken_off = _moved(_mean(picture, made[0]), shift, on)
        yield _mean(picture, range(frame, frame + mask.contrast_frames)) - taken_off


def _mean(picture: Callable[[int], FloatArray], frames: Sequence[int]) -> FloatArray:
    total = picture(frames[0])
    for frame in frames[1:]:
        total = total + picture(frame)
    return total if len(frames) == 1 else total / np.float32(len(frames))


def _moved(picture: FloatArray, shift_px: Point, on: Backend) -> FloatArray:
    """The picture moved down and to the right by (row, column)."""
    if shift_px == (0.0, 0.0):
        return picture
    row, column = shift_px
    # the warp looks up at p + pose what shall stand at p
    moved: FloatArray = on.kernels.warp(picture[None], np.array([[-row, -column, 0.0]]))[0]
    return moved
