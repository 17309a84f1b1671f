"""A feed is watched: its picture found, exposures told from repeats, moves from breathing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_scenes import breathing, moving_scene

from napari_fluoroinject.analysis.feed.area import find_area
from napari_fluoroinject.analysis.feed.brightness import Brightness
from napari_fluoroinject.analysis.feed.movement import Movement
from napari_fluoroinject.analysis.feed.repeats import Repeats
from napari_fluoroinject.analysis.feed.watch import Watch
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.phantom.screen import make_screen
from napari_fluoroinject.phantom.screen_settings import BrightnessStep, Move, ScreenSettings

FRAMES = 30
MONITOR = ScreenSettings(shape=(240, 320), panels="right", hold_s=0.5, blank_s=0.3, off_s=0.3)
BARE = replace(
    MONITOR, shape=(128, 128), panels="none", field="full", picture_px=128, lettering=False
)


@cache
def loop():
    asked = PhantomSettings(seed=4, frames=FRAMES, size=128, detector_mm_per_px=0.8)
    return make_phantom("esi_il_lumbar", settings=asked)


@cache
def watched(asked):
    """A synthetic monitor, and what was told of each of its grabs."""
    screen = make_screen(loop(), asked)
    watch = Watch(screen.loop().intensity, screen.shape[1:])
    looks = [
        watch.look(screen.frame(grab), float(screen.times_s[grab]))
        for grab in range(screen.shape[0])
    ]
    return screen, watch, looks


def known_from(looks):
    return next(look.frame for look in looks if look.area is not None)


@pytest.mark.parametrize("form", ["circle", "octagon", "rectangle"])
@pytest.mark.parametrize("noise", [0, 1])
def test_the_picture_is_found_on_a_monitor_and_its_text_left_out(form, noise):
    screen = make_screen(loop(), replace(MONITOR, field=form, grab_noise=noise))
    truth = screen.truth
    grabs = np.flatnonzero(truth.fresh)[3:11]
    area = find_area([screen.frame(int(grab)) for grab in grabs])
    assert area is not None
    found = area.in_frame(truth.field.shape)
    text = np.zeros_like(found)
    for (row, column), (height, width) in truth.text:
        text[row : row + height, column : column + width] = True
    opened = truth.field & ~text
    assert (found & opened).sum() > 0.85 * (found | opened).sum()
    # nothing of the panels, but for what the edge is uncertain by
    assert (found & ~truth.field).sum() < 0.04 * truth.field.sum()
    letters = truth.field & text & (screen.frame(int(grabs[0])) > 225)
    if letters.any():
        assert (found & letters).sum() < 0.1 * letters.sum()


def test_a_picture_without_a_surround_is_the_whole_frame():
    _, watch, _ = watched(BARE)
    assert watch.area is not None
    assert watch.area.first_px == (0, 0)
    assert watch.area.shape_px == (128, 128)
    assert watch.area.field.mean() > 0.98
    assert "whole frame" in watch.area.form


def test_no_area_is_told_of_a_screen_that_shows_no_exposure():
    rng = np.random.default_rng(0)
    ground = rng.integers(20, 200, (96, 128)).astype(np.float64)
    noisy = [np.rint(ground + rng.uniform(-2, 2, ground.shape)).astype(np.uint8) for _ in range(8)]
    assert find_area(noisy) is None
    assert find_area([noisy[0]] * 8) is None


@pytest.mark.parametrize("noise", [0, 2])
@pytest.mark.parametrize("asked", [MONITOR, BARE], ids=["monitor", "bare"])
def test_each_exposure_is_fresh_once_and_repeats_are_not(asked, noise):
    screen, _, looks = watched(replace(asked, grab_noise=noise))
    began = known_from(looks)
    fresh = [look.frame for look in looks if look.fresh]
    assert fresh == [int(grab) for grab in np.flatnonzero(screen.truth.fresh) if grab >= began]


def test_a_held_image_and_a_blank_screen_are_told():
    screen, _, looks = watched(MONITOR)
    truth = screen.truth
    held = np.array([look.held for look in looks])
    blank = np.array([look.blank for look in looks])
    assert not (held & ~truth.held).any()
    # so long it takes to miss an exposure
    late = int(np.flatnonzero(truth.held)[0]) + round(60 * 0.2)
    assert held[late:][truth.held[late:]].all()
    after = np.arange(len(looks)) >= known_from(looks)
    np.testing.assert_array_equal(blank & after, truth.blank & after)
    assert sum("held" in text for look in looks for text in look.said) == 1


@settings(max_examples=25)
@given(
    per=st.integers(2, 8),
    noise=st.floats(0.0, 1.0),
    exposure=st.floats(1.6, 20.0),
    seed=st.integers(0, 99),
)
def test_repeats_are_learned_whatever_their_noise_and_rhythm(per, noise, exposure, seed):
    rng = np.random.default_rng(seed)
    repeats, wrong = Repeats(), 0
    for grab in range(220):
        true = grab % per == 0
        size = (exposure if true else noise) * rng.uniform(0.97, 1.03)
        told = repeats.see(size, 0.0, grab / 60)
        wrong += grab > 60 and told.fresh != true
    assert wrong == 0
    assert repeats.interval_s == pytest.approx(per / 60, rel=0.01)


def test_a_long_hold_with_noise_stays_held():
    repeats = Repeats()
    for grab in range(120):
        repeats.see(3.0 if grab % 4 == 0 else 2.0, 1.0, grab / 60)
    told = [repeats.see(2.0, 1.0, grab / 60) for grab in range(120, 700)]
    assert not any(one.fresh for one in told)
    assert all(one.held for one in told[12:])


def test_a_missing_exposure_is_a_gap():
    repeats = Repeats()
    gaps = [
        repeats.see(5.0, 1.0, pulse / 15).gap_s for pulse in range(20) if pulse not in (12, 13)
    ]
    assert [gap for gap in gaps if gap is not None] == [pytest.approx(3 / 15)]


def test_frames_that_the_feed_lost_are_a_gap_before_there_is_a_rhythm():
    repeats = Repeats()
    gaps = [repeats.see(5.0, 1.0, at / 15, lost=at == 4).gap_s for at in (0, 1, 2, 4)]
    assert gaps == [None, None, None, pytest.approx(2 / 15)]


@pytest.mark.parametrize(("ln", "over"), [(0.25, 1), (-0.25, 1), (0.3, 10)])
def test_a_gain_is_told_in_ln_and_contrast_is_none(ln, over):
    rng = np.random.default_rng(2)
    scene = rng.normal(0.0, 0.4, 600)
    brightness, told = Brightness(), []
    for frame in range(40):
        own = scene + rng.normal(0.0, 0.01, scene.shape)
        own[:150] -= 0.4 * np.clip((frame - 10) / 10, 0, 1)
        own += ln * np.clip((frame - 24) / over, 0, 1)
        told.append(brightness.see(own.astype(np.float32), 0.0))
    steps = [one.step_ln or 0.0 for one in told]
    assert not any(steps[:25])
    assert sum(steps) == pytest.approx(ln, abs=0.035)
    assert not any(one.curve_changed for one in told)


def test_another_display_curve_is_no_step():
    rng = np.random.default_rng(3)
    scene = rng.normal(0.0, 0.4, 600)
    brightness = Brightness()
    told = [
        brightness.see((curve * scene + rng.normal(0, 0.01, 600)).astype(np.float32), 0.0)
        for curve in 12 * [1.0] + 6 * [1.5]
    ]
    assert [one.curve_changed for one in told].index(True) == 12
    assert told[12].step_ln is None


def test_pixels_that_reach_the_end_of_the_grey_levels_change_the_curve():
    scene = np.random.default_rng(4).normal(0.0, 0.4, 600).astype(np.float32)
    brightness = Brightness()
    for _ in range(6):
        brightness.see(scene, 0.01)
    assert brightness.see(scene + np.float32(0.4), 0.2).curve_changed


def moved(ln):
    movement = Movement(np.ones(ln.shape[1:], bool))
    return [frame for frame, picture in enumerate(ln) if movement.see(picture)]


@settings(max_examples=5)
@given(seed=st.integers(0, 50), gain=st.floats(-0.4, 0.4))
def test_breathing_contrast_and_gain_are_no_move_and_a_table_is(seed, gain):
    shift = breathing(45, rows_px=2.5, columns_px=1.0)
    row, column = np.mgrid[:72, :72]
    ln = moving_scene(shift, size=(72, 72), noise=0.05, seed=seed, hills=60)
    ln[20:] += gain
    ln[25:] -= 0.8 * (np.hypot(row - 30, column - 40) < 9)
    ln[15:] -= 1.5 * (np.abs(row - column - 10) < 1.5) * (row < 40)
    assert not moved(ln)
    shift[30:] += (9.0, -6.0)
    ln = moving_scene(shift, size=(72, 72), noise=0.05, seed=seed, hills=60)
    assert moved(ln)[0] in (30, 31, 32, 33)


def test_another_scene_is_a_move():
    shift = np.zeros((30, 2))
    one, other = (moving_scene(shift, size=(72, 72), noise=0.05, seed=s) for s in (1, 2))
    assert moved(np.concatenate([one, other]))[0] in (30, 31, 32, 33)


def test_a_table_that_moves_and_a_step_are_told_on_a_monitor():
    asked = replace(
        MONITOR,
        field="rectangle",
        brightness=(BrightnessStep(frame=26, ln=0.4, over_frames=1),),
    )
    screen, _, looks = watched(asked)
    at = [
        int(screen.truth.exposure[look.frame])
        for look in looks
        if look.step_ln is not None or look.curve_changed
    ]
    assert at
    assert at[0] == 26
    assert not any(look.moved for look in looks)
    screen, _, looks = watched(replace(MONITOR, move=Move(frame=24, shift_px=(0, 30))))
    at = [int(screen.truth.exposure[look.frame]) for look in looks if look.moved]
    assert at
    assert 24 <= at[0] < 30


def test_frames_of_another_size_or_time_are_refused_and_change_nothing():
    watch = Watch(loop().loop.intensity, (128, 128))
    frame = loop().loop.frames.frame(0)
    watch.look(frame, 0.0)
    with pytest.raises(ValueError, match="expected"):
        watch.look(frame[:64], 1.0)
    with pytest.raises(ValueError, match="after one at"):
        watch.look(frame, 0.0)
    with pytest.raises(ValueError, match="not been found"):
        watch.cut(frame)
    assert watch.look(frame, 0.1).frame == 1


def test_what_is_cut_out_is_a_view_of_the_area():
    screen, watch, _ = watched(MONITOR)
    frame = screen.frame(40)
    part = watch.cut(frame)
    assert part.shape == watch.area.shape_px == watch.area.field.shape
    assert np.shares_memory(part, frame)


def direct(make, *, frames=30, rate_hz=15.0):
    """What is told of a feed that is nothing but an X-ray picture."""
    rng = np.random.default_rng(8)
    watch = Watch(loop().loop.intensity, make(rng).shape)
    return [watch.look(make(rng), frame / rate_hz) for frame in range(frames)]


@pytest.mark.parametrize(
    ("level", "noise"), [(1000.0, 30.0), (1000.0, 3.0), (1500.0, 300.0), (1.0, 1.0)]
)
def test_a_picture_without_any_edge_is_the_whole_frame_in_the_end(level, noise):
    looks = direct(
        lambda rng: np.clip(rng.normal(level, noise, (96, 96)), 0, 4095).astype(np.uint16)
    )
    began = known_from(looks)
    assert began <= 21
    assert all(look.fresh for look in looks[began:])
    assert looks[began].area.field.all()
    assert "whole frame" in " ".join(looks[began].said)


@pytest.mark.parametrize("power", [0.5, -0.5])
def test_noise_that_goes_with_the_grey_level_is_a_picture_from_the_first_exposures(power):
    row, column = np.mgrid[:96, :96]
    scene = 900.0 + 5.0 * row + 4.0 * column
    sigma = 30.0 * (scene / 1000) ** power
    looks = direct(lambda rng: rng.normal(scene, sigma).astype(np.uint16))
    began = known_from(looks)
    assert began <= 12
    assert looks[began].area.field.all()


def test_a_monitor_with_noise_and_no_exposure_is_never_a_picture():
    screen = make_screen(loop(), replace(MONITOR, grab_noise=2, off_s=1.5))
    watch = Watch(screen.loop().intensity, screen.shape[1:])
    off = np.flatnonzero(screen.truth.exposure < 0)[:80]
    assert len(off) > 60
    looks = [watch.look(screen.frame(int(grab)), float(screen.times_s[grab])) for grab in off]
    assert all(look.area is None for look in looks)


@settings(max_examples=8)
@given(per=st.sampled_from([2, 4, 6]), seed=st.integers(0, 99))
def test_a_rhythm_is_found_where_changes_of_repeats_and_exposures_overlap(per, seed):
    rng = np.random.default_rng(seed)
    repeats, told = Repeats(), []
    for grab in range(300):
        size = (0.5 if grab % per == 0 else 0.2) * rng.lognormal(0.0, 0.25)
        told.append(repeats.see(size, 0.0, grab / 60).fresh)
    later = np.flatnonzero(told[150:]) + 150
    assert 0.6 < len(later) / (150 / per) < 1.3
    assert np.mean(later % per == 0) > 0.7


def test_exposures_that_get_fainter_with_the_beam_stay_exposures():
    rng = np.random.default_rng(1)
    repeats = Repeats()
    sizes = np.where(np.arange(60) < 30, 10.0, 6.0) * rng.uniform(0.95, 1.05, 60)
    told = [repeats.see(float(size), 1.0, frame / 15).fresh for frame, size in enumerate(sizes)]
    assert all(told)


def test_a_feed_at_the_rate_of_its_exposures_has_no_repeats_whatever_its_changes():
    repeats = Repeats()
    told = [
        repeats.see(1.4 if frame % 4 == 0 else 1.0 + 0.3 * (frame % 3), 0.0, frame / 15).fresh
        for frame in range(200)
    ]
    assert np.mean(told) > 0.9


def test_repeats_that_the_coding_refines_are_told_from_exposures():
    repeats, told = Repeats(), []
    for grab in range(300):
        size = 3.0 if grab % 8 == 0 else 0.69 - 0.085 * (grab % 8)
        told.append(repeats.see(size, 2.0, grab / 60).fresh)
    assert np.flatnonzero(told[100:]).tolist() == [4 + 8 * k for k in range(25)]
