"""The needle as it was found in the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_fluoroinject.model.arrays import DoubleArray, read_only
from napari_fluoroinject.model.geometry import Point, axis_deg


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Needle:
    """A needle's shaft and tip.

    Attributes
    ----------
    tip_px, hub_px
        In the geometry of `frame`. The hub end is where the shaft is last seen: a lower bound
        of its length.
    frame
        The frame whose geometry the points are in.
    tip_uncertainty_px, hub_uncertainty_px
        1 sigma along the axis.
    tip_by_frame_px, hub_by_frame_px
        (frames, 2) float64, (row, column) in each frame's own geometry; NaN where not followed.
    source
        `detected`, or `given` by a person.
    tip_end_by
        What told the tip from the hub: it `moved`, `contrast` left it, `centre` (how people
        aim; the weakest), or it was `given`.
    at_rest_from_frame
        First frame from which the needle stands still; 0 when it stood from the start.
    """

    tip_px: Point
    hub_px: Point
    frame: int
    tip_uncertainty_px: float
    hub_uncertainty_px: float
    tip_by_frame_px: DoubleArray
    hub_by_frame_px: DoubleArray
    source: Literal["detected", "given"]
    tip_end_by: Literal["moved", "contrast", "centre", "given"]
    at_rest_from_frame: int = 0

    def __post_init__(self) -> None:
        for name in ("tip_by_frame_px", "hub_by_frame_px"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))

    @property
    def axis_deg(self) -> float:
        """Angle from +column towards +row, pointing from hub to tip, in [0, 360)."""
        return axis_deg(self.hub_px, self.tip_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoNeedle:
    """The honest answer when no shaft passed: `reason` says what was looked for."""

    reason: str
