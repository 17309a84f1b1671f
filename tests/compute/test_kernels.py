"""The compiled kernels give what their definition gives, and the definition is right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_fluoroinject.compute import cpu, reference
from napari_fluoroinject.compute.taps import warp_taps

TOLERANCE = 1e-5
POSES = np.array([[0, 0, 0], [1.3, -2.6, 0], [0.4, 0.2, 0.01]])


@pytest.fixture
def random():
    return np.random.default_rng(5)


@pytest.fixture
def frames(random):
    return random.standard_normal((3, 41, 34)).astype(np.float32)


@pytest.fixture
def field(random):
    return (random.random((41, 34)) > 0.3).astype(np.float32)


def same(one, other):
    np.testing.assert_allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE)
    assert one.dtype == other.dtype


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_binning_is_the_same_on_every_backend(frames, field, factor):
    same(cpu.bin_frames(frames, field, factor), reference.bin_frames(frames, field, factor))


@pytest.mark.parametrize("sigma_px", [0, 0.5, 1.0, 2.0, 8.0])
def test_smoothing_is_the_same_on_every_backend(frames, field, sigma_px):
    same(cpu.smooth(frames, field, sigma_px), reference.smooth(frames, field, sigma_px))


def test_the_band_pass_is_the_same_on_every_backend(frames, field):
    same(cpu.band_pass(frames, field, 1.0, 4.0), reference.band_pass(frames, field, 1.0, 4.0))


def test_warping_is_the_same_on_every_backend(frames):
    same(cpu.warp(frames, POSES), reference.warp(frames, POSES))


def test_frames_that_are_not_in_one_piece_are_warped_too(frames):
    same(cpu.warp(frames[::-1, :, ::2], POSES), reference.warp(frames[::-1, :, ::2], POSES))


@pytest.mark.parametrize("far", [-500.0, -30.5, 30.5, 500.0])
def test_a_picture_that_has_left_is_its_edge(frames, far):
    pose = np.array([[0, far, 0], [far, 0, 0], [far, far, 0.003]])
    same(cpu.warp(frames, pose), reference.warp(frames, pose))


@pytest.mark.parametrize("step", [1.0, 0.125, 2.5])
@pytest.mark.parametrize("count", [1, 3])
def test_samples_are_the_same_on_every_backend(frames, random, step, count):
    place = random.uniform(-60, 60, (3, 2))
    given = (frames[:count], place, step, (50, 38))
    same(cpu.sample(*given), reference.sample(*given))


@pytest.mark.parametrize("kernels", [cpu, reference])
def test_samples_lie_on_straight_lines_between_pixels_and_nothing_lies_outside(kernels):
    slope = np.add.outer(10.0 * np.arange(4), np.arange(5)).astype(np.float32)[None]
    found = kernels.sample(slope, np.array([[-0.5, 1.25]]), 0.5, (9, 9))[0]
    row, column = np.meshgrid(-0.5 + 0.5 * np.arange(9), 1.25 + 0.5 * np.arange(9), indexing="ij")
    inside = (row >= 0) & (row <= 3) & (column <= 4)
    np.testing.assert_allclose(found[inside], (10 * row + column)[inside], rtol=1e-6)
    np.testing.assert_allclose(found[0, 0], 0.5 * 1.25, rtol=1e-6)
    assert not found[:, -1].any()


@settings(max_examples=20, deadline=None)
@given(st.floats(-40, 40), st.floats(-40, 40), st.integers(0, 2**32 - 1))
def test_sampling_by_the_opposite_way_is_the_transpose(down, right, seed):
    one, other = np.random.default_rng(seed).standard_normal((2, 1, 21, 26)).astype(np.float32)
    there, back = (
        cpu.sample(frames, np.array([[sign * down, sign * right]]), 1.0, (21, 26))
        for frames, sign in ((one, 1), (other, -1))
    )
    np.testing.assert_allclose((there * other).sum(), (one * back).sum(), atol=1e-3)


def test_motion_equations_are_the_same_on_every_backend(frames, random):
    weight = random.random(frames.shape, dtype=np.float32)
    gradient = np.stack(np.gradient(frames[1])).astype(np.float32)
    ours = cpu.motion_equations(frames, frames[0], gradient, weight)
    theirs = reference.motion_equations(frames, frames[0], gradient, weight)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=TOLERANCE * np.abs(other).max())


def test_weighted_means_are_the_same_on_every_backend(frames, random):
    weight = random.random(frames.shape, dtype=np.float32)
    weight[:, :5] = 0
    same(cpu.weighted_mean(frames, weight), reference.weighted_mean(frames, weight))


@pytest.mark.parametrize("kernels", [cpu, reference])
def test_pixels_outside_the_field_never_leak(kernels, frames, field):
    hidden = np.where(field > 0, frames, np.float32(np.nan))
    for result in (
        kernels.bin_frames(hidden, field, 2),
        kernels.band_pass(hidden, field, 1.0, 4.0),
    ):
        assert np.isfinite(result).all()


@pytest.mark.parametrize("kernels", [cpu, reference])
def test_a_band_pass_knows_no_exposure(kernels, frames, field):
    brighter = kernels.band_pass(frames + np.float32(3.0), field, 1.0, 4.0)
    np.testing.assert_allclose(brighter, kernels.band_pass(frames, field, 1.0, 4.0), atol=1e-5)


def test_a_slope_is_moved_by_exactly_the_shift():
    row, column = np.mgrid[:30, :40].astype(np.float32)
    slope = (2 * row - 3 * column)[None]
    moved = cpu.warp(slope, np.array([[0.37, -1.61, 0.0]]))[0]
    expected = slope[0] + 2 * 0.37 + 3 * 1.61
    np.testing.assert_allclose(moved[5:-5, 6:-6], expected[5:-5, 6:-6], atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3))
def test_a_smooth_picture_comes_back_from_where_it_was_moved(down, right):
    row, column = np.mgrid[:48, :48].astype(np.float64)

    def hill(y, x):
        return np.exp(-((row - y) ** 2 + (column - x) ** 2) / (2 * 3.0**2))

    frame = hill(23 + down, 25 + right).astype(np.float32)[None]
    back = cpu.warp(frame, np.array([[down, right, 0.0]]))[0]
    np.testing.assert_allclose(back, hill(23, 25), atol=2e-3)


def test_a_turn_goes_from_the_column_axis_towards_the_rows():
    picture = np.zeros((41, 41), np.float32)
    picture[20, 35] = 1
    picture = ndimage.gaussian_filter(picture, 1.5)
    angle = 0.05
    turned = ndimage.shift(picture, (15 * np.sin(angle), 15 * (np.cos(angle) - 1)), order=3)
    back = cpu.warp(turned[None].astype(np.float32), np.array([[0, 0, angle]]))[0]
    place = ndimage.center_of_mass(np.maximum(back, 0))
    np.testing.assert_allclose(place, (20, 35), atol=0.06)


def test_interpolation_keeps_the_noise_nearly_uniform():
    for shift in np.linspace(0, 1, 21):
        taps = warp_taps(np.array([shift, 0.0, 0.0]), 8, 8).row_taps[:, 0]
        assert 0.75 < np.sqrt((taps**2).sum()) <= 1.001
        assert taps.sum() == pytest.approx(1, abs=1e-6)


def test_a_weight_that_was_written_over_is_not_taken_for_the_one_before() -> None:
    frames = np.random.default_rng(3).normal(size=(1, 24, 32)).astype(np.float32)
    weight = np.ones((24, 32), dtype=np.float32)
    cpu.smooth(frames, weight, 1.3)
    weight[:, :16] = 0
    np.testing.assert_allclose(
        cpu.smooth(frames, weight, 1.3), reference.smooth(frames, weight, 1.3), atol=1e-5
    )


def test_frames_without_a_turn_are_warped_as_the_definition_says() -> None:
    frames = np.random.default_rng(4).normal(size=(4, 24, 33)).astype(np.float32)
    pose = np.array([(0.3, -1.2, 0.0), (-2.0, 5.5, 0.0), (40.0, -50.0, 0.0), (0.3, -1.2, 0.02)])
    np.testing.assert_allclose(cpu.warp(frames, pose), reference.warp(frames, pose), atol=1e-5)
    np.testing.assert_array_equal(cpu.warp(frames[::2], pose[::2]), cpu.warp(frames, pose)[::2])
