"""Gauss-Newton: how a stack of frames lies over a template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_fluoroinject.model.arrays import FloatArray

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.compute.backend import Kernels
    from napari_fluoroinject.model.arrays import DoubleArray

Freedom = Literal["shift", "rigid"]
"""What a pose may do: move, or move and turn."""

_TOLERANCE_PX = 0.002
_LARGEST_STEP_PX = 2.0
"""A longer step leaves the range in which a picture is a plane: twice the fine sigma."""
_MEMORY = 8
"""Frames that the running template of the first pass remembers."""
_NEAREST = 3
"""Frames whose median pose the next one starts from: the fewest that outvote one."""
_FIRST = 3
"""The first pass starts here: the frames before may have another exposure and more noise."""
_RIDGE = 1e-6
"""Share of the strongest diagonal added to all: a blank picture then gives a step of zero."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Template:
    """What frames are laid over: a picture, and how far each pixel of each frame counts.

    `weight` is (frames, rows, columns), `gradient` the `slopes` of the picture, where they are
    known already.
    """

    picture: FloatArray
    weight: FloatArray
    gradient: FloatArray | None = None


def fit_poses(
    frames: FloatArray,
    template: Template,
    pose: DoubleArray,
    *,
    kernels: Kernels,
    iterations: int,
    freedom: Freedom,
) -> DoubleArray:
    """Return the poses (frames, 3) that lay each frame over the template, from `pose` on.

    Brightness offset is solved as a further unknown and thrown away. Forward-additive
    Gauss-Newton with the gradients of the template (Lucas and Kanade 1981; Baker and Matthews
    2004).
    """
    pose = pose.copy()
    radius = max(frames.shape[1:]) / 2
    gradient = slopes(template.picture) if template.gradient is None else template.gradient
    moving = np.arange(len(frames))
    for _ in range(iterations):
        aligned = kernels.warp(_picked(frames, moving), pose[moving])
        matrix, vector = kernels.motion_equations(
            aligned, template.picture, gradient, _picked(template.weight, moving)
        )
        if freedom == "shift":
            matrix, vector = _without_angle(matrix, vector)
        step = _solve(matrix, vector, radius)
        pose[moving] += step
        far = np.abs(step * (1, 1, radius)).max(axis=1) > _TOLERANCE_PX
        moving = moving[far]
        if not moving.size:
            break
    return pose


def first_poses(
    frames: FloatArray, field: FloatArray, *, kernels: Kernels, iterations: int
) -> DoubleArray:
    """Return rough poses (frames, 3): each frame starts from its neighbours' pose.

    The template is a running mean of the frames already aligned, so noise falls and slow change
    is followed; drift is left to the rounds that come after. The start is the median of the
    nearest poses: a frame that shows something else leads no other astray.
    """
    count = len(frames)
    pose = np.zeros((count, 3))
    first = min(_FIRST, count - 1)
    running = frames[first].copy()
    weight = field[None]
    onwards = ((k, slice(max(first, k - _NEAREST), k)) for k in range(first + 1, count))
    back = ((k, slice(k + 1, k + 1 + _NEAREST)) for k in range(first - 1, -1, -1))
    for order in (onwards, back):
        for age, (index, near) in enumerate(order):
            one = frames[index : index + 1]
            pose[index] = fit_poses(
                one,
                Template(picture=running, weight=weight),
                np.median(pose[near], axis=0, keepdims=True),
                kernels=kernels,
                iterations=iterations,
                freedom="shift",
            )[0]
            share = np.float32(1 / min(age + 2, _MEMORY))
            running += share * (kernels.warp(one, pose[index : index + 1])[0] - running)
    return pose


def slopes(picture: FloatArray) -> FloatArray:
    """Central differences, (2, rows, columns)."""
    down, right = np.gradient(picture)
    return np.stack([down, right]).astype(np.float32)


def _picked(frames: FloatArray, moving: npt.NDArray[np.int64]) -> FloatArray:
    """Frames that still move; not a copy where all do."""
    return frames if len(moving) == len(frames) else frames[moving]


def _without_angle(matrix: DoubleArray, vector: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """The same equations with the angle's step held at zero."""
    matrix, vector = matrix.copy(), vector.copy()
    free = matrix[:, 2, 2].copy()
    matrix[:, 2, :] = matrix[:, :, 2] = 0
    matrix[:, 2, 2] = free
    vector[:, 2] = 0
    return matrix, vector


def _solve(matrix: DoubleArray, vector: DoubleArray, radius: float) -> DoubleArray:
    # In units of the displacement at the rim the angle is as large as the shifts.
    unit = np.array([1.0, 1.0, 1 / radius, 1.0])
    matrix = matrix * unit[:, None] * unit[None, :]
    vector = vector * unit
    strongest = matrix.diagonal(axis1=1, axis2=2).max(axis=1)
    ridge = _RIDGE * strongest + np.finfo(np.float32).tiny
    matrix = matrix + ridge[:, None, None] * np.eye(4)
    step = np.linalg.solve(matrix, vector[..., None])[:, :3, 0]
    length = np.abs(step).max(axis=1, keepdims=True)
    step = step * np.minimum(1.0, _LARGEST_STEP_PX / np.maximum(length, 1e-12))
    result: DoubleArray = step * unit[:3]
    return result
