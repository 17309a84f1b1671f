"""The residual of a subtraction against pictures whose noise and errors are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from spread_scenes import FRAMES, MASK, Scene, motion_of

from napari_fluoroinject.analysis.residual import residual_over_noise
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.spread import NoiseModel

ON = choose("cpu")
SIZE = 96
LEVEL = 200.0
A = 1.0
NOISE = NoiseModel(a=A, lag1_time=0.0, lag1_space=0.0, pixel_sigma_od=0.1)
MOTION = motion_of(Scene(size=SIZE))


def picture() -> np.ndarray:
    """Log intensity of stripes, 20 px apart."""
    return np.log(LEVEL) + 0.3 * np.sin(np.arange(SIZE) * 2 * np.pi / 20.0) * np.ones((SIZE, 1))


def frames_of(error_px: float = 0.0, *, noise: float = 1.0) -> np.ndarray:
    """Noise of variance A / level; after the mask frames the stripes have moved unseen."""
    random = np.random.default_rng(3)
    stripes = np.stack([picture()] * FRAMES)
    slope = np.gradient(picture(), axis=1)
    stripes[MASK[-1] + 1 :] -= error_px * slope
    sigma = np.sqrt(A / np.exp(stripes))
    return (stripes + noise * sigma * random.normal(size=stripes.shape)).astype(np.float32)


def residual(ln, background=None, motion=MOTION, mask=MASK, noise=NOISE):
    everywhere = np.ones((SIZE, SIZE), dtype=bool)
    background = everywhere if background is None else background
    return residual_over_noise(ln, motion, background, mask_frames=mask, noise=noise, on=ON)


def test_noise_alone_leaves_its_own_floor():
    assert residual(frames_of()) == pytest.approx(1.0, abs=0.02)


def test_anatomy_that_does_not_cover_itself_stands_above_the_floor():
    still, moved = residual(frames_of()), residual(frames_of(1.0))
    slope = 0.3 * 2 * np.pi / 20.0 / np.sqrt(2.0)
    floor = np.sqrt(A / LEVEL * (1 + 1 / len(MASK)))
    assert moved == pytest.approx(np.hypot(still, slope / floor), rel=0.05)


def test_another_exposure_is_no_residual():
    ln = frames_of()
    ln[20:] += 0.4
    assert residual(ln) == pytest.approx(1.0, abs=0.02)


def test_what_is_no_background_does_not_count():
    ln = frames_of()
    ln[20:, 30:50, 30:50] -= 0.5
    background = np.ones((SIZE, SIZE), dtype=bool)
    background[30:50, 30:50] = False
    assert residual(ln) > 1.5
    assert residual(ln, background) == pytest.approx(1.0, abs=0.02)


def test_without_mask_frames_background_or_noise_there_is_no_residual():
    ln = frames_of()
    assert residual(ln, mask=()) is None
    assert residual(ln, np.zeros((SIZE, SIZE), dtype=bool)) is None
    assert residual(ln, noise=replace(NOISE, a=float("nan"))) is None
    lost = replace(MOTION, locked=np.isin(np.arange(FRAMES), MASK))
    assert residual(ln, motion=lost) is None
