"""The sheet of a subtracted loop: which frames, how large, and the same every time."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from matplotlib.image import imread

from napari_fluoroinject.model.masks import HeaderMask
from napari_fluoroinject.model.subtracted import MIDDLE, SubtractedLoop
from napari_fluoroinject.rendering.contact_sheet import (
    PICTURES,
    WIDTH_PX,
    draw_sheet,
    shown_frames,
)


@pytest.fixture
def made(report):
    frames = report.loop.shape[0]
    stored = np.full(report.loop.shape, MIDDLE, np.uint16)
    stored[frames // 2 :, 10:20, 10:20] = MIDDLE - 2000
    return SubtractedLoop(
        loop=report.loop,
        stored=stored,
        subtracted=np.ones(frames, bool),
        masks=(HeaderMask(operation="AVG_SUB", mask_frames=(0, 1)),),
        mask_source="found",
        motion=report.motion,
        onset_frame=None,
        window_ln=0.2,
        provenance=report.provenance,
    )


def test_frames_lie_evenly_over_the_whole_loop_where_no_contrast_was_seen(made):
    shown = shown_frames(made)
    last = len(made.stored) - 1
    assert (shown[0], shown[-1]) == (0, last)
    assert len(shown) == min(PICTURES, last + 1) == len(set(shown))
    assert np.ptp(np.diff(shown)) <= 1


def test_frames_begin_with_the_one_before_contrast(made):
    assert shown_frames(replace(made, onset_frame=3))[0] == 2
    assert shown_frames(replace(made, onset_frame=0))[0] == 0


def test_frames_that_nothing_was_subtracted_from_are_not_shown(made):
    odd = np.arange(len(made.stored)) % 2 == 1
    assert all(frame % 2 for frame in shown_frames(replace(made, subtracted=odd)))
    assert shown_frames(replace(made, subtracted=odd & False)) == ()


def test_the_sheet_is_of_its_width_and_the_same_every_time(made):
    first = draw_sheet(made)
    assert pixels(first).shape[1] == WIDTH_PX
    assert draw_sheet(made) == first


def test_a_header_of_very_many_ranges_leaves_the_sheet_as_it_is(made):
    ranges = tuple((frame, frame) for frame in range(0, 2000, 2))
    many = HeaderMask(operation="TID", frame_ranges=ranges)
    assert pixels(draw_sheet(replace(made, masks=(many,)))).shape[1] == WIDTH_PX


def test_no_difference_is_mid_grey_and_contrast_is_darker(made):
    drawn = pixels(draw_sheet(made))[..., 0]
    values, counts = np.unique(np.round(drawn, 2), return_counts=True)
    inside = (values > 0.2) & (values < 0.8)
    assert values[inside][np.argmax(counts[inside])] == pytest.approx(0.5, abs=0.02)


def test_a_loop_of_which_nothing_was_subtracted_is_still_drawn(made):
    nothing = replace(made, subtracted=np.zeros(len(made.stored), bool))
    assert pixels(draw_sheet(nothing)).shape[1] == WIDTH_PX


def pixels(png):
    return imread(BytesIO(png), format="png")[..., :3]
