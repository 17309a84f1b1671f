"""What a scene is made of: site and landmarks of a procedure, twins, the scene as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from napari_fluoroinject.model.arrays import DoubleArray, read_only
from napari_fluoroinject.phantom.film import Film
from napari_fluoroinject.phantom.spine import Spine
from napari_fluoroinject.phantom.vessel import Course

RegionName = Literal["cervical", "thoracic", "lumbar", "sacral"]
Device = Literal["needle", "lead"]
RunOffKind = Literal["drawn", "transient", "persistent", "flash"]
LandmarkKind = Literal["point", "line", "area", "outline"]
Range = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Landmark:
    """A landmark of a procedure; points are patient millimetres.

    `points_mm` (n, 3) is a point, a line, or for an area a cloud whose outline is marked, or
    that outline itself, in its order.
    `beyond_mm` (3,) leads from a line to its far side, where the tip must not be. `views` are
    those in which a person marks it, none where nobody does; `level` names the vertebra of the
    first point where points count levels.
    """

    points_mm: DoubleArray
    kind: LandmarkKind = "line"
    views: tuple[str, ...] = ()
    beyond_mm: DoubleArray | None = None
    level: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "points_mm", read_only(np.array(self.points_mm), np.float64))
        if self.beyond_mm is not None:
            object.__setattr__(self, "beyond_mm", read_only(np.array(self.beyond_mm), np.float64))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Site:
    """One procedure in one patient; points in patient millimetres.

    `side` is +1 left, -1 right. `approach` is the unit vector from tip to hub, `courses` where
    vessels near the target run, `level` the target's name.
    """

    level: str
    side: int
    target_mm: DoubleArray
    tip_mm: DoubleArray
    approach: DoubleArray
    landmarks: Mapping[str, Landmark]
    courses: tuple[Course, ...]

    def __post_init__(self) -> None:
        for name in ("target_mm", "tip_mm", "approach"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Target (3,) of a needle and the unit vector (3,) from its tip to its hub."""

    target_mm: DoubleArray
    approach: DoubleArray


DrawAim = Callable[[Spine, str, int, np.random.Generator], Aim]
DrawLandmarks = Callable[[Spine, str, int], dict[str, Landmark]]
DrawCourses = Callable[[Spine, DoubleArray, int], tuple[Course, ...]]
DrawFilm = Callable[[Site, Spine, np.random.Generator], Film]
MoveTip = Callable[[Site, Spine, np.random.Generator], DoubleArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """What goes otherwise than intended in a scene.

    `warnings` must be raised in `views` (empty = all); `also` may be raised beside them, since
    they follow from the same fault. `intended`: contrast fills the intended space. `run_off` and
    whether it is `remote` from the tip; `film` draws a space that contrast fills instead or
    besides; `tip` gives the tip (3,) that does not stand at its target. `late_mask`: the loop
    begins when contrast is already there. `told` says what the record gets wrong.
    """

    warnings: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    intended: bool = True
    run_off: RunOffKind | None = None
    remote: bool = False
    film: DrawFilm | None = None
    tip: MoveTip | None = None
    late_mask: bool = False
    told: Literal["as_it_was", "medication_first", "other_side"] = "as_it_was"

    def expected(self, view: str) -> tuple[str, ...]:
        """The warnings that a loop in this view must raise."""
        return self.warnings if not self.views or view in self.views else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSpec:
    """One procedure's scene.

    `views` names C-arm positions as (oblique, tilt) ranges in degrees, oblique positive towards
    the side of the needle; the first is the default. Volumes, rates and levels are ranges to draw
    from. A scene without `film` is one without contrast. `gauges` empty = as usual; `supine` puts
    the detector before the patient instead of behind. `miss_mm` is the standard deviation, along
    each axis, of how far a tip that hits stands from its target.
    """

    region: RegionName = "lumbar"
    views: Mapping[str, tuple[Range, Range]]
    levels: tuple[str, ...]
    aim: DrawAim
    landmarks: DrawLandmarks
    courses: DrawCourses | None = None
    film: DrawFilm | None = None
    volume_ml: Range = (1.0, 1.0)
    rate_ml_s: Range = (0.5, 0.5)
    twins: Mapping[str, Twin] = field(default_factory=dict)
    device: Device = "needle"
    gauges: tuple[int, ...] = ()
    supine: bool = False
    miss_mm: float = 0.5
