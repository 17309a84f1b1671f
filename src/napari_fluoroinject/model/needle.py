"""The needle as it was found in the picture."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, degrees
from typing import Literal

import numpy as np

from napari_fluoroinject.model.annotation import NeedleTrajectory
from napari_fluoroinject.model.arrays import DoubleArray, read_only
from napari_fluoroinject.model.geometry import Point, axis_deg, length_px


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedleKind:
    """What is known of a needle without looking at the picture; None = not said.

    `length_mm` is from hub to tip.
    """

    gauge: int | None = None
    length_mm: float | None = None


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
        What told the tip from the hub: it `moved`, the other end leaves the open field (`edge`)
        or widens into a `hub`, `contrast` left it, `centre` (how people aim; the weakest), or it
        was `given`.
    at_rest_from_frame
        First frame from which the needle stands still; 0 when it stood from the start.
    sag_px
        How far the middle of the shaft lies off the chord from hub to tip, positive towards
        (row, column) = (cos, -sin) of `axis_deg`, in every frame; None where it was not measured.
        Between the ends it is a parabola (`bow_px`).
    """

    tip_px: Point
    hub_px: Point
    frame: int
    tip_uncertainty_px: float
    hub_uncertainty_px: float
    tip_by_frame_px: DoubleArray
    hub_by_frame_px: DoubleArray
    source: Literal["detected", "given"]
    tip_end_by: Literal["moved", "edge", "hub", "contrast", "centre", "given"]
    at_rest_from_frame: int = 0
    sag_px: float | None = None

    def __post_init__(self) -> None:
        for name in ("tip_by_frame_px", "hub_by_frame_px"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))

    @property
    def axis_deg(self) -> float:
        """Angle of the chord from hub to tip, from +column towards +row, in [0, 360)."""
        return axis_deg(self.hub_px, self.tip_px)

    @property
    def tip_axis_deg(self) -> float:
        """Angle in which the tip points: that of the chord, turned by the bend of the shaft."""
        length = length_px(self.hub_px, self.tip_px)
        return (self.axis_deg - degrees(atan2(4.0 * (self.sag_px or 0.0), length))) % 360.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoNeedle:
    """The honest answer when no shaft passed: `reason` says what was looked for."""

    reason: str


def as_marked(needle: Needle, picture: tuple[int, int]) -> NeedleTrajectory:
    """A found needle as a person would mark it: its ends are in the picture of rows and columns.

    A shaft that leaves the picture is marked up to where it leaves.
    """
    tip = tuple(
        min(max(one, 0.0), last - 1.0) for one, last in zip(needle.tip_px, picture, strict=True)
    )
    share = 1.0
    for begin, end, count in zip(tip, needle.hub_px, picture, strict=True):
        if not 0.0 <= end <= count - 1.0:
            share = min(share, (min(max(end, 0.0), count - 1.0) - begin) / (end - begin))
    hub = tuple(
        begin + share * (end - begin) for begin, end in zip(tip, needle.hub_px, strict=True)
    )
    return NeedleTrajectory(hub_px=(hub[0], hub[1]), tip_px=(tip[0], tip[1]), frame=needle.frame)


def bow_px(share: DoubleArray, sag_px: float | None) -> DoubleArray:
    """How far a shaft of that sag lies off its chord at shares of the way from end to end.

    A parabola between the ends, 0 and 1; beyond them it goes straight on. None is no sag.
    """
    within = np.clip(share, 0.0, 1.0)
    beyond = np.minimum(share, 0.0) + np.minimum(1.0 - share, 0.0)
    bow: DoubleArray = 4.0 * (sag_px or 0.0) * (within * (1.0 - within) + beyond)
    return bow
