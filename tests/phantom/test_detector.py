"""The detector's noise against the specification's table and against real loops."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fluoroinject.phantom.acquisition import (
    CINE_START_UP,
    FLUORO_FIRST_BRIGHTNESS,
    FLUORO_START_UP,
)
from napari_fluoroinject.phantom.detector import Exposure, Veil, detect
from napari_fluoroinject.phantom.recorder import Recorder
from napari_fluoroinject.phantom.spectra import SPECTRA

PITCH_MM = 0.41
FRAMES = 40


def quanta(dose_ngy: float) -> float:
    spectrum = SPECTRA["A"]
    return spectrum.photons_mm2_ugy * dose_ngy / 1000 * PITCH_MM**2 * spectrum.qde


def flat_field(dose_ngy: float, *, fluoro: bool = False, weight: float = 0.0) -> np.ndarray:
    start_up, brightness = np.ones(FRAMES), np.ones(FRAMES)
    if fluoro:
        start_up[: len(FLUORO_START_UP)] = FLUORO_START_UP
        brightness[0] = FLUORO_FIRST_BRIGHTNESS
    exposure = Exposure(
        quanta=quanta(dose_ngy),
        pitch_mm=PITCH_MM,
        start_up=start_up,
        regulation=np.ones(FRAMES),
        brightness=brightness,
        recursive_weight=weight,
    )
    flat = (np.ones((128, 128), np.float32) for _ in range(FRAMES))
    return np.stack(list(detect(flat, exposure, np.random.default_rng(3))))


@pytest.mark.parametrize(
    ("dose_ngy", "sigma"), [(5, 0.250), (10, 0.171), (20, 0.118), (50, 0.074), (200, 0.037)]
)
def test_white_noise_matches_the_dose_table(dose_ngy: float, sigma: float) -> None:
    # Sums over 16 x 16 pixels hardly know the blur; lag takes 3 %.
    blocks = flat_field(dose_ngy)[5:].reshape(-1, 8, 16, 8, 16).mean(axis=(2, 4))
    assert float(np.std(blocks)) * 16 == pytest.approx(sigma, rel=0.09)


def test_noise_is_coloured_by_the_blur_and_white_in_time() -> None:
    frames = flat_field(20.0)[5:]
    noise = frames - frames.mean(axis=0)
    variance = noise.var()
    assert (noise[:, 1:] * noise[:, :-1]).mean() / variance == pytest.approx(0.32, abs=0.06)
    assert abs((noise[1:] * noise[:-1]).mean() / variance) < 0.05


def test_the_first_fluoroscopy_frame_is_brighter_and_four_times_as_noisy() -> None:
    frames = flat_field(20.0, fluoro=True, weight=0.37)
    sigma = frames.std(axis=(1, 2))
    # Measured on real fluoroscopy loops: 31.4, 13.7, 9.2, 9.2, 8.3, 7.8, then 7.6 grey values.
    measured = np.array([31.4, 13.7, 9.2, 9.2, 8.3, 7.8]) / 7.6
    np.testing.assert_allclose(sigma[:6] / sigma[10:].mean(), measured, rtol=0.2)
    assert frames[0].mean() == pytest.approx(1.095, abs=0.01)
    noise = frames[10:] - frames[10:].mean(axis=0)
    assert (noise[1:] * noise[:-1]).mean() / noise.var() == pytest.approx(0.37, abs=0.06)


def test_a_cine_loop_starts_without_a_bright_frame() -> None:
    assert CINE_START_UP[0] > 0.5


def test_scatter_adds_its_share_and_keeps_the_mean() -> None:
    flat = np.full((96, 96), 2.0, np.float32)
    veil = Veil(96, pitch_mm=PITCH_MM)
    np.testing.assert_allclose(veil.over(flat, 0.6), flat, rtol=1e-5)
    dark = flat.copy()
    dark[40:56, 40:56] = 0.0
    scattered = veil.over(dark, 0.6)[48, 48]
    assert 0.6 / 1.6 * 2.0 * 0.8 < scattered < 0.6 / 1.6 * 2.0


def test_the_brightest_signal_does_not_clip() -> None:
    for intensity, top in (("linear", 4095), ("log", 4095), ("display", 255)):
        recorder = Recorder(intensity, brightest=9.0)
        stored = recorder.stored(np.full((8, 8), 9.0, np.float32))
        assert stored.max() <= top
        assert intensity == "display" or stored.max() < top
        assert len(recorder.scale().ln_beam) == top + 1
