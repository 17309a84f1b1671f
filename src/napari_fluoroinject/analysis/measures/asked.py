"""One measure of a spread that is asked for, and what it is taken from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.measures.seen import Seen, unmeasured
from napari_fluoroinject.model.arrays import BoolArray, FloatArray
from napari_fluoroinject.model.measurement import MeasureId, Measurement
from napari_fluoroinject.model.procedure import Procedure
from napari_fluoroinject.model.spread import RunOff, SpreadMeasurements

if TYPE_CHECKING:
    from napari_fluoroinject.model.annotation import Mark


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """The spread as its measures see it in the reference pose.

    Region and peak opacity are (rows, columns), the opacity NaN where it is not known.
    """

    region: BoolArray
    peak_od: FloatArray
    numbers: SpreadMeasurements
    run_off: RunOff


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ask:
    """One measure that is asked for, and what it is taken from."""

    what: MeasureId
    seen: Seen
    spread: Spread
    procedure: Procedure
    unit: str

    def found(self, value: float, sigma: float | None, *, of: str | None = None) -> Measurement:
        """The value with its standard deviation, in the measure's unit."""
        return Measurement(
            id=self.what, value=value, unit=self.unit, sigma=sigma, of=of, view=self.seen.view
        )

    def missing(self, why: str, *, of: str | None = None) -> Measurement:
        """Why there is none."""
        return unmeasured(self.seen, self.what, why, unit=self.unit, of=of)

    def mark(self, landmark: str) -> tuple[Mark | None, str]:
        """The mark of a landmark, or why there is none that serves in this view."""
        rule = next((one for one in self.procedure.landmarks if one.id == landmark), None)
        name = landmark.replace("_", " ") if rule is None else rule.name
        mark, view = self.seen.annotation.mark(landmark), self.seen.view
        if rule is not None and view is not None and view not in rule.views:
            return None, f"the {name} is told in {', '.join(rule.views)}, and this view is {view}"
        return mark, "" if mark is not None else f"the {name} was not marked"
