"""Units that numbers of a procedure must have where the product computes with them."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.model.procedure import Procedure
    from napari_fluoroinject.model.sourced import Sourced

_WARNING_UNITS = {"tip_past_limit": "mm", "tip_off_target": "mm"}


def wrong_units(procedure: Procedure) -> Iterator[str]:
    """Tell numbers that have another unit than is computed with, or no sense, by their path."""
    for at, number, unit, least in _computed_with(procedure):
        if number is None:
            continue
        if unit is not None and number.unit != unit:
            yield f"{at}.unit: seen {number.unit!r}; expected {unit!r}"
        for name, value in (("low", number.low), ("high", number.high)):
            if not isfinite(value) or (least is not None and value < least):
                above = "a finite number" if least is None else f"{least:g} or more"
                yield f"{at}.{name}: seen {value:g}; expected {above}"


def _computed_with(
    procedure: Procedure,
) -> Iterator[tuple[str, Sourced | None, str | None, float | None]]:
    """Path, number, unit (None = any) and least value (None = any finite one)."""
    for i, view in enumerate(procedure.views):
        yield f"views.{i}.oblique", view.oblique, "deg", None
        yield f"views.{i}.tilt", view.tilt, "deg", None
    for i, limit in enumerate(procedure.limits):
        yield f"limits.{i}.margin", limit.margin, "mm", 0.0
    yield "target.tolerance", procedure.target.tolerance if procedure.target else None, "mm", 0.0
    yield "test_volume", procedure.test_volume, "mL", 0.0
    yield "injected_volume", procedure.injected_volume, "mL", 0.0
    for i, warning in enumerate(procedure.warnings):
        # all but the distance beyond a limit are divided by
        least = 0.0 if warning.id == "tip_past_limit" else 1e-6
        unit = _WARNING_UNITS.get(warning.id)
        yield f"warnings.{i}.threshold", warning.threshold, unit, least
    numbers = {**(procedure.incidences or {}), **(procedure.figures or {})}
    for name, number in numbers.items():
        yield name, number, None, None
