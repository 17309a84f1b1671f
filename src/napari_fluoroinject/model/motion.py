"""How the anatomy moved, and when contrast came."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray, read_only
from napari_fluoroinject.model.geometry import Point


def _no_turn() -> DoubleArray:
    return np.empty(0)


def _one_scene() -> BoolArray:
    return np.empty(0, dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Motion:
    """Displacement of the anatomy in each frame.

    What stands at p in the reference pose stands at c + R(angle) (p - c) + shift in frame k, c
    being the centre of the picture and R(a) (row, column) = (row cos a + column sin a,
    column cos a - row sin a). The reference pose is that of the mask frames: their mean shift and
    their mean angle are zero.

    Attributes
    ----------
    shift_px
        (frames, 2) float64, (row, column): how far the centre of the picture has moved.
    angle_rad
        (frames,) float64: turn about that centre, from +column towards +row; 0 where none is
        known, and by default.
    residual
        (frames,) robust sigma of the aligned residual over what is usual in the loop: 1 is
        ordinary.
    locked
        (frames,) False where the registration was lost; such frames are not assessable.
    bone_weight
        (rows, columns) float32, 0 to 1: how far each pixel of the reference pose was trusted to
        move with bone.
    uncertainty_px
        1 sigma of one frame's shift, both axes pooled.
    other_scene
        (frames,) True where the picture is of something else (another view, place, magnification
        or patient) for as long as some frames; such a frame is not locked. None by default.
    """

    shift_px: DoubleArray
    residual: DoubleArray
    locked: BoolArray
    bone_weight: FloatArray
    uncertainty_px: float
    angle_rad: DoubleArray = field(default_factory=_no_turn)
    other_scene: BoolArray = field(default_factory=_one_scene)

    def __post_init__(self) -> None:
        if not len(self.angle_rad):
            object.__setattr__(self, "angle_rad", np.zeros(len(self.shift_px)))
        if not len(self.other_scene):
            object.__setattr__(self, "other_scene", np.zeros(len(self.shift_px), dtype=np.bool_))
        for name, dtype in (
            ("shift_px", np.float64),
            ("angle_rad", np.float64),
            ("residual", np.float64),
            ("locked", np.bool_),
            ("bone_weight", np.float32),
            ("other_scene", np.bool_),
        ):
            object.__setattr__(self, name, read_only(getattr(self, name), dtype))

    def in_reference_pose(self, point: Point, frame: int) -> Point:
        """Where a point of the anatomy seen in `frame` stands in the reference pose."""
        row, column = self.all_in_reference_pose(np.array(point), frame)
        return float(row), float(column)

    def in_frame(self, point: Point, frame: int) -> Point:
        """Where a point of the reference pose stands in `frame`."""
        row, column = self.all_in_frame(np.array(point), frame)
        return float(row), float(column)

    def all_in_reference_pose(
        self, points_px: DoubleArray, frames: npt.ArrayLike | None = None
    ) -> DoubleArray:
        """Where points (..., 2) seen in `frames` stand in the reference pose; (..., 2).

        One frame is that of every point, several are one for each, and one point is seen in all
        of them. None = every frame.
        """
        shift_px, angle_rad = self._pose(frames)
        here = points_px - shift_px
        return here + self._turned(here, -angle_rad)

    def all_in_frame(
        self, points_px: DoubleArray, frames: npt.ArrayLike | None = None
    ) -> DoubleArray:
        """Where points (..., 2) of the reference pose stand in `frames`, as above; (..., 2)."""
        shift_px, angle_rad = self._pose(frames)
        return points_px + shift_px + self._turned(points_px, angle_rad)

    def _pose(self, frames: npt.ArrayLike | None) -> tuple[DoubleArray, DoubleArray]:
        if frames is None:
            return self.shift_px, self.angle_rad
        chosen = np.asarray(frames, dtype=np.int64)
        return self.shift_px[chosen], self.angle_rad[chosen]

    def _turned(self, points_px: DoubleArray, angle_rad: DoubleArray) -> DoubleArray:
        """By how much a turn about the centre moves points; nothing where the angle is 0."""
        rows, columns = self.bone_weight.shape
        y, x = points_px[..., 0] - (rows - 1) / 2, points_px[..., 1] - (columns - 1) / 2
        sine, less = np.sin(angle_rad), 2 * np.sin(angle_rad / 2) ** 2
        return np.stack([sine * x - less * y, -sine * y - less * x], axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """When contrast came.

    Attributes
    ----------
    mask_frames
        Frames before it.
    onset_frame
        First frame whose exposure contains contrast, None when none was seen.
    onset_score
        Strength of the evidence in standard deviations.
    seen_at_px
        (row, column) in the reference pose where the evidence is strongest; None = not known.
    """

    mask_frames: tuple[int, ...]
    onset_frame: int | None
    onset_score: float
    seen_at_px: Point | None = None
