"""What a procedure asks of its spread, against the landmarks that a person marked."""

from __future__ import annotations

from functools import partial
from math import hypot, sqrt
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.measures.asked import Ask, Spread
from napari_fluoroinject.analysis.measures.border import BORDER_PX, with_border
from napari_fluoroinject.analysis.measures.columns import column_width_px, middle_opacity
from napari_fluoroinject.analysis.measures.lines import sides_px
from napari_fluoroinject.analysis.measures.seen import MARK_SIGMA_PX, Seen, unmeasured
from napari_fluoroinject.analysis.measures.shares import (
    compactness,
    levels_covered,
    levels_seen,
    share_beyond,
    share_left,
    share_within,
    touched_share,
)
from napari_fluoroinject.model.expected import expected_by
from napari_fluoroinject.model.likeness import told_by
from napari_fluoroinject.model.measurement import (
    CONTACT_LINES,
    LANDMARK_OF,
    MeasureId,
    Measurement,
)
from napari_fluoroinject.model.needle import Needle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_fluoroinject.model.annotation import Mark
    from napari_fluoroinject.model.arrays import BoolArray
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.procedure import Procedure

REACH_MM, REACH_PX = 1.5, 4.0
"""Contrast this near to a line touches it: the blur of the maps and a mark's own error."""


def spread_measurements(
    seen: Seen, spread: Spread | None, procedure: Procedure
) -> tuple[Measurement, ...]:
    """Measure what the procedure's patterns are told by; what cannot be had says why.

    Parameters
    ----------
    seen
        The loop, its marks and needle.
    spread
        None where there was nothing to subtract.
    procedure
        Whose patterns and warnings say what is measured, each once.
    """
    patterns = (*procedure.expected, *procedure.abnormal)
    asked = [*procedure.measures, *(one for pattern in patterns for one in pattern.measures)]
    asked += [one for warning in procedure.warnings for one in told_by(warning.id)]
    asked += [one for pattern in procedure.expected for one in expected_by(pattern.id)]
    taken = [one for one in dict.fromkeys(asked) if one in _TAKEN]
    return tuple(found for one in taken for found in _taken(one, seen, spread, procedure))


def _taken(
    what: MeasureId, seen: Seen, spread: Spread | None, procedure: Procedure
) -> Iterator[Measurement]:
    unit = _UNITS.get(what, "%")
    if what in _LENGTHS:
        unit = seen.length_unit + ("/s" if what == "front_speed" else "")
    if spread is None:
        yield unmeasured(seen, what, "no frames before contrast to subtract", unit=unit)
    elif not spread.region.any() and what not in ("tubularity", "path_length", "persistence"):
        yield unmeasured(seen, what, "no spread was seen", unit=unit)
    else:
        yield from _TAKEN[what](
            Ask(what=what, seen=seen, spread=spread, procedure=procedure, unit=unit)
        )


def _of_numbers(ask: Ask) -> Iterator[Measurement]:
    """What the spread's own numbers hold already."""
    numbers, name = ask.spread.numbers, _NUMBERS[ask.what]
    suffix = "mm" if ask.seen.loop.mm_per_px else "px"
    value = getattr(numbers, f"{name}_{suffix}{'_s' if ask.what == 'front_speed' else ''}")
    if value is None:
        yield ask.missing("it could not be followed")
        return
    if name in numbers.lower_bounds:
        yield ask.missing("contrast reaches the edge of the open field")
        return
    ends = sqrt(2) * BORDER_PX * ask.seen.length_per_px
    sigma = None if ask.what == "front_speed" else ends
    yield ask.found(value * (1 if suffix == "mm" else ask.seen.loop.binned), sigma)


def _levels(ask: Ask) -> Iterator[Measurement]:
    mark, why = ask.mark(LANDMARK_OF[ask.what])
    if mark is None:
        yield ask.missing(why)
        return
    volume_ml, why = _millilitres(ask)
    ends = levels_covered(ask.spread.region, mark.points_px)
    if ends is None:
        why = "the spread goes on beyond the end plates that were marked"
    elif "along" in ask.spread.numbers.lower_bounds:
        why = "contrast reaches the edge of the open field"
    if ends is None or why:
        yield ask.missing(why, of=mark.landmark)
        return
    sigma = _level_sigma(mark)
    yield ask.found((ends[1] - ends[0]) / volume_ml, sigma / volume_ml, of=mark.landmark)


def _levels_seen(ask: Ask) -> Iterator[Measurement]:
    """Levels of what lies along the end plates that were marked; the spread may go on."""
    mark, why = ask.mark(LANDMARK_OF[ask.what])
    if mark is None:
        yield ask.missing(why)
        return
    covered = levels_seen(ask.spread.region, mark.points_px)
    yield ask.found(covered, _level_sigma(mark), of=mark.landmark)


def _level_sigma(mark: Mark) -> float:
    """How uncertain border and marks make a number of levels."""
    length = float(np.hypot(*np.diff(np.asarray(mark.points_px), axis=0).T).sum())
    return sqrt(2) * hypot(BORDER_PX, MARK_SIGMA_PX) * (len(mark.points_px) - 1) / length


def _millilitres(ask: Ask) -> tuple[float, str]:
    """What levels are divided by, 1 where they are not, and why it is not known."""
    if ask.what == "levels":
        return 1.0, ""
    agent = ask.seen.annotation.agent
    if agent is None or agent.volume_ml is None:
        return 1.0, "the volume of contrast was not given"
    return agent.volume_ml, ""


def _beside_midline(ask: Ask) -> Iterator[Measurement]:
    """Share across the midline from the tip, or the near side's less the far side's."""
    mark, why = ask.mark(LANDMARK_OF[ask.what])
    if mark is None:
        yield ask.missing(why)
        return
    beyond, why = _beyond_midline(ask.seen, mark)
    if beyond is None:
        yield ask.missing(why, of=mark.landmark)
        return
    share, sigma = with_border(
        ask.spread.region, lambda r: share_beyond(r, mark.points_px, beyond)
    )
    if ask.what == "midline_crossing":
        yield ask.found(100 * share, 100 * sigma, of=mark.landmark)
    else:
        yield ask.found(100 * (1 - 2 * share), 200 * sigma, of=mark.landmark)


def _one_sided(ask: Ask) -> Iterator[Measurement]:
    """The fuller side's share less the other's: it takes no needle to say on which side one is."""
    mark, why = ask.mark(LANDMARK_OF[ask.what])
    if mark is None:
        yield ask.missing(why)
        return
    line = np.asarray(mark.points_px, np.float64)
    aside = line[0] + [-(line[-1] - line[0])[1], (line[-1] - line[0])[0]]
    there = (float(aside[0]), float(aside[1]))
    try:
        share, sigma = with_border(
            ask.spread.region, lambda r: share_beyond(r, mark.points_px, there)
        )
    except ValueError:
        yield ask.missing("the midline is a point", of=mark.landmark)
        return
    yield ask.found(100 * abs(1 - 2 * share), 200 * sigma, of=mark.landmark)


def _columns(ask: Ask) -> Iterator[Measurement]:
    """How wide the spread lies about the midline, or how opaque it is in its middle."""
    mark, why = ask.mark(LANDMARK_OF[ask.what])
    if mark is None:
        yield ask.missing(why)
        return
    region, wide = ask.spread.region, ask.what == "column_width"
    scale = ask.seen.length_per_px if wide else 100.0
    try:
        found = (
            column_width_px(region, mark.points_px)
            if wide
            else middle_opacity(region, ask.spread.peak_od, mark.points_px)
        )
    except ValueError:
        yield ask.missing("the midline is a point", of=mark.landmark)
        return
    if found is None:
        yield ask.missing("its opacity is not known", of=mark.landmark)
    elif wide and "across" in ask.spread.numbers.lower_bounds:
        yield ask.missing("contrast reaches the edge of the open field", of=mark.landmark)
    else:
        yield ask.found(scale * found[0], scale * found[1], of=mark.landmark)


def _beyond_midline(seen: Seen, mark: Mark) -> tuple[Point | None, str]:
    """A point across the midline from the tip; the tip itself must stand clear of it."""
    if not isinstance(seen.needle, Needle):
        return None, "no needle was found, so that neither side is the needle's"
    tip = seen.motion.in_reference_pose(seen.needle.tip_px, seen.needle.frame)
    line = np.asarray(mark.points_px, np.float64)
    aside = np.array([-(line[-1] - line[0])[1], (line[-1] - line[0])[0]])
    if not aside.any():
        return None, "the midline is a point"
    there = line[0] + aside
    try:
        off = float(sides_px([tip], mark.points_px, (float(there[0]), float(there[1])))[0])
    except ValueError as error:
        return None, str(error)
    if abs(off) < 2 * hypot(seen.needle.tip_uncertainty_px, BORDER_PX):
        return None, "the tip stands on the midline, so that neither side is the needle's"
    far = line[0] - np.sign(off) * aside
    return (float(far[0]), float(far[1])), ""


def _medial(ask: Ask) -> Iterator[Measurement]:
    mark, why = ask.mark(LANDMARK_OF[ask.what])
    if mark is None or mark.beyond_px is None:
        yield ask.missing(why or "the medial side of the pedicle line was not marked")
        return
    yield _share_beyond(ask, mark.landmark, mark.points_px, mark.beyond_px)


def _beyond_lines(ask: Ask) -> Iterator[Measurement]:
    """Share beyond each line of the procedure along which contrast should lie."""
    for landmark in ask.procedure.landmarks:
        if landmark.id not in CONTACT_LINES:
            continue
        mark, why = ask.mark(landmark.id)
        if mark is None or mark.beyond_px is None:
            why = why or f"the far side of the {landmark.name} was not marked"
            yield ask.missing(why, of=landmark.id)
        else:
            yield _share_beyond(ask, mark.landmark, mark.points_px, mark.beyond_px)


def _share_beyond(ask: Ask, landmark: str, points: Sequence[Point], beyond: Point) -> Measurement:
    try:
        share, sigma = with_border(ask.spread.region, lambda r: share_beyond(r, points, beyond))
    except ValueError as error:
        return ask.missing(str(error), of=landmark)
    return ask.found(100 * share, 100 * sigma, of=landmark)


def _touched(ask: Ask) -> Iterator[Measurement]:
    """Contact with each line of the procedure along which contrast should lie, or of the joint."""
    facing = ask.what == "line_contact"
    wanted = CONTACT_LINES if ask.what == "line_contact" else (LANDMARK_OF[ask.what],)
    mm = ask.seen.loop.mm_per_px
    reach = REACH_PX if mm is None else REACH_MM / mm
    for landmark in ask.procedure.landmarks:
        if landmark.id not in wanted:
            continue
        mark, why = ask.mark(landmark.id)
        if mark is None:
            yield ask.missing(why, of=landmark.id)
            continue
        share, sigma = with_border(
            ask.spread.region,
            partial(_touched_share, line_px=mark.points_px, reach_px=reach, facing=facing),
        )
        yield ask.found(100 * share, 100 * sigma, of=landmark.id)


def _overlaps(ask: Ask) -> Iterator[Measurement]:
    """Share of the spread within each area of the procedure."""
    for landmark in ask.procedure.landmarks:
        if landmark.kind != "area":
            continue
        mark, why = ask.mark(landmark.id)
        if mark is None:
            yield ask.missing(why, of=landmark.id)
            continue
        within = partial(share_within, corners_px=mark.points_px)
        share, sigma = with_border(ask.spread.region, within)
        yield ask.found(100 * share, 100 * sigma, of=landmark.id)


def _compactness(ask: Ask) -> Iterator[Measurement]:
    value, sigma = with_border(ask.spread.region, compactness)
    yield ask.found(value, sigma)


def _persistence(ask: Ask) -> Iterator[Measurement]:
    """What is left at the end of the most contrast that there was, in sums of opacity."""
    area, mean = ask.spread.numbers.area_by_frame_px, ask.spread.numbers.mean_od_by_frame
    left = share_left(np.where(area == 0, 0.0, area * mean))
    if isinstance(left, str):
        yield ask.missing(left)
    else:
        yield ask.found(100 * left[0], 100 * left[1])


def _run_off(ask: Ask) -> Iterator[Measurement]:
    found = ask.spread.run_off
    if ask.what == "tubularity":
        if found.score is None:
            yield ask.missing(found.reason or "not searched")
        else:
            yield ask.found(found.score, None)
    elif not found.alarmed or len(found.path_px) < 2:
        why = found.reason or "no run-off reached the alarm threshold"
        yield ask.missing(why)
    else:
        scale = ask.seen.length_per_px
        length = float(np.hypot(*np.diff(found.path_px, axis=0).T).sum()) * scale
        ends = sqrt(2) * BORDER_PX * scale
        yield ask.found(length, ends)


def _touched_share(
    region: BoolArray, line_px: Sequence[Point], *, reach_px: float, facing: bool
) -> float:
    return touched_share(region, line_px, reach_px=reach_px, facing=facing) or 0.0


_NUMBERS: dict[MeasureId, str] = {
    "cranio_caudal_extent": "along",
    "lateral_extent": "across",
    "front_speed": "front_speed",
}
_LENGTHS = (*_NUMBERS, "column_width", "path_length")
_UNITS: dict[MeasureId, str] = {
    "levels": "{levels}",
    "levels_seen": "{levels}",
    "levels_per_ml": "{levels}/mL",
    "compactness": "1",
    "tubularity": "1",
}
"""Units (UCUM) of what is neither a share nor a length."""
_TAKEN: dict[MeasureId, Callable[[Ask], Iterator[Measurement]]] = {
    "levels": _levels,
    "levels_seen": _levels_seen,
    "levels_per_ml": _levels,
    "cranio_caudal_extent": _of_numbers,
    "lateral_extent": _of_numbers,
    "front_speed": _of_numbers,
    "side_asymmetry": _beside_midline,
    "midline_crossing": _beside_midline,
    "one_sidedness": _one_sided,
    "column_width": _columns,
    "middle_opacity": _columns,
    "medial_to_pedicle": _medial,
    "line_contact": _touched,
    "beyond_line": _beyond_lines,
    "filled_joint_length": _touched,
    "area_overlap": _overlaps,
    "compactness": _compactness,
    "persistence": _persistence,
    "tubularity": _run_off,
    "path_length": _run_off,
}
"""How each measure of a spread is taken."""
