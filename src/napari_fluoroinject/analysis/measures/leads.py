"""Where a stimulator's leads lie: contacts, offset from the midline, level of the tip."""

from __future__ import annotations

from math import hypot
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.measures.lines import sides_px
from napari_fluoroinject.analysis.measures.seen import MARK_SIGMA_PX, Seen, unmeasured
from napari_fluoroinject.model.lead import Lead, level_at
from napari_fluoroinject.model.measurement import LANDMARK_OF, MeasureId, Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_fluoroinject.model.procedure import Procedure


def asks_for_leads(procedure: Procedure) -> bool:
    """Whether a procedure's measures need the leads to be found."""
    return any(measure in _TAKEN for measure in procedure.measures)


def lead_measurements(
    seen: Seen, leads: tuple[Lead, ...], procedure: Procedure
) -> tuple[Measurement, ...]:
    """Measure the leads of one examination; what cannot be had says why.

    `contact_positions` is how many contacts were found; where they lie is said by the leads.
    `lead_midline_offset` is one value for each contact, in order, positive to the right of the
    picture; `lead_level` how many levels the tip's contact lies below the first marked end plate.
    """
    return tuple(
        one
        for measure in procedure.measures
        if measure in _TAKEN
        for one in _TAKEN[measure](seen, leads)
    )


def _contacts(seen: Seen, leads: tuple[Lead, ...]) -> Iterator[Measurement]:
    if not leads:
        yield unmeasured(seen, "contact_positions", _NONE, unit="1")
    for lead in leads:
        count = float(len(lead.contacts_px))
        yield Measurement(id="contact_positions", value=count, unit="1", view=seen.view)


def _offsets(seen: Seen, leads: tuple[Lead, ...]) -> Iterator[Measurement]:
    what: MeasureId = "lead_midline_offset"
    mark = seen.annotation.mark(LANDMARK_OF[what])
    unit = seen.length_unit
    if mark is None or not leads:
        why = _NONE if mark is not None else "the midline was not marked"
        yield unmeasured(seen, what, why, unit=unit)
        return
    if seen.view is not None and seen.view != "AP":
        why = f"it is measured in AP, and this view is {seen.view}"
        yield unmeasured(seen, what, why, unit=unit, of=mark.landmark)
        return
    right = max(point[1] for point in mark.points_px) + 1e4
    scale = seen.length_per_px
    for lead in leads:
        try:
            off = sides_px(lead.contacts_px, mark.points_px, (mark.points_px[0][0], right))
        except ValueError as error:
            yield unmeasured(seen, what, str(error), unit=unit, of=mark.landmark)
            return
        sigma = hypot(lead.sigma_px, MARK_SIGMA_PX) * scale
        for value in off:
            yield Measurement(
                id=what,
                value=float(value) * scale,
                unit=unit,
                sigma=sigma,
                of=mark.landmark,
                view=seen.view,
            )


def _levels(seen: Seen, leads: tuple[Lead, ...]) -> Iterator[Measurement]:
    what: MeasureId = "lead_level"
    mark = seen.annotation.mark(LANDMARK_OF[what])
    if mark is None or not leads:
        why = _NONE if mark is not None else "the end plates were not marked"
        yield unmeasured(seen, what, why, unit="1")
    elif any(lead.order == "unknown" for lead in leads):
        why = "at which end the wire leaves was not seen, so that the tip is not known"
        yield unmeasured(seen, what, why, unit="1", of=mark.landmark)
    else:
        for lead in leads:
            yield _level(seen, lead, np.asarray(mark.points_px, np.float64))


def _level(seen: Seen, lead: Lead, plates_px: np.ndarray) -> Measurement:
    of = LANDMARK_OF["lead_level"]
    value = level_at(lead.contacts_px[0], plates_px)
    if value is None:
        why = "the tip lies beyond the end plates that were marked"
        return unmeasured(seen, "lead_level", why, unit="1", of=of)
    pitch = float(np.linalg.norm(np.diff(plates_px, axis=0), axis=1).mean())
    sigma = hypot(lead.sigma_px, MARK_SIGMA_PX) / pitch
    return Measurement(id="lead_level", value=value, unit="1", sigma=sigma, of=of, view=seen.view)


def _migration(seen: Seen, _leads: tuple[Lead, ...]) -> Iterator[Measurement]:
    why = "it takes two examinations: `fluoroinject migration` compares them"
    yield unmeasured(seen, "lead_migration", why, unit=seen.length_unit)


_NONE = "no lead was found"
_TAKEN: dict[MeasureId, Callable[[Seen, tuple[Lead, ...]], Iterator[Measurement]]] = {
    "contact_positions": _contacts,
    "lead_midline_offset": _offsets,
    "lead_level": _levels,
    "lead_migration": _migration,
}
