"""The contrast region: what belongs to it, and what must not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from spread_scenes import (
    FRAMES,
    HUB,
    NO_NEEDLE,
    ONSET,
    TIP,
    Scene,
    make_loop,
    needle_of,
    noisy,
    opacity_of,
    true_od,
    unlocked,
)

from napari_fluoroinject.analysis.corridor import needle_corridor
from napari_fluoroinject.analysis.spread import spread_maps
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.spread import RunOff

ON = choose("cpu")


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2.0 * float((one & other).sum()) / float(one.sum() + other.sum())


def elsewhere(size: int, row: float, column: float, radius: float) -> np.ndarray:
    r, c = np.mgrid[:size, :size]
    return np.hypot(r - row, c - column) < radius


def maps_of(od, scene=Scene(), needle=None, residue=None):  # noqa: B008  # a frozen value
    loop, own, _ = make_loop(scene)
    opacity = opacity_of(od)
    if residue is not None:
        opacity = replace(opacity, residue=residue.astype(np.float32))
    return spread_maps(opacity, loop, own if needle is None else needle, on=ON)


@pytest.mark.parametrize("sigma", [0.03, 0.1, 0.2])
def test_the_region_is_where_contrast_is_above_the_stated_threshold(sigma):
    true = true_od(Scene())
    maps = maps_of(noisy(true, sigma))
    assert dice(maps.region, true[-1] > maps.region_threshold_od) > 0.9


def test_the_stated_threshold_rises_with_the_noise():
    quiet, loud = (maps_of(noisy(true_od(Scene()), sigma)) for sigma in (0.05, 1.0))
    assert quiet.region_threshold_od < 0.05 < loud.region_threshold_od
    assert quiet.detection_limit_od < loud.detection_limit_od


def test_something_that_darkens_far_from_the_tip_is_not_the_injection():
    true = true_od(Scene(plateau_od=0.2))
    gas = 0.6 * elsewhere(128, 14, 112, 9) * (np.arange(FRAMES) > 20)[:, None, None]
    maps = maps_of(noisy(true + gas, 0.03))
    assert not maps.region[elsewhere(128, 14, 112, 12)].any()
    assert dice(maps.region, true[-1] > maps.region_threshold_od) > 0.9


def test_without_a_needle_the_component_with_most_evidence_is_taken():
    true = true_od(Scene())
    speck = 0.3 * elsewhere(128, 14, 112, 3) * (np.arange(FRAMES) > 20)[:, None, None]
    maps = maps_of(noisy(true + speck, 0.03), needle=NO_NEEDLE)
    assert maps.region[int(TIP[0]), int(TIP[1])]
    assert not maps.region[14, 112]


def test_without_any_certain_pixel_there_is_no_region():
    maps = maps_of(noisy(np.zeros((FRAMES, 128, 128)), 0.05))
    assert not maps.region.any()
    assert np.isnan(maps.arrival_s).mean() > 0.99


def test_where_the_picture_also_brightens_more_evidence_is_asked_for():
    weak = 0.1 * elsewhere(128, TIP[0], TIP[1], 12) * (np.arange(FRAMES) > 20)[:, None, None]
    gassy = np.full((128, 128), 900.0)
    assert maps_of(noisy(weak, 0.05)).region.any()
    assert not maps_of(noisy(weak, 0.05), residue=gassy).region.any()


def test_a_needle_that_moves_is_not_counted_as_contrast():
    scene = Scene()
    loop, _, _ = make_loop(scene)
    needle = needle_of(scene, moves_px=4.0)
    after = needle_corridor(loop, needle, half_width_px=1.5, frames=(FRAMES - 1,))
    shadow = 0.7 * after * (np.arange(FRAMES) >= ONSET)[:, None, None]
    true = true_od(scene)
    maps = spread_maps(opacity_of(noisy(true + shadow, 0.03)), loop, needle, on=ON)
    contrast = true[-1] > maps.region_threshold_od
    assert dice(maps.region, contrast) > 0.9
    near_hub = elsewhere(128, HUB[0] + 10, HUB[1] + 8, 8)
    assert not maps.region[near_hub & ~contrast].any()


def test_contrast_on_both_sides_of_a_moving_needle_goes_on_under_it():
    scene = Scene()
    loop, _, _ = make_loop(scene)
    needle = needle_of(scene, moves_px=4.0)
    maps = spread_maps(opacity_of(noisy(true_od(scene), 0.03)), loop, needle, on=ON)
    corridor = needle_corridor(loop, needle)
    inside = corridor & elsewhere(128, TIP[0], TIP[1], 22)
    assert maps.region[inside].mean() > 0.95


def test_the_region_of_a_needle_at_rest_is_not_cut():
    maps = maps_of(noisy(true_od(Scene()), 0.03))
    assert maps.region[elsewhere(128, TIP[0], TIP[1], 22)].all()


def test_the_region_of_each_frame_grows_with_time_and_ends_as_the_region():
    maps = maps_of(noisy(true_od(Scene()), 0.05))
    assert not maps.region_by_frame[: ONSET - 3].any()
    assert (maps.region_by_frame[:-1] <= maps.region_by_frame[1:]).all()
    assert (maps.region_by_frame[-1] == maps.region).all()


def washing_out(scene=Scene()):  # noqa: B008  # a frozen value
    """A film that stops growing, and whose right half then runs off."""
    true = true_od(scene)[np.minimum(np.arange(FRAMES), 24)]
    age = np.maximum(np.arange(FRAMES) - 24.0, 0.0)[:, None, None]
    right = np.arange(128) > TIP[1] + 4
    return np.where(right, true * np.exp(-age / 2.0), true)


def test_the_region_of_a_frame_falls_when_contrast_washes_out():
    true = washing_out()
    maps = maps_of(noisy(true, 0.03))
    area = maps.region_by_frame.sum(axis=(1, 2))
    assert area[-1] < 0.85 * area.max()
    for frame in (22, 24, 26, FRAMES - 1):
        expected = true[frame] > maps.region_threshold_od
        assert dice(maps.region_by_frame[frame], expected) > 0.8
    assert (maps.region_by_frame[-1] == maps.region).all()


def test_contrast_that_is_gone_at_the_end_is_in_the_frames_that_show_it():
    age = np.maximum(np.arange(FRAMES) - 26.0, 0.0)[:, None, None]
    true = true_od(Scene())[np.minimum(np.arange(FRAMES), 26)] * np.exp(-age / 2.0)
    maps = maps_of(noisy(true, 0.03))
    assert not maps.region.any()
    assert not maps.region_by_frame[-1].any()
    assert dice(maps.region_by_frame[26], true[26] > maps.region_threshold_od) > 0.8


def test_what_a_hub_leaves_that_moved_beside_the_film_is_no_contrast():
    true = true_od(Scene())
    late = (np.arange(FRAMES) >= ONSET)[:, None, None]
    went, was = (
        elsewhere(128, TIP[0] + along * 0.5**0.5, TIP[1] + along * 0.5**0.5, 4).astype(float)
        for along in (43.0, 51.0)
    )
    maps = maps_of(noisy(true + 0.4 * (went - was) * late, 0.03))
    r, c = np.mgrid[:128, :128]
    beyond = (went > 0) & (np.hypot(r - TIP[0], c - TIP[1]) > 42.5)
    assert beyond.sum() > 20
    assert not maps.region[beyond].any()
    assert dice(maps.region, true[-1] > maps.region_threshold_od) > 0.9


def test_contrast_that_runs_back_along_the_shaft_belongs_to_the_region():
    true = true_od(Scene())
    loop, needle, _ = make_loop(Scene())
    along = needle_corridor(loop, needle, half_width_px=3.0)
    late = (np.arange(FRAMES) > 20)[:, None, None]
    back = 0.2 * (along & elsewhere(128, HUB[0], HUB[1], 40) & ~(true[-1] > 0)) * late
    maps = maps_of(noisy(true + back, 0.03))
    inner = needle_corridor(loop, needle, half_width_px=1.5) & (back[-1] > 0)
    assert maps.region[inner].mean() > 0.95
    to_hub = elsewhere(128, HUB[0], HUB[1], 5) & inner
    assert maps.region[to_hub].all()


@pytest.mark.parametrize(("sigma", "least"), [(0.2, 0.955), (0.3, 0.92)])
def test_the_rim_of_a_film_is_told_by_its_neighbours_where_noise_hides_pixels(sigma, least):
    true = true_od(Scene(plateau_od=0.15))
    maps = maps_of(noisy(true, sigma))
    contrast = true[-1] > maps.region_threshold_od
    assert dice(maps.region, contrast) > least


def test_each_frames_region_is_what_contrast_had_reached():
    true = true_od(Scene())
    maps = maps_of(noisy(true, 0.03))
    for frame in (22, 28, 34):
        expected = true[frame] > maps.region_threshold_od
        assert dice(maps.region_by_frame[frame], expected) > 0.85


def test_a_frames_region_is_in_that_frames_own_geometry():
    scene = Scene(drift_px=(0.2, -0.4))
    loop, needle, _ = make_loop(scene)
    maps = spread_maps(opacity_of(noisy(true_od(scene), 0.03)), loop, needle, on=ON)
    shift = np.round(loop.motion.shift_px[-1]).astype(int)
    centre = np.argwhere(maps.region_by_frame[-1]).mean(axis=0)
    assert centre == pytest.approx(np.argwhere(maps.region).mean(axis=0) + shift, abs=0.6)


def test_frames_that_were_lost_have_no_region():
    loop, needle, _ = make_loop()
    lost = unlocked(loop, [30, 31])
    maps = spread_maps(opacity_of(noisy(true_od(Scene()), 0.03)), lost, needle, on=ON)
    assert not maps.region_by_frame[[30, 31]].any()
    assert maps.region_by_frame[32].any()


def test_a_reach_in_millimetres_and_one_in_pixels_both_find_the_tip():
    for scene in (Scene(), Scene(calibrated=False)):
        maps = maps_of(noisy(true_od(scene), 0.05), scene)
        assert maps.region[int(TIP[0]) + 5, int(TIP[1]) + 5]


def test_parts_of_one_film_that_bone_has_cut_are_one_region():
    true = true_od(Scene())
    true[:, :, 70:74] = 0.0
    maps = maps_of(noisy(true, 0.03))
    assert maps.region[64, 78]
    assert dice(maps.region, true[-1] > maps.region_threshold_od) > 0.85


def test_gas_beside_the_film_is_left_out_where_it_brightens_as_it_darkens():
    true = true_od(Scene(plateau_od=0.2))
    late = (np.arange(FRAMES) > 20)[:, None, None]
    dark = 0.3 * elsewhere(128, 15, 60, 5)
    # The other side of the bubble that moved.
    bright = 0.3 * elsewhere(128, 4, 60, 5)
    maps = maps_of(noisy(true + (dark - bright) * late, 0.03))
    assert not maps.region[elsewhere(128, 14, 60, 4)].any()


def test_a_run_off_that_raised_the_alarm_belongs_to_the_region():
    true = true_od(Scene(plateau_od=0.2))
    vessel = np.zeros((128, 128))
    vessel[8:11, 10:120] = 0.09
    late = (np.arange(FRAMES) > 22)[:, None, None]
    loop, needle, _ = make_loop(Scene())
    opacity = opacity_of(noisy(true + vessel * late, 0.03))
    path = np.column_stack([np.full(8, 9.0), np.linspace(20, 110, 8)])
    for score, inside in ((1.2, True), (0.9, False)):
        run_off = RunOff(
            score=score, kind="persistent", path_px=path, frames=(23, 30), smallest_seen_od=0.05
        )
        maps = spread_maps(opacity, loop, needle, run_off, on=ON)
        assert bool(maps.region[9, 20:110].mean() > 0.7) is inside
