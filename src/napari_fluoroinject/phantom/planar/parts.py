"""All that a scene of the second family is made of, and what passes through it in a frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray
from napari_fluoroinject.phantom.planar import imaging
from napari_fluoroinject.phantom.planar.acquisition import Acquisition, draw_acquisition
from napari_fluoroinject.phantom.planar.bones import Column, draw_bones, draw_column
from napari_fluoroinject.phantom.planar.canvas import Canvas, moved, prepared
from napari_fluoroinject.phantom.planar.catalogue import (
    WITH_INTENDED_SPREAD,
    WITH_RUN_OFF,
    PlanarSpec,
    planar_spec,
)
from napari_fluoroinject.phantom.planar.movement import Movement, draw_movement
from napari_fluoroinject.phantom.planar.run_off import RunOff, draw_run_off
from napari_fluoroinject.phantom.planar.spread import Plunger, Spread, draw_plunger, draw_spread
from napari_fluoroinject.phantom.planar.steel import Approach, Needle, draw_needle, steel
from napari_fluoroinject.phantom.planar.tissue import Gas, carve_gas, draw_gas, draw_soft
from napari_fluoroinject.phantom.settings import PhantomSettings
from napari_fluoroinject.phantom.streams import stream

LEAST_MG_CM2 = 1e-3
"""Thinner iodine (an opacity of 1e-5) counts as none."""
_MARGIN_MM = 14.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parts:
    """All that a scene is made of; `bone` and `soft` are spline coefficients over the canvas."""

    key: str
    spec: PlanarSpec
    settings: PhantomSettings
    canvas: Canvas
    column: Column
    acquisition: Acquisition
    movement: Movement
    lines: imaging.Lines
    typical_g_cm2: float
    bone: FloatArray
    soft: FloatArray
    gas: tuple[Gas, ...]
    needle: Needle
    plunger: Plunger
    spread: Spread | None
    run_off: RunOff | None

    def iodine(self, frame: int) -> FloatArray | None:
        """Iodine over the canvas in the reference pose, mg/cm2; None while there is none."""
        time_s = float(self.acquisition.times_s[frame])
        film = None if self.spread is None else self.spread.iodine(time_s)
        vessels = None if self.run_off is None else self.run_off.iodine(time_s)
        if film is None or self.spread is None:
            return vessels
        total = np.zeros((self.canvas.cells, self.canvas.cells), np.float32)
        total[self.spread.window] = film
        return total if vessels is None else total + vessels


def assemble(key: str, settings: PhantomSettings) -> Parts:
    """Draw everything; twins of one seed share all but the contrast."""
    spec = planar_spec(key, twin=settings.twin, view=settings.view)
    anatomy = stream(settings.seed, "anatomy", "planar", key)
    column = draw_column(spec.column_mm, spec.oblique_deg, anatomy)
    typical = float(anatomy.uniform(16.0, 23.0))
    shot = draw_acquisition(settings, typical, stream(settings.seed, "acquisition", "planar", key))
    canvas = Canvas(
        size=settings.size,
        margin_px=int(_MARGIN_MM / shot.mm_per_px),
        mm_per_px=shot.mm_per_px,
        target_px=shot.target_px,
    )
    movement = draw_movement(
        settings.motion,
        shot.times_s,
        shot.mask_frames,
        mm_per_px=shot.mm_per_px,
        random=stream(settings.seed, "motion", "planar", key),
    )
    plunger, spread, run_off = _contrast(key, settings, canvas, column, shot)
    bone = draw_bones(canvas, column, anatomy)
    soft = draw_soft(canvas, typical, anatomy)
    gas = draw_gas(canvas, paths_px=movement.gas_px, phases=movement.churn, random=anatomy)
    return Parts(
        key=key,
        spec=spec,
        settings=settings,
        canvas=canvas,
        column=column,
        acquisition=shot,
        movement=movement,
        lines=imaging.lines_of(shot.kvp),
        typical_g_cm2=typical,
        bone=prepared(bone),
        soft=prepared(soft),
        gas=gas,
        needle=_needle(spec, settings, column, shot, movement),
        plunger=plunger,
        spread=spread,
        run_off=run_off,
    )


def passing(parts: Parts, frame: int) -> tuple[FloatArray, FloatArray]:
    """What passes in a frame without and with contrast; the same array when there is none."""
    move, canvas = parts.movement, parts.canvas
    shift, turn = pair(move.bone_px[frame]), float(move.rot_deg[frame])
    bone = np.maximum(moved(parts.bone, canvas, shift, turn), 0)
    soft = moved(parts.soft, canvas, pair(move.soft_px[frame]))
    for bubble in parts.gas:
        carve_gas(soft, bubble, frame)
    iodine = parts.iodine(frame)
    if iodine is not None:
        iodine = moved(prepared(iodine), canvas, shift, turn)
        iodine[iodine < LEAST_MG_CM2] = 0.0
    without, behind = imaging.shadow(
        parts.lines.transmissions(soft, bone, parts.typical_g_cm2),
        parts.lines,
        steel=steel(parts.needle, frame, size=canvas.size) if parts.settings.needle else None,
        iodine_g_cm2=None if iodine is None else iodine * np.float32(1e-3),
    )
    return without, without if iodine is None else behind


def _needle(
    spec: PlanarSpec,
    settings: PhantomSettings,
    column: Column,
    shot: Acquisition,
    movement: Movement,
) -> Needle:
    random = stream(settings.seed, "pose", "planar", spec.procedure)
    heading = np.radians(random.uniform(*spec.away_deg))
    away = np.array([np.cos(heading), column.side * np.sin(heading)])
    return draw_needle(
        Approach(
            tip_px=shot.target_px,
            away=away,
            short_of_px=shot.short_of_mm / shot.mm_per_px,
            mm_per_px=shot.mm_per_px,
            source_mm=shot.sod_mm,
        ),
        movement,
        size=settings.size,
        gauge=settings.gauge,
        stylet=settings.stylet,
        random=random,
    )


def _contrast(
    key: str, settings: PhantomSettings, canvas: Canvas, column: Column, shot: Acquisition
) -> tuple[Plunger, Spread | None, RunOff | None]:
    spec = planar_spec(key, twin=settings.twin, view=settings.view)
    flow = stream(settings.seed, "flow", "planar", key)
    plunger = draw_plunger(spec.volume_ml, spec.rate_ml_s, onset_s=shot.onset_s, random=flow)
    spread = run_off = None
    if settings.twin in WITH_INTENDED_SPREAD:
        spread = draw_spread(key, canvas, column, plunger, flow)
    if settings.twin in WITH_RUN_OFF:
        stays = {"vascular": False, "vascular_persistent": True}
        run_off = draw_run_off(
            canvas,
            remote=settings.twin == "vascular_remote",
            persistent=stays.get(settings.twin),
            onset_s=(shot.onset_s, float(shot.times_s[-1])),
            iodine_mg_ml=plunger.iodine_mg_ml,
            random=stream(settings.seed, "vessel", "planar", key),
        )
    return plunger, spread, run_off


def pair(value: DoubleArray) -> tuple[float, float]:
    """Two numbers of an array as plain floats."""
    return float(value[0]), float(value[1])
