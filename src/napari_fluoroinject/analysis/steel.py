"""Steel that is advanced into the picture, told from contrast in a narrow space."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage

if TYPE_CHECKING:
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

STEEL_OD = 0.12
"""A line that darkens by more is steel being advanced, or dense contrast in a narrow space."""
LINE_PX = 9
"""Nothing narrower than this survives the opening that tells lines from sheets."""
MARGIN_PX = 3
EVEN_PX = 0.8
"""Sigma over which noise is evened before lines are sought."""
ENOUGH_FRAMES = 80
"""In a longer loop a mean is taken over every second frame and so on."""
PARTS = 6
"""The first of so many parts of the loop is what it was at first."""
COMPARED = 4
"""Means of the frames after it, so that what comes late or goes again is seen."""
SPACE_WIDTH_PX = 4.0
"""A joint or pool is as wide as this where it is half as dark as at most: those missed in 40
synthetic loops were 4.4 to 7.4 wide, needles of 22 to 25G that were advanced 1.7 to 3.3."""
SPACE_PX = 50
"""Pixels of such a line; pieces of a shaft that trembles are smaller."""
SPACE_OD_PER_PX = 0.11
"""For its width contrast is much less dark (0.03 to 0.09 in those loops) than steel (0.19)."""
SHEET_SHARE = 0.35
"""A line below which this share of its own darkening is wider than a line is the margin of a wide
pool (0.4 to 2 in those loops); below steel beside which nothing brightened it was 0.1 at most."""
CALM_SHARE = 0.6
"""A shaft that moves sideways brightens beside its new place by as much as it darkens there
(median 1.2 of it in those loops), contrast in a narrow space by noise alone (0.2 to 0.5)."""


def find_steel(
    ln: FloatArray, pose: DoubleArray, frames: npt.NDArray[np.int64], *, on: Backend
) -> BoolArray:
    """Thin lines that come to be much darker than they were at first, and what is beside them.

    A line beside which nothing brightens and that is wider than a needle, or the margin of what is
    wider than any line, is contrast in a joint or a small pool, and no steel.

    Parameters
    ----------
    ln
        (frames, rows, columns) log frames.
    pose
        How each frame lies, as `compute` takes it.
    frames
        Numbers of the frames to look at, at least one.
    on
        The compute backend.

    Returns
    -------
    BoolArray
        (rows, columns) of the reference pose.
    """
    most, least = _come(ln, pose, frames, on)
    darker = ndimage.gaussian_filter(most, EVEN_PX)
    line = darker - ndimage.grey_opening(darker, size=LINE_PX)
    dark = line > STEEL_OD
    brighter = ndimage.maximum_filter(-ndimage.gaussian_filter(least, EVEN_PX), size=LINE_PX)
    steel: BoolArray = ndimage.binary_dilation(
        dark & ~_spaces(dark, line, darker, brighter), iterations=MARGIN_PX
    )
    return steel


def mean_of_aligned(
    ln: FloatArray, pose: DoubleArray, frames: npt.NDArray[np.int64], on: Backend
) -> FloatArray:
    """Mean of aligned frames, (rows, columns)."""
    total = np.zeros(ln.shape[1:], dtype=np.float32)
    for frame in frames:
        total += on.kernels.warp(ln[frame : frame + 1], pose[frame : frame + 1])[0]
    mean: FloatArray = total / np.float32(len(frames))
    return mean


def _come(
    ln: FloatArray, pose: DoubleArray, frames: npt.NDArray[np.int64], on: Backend
) -> tuple[FloatArray, FloatArray]:
    """By how much each pixel darkens at most and at least against what it was at first."""
    every, total = max(1, len(frames) // ENOUGH_FRAMES), len(frames)
    part = max(total // PARTS, 1)
    first = frames[1 : 1 + part] if total > part else frames[:1]
    early = mean_of_aligned(ln, pose, first[::every], on)
    count = min(COMPARED, total - part)
    ends = [part + (total - part) * index // count for index in range(count + 1)]
    most = np.full(early.shape, -np.inf, dtype=np.float32)
    least = np.full(early.shape, np.inf, dtype=np.float32)
    for begin, end in pairwise(ends):
        come = early - mean_of_aligned(ln, pose, frames[begin:end:every], on)
        np.maximum(most, come, out=most)
        np.minimum(least, come, out=least)
    return most, least


def _spaces(
    dark: BoolArray, line: FloatArray, darker: FloatArray, brighter: FloatArray
) -> BoolArray:
    """Which dark lines are contrast: wide or a pool's margin, and with nothing brighter beside."""
    parts, count = ndimage.label(dark, structure=np.ones((3, 3)))
    if not count:
        return np.zeros_like(dark)
    numbers = np.arange(count + 1)
    top, below, most, answer = (
        np.asarray(ndimage.maximum(values, parts, numbers))
        for values in (line, darker - line, darker, brighter)
    )
    calm = answer <= CALM_SHARE * most
    calm[0] = False
    spaces = calm & (below >= SHEET_SHARE * top)
    large = np.bincount(parts.ravel(), minlength=count + 1) >= SPACE_PX
    for number in np.flatnonzero(calm & large & ~spaces):
        pixels = np.argwhere((parts == number) & (line > 0.5 * top[number]))
        width_px = _width_px(pixels)
        spaces[number] = width_px >= max(SPACE_WIDTH_PX, top[number] / SPACE_OD_PER_PX)
    return np.asarray(spaces[parts])


def _width_px(pixels: npt.NDArray[np.int64]) -> float:
    """Width of the bar that has the moments of these pixels, at least two."""
    narrow = float(np.linalg.eigvalsh(np.cov(pixels.T))[0])
    return float(np.sqrt(12.0 * max(narrow, 0.0)))
