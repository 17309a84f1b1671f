"""Units and bounds of the numbers of a procedure that the product computes with."""

from __future__ import annotations

from math import inf, isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.model.measurement import MeasureId
    from napari_fluoroinject.model.procedure import Procedure
    from napari_fluoroinject.model.sourced import Sourced

LIMIT_UNITS: dict[MeasureId, tuple[str, float]] = {
    "area_overlap": ("%", 100.0),
    "beyond_line": ("%", 100.0),
    "column_width": ("mm", 500.0),
    "compactness": ("1", 1.0),
    "cranio_caudal_extent": ("mm", 500.0),
    "filled_joint_length": ("%", 100.0),
    "lateral_extent": ("mm", 500.0),
    "levels": ("levels", 24.0),
    "levels_per_ml": ("levels/mL", 24.0),
    "levels_seen": ("levels", 24.0),
    "line_contact": ("%", 100.0),
    "medial_to_pedicle": ("%", 100.0),
    # of the middle against the fainter side: it may well be denser than that
    "middle_opacity": ("%", 200.0),
    "one_sidedness": ("%", 100.0),
}
"""Unit of the limit that a measure is held against, and what no limit can be above: a whole, a
length that no detector shows, the vertebrae from C1 to L5."""
MOST_THRESHOLD = {"score": 10.0, "mm": 100.0}
"""Scores end at 10, so that a higher threshold could never be reached; other units as `_MOST`."""
_MOST = 100.0
"""Above this a distance of the tip, a volume or a count is a slip of the pen."""
_MOST_DEG = {"oblique": 180.0, "tilt": 90.0}
_WIDEST_VIEW_DEG = 90.0
"""Two views that are farther apart than this, AP and lateral, cannot be one view."""


def wrong_units(procedure: Procedure) -> Iterator[str]:
    """Tell numbers that have another unit than is computed with, or no sense, by their path."""
    for at, number, unit, (least, most) in _computed_with(procedure):
        if number is None:
            continue
        if unit is not None and number.unit != unit:
            yield f"{at}.unit: seen {number.unit!r}; expected {unit!r}"
        for name, value in (("low", number.low), ("high", number.high)):
            if not isfinite(value) or not least <= value <= most:
                yield f"{at}.{name}: seen {value:g}; expected {_between(least, most)}"


def wide_views(procedure: Procedure) -> Iterator[str]:
    """Tell ranges of angles that are no one view."""
    for i, view in enumerate(procedure.views):
        for name, angle in (("oblique", view.oblique), ("tilt", view.tilt)):
            if angle is not None and angle.high - angle.low > _WIDEST_VIEW_DEG:
                width = angle.high - angle.low
                yield (
                    f"views.{i}.{name}: seen a range of {width:g} deg; expected "
                    f"{_WIDEST_VIEW_DEG:g} deg at most, for more are not one view"
                )


def wrong_limits(at: str, settings: dict[str, Sourced]) -> Iterator[str]:
    """Tell limits of patterns, by the names of their settings, that no measure can be held to."""
    for name, number in settings.items():
        unit, most = next(
            (one for measure, one in LIMIT_UNITS.items() if name.partition("_")[2] == measure),
            (number.unit, inf),
        )
        if number.unit != unit:
            yield f"{at}.settings.{name}.unit: seen {number.unit!r}; expected {unit!r}"
        for value in dict.fromkeys((number.low, number.high)):
            if not (isfinite(value) and 0 < value <= most):
                above = "" if most == inf else f" and not above {most:g} {unit}"
                yield f"{at}.settings.{name}: seen {value:g}; expected above 0, and finite{above}"
        greatest = settings.get(f"most_{name.removeprefix('least_')}")
        if name.startswith("least_") and greatest is not None and number.high > greatest.low:
            yield (
                f"{at}.settings.{name}: seen {number.high:g}, above most_{name[6:]}, which is "
                f"{greatest.low:g}; no spread can be both"
            )


def _computed_with(
    procedure: Procedure,
) -> Iterator[tuple[str, Sourced | None, str | None, tuple[float, float]]]:
    """Path, number, unit (None = any), least and greatest value."""
    for i, view in enumerate(procedure.views):
        for name, angle in (("oblique", view.oblique), ("tilt", view.tilt)):
            yield f"views.{i}.{name}", angle, "deg", (-_MOST_DEG[name], _MOST_DEG[name])
    for i, limit in enumerate(procedure.limits):
        yield f"limits.{i}.margin", limit.margin, "mm", (0.0, _MOST)
    tolerance = procedure.target.tolerance if procedure.target else None
    yield "target.tolerance", tolerance, "mm", (0.0, _MOST)
    yield "test_volume", procedure.test_volume, "mL", (0.0, _MOST)
    yield "injected_volume", procedure.injected_volume, "mL", (0.0, _MOST)
    for i, warning in enumerate(procedure.warnings):
        # all but the distance beyond a limit are divided by
        least = 0.0 if warning.id == "tip_past_limit" else 1e-6
        most = MOST_THRESHOLD.get(warning.threshold.unit, _MOST)
        yield f"warnings.{i}.threshold", warning.threshold, None, (least, most)
    numbers = {**(procedure.incidences or {}), **(procedure.figures or {})}
    for name, number in numbers.items():
        yield name, number, None, (-inf, inf)


def _between(least: float, most: float) -> str:
    if most == inf:
        return "a finite number"
    return f"{least:g} or more, and not above {most:g}"
