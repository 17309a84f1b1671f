"""What a procedure asks of its spread, against the landmarks that a person marked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import hypot, sqrt
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.measures.border import BORDER_PX, with_border
from napari_fluoroinject.analysis.measures.lines import sides_px
from napari_fluoroinject.analysis.measures.seen import MARK_SIGMA_PX, Seen, unmeasured
from napari_fluoroinject.analysis.measures.shares import (
    compactness,
    levels_covered,
    levels_seen,
    share_beyond,
    share_within,
    touched_share,
)
from napari_fluoroinject.model.arrays import BoolArray
from napari_fluoroinject.model.expected import expected_by
from napari_fluoroinject.model.likeness import told_by
from napari_fluoroinject.model.measurement import (
    CONTACT_LINES,
    LANDMARK_OF,
    MeasureId,
    Measurement,
)
from napari_fluoroinject.model.needle import Needle
from napari_fluoroinject.model.procedure import Procedure
from napari_fluoroinject.model.spread import RunOff, SpreadMeasurements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_fluoroinject.model.annotation import Mark
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.geometry import Point

REACH_MM, REACH_PX = 1.5, 4.0
"""Contrast this near to a line touches it: the blur of the maps and a mark's own error."""
END_FRAMES = 3
"""So many frames at the end, and about the peak, are taken together for the persistence."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """The spread as its measures see it: region (rows, columns) in the reference pose."""

    region: BoolArray
    numbers: SpreadMeasurements
    run_off: RunOff


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ask:
    """One measure that is asked for, and what it is taken from."""

    what: MeasureId
    seen: Seen
    spread: Spread
    procedure: Procedure
    unit: str

    def found(self, value: float, sigma: float | None, *, of: str | None = None) -> Measurement:
        return Measurement(
            id=self.what, value=value, unit=self.unit, sigma=sigma, of=of, view=self.seen.view
        )

    def missing(self, why: str, *, of: str | None = None) -> Measurement:
        return unmeasured(self.seen, self.what, why, unit=self.unit, of=of)

    def mark(self, landmark: str) -> tuple[Mark | None, str]:
        """The mark of a landmark, or why there is none that serves in this view."""
        rule = next((one for one in self.procedure.landmarks if one.id == landmark), None)
        name = landmark.replace("_", " ") if rule is None else rule.name
        mark, view = self.seen.annotation.mark(landmark), self.seen.view
        if rule is not None and view is not None and view not in rule.views:
            return None, f"the {name} is told in {', '.join(rule.views)}, and this view is {view}"
        return mark, "" if mark is not None else f"the {name} was not marked"


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
            _Ask(what=what, seen=seen, spread=spread, procedure=procedure, unit=unit)
        )


def _of_numbers(ask: _Ask) -> Iterator[Measurement]:
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


def _levels(ask: _Ask) -> Iterator[Measurement]:
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


def _levels_seen(ask: _Ask) -> Iterator[Measurement]:
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


def _millilitres(ask: _Ask) -> tuple[float, str]:
    """What levels are divided by, 1 where they are not, and why it is not known."""
    if ask.what == "levels":
        return 1.0, ""
    agent = ask.seen.annotation.agent
    if agent is None or agent.volume_ml is None:
        return 1.0, "the volume of contrast was not given"
    return agent.volume_ml, ""


def _beside_midline(ask: _Ask) -> Iterator[Measurement]:
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


def _one_sided(ask: _Ask) -> Iterator[Measurement]:
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


def _medial(ask: _Ask) -> Iterator[Measurement]:
    mark, why = ask.mark(LANDMARK_OF[ask.what])
    if mark is None or mark.beyond_px is None:
        yield ask.missing(why or "the medial side of the pedicle line was not marked")
        return
    yield _share_beyond(ask, mark.landmark, mark.points_px, mark.beyond_px)


def _beyond_lines(ask: _Ask) -> Iterator[Measurement]:
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


def _share_beyond(ask: _Ask, landmark: str, points: Sequence[Point], beyond: Point) -> Measurement:
    try:
        share, sigma = with_border(ask.spread.region, lambda r: share_beyond(r, points, beyond))
    except ValueError as error:
        return ask.missing(str(error), of=landmark)
    return ask.found(100 * share, 100 * sigma, of=landmark)


def _touched(ask: _Ask) -> Iterator[Measurement]:
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


def _overlaps(ask: _Ask) -> Iterator[Measurement]:
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


def _compactness(ask: _Ask) -> Iterator[Measurement]:
    value, sigma = with_border(ask.spread.region, compactness)
    yield ask.found(value, sigma)


def _persistence(ask: _Ask) -> Iterator[Measurement]:
    """What is left at the end of the most contrast that there was, in sums of opacity."""
    area, mean = ask.spread.numbers.area_by_frame_px, ask.spread.numbers.mean_od_by_frame
    amount = np.where(area == 0, 0.0, area * mean)
    known: DoubleArray = amount[np.isfinite(amount)]
    if len(known) < 2 * END_FRAMES:
        yield ask.missing("too few frames with contrast")
    elif not np.isfinite(amount[-END_FRAMES:]).all():
        yield ask.missing("the last frames could not be judged")
    else:
        windows = np.lib.stride_tricks.sliding_window_view(known, END_FRAMES)
        smooth = np.median(windows, axis=1)
        most = float(smooth.max())
        if most <= 0:
            yield ask.missing("no spread was seen")
            return
        sigma = float(np.std(known[-END_FRAMES:])) / most
        yield ask.found(100 * float(smooth[-1]) / most, 100 * sigma)


def _run_off(ask: _Ask) -> Iterator[Measurement]:
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
_LENGTHS = (*_NUMBERS, "path_length")
_UNITS: dict[MeasureId, str] = {
    "levels": "{levels}",
    "levels_seen": "{levels}",
    "levels_per_ml": "{levels}/mL",
    "compactness": "1",
    "tubularity": "1",
}
"""Units (UCUM) of what is neither a share nor a length."""
_TAKEN: dict[MeasureId, Callable[[_Ask], Iterator[Measurement]]] = {
    "levels": _levels,
    "levels_seen": _levels_seen,
    "levels_per_ml": _levels,
    "cranio_caudal_extent": _of_numbers,
    "lateral_extent": _of_numbers,
    "front_speed": _of_numbers,
    "side_asymmetry": _beside_midline,
    "midline_crossing": _beside_midline,
    "one_sidedness": _one_sided,
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
