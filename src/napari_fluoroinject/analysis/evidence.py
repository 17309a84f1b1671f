"""All that a rule may look at."""

from __future__ import annotations

from dataclasses import dataclass

from napari_fluoroinject.analysis.registered import FOUND, MaskChoice
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.cine import CineLoop
from napari_fluoroinject.model.measurement import Measurement
from napari_fluoroinject.model.motion import Injection, Motion
from napari_fluoroinject.model.needle import Needle, NoNeedle
from napari_fluoroinject.model.spread import RunOff
from napari_fluoroinject.model.study import Study


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What was marked and measured in one loop.

    `measured` are the measures of the procedure; `illegible` says why no frame can be judged,
    None where there is a picture. `study` is None where nothing but the loop is known. `doubts`
    are sentences about what was measured.
    """

    loop: CineLoop
    annotation: Annotation
    motion: Motion
    injection: Injection
    needle: Needle | NoNeedle
    run_off: RunOff
    mask: MaskChoice = FOUND
    illegible: str | None = None
    measured: tuple[Measurement, ...] = ()
    study: Study | None = None
    doubts: tuple[str, ...] = ()
