"""Small registered loops with a film, a vessel or a bubble of gas, whose truth is drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, IntensityScale, LoopReference
from napari_fluoroinject.model.geometry import Calibration
from napari_fluoroinject.model.motion import Injection, Motion
from napari_fluoroinject.model.spread import NoiseModel, OpacityScale

SIZE, FRAMES, ONSET = 128, 90, 15
EVENT_FRAME = ONSET + 15
VESSEL = np.stack(
    [60 - 45 * np.linspace(0, 1, 200), 62 + 45 * np.linspace(0, 1, 200) ** 1.6], axis=1
)
"""The drawn vessel's course, (points, 2) as (row, column)."""

Contents = Literal["nothing", "transient", "persistent"]


def drawn_opacity(
    contents: Contents,
    *,
    vessel_od: float = 0.3,
    film_od: float = 0.5,
    sigma_od: float = 0.1,
    frames: int = FRAMES,
    seed: int = 0,
) -> np.ndarray:
    """Opacity (frames, 128, 128) of a growing film and a vessel, in white noise."""
    rng = np.random.default_rng(seed)
    od = rng.normal(0.0, sigma_od, (frames, SIZE, SIZE)).astype(np.float32)
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(float)
    travel = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(VESSEL, axis=0), axis=1))])
    for frame in range(ONSET, frames):
        reach = 8 + 16 * min((frame - ONSET) / 50, 1.0)
        away = np.hypot((rows - 70) / 1.6, columns - 60) / reach
        od[frame] += film_od * np.sqrt(np.clip(1 - away, 0.0, 1.0)).astype(np.float32)
        front = 3.0 * (frame - EVENT_FRAME)
        rear = front - 45.0 if contents == "transient" else -1.0
        filled = VESSEL[(travel <= front) & (travel >= rear)]
        if contents != "nothing" and len(filled):
            od[frame] += vessel_od * drawn_line(filled)
    return od


def drawn_line(points: np.ndarray) -> np.ndarray:
    """A line about two pixels wide through points, 1 on its axis."""
    line = np.zeros((SIZE, SIZE), np.float32)
    row, column = np.rint(points).astype(int).T
    line[row, column] = 1
    return np.minimum(gaussian_filter(line, 0.9) / 0.35, 1.0)


def registered_scene(
    od: np.ndarray, *, onset: int | None = ONSET, anatomy: np.ndarray | None = None
) -> tuple[Opacity, RegisteredLoop]:
    """What the search is given: opacity, and a loop that stands still."""
    frames, rows, columns = od.shape
    still = np.zeros((rows, columns), np.float32) if anatomy is None else anatomy
    mask = tuple(range(3, min(ONSET, frames)))
    registered = RegisteredLoop(
        loop=_loop(frames, rows, columns),
        ln=np.broadcast_to(still.astype(np.float32), od.shape) - od,
        field=np.ones((rows, columns), bool),
        motion=_still(frames, rows, columns),
        injection=Injection(mask_frames=mask, onset_frame=onset, onset_score=9.0),
    )
    opacity = Opacity(
        od=od,
        valid=np.ones((rows, columns), bool),
        residue=np.ones((rows, columns), np.float32),
        scale=OpacityScale(
            scale=1.0,
            relative_uncertainty=0.05,
            scatter_to_primary=0.0,
            scatter_to_primary_sigma=0.0,
            basis=(),
        ),
        noise=NoiseModel(a=1.0, lag1_time=0.0, lag1_space=0.0, pixel_sigma_od=0.1),
    )
    return opacity, registered


def with_loop(registered: RegisteredLoop, **changes: Any) -> RegisteredLoop:
    """The same with another loop, for instance without frame times."""
    return replace(registered, loop=replace(registered.loop, **changes))


def with_motion(registered: RegisteredLoop, **changes: Any) -> RegisteredLoop:
    """The same with another motion, for instance with frames that are not locked."""
    return replace(registered, motion=replace(registered.motion, **changes))


def on_the_vessel(path_px: np.ndarray, *, within_px: float = 4.0) -> float:
    """Share of a path's nodes that lie on the drawn vessel."""
    away = np.linalg.norm(path_px[:, None] - VESSEL[None], axis=2).min(axis=1)
    return float((away <= within_px).mean())


def _loop(frames: int, rows: int, columns: int) -> CineLoop:
    return CineLoop(
        frames=ArrayFrames(np.zeros((frames, rows, columns), np.uint8)),
        times_s=np.arange(frames) / 15.0,
        intensity=IntensityScale(relationship="linear", ln_beam=np.zeros(256, np.float32)),
        reference=LoopReference(
            study_instance_uid="1.2",
            series_instance_uid="1.2.3",
            sop_instance_uid="1.2.3.4",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.12.1",
        ),
        sha256="0" * 64,
        calibration=Calibration(mm_per_px=0.58, basis="iso_sid_sod"),
    )


def _still(frames: int, rows: int, columns: int) -> Motion:
    return Motion(
        shift_px=np.zeros((frames, 2)),
        residual=np.ones(frames),
        locked=np.ones(frames, bool),
        bone_weight=np.ones((rows, columns)),
        uncertainty_px=0.05,
    )
