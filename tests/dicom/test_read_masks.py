"""What a header says about mask subtraction, and what becomes of headers that say it wrongly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.config import disable_value_validation
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from small_loops import edited, item, picture, small_loop, small_object

from napari_fluoroinject.dicom.masks import header_masks
from napari_fluoroinject.dicom.opened import one_error
from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.model.masks import HeaderMask, item_of_frames

SHAPE = (10, 24, 32)


def read(*items: Dataset, shape: tuple[int, int, int] = SHAPE):
    return header_masks(item(MaskSubtractionSequence=list(items)), shape)


def average(**changes: object) -> Dataset:
    return item(**({"MaskOperation": "AVG_SUB", "MaskFrameNumbers": [1, 2]} | changes))


@pytest.mark.parametrize("kind", ["xa", "rf", "enhanced_xa", "enhanced_xrf"])
def test_the_masks_of_a_file_are_read_with_its_loop(tmp_path, kind):
    first = item(
        MaskOperation="AVG_SUB",
        SubtractionItemID=1,
        MaskFrameNumbers=[1, 3],
        ApplicableFrameRange=[2, 3, 5, 6],
        ContrastFrameAveraging=2,
        MaskSubPixelShift=[1.25, 2.5],
        MaskOperationExplanation="Mask of Mrs. Example",
    )
    second = item(
        MaskOperation="REV_TID", SubtractionItemID=2, ApplicableFrameRange=[8, 9], TIDOffset=-2
    )
    dataset = small_object(small_loop(stored=picture(frames=10)), kind=kind)
    loop = read_loop(edited(tmp_path, dataset, MaskSubtractionSequence=[first, second]))
    assert loop.masks == (
        HeaderMask(
            operation="AVG_SUB",
            frame_ranges=((1, 2), (4, 5)),
            mask_frames=(0, 2),
            contrast_frames=2,
            shift_px=(1.25, -2.5),
        ),
        HeaderMask(operation="REV_TID", frame_ranges=((7, 8),), tid_offset=-2),
    )
    assert "Example" not in repr(loop.masks) + repr(loop.notes)
    assert not any("mask" in note.lower() for note in loop.notes)


def test_a_file_that_says_nothing_has_no_masks(tmp_path):
    assert read_loop(edited(tmp_path)).masks == ()
    assert header_masks(Dataset(), SHAPE) == ((), ())


def test_captures_and_single_frames_have_no_masks(tmp_path):
    capture = small_object(kind="sc_word")
    path = edited(tmp_path, capture, MaskSubtractionSequence=[average()])
    assert read_loop(path).masks == ()
    single = small_object(small_loop(stored=picture(frames=1)))
    assert read_loop(edited(tmp_path, single, MaskSubtractionSequence=[average()])).masks == ()


def test_the_columns_of_a_shift_count_to_the_left_in_the_file():
    ((mask,), notes) = read(average(MaskSubPixelShift=[0.5, 2.0]))
    assert mask.shift_px == (0.5, -2.0)
    assert notes == ()


def test_an_empty_or_missing_offset_is_one():
    for changes in ({"TIDOffset": None}, {}):
        ((mask,), notes) = read(item(MaskOperation="TID", **changes))
        assert mask.tid_offset == 1
        assert notes == ()


def test_shifts_of_single_frames_go_before_those_of_the_item():
    def group(*shifts: Dataset) -> Dataset:
        return item(FramePixelShiftSequence=list(shifts))

    header = item(
        MaskSubtractionSequence=[
            average(
                SubtractionItemID=100, MaskSubPixelShift=[9.0, 9.0], ApplicableFrameRange=[1, 5]
            ),
            item(MaskOperation="TID", SubtractionItemID=7, ApplicableFrameRange=[6, 8]),
        ],
        SharedFunctionalGroupsSequence=[
            group(item(SubtractionItemID=7, MaskSubPixelShift=[0.5, 0.25]))
        ],
        PerFrameFunctionalGroupsSequence=[
            group(),
            group(item(SubtractionItemID=100, MaskSubPixelShift=[1.3, 2.4])),
            group(
                item(SubtractionItemID=100, MaskSubPixelShift=[1.5, 2.5]),
                item(SubtractionItemID=7, MaskSubPixelShift=[3.0, 4.0]),
            ),
        ],
    )
    (first, second), notes = header_masks(header, SHAPE)
    assert notes == ()
    assert first.shift_of(0) == (9.0, -9.0)
    assert first.shift_of(1) == pytest.approx((1.3, -2.4))
    assert first.shift_of(2) == (1.5, -2.5)
    assert second.shift_of(1) == (0.5, -0.25)
    assert second.shift_of(2) == (3.0, -4.0)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (average(MaskFrameNumbers=None), "needs Mask Frame Numbers of the run"),
        (average(MaskFrameNumbers=[11]), "needs Mask Frame Numbers of the run"),
        (average(MaskOperation=None), "names no Mask Operation"),
        (average(MaskOperation="SUBTRACT"), 'its Mask Operation "SUBTRACT" is none of'),
        (average(ApplicableFrameRange=[11, 12]), "none of its frame ranges lies in the run"),
        (average(ApplicableFrameRange=[5, 2]), "none of its frame ranges lies in the run"),
        (item(MaskOperation="REV_TID"), "REV_TID needs an Applicable Frame Range"),
        (item(MaskOperation="TID", TIDOffset=0), "its TID Offset names no other frame"),
    ],
)
def test_an_item_that_cannot_be_used_is_left_out_and_told(wrong, told):
    masks, notes = read(wrong, average())
    assert masks == (HeaderMask(operation="AVG_SUB", mask_frames=(0, 1)),)
    assert any(told in note and "Mask subtraction 1" in note for note in notes)


def test_words_of_a_person_are_not_repeated():
    with disable_value_validation():
        masks, notes = read(average(MaskOperation="of Mrs. Example"))
    assert masks == ()
    assert "Example" not in "".join(notes)


@pytest.mark.parametrize(
    ("odd", "expected", "told"),
    [
        ({"MaskFrameNumbers": [2, 40]}, {"mask_frames": (1,)}, "does not have"),
        ({"ApplicableFrameRange": [3, 40]}, {"frame_ranges": ((2, 9),)}, "outside of the run"),
        ({"ApplicableFrameRange": [3, 4, 6]}, {"frame_ranges": ((2, 3),)}, "has no end"),
        ({"ApplicableFrameRange": [3, 5, 4, 8]}, {"frame_ranges": ((2, 7),)}, "overlap"),
        (
            {"ApplicableFrameRange": [6, 8, 2, 3]},
            {"frame_ranges": ((1, 2), (5, 7))},
            "do not rise",
        ),
        ({"ContrastFrameAveraging": 11}, {}, "Contrast Frame Averaging"),
        ({"MaskSubPixelShift": [1.0, 99.0]}, {}, "Mask Sub-pixel Shift"),
        ({"MaskSubPixelShift": [float("nan"), 0.0]}, {}, "Mask Sub-pixel Shift"),
    ],
)
def test_what_can_be_mended_is_mended_and_told(odd, expected, told):
    (mask,), notes = read(average(**odd))
    assert mask == HeaderMask(
        **({"operation": "AVG_SUB", "mask_frames": (0, 1)} | expected)  # type: ignore[arg-type]  # of mixed kinds
    )
    assert any(told in note for note in notes)


def test_numbers_that_count_from_0_are_understood_and_told():
    (mask,), notes = read(average(MaskFrameNumbers=[0, 1], ApplicableFrameRange=[2, 9]))
    assert (mask.mask_frames, mask.frame_ranges) == ((0, 1), ((2, 9),))
    assert any("count frames from 0" in note for note in notes)


def test_a_0_among_numbers_that_count_from_1_is_dropped():
    (mask,), notes = read(average(MaskFrameNumbers=[0, 1], ApplicableFrameRange=[3, 10]))
    assert (mask.mask_frames, mask.frame_ranges) == ((0,), ((2, 9),))
    assert any("does not have" in note for note in notes)


def test_frames_of_several_items_and_without_a_mask_are_told():
    masks, notes = read(
        average(ApplicableFrameRange=[2, 6]),
        item(MaskOperation="TID", ApplicableFrameRange=[5, 8], TIDOffset=6),
    )
    assert item_of_frames(masks, SHAPE[0]).tolist() == [-1, 0, 0, 0, 0, 0, 1, 1, -1, -1]
    assert any("the first counts" in note for note in notes)
    assert any("takes frames outside of the run" in note for note in notes)


def test_a_hostile_number_of_items_or_ranges_is_cut_short():
    masks, notes = read(*(average() for _ in range(70)))
    assert len(masks) == 64
    assert any("Of 70 mask subtractions" in note for note in notes)
    masks, notes = read(average(ApplicableFrameRange=[1, 2] * 1001))
    assert masks == ()


BYTES = st.binary(max_size=12)
NUMBERS = st.lists(st.integers(-3, 14) | st.floats(), max_size=6)
KEYWORDS = {
    0x00286101: "CS",
    0x00286102: "US",
    0x00286110: "US",
    0x00286112: "US",
    0x00286114: "FL",
    0x00286120: "SS",
    0x00289416: "US",
}


@st.composite
def damaged_items(draw: st.DrawFn) -> Dataset:
    dataset = Dataset()
    for tag, representation in KEYWORDS.items():
        kind = draw(st.sampled_from(["none", "bytes", "numbers", "operation", "nested"]))
        if kind == "bytes":
            stored = draw(BYTES)
            dataset[tag] = RawDataElement(
                Tag(tag), representation, len(stored), stored, 0, False, True
            )
        elif kind == "numbers" and representation != "CS":
            dataset.add(DataElement(tag, representation, draw(NUMBERS), already_converted=True))
        elif kind == "operation":
            named = draw(st.sampled_from(["AVG_SUB", "TID", "REV_TID", "NONE", "\\", ""]))
            dataset.add(DataElement(tag, "CS", named))
        elif kind == "nested":
            dataset.add(DataElement(tag, "SQ", [Dataset()]))
    return dataset


@given(items=st.lists(damaged_items(), max_size=3), shifts=st.lists(damaged_items(), max_size=3))
def test_whatever_stands_there_the_loop_is_read(items, shifts):
    header = item(
        MaskSubtractionSequence=items,
        PerFrameFunctionalGroupsSequence=[item(FramePixelShiftSequence=shifts)],
    )
    with one_error("loop.dcm"):  # as the reader does, without pydicom's warnings
        masks, notes = header_masks(header, SHAPE)
    assert all(isinstance(mask, HeaderMask) for mask in masks)
    assert len(masks) == len(items) or notes
    assert np.all(item_of_frames(masks, SHAPE[0]) < len(masks))


@pytest.mark.parametrize("value", ["text", 7])
def test_a_sequence_that_is_none_is_told(value):
    header = Dataset()
    header.add(DataElement(0x00286100, "LO" if value == "text" else "US", value))
    masks, notes = header_masks(header, SHAPE)
    assert masks == ()
    assert notes
