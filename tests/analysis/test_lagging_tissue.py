"""Tissue that lags bone is held still; film, bone and what goes with bone stay as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import fourier_shift, gaussian_filter
from spread_scenes import FRAMES, MASK, NO_NEEDLE, SIZE, Scene, registered, true_od, unlocked

from napari_fluoroinject.analysis.local import hold_tissue_still
from napari_fluoroinject.analysis.opacity import measure_opacity
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.needle import NeedleKind
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.workflow import analyze

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

ON = choose("cpu")
QUANTA = 1500.0
BREATH_FRAMES = 13.0


def texture(seed: int, sigma_px: float, size_od: float) -> DoubleArray:
    """A random picture whose opposite edges fit."""
    picture = np.random.default_rng(seed).normal(size=(SIZE, SIZE))
    picture = gaussian_filter(picture, sigma_px, mode="wrap")
    return np.asarray(size_od * picture / picture.std())


def moved(picture: DoubleArray, path: DoubleArray) -> DoubleArray:
    spectrum = np.fft.fft2(picture)
    return np.stack([np.fft.ifft2(fourier_shift(spectrum, way)).real for way in path])


def a_loop(
    *,
    breath_px: float = 2.0,
    lag_frames: float = 3.0,
    plateau_od: float = 0.4,
    seed: int = 1,
    left_half_only: bool = False,
    drift_px: float = 0.0,
) -> tuple[RegisteredLoop, FloatArray]:
    """Film on bone that breathes, behind tissue that breathes later; the film's true opacity.

    All of it drifts on by `drift_px` after the mask frames.
    """
    scene = Scene(plateau_od=plateau_od, quantitative=False)
    frames = np.arange(FRAMES)
    path, late = (
        breath_px * np.sin(2 * np.pi * when / BREATH_FRAMES)[:, None] * [1.0, 0.3]
        for when in (frames, frames - lag_frames)
    )
    away = drift_px * np.maximum(frames - MASK[-1], 0.0)[:, None] / FRAMES
    path, late = path + away, late + away
    path, late = (way - way[list(MASK)].mean(axis=0) for way in (path, late))
    bone, soft = texture(7, 4.0, 0.15), texture(8, 4.0, 0.15)
    if left_half_only:
        soft *= np.clip((0.45 * SIZE - np.arange(SIZE)) / 6.0, 0.0, 1.0)
    od = true_od(scene)
    film = np.stack([moved(one, way[None])[0] for one, way in zip(od, path, strict=True)])
    beam = np.exp(moved(bone, path) + moved(soft, late) - film - 0.9)
    quanta = np.random.default_rng(seed).poisson(QUANTA * beam)
    loop = registered(np.clip(quanta, 1, 4095).astype(np.uint16), scene)
    return replace(loop, motion=replace(loop.motion, shift_px=path)), od.astype(np.float32)


def opacity_of(loop: RegisteredLoop) -> Opacity:
    return measure_opacity(loop, NO_NEEDLE, kind=NeedleKind(), on=ON)


def slow_error(opacity: Opacity, od: FloatArray) -> float:
    """Error of opacity after contrast has come, without what noise there is in one pixel."""
    error = (opacity.od - od)[MASK[-1] + 1 :, 8:-8, 8:-8]
    error = gaussian_filter(error, (1.0, 3.0, 3.0))
    return float((error - np.median(error, axis=(1, 2), keepdims=True)).std())


@pytest.mark.parametrize("lag_frames", [-2.0, 2.0, 4.0])
def test_the_error_of_tissue_that_leads_or_lags_falls_to_two_thirds(lag_frames):
    loop, od = a_loop(lag_frames=lag_frames)
    opacity = opacity_of(loop)
    before = slow_error(opacity, od)
    accepted = hold_tissue_still(opacity, loop, NO_NEEDLE, on=ON)
    assert accepted.max() == 1.0
    assert slow_error(opacity, od) < 0.67 * before


@pytest.mark.parametrize("plateau_od", [0.1, 0.4])
@pytest.mark.parametrize("lag_frames", [0.0, 3.0])
def test_film_keeps_its_opacity(plateau_od, lag_frames):
    loop, od = a_loop(plateau_od=plateau_od, lag_frames=lag_frames)
    opacity = opacity_of(loop)
    hold_tissue_still(opacity, loop, NO_NEEDLE, on=ON)
    film = od[-9:].mean(axis=0) > 0.9 * plateau_od
    late = opacity.od[-9:].mean(axis=0)
    assert np.median(late[film]) / plateau_od == pytest.approx(1.0, abs=0.05)


def test_film_that_grows_while_bone_drifts_is_not_taken_for_tissue():
    loop, od = a_loop(plateau_od=0.2, breath_px=0.3, lag_frames=0.0, drift_px=4.0)
    opacity = opacity_of(loop)
    film = od[-9:].mean(axis=0) > 0.18
    before = np.median(opacity.od[-9:].mean(axis=0)[film])
    hold_tissue_still(opacity, loop, NO_NEEDLE, on=ON)
    assert np.median(opacity.od[-9:].mean(axis=0)[film]) == pytest.approx(before, rel=0.02)


@settings(max_examples=6, deadline=None)
@given(plateau_od=st.floats(0.05, 0.8), seed=st.integers(0, 2**16))
def test_where_bone_rests_nothing_changes(plateau_od, seed):
    loop, _ = a_loop(breath_px=0.0, plateau_od=plateau_od, seed=seed)
    shift = np.random.default_rng(seed).normal(0.0, 0.05, (FRAMES, 2))
    loop = replace(loop, motion=replace(loop.motion, shift_px=shift))
    opacity = opacity_of(loop)
    before = opacity.od.copy()
    assert not hold_tissue_still(opacity, loop, NO_NEEDLE, on=ON).any()
    assert np.array_equal(opacity.od, before)


@settings(max_examples=6, deadline=None)
@given(plateau_od=st.floats(0.05, 0.8), seed=st.integers(0, 2**16))
def test_where_all_tissue_goes_with_bone_little_is_accepted_and_nothing_gets_worse(
    plateau_od, seed
):
    loop, od = a_loop(lag_frames=0.0, plateau_od=plateau_od, seed=seed)
    opacity = opacity_of(loop)
    before = slow_error(opacity, od)
    accepted = hold_tissue_still(opacity, loop, NO_NEEDLE, on=ON)

    assert accepted.mean() < 0.3
    assert slow_error(opacity, od) < 1.02 * before


def test_it_is_accepted_where_tissue_lags_and_not_where_there_is_none():
    loop, _ = a_loop(left_half_only=True, plateau_od=0.1)
    opacity = opacity_of(loop)
    accepted = hold_tissue_still(opacity, loop, NO_NEEDLE, on=ON)

    assert accepted[:, 20:50].mean() > 0.9
    assert accepted[:, 90:120].mean() < 0.2


def test_the_mask_frames_stay_the_zero_of_opacity():
    loop, _ = a_loop()
    opacity = opacity_of(loop)
    before = opacity.od[list(MASK)].mean(axis=0)
    hold_tissue_still(opacity, loop, NO_NEEDLE, on=ON)
    assert np.abs(opacity.od[list(MASK)].mean(axis=0) - before).max() < 1e-5


def test_without_an_onset_with_few_frames_before_or_without_any_opacity_stays():
    loop, _ = a_loop()
    opacity = opacity_of(loop)
    before = opacity.od.copy()
    for changed in (
        replace(loop.injection, onset_frame=None),
        replace(loop.injection, mask_frames=MASK[:3]),
        replace(loop.injection, mask_frames=()),
    ):
        other = replace(loop, injection=changed)
        assert not hold_tissue_still(opacity, other, NO_NEEDLE, on=ON).any()
    assert np.array_equal(opacity.od, before)


def test_frames_that_were_not_registered_are_left_alone():
    loop, _ = a_loop()
    lost = [20, 33]
    loop = unlocked(loop, lost)
    opacity = opacity_of(loop)
    before = opacity.od.copy()
    hold_tissue_still(opacity, loop, NO_NEEDLE, on=ON)
    assert np.array_equal(opacity.od[lost], before[lost])
    rest = np.delete(np.arange(FRAMES), lost)
    assert (np.abs(opacity.od - before)[rest].max(axis=(1, 2)) > 0).all()


@pytest.mark.parametrize(("script", "held"), [("still", False), ("breathing", True)])
def test_the_report_says_in_how_much_of_the_field_tissue_was_held_still(script, held):
    asked = PhantomSettings(seed=6001, size=192, frames=60, motion=script)
    report = analyze(make_phantom("mbb_lumbar", settings=asked).loop, "mbb_lumbar")
    share = float(dict(report.provenance.parameters)["tissue_held_still"])
    assert (0.1 < share <= 1.0) if held else share == 0.0
