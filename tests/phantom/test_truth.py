"""Whether the truth is true: opacity, motion, needle, arrival and mass against the loop itself."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from napari_fluoroinject.phantom import PhantomSettings, Scene, build_scene

CLEAN = PhantomSettings(
    seed=2,
    size=160,
    frames=24,
    frame_rate_hz=6.0,
    shutter="none",
    scatter_to_primary=0.0,
    motion="twitch",
    needle_moves=False,
)
KEYS = ("esi_il_lumbar", "esi_tf_lumbar_subpedicular", "mbb_lumbar")


@cache
def scene(key: str, **change: object) -> Scene:
    return build_scene(key, settings=replace(CLEAN, **change))


@pytest.mark.parametrize("key", KEYS)
def test_opacity_is_the_log_ratio_of_the_loops_own_noise_free_frames(key: str) -> None:
    full, empty = scene(key), scene(key, twin="no_contrast")
    od = full.truth.od.astype(np.float32)
    seen = np.log(empty.signal) - np.log(full.signal)
    # The focal spot blurs the signal, not the opacity: a part of a pixel.
    assert float(np.abs(seen - od).max()) < 0.03
    inside = od > 0.1
    assert inside.any()
    assert float(np.abs(seen - od)[inside].mean()) < 0.002


@pytest.mark.parametrize("key", KEYS)
def test_contrast_comes_at_the_onset_and_not_before(key: str) -> None:
    truth = scene(key).truth
    assert truth.onset_frame is not None
    assert not truth.od[: truth.onset_frame].any()
    assert truth.od[truth.onset_frame + 2].any()
    assert max(truth.mask_frames) < truth.onset_frame


def test_the_mask_frames_stand_in_the_reference_pose_on_average() -> None:
    truth = scene("esi_il_lumbar").truth
    np.testing.assert_allclose(truth.shift_px[list(truth.mask_frames)].mean(axis=0), 0, atol=1e-9)
    assert np.ptp(truth.shift_px[:, 0]) > 1.0


def test_what_stands_at_p_in_the_mask_stands_at_p_plus_shift_in_a_frame() -> None:
    quiet = scene("esi_il_lumbar", twin="no_contrast", motion="breathing", needle=False)
    truth = quiet.truth
    ln = [_band(np.log(frame)) for frame in quiet.signal]
    k = int(np.argmax(np.abs(truth.shift_px[:, 0])))
    first = truth.mask_frames[0]
    shift = truth.shift_px[k] - truth.shift_px[first]
    inner = (slice(30, -30), slice(30, -30))
    right = ndimage.shift(ln[k], -shift, order=3)[inner] - ln[first][inner]
    wrong = ndimage.shift(ln[k], shift, order=3)[inner] - ln[first][inner]
    assert right.std() < 0.25 * wrong.std()
    assert right.std() < 0.25 * (ln[k] - ln[first])[inner].std()


def _band(picture: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(picture, 1.0) - ndimage.gaussian_filter(picture, 4.0)


@pytest.mark.parametrize("key", KEYS)
def test_steel_ends_at_the_tip_of_every_frame(key: str) -> None:
    full = scene(key, twin="no_contrast", gauge=20)
    bare = scene(key, twin="no_contrast", needle=False)
    truth = full.truth
    assert truth.tip_px is not None
    assert truth.hub_px is not None
    steel = np.log(bare.signal) - np.log(full.signal)
    for k in (0, 11, 23):
        axis = truth.tip_px[k] - truth.hub_px[k]
        axis = axis / np.linalg.norm(axis)
        inside = ndimage.map_coordinates(steel[k], (truth.tip_px[k] - 10 * axis)[:, None], order=1)
        beyond = ndimage.map_coordinates(steel[k], (truth.tip_px[k] + 2 * axis)[:, None], order=1)
        assert inside[0] > 0.25
        assert abs(beyond[0]) < 0.02
        angle = np.degrees(np.arctan2(axis[0], axis[1])) % 360
        assert truth.axis_deg == pytest.approx(angle, abs=1.5)


def test_a_needle_that_moves_comes_to_rest_before_the_mask() -> None:
    truth = scene("mbb_lumbar", needle_moves=True, motion="still").truth
    assert truth.tip_px is not None
    rest = truth.needle_rest_from_frame
    assert rest > 0
    assert min(truth.mask_frames) >= rest
    way = np.linalg.norm(truth.tip_px - truth.shift_px - truth.tip_px[-1], axis=1)
    assert way[0] * truth.mm_per_px_tip > 0.8
    assert np.all(way[rest:] < 0.5)


@pytest.mark.parametrize("key", KEYS)
def test_what_is_injected_is_in_the_film_or_has_left_it(key: str) -> None:
    truth = scene(key).truth
    lost = truth.injected_mg - truth.in_film_mg - truth.left_mg
    assert truth.injected_mg[-1] > 1.0
    assert float(np.abs(lost).max()) < 1e-3 * truth.injected_mg[-1]


def test_the_picture_holds_the_iodine_of_the_film() -> None:
    pool = scene("mbb_lumbar").truth
    pixel_cm2 = (pool.mm_per_px_tip / 10) ** 2
    # Of the last frame: the pool no longer grows, so the peak over time is close to it.
    seen = float(pool.iodine_peak_mg_cm2.sum()) * pixel_cm2
    assert seen == pytest.approx(pool.in_film_mg.max(), rel=0.12)


def test_arrival_is_where_the_opacity_of_the_reference_pose_rises_through_the_threshold() -> None:
    still = scene("esi_il_lumbar", motion="still")
    truth = still.truth
    # At rest every frame is in the reference pose but for a tremor of a tenth of a pixel.
    above = truth.od.astype(np.float32) >= truth.arrival_threshold_od
    held = above[:-1] & above[1:]
    later = truth.times_s[held.argmax(axis=0)]
    deep = truth.peak_od > 0.2
    assert deep.sum() > 50
    gap = later[deep] - truth.arrival_s[deep]
    assert np.all(np.isfinite(truth.arrival_s[deep]))
    assert np.quantile(gap, 0.05) > -0.02
    assert np.quantile(gap, 0.95) <= 1.05 / CLEAN.frame_rate_hz
    assert np.all(np.isnan(truth.arrival_s[truth.peak_od < truth.arrival_threshold_od]))


def test_twins_of_one_seed_share_everything_but_the_contrast() -> None:
    one, two = scene("mbb_lumbar"), scene("mbb_lumbar", twin="vascular_persistent")
    np.testing.assert_array_equal(one.truth.shift_px, two.truth.shift_px)
    before = min(one.truth.onset_frame or 0, two.truth.onset_frame or 0)
    np.testing.assert_array_equal(one.signal[:before], two.signal[:before])


def test_transient_run_off_leaves_and_persistent_run_off_stays() -> None:
    gone, stays = (
        scene("esi_tf_lumbar_subpedicular", twin=twin).truth
        for twin in ("vascular", "vascular_persistent")
    )
    for truth in (gone, stays):
        assert truth.run_off_path_px is not None
        assert truth.run_off_frames is not None
        assert not (truth.labels == 1).any()
    last = [float(t.od[-1].sum(dtype=np.float64)) for t in (gone, stays)]
    peak = [float(t.od.sum(axis=(1, 2), dtype=np.float64).max()) for t in (gone, stays)]
    assert last[0] < 0.2 * peak[0]
    assert last[1] > 0.4 * peak[1]


def test_run_off_lies_along_its_path() -> None:
    truth = scene("esi_tf_lumbar_subpedicular", twin="vascular_persistent").truth
    assert truth.run_off_path_px is not None
    rows, columns = np.round(truth.run_off_path_px).astype(int).T
    inside = (rows >= 0) & (rows < 160) & (columns >= 0) & (columns < 160)
    assert (truth.labels[rows[inside], columns[inside]] == 2).mean() > 0.9
