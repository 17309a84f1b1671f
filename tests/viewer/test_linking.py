"""Which frame of one run goes with which of another."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, IntensityScale, LoopReference
from napari_fluoroinject.model.pose import Setup
from napari_fluoroinject.viewer.linking import linked_frame

NOON = datetime(2026, 1, 1, 12)


def loop(times_s, *, started=None):
    frames = np.zeros((4 if times_s is None else len(times_s), 8, 8), np.uint16)
    return CineLoop(
        frames=ArrayFrames(frames),
        times_s=None if times_s is None else np.asarray(times_s, float),
        intensity=IntensityScale(relationship="linear", ln_beam=np.zeros(2)),
        reference=LoopReference(
            study_instance_uid="1", series_instance_uid="2", sop_instance_uid="3",
            sop_class_uid="4",
        ),
        sha256="0",
        setup=Setup(started=started),
    )  # fmt: skip


def test_runs_whose_times_overlap_are_linked_by_the_moment_of_acquisition():
    ours = loop([0, 1, 2, 3], started=NOON)
    theirs = loop([0, 0.5, 1.0, 1.5, 2.0], started=NOON + timedelta(seconds=1))
    assert linked_frame(ours, 2, theirs) == (2, "acquisition time")
    assert linked_frame(ours, 0, theirs) == (0, "acquisition time")


def test_runs_taken_one_after_the_other_are_linked_from_their_first_frames():
    ours = loop([0, 1, 2, 3], started=NOON)
    theirs = loop([0, 2, 4], started=NOON + timedelta(minutes=5))
    assert linked_frame(ours, 2, theirs) == (1, "time from the first frame")
    assert linked_frame(ours, 2, replace(theirs, setup=Setup())) == (
        1,
        "time from the first frame",
    )


def test_runs_without_times_are_linked_by_number_and_say_so():
    assert linked_frame(loop([0, 1, 2, 3, 4, 5]), 5, loop(None)) == (3, "frame number")


@given(
    st.lists(st.floats(0.01, 1.0), min_size=1, max_size=30),
    st.lists(st.floats(0.01, 1.0), min_size=1, max_size=30),
    st.data(),
)
def test_no_other_frame_was_taken_nearer_to_the_moment(ours, theirs, data):
    shown, beside = loop(np.cumsum([0, *ours])), loop(np.cumsum([0, *theirs]))
    frame = data.draw(st.integers(0, len(ours)))
    there, _ = linked_frame(shown, frame, beside)
    apart = np.abs(beside.times_s - shown.times_s[frame])
    assert apart[there] == pytest.approx(apart.min())
