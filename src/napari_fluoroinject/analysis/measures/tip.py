"""Where the tip stands: against the lines that it must not pass, and against the target."""

from __future__ import annotations

from math import hypot
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.measures.areas import place_in_area
from napari_fluoroinject.analysis.measures.lines import direction_across, signed_distance_px
from napari_fluoroinject.analysis.measures.seen import MARK_SIGMA_PX, Seen, unmeasured
from napari_fluoroinject.model.geometry import length_px
from napari_fluoroinject.model.measurement import Measurement
from napari_fluoroinject.model.needle import Needle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.measurement import MeasureId
    from napari_fluoroinject.model.procedure import LimitRule, Procedure

ACROSS_SIGMA_PX = 0.3
"""1 sigma of a detected tip across its shaft (benchmark, synthetic loops)."""


def tip_measurements(seen: Seen, procedure: Procedure) -> tuple[Measurement, ...]:
    """Measure the tip against every limit of the procedure and against the marked target.

    Lengths are millimetres of the calibrated plane, else pixels; what cannot be had says why.
    """
    within = procedure.target.within if procedure.target else None
    return (
        *(_past(seen, limit) for limit in procedure.limits),
        *_off_target(seen),
        *(() if within is None else (_in_area(seen, within),)),
    )


def off_target_sigma_px(needle: Needle) -> float:
    """Return 1 sigma of the distance between the tip and a target that a person marked."""
    return hypot(needle.tip_uncertainty_px, MARK_SIGMA_PX)


def _past(seen: Seen, limit: LimitRule) -> Measurement:
    """Distance of the tip beyond one line."""
    mark = seen.annotation.mark(limit.landmark)
    if seen.view is not None and seen.view not in limit.views:
        elsewhere = f"it is measured in {', '.join(limit.views)}, and this view is {seen.view}"
        return _not_past(seen, elsewhere, limit)
    if mark is None or mark.beyond_px is None:
        missing = "the line" if mark is None else f"its {limit.beyond} side"
        return _not_past(seen, f"{missing} was not marked", limit)
    if not isinstance(seen.needle, Needle):
        return _not_past(seen, "no needle was found", limit)
    tip = _tip(seen, seen.needle)
    try:
        value = signed_distance_px(tip, mark.points_px, mark.beyond_px)
    except ValueError as error:
        return _not_past(seen, str(error), limit)
    across = direction_across(tip, mark.points_px)
    sigma = hypot(_tip_sigma_px(seen.needle, across), MARK_SIGMA_PX)
    return _length(seen, "tip_to_line", value, sigma, of=limit.landmark)


def _not_past(seen: Seen, why: str, limit: LimitRule) -> Measurement:
    return unmeasured(seen, "tip_to_line", why, unit=seen.length_unit, of=limit.landmark)


def _off_target(seen: Seen) -> Iterator[Measurement]:
    target = seen.annotation.target_px
    if target is None:
        yield unmeasured(seen, "tip_to_target", "no target was marked", unit=seen.length_unit)
    elif not isinstance(seen.needle, Needle):
        yield unmeasured(seen, "tip_to_target", "no needle was found", unit=seen.length_unit)
    else:
        sigma = off_target_sigma_px(seen.needle)
        yield _length(seen, "tip_to_target", length_px(_tip(seen, seen.needle), target), sigma)


def _in_area(seen: Seen, landmark: str) -> Measurement:
    """Where the tip stands between the middle of an area (0) and its border (1)."""
    mark = seen.annotation.mark(landmark)
    why = "the area was not marked" if mark is None else "no needle was found"
    if mark is None or not isinstance(seen.needle, Needle):
        return unmeasured(seen, "tip_in_area", why, unit="1", of=landmark)
    tip = _tip(seen, seen.needle)
    place = place_in_area(tip, mark.points_px)
    if place is None:
        why = "the area has no width"
        return unmeasured(seen, "tip_in_area", why, unit="1", of=landmark)
    share, border_px = place
    sigma = hypot(seen.needle.tip_uncertainty_px, MARK_SIGMA_PX) / border_px
    return Measurement(
        id="tip_in_area", value=share, unit="1", sigma=sigma, of=landmark, view=seen.view
    )


def _tip(seen: Seen, needle: Needle) -> Point:
    return seen.motion.in_reference_pose(needle.tip_px, needle.frame)


def _tip_sigma_px(needle: Needle, across: np.ndarray) -> float:
    """Uncertainty of the tip along a direction: large along the shaft, small across it."""
    way = np.subtract(needle.tip_px, needle.hub_px)
    length = float(np.hypot(*way))
    share = abs(float(way @ across)) / length if length > 0 else 1.0
    return hypot(needle.tip_uncertainty_px * share, ACROSS_SIGMA_PX)


def _length(
    seen: Seen, what: MeasureId, value_px: float, sigma_px: float, *, of: str | None = None
) -> Measurement:
    return Measurement(
        id=what,
        value=value_px * seen.length_per_px,
        sigma=sigma_px * seen.length_per_px,
        unit=seen.length_unit,
        of=of,
        view=seen.view,
    )
