"""Which frame is subtracted from which, by the rules of PS3.3 C.7.6.10.1.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.annotation import Annotation, parse_annotation
from napari_fluoroinject.model.masks import HeaderMask, item_of_frames


def frames_of(mask: HeaderMask, of: int) -> list[int]:
    return [int(frame) for frame in mask.subtracts(of).nonzero()[0]]


def test_tid_takes_the_frame_its_offset_earlier_where_there_is_one():
    mask = HeaderMask(operation="TID", tid_offset=2)
    assert frames_of(mask, 6) == [2, 3, 4, 5]
    assert mask.mask_for(5) == (3,)


def test_a_negative_offset_takes_a_later_frame():
    mask = HeaderMask(operation="TID", tid_offset=-3)
    assert frames_of(mask, 6) == [0, 1, 2]
    assert mask.mask_for(1) == (4,)


def test_reversed_differencing_counts_back_from_the_first_frame_of_the_first_range():
    # Mask number = (first - offset) - (number - first), with numbers from 1: first 4, offset 1.
    mask = HeaderMask(operation="REV_TID", frame_ranges=((3, 4), (6, 7)))
    numbers = {frame + 1: mask.mask_for(frame)[0] + 1 for frame in (3, 4, 6, 7)}
    assert numbers == {4: 3, 5: 2, 7: 0, 8: -1}
    assert frames_of(mask, 10) == [3, 4]


def test_reversed_differencing_with_a_negative_offset_begins_behind_its_frame():
    mask = HeaderMask(operation="REV_TID", frame_ranges=((2, 5),), tid_offset=-4)
    assert [mask.mask_for(frame) for frame in range(2, 6)] == [(6,), (5,), (4,), (3,)]


def test_without_ranges_the_average_ends_where_contrast_frames_run_out():
    mask = HeaderMask(operation="AVG_SUB", mask_frames=(0, 1), contrast_frames=3)
    assert frames_of(mask, 8) == [0, 1, 2, 3, 4, 5]


def test_several_ranges_count_both_ends_and_leave_the_rest():
    mask = HeaderMask(operation="AVG_SUB", mask_frames=(0,), frame_ranges=((1, 2), (5, 6)))
    assert frames_of(mask, 8) == [1, 2, 5, 6]


def test_of_several_items_the_first_counts_and_frames_of_none_stay():
    masks = (
        HeaderMask(operation="NONE", frame_ranges=((3, 3),)),
        HeaderMask(operation="AVG_SUB", mask_frames=(0,), frame_ranges=((2, 4),)),
        HeaderMask(operation="AVG_SUB", mask_frames=(1,), frame_ranges=((4, 5),)),
    )
    assert item_of_frames(masks, 7).tolist() == [-1, -1, 1, -1, 1, 2, -1]
    assert item_of_frames((), 3).tolist() == [-1, -1, -1]


@given(
    operation=st.sampled_from(["AVG_SUB", "TID", "REV_TID", "NONE"]),
    ends=st.lists(st.integers(0, 20), max_size=6).map(sorted),
    masks=st.lists(st.integers(0, 20), min_size=1),
    averaged=st.integers(1, 5),
    offset=st.integers(-25, 25),
    frames=st.integers(1, 15),
)
def test_every_frame_that_is_subtracted_has_all_that_it_takes(
    operation, ends, masks, averaged, offset, frames
):
    ranges = tuple(zip(ends[::2], ends[1::2], strict=False))
    mask = HeaderMask(
        operation=operation,
        frame_ranges=ranges or (((0, 3),) if operation == "REV_TID" else ()),
        mask_frames=tuple(masks) if operation == "AVG_SUB" else (),
        contrast_frames=averaged,
        tid_offset=offset,
    )
    for frame in frames_of(mask, frames):
        assert mask.in_range(frames)[frame]
        assert all(0 <= one < frames for one in mask.mask_for(frame))
        assert mask.mask_for(frame)
        assert frame + averaged <= frames


@pytest.mark.parametrize(
    "wrong",
    [
        {"operation": "AVG_SUB"},
        {"operation": "REV_TID"},
        {"operation": "AVG_SUB", "mask_frames": (-1,)},
        {"operation": "TID", "frame_ranges": ((3, 2),)},
        {"operation": "TID", "contrast_frames": 0},
        {"operation": "TID", "shift_px": (float("nan"), 0.0)},
        {"operation": "TID", "frame_shifts_px": ((1, (0.0, float("inf"))),)},
        {"operation": "TID", "frame_shifts_px": ((1, (0.0, 0.0)), (1, (1.0, 0.0)))},
    ],
)
def test_a_mask_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=r".+"):
        HeaderMask(**wrong)


def test_a_shift_follows_the_size_of_the_pixels():
    mask = HeaderMask(operation="TID", shift_px=(2.0, -1.0), frame_shifts_px=((3, (4.0, 0.0)),))
    half = mask.scaled(0.5)
    assert half.shift_of(0) == (1.0, -0.5)
    assert half.shift_of(3) == (2.0, 0.0)


def test_whose_mask_is_wished_can_stand_in_an_annotation():
    assert parse_annotation('{"mask": "header"}', name="a.json") == Annotation(mask="header")
    with pytest.raises(AnnotationError, match="mask: seen 'first'; expected auto or header"):
        parse_annotation('{"mask": "first"}', name="a.json")
