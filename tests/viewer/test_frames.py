"""Frames are decoded when they are shown, and never all of them."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_fluoroinject.model.subtracted import UNDEFINED
from napari_fluoroinject.viewer.frames import LazyFrames, first_window, of_differences, of_frames


class Counted:
    """Frames that count what is decoded."""

    def __init__(self, stored):
        self._stored, self.asked = stored, []

    @property
    def shape(self):
        return self._stored.shape

    def frame(self, index):
        self.asked.append(index)
        return self._stored[index]

    def every(self):
        raise AssertionError("all frames were asked for")


@pytest.fixture
def stored():
    return np.random.default_rng(0).integers(0, 4000, (20, 12, 16), np.uint16)


def test_a_picture_is_what_the_array_would_be(stored):
    with of_frames(Counted(stored)) as lazy:
        assert (lazy.shape, lazy.dtype, lazy.ndim, lazy.size) == (
            stored.shape, stored.dtype, 3, stored.size,
        )  # fmt: skip
        assert len(lazy) == 20
        for index in (3, -1, (2, slice(None), slice(4, 9)), (slice(1, 4), 5), (..., 0), slice(2)):
            np.testing.assert_array_equal(lazy[index], stored[index])
        with pytest.raises(IndexError, match="frame 20 of 20"):
            lazy[20]


def test_nobody_can_read_it_whole_unawares(stored):
    with of_frames(Counted(stored)) as lazy, pytest.raises(TypeError, match="one frame at a time"):
        np.asarray(lazy)


def test_the_first_picture_takes_two_frames_and_each_step_one_more(stored):
    counted = Counted(stored)
    with of_frames(counted) as lazy:
        viewer = ViewerModel()
        viewer.add_image(lazy, contrast_limits=(0, 4000))
        assert counted.asked == [0, 9]  # napari opens in the middle
        viewer.dims.set_current_step(0, 5)
        viewer.dims.set_current_step(0, 6)
        viewer.dims.set_current_step(0, 5)
        assert counted.asked == [0, 9, 5, 6]
        viewer.layers.clear()


def test_differences_are_read_one_frame_at_a_time_and_are_nan_where_nothing_is_known(stored):
    differences = np.array(stored)
    differences[7, 2:4, 3] = UNDEFINED
    with of_differences(differences) as lazy:
        viewer = ViewerModel()
        layer = viewer.add_image(lazy, contrast_limits=(0, 4000))
        viewer.dims.set_current_step(0, 7)
        shown = layer._slice.image.raw
        np.testing.assert_array_equal(np.isnan(shown), differences[7] == UNDEFINED)
        known = differences[7] != UNDEFINED
        np.testing.assert_array_equal(shown[known], differences[7][known])
        assert lazy.decoded == 3
        viewer.layers.clear()


def test_only_so_many_frames_are_kept(stored, monkeypatch):
    monkeypatch.setattr("napari_fluoroinject.viewer.frames.MOST_BYTES", 4 * stored[0].nbytes)
    counted = Counted(stored)
    with of_frames(counted) as lazy:
        for index in (1, 2, 3, 1, 4, 1, 2):
            lazy.frame(index)
        assert counted.asked == [0, 1, 2, 3, 4]
        lazy.frame(0)
        assert counted.asked[-1] == 0


def test_the_next_frame_of_a_slow_decoder_is_fetched_ahead(stored, monkeypatch):
    monkeypatch.setattr("napari_fluoroinject.viewer.frames.SLOW_S", 0.0)
    asked, fetched = [], threading.Event()

    def decode(index):
        asked.append((index, threading.current_thread() is threading.main_thread()))
        if index == 5:
            fetched.set()
        return stored[index]

    with LazyFrames(decode, stored.shape, stored[0]) as lazy:
        lazy.frame(4)
        assert fetched.wait(10)
        np.testing.assert_array_equal(lazy.frame(5), stored[5])
    assert asked[:2] == [(4, True), (5, False)]


def test_the_first_window_comes_from_one_frame_and_its_open_field(session):
    loop = session.run.loop
    low, high = first_window(loop.frames.frame(0), loop)
    frame = loop.frames.frame(0)
    assert frame.min() <= low < high <= frame.max()
