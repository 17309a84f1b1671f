"""Small pictures are made once, from one frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_fluoroinject.model.cine import ArrayFrames, IntensityScale
from napari_fluoroinject.viewer.thumbnails import SIDE_PX, Thumbnails, small_picture, thumbnail


@given(
    arrays.arrays(
        np.uint16, st.tuples(st.integers(1, 400), st.integers(1, 400)), elements=st.integers(0, 9)
    )
)
def test_no_picture_is_larger_than_it_may_be(stored):
    grey = small_picture(stored)
    assert grey.dtype == np.uint8
    assert 1 <= min(grey.shape) <= max(grey.shape) <= SIDE_PX


def test_what_is_bright_in_the_beam_is_bright_whatever_the_values_mean(run):
    ramp = np.tile(np.arange(64, dtype=np.uint16), (1, 64, 1))
    falling = IntensityScale(relationship="log", ln_beam=-np.arange(64, dtype=np.float32))
    rising = IntensityScale(relationship="log", ln_beam=np.arange(64, dtype=np.float32))
    loop = replace(run.loop, frames=ArrayFrames(ramp), times_s=None, open_field=None, masks=())
    assert thumbnail(replace(loop, intensity=rising))[0, -1] == 255
    assert thumbnail(replace(loop, intensity=falling))[0, -1] == 0


def test_one_frame_is_decoded(run):
    asked = []

    class Counted:
        shape = run.loop.shape

        def frame(self, index):
            asked.append(index)
            return run.loop.frames.frame(index)

    thumbnail(replace(run.loop, frames=Counted()))
    assert asked == [run.loop.shape[0] // 2]


def test_pictures_are_made_once_and_forgotten_with_their_run(bench, run):
    thumbnails = Thumbnails(bench)
    came = []
    thumbnails.came.connect(lambda: came.append(1))
    thumbnails.make((run,))
    thumbnails.make((run,))
    assert thumbnails.of(run) is not None
    assert came == [1]
    thumbnails.make(())
    assert thumbnails.of(run) is None


def test_a_broken_frame_has_no_picture_and_breaks_nothing(bench, run):
    class Broken:
        shape = run.loop.shape

        def frame(self, _index):
            raise ValueError("damaged")

    broken = replace(run, loop=replace(run.loop, frames=Broken()))
    thumbnails = Thumbnails(bench)
    thumbnails.make((broken,))
    assert thumbnails.of(broken) is None
