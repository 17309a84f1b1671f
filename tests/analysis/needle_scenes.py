"""Small analytic scenes for the needle tests: anatomy, bone edges, a steel line, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi

from napari_fluoroinject.analysis.registered import RegisteredLoop
from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, IntensityScale, LoopReference
from napari_fluoroinject.model.geometry import Calibration
from napari_fluoroinject.model.motion import Injection, Motion

MM_PER_PX = 0.28
ONSET = 14
POINT_PX, BLUR_PX, SIGMA_PX = 2.5, 0.9, 1.05
HUB_PX = 8.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """A registered loop and where its needle is in every frame, (frames, 2); None without one."""

    registered: RegisteredLoop
    tip_px: np.ndarray | None
    hub_px: np.ndarray | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSettings:
    """What is drawn; lengths in px, opacities in natural-log units.

    `hub` is the opacity of a metal hub behind the shaft, `pool_px` where contrast collects (None =
    about the tip). `sag_px` is how far the middle of the shaft lies off its chord, towards
    (row, column) = (cos, -sin) of the angle from hub to tip; `wave_px` the amplitude of one wave
    along it.
    """

    seed: int = 0
    size: int = 192
    frames: int = 24
    noise: float = 0.05
    needle: bool = True
    opacity: float = 0.45
    tip_px: tuple[float, float] = (98.0, 104.0)
    hub_px: tuple[float, float] = (30.0, 40.0)
    breathing_px: float = 1.5
    tip_gain: float = 0.95
    skin_gain: float = 0.6
    advance_px: float = 0.0
    sag_px: float = 0.0
    wave_px: float = 0.0
    sigma_px: float = SIGMA_PX
    wiggle_px: float = 0.0
    contrast: float = 0.3
    hub: float = 0.0
    pool_px: tuple[float, float] | None = None
    mm_per_px: float | None = MM_PER_PX


def make_scene(settings: SceneSettings) -> Scene:
    """A loop with truth: bone breathes; tip and hub follow in part, advance early, wiggle."""
    rng = np.random.default_rng(settings.seed)
    size, frames = settings.size, settings.frames
    phase = np.linspace(0, 2 * np.pi, frames, endpoint=False)
    shift = settings.breathing_px * np.stack([np.sin(phase), 0.3 * np.cos(phase)], axis=1)
    shift -= shift[2 : ONSET - 2].mean(axis=0)
    anatomy = _anatomy(rng, size)
    tip, hub = _needle_track(settings, shift, rng)
    ln = np.empty((frames, size, size), np.float32)
    for k in range(frames):
        opacity = ndi.shift(anatomy, shift[k], order=1, mode="nearest")
        if settings.needle:
            shaft = draw_shaft(
                size, tip[k], hub[k], sag_px=settings.sag_px, wave_px=settings.wave_px,
                sigma_px=settings.sigma_px,
            )  # fmt: skip
            opacity += settings.opacity * shaft
            if settings.hub:
                opacity += settings.hub * _draw_hub(size, tip[k], hub[k])
        if k >= ONSET:
            pool = np.asarray(settings.pool_px or settings.tip_px)
            opacity += settings.contrast * _pool(size, pool + shift[k], k)
        noise = ndi.gaussian_filter(rng.standard_normal((size, size)), 0.7)
        ln[k] = 6.0 - opacity + settings.noise * noise / noise.std()
    registered = _registered(settings, ln, shift)
    if not settings.needle:
        return Scene(registered=registered, tip_px=None, hub_px=None)
    return Scene(registered=registered, tip_px=tip, hub_px=hub)


def draw_shaft(
    size: int,
    tip: np.ndarray,
    hub: np.ndarray,
    *,
    sag_px: float = 0.0,
    wave_px: float = 0.0,
    sigma_px: float = SIGMA_PX,
) -> np.ndarray:
    """A blurred line of unit opacity whose point is ground over `POINT_PX`, (size, size)."""
    rows, columns = np.mgrid[:size, :size].astype(float)
    length = float(np.hypot(*(tip - hub)))
    axis = (tip - hub) / length
    along = (rows - hub[0]) * axis[0] + (columns - hub[1]) * axis[1]
    across = (rows - hub[0]) * axis[1] - (columns - hub[1]) * axis[0]
    share = np.clip(along / length, 0, 1)
    across -= 4 * sag_px * share * (1 - share) + wave_px * np.sin(2 * np.pi * share)
    fine = np.arange(-8.0, length + 8.0, 0.1)
    steel = np.clip((length - fine) / POINT_PX, 0, 1) * (fine > 0)
    profile = ndi.gaussian_filter1d(steel, BLUR_PX / 0.1)
    return np.exp(-0.5 * (across / sigma_px) ** 2) * np.interp(along, fine, profile)


def _draw_hub(size: int, tip: np.ndarray, hub: np.ndarray) -> np.ndarray:
    """A blurred cylinder of unit opacity, 2.4 mm wide and `HUB_PX` long, behind the shaft."""
    rows, columns = np.mgrid[:size, :size].astype(float)
    axis = (hub - tip) / float(np.hypot(*(hub - tip)))
    along = (rows - hub[0]) * axis[0] + (columns - hub[1]) * axis[1]
    across = (rows - hub[0]) * axis[1] - (columns - hub[1]) * axis[0]
    inside = (np.abs(across) <= 1.2 / MM_PER_PX) & (along >= 0) & (along <= HUB_PX)
    return ndi.gaussian_filter(inside.astype(float), BLUR_PX)


def _anatomy(rng: np.random.Generator, size: int) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size].astype(float)
    opacity = 0.3 * _texture(rng, size, 25.0) + 0.06 * _texture(rng, size, 5.0)
    for _ in range(4):
        centre, half = rng.uniform(0.15, 0.85, 2) * size, rng.uniform(0.1, 0.25, 2) * size
        turn = rng.uniform(0, np.pi)
        u = (rows - centre[0]) * np.cos(turn) + (columns - centre[1]) * np.sin(turn)
        v = (columns - centre[1]) * np.cos(turn) - (rows - centre[0]) * np.sin(turn)
        box = (np.abs(u) < half[0]) & (np.abs(v) < half[1])
        opacity += 0.25 * ndi.gaussian_filter(box.astype(float), 1.5)
    return opacity


def _texture(rng: np.random.Generator, size: int, sigma: float) -> np.ndarray:
    texture = ndi.gaussian_filter(rng.standard_normal((size, size)), sigma)
    return texture / texture.std()


def _needle_track(
    settings: SceneSettings, shift: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    tip = np.asarray(settings.tip_px) + settings.tip_gain * shift
    hub = np.asarray(settings.hub_px) + settings.skin_gain * shift
    axis = (tip[0] - hub[0]) / np.hypot(*(tip[0] - hub[0]))
    left = np.clip(1 - np.arange(settings.frames) / 7.0, 0, None)[:, None] * settings.advance_px
    turn = np.cumsum(rng.standard_normal(settings.frames)) * 0.3 * settings.wiggle_px
    normal = np.array([axis[1], -axis[0]])
    return tip - left * axis, hub - left * axis + turn[:, None] * normal


def _pool(size: int, centre: np.ndarray, frame: int) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size].astype(float)
    radius = 4.0 + 1.5 * (frame - ONSET)
    return 1 / (1 + np.exp((np.hypot(rows - centre[0], columns - centre[1]) - radius) / 1.5))


def _registered(settings: SceneSettings, ln: np.ndarray, shift: np.ndarray) -> RegisteredLoop:
    frames, size = settings.frames, settings.size
    calibration = None
    if settings.mm_per_px is not None:
        calibration = Calibration(mm_per_px=settings.mm_per_px, basis="iso_ermf")
    loop = CineLoop(
        frames=ArrayFrames(np.zeros((frames, size, size), np.uint8)),
        times_s=np.arange(frames) / 15.0,
        intensity=IntensityScale(relationship="log", ln_beam=np.zeros(256)),
        reference=LoopReference(
            study_instance_uid="1", series_instance_uid="2", sop_instance_uid="3",
            sop_class_uid="4",
        ),
        sha256="", calibration=calibration,
    )  # fmt: skip
    return RegisteredLoop(
        loop=loop, ln=ln, field=np.ones((size, size), bool),
        motion=Motion(
            shift_px=shift, residual=np.ones(frames), locked=np.ones(frames, bool),
            bone_weight=np.ones((size, size), np.float32), uncertainty_px=0.05,
        ),
        injection=Injection(
            mask_frames=tuple(range(2, ONSET - 2)), onset_frame=ONSET, onset_score=20.0
        ),
    )  # fmt: skip
