"""Flags of a person: in frames of the loop, each once, and in words that say whose they are."""

from __future__ import annotations

import numpy as np
import pytest
from rendering.drawn_reports import drawn_report

from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.annotation import (
    Annotation,
    Flag,
    SignOff,
    annotation_text,
    check_annotation,
    parse_annotation,
)
from napari_fluoroinject.model.flags import MOST_FLAGS, flags_text
from napari_fluoroinject.model.on_loop import check_on_loop


def flags(*frames):
    return tuple(Flag(kind="vascular_uptake", frame=frame) for frame in frames)


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (flags(-1), "frame -1"),
        (flags(3, 5, 3), "more than once in frame 3"),
        (flags(*range(MOST_FLAGS + 1)), f"seen {MOST_FLAGS + 1}"),
    ],
)
def test_flags_that_are_none_are_refused(seen, why):
    with pytest.raises(AnnotationError, match=why):
        check_annotation(Annotation(flags=seen))


def test_a_flag_stands_in_a_frame_of_the_loop():
    loop = drawn_report().loop
    last = loop.shape[0] - 1
    check_on_loop(Annotation(flags=flags(last)), loop)
    with pytest.raises(AnnotationError, match=f"frame {last + 1} was flagged"):
        check_on_loop(Annotation(flags=flags(last + 1)), loop)


def test_flags_are_read_back_as_they_were_written():
    said = Annotation(flags=flags(13, 20))
    assert parse_annotation(annotation_text(said), name="it") == said


def test_a_flag_is_told_as_the_operators_in_frames_and_seconds():
    times_s = np.arange(90) / 15
    assert flags_text((), times_s) == ""
    told = flags_text(flags(13), times_s)
    assert told == "The operator flagged vascular uptake in frame 14 (0.867 s)."
    told = flags_text(flags(14, 13), None)
    assert told == "The operator flagged vascular uptake in frames 14, 15."


def test_flags_and_sign_off_are_no_inputs_of_an_analysis():
    signed = SignOff(operator="A", at="20261122163000", confirmed=())
    whole = Annotation(gauge=22, flags=flags(1), sign_off=signed)
    assert whole.inputs == Annotation(gauge=22)
