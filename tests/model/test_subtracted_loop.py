"""What a subtracted loop says of itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, IntensityScale, LoopReference
from napari_fluoroinject.model.masks import HeaderMask
from napari_fluoroinject.model.motion import Motion
from napari_fluoroinject.model.report import Provenance
from napari_fluoroinject.model.subtracted import MIDDLE, SubtractedLoop, numbered


def made(*masks, motion=None, source="header", shape=(6, 4, 5)):
    loop = CineLoop(
        frames=ArrayFrames(np.zeros((6, 4, 5), np.uint8)),
        times_s=None,
        intensity=IntensityScale(relationship="linear", ln_beam=np.zeros(256)),
        reference=LoopReference(
            study_instance_uid="1",
            series_instance_uid="1.1",
            sop_instance_uid="1.1.1",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.12.1",
        ),
        sha256="",
    )
    return SubtractedLoop(
        loop=loop,
        stored=np.full(shape, MIDDLE, np.uint16),
        subtracted=np.ones(6, bool),
        masks=masks,
        mask_source=source,
        motion=motion,
        onset_frame=None,
        window_ln=0.1,
        provenance=Provenance(
            software="s", version="1", backend="reference", device="d", backend_version="1"
        ),
    )


MASK = HeaderMask(operation="AVG_SUB", mask_frames=(4, 0, 1), frame_ranges=((2, 3), (5, 5)))


def test_it_says_what_was_subtracted_from_what_as_a_person_counts():
    interval = HeaderMask(operation="TID", tid_offset=2, contrast_frames=3)
    back = HeaderMask(operation="REV_TID", frame_ranges=((2, 3),))
    nothing = HeaderMask(operation="NONE")
    assert made(MASK, interval, back, nothing).told() == (
        "mean of frames 1-2, 5 from frames 3-4, 6-6; TID, interval 2 of 3 frames averaged; "
        "REV_TID, counted back, interval 1 from frames 3-4 (of the header)"
    )
    found = HeaderMask(operation="AVG_SUB", mask_frames=(3,))
    assert made(found, source="found").told() == "frame 4 (found before contrast)"


def test_the_frames_that_were_averaged_for_masks_rise_and_intervals_have_none():
    assert made(MASK, HeaderMask(operation="TID")).mask_frames == (0, 1, 4)
    assert made(HeaderMask(operation="TID")).mask_frames == ()


def test_it_says_how_frames_came_onto_their_masks():
    assert made(MASK).moved() == "motion not corrected"
    shifted = HeaderMask(operation="TID", frame_shifts_px=((2, (0.0, 0.5)),))
    assert made(shifted).moved() == "motion not corrected, shifts of the header applied"
    motion = Motion(
        shift_px=np.zeros((6, 2)),
        residual=np.ones(6),
        locked=np.array([1, 1, 0, 0, 1, 0], bool),
        bone_weight=np.ones((4, 5)),
        uncertainty_px=0.1,
    )
    assert made(MASK, motion=motion).moved() == (
        "motion measured and undone, lost in frames 3-4, 6, exposure evened out"
    )
    assert made(MASK, motion=motion).lost == (2, 3, 5)


def test_differences_of_another_shape_than_the_loop_are_refused():
    with pytest.raises(ValueError, match="one for each of its pixels"):
        made(MASK, shape=(5, 4, 5))


@given(st.sets(st.integers(0, 40)))
def test_numbered_frames_can_be_read_back(frames):
    told = numbered(sorted(frames))
    read = set()
    for run in filter(None, told.split(", ")):
        first, _, last = run.partition("-")
        read.update(range(int(first) - 1, int(last or first)))
    assert read == frames
