"""The onset of contrast is found in the picture, and nothing else is taken for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_fluoroinject.analysis.onset import find_injection, read_onset
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.motion import Motion

ON = choose("cpu")
SIZE, FRAMES = 96, 40


def still(frames=FRAMES, **changes):
    fields = {
        "shift_px": np.zeros((frames, 2)),
        "residual": np.ones(frames),
        "locked": np.ones(frames, bool),
        "bone_weight": np.ones((SIZE, SIZE), np.float32),
        "uncertainty_px": 0.05,
    }
    return Motion(**(fields | changes))


def scene(*, onset=None, od=0.3, frames=FRAMES, seed=0, noise=0.08):
    """Textured log frames; a disc fills over six frames from `onset` on."""
    random = np.random.default_rng(seed)
    texture = ndimage.gaussian_filter(random.standard_normal((SIZE, SIZE)), 6)
    ln = 6.0 + 0.5 * texture / texture.std()
    stack = ln + noise * random.standard_normal((frames, SIZE, SIZE))
    if onset is not None:
        row, column = np.mgrid[:SIZE, :SIZE]
        disc = np.hypot(row - 50, column - 45) < 14
        grown = np.clip((np.arange(frames) - onset + 1) / 6, 0, 1)
        stack -= od * grown[:, None, None] * disc
    return stack.astype(np.float32)


def found(ln, motion=None):
    field = np.ones(ln.shape[1:], bool)
    return find_injection(ln, field, motion or still(len(ln)), on=ON)


@given(onset=st.integers(9, 30), seed=st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_the_onset_is_found_within_two_frames_wherever_it_is(onset, seed):
    injection = found(scene(onset=onset, seed=seed))
    assert injection.onset_frame is not None
    assert abs(injection.onset_frame - onset) <= 2
    assert max(injection.mask_frames) < onset


@pytest.mark.parametrize(("onset", "frames"), [(60, 170), (111, 250), (201, 250)])
def test_the_onset_of_a_long_loop_is_found_as_well(onset, frames):
    injection = found(scene(onset=onset, frames=frames))
    assert injection.onset_frame is not None
    assert abs(injection.onset_frame - onset) <= 2


def test_a_long_loop_without_contrast_has_no_onset():
    assert found(scene(frames=250)).onset_frame is None


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_is_no_contrast_and_still_gives_mask_frames(seed):
    injection = found(scene(seed=seed))
    assert injection.onset_frame is None
    assert len(injection.mask_frames) >= 6


def test_mask_frames_of_a_short_loop_without_an_onset_leave_room_for_faint_contrast():
    injection = found(scene(frames=24))
    assert injection.onset_frame is None
    assert len(injection.mask_frames) >= 6
    assert max(injection.mask_frames) < 24 / 3


def test_gas_beside_the_spread_does_not_move_the_onset():
    ln = scene(onset=24)
    row, column = np.mgrid[:SIZE, :SIZE]
    for k in range(FRAMES):
        centre = 50 + 10 * np.tanh((k - 10) / 3)
        ln[k] += 0.2 * np.exp(-((row - centre) ** 2 + (column - 66) ** 2) / 60)
    assert abs(found(ln).onset_frame - 24) <= 2


def test_it_is_told_where_the_contrast_was_seen():
    shift = np.full((FRAMES, 2), 2.0)
    row, column = found(scene(onset=20), still(shift_px=shift)).seen_at_px
    # The disc stands at (50, 45) in the frames, which are the reference pose.
    assert np.hypot(row - 50, column - 45) < 16


def test_a_needle_being_advanced_is_no_contrast():
    ln = scene()
    for k in range(FRAMES):
        end = 20 + 4 * min(k, 8)
        ln[k, 10:end, 60:63] -= 0.5
    assert found(ln).onset_frame is None


def test_gas_that_moves_is_no_contrast():
    ln = scene()
    row, column = np.mgrid[:SIZE, :SIZE]
    for k in range(FRAMES):
        centre = 50 + 8 * np.sin(2 * np.pi * k / 30)
        ln[k] += 0.35 * np.exp(-((row - centre) ** 2 + (column - 40) ** 2) / 120)
    assert found(ln).onset_frame is None


def test_exposure_that_wanders_changes_nothing():
    steady = scene(onset=20)
    wandering = steady + 0.2 * np.sin(np.arange(FRAMES) / 3).astype(np.float32)[:, None, None]
    assert found(wandering).onset_frame == found(steady).onset_frame


def test_mask_frames_leave_out_unsettled_and_lost_frames():
    residual = np.ones(FRAMES)
    residual[:4] = 3.0
    locked = np.arange(FRAMES) != 9
    motion = still(residual=residual, locked=locked)
    masks = found(scene(onset=20), motion).mask_frames
    assert min(masks) >= 4
    assert 9 not in masks


@pytest.mark.parametrize("frames", [1, 2, 6])
def test_a_loop_too_short_for_a_subtraction_has_no_mask(frames):
    injection = found(scene(frames=frames))
    assert injection.mask_frames == ()
    assert injection.onset_frame is None


def lost(*frames, of=FRAMES):
    locked = np.ones(of, bool)
    locked[list(frames)] = False
    return still(of, locked=locked)


def foreign(ln, frames):
    """The same loop with another scene, turned by half, in some frames."""
    other = ln.copy()
    other[list(frames)] = 3.0 - 4.0 * ln[list(frames), ::-1, ::-1]
    return other


LOST = {
    "one in the middle": [25],
    "one before contrast": [12],
    "several on their own": [8, 13, 26, 33],
    "the last ones": range(37, 40),
    "the last third": range(27, 40),
    "the first ones": range(6),
}


@pytest.mark.parametrize("frames", LOST.values(), ids=LOST)
@pytest.mark.parametrize("show", ["nothing", "another scene", "no number"])
def test_lost_frames_have_no_say(frames, show):
    ln = scene(onset=18)
    motion = lost(*frames)
    shown = foreign(ln, frames)
    if show != "another scene":
        shown[list(frames)] = 0.0 if show == "nothing" else np.nan
    injection = found(shown, motion)
    assert abs(injection.onset_frame - 18) <= 2
    assert injection == found(ln, motion)
    assert not set(injection.mask_frames) & set(frames)
    assert max(injection.mask_frames) < 18


@pytest.mark.parametrize("onset", [102, 201])
def test_lost_frames_have_no_say_in_a_long_loop(onset):
    frames = [30, *range(90, 96), *range(150, 170), *range(245, 250)]
    ln = foreign(scene(onset=onset, frames=250), frames)
    assert abs(found(ln, lost(*frames, of=250)).onset_frame - onset) <= 2


@given(gone=st.sets(st.integers(0, FRAMES - 1), max_size=25), seed=st.integers(0, 20))
@settings(max_examples=15, deadline=None)
def test_whatever_frames_are_lost_no_onset_is_seen_without_contrast(gone, seed):
    injection = found(foreign(scene(seed=seed), gone), lost(*gone))
    assert injection.onset_frame is None
    assert not gone & set(injection.mask_frames)


@given(gone=st.sets(st.integers(0, FRAMES - 1), max_size=25), onset=st.integers(9, 30))
@settings(max_examples=15, deadline=None)
def test_the_onset_is_never_a_lost_frame(gone, onset):
    injection = found(foreign(scene(onset=onset), gone), lost(*gone))
    assert injection.onset_frame not in gone


def test_contrast_that_comes_while_frames_are_lost_has_come_in_the_next():
    frames = range(16, 24)
    injection = found(foreign(scene(onset=19), frames), lost(*frames))
    assert injection.onset_frame == 24
    # It may have come right after the last frame that was seen.
    assert len(injection.mask_frames) >= 6
    assert max(injection.mask_frames) < 16 - 2


def test_the_onset_is_read_off_locked_frames_alone():
    curve = np.clip((np.arange(FRAMES) - 17) / 6, 0.0, 1.0)
    read = read_onset(curve, still(), score=1.0).onset_frame
    curve[[9, 20, 38]] = np.nan, 50.0, -50.0
    assert read_onset(curve, lost(9, 20, 38), score=1.0).onset_frame == read == 18


@pytest.mark.parametrize("kept", [0, 1, 4])
def test_too_few_locked_frames_have_no_onset(kept):
    gone = range(1 + kept, FRAMES)
    motion = lost(0, *gone)
    for injection in (
        found(scene(onset=3), motion),
        read_onset(np.linspace(0.0, 1.0, FRAMES), motion, score=1.0),
    ):
        assert injection.onset_frame is None
        assert injection.mask_frames == ()


def test_lost_frames_do_not_make_a_loop_long_enough():
    motion = lost(*range(9, FRAMES))
    assert found(scene(onset=6), motion).onset_frame is None
    assert found(scene(onset=6), motion).mask_frames == ()


@pytest.mark.parametrize("odd", [1, 2, 3])
@pytest.mark.parametrize("by", [-1.0, 1.0])
def test_one_odd_frame_among_the_first_does_not_draw_the_onset_to_it(odd, by):
    random = np.random.default_rng(odd)
    curve = np.clip((np.arange(FRAMES) - 17) / 12, 0.0, 1.0)
    curve += 0.03 * random.standard_normal(FRAMES)
    curve[odd] += 0.4 * by
    assert abs(read_onset(curve, still(), score=1.0).onset_frame - 18) <= 2
