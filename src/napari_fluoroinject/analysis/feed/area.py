"""Where the X-ray picture is in what a feed delivers: a monitor's picture, or a bare one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import ndimage

from napari_fluoroinject.analysis.feed.outline import Outline, find_outline
from napari_fluoroinject.analysis.feed.text import find_text
from napari_fluoroinject.model.arrays import BoolArray, FloatArray, read_only

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.model.arrays import StoredArray

EXPOSURES = 8
"""Frames of different exposures in which the area is found."""
_BINS = 256
"""Along the longer side of a frame."""
_ODD_CHANGE = 3.0
"""A pair of frames that differs by more than so many times the usual is a change of the scene."""
_STILL = 0.05
"""Share of the picture's change below which nothing changes at all."""
_ABOVE_FLOOR = 1.45
"""Noise of a grabber alone is above its least by at most so much."""
_UNIFORM = 1.35
"""Change that is nowhere more than so many times as strong is no quantum noise of anatomy."""
_SMOOTH, _SMOOTH_PX = 3, 5
"""Bins over which change is averaged, and pixels where they are the bins."""
_LEAST_STATIC = 0.03
_MOST_STATIC = 0.3
"""Of a bare picture no larger share changes as little as its quietest part."""
_QUANTUM = 0.2
"""Quantum noise goes with the grey level, up or down: correlation from which it does."""
_DRAWN_PX, _DRAWN_SHARE, _DRAWN_RANGE = 8, 0.15, 60.0
"""A monitor has one grey level in so large a share of blocks, whose range is so many times what
they are uncertain by (five sigmas); pictures of low dose have a narrow range, others no level."""
EDGELESS = "whole frame (no edge was found)"
_LEAST_SHARE = 0.04
"""Of the frame: no picture is smaller."""
_LEAST_CHANGE = 0.1
"""Stored values by which a picture changes at least."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureArea:
    """The X-ray picture within a frame.

    Attributes
    ----------
    first_px, shape_px
        (row, column) of its first pixel in the frame, and (rows, columns) of the rectangle
        around it.
    field
        `shape_px`, True where pixels show the beam: not what collimation, text or graphics cover.
    form
        What was found, in words of a person.
    """

    first_px: tuple[int, int]
    shape_px: tuple[int, int]
    field: BoolArray
    form: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", read_only(self.field, bool))

    def cut(self, stored: StoredArray) -> StoredArray:
        """The part of a frame, a view."""
        (row, column), (rows, columns) = self.first_px, self.shape_px
        part: StoredArray = stored[row : row + rows, column : column + columns]
        return part

    def in_frame(self, shape: tuple[int, int]) -> BoolArray:
        """The field as part of a frame of `shape`."""
        whole = np.zeros(shape, np.bool_)
        (row, column), (rows, columns) = self.first_px, self.shape_px
        whole[row : row + rows, column : column + columns] = self.field
        return whole


class Activity(NamedTuple):
    """How much pixels change from exposure to exposure.

    `change` and `mean` are (rows, columns) in stored values; `bins` is the change in bins of
    `factor` x `factor` pixels, smoothed over `reach` bins to each side.
    """

    change: FloatArray
    mean: FloatArray
    bins: FloatArray
    factor: int
    reach: int


def find_area(frames: Sequence[StoredArray], *, edgeless: bool = False) -> PictureArea | None:
    """Find the X-ray picture in frames of different exposures.

    Only an X-ray picture has quantum noise everywhere; panels, text and what is collimated do not
    change, or by a grabber's own noise.

    Parameters
    ----------
    frames
        At least 3, (rows, columns) each.
    edgeless
        Whether it is the whole frame unless that is a monitor's, whatever its noise tells.

    Returns
    -------
    PictureArea or None
        None where nothing changes as a picture does, so that it cannot be told.
    """
    shape = frames[0].shape
    activity, drawn = _activity(frames), _is_drawn(frames)
    if edgeless:
        outline = None if drawn else Outline(np.ones(shape, np.bool_), EDGELESS)
        still = 0.0
    else:
        still = _still(activity, drawn=drawn)
        lively = activity.bins > still
        if lively.mean() < _LEAST_SHARE:
            return None
        outline = find_outline(lively, activity.factor, (shape[0], shape[1]), reach=activity.reach)
    if outline is None:
        return None
    return _area(outline, find_text(activity.mean, activity.change, outline.field, still=still))


def _area(outline: Outline, text: BoolArray) -> PictureArea:
    rows, columns = (np.flatnonzero(outline.field.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    field = (outline.field & ~text)[box]
    count = int(ndimage.label(text)[1])
    letters = f"; {count} places of text or graphics are left out" if count else ""
    size = f"{field.shape[0]} x {field.shape[1]} pixels"
    return PictureArea(
        first_px=(int(rows[0]), int(columns[0])),
        shape_px=(field.shape[0], field.shape[1]),
        field=field,
        form=f"{outline.name}, {size}{letters}",
    )


def _activity(frames: Sequence[StoredArray]) -> Activity:
    shape = frames[0].shape
    values = [frame.astype(np.float32) for frame in frames]
    pairs = [np.abs(late - early) for early, late in pairwise(values)]
    sizes = np.array([float(pair[::4, ::4].mean()) for pair in pairs])
    usual = sizes <= _ODD_CHANGE * np.median(sizes)
    kept = [pair for pair, good in zip(pairs, usual, strict=True) if good]
    factor = max(1, round(max(shape) / _BINS))
    change, mean = _mean(kept), _mean(values)
    size = _SMOOTH if factor > 1 else _SMOOTH_PX
    smooth: FloatArray = ndimage.uniform_filter(binned(change, factor), size, mode="nearest")
    return Activity(change, mean, smooth, factor, size // 2)


def _mean(pictures: Sequence[FloatArray]) -> FloatArray:
    """Mean of the pictures, without a copy of all of them: that takes a tenth of a second."""
    total = pictures[0].copy()
    for one in pictures[1:]:
        total += one
    total /= np.float32(len(pictures))
    return total


def binned(picture: FloatArray, factor: int) -> FloatArray:
    """Means of `factor` x `factor` pixels; what is left over at the end is in none."""
    rows, columns = (size // factor for size in picture.shape)
    whole = picture[: rows * factor, : columns * factor]
    means: FloatArray = whole.reshape(rows, factor, columns, factor).mean(axis=(1, 3))
    return means


def _still(activity: Activity, *, drawn: bool) -> float:
    """Level up to which bins do not change; infinite where none does."""
    bins = activity.bins
    floor, low, top, most = np.percentile(bins, (1.0, 5.0, 90.0, 99.0))
    if top < _LEAST_CHANGE:
        return np.inf
    bare = not drawn and _is_quantum(activity)
    if most < _UNIFORM * low:
        return 0.0 if bare else np.inf
    between = np.sqrt(max(floor, _STILL**2 * top) * top)
    high = float(np.median(bins[bins >= between]))
    if floor < _STILL * high:
        return _STILL * high
    if bare:
        return 0.0
    still = min(_ABOVE_FLOOR * float(floor), float(np.sqrt(floor * high)))
    static, near = float((bins <= still).mean()), float((bins <= 1.2 * still).mean())
    # what is static stands out by a gap; noise of a bare picture goes on from dark to bright
    if static >= _LEAST_STATIC and near - static < 0.25 * static:
        return still
    return np.inf if static > _MOST_STATIC else 0.0


def _is_quantum(activity: Activity) -> bool:
    """Whether noise goes with the grey level; a grabber's own is the same everywhere."""
    grey = binned(activity.mean, activity.factor).ravel()
    greys, noises = (np.argsort(np.argsort(one)) for one in (grey, activity.bins.ravel()))
    return bool(abs(np.corrcoef(greys, noises)[0, 1]) > _QUANTUM)


def _is_drawn(frames: Sequence[StoredArray]) -> bool:
    """Whether much of what is shown has exactly one grey level, as no X-ray picture has."""
    side = min(_DRAWN_PX, *frames[0].shape)
    one, other = (
        binned(_mean([frame.astype(np.float32) for frame in half]), side).ravel()
        for half in (frames[::2], frames[1::2])
    )
    level = np.sort(one + other) / 2
    # quieter than most: what is drawn has no noise, or a grabber's own
    sigma = float(np.sqrt(np.percentile(np.square(one - other), 30.0) / 0.148)) / 2
    width = max(5 * sigma, 1e-6)
    count = np.searchsorted(level, level + width, side="right") - np.arange(len(level))
    low, high = np.percentile(level, (1.0, 99.0))
    much = float(count.max()) >= _DRAWN_SHARE * len(level)
    return much and float(high - low) > _DRAWN_RANGE * width
