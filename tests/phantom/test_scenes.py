"""What every synthetic loop promises: scenes, twins, determinism, truth files."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from napari_fluoroinject.errors import PhantomError
from napari_fluoroinject.phantom import (
    Phantom,
    PhantomSettings,
    build_scene,
    expose,
    make_phantom,
    scenes,
)
from napari_fluoroinject.phantom.catalogue import SPECS

SMALL = PhantomSettings(size=96, frames=12, frame_rate_hz=6.0, shutter="none")
KEYS = tuple(scenes())
CONTRACT_FIELDS = (
    "tip_px",
    "hub_px",
    "target_px",
    "axis_deg",
    "mm_per_px",
    "shift_px",
    "onset_frame",
    "times_s",
    "procedure",
    "twin",
    "seed",
    "warnings_expected",
    "arrival_threshold_od",
)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom("mbb_lumbar", settings=SMALL)


@pytest.mark.parametrize(
    ("key", "twin"), [(key, twin) for key in KEYS for twin in scenes()[key][1]]
)
def test_every_twin_of_every_scene_shows_what_it_is_about(key: str, twin: str) -> None:
    about = SPECS[key].twins[twin]
    view = about.views[0] if about.views else None
    # In a tighter picture than this, thick film can hide all of a vessel.
    truth = make_phantom(key, settings=replace(SMALL, twin=twin, view=view, size=160)).truth
    contrast = SPECS[key].film is not None
    assert truth.warnings_expected == about.warnings
    assert bool(np.any(truth.labels == 3)) == (about.film is not None)
    assert bool(np.any(truth.labels == 2)) == (about.run_off is not None)
    assert bool(np.any(truth.labels == 1)) == (about.intended and contrast)
    assert (truth.onset_frame is None) == (not truth.labels.any())


@pytest.mark.parametrize(("key", "view"), [(k, v) for k in KEYS for v in scenes()[k][0]])
def test_every_view_of_every_scene_builds_with_its_target_in_the_picture(
    key: str, view: str
) -> None:
    truth = make_phantom(key, settings=replace(SMALL, view=view, seed=3)).truth
    assert truth.view == view
    assert all(0 < value < 95 for value in truth.target_px)


@pytest.mark.parametrize("key", [key for key in KEYS if SPECS[key].device == "needle"])
def test_the_default_view_shows_at_least_15_mm_of_needle(key: str) -> None:
    for seed in range(6):
        truth = make_phantom(key, settings=replace(SMALL, seed=seed, frames=8)).truth
        assert truth.tip_px is not None
        assert truth.hub_px is not None
        length = np.linalg.norm(truth.hub_px[-1] - truth.tip_px[-1]) * truth.mm_per_px
        assert length >= 15.0


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("esi_il_lumba", {}),
        ("esi_il_lumbar", {"twin": "subdural_"}),
        ("esi_il_lumbar", {"view": "OBL"}),
    ],
)
def test_a_scene_that_does_not_exist_is_refused_with_those_that_do(
    key: str, change: dict[str, str]
) -> None:
    with pytest.raises(PhantomError, match=r"there are .*(esi_il_lumbar|no_contrast|CLO)"):
        make_phantom(key, settings=replace(SMALL, **change))


@pytest.mark.parametrize(
    "change",
    [{"size": 10}, {"frames": 2}, {"dose_ngy": -1.0}, {"gauge": 21}, {"motion": "jump"}],
)
def test_settings_that_make_no_loop_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(PhantomError, match=next(iter(change))):
        replace(SMALL, **change)


def test_the_same_settings_give_the_same_bytes(phantom: Phantom) -> None:
    again = make_phantom("mbb_lumbar", settings=SMALL)
    assert again.loop.sha256 == phantom.loop.sha256
    assert again.loop.reference == phantom.loop.reference
    for name, array in phantom.truth.to_npz().items():
        np.testing.assert_array_equal(again.truth.to_npz()[name], array)
    assert again.truth.to_json() == phantom.truth.to_json()


def test_the_noise_seed_changes_the_noise_alone(phantom: Phantom) -> None:
    other = make_phantom("mbb_lumbar", settings=replace(SMALL, noise_seed=7))
    assert other.loop.sha256 != phantom.loop.sha256
    assert other.truth.to_json() == phantom.truth.to_json()
    np.testing.assert_array_equal(other.truth.od, phantom.truth.od)


def test_another_seed_is_another_patient(phantom: Phantom) -> None:
    other = make_phantom("mbb_lumbar", settings=replace(SMALL, seed=1))
    assert other.truth.landmarks_px["foramen"] != pytest.approx(
        phantom.truth.landmarks_px["foramen"], abs=0.5
    )


def test_a_scene_can_be_exposed_again_at_another_dose() -> None:
    scene = build_scene("mbb_lumbar", settings=replace(SMALL, recursive_weight=0.0))
    deviations = []
    for dose in (5.0, 80.0):
        phantom = expose(scene, dose_ngy=dose)
        ln = phantom.loop.intensity.ln(phantom.loop.frames.every())[6:, 8:24, 8:24]
        deviations.append(float(np.std(ln - np.log(scene.signal[6:, 8:24, 8:24]))))
        assert phantom.truth.dose_ngy == dose
        assert phantom.truth.od is scene.truth.od
    assert deviations[0] / deviations[1] == pytest.approx(4.0, rel=0.2)


def test_loops_of_one_seed_share_a_study_and_nothing_else(phantom: Phantom) -> None:
    twin = make_phantom("mbb_lumbar", settings=replace(SMALL, twin="vascular"))
    one, two = phantom.loop.reference, twin.loop.reference
    assert one.study_instance_uid == two.study_instance_uid
    assert one.series_instance_uid != two.series_instance_uid
    assert one.sop_instance_uid != two.sop_instance_uid
    for uid in (one.study_instance_uid, one.series_instance_uid, one.sop_instance_uid):
        assert uid.startswith("2.25.")
        assert len(uid) <= 64


def test_the_truth_holds_what_the_contract_names_as_plain_json(phantom: Phantom) -> None:
    told = json.loads(json.dumps(phantom.truth.to_json(), allow_nan=False))
    assert set(CONTRACT_FIELDS) <= set(told)
    assert len(told["tip_px"]) == len(told["shift_px"]) == len(told["times_s"]) == 12
    arrays = phantom.truth.to_npz()
    assert arrays["od"].dtype == np.float16
    assert arrays["od"].shape == phantom.loop.shape
    assert arrays["arrival_s"].shape == arrays["labels"].shape == (96, 96)


def test_without_a_needle_there_is_no_needle_in_the_truth() -> None:
    truth = make_phantom("mbb_lumbar", settings=replace(SMALL, needle=False)).truth
    assert truth.tip_px is None
    assert truth.hub_px is None
    assert truth.axis_deg is None
    assert truth.gauge is None


def test_dropped_frames_are_told_by_the_times() -> None:
    loop = make_phantom("mbb_lumbar", settings=replace(SMALL, dropped_frames=2)).loop
    assert loop.times_s is not None
    steps = np.diff(loop.times_s) * SMALL.frame_rate_hz
    assert sorted(np.round(steps).tolist())[-3:] == [1.0, 2.0, 2.0]


@pytest.mark.parametrize("intensity", ["linear", "log"])
def test_stored_values_lead_back_to_the_beam(intensity: str) -> None:
    scene = build_scene("mbb_lumbar", settings=replace(SMALL, intensity=intensity))
    bright = expose(scene, dose_ngy=1e5).loop
    assert bright.intensity.quantitative
    ln = bright.intensity.ln(bright.frames.every())[8]
    middle = np.log(scene.signal[8] * scene.acquisition.exposure()[8])[20:-20, 20:-20]
    gap = (ln[20:-20, 20:-20] - middle) - np.median(ln[20:-20, 20:-20] - middle)
    assert float(np.abs(gap).mean()) < 0.02


def test_display_processed_loops_are_8_bit_and_not_quantitative() -> None:
    loop = make_phantom("mbb_lumbar", settings=replace(SMALL, intensity="display")).loop
    assert loop.frames.every().dtype == np.uint8
    assert not loop.intensity.quantitative
    ln = loop.intensity.ln_beam
    assert ln[200] - ln[0] == pytest.approx(np.log(208 / 8), abs=1e-5)
