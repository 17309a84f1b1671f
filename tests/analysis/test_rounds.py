"""What frames add up to is what a whole stack of them would give."""

from __future__ import annotations

import numpy as np
import pytest
from moving_scenes import breathing, moving_scene

from napari_fluoroinject.analysis.rounds import Band, Round, _Sums, first_fit, improved
from napari_fluoroinject.analysis.tracking import slopes
from napari_fluoroinject.analysis.trust import roughness
from napari_fluoroinject.compute.backend import choose

KERNELS = choose("cpu").kernels


@pytest.fixture
def random():
    return np.random.default_rng(3)


def make_band(frames, noise=None):
    field = np.zeros(frames.shape[1:], np.float32)
    field[6:-6, 6:-6] = 1
    noise = np.ones(len(frames)) if noise is None else noise
    return Band(frames=frames - frames.mean(), field=field, noise=noise, factor=1)


def test_sums_over_frames_are_those_of_the_stack(random):
    residual = random.standard_normal((9, 20, 24)).astype(np.float32)
    weight = random.random((9, 20, 24), dtype=np.float32)
    weight[:, 0] = 0
    pose = random.standard_normal((9, 3)) * (1, 1, 0.01)
    picture = random.standard_normal((20, 24)).astype(np.float32)
    sums = _Sums((20, 24))
    for part in (slice(0, 4), slice(4, 9)):
        sums.add_residual(residual[part], pose[part])
        sums.add_picture(residual[part], weight[part])
    np.testing.assert_allclose(sums.variance(), residual.var(axis=0), rtol=1e-4)
    np.testing.assert_allclose(
        sums.picture()[1:], np.average(residual, axis=0, weights=weight + 1e-30)[1:], atol=1e-5
    )
    np.testing.assert_array_equal(sums.picture()[0], 0)
    down, right = slopes(picture)
    y, x = np.mgrid[:20, :24] - np.array([9.5, 11.5])[:, None, None]
    expected = np.einsum("ni,irc->nrc", pose, np.stack([down, right, down * x - right * y]))
    energy, product = sums.change(picture)
    np.testing.assert_allclose(energy, (expected**2).sum(axis=0), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(product, (expected * residual).sum(axis=0), rtol=1e-3, atol=1e-3)


def test_the_variance_of_two_frames_is_not_told(random):
    sums = _Sums((8, 8))
    sums.add_residual(random.standard_normal((2, 8, 8)).astype(np.float32), np.zeros((2, 3)))
    assert sums.variance() is None


def test_a_look_brings_frames_nearer_to_where_they_are():
    shift = breathing(30)
    band = make_band(moving_scene(shift, noise=0.01))
    pose = np.zeros((30, 3))
    fit = first_fit(band, pose, kernels=KERNELS)
    misses = []
    for _ in range(4):
        fit = improved(band, fit, Round("shift", 2, seeks_lag=False), kernels=KERNELS)
        miss = fit.pose[:, :2] - shift
        misses.append(np.abs(miss - miss.mean(axis=0)).max())
    assert misses[3] < misses[0] < 2.0
    assert misses[3] < 0.15


def test_a_noisy_frame_counts_less_in_the_picture():
    still = moving_scene(np.zeros((10, 2)))
    frames = still.copy()
    frames[0] += np.random.default_rng(1).normal(0, 1, frames[0].shape).astype(np.float32)
    noise = np.ones(10)
    noise[0] = 10
    picture = first_fit(make_band(frames, noise), np.zeros((10, 3)), kernels=KERNELS).scene.picture
    plain = first_fit(make_band(frames), np.zeros((10, 3)), kernels=KERNELS).scene.picture
    inner, true = (slice(6, -6), slice(6, -6)), make_band(still).frames[0]
    assert np.std((picture - true)[inner]) < 0.2 * np.std((plain - true)[inner])


@pytest.mark.parametrize("seed", range(3))
def test_roughness_goes_with_the_noise_and_not_with_the_picture(seed):
    random = np.random.default_rng(seed)
    sigma = np.array([0.5, 1.0, 3.0, 3.0])
    frames = sigma[:, None, None] * random.standard_normal((4, 120, 160))
    frames[3] += 40 * np.sin(np.arange(160) / 10)
    rough = roughness(frames.astype(np.float32), np.ones((120, 160), np.float32))
    np.testing.assert_allclose(rough / rough[1], sigma, rtol=0.1)


def test_a_picture_without_an_inside_has_no_roughness():
    np.testing.assert_array_equal(roughness(np.ones((3, 9, 9), np.float32), np.zeros((9, 9))), 1)
