"""Gas that moves over film is held still; where nothing moves by itself nothing changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from spread_scenes import FRAMES, MASK, NO_NEEDLE, SIZE, TIP, Scene, registered, true_od

from napari_fluoroinject.analysis import blocks
from napari_fluoroinject.analysis.gas import hold_gas_still
from napari_fluoroinject.analysis.opacity import measure_opacity
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.needle import NeedleKind

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.model.arrays import FloatArray

ON = choose("cpu")
QUANTA = 1500.0
BREATH_FRAMES = 26.0


def bubbles(*, beside_px: float) -> FloatArray:
    """Bright bubbles with soft edges around a place so far to the right of the tip."""
    row, column = np.mgrid[:SIZE, :SIZE].astype(float)
    picture = np.zeros((SIZE, SIZE))
    for down, right, radius in ((-14, -6, 13), (10, 8, 16), (22, -20, 11)):
        far = np.hypot(row - TIP[0] - down, column - TIP[1] - right - beside_px)
        picture += 0.25 * np.clip(1 - (far / radius) ** 2, 0, 1) ** 0.8
    return gaussian_filter(picture, 1.5).astype(np.float32)


def a_loop(
    *,
    moves_px: float,
    beside_px: float = 0.0,
    plateau_od: float = 0.4,
    seed: int = 1,
    other_px: float = 0.0,
) -> tuple[RegisteredLoop, FloatArray]:
    """A film that grows under gas that breathes by so much, and the film's true opacity.

    `other_px` is how far other gas, turned about the tip, goes in quadrature to the first.
    """
    scene = Scene(plateau_od=plateau_od, quantitative=False)
    row, column = np.mgrid[:SIZE, :SIZE] / SIZE
    bone = -0.4 * np.sin(5 * row) * np.cos(4 * column)
    gas, od = bubbles(beside_px=beside_px), true_od(scene)
    breath = moves_px * np.sin(2 * np.pi * np.arange(FRAMES) / BREATH_FRAMES + 0.5)
    moved = np.stack([np.roll(gas, round(float(way)), axis=0) for way in breath])
    if other_px:
        way = other_px * np.cos(2 * np.pi * np.arange(FRAMES) / BREATH_FRAMES)
        moved += np.stack([np.roll(gas.T, round(float(step)), axis=1) for step in way])
    quanta = np.random.default_rng(seed).poisson(QUANTA * np.exp(bone + moved - od - 0.4))
    stored = np.clip(quanta, 1, 4095).astype(np.uint16)
    return registered(stored, scene), od.astype(np.float32)


def opacity_of(loop: RegisteredLoop) -> Opacity:
    return measure_opacity(loop, NO_NEEDLE, kind=NeedleKind(), on=ON)


def slow_error(opacity: Opacity, od: FloatArray) -> float:
    """Error of opacity after contrast has come, without what noise there is in one pixel."""
    error = (opacity.od - od)[MASK[-1] + 1 :]
    return float(gaussian_filter(error, (2.0, 3.0, 3.0)).std())


def test_the_error_of_moving_gas_falls_to_half():
    loop, od = a_loop(moves_px=7.0)
    opacity = opacity_of(loop)
    before = slow_error(opacity, od)
    accepted = hold_gas_still(opacity, loop, NO_NEEDLE, on=ON)
    assert accepted.max() == 1.0
    assert slow_error(opacity, od) < 0.5 * before


@pytest.mark.parametrize("plateau_od", [0.1, 0.4])
def test_film_under_moving_gas_keeps_its_opacity(plateau_od):
    loop, od = a_loop(moves_px=7.0, plateau_od=plateau_od)
    opacity = opacity_of(loop)
    hold_gas_still(opacity, loop, NO_NEEDLE, on=ON)
    film = od[-9:].mean(axis=0) > 0.9 * plateau_od
    late = opacity.od[-9:].mean(axis=0)
    assert np.median(late[film]) / plateau_od == pytest.approx(1.0, abs=0.08)


@settings(max_examples=6, deadline=None)
@given(
    beside_px=st.floats(-40.0, 40.0),
    plateau_od=st.floats(0.05, 0.8),
    seed=st.integers(0, 2**16),
)
def test_where_nothing_moves_by_itself_nothing_changes(beside_px, plateau_od, seed):
    loop, _ = a_loop(moves_px=0.0, beside_px=beside_px, plateau_od=plateau_od, seed=seed)
    opacity = opacity_of(loop)
    before = opacity.od.copy()
    accepted = hold_gas_still(opacity, loop, NO_NEEDLE, on=ON)
    assert not accepted.any()
    assert np.array_equal(opacity.od, before)


def test_the_correction_is_accepted_where_gas_moves_and_nowhere_else():
    loop, _ = a_loop(moves_px=6.0, beside_px=38.0)
    opacity = opacity_of(loop)
    before = opacity.od.copy()
    accepted = hold_gas_still(opacity, loop, NO_NEEDLE, on=ON)
    assert accepted[:, 80:].max() == 1.0
    assert accepted[:, :25].max() == 0.0
    assert np.array_equal(opacity.od[:, :, :25], before[:, :, :25])


def test_gas_that_moves_in_two_ways_at_once_is_not_made_worse():
    loop, od = a_loop(moves_px=5.0, other_px=5.0, beside_px=10.0)
    opacity = opacity_of(loop)
    before = slow_error(opacity, od)
    hold_gas_still(opacity, loop, NO_NEEDLE, on=ON)
    assert slow_error(opacity, od) < before


def test_the_mask_frames_stay_the_zero_of_opacity():
    loop, _ = a_loop(moves_px=7.0)
    opacity = opacity_of(loop)
    hold_gas_still(opacity, loop, NO_NEEDLE, on=ON)
    assert abs(float(opacity.od[list(MASK)].mean())) < 0.01


def test_without_an_onset_or_with_few_frames_before_contrast_opacity_stays():
    loop, _ = a_loop(moves_px=7.0)
    opacity = opacity_of(loop)
    before = opacity.od.copy()
    quiet = replace(loop, injection=replace(loop.injection, onset_frame=None))
    short = replace(loop, injection=replace(loop.injection, mask_frames=MASK[:3]))
    for other in (quiet, short):
        assert not hold_gas_still(opacity, other, NO_NEEDLE, on=ON).any()
    assert np.array_equal(opacity.od, before)


def test_a_loop_that_is_thinned_out_is_corrected_in_all_frames(monkeypatch):
    monkeypatch.setattr(blocks, "MOST_FRAMES", 20)
    loop, od = a_loop(moves_px=7.0)
    opacity = opacity_of(loop)
    before, each = slow_error(opacity, od), opacity.od.copy()
    hold_gas_still(opacity, loop, NO_NEEDLE, on=ON)
    assert slow_error(opacity, od) < 0.6 * before
    assert (np.abs(opacity.od - each).max(axis=(1, 2)) > 0).all()


def test_frames_that_were_not_registered_are_left_alone():
    loop, _ = a_loop(moves_px=7.0)
    locked = np.ones(FRAMES, dtype=bool)
    locked[[20, 33]] = False
    loop = replace(loop, motion=replace(loop.motion, locked=locked))
    opacity = opacity_of(loop)
    before = opacity.od.copy()
    hold_gas_still(opacity, loop, NO_NEEDLE, on=ON)
    assert np.array_equal(opacity.od[~locked], before[~locked])
    assert not np.array_equal(opacity.od[locked], before[locked])
