"""What a person says about a loop: needle, target, level, side."""

from __future__ import annotations

from dataclasses import dataclass

from napari_fluoroinject.model.geometry import Point, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedleTrajectory:
    """A needle as a person marked it, hub and tip in the geometry of `frame`."""

    hub_px: Point
    tip_px: Point
    frame: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """Everything a person gave for a loop; None = not said, and never guessed.

    `target_px` is in the geometry of the mask frames. `gauge` is the needle's (18 to 25).
    """

    needle: NeedleTrajectory | None = None
    target_px: Point | None = None
    gauge: int | None = None
    level: str | None = None
    side: Side | None = None
