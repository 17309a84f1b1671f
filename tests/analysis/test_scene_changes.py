"""A loop that shows two scenes is recognised: one is followed, the other counts for nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_scenes import breathing, moving_scene
from scipy.ndimage import zoom

from napari_fluoroinject.analysis.motion import estimate_motion
from napari_fluoroinject.compute.backend import choose

ON = choose("cpu")
SIZE = (128, 128)


def estimate(ln, **wish):
    return estimate_motion(ln, np.ones(ln.shape[1:], bool), on=ON, **wish)


def one_scene(frames, seed=0, noise=0.03):
    return moving_scene(breathing(frames), size=SIZE, seed=seed, noise=noise, hills=250)


def errors_px(shift_px, truth_px):
    miss = shift_px - truth_px
    return np.hypot(*(miss - miss.mean(axis=0)).T)


def magnified(ln):
    wide = zoom(ln, (1, 1.25, 1.25), order=1)
    low = (wide.shape[1] - ln.shape[1]) // 2
    return wide[:, low : low + ln.shape[1], low : low + ln.shape[2]]


CHANGES = {
    "another patient": lambda ln: one_scene(len(ln), seed=777),
    "turned": lambda ln: np.rot90(ln, axes=(1, 2)),
    "mirrored": lambda ln: ln[:, :, ::-1],
    "upside down": lambda ln: ln[:, ::-1],
    "magnified": magnified,
    "moved far": lambda ln: np.roll(ln, 45, axis=2),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("seed", "at"), [(1, 9), (2, 14)])
def test_another_scene_is_told_frame_by_frame_and_the_longer_one_followed(change, seed, at):
    ln, kept = one_scene(24, seed), np.arange(24) < at
    ln[at:] = CHANGES[change](ln[at:])
    if at < 12:
        kept = ~kept
    motion = estimate(ln)
    np.testing.assert_array_equal(motion.other_scene, ~kept)
    assert not motion.locked[~kept].any()
    assert motion.locked[kept].all()
    if kept[0]:
        assert errors_px(motion.shift_px[kept], breathing(24)[kept]).mean() < 0.15


def test_of_two_scenes_the_shorter_is_followed_where_it_was_asked_for():
    ln = one_scene(30)
    ln[20:] = one_scene(10, seed=3)
    motion = estimate(ln, among=np.arange(30) >= 20)
    np.testing.assert_array_equal(motion.locked, np.arange(30) >= 20)
    assert errors_px(motion.shift_px[20:], breathing(10)).mean() < 0.1


def test_a_scene_that_comes_back_is_the_same_scene():
    ln, away = one_scene(36), np.zeros(36, bool)
    away[12:22] = True
    ln[away] = one_scene(10, seed=5)
    motion = estimate(ln)
    np.testing.assert_array_equal(motion.other_scene, away)
    assert motion.locked[~away].all()
    assert errors_px(motion.shift_px[~away], breathing(36)[~away]).mean() < 0.1


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 500), noise=st.floats(0.0, 0.2))
def test_one_scene_is_one_however_noisy(seed, noise):
    assert not estimate(one_scene(16, seed, noise)).other_scene.any()


@pytest.mark.parametrize(("seed", "at"), [(0, 4), (1, 7), (2, 9)])
def test_contrast_that_comes_at_once_is_no_other_scene(seed, at):
    ln = moving_scene(breathing(14), size=(128, 128), seed=seed, noise=0.03, hills=250)
    row, column = np.mgrid[:128, :128]
    ln[at:] -= (0.5 * (np.hypot(row - 70, column - 50) < 14)).astype(np.float32)
    motion = estimate(ln)
    assert not motion.other_scene.any()
    assert errors_px(motion.shift_px, breathing(14)).mean() < 0.2


def test_noise_alone_is_not_cut_into_scenes():
    ln = np.random.default_rng(0).standard_normal((40, *SIZE)).astype(np.float32)
    assert not estimate(ln).other_scene.any()
