"""The result of one analysis: everything that is written, drawn or shown comes from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.cine import CineLoop
from napari_fluoroinject.model.expectation import ExpectedPattern
from napari_fluoroinject.model.geometry import length_px
from napari_fluoroinject.model.lead import Lead
from napari_fluoroinject.model.measurement import Measurement
from napari_fluoroinject.model.motion import Injection, Motion
from napari_fluoroinject.model.needle import Needle, NoNeedle
from napari_fluoroinject.model.procedure import Procedure, Severity
from napari_fluoroinject.model.spread import (
    NoiseModel,
    OpacityScale,
    RunOff,
    SpreadMaps,
    SpreadMeasurements,
)
from napari_fluoroinject.model.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One warning of the contract's list; at a `score` of 1 the threshold is reached."""

    id: str
    severity: Severity
    text: str
    score: float
    frames: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessable:
    """How much of the loop could be judged, and why not all of it.

    `not_judged` are the frames that could not be, rising.
    """

    frames: int
    of: int
    reasons: tuple[str, ...]
    not_judged: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What made a result; `parameters` are (name, value) pairs in a fixed order."""

    software: str
    version: str
    backend: Literal["reference", "cpu", "cuda"]
    device: str
    backend_version: str
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Report:
    """What was found in one loop.

    `maps` and `measurements` are None where opacity could not be had at all (no mask frames);
    `noise` likewise. `measured` are the measures of the procedure, with or without a value;
    `leads` were found where the procedure places one.
    `study` is what is known of the loop's study, None where nothing; `reminders` are sentences of
    the checklist that hold for what was said and recorded. `expected` says how far the contrast
    shows the patterns that the procedure expects.
    """

    loop: CineLoop
    procedure: Procedure
    annotation: Annotation
    motion: Motion
    injection: Injection
    needle: Needle | NoNeedle
    opacity: OpacityScale
    noise: NoiseModel | None
    maps: SpreadMaps | None
    measurements: SpreadMeasurements | None
    run_off: RunOff
    findings: tuple[Finding, ...]
    assessable: Assessable
    provenance: Provenance
    measured: tuple[Measurement, ...] = ()
    leads: tuple[Lead, ...] = ()
    study: Study | None = None
    reminders: tuple[str, ...] = ()
    expected: tuple[ExpectedPattern, ...] = ()

    @property
    def tip_target_px(self) -> float | None:
        """Distance of tip and target in pixels, in the reference pose; None without either."""
        if self.annotation.target_px is None or not isinstance(self.needle, Needle):
            return None
        tip = self.motion.in_reference_pose(self.needle.tip_px, self.needle.frame)
        return length_px(tip, self.annotation.target_px)

    @property
    def tip_target_mm(self) -> float | None:
        """The same in millimetres of the calibrated plane; None when uncalibrated."""
        distance_px, mm_per_px = self.tip_target_px, self.loop.mm_per_px
        return None if distance_px is None or mm_per_px is None else distance_px * mm_per_px
