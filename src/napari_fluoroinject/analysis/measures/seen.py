"""What measures are taken from, and how one says that it could not be taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.cine import CineLoop
from napari_fluoroinject.model.measurement import Measurement
from napari_fluoroinject.model.motion import Motion
from napari_fluoroinject.model.needle import Needle, NoNeedle

if TYPE_CHECKING:
    from napari_fluoroinject.model.measurement import MeasureId

MARK_SIGMA_PX = 1.0
"""1 sigma of a point that a person marks, across a line: half a screen pixel at twofold zoom and
as much again for the edge itself; proposed here, no reader study stands behind it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """One loop as measures see it; `view` is its name in the procedure, None where not known."""

    loop: CineLoop
    annotation: Annotation
    motion: Motion
    needle: Needle | NoNeedle
    view: str | None

    @property
    def length_unit(self) -> str:
        """Millimetres of the calibrated plane, else pixels (UCUM)."""
        return "mm" if self.loop.mm_per_px else "{pixels}"

    @property
    def length_per_px(self) -> float:
        """How much of `length_unit` a pixel of the loop is: pixels are those of the file."""
        return self.loop.mm_per_px or float(self.loop.binned)


def unmeasured(
    seen: Seen, what: MeasureId, why: str, *, unit: str, of: str | None = None
) -> Measurement:
    """Say why there is no such measure; nothing is put in its place."""
    return Measurement(id=what, value=None, unit=unit, of=of, view=seen.view, reason=why)
