"""Opacity against the truth of scenes with known scatter, motion and steel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.optimize import brentq
from spread_scenes import (
    DETECTOR_MM_PER_PX,
    FRAMES,
    HUB,
    MASK,
    MM_PER_PX,
    NO_NEEDLE,
    ONSET,
    TIP,
    Scene,
    make_loop,
    motion_of,
    needle_of,
    registered,
    unlocked,
)

from napari_fluoroinject.analysis.corridor import needle_corridor, tip_in_reference
from napari_fluoroinject.analysis.opacity import measure_opacity
from napari_fluoroinject.analysis.pose import looked_up
from napari_fluoroinject.analysis.ratio import estimate_ratio
from napari_fluoroinject.analysis.scatter import (
    at_pixels,
    blocks_of,
    kernel_sigma_px,
    scatter_model,
    scatter_on_blocks,
)
from napari_fluoroinject.analysis.wedge import primary_fraction, steel_dip_mm, tilt
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.model.drawing import NEEDLE_DIAMETER_MM
from napari_fluoroinject.model.needle import NeedleKind

ON = choose("cpu")
STEEL_SIZE = 320


def slope(measured: np.ndarray, true: np.ndarray) -> float:
    late_measured, late_true = measured[-9:].mean(axis=0), true[-9:].mean(axis=0)
    contrast = late_true > 0.1
    return float(np.median(late_measured[contrast] / late_true[contrast]))


def test_without_scatter_in_model_and_picture_opacity_is_the_log_difference():
    loop, _, true = make_loop(Scene(quantitative=False))
    opacity = measure_opacity(loop, NO_NEEDLE, kind=NeedleKind(), on=ON)
    assert np.abs(opacity.od - true).max() < 0.02
    assert opacity.scale.scale is None
    assert opacity.scale.relative_uncertainty is None
    assert "relative" in opacity.scale.basis[0]


@pytest.mark.parametrize("ratio", [0.4, 0.65, 0.9])
def test_the_opacity_is_within_two_of_its_stated_sigmas_whatever_the_scatter(ratio):
    loop, _, true = make_loop(Scene(scatter_to_primary=ratio))
    opacity = measure_opacity(loop, NO_NEEDLE, kind=NeedleKind(), on=ON)
    assert abs(slope(opacity.od, true) - 1.0) < 2 * opacity.scale.relative_uncertainty


def test_with_the_ratio_that_the_prior_expects_opacity_is_right():
    loop, _, true = make_loop(Scene(scatter_to_primary=0.61))
    opacity = measure_opacity(loop, NO_NEEDLE, kind=NeedleKind(), on=ON)
    assert slope(opacity.od, true) == pytest.approx(1.0, abs=0.02)
    assert opacity.scale.scatter_to_primary == pytest.approx(0.61)
    assert opacity.scale.scale > 1.2


def test_the_scale_is_what_scatter_took_from_the_log_difference():
    loop, _, true = make_loop(Scene(scatter_to_primary=0.61))
    opacity = measure_opacity(loop, NO_NEEDLE, kind=NeedleKind(), on=ON)
    plain = loop.ln[list(MASK)].mean(axis=0) - loop.ln
    # Contrast this large also lessens the scatter of the whole small picture.
    assert opacity.scale.scale * slope(plain, true) == pytest.approx(1.0, abs=0.06)


def test_a_loop_without_contrast_still_states_a_scale():
    loop, _, _ = make_loop(Scene(scatter_to_primary=0.6, contrast=False, quanta=200.0))
    opacity = measure_opacity(loop, NO_NEEDLE, kind=NeedleKind(), on=ON)
    assert 1.1 < opacity.scale.scale < 1.9
    assert opacity.scale.relative_uncertainty > 0.05


def test_the_exposure_of_frames_does_not_look_like_contrast():
    loop, _, true = make_loop(Scene())
    exposure = 0.1 * np.sin(np.arange(FRAMES))[:, None, None]
    loop = replace(loop, ln=(loop.ln + exposure).astype(np.float32))
    loop = replace(loop, loop=replace(loop.loop, intensity=plain(loop)))
    opacity = measure_opacity(loop, NO_NEEDLE, kind=NeedleKind(), on=ON)
    assert np.abs(np.median(opacity.od[:, :20, :20], axis=(1, 2))).max() < 0.01
    assert np.abs(opacity.od - true).max() < 0.03


def plain(loop):
    """The loop's scale, of a relation that nobody knows."""
    return replace(loop.loop.intensity, relationship="unknown")


def test_few_quanta_and_much_scatter_give_no_nan():
    loop, _, _ = make_loop(Scene(scatter_to_primary=1.0, quanta=6.0))
    opacity = measure_opacity(loop, NO_NEEDLE, kind=NeedleKind(), on=ON)
    assert np.isfinite(opacity.od).all()
    assert np.isfinite(opacity.scale.scale)
    assert (opacity.residue >= 1).all()


def test_without_mask_frames_there_is_nothing_to_subtract():
    loop, _, _ = make_loop()
    loop = replace(loop, injection=replace(loop.injection, mask_frames=()))
    with pytest.raises(AnalysisError, match="before contrast"):
        measure_opacity(loop, NO_NEEDLE, kind=NeedleKind(), on=ON)


def test_a_pixel_that_leaves_the_open_field_in_any_frame_is_not_judged():
    loop, _, _ = make_loop(Scene(drift_px=(0.4, 0.0)))
    field = loop.field.copy()
    field[-10:] = False
    opacity = measure_opacity(replace(loop, field=field), NO_NEEDLE, kind=NeedleKind(), on=ON)
    farthest = int(np.ceil(0.4 * (FRAMES - 1 - MASK[-1])))
    assert opacity.valid[50, 50]
    assert opacity.valid[-11 - farthest, 50]
    assert not opacity.valid[-10 - farthest :].any()


def test_a_loop_that_lost_every_frame_has_nothing_that_can_be_judged():
    loop, _, _ = make_loop()
    opacity = measure_opacity(
        unlocked(loop, list(range(FRAMES))), NO_NEEDLE, kind=NeedleKind(), on=ON
    )
    assert not opacity.valid.any()


def test_saturated_pixels_are_not_judged():
    loop, _, _ = make_loop()
    ln = loop.ln.copy()
    ln[:, 5:9, 5:9] = ln.max() + 1
    opacity = measure_opacity(replace(loop, ln=ln), NO_NEEDLE, kind=NeedleKind(), on=ON)
    assert not opacity.valid[5:9, 5:9].any()
    assert opacity.valid[20:, 20:].all()


def test_gas_that_moves_is_told_from_contrast_by_where_it_brightens():
    loop, _, _ = make_loop(Scene(quanta=400.0))
    ln = loop.ln.copy()
    row, column = np.mgrid[: ln.shape[1], : ln.shape[2]]
    for frame in range(ln.shape[0]):
        ln[frame] += 0.3 * (np.hypot(row - 25, column - 20 - frame) < 8)
    opacity = measure_opacity(replace(loop, ln=ln), NO_NEEDLE, kind=NeedleKind(), on=ON)
    assert opacity.residue[25, 40] > 5
    assert opacity.residue[int(TIP[0]), int(TIP[1])] < 2


def test_scatter_of_a_known_primary_is_found_again():
    row, column = np.mgrid[:256, :256] / 256
    primary = np.exp(-np.sin(4 * row) - np.cos(3 * column)).astype(np.float32)
    field = np.ones((256, 256), dtype=bool)
    sigma_px, _, _ = kernel_sigma_px(DETECTOR_MM_PER_PX, 256)
    veil = gaussian_filter(primary, sigma_px, mode="nearest")
    total = (primary + 1.2 * veil) / 2.2
    model = scatter_model(field, sigma_px)
    found = scatter_on_blocks(blocks_of(total[None], field, on=ON), model, 1.2)[0]
    error = at_pixels(found[None], model, np.zeros((1, 2)), on=ON)[0] / (1.2 * veil) - 1.0
    assert np.abs(error).mean() < 0.01
    assert np.abs(error).max() < 0.06


def test_an_unknown_detector_pixel_is_assumed_and_the_assumption_told_and_paid_for():
    known, _, _ = make_loop(Scene(scatter_to_primary=0.6))
    guessed, _, _ = make_loop(Scene(scatter_to_primary=0.6, detector_known=False))
    sure = measure_opacity(known, NO_NEEDLE, kind=NeedleKind(), on=ON).scale
    unsure = measure_opacity(guessed, NO_NEEDLE, kind=NeedleKind(), on=ON).scale
    assert unsure.relative_uncertainty > 0.1
    assert any("assumed field" in word for word in unsure.basis)
    assert not any("assumed" in word for word in sure.basis)


def test_an_unknown_tube_voltage_widens_the_prior():
    loop, _, _ = make_loop(Scene(scatter_to_primary=0.6))
    blind = replace(loop, loop=replace(loop.loop, kvp=None))
    told = measure_opacity(loop, NO_NEEDLE, kind=NeedleKind(), on=ON).scale
    untold = measure_opacity(blind, NO_NEEDLE, kind=NeedleKind(), on=ON).scale
    assert untold.scatter_to_primary_sigma > told.scatter_to_primary_sigma


# The needle as a step wedge


def steel_loop(
    ratio: float,
    *,
    gauge: int = 22,
    kvp: float = 85.0,
    hollow: float = 1.0,
    trough: float = 0.0,
    length_mm: float = 88.9,
):
    """A bigger still picture with a steel needle that is tilted up, towards the detector.

    `trough` darkens a valley of anatomy along the needle.
    """
    scene = Scene(size=STEEL_SIZE, contrast=False)
    tip, hub = np.array([120.0, 120.0]), np.array([240.0, 200.0])
    length_px = float(np.hypot(*(hub - tip)))
    seen_mm, source_mm = length_px * MM_PER_PX, 700.0
    up_mm = brentq(
        lambda up: (seen_mm * (1 + up / source_mm)) ** 2 + up**2 - length_mm**2, 0.0, length_mm
    )
    lengthening = length_mm / (seen_mm * (1 + up_mm / source_mm))
    row, column = np.mgrid[:STEEL_SIZE, :STEEL_SIZE].astype(float)
    along_axis = (hub - tip) / length_px
    along = (row - tip[0]) * along_axis[0] + (column - tip[1]) * along_axis[1]
    across = (row - tip[0]) * along_axis[1] - (column - tip[1]) * along_axis[0]
    mm_per_px = MM_PER_PX * (1 + along / length_px * up_mm / source_mm)
    area_px = steel_dip_mm(gauge, kvp, lengthening=lengthening) / mm_per_px * hollow
    blur = 1.3
    dip = area_px / (blur * np.sqrt(2 * np.pi)) * np.exp(-0.5 * (across / blur) ** 2)
    dip *= (along > 0) & (along < length_px)
    beam = np.exp(-0.3 * np.sin(4 * row / STEEL_SIZE) * np.cos(3 * column / STEEL_SIZE))
    beam *= np.exp(-trough * np.exp(-0.5 * (across / 8.0) ** 2))
    primary = beam * (1 - dip)
    veil = gaussian_filter(primary, 25.0 / DETECTOR_MM_PER_PX, mode="nearest")
    signal = (primary + ratio * veil) / (1 + ratio)
    random = np.random.default_rng(4)
    frames = signal + random.normal(0.0, 0.01, (FRAMES, STEEL_SIZE, STEEL_SIZE))
    loop = registered(np.rint(1000 * frames.clip(0.01)).astype(np.uint16), scene)
    loop = replace(loop, loop=replace(loop.loop, kvp=kvp))
    needle = replace(
        needle_of(scene),
        tip_px=tuple(tip),
        hub_px=tuple(hub),
        tip_by_frame_px=np.tile(tip, (FRAMES, 1)),
        hub_by_frame_px=np.tile(hub, (FRAMES, 1)),
    )
    return loop, needle


def ratio_of(loop, needle, gauge, length_mm=None):
    mask = list(MASK)
    sigma_px, _, _ = kernel_sigma_px(DETECTOR_MM_PER_PX, STEEL_SIZE)
    model = scatter_model(loop.field, sigma_px)
    blocks = blocks_of(np.exp(loop.ln[mask]), loop.field, on=ON).mean(axis=0)
    return estimate_ratio(
        loop, needle, blocks, model, kind=NeedleKind(gauge=gauge, length_mm=length_mm)
    )


@pytest.mark.parametrize("ratio", [0.4, 0.9])
def test_a_needle_of_known_gauge_tells_the_scatter_ratio(ratio):
    loop, needle = steel_loop(ratio)
    alone = ratio_of(loop, NO_NEEDLE, None)
    fused = ratio_of(loop, needle, 22)
    assert abs(fused.value - ratio) < 0.6 * abs(alone.value - ratio)
    assert abs(fused.value - ratio) < 2 * fused.sigma
    assert fused.sigma < 0.7 * alone.sigma
    assert "22G needle" in fused.basis[-1]


def test_a_valley_of_anatomy_along_the_needle_is_not_taken_for_steel():
    plain, valley = (
        primary_fraction(loop, needle, kind=NeedleKind(gauge=22), kvp=85.0, mm_per_px=MM_PER_PX)
        for loop, needle in (steel_loop(0.6), steel_loop(0.6, trough=0.2))
    )
    assert valley.fraction == pytest.approx(plain.fraction, rel=0.05)


@pytest.mark.parametrize("length_mm", [63.5, 127.0])
def test_a_needle_of_another_length_is_recognised_or_the_ratio_less_sure(length_mm):
    loop, needle = steel_loop(0.6, length_mm=length_mm)
    usual_loop, usual_needle = steel_loop(0.6)
    fused, usual = ratio_of(loop, needle, 22), ratio_of(usual_loop, usual_needle, 22)
    assert abs(fused.value - 0.6) < 2 * fused.sigma
    assert abs(usual.value - 0.6) < 2 * usual.sigma
    wedge = primary_fraction(
        loop, needle, kind=NeedleKind(gauge=22), kvp=85.0, mm_per_px=MM_PER_PX
    )
    by_length = {one.length_mm: one for one in wedge.by_length}
    told = primary_fraction(
        usual_loop, usual_needle, kind=NeedleKind(gauge=22), kvp=85.0, mm_per_px=MM_PER_PX
    )
    assert by_length[length_mm].fraction == pytest.approx(told.fraction, rel=0.05)
    assert by_length[88.9].fraction != pytest.approx(told.fraction, rel=0.05)


def test_no_length_of_needle_explains_millimetres_that_are_far_too_large():
    loop, needle = steel_loop(0.6)
    wedge = primary_fraction(loop, needle, kind=NeedleKind(gauge=22), kvp=85.0, mm_per_px=2.0)
    assert all(np.isfinite(one.fraction) and one.share > 0 for one in wedge.by_length)
    assert max(wedge.by_length, key=lambda one: one.share).length_mm == 88.9


@pytest.mark.parametrize("length_mm", [63.5, 127.0])
def test_a_given_length_makes_the_needle_surer_of_the_ratio(length_mm):
    loop, needle = steel_loop(0.6, length_mm=length_mm)
    guessed = ratio_of(loop, needle, 22)
    given_length = ratio_of(loop, needle, 22, length_mm=length_mm)
    assert abs(given_length.value - 0.6) < 2 * given_length.sigma
    assert given_length.sigma <= guessed.sigma


@given(length_mm=st.floats(40.0, 160.0), share=st.floats(0.1, 0.99))
def test_a_tilted_needle_and_its_picture_are_sides_of_one_triangle(length_mm, share):
    lengthening, magnified = tilt(length_mm, share * length_mm)
    assert lengthening >= 1.0
    assert magnified >= 1.0
    up_mm = 2 * (magnified - 1) * 700.0
    flat_mm = share * length_mm * (2 * magnified - 1)
    assert np.hypot(up_mm, flat_mm) == pytest.approx(length_mm, rel=1e-6)
    assert lengthening == pytest.approx(max(length_mm / flat_mm, 1.0), rel=1e-6)


def test_a_hollow_needle_is_not_believed():
    loop, needle = steel_loop(0.65, hollow=0.45)
    fused = ratio_of(loop, needle, 22)
    assert "rejected" in fused.basis[-1]
    assert fused.value == ratio_of(loop, NO_NEEDLE, None).value


def test_more_steel_than_the_stated_gauge_has_is_not_believed():
    loop, needle = steel_loop(0.3, gauge=18)
    assert "rejected" in ratio_of(loop, needle, 25).basis[-1]


def test_without_gauge_or_independent_millimetres_the_needle_says_nothing():
    loop, needle = steel_loop(0.5)
    assert "gauge unknown" in ratio_of(loop, needle, None).basis[-1]
    circular = replace(loop.loop.calibration, basis="needle_gauge")
    for calibration in (None, circular):
        other = replace(loop, loop=replace(loop.loop, calibration=calibration))
        assert "no millimetres" in ratio_of(other, needle, 22).basis[-1]


def test_a_shaft_that_may_go_on_beyond_the_field_tells_no_tilt():
    loop, needle = steel_loop(0.5)
    field = loop.field.copy()
    field[int(needle.hub_px[0]) + 3 :] = False
    hidden = replace(loop, field=field)
    assert (
        primary_fraction(hidden, needle, kind=NeedleKind(gauge=22), kvp=85.0, mm_per_px=MM_PER_PX)
        is None
    )


def test_a_short_shaft_and_one_that_was_not_followed_tell_nothing():
    loop, needle = steel_loop(0.5)
    short = replace(needle, hub_px=(130.0, 127.0))
    assert (
        primary_fraction(loop, short, kind=NeedleKind(gauge=22), kvp=85.0, mm_per_px=MM_PER_PX)
        is None
    )
    lost = replace(needle, tip_by_frame_px=np.full((FRAMES, 2), np.nan))
    assert (
        primary_fraction(loop, lost, kind=NeedleKind(gauge=22), kvp=85.0, mm_per_px=MM_PER_PX)
        is None
    )


def test_thicker_needles_and_softer_beams_cast_more_shadow():
    areas = [steel_dip_mm(gauge, 75.0) for gauge in sorted(NEEDLE_DIAMETER_MM)]
    assert areas == sorted(areas, reverse=True)
    assert steel_dip_mm(22, 75.0) > steel_dip_mm(22, 85.0) > steel_dip_mm(22, 95.0)
    assert steel_dip_mm(22, 75.0, lengthening=2.0) > steel_dip_mm(22, 75.0)


# Corridor and poses


def test_the_corridor_follows_the_shaft_and_runs_on_behind_the_hub():
    loop, needle, _ = make_loop()
    corridor = needle_corridor(loop, needle)
    middle = (int((TIP[0] + HUB[0]) / 2), int((TIP[1] + HUB[1]) / 2))
    assert corridor[middle]
    assert corridor[120, 116]
    assert not corridor[int(TIP[0]) - 10, int(TIP[1]) - 10]
    assert not needle_corridor(loop, NO_NEEDLE).any()


def test_the_tip_in_the_reference_pose_does_not_move_with_the_anatomy():
    scene = Scene(drift_px=(0.3, -0.2))
    loop, needle, _ = make_loop(scene)
    assert tip_in_reference(loop, needle) == pytest.approx(TIP)
    lost = replace(needle, tip_by_frame_px=np.full((FRAMES, 2), np.nan), frame=FRAMES - 1)
    expected = np.asarray(TIP) - motion_of(scene).shift_px[-1]
    assert tip_in_reference(loop, lost) == pytest.approx(expected)


def test_a_mask_is_looked_up_where_the_anatomy_went_and_nothing_comes_from_outside():
    mask = np.zeros((6, 7), dtype=bool)
    mask[2, 3] = True
    assert np.argwhere(looked_up(mask, 1, -2)).tolist() == [[1, 5]]
    assert not looked_up(mask, 9, 0).any()
    assert looked_up(np.ones((6, 7), dtype=bool), -2, 0).sum() == 4 * 7


def test_onset_lies_after_the_mask_frames_of_the_scene():
    assert max(MASK) < ONSET
