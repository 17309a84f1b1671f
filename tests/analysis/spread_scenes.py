"""Small loops with a film of contrast that grows from a tip, of which everything is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, IntensityScale, LoopReference
from napari_fluoroinject.model.geometry import Calibration
from napari_fluoroinject.model.motion import Injection, Motion
from napari_fluoroinject.model.needle import Needle, NoNeedle
from napari_fluoroinject.model.spread import NoiseModel, OpacityScale

SIZE = 128
FRAMES = 40
ONSET = 14
MASK = tuple(range(2, 12))
INTERVAL_S = 0.1
TIP = (64.0, 60.0)
HUB = (104.0, 100.0)
SPEED_PX = 1.5
FULL = 1000.0
MM_PER_PX = 0.3
DETECTOR_MM_PER_PX = 0.41


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a loop is made of; `quanta` per pixel at full signal, None = no noise at all."""

    plateau_od: float = 0.4
    scatter_to_primary: float = 0.0
    quanta: float | None = None
    size: int = SIZE
    quantitative: bool = True
    contrast: bool = True
    calibrated: bool = True
    detector_known: bool = True
    times_s: np.ndarray | None = None
    timeless: bool = False
    gain: float = 1.0
    drift_px: tuple[float, float] = (0.0, 0.0)
    seed: int = 1


NO_NEEDLE = NoNeedle(reason="none was drawn")


def true_od(scene: Scene) -> np.ndarray:
    """(frames, rows, columns): a disc whose edge moves outwards by 1.5 px per frame."""
    row, column = np.mgrid[: scene.size, : scene.size].astype(float)
    far = np.hypot(row - TIP[0], column - TIP[1])
    front = SPEED_PX * np.maximum(np.arange(FRAMES) - ONSET, 0.0)[:, None, None]
    od = scene.plateau_od * np.clip((front - far) / 3.0, 0.0, 1.0)
    return od * float(scene.contrast)


def make_loop(
    scene: Scene = Scene(),
) -> tuple[RegisteredLoop, Needle, np.ndarray]:  # a frozen value
    """A registered loop, its needle (which casts no shadow), and the true opacity."""
    random = np.random.default_rng(scene.seed)
    od = true_od(scene)
    row, column = np.mgrid[: scene.size, : scene.size] / scene.size
    beam = np.exp(-0.4 * np.sin(5 * row) * np.cos(4 * column))
    primary = beam * np.exp(-od)
    k = scene.scatter_to_primary
    width = 25.0 / DETECTOR_MM_PER_PX
    veil = np.stack([gaussian_filter(frame, width, mode="nearest") for frame in primary])
    signal = (primary + k * veil) / (1 + k) if k else primary
    if scene.quanta is not None:
        signal = random.poisson(signal * scene.quanta) / scene.quanta
    stored = np.clip(np.rint(signal * FULL), 1, 4095).astype(np.uint16)
    return registered(stored, scene), needle_of(scene), od


def registered(stored: np.ndarray, scene: Scene) -> RegisteredLoop:
    """Stored values as a loop that stands still."""
    loop = CineLoop(
        frames=ArrayFrames(stored),
        times_s=times_of(scene),
        intensity=IntensityScale(
            relationship="linear" if scene.quantitative else "display",
            ln_beam=np.log(np.maximum(np.arange(4096), 0.5) * scene.gain).astype(np.float32),
        ),
        reference=LoopReference(
            study_instance_uid="1.2",
            series_instance_uid="1.3",
            sop_instance_uid="1.4",
            sop_class_uid="1.5",
        ),
        sha256="",
        calibration=Calibration(mm_per_px=MM_PER_PX, basis="iso_sid_sod")
        if scene.calibrated
        else None,
        detector_mm_per_px=DETECTOR_MM_PER_PX if scene.detector_known else None,
        kvp=80.0,
    )
    return RegisteredLoop(
        loop=loop,
        ln=loop.intensity.ln(stored),
        field=np.ones((scene.size, scene.size), dtype=bool),
        motion=motion_of(scene),
        injection=Injection(
            mask_frames=MASK,
            onset_frame=ONSET if scene.contrast else None,
            onset_score=20.0 if scene.contrast else 0.0,
        ),
    )


def times_of(scene: Scene) -> np.ndarray | None:
    if scene.timeless:
        return None
    return np.arange(FRAMES) * INTERVAL_S if scene.times_s is None else scene.times_s


def motion_of(scene: Scene) -> Motion:
    """Still, or a drift at constant speed after the mask frames."""
    along = np.maximum(np.arange(FRAMES) - MASK[-1], 0.0)[:, None]
    return Motion(
        shift_px=along * np.asarray(scene.drift_px),
        residual=np.ones(FRAMES),
        locked=np.ones(FRAMES, dtype=bool),
        bone_weight=np.ones((scene.size, scene.size)),
        uncertainty_px=0.03,
    )


def needle_of(scene: Scene, *, moves_px: float = 0.0) -> Needle:
    """A needle at rest in the anatomy; `moves_px` is how far it goes sideways after onset."""
    shift = motion_of(scene).shift_px
    aside = np.zeros((FRAMES, 2))
    aside[ONSET:, 0] = moves_px
    return Needle(
        tip_px=TIP,
        hub_px=HUB,
        frame=0,
        tip_uncertainty_px=0.3,
        hub_uncertainty_px=0.5,
        tip_by_frame_px=np.asarray(TIP) + shift + aside,
        hub_by_frame_px=np.asarray(HUB) + shift + aside,
        source="given",
        tip_end_by="given",
    )


def opacity_of(od: np.ndarray, *, lag1: float = 0.0, scaled: bool = True) -> Opacity:
    """An opacity stack as if it had been measured."""
    return Opacity(
        od=od.astype(np.float32),
        valid=np.ones(od.shape[1:], dtype=bool),
        residue=np.ones(od.shape[1:], dtype=np.float32),
        scale=OpacityScale(
            scale=1.0 if scaled else None,
            relative_uncertainty=0.05 if scaled else None,
            scatter_to_primary=0.0 if scaled else None,
            scatter_to_primary_sigma=0.1 if scaled else None,
            basis=(),
        ),
        noise=NoiseModel(a=1.0, lag1_time=lag1, lag1_space=0.0, pixel_sigma_od=0.02),
    )


def noisy(od: np.ndarray, sigma: float, seed: int = 3) -> np.ndarray:
    """The stack with white noise and the mask frames' mean taken off, as measuring does."""
    seen = od + np.random.default_rng(seed).normal(0.0, sigma, od.shape)
    return seen - seen[list(MASK)].mean(axis=0)


def unlocked(loop: RegisteredLoop, frames: list[int]) -> RegisteredLoop:
    """The loop with some frames lost by the registration."""
    locked = loop.motion.locked.copy()
    locked[frames] = False
    return replace(loop, motion=replace(loop.motion, locked=locked))
