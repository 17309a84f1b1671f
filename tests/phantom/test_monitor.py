"""The synthetic monitor: what it shows and when, against what its truth says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_fluoroinject.errors import PhantomError
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.phantom.lettering import lettered
from napari_fluoroinject.phantom.screen import make_screen
from napari_fluoroinject.phantom.screen_settings import (
    BARE,
    FULL_HD,
    HD,
    XGA,
    BrightnessStep,
    Move,
    ScreenSettings,
)

SMALL = ScreenSettings(shape=(120, 200), off_s=0.2, hold_s=0.3, grab_hz=60.0)
MONITORS = {"hd": HD, "full_hd": FULL_HD, "xga": XGA, "bare": BARE}


@pytest.fixture(scope="module")
def phantom():
    return make_phantom("mbb_lumbar", settings=PhantomSettings(size=64, frames=16, shutter="none"))


@pytest.mark.parametrize("name", MONITORS)
def test_each_monitor_shows_the_picture_in_its_field_alone(phantom, name):
    screen = make_screen(phantom, replace(MONITORS[name], lettering=False))
    one, other = (int(np.flatnonzero(screen.truth.frame == k)[0]) for k in (3, 6))
    differs = screen.frame(one) != screen.frame(other)
    assert differs[screen.truth.field].any()
    assert not differs[~screen.truth.field].any()
    assert screen.frame(one)[screen.truth.field].std() > 5


@given(
    st.sampled_from([30.0, 60.0]),
    st.sampled_from([None, 7.5, 15.0]),
    st.integers(1, 3),
    st.booleans(),
    st.integers(0, 99),
)
@settings(max_examples=20, deadline=None)
def test_grabs_repeat_hold_and_blank_as_the_truth_says(phantom, grab, pulse, runs, second, seed):
    asked = replace(
        SMALL, grab_hz=grab, pulse_hz=pulse, runs=runs, second_injection=second, seed=seed
    )
    asked = replace(asked, blank_s=0.2, jitter_s=0.003, dropped_share=0.05, gap_s=(0.6, 0.1))
    truth = make_screen(phantom, asked).truth
    times = make_screen(phantom, asked).times_s
    assert (np.diff(times) >= 0).all()
    assert truth.blank[[0, -1]].all()
    assert not (truth.fresh & (truth.held | truth.blank)).any()
    shown = truth.exposure[truth.exposure >= 0]
    assert (np.diff(shown) >= 0).all()
    fresh = truth.exposure[truth.fresh]
    assert len(set(fresh.tolist())) == len(fresh)
    per_run = 16 * (1 + second)
    assert truth.exposure.max() == per_run * runs - 1
    assert truth.gap_s.max() >= 0.1 - 1 / grab
    assert len(truth.onsets) <= runs * (1 + second)
    assert truth.fresh[list(truth.onsets)].all()


def test_a_grab_is_the_same_bytes_each_time_and_errs_by_its_noise_at_most(phantom):
    noisy = make_screen(phantom, replace(SMALL, grab_noise=2, lettering=False))
    quiet = make_screen(phantom, replace(SMALL, lettering=False))
    at = int(np.flatnonzero(quiet.truth.fresh)[4])
    np.testing.assert_array_equal(noisy.frame(at), noisy.frame(at))
    err = noisy.frame(at).astype(int) - np.clip(quiet.frame(at), 2, 253)
    assert set(np.unique(err)) == {-2, -1, 0, 1, 2}
    assert (noisy.frame(at) != noisy.frame(at + 1)).mean() > 0.5
    np.testing.assert_array_equal(quiet.frame(at), quiet.frame(at + 1))


def test_brightness_and_moves_come_when_the_truth_says(phantom):
    asked = replace(
        SMALL,
        lettering=False,
        brightness=(BrightnessStep(frame=4, ln=0.2, over_frames=2),),
        move=Move(frame=8, shift_px=(6.0, -4.0), over_frames=2),
    )
    moving, still = (
        make_screen(phantom, asked),
        make_screen(phantom, replace(SMALL, lettering=False)),
    )
    first = {k: int(np.flatnonzero(moving.truth.frame == k)[0]) for k in (3, 6, 12)}
    np.testing.assert_array_equal(moving.frame(first[3]), still.frame(first[3]))
    field = moving.truth.field
    before, after = (one.frame(first[6])[field].mean() for one in (still, moving))
    assert after > before + 5
    assert moving.truth.gain_ln[first[6]] == pytest.approx(0.2)
    shift = np.rint(moving.truth.shift_px[first[12]]).astype(int)
    assert shift == pytest.approx(np.array([6, -4]) * moving.truth.scale, abs=0.5)
    brighter = make_screen(phantom, replace(asked, move=None)).frame(first[12]).astype(float)
    laid = np.roll(brighter, shift, (0, 1))
    inner = np.zeros_like(field)
    inner[45:75, 65:100] = True
    apart = np.abs(moving.frame(first[12]) - laid)[inner].mean()
    assert apart < 0.5 * np.abs(moving.frame(first[12]) - brighter)[inner].mean()


def test_text_is_where_the_truth_says_and_the_clock_goes_on(phantom):
    shown = make_screen(phantom, SMALL)
    plain = make_screen(phantom, replace(SMALL, lettering=False))
    boxes = np.zeros(SMALL.shape, bool)
    for (row, column), (rows, columns) in shown.truth.text:
        boxes[row : row + rows, column : column + columns] = True
    first, last = 0, len(shown.times_s) - 1
    differs = shown.frame(last) != plain.frame(last)
    assert differs.any()
    assert not differs[~boxes].any()
    assert (shown.frame(first)[boxes] != shown.frame(last)[boxes]).any()
    assert lettered("8", 2).shape == (14, 12)


def test_a_point_of_the_loop_is_found_on_the_monitor(phantom):
    truth = make_screen(phantom, SMALL).truth
    middle = truth.on_screen((31.5, 31.5))
    centre = [truth.first_px[k] + (truth.side_px - 1) / 2 for k in (0, 1)]
    assert middle == pytest.approx(centre)


def test_a_screen_is_a_loop_of_display_levels(phantom):
    loop = make_screen(phantom, SMALL).loop()
    assert loop.shape[1:] == (120, 200)
    assert loop.synthetic
    assert not loop.intensity.quantitative
    assert loop.intensity.relationship == "display"


@pytest.mark.parametrize(
    "wrong",
    [
        {"field": "star"},
        {"panels": "top"},
        {"grab_hz": 0.0},
        {"gamma": float("nan")},
        {"shape": (10, 10)},
        {"window_ln": (1.0, 0.0)},
    ],
)
def test_what_no_monitor_does_is_refused(wrong):
    with pytest.raises(PhantomError, match="expected"):
        replace(SMALL, **wrong)


def test_a_picture_that_does_not_fit_and_a_loop_without_times_are_refused(phantom):
    with pytest.raises(PhantomError, match="expected one that fits"):
        make_screen(phantom, replace(SMALL, picture_px=500))
    with pytest.raises(PhantomError, match="expected some"):
        make_screen(replace(phantom.loop, times_s=None), SMALL)
