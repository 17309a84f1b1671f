"""Which frames show the same scene: a loop may be pasted together, or the C-arm moved in it."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.tracking import Template, fit_poses
from napari_fluoroinject.analysis.trust import residuals, robust_weight

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from napari_fluoroinject.compute.backend import Kernels
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

_SIDE_FRAMES = 3
"""Means of so many frames are compared: one that shows something else is not a new scene."""
_TILES = 4
"""Along each side. What contrast, needle and gas change is in fewer than half of the tiles."""
_LEAST_OPEN = 0.5
"""Tiles that are less open are not asked."""
_SAME = 0.75
"""Median correlation of the tiles from which two pictures show the same. In synthetic loops frames
that follow each other have .9 and more; turned, mirrored, magnified by a quarter, moved by a third
of the picture or of another patient .5 and less, but a symmetric spine mirrored at 5 nGy .75."""
_MOST_CUTS = 8
"""A loop that is cut more often comes and goes: no scene is any better."""
_ITERATIONS = 15


def find_scenes(
    frames: FloatArray, field: FloatArray, pose: DoubleArray, *, kernels: Kernels
) -> tuple[npt.NDArray[np.int64], DoubleArray]:
    """Return which scene each frame shows, and poses (frames, 3) that hold within each scene.

    A new scene begins where the frames before and those after have most of the picture not in
    common. Parts of the loop that have are one scene, whatever stands between them.

    Parameters
    ----------
    frames
        (frames, rows, columns), band-passed.
    field
        (rows, columns), 1 where they may be compared.
    pose
        Where each frame lies over the ones before it.

    Returns
    -------
    tuple
        Numbers (frames,): 0 is the scene of most frames, of equally many the first. Poses of later
        parts of a scene are made to fit its first.
    """
    bounds = [0, *_cuts(frames, field, pose, kernels), len(frames)]
    if len(bounds) == 2:
        return np.zeros(len(frames), dtype=np.int64), pose
    part_of, pose = np.empty(len(frames), dtype=np.int64), pose.copy()
    known: list[FloatArray] = []
    for start, end in pairwise(bounds):
        part = slice(start, end)
        mean = kernels.warp(frames[part], pose[part]).mean(axis=0)
        number, step = _recognised(mean, known, field, pose[part].mean(axis=0), kernels)
        if number == len(known):
            known.append(mean)
        pose[part] += step
        part_of[part] = number
    order = np.argsort(-np.bincount(part_of), kind="stable")
    return np.argsort(order)[part_of], pose


def _cuts(frames: FloatArray, field: FloatArray, pose: DoubleArray, kernels: Kernels) -> list[int]:
    """First frames of what looks like another scene."""
    likeness = np.array(list(_likeness(frames, field, pose, kernels)))
    if not likeness.size or np.median(likeness) < _SAME:
        return []  # noise, or so much of it that no cut would show
    different = np.flatnonzero(likeness < _SAME)
    runs = np.split(different, np.flatnonzero(np.diff(different) > 1) + 1)
    cuts = [int(run[likeness[run].argmin()]) + _SIDE_FRAMES for run in runs if run.size]
    return cuts if len(cuts) <= _MOST_CUTS else []


def _likeness(
    frames: FloatArray, field: FloatArray, pose: DoubleArray, kernels: Kernels
) -> Iterator[float]:
    """How alike the frames before and after are, for each frame that has enough of both."""
    weights = _tile_sums(field)
    asked = weights >= _LEAST_OPEN * weights.max(initial=0.0)
    near: deque[FloatArray] = deque(maxlen=2 * _SIDE_FRAMES)
    for index in range(len(frames)):
        one = slice(index, index + 1)
        near.append(kernels.warp(frames[one], pose[one])[0] * field)
        if len(near) == near.maxlen:
            both = np.stack(near)
            yield _alike(both[:_SIDE_FRAMES].sum(axis=0), both[_SIDE_FRAMES:].sum(axis=0), asked)


def _recognised(
    mean: FloatArray,
    known: list[FloatArray],
    field: FloatArray,
    pose: DoubleArray,
    kernels: Kernels,
) -> tuple[int, DoubleArray]:
    """Number of the known scene that a part shows, and by how much its poses are off.

    What follows another scene, or contrast that came at once, was laid over that: the true pose
    may be any, so that pose and none are tried, as they are and from there on.
    """
    weights = _tile_sums(field)
    asked = weights >= _LEAST_OPEN * weights.max(initial=0.0)
    found, best, step = len(known), _SAME, np.zeros(3)
    for number, picture in enumerate(known):
        for start in (np.zeros((1, 3)), -pose[None]):
            for moved in (start, _laid(mean, picture, field, start, kernels)):
                there = kernels.warp(mean[None], moved)[0] * field
                alike = _alike(there, picture * field, asked)
                if alike > best:
                    found, best, step = number, alike, moved[0]
    return found, step


def _laid(
    mean: FloatArray, picture: FloatArray, field: FloatArray, pose: DoubleArray, kernels: Kernels
) -> DoubleArray:
    """Pose (1, 3) of one picture over another; what does not fit there at first counts little."""
    left = residuals(kernels.warp(mean[None], pose), picture, field[None])
    weight, _ = robust_weight(left, field, kernels=kernels)
    return fit_poses(
        mean[None],
        Template(picture=picture, weight=weight * field),
        pose,
        kernels=kernels,
        iterations=_ITERATIONS,
        freedom="shift",
    )


def _alike(one: FloatArray, other: FloatArray, asked: npt.NDArray[np.bool_]) -> float:
    """Median correlation of two band-passed pictures over tiles; 0 where there is nothing."""
    power = _tile_sums(one * one) * _tile_sums(other * other)
    share = _tile_sums(one * other) / np.sqrt(np.maximum(power, np.finfo(np.float32).tiny))
    return float(np.median(share[asked])) if asked.any() else 1.0


def _tile_sums(picture: FloatArray) -> DoubleArray:
    rows, columns = (max(1, size // _TILES) for size in picture.shape)
    whole = picture[: picture.shape[0] // rows * rows, : picture.shape[1] // columns * columns]
    tiles = whole.reshape(len(whole) // rows, rows, -1, columns)
    sums: DoubleArray = tiles.sum(axis=(1, 3), dtype=np.float64)
    return sums
