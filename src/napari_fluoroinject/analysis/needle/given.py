"""A needle that a person marked in one frame, carried to the others by bone."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.model.geometry import length_px
from napari_fluoroinject.model.needle import Needle
from napari_fluoroinject.model.on_loop import SHORTEST_SHAFT_PX

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import RegisteredLoop
    from napari_fluoroinject.model.annotation import NeedleTrajectory
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.motion import Motion

HAND_SIGMA_PX = 1.5
"""How well a person marks a point on a screen: assumed, not measured."""


def given_needle(trajectory: NeedleTrajectory, registered: RegisteredLoop) -> Needle:
    """A person's hub and tip, carried to every frame by the motion of bone.

    Frames in which registration was lost get NaN, except the one that was marked. The
    uncertainty is that
    of a hand (`HAND_SIGMA_PX`).

    Parameters
    ----------
    trajectory
        Hub and tip in the geometry of `trajectory.frame`.
    registered
        The loop.

    Raises
    ------
    AnalysisError
        The frame does not exist, a point lies outside the picture, or hub and tip are too close.
    """
    frames, rows, columns = registered.ln.shape
    frame = trajectory.frame
    if not 0 <= frame < frames:
        raise AnalysisError(
            f"the needle was marked in frame {frame}, but the loop has frames 0 to {frames - 1}; "
            "give one of them (counted from 0)"
        )
    for name, point in (("hub", trajectory.hub_px), ("tip", trajectory.tip_px)):
        _check_inside(name, point, rows, columns)
    if length_px(trajectory.hub_px, trajectory.tip_px) < SHORTEST_SHAFT_PX:
        raise AnalysisError(
            f"hub {trajectory.hub_px} and tip {trajectory.tip_px} of the needle are less than "
            f"{SHORTEST_SHAFT_PX:g} px apart: too short for a direction; mark the shaft where it "
            "is first seen, then the tip"
        )
    return Needle(
        tip_px=trajectory.tip_px,
        hub_px=trajectory.hub_px,
        frame=frame,
        tip_uncertainty_px=HAND_SIGMA_PX,
        hub_uncertainty_px=HAND_SIGMA_PX,
        tip_by_frame_px=_carried(trajectory.tip_px, frame, registered.motion),
        hub_by_frame_px=_carried(trajectory.hub_px, frame, registered.motion),
        source="given",
        tip_end_by="given",
    )


def _check_inside(name: str, point: Point, rows: int, columns: int) -> None:
    row, column = point
    inside = -0.5 <= row <= rows - 0.5 and -0.5 <= column <= columns - 0.5
    if not (isfinite(row) and isfinite(column) and inside):
        raise AnalysisError(
            f"the {name} of the needle was marked at (row, column) = {point}, outside the "
            f"picture; expected rows 0 to {rows - 1} and columns 0 to {columns - 1}; mark it again"
        )


def _carried(point: Point, frame: int, motion: Motion) -> DoubleArray:
    everywhere = motion.all_in_frame(np.array(motion.in_reference_pose(point, frame)))
    carried = np.where(motion.locked[:, None], everywhere, np.nan)
    carried[frame] = point
    return carried
