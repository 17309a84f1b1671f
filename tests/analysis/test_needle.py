"""The needle: found, followed, honest about absence, indifferent to how the picture lies."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.signal
from needle_scenes import ONSET, Scene, SceneSettings, make_scene

from napari_fluoroinject.analysis.needle import find_needle
from napari_fluoroinject.analysis.needle.follow import SMOOTHING_FRAMES, smoothed
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.motion import Injection, Motion
from napari_fluoroinject.model.needle import Needle, NoNeedle

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import RegisteredLoop

ON = choose("cpu")


@cache
def scene(**changes: object) -> Scene:
    return make_scene(replace(SceneSettings(), **changes))  # type: ignore[arg-type]  # by name


def found(registered: RegisteredLoop, gauge: int | None = None) -> Needle:
    needle = find_needle(registered, gauge=gauge, on=ON)
    assert isinstance(needle, Needle), needle
    return needle


def tip_error_px(needle: Needle, drawn: Scene) -> float:
    assert drawn.tip_px is not None
    return float(np.hypot(*(np.asarray(needle.tip_px) - drawn.tip_px[needle.frame])))


@pytest.mark.parametrize("seed", range(6))
def test_the_tip_is_found_to_a_pixel(seed: int) -> None:
    drawn = scene(seed=seed)
    needle = found(drawn.registered)
    assert tip_error_px(needle, drawn) < 1.0
    assert needle.frame < ONSET
    assert needle.source == "detected"


@pytest.mark.parametrize("seed", range(6))
def test_a_scene_without_needle_has_none_and_says_why(seed: int) -> None:
    answer = find_needle(scene(seed=seed, needle=False).registered, gauge=None, on=ON)
    assert isinstance(answer, NoNeedle)
    assert "needle" in answer.reason


def test_a_needle_seen_end_on_is_no_needle() -> None:
    drawn = scene(hub_px=(84.0, 92.0))
    assert isinstance(find_needle(drawn.registered, gauge=None, on=ON), NoNeedle)


@pytest.mark.parametrize("advance_px", [20.0, 30.0])
def test_an_advancing_needle_tells_its_tip_by_moving_and_is_measured_at_rest(
    advance_px: float,
) -> None:
    drawn = scene(seed=2, advance_px=advance_px)
    needle = found(drawn.registered)
    assert needle.tip_end_by == "moved"
    assert 4 <= needle.at_rest_from_frame <= 10
    assert tip_error_px(needle, drawn) < 1.0
    error = np.hypot(*(needle.tip_by_frame_px - drawn.tip_px).T)
    assert np.median(error) < 1.0
    assert error.max() < 4.0


def test_the_shaft_is_followed_though_skin_lags_bone_and_the_hand_wiggles() -> None:
    drawn = scene(seed=1, breathing_px=4.0, skin_gain=0.4, wiggle_px=1.5)
    needle = found(drawn.registered)
    shift = drawn.registered.motion.shift_px
    carried = drawn.hub_px[needle.frame] + shift - shift[needle.frame]
    by_bone_alone = np.hypot(*(carried - drawn.hub_px).T).mean()
    assert np.hypot(*(needle.hub_by_frame_px - drawn.hub_px).T).mean() < 0.5 * by_bone_alone
    tip_error = np.hypot(*(needle.tip_by_frame_px - drawn.tip_px).T)
    assert np.mean(tip_error) < 1.0
    assert np.max(tip_error) < 2.0


def test_the_hub_is_where_the_shaft_is_last_seen() -> None:
    drawn = scene()
    needle = found(drawn.registered)
    assert np.hypot(*(np.asarray(needle.hub_px) - drawn.hub_px[needle.frame])) < 1.5
    assert np.isfinite(needle.hub_by_frame_px).all()


def test_contrast_around_one_end_makes_it_the_tip() -> None:
    outer = scene(tip_px=(30.0, 40.0), hub_px=(98.0, 104.0))
    needle = found(outer.registered)
    assert needle.tip_end_by == "contrast"
    assert tip_error_px(needle, outer) < 1.0


def test_without_contrast_the_end_nearer_to_the_centre_is_the_tip_and_that_is_said() -> None:
    drawn = scene(contrast=0.0)
    quiet = replace(
        drawn.registered,
        injection=Injection(mask_frames=tuple(range(2, 12)), onset_frame=None, onset_score=0.0),
    )
    needle = found(quiet)
    assert needle.tip_end_by == "centre"
    assert tip_error_px(needle, drawn) < 1.0


def test_darkening_at_one_end_is_no_contrast_where_the_other_end_brightens_as_much() -> None:
    drawn = scene(contrast=0.0)
    ln = drawn.registered.ln.copy()
    rows, columns = np.mgrid[: ln.shape[1], : ln.shape[2]]
    for place, change in ((drawn.hub_px, -0.10), (drawn.tip_px, 0.06)):
        for k in range(ONSET, len(ln)):
            near = np.hypot(rows - place[k, 0], columns - place[k, 1]) < 14
            ln[k][near] += change
    needle = found(with_pictures(drawn.registered, ln, drawn.registered.motion.shift_px))
    assert needle.tip_end_by == "centre"
    assert tip_error_px(needle, drawn) < 1.5


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turning_the_scene_by_right_angles_turns_the_needle(turns: int) -> None:
    drawn = scene()
    straight, turned = found(drawn.registered), found(turn(drawn.registered, turns))
    point = np.asarray(straight.tip_px)
    for _ in range(turns):
        point = turned_point(point, drawn.registered.field.shape[0])
    assert np.hypot(*(np.asarray(turned.tip_px) - point)) < 0.5 * straight.tip_uncertainty_px
    assert (turned.axis_deg - straight.axis_deg + 90.0 * turns + 180.0) % 360.0 == pytest.approx(
        180.0, abs=0.2
    )


def test_swapping_rows_and_columns_swaps_the_tip() -> None:
    drawn = scene()
    one = found(drawn.registered)
    registered = drawn.registered
    other = found(
        with_pictures(
            registered,
            np.ascontiguousarray(registered.ln.transpose(0, 2, 1)),
            registered.motion.shift_px[:, ::-1],
        )
    )
    apart = np.hypot(*(np.asarray(other.tip_px) - np.asarray(one.tip_px)[::-1]))
    assert apart < 0.5 * one.tip_uncertainty_px


def test_brightness_of_the_loop_or_of_single_frames_changes_nothing() -> None:
    drawn = scene()
    one = found(drawn.registered)
    gain = 2.0 + 0.1 * np.sin(np.arange(len(drawn.registered.ln)))
    brighter = drawn.registered.ln + gain[:, None, None].astype(np.float32)
    other = found(with_pictures(drawn.registered, brighter, drawn.registered.motion.shift_px))
    assert np.hypot(*(np.asarray(other.tip_px) - np.asarray(one.tip_px))) < 0.02
    assert other.tip_end_by == one.tip_end_by


def test_the_same_loop_gives_the_same_needle() -> None:
    one, other = (found(scene(seed=3).registered) for _ in range(2))
    assert one.tip_px == other.tip_px
    assert np.array_equal(one.tip_by_frame_px, other.tip_by_frame_px)


def test_the_stated_uncertainty_covers_the_error() -> None:
    ratios = []
    for seed in range(8):
        drawn = scene(seed=seed, noise=0.08)
        answer = find_needle(drawn.registered, gauge=None, on=ON)
        if isinstance(answer, Needle):
            ratios.append(tip_error_px(answer, drawn) / answer.tip_uncertainty_px)
    assert len(ratios) >= 7
    assert sum(ratio < 2.0 for ratio in ratios) >= len(ratios) - 1


def test_a_known_gauge_narrows_the_uncertainty() -> None:
    drawn = scene()
    assert (
        found(drawn.registered, gauge=25).tip_uncertainty_px
        <= found(drawn.registered, gauge=18).tip_uncertainty_px
    )


def test_an_uncalibrated_picture_is_taken_for_a_usual_field_of_view() -> None:
    drawn = scene(mm_per_px=None)
    assert tip_error_px(found(drawn.registered), drawn) < 1.0


def test_a_picture_twice_as_fine_shows_the_same_needle() -> None:
    drawn, fine_scene = scene(seed=1), scene(seed=1, mm_per_px=0.14)
    registered = fine_scene.registered
    fine = replace(
        with_pictures(
            registered,
            registered.ln.repeat(2, axis=1).repeat(2, axis=2),
            2 * registered.motion.shift_px,
        ),
        field=np.ones((384, 384), bool),
    )
    needle = found(fine)
    truth = 2 * drawn.tip_px[needle.frame] + 0.5
    assert np.hypot(*(np.asarray(needle.tip_px) - truth)) < 2.0


def test_a_single_frame_is_enough() -> None:
    drawn = scene(noise=0.02)
    registered = drawn.registered
    frame = 8
    single = replace(
        registered,
        ln=registered.ln[frame : frame + 1],
        motion=Motion(
            shift_px=np.zeros((1, 2)),
            residual=np.ones(1),
            locked=np.ones(1, bool),
            bone_weight=registered.motion.bone_weight,
            uncertainty_px=0.05,
        ),
        injection=Injection(mask_frames=(), onset_frame=None, onset_score=0.0),
    )
    needle = found(single)
    assert needle.frame == 0
    assert np.hypot(*(np.asarray(needle.tip_px) - drawn.tip_px[frame])) < 1.5


def test_a_blade_over_the_hub_leaves_the_tip_alone() -> None:
    drawn = scene()
    field = drawn.registered.field.copy()
    field[:50] = False
    needle = found(replace(drawn.registered, field=field))
    assert tip_error_px(needle, drawn) < 1.0
    assert needle.hub_px[0] > 45


def test_an_empty_field_has_no_needle() -> None:
    drawn = scene()
    closed = replace(drawn.registered, field=np.zeros_like(drawn.registered.field))
    assert isinstance(find_needle(closed, gauge=None, on=ON), NoNeedle)


def turned_point(point: np.ndarray, size: int) -> np.ndarray:
    return np.array([size - 1 - point[1], point[0]])


def turn(registered: RegisteredLoop, turns: int) -> RegisteredLoop:
    shift = registered.motion.shift_px
    for _ in range(turns):
        shift = np.stack([-shift[:, 1], shift[:, 0]], axis=1)
    pictures = np.ascontiguousarray(np.rot90(registered.ln, turns, axes=(1, 2)))
    return with_pictures(registered, pictures, shift)


def with_pictures(
    registered: RegisteredLoop, ln: np.ndarray, shift_px: np.ndarray
) -> RegisteredLoop:
    return replace(registered, ln=ln, motion=replace(registered.motion, shift_px=shift_px))


def test_a_track_is_smoothed_as_savitzky_and_golay_did():
    track = np.random.default_rng(3).standard_normal((30, 2))
    expected = scipy.signal.savgol_filter(track, SMOOTHING_FRAMES, 2, axis=0, mode="interp")
    np.testing.assert_allclose(smoothed(track), expected, atol=1e-12)
