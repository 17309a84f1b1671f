"""Places in the reference pose where contrast is known to be or cannot be judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.corridor import needle_corridor, path_band, tip_in_reference
from napari_fluoroinject.model.arrays import BoolArray
from napari_fluoroinject.model.needle import Needle, NoNeedle

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import RegisteredLoop
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.spread import RunOff

REACH_MM = 6.0
REACH_PX = 22.0
"""A part belongs to the injection if it comes this near to the tip."""
RUN_OFF_MM = 1.5
RUN_OFF_PX = 5.0
"""Half the width of the band along a run-off: half a vessel and the error of its path."""
STILL_PX = 0.75
"""A needle that moves less against the anatomy casts the same shadow in all frames."""
BESIDE_MM = 4.0
BESIDE_PX = 14.0
"""A hub reaches this far to either side of the needle's axis."""
_USUALLY = 0.75


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Where contrast is known to be or cannot be judged, (rows, columns) each.

    Attributes
    ----------
    tip
        Within reach of the needle's tip; empty where there is no needle.
    seen
        Within reach of where the onset showed most clearly; empty where that is not known.
    run_off
        Along a run-off that raised the alarm.
    moving
        Where a needle that moves against the anatomy leaves shadows.
    needle
        The needle's corridor.
    hub
        The same as wide as a hub.
    """

    tip: BoolArray
    seen: BoolArray
    run_off: BoolArray
    moving: BoolArray
    needle: BoolArray
    hub: BoolArray


def find_places(
    registered: RegisteredLoop, needle: Needle | NoNeedle, run_off: RunOff | None
) -> Places:
    """Say where the region is anchored, and where it cannot be seen."""
    shape = registered.field.shape
    mm_per_px = registered.loop.mm_per_px
    return Places(
        tip=_within_reach(
            None if isinstance(needle, NoNeedle) else tip_in_reference(registered, needle),
            registered,
        ),
        seen=_within_reach(registered.injection.seen_at_px, registered),
        run_off=(
            path_band(
                run_off.path_px, shape, half_width_px=in_px(RUN_OFF_MM, RUN_OFF_PX, mm_per_px)
            )
            if run_off is not None and run_off.alarmed
            else np.zeros(shape, dtype=np.bool_)
        ),
        moving=_moving_corridor(registered, needle),
        needle=needle_corridor(registered, needle),
        hub=needle_corridor(
            registered, needle, half_width_px=in_px(BESIDE_MM, BESIDE_PX, mm_per_px)
        ),
    )


def in_px(mm: float, px: float, mm_per_px: float | None) -> float:
    """A length in pixels: `mm` where there are millimetres, else `px`."""
    return px if mm_per_px is None else mm / mm_per_px


def _within_reach(point: Point | DoubleArray | None, registered: RegisteredLoop) -> BoolArray:
    shape = registered.field.shape
    if point is None:
        return np.zeros(shape, dtype=np.bool_)
    reach = in_px(REACH_MM, REACH_PX, registered.loop.mm_per_px)
    row = np.arange(shape[0])[:, None] - point[0]
    column = np.arange(shape[1])[None, :] - point[1]
    return np.asarray(row**2 + column**2 <= reach**2)


def _moving_corridor(registered: RegisteredLoop, needle: Needle | NoNeedle) -> BoolArray:
    """Where a needle that moves against the anatomy leaves shadows; empty if it stands still."""
    if isinstance(needle, NoNeedle):
        return np.zeros(registered.field.shape, dtype=np.bool_)
    injection, motion = registered.injection, registered.motion
    after = range(injection.onset_frame or 0, len(registered.ln))
    frames = [*registered.quiet_frames, *after]
    tips = motion.all_in_reference_pose(needle.tip_by_frame_px)[frames]
    before = np.nanmedian(tips[: len(registered.quiet_frames)], axis=0)
    away = np.hypot(*(tips - before).T)
    if not np.nanquantile(away, _USUALLY) > STILL_PX:
        return np.zeros(registered.field.shape, dtype=np.bool_)
    return needle_corridor(registered, needle, frames=tuple(frames))
