"""Text and graphics that a system burns into the picture: bright, thin, and without noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray

_BLOCK = 8
"""Pixels along the side of the blocks in which the surroundings are judged."""
_BRIGHTER, _BRIGHTER_NOISE = 0.1, 2.0
"""Letters are brighter than their surroundings by this share of the picture's range, and by so
many times what it changes by."""
_MUCH_BRIGHTER = 0.35
_STATIC = 0.4
"""Letters change by less than this share of what their surroundings do."""
_LEAST_PX = 5
"""Noise never has so many connected pixels that do not change."""
_RING_PX, _FADED = 2, 0.5
"""At this distance less than this share of a letter's brightness is left."""
_MARGIN_PX, _MARGIN = 3, 0.45
"""A letter's box is grown by so many pixels and by this share of its height: digits change."""
_LETTER = 0.09
"""A letter is no larger than this share of the frame; graphics are, and have no box."""
_LONG, _OBLIQUE_DEG, _THICK_PX = 7.0, 4.0, 2.5
"""Straight, oblique and thicker than a drawn line: a needle, never a graphic."""


def find_text(
    mean: FloatArray, change: FloatArray, field: BoolArray, *, still: float
) -> BoolArray:
    """Return (rows, columns), True where text or graphics cover the picture, with a margin.

    Dark text is not found, nor bright text on what is as bright. A needle, bone edges and contrast
    have noise of their own.

    Parameters
    ----------
    mean, change
        (rows, columns), mean of frames and mean change from one to the next, in stored values.
    field
        Where the picture is.
    still
        Change up to which bins do not change at all.
    """
    text = np.zeros(field.shape, np.bool_)
    inside = mean[::4, ::4][field[::4, ::4]]
    if not inside.size:
        return text
    low, high = np.percentile(inside, (0.5, 99.5))
    background, around = _surroundings(mean), _surroundings(change)
    least = np.maximum(_BRIGHTER * (high - low), _BRIGHTER_NOISE * around)
    quiet = np.maximum(_STATIC * around, np.minimum(still, 0.75 * around))
    # where nothing has noise, only what is much brighter is drawn
    dull = around <= still
    least = np.where(dull, np.maximum(least, _MUCH_BRIGHTER * (high - low)), least)
    quiet = np.where(dull, still, quiet)
    brighter = mean - background
    drawn = field & (brighter > least) & (change <= quiet)
    labels, _ = ndimage.label(drawn, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if sizes[number] >= _LEAST_PX and _sharp(labels, number, box, brighter):
            _mark(text, labels[box] == number, box)
    return text & field


def _surroundings(picture: FloatArray) -> FloatArray:
    """The usual value around each pixel, (rows, columns)."""
    rows, columns = (max(1, size // _BLOCK) for size in picture.shape)
    step = [min(_BLOCK, size) for size in picture.shape]
    whole = picture[: rows * step[0], : columns * step[1]]
    blocks = whole.reshape(rows, step[0], columns, step[1])[:, ::2, :, ::2]
    usual = ndimage.median_filter(np.median(blocks, axis=(1, 3)), 7, mode="nearest")
    wide = np.repeat(np.repeat(usual, step[0], axis=0), step[1], axis=1)
    rest = [(0, size - have) for size, have in zip(picture.shape, wide.shape, strict=True)]
    around: FloatArray = np.pad(wide, rest, mode="edge")
    return around


def _sharp(
    labels: npt.NDArray[np.int32], number: int, box: tuple[slice, ...], brighter: FloatArray
) -> bool:
    """Whether what is bright ends within pixels; burned-out anatomy fades into what is around."""
    wide = tuple(slice(max(0, side.start - _RING_PX), side.stop + _RING_PX) for side in box)
    near, one = labels[wide], labels[wide] == number
    ring = ndimage.binary_dilation(one, np.ones((3, 3)), iterations=_RING_PX) & (near == 0)
    if not ring.any():
        return False
    inside, outside = (float(np.median(brighter[wide][part])) for part in (one, ring))
    return outside < _FADED * inside


def _mark(text: BoolArray, drawn: BoolArray, box: tuple[slice, slice]) -> None:
    """Cover a letter's box, or what is near a larger graphic."""
    height, width = drawn.shape
    letter = max(height, width) <= max(12, _LETTER * max(text.shape))
    if not letter and _needle_like(drawn):
        return
    margin = round(_MARGIN_PX + _MARGIN * (height if letter else 0))
    where = tuple(slice(max(0, side.start - margin), side.stop + margin) for side in box)
    if letter:
        text[where] = True
        return
    place = np.argwhere(drawn) + [side.start for side in box]
    part = np.zeros(text[where].shape, np.bool_)
    part[tuple((place - [side.start for side in where]).T)] = True
    text[where] |= ndimage.binary_dilation(part, np.ones((3, 3)), iterations=_MARGIN_PX)


def _needle_like(drawn: BoolArray) -> bool:
    place = np.argwhere(drawn).astype(np.float64)
    spread, axes = np.linalg.eigh(np.cov(place.T))
    width, length = np.sqrt(12 * np.maximum(spread, 0.0))
    lean = abs(np.degrees(np.arctan2(*axes[:, 1]))) % 90
    oblique = min(lean, 90 - lean) > _OBLIQUE_DEG
    return bool(length > _LONG * max(width, 1.0) and oblique and width >= _THICK_PX)
