"""How the anatomy moved, and when contrast came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray, read_only
from napari_fluoroinject.model.geometry import Point


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Motion:
    """Displacement of the anatomy in each frame.

    Attributes
    ----------
    shift_px
        (frames, 2) float64, (row, column): what stands at p in the reference pose stands at
        p + shift in frame k.
        The reference pose is that of the mask frames: their mean shift is zero.
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
    """

    shift_px: DoubleArray
    residual: DoubleArray
    locked: BoolArray
    bone_weight: FloatArray
    uncertainty_px: float

    def __post_init__(self) -> None:
        for name, dtype in (
            ("shift_px", np.float64),
            ("residual", np.float64),
            ("locked", np.bool_),
            ("bone_weight", np.float32),
        ):
            object.__setattr__(self, name, read_only(getattr(self, name), dtype))

    def in_reference_pose(self, point: Point, frame: int) -> Point:
        """Where a point of the anatomy seen in `frame` stands in the reference pose."""
        row, column = self.shift_px[frame]
        return point[0] - float(row), point[1] - float(column)


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
