"""The second family of synthetic loops: whether its truth is true of its own pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from napari_fluoroinject.dicom.cine_object import encode_cine, phantom_identity, write_cine
from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.errors import PhantomError
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.phantom.planar import SPECS, PlanarScene, build_scene, expose
from napari_fluoroinject.phantom.planar.catalogue import EXPECTED_WARNINGS, TWINS
from napari_fluoroinject.phantom.planar.imaging import Glare, lines_of

CLEAN = PhantomSettings(
    seed=2,
    size=160,
    frames=24,
    frame_rate_hz=6.0,
    shutter="none",
    scatter_to_primary=0.0,
    recursive_weight=0.0,
    motion="twitch",
    needle_moves=False,
)
KEYS = tuple(SPECS)


@cache
def scene(key: str, **change: object) -> PlanarScene:
    return build_scene(key, settings=replace(CLEAN, **change))


@pytest.mark.parametrize("key", KEYS)
def test_opacity_is_the_log_ratio_of_the_loops_own_noise_free_frames(key: str) -> None:
    full, empty = scene(key), scene(key, twin="no_contrast")
    seen = np.log(empty.signal) - np.log(full.signal)
    assert float(full.truth.od.max()) > 0.15
    np.testing.assert_allclose(seen, full.truth.od.astype(np.float32), atol=6e-4)


@pytest.mark.parametrize("intensity", ["linear", "log"])
def test_opacity_is_what_exposed_loops_differ_by_within_their_noise(intensity: str) -> None:
    pair = (
        expose(scene("midline_sheet", twin=twin, intensity=intensity), dose_ngy=5000.0)
        for twin in ("none", "no_contrast")
    )
    full, empty = (
        (np.asarray(p.loop.intensity.ln(p.loop.frames.every()), np.float64), p.truth) for p in pair
    )
    # Exposure control answers to contrast; what it did is part of the truth.
    gain = np.log(full[1].exposure) - np.log(empty[1].exposure)
    seen = ndimage.gaussian_filter(empty[0] - full[0] + gain[:, None, None], (0, 1.5, 1.5))
    od = ndimage.gaussian_filter(full[1].od.astype(np.float64), (0, 1.5, 1.5))
    dense = od > 0.15
    assert dense.sum() > 500
    assert np.median(seen[dense] / od[dense]) == pytest.approx(1.0, abs=0.03)
    assert np.abs(seen - od).mean() < 0.01


@pytest.mark.parametrize("key", KEYS)
def test_contrast_comes_at_the_onset_and_not_before(key: str) -> None:
    truth = scene(key).truth
    assert truth.onset_frame is not None
    assert not truth.od[: truth.onset_frame].any()
    assert truth.od[truth.onset_frame + 2].any()
    assert max(truth.mask_frames) < truth.onset_frame


def test_the_mask_frames_stand_in_the_reference_pose_on_average() -> None:
    truth = scene("midline_sheet").truth
    np.testing.assert_allclose(truth.shift_px[list(truth.mask_frames)].mean(axis=0), 0, atol=1e-9)
    assert np.ptp(truth.shift_px[:, 0]) > 1.0


def test_what_stands_at_p_in_the_mask_stands_at_p_plus_shift_in_a_frame() -> None:
    quiet = scene("midline_sheet", twin="no_contrast", motion="breathing", needle=False)
    truth = quiet.truth
    ln = [
        ndimage.gaussian_filter(np.log(frame), 1.0) - ndimage.gaussian_filter(np.log(frame), 4.0)
        for frame in quiet.signal
    ]
    k = int(np.argmax(np.abs(truth.shift_px[:, 0])))
    first = truth.mask_frames[0]
    shift = truth.shift_px[k] - truth.shift_px[first]
    inner = (slice(30, -30), slice(30, -30))
    right = ndimage.shift(ln[k], -shift, order=3)[inner] - ln[first][inner]
    wrong = ndimage.shift(ln[k], shift, order=3)[inner] - ln[first][inner]
    # Soft tissue and gas go their own ways and keep this from zero.
    assert right.std() < 0.5 * wrong.std()
    assert right.std() < 0.6 * (ln[k] - ln[first])[inner].std()


def test_contrast_moves_with_bone_in_shift_and_rotation() -> None:
    moving = next(
        s
        for s in (scene("midline_sheet", seed=seed, motion="twitch") for seed in range(2, 20))
        if np.ptp(s.truth.rot_deg) > 0.05
    )
    still = scene("midline_sheet", seed=moving.settings.seed, motion="still")
    truth, k = moving.truth, 23
    a = np.radians(-truth.rot_deg[k])
    back = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    centre = np.full(2, (CLEAN.size - 1) / 2)
    offset = centre - back @ (centre + truth.shift_px[k] - still.truth.shift_px[k])
    posed = ndimage.affine_transform(
        still.truth.od[k].astype(np.float32), back, offset=offset, order=3
    )
    inner = (slice(12, -12), slice(12, -12))
    gap = np.abs(posed - truth.od[k].astype(np.float32))[inner]
    assert gap.mean() < 0.01
    assert np.quantile(gap, 0.99) < 0.04


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("seed", [2, 3, 5])
def test_steel_ends_at_the_tip_of_every_frame(key: str, seed: int) -> None:
    full = scene(key, seed=seed, twin="no_contrast", gauge=20)
    bare = scene(key, seed=seed, twin="no_contrast", needle=False)
    truth = full.truth
    assert truth.tip_px is not None
    assert truth.hub_px is not None
    steel = np.log(bare.signal) - np.log(full.signal)
    for k in (0, 11, 23):
        axis = truth.tip_px[k] - truth.hub_px[k]
        axis = axis / np.linalg.norm(axis)
        tip, level = truth.tip_px[k], float(np.median(steel[k]))
        # A bent shaft leaves its chord: look across, too.
        across = np.array([axis[1], -axis[0]])
        inside = max(_at(steel[k], tip - 10 * axis + j * across) for j in np.linspace(-2, 2, 9))
        beyond = max(_at(steel[k], tip + 2 * axis + j * across) for j in np.linspace(-2, 2, 9))
        assert inside - level > 0.25
        assert abs(beyond - level) < 0.02


def _at(picture: np.ndarray, point: np.ndarray) -> float:
    return float(ndimage.map_coordinates(picture, point[:, None], order=1)[0])


def test_arrival_is_where_the_opacity_of_the_reference_pose_rises_through_the_threshold() -> None:
    truth = scene("midline_sheet", motion="still").truth
    above = truth.od.astype(np.float32) >= truth.arrival_threshold_od
    held = above[:-1] & above[1:]
    later = truth.times_s[held.argmax(axis=0)]
    deep = truth.peak_od > 0.2
    assert deep.sum() > 50
    gap = later[deep] - truth.arrival_s[deep]
    assert np.all(np.isfinite(truth.arrival_s[deep]))
    assert np.quantile(gap, 0.05) > -0.04
    assert np.quantile(gap, 0.95) <= 1.1 / CLEAN.frame_rate_hz
    assert np.all(np.isnan(truth.arrival_s[truth.peak_od < truth.arrival_threshold_od]))
    assert np.nanmin(truth.arrival_s) >= truth.times_s[(truth.onset_frame or 0) - 1]


def test_contrast_arrives_later_further_from_the_tip() -> None:
    truth = scene("midline_sheet", motion="still").truth
    rows, columns = np.nonzero(np.isfinite(truth.arrival_s))
    away = np.hypot(rows - truth.target_px[0], columns - truth.target_px[1])
    arrival = truth.arrival_s[rows, columns]
    assert arrival[away < 8].mean() < arrival[away > 25].mean() - 0.1


@pytest.mark.parametrize("key", KEYS)
def test_what_is_injected_is_in_the_film_or_has_left_it(key: str) -> None:
    truth = scene(key).truth
    assert truth.injected_mg[-1] > 1.0
    assert np.all(np.diff(truth.injected_mg) >= 0)
    assert np.all(truth.in_film_mg <= 1.1 * truth.injected_mg)
    assert truth.in_film_mg[-1] > 0.2 * truth.injected_mg[-1]
    lost = truth.injected_mg - truth.in_film_mg - truth.left_mg
    assert float(np.abs(lost).max()) < 0.1 * truth.injected_mg[-1]


@pytest.mark.parametrize("key", KEYS)
def test_every_twin_of_every_scene_builds_and_expects_its_warning(key: str) -> None:
    for twin in TWINS:
        truth = build_scene(key, settings=replace(CLEAN, twin=twin, frames=16)).truth
        assert truth.procedure == SPECS[key].procedure
        assert truth.warnings_expected == EXPECTED_WARNINGS[twin], twin
        assert (truth.onset_frame is None) == (twin == "no_contrast")
        assert bool(np.any(truth.labels == 2)) == twin.startswith("vascular"), twin
        assert bool(np.any(truth.labels == 1)) == (
            twin in ("none", "vascular_mixed", "vascular_remote")
        )


def test_transient_run_off_leaves_and_persistent_run_off_stays() -> None:
    long = {"frames": 60, "size": 128}
    gone, stays = (
        scene("oblique_sleeves", twin=twin, **long).truth
        for twin in ("vascular", "vascular_persistent")
    )
    last = [float(t.od[-1].sum(dtype=np.float64)) for t in (gone, stays)]
    peak = [float(t.od.sum(axis=(1, 2), dtype=np.float64).max()) for t in (gone, stays)]
    assert last[0] < 0.2 * peak[0]
    assert last[1] > 0.4 * peak[1]
    assert gone.run_off_path_px is not None
    assert gone.run_off_frames is not None


def test_twins_of_one_seed_share_everything_but_the_contrast() -> None:
    one, two = scene("film_on_bone"), scene("film_on_bone", twin="vascular_persistent")
    np.testing.assert_array_equal(one.truth.shift_px, two.truth.shift_px)
    before = min(one.truth.onset_frame or 0, two.truth.onset_frame or 0)
    np.testing.assert_array_equal(one.signal[:before], two.signal[:before])


def test_the_same_settings_give_the_same_bytes() -> None:
    settings = replace(CLEAN, size=96, frames=12, scatter_to_primary=None)
    one, two = (expose(build_scene("oblique_sleeves", settings=settings)) for _ in range(2))
    assert one.loop.sha256 == two.loop.sha256
    assert one.truth.to_json() == two.truth.to_json()
    for name, array in one.truth.to_npz().items():
        np.testing.assert_array_equal(two.truth.to_npz()[name], array)
    other = expose(build_scene("oblique_sleeves", settings=settings), noise_seed=9)
    assert other.loop.sha256 != one.loop.sha256
    assert other.truth.to_json() == one.truth.to_json()


def test_truth_has_the_fields_and_maps_of_the_first_family() -> None:
    first = make_phantom("mbb_lumbar", settings=replace(CLEAN, size=96, frames=12)).truth
    second = build_scene("film_on_bone", settings=replace(CLEAN, size=96, frames=12)).truth
    assert set(second.to_json()) == set(first.to_json())
    json.dumps(second.to_json(), allow_nan=False)
    maps, known = second.to_npz(), first.to_npz()
    assert {n: (m.shape, m.dtype) for n, m in maps.items()} == {
        n: (m.shape, m.dtype) for n, m in known.items()
    }
    assert set(np.unique(maps["labels"])) <= {0, 1, 2, 3}


def test_noise_falls_with_the_root_of_the_dose_and_is_coloured() -> None:
    quiet = scene("midline_sheet", motion="still", twin="no_contrast", needle=False)
    noises = []
    for dose in (5.0, 80.0):
        loop = expose(quiet, dose_ngy=dose).loop
        ln = loop.intensity.ln(loop.frames.every())[6:, 40:120, 40:120]
        noises.append(ln - np.log(quiet.signal[6:, 40:120, 40:120]))
    flat = [n - n.mean(axis=(1, 2), keepdims=True) for n in noises]
    ratio = np.median(np.std(flat[0], axis=0)) / np.median(np.std(flat[1], axis=0))
    assert ratio == pytest.approx(4.0, rel=0.25)
    lag = np.mean(flat[1][:, :, 1:] * flat[1][:, :, :-1]) / np.mean(flat[1] ** 2)
    assert 0.1 < lag < 0.9


def test_scatter_keeps_a_flat_picture_flat_and_pales_contrast() -> None:
    glare = Glare(128, pitch_mm=0.41)
    flat = np.ones((128, 128), np.float32)
    np.testing.assert_allclose(glare.over(flat, 0.7), 1.0, atol=1e-3)
    dark = flat.copy()
    dark[60:68, 60:68] = 0.5
    assert glare.over(dark, 0.7)[64, 64] == pytest.approx((0.5 + 0.7) / 1.7, abs=0.02)


@pytest.mark.parametrize("kvp", [75.0, 80.0, 95.0])
def test_spectra_are_whole_and_harder_at_higher_voltage(kvp: float) -> None:
    lines = lines_of(kvp)
    assert float(lines.weight.sum()) == pytest.approx(1.0, abs=1e-5)
    assert np.all(np.diff(lines.soft) < 0)
    mean = float((lines.weight * lines.steel).sum())
    softer = lines_of(75.0)
    assert mean <= float((softer.weight * softer.steel).sum()) + 1e-6


def test_a_loop_survives_being_written_as_dicom(tmp_path) -> None:
    loop = expose(scene("film_on_bone")).loop
    path = tmp_path / "loop.dcm"
    write_cine(encode_cine(loop, identity=phantom_identity("film_on_bone", 2)), path)
    read = read_loop(path)
    np.testing.assert_array_equal(read.frames.every(), loop.frames.every())
    np.testing.assert_allclose(read.times_s, loop.times_s, atol=1e-3)
    assert read.mm_per_px == pytest.approx(loop.mm_per_px, rel=1e-3)


@pytest.mark.parametrize(
    ("key", "change"),
    [("sheet", {}), ("film_on_bone", {"twin": "x"}), ("film_on_bone", {"view": "OBL"})],
)
def test_a_scene_that_does_not_exist_is_refused_with_those_that_do(
    key: str, change: dict[str, str]
) -> None:
    with pytest.raises(PhantomError, match=r"there (are|is) .*(film_on_bone|no_contrast|AP)"):
        build_scene(key, settings=replace(CLEAN, **change))
