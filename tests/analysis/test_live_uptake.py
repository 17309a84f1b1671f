"""Run-off while frames come: lines that darken are looked at, and judged."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_fluoroinject.analysis.live_moment import (
    AGO_FRAMES,
    LIVE_TRAITS,
    Before,
    Field,
    shape_of,
)
from napari_fluoroinject.analysis.live_uptake import FIRST_FRAMES, KEPT_FRAMES, UptakeWatch
from napari_fluoroinject.analysis.vascular.forest import load_live_forest
from napari_fluoroinject.compute.backend import choose

SIZE = 128
COMES = 30


def grain(frames, *, seed=0):
    noise = np.random.default_rng(seed).normal(size=(frames, SIZE, SIZE))
    noise = gaussian_filter(noise, (0, 0.7, 0.7))
    return (0.02 * noise / noise.std()).astype(np.float32)


def vessel(opacity=0.05):
    """A line that runs obliquely through the picture."""
    line = np.zeros((SIZE, SIZE), np.float32)
    for column in np.arange(20, 108, 0.1):
        line[round(30 + 0.6 * (column - 20)), int(column)] = 1.0
    smooth = gaussian_filter(line, 1.1)
    return opacity * smooth / smooth.max()


@pytest.fixture(scope="module")
def on():
    return choose("cpu")


def followed(pictures, on):
    anatomy = gaussian_filter(np.random.default_rng(1).normal(size=(SIZE, SIZE)), 4.0)
    watch = UptakeWatch(np.ones((SIZE, SIZE), np.float32), anatomy.astype(np.float32), on=on)
    return [watch.add(one, 100 + k, k / 15) for k, one in enumerate(pictures)]


@pytest.fixture(scope="module")
def flowing(on):
    pictures = grain(COMES + 12)
    pictures[COMES:] += vessel()
    return followed(pictures, on)


def test_a_vessel_that_fills_is_looked_at_within_three_frames(flowing):
    looked = [k for k, found in enumerate(flowing) if found and k >= COMES]
    assert looked
    assert looked[0] <= COMES + 3


def test_the_path_lies_on_the_vessel_and_the_frames_are_those_of_the_feed(flowing):
    best = max((one for found in flowing for one in found), key=lambda one: one.traits.strength)
    row, column = best.path_px.T
    assert np.median(np.abs(row - (30 + 0.6 * (column - 20)))) < 3.0
    assert 100 + COMES - 6 <= best.first_frame <= 100 + COMES + 4
    assert best.last_frame < 100 + COMES + 12
    assert best.score > 0.0


def test_noise_alone_raises_no_alarm(on):
    told = [one for found in followed(grain(60), on) for one in found]
    assert all(one.score < 1.0 for one in told)


def test_nothing_is_looked_at_before_the_noise_is_known(flowing):
    assert not any(flowing[: FIRST_FRAMES - 1])


def test_what_is_kept_does_not_grow_with_the_feed(on):
    watch = UptakeWatch(np.ones((64, 64), np.float32), np.zeros((64, 64), np.float32), on=on)
    for frame, picture in enumerate(grain(KEPT_FRAMES + 20)[:, :64, :64]):
        watch.add(picture, frame, frame / 15)
    assert len(watch._pictures) == KEPT_FRAMES
    assert all(len(looks) <= 8 for looks in watch._looks)


def test_lost_frames_and_a_picture_that_is_nowhere_open_are_passed_over(on):
    closed = UptakeWatch(np.zeros((64, 64), np.float32), np.zeros((64, 64), np.float32), on=on)
    assert closed.add(np.zeros((64, 64), np.float32), 0, 0.0) == ()
    watch = UptakeWatch(np.ones((64, 64), np.float32), np.zeros((64, 64), np.float32), on=on)
    assert watch.add(None, 0, 0.0) == ()


def test_its_forest_judges_the_same_traits_and_says_what_it_was_grown_on():
    forest = load_live_forest()
    assert forest.traits == LIVE_TRAITS
    assert "synthetic" in forest.grown_on
    assert 0.0 < forest.alarm < 1.0


def test_a_vessel_is_looked_at_over_spans_of_three_lengths_and_told_to_have_been_seen(flowing):
    seen = [one.moment for found in flowing[COMES:] for one in found]
    assert {round(one.late_s, 1) for one in seen} == {0.3, 0.7, 1.0}
    assert max(one.looks for one in seen) >= 2
    assert all(len(one.vector()) == len(LIVE_TRAITS) for found in flowing for one in found)


def test_a_path_was_seen_before_where_most_of_it_was_and_not_long_ago():
    path = np.stack([np.linspace(10, 50, 6), np.full(6, 20.0)], axis=1).astype(np.float32)
    before = Before()
    before.keep(path, 10, 2.0)
    before.keep(np.add(path, [30, 0]), 12, 3.0)
    assert before.ask(path, 14) == (1, 2.0)
    before.keep(np.add(path, [0, 2]), 14, 3.0)
    assert before.ask(path, 16) == (2, 2.5)
    assert before.ask(np.add(path, [0, 20]), 16) == (0, 0.0)
    assert before.ask(path, 14 + AGO_FRAMES + 1) == (0, 0.0)


def test_a_straight_shaft_in_the_mask_and_film_away_from_the_path_are_told():
    anatomy = np.zeros((80, 80), np.float32)
    anatomy[:, 19:22] = -0.5
    film = np.zeros((80, 80), np.float32)
    film[30:34, 58:62] = 1.0
    allowed = np.ones((80, 80), bool)
    field = Field.of(-film, [film] * 3, allowed)
    straight = np.stack([np.linspace(10, 50, 6), np.full(6, 20.0)], axis=1).astype(np.float32)
    bent = straight + np.stack([np.zeros(6), [0, 3, 6, 6, 3, 0]], axis=1).astype(np.float32)
    shaft, vessel = (
        shape_of(one, field, anatomy, mm=0.5) for one in (straight, np.add(bent, [0, 30]))
    )
    assert field.brightest > field.darkest
    assert shaft["shaft"] == pytest.approx(0.5)
    assert vessel["shaft"] == pytest.approx(0.0)
    assert shaft["bend_mm"] == pytest.approx(0.0, abs=1e-5)
    assert vessel["bend_mm"] == pytest.approx(3.0, rel=0.01)
    assert shaft["away_mm"] == pytest.approx(0.5 * 39.5, abs=1.0)
