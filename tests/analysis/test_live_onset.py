"""The begin of contrast while frames come: what is one, and what is none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from napari_fluoroinject.analysis.live_onset import LEARNING_FRAMES, OnsetWatch

SIZE = 96
QUIET = LEARNING_FRAMES + 14


def grain(frames, *, seed=0, sigma=0.02):
    noise = np.random.default_rng(seed).normal(size=(frames, SIZE, SIZE))
    noise = gaussian_filter(noise, (0, 0.7, 0.7))
    return (sigma * noise / noise.std()).astype(np.float32)


def disc(radius, row=48.0, column=48.0):
    rows, columns = np.mgrid[:SIZE, :SIZE]
    away = np.hypot(rows - row, columns - column)
    return (1.0 / (1.0 + np.exp((away - radius) / 1.5))).astype(np.float32)


def first_begin(pictures, watch=None):
    watch = watch or OnsetWatch(np.ones((SIZE, SIZE), np.float32))
    for frame, picture in enumerate(pictures):
        begin = watch.add(picture)
        if begin is not None:
            return frame, frame - begin.frames_ago
    return None


def spread(frames, *, onset):
    grown = np.clip(np.arange(frames) - onset + 1, 0, 25)
    return np.stack([0.012 * k * disc(5.0 + 0.6 * k) for k in grown])


@pytest.mark.parametrize("seed", range(3))
def test_contrast_is_seen_some_frames_after_it_began_and_its_first_frame_is_told(seed):
    pictures = grain(QUIET + 30, seed=seed) + spread(QUIET + 30, onset=QUIET)
    seen, began = first_begin(pictures)
    assert QUIET < seen <= QUIET + 8
    assert abs(began - QUIET) <= 3


def test_noise_alone_is_no_begin():
    assert first_begin(grain(150)) is None


def test_a_factor_over_the_whole_picture_is_no_begin():
    steps = np.where(np.arange(100) < 60, 0.0, 0.3)[:, None, None]
    assert first_begin(grain(100) + steps) is None


def test_a_bubble_of_gas_that_moves_is_no_begin():
    """It leaves a dark side and makes a bright one."""
    bubble = 0.15 * disc(8.0)
    way = np.clip(np.arange(110) - 60, 0, 12)
    moved = [bubble - shift(bubble, (0, k), order=1) for k in way]
    assert first_begin(grain(110) + np.stack(moved)) is None


def test_tissue_that_breathes_is_no_begin():
    edge = disc(20.0)
    breath = 1.5 * np.sin(2 * np.pi * np.arange(140) / 45)
    moved = np.stack([0.15 * (shift(edge, (k, 0), order=1) - edge) for k in breath])
    assert first_begin(grain(140) + moved) is None


def test_lost_frames_change_nothing():
    pictures = grain(QUIET + 30) + spread(QUIET + 30, onset=QUIET)
    watch = OnsetWatch(np.ones((SIZE, SIZE), np.float32))
    plain = first_begin(pictures)
    assert all(watch.add(None) is None for _ in range(5))
    assert first_begin(pictures, watch) == plain


def test_where_nothing_is_open_nothing_begins():
    watch = OnsetWatch(np.zeros((SIZE, SIZE), np.float32))
    assert first_begin(spread(60, onset=20), watch) is None


def test_while_the_mask_is_new_it_takes_more():
    pictures = grain(QUIET + 30) + spread(QUIET + 30, onset=QUIET)
    watch = OnsetWatch(np.ones((SIZE, SIZE), np.float32))
    for picture in pictures[:QUIET]:
        watch.add(picture)
    watch.doubt()
    later = QUIET + first_begin(pictures[QUIET:], watch)[0]
    assert later > first_begin(pictures)[0]
