"""The schema of `procedures/*.toml`: what is known of a procedure, each fact with its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_fluoroinject.model.measurement import MeasureId
from napari_fluoroinject.model.sourced import Checked, Grade, Source, Sourced, Statement

WarningId = Literal[
    "vascular_uptake",
    "contrast_not_seen",
    "intrathecal_like",
    "subdural_like",
    "intradiscal_like",
    "retrodural_facet_like",
    "intramuscular_like",
    "intraosseous_like",
    "pleural_visceral_like",
    "tip_past_limit",
    "tip_off_target",
    "missing_view",
    "wrong_level_or_side",
    "order_violation",
    "dose_alert",
    "image_unfit",
]
Region = Literal["cervical", "thoracic", "lumbar", "sacral", "spine", "unknown"]
"""`spine` is any part of it; `unknown` only where no procedure was stated."""
Severity = Literal["critical", "high", "moderate", "info"]
LandmarkKind = Literal["point", "line", "area"]
TrajectoryKind = Literal[
    "coaxial",
    "coaxial_then_multiplanar",
    "no_trajectory_view",
    "not_coaxial",
    "parallel_to_nerve",
    "perpendicular",
    "multi_site",
    "shallow",
]
"""`coaxial`: the needle runs along the beam of the trajectory view, hub over tip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRule(Checked):
    """A C-arm view and what it is for.

    `oblique` is the turn towards the needle's side (ipsilateral positive, contralateral negative),
    `tilt` the detector's towards the head (positive) or the feet, both in degrees; what is set by
    looking rather than by a number stands in `until`. `needed` views are missed where no loop of
    the study shows them.
    """

    name: str
    role: str
    grade: Grade
    sources: tuple[str, ...] = ()
    note: str = ""
    oblique: Sourced | None = None
    tilt: Sourced | None = None
    until: str = ""
    needed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LandmarkRule(Checked):
    """What a person marks in a view: a point, a line of two or more points, or an area."""

    id: str
    name: str
    kind: LandmarkKind
    views: tuple[str, ...]
    grade: Grade
    sources: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRule(Checked):
    """Where the tip belongs, in words and by landmarks, with its tolerance.

    `places` says view by view what is looked for; `tolerance` is the distance from the marked
    target, `within` a landmark that is an area in which the tip belongs.
    """

    name: str
    places: tuple[Statement, ...] = ()
    tolerance: Sourced | None = None
    within: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrajectoryRule(Checked):
    """How the needle goes there; `angles` by name, in degrees."""

    kind: TrajectoryKind
    text: str
    grade: Grade
    sources: tuple[str, ...] = ()
    note: str = ""
    angles: dict[str, Sourced] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRule(Checked):
    """A line that the tip must not pass; `margin` is how far beyond it the tip may yet lie."""

    landmark: str
    beyond: str
    views: tuple[str, ...]
    grade: Grade
    sources: tuple[str, ...] = ()
    note: str = ""
    margin: Sourced | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard(Checked):
    """A structure or space that no line in the picture shows, and where it lies."""

    name: str
    where: str
    grade: Grade
    sources: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningRule(Checked):
    """A warning that applies to a procedure, with the score from which it is raised.

    `settings` are further numbers that the rule asks for, by name.
    """

    id: WarningId
    severity: Severity
    threshold: Sourced
    settings: dict[str, Sourced] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern(Checked):
    """How contrast spreads: what it looks like view by view, and what is measured to tell it.

    `label` is the class of its contrast in a segmentation (1 intended, 2 vascular, 3 other, 0
    none); `warning` is raised by an abnormal pattern; None where no rule can tell it yet.
    `settings` are the limits that an expected pattern is told by, by name.
    """

    id: str
    name: str
    kind: Literal["expected", "abnormal"]
    label: Literal[0, 1, 2, 3]
    looks: tuple[Statement, ...]
    measures: tuple[MeasureId, ...] = ()
    warning: WarningId | None = None
    settings: dict[str, Sourced] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure(Checked):
    """One procedure as data.

    `concept` and `anatomic_region` are (code value, scheme, meaning); `expected` and `abnormal`
    are patterns of contrast, `measures` what is measured besides them; `sources` are those that
    are cited. `contrast_first` says that contrast comes before medication, None where it does not
    hold. `clinician_signed_off` is stated, never assumed.
    """

    key: str
    name: str
    region: Region
    concept: tuple[str, str, str]
    anatomic_region: tuple[str, str, str] | None
    clinician_signed_off: bool
    expected_spread: str
    cpt: tuple[str, ...] = ()
    indications: tuple[Statement, ...] = ()
    position: Statement | None = None
    levels: Statement | None = None
    views: tuple[ViewRule, ...] = ()
    landmarks: tuple[LandmarkRule, ...] = ()
    target: TargetRule | None = None
    trajectory: TrajectoryRule | None = None
    limits: tuple[LimitRule, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    test_volume: Sourced | None = None
    injected_volume: Sourced | None = None
    contrast_first: Statement | None = None
    expected: tuple[Pattern, ...] = ()
    abnormal: tuple[Pattern, ...] = ()
    measures: tuple[MeasureId, ...] = ()
    incidences: dict[str, Sourced] | None = None
    figures: dict[str, Sourced] | None = None
    complications: tuple[Statement, ...] = ()
    bleeding_risk: Statement | None = None
    notes: tuple[Statement, ...] = ()
    warnings: tuple[WarningRule, ...] = ()
    sources: tuple[Source, ...] = ()
