"""Every measure that a procedure asks for, in the order of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.measures.asked import Spread
from napari_fluoroinject.analysis.measures.leads import lead_measurements
from napari_fluoroinject.analysis.measures.seen import Seen, unmeasured
from napari_fluoroinject.analysis.measures.shaft import shaft_measurements
from napari_fluoroinject.analysis.measures.spread import spread_measurements
from napari_fluoroinject.analysis.measures.tip import tip_measurements

if TYPE_CHECKING:
    from napari_fluoroinject.model.lead import Lead
    from napari_fluoroinject.model.measurement import Measurement
    from napari_fluoroinject.model.procedure import Procedure
    from napari_fluoroinject.model.spread import RunOff, SpreadMaps, SpreadMeasurements


def measure_for(
    procedure: Procedure,
    seen: Seen,
    maps: SpreadMaps | None,
    numbers: SpreadMeasurements | None,
    run_off: RunOff,
    *,
    leads: tuple[Lead, ...] = (),
) -> tuple[Measurement, ...]:
    """Measure tip, shaft and spread against the procedure's landmarks.

    Parameters
    ----------
    procedure
        Says what is measured.
    seen
        The loop, its marks and needle.
    maps, numbers, run_off
        What contrast did; without maps and numbers, the spread's measures say that there are none.
    leads
        The stimulator's leads that were found, for procedures that place one.
    """
    spread = None
    if maps is not None and numbers is not None:
        spread = Spread(region=maps.region, peak_od=maps.peak_od, numbers=numbers, run_off=run_off)
    taken = (
        *tip_measurements(seen, procedure),
        *shaft_measurements(seen, procedure),
        *spread_measurements(seen, spread, procedure),
        *lead_measurements(seen, leads, procedure),
    )
    known = {one.id for one in taken}
    untaken = (measure for measure in procedure.measures if measure not in known)
    why = "this version cannot measure it"
    return (*taken, *(unmeasured(seen, measure, why, unit="1") for measure in untaken))
