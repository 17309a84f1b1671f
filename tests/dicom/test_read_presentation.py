"""Presentation states read back: our own exactly, those of others as far as they can be used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydicom
import pytest
import sources
from annotation_strategies import annotations
from example_report import example_annotation, example_report, written_source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from presented import encoded_with, full_report, source_files

from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.mask_presentation import encode_masks
from napari_fluoroinject.dicom.patient import patient as patient_of
from napari_fluoroinject.dicom.presentation import encode_presentation
from napari_fluoroinject.dicom.read_presentation import masks_presented, read_presentation
from napari_fluoroinject.dicom.write import encoded_bytes
from napari_fluoroinject.errors import PresentationError
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.procedure import LandmarkRule

item = sources.item


def rounded(points):
    return tuple(tuple(float(np.float32(v + 0.5)) - 0.5 for v in point) for point in points)


def as_drawn(annotation):
    """What of an annotation can be drawn, to the 32 bits of a drawing."""
    needle, target = annotation.needle, annotation.target_px
    return Annotation(
        needle=needle
        and replace(
            needle, hub_px=rounded([needle.hub_px])[0], tip_px=rounded([needle.tip_px])[0]
        ),
        target_px=target and rounded([target])[0],
        marks=tuple(
            replace(
                mark,
                points_px=rounded(mark.points_px),
                beyond_px=mark.beyond_px and rounded([mark.beyond_px])[0],
            )
            for mark in annotation.marks
        ),
    )


@pytest.mark.parametrize("kind", [*sources.SOURCES, "colour"])
def test_marks_come_back_as_they_were_drawn(kind, tmp_path):
    paths = source_files(kind, tmp_path)
    report = full_report(paths)
    state = tmp_path / "presentation.dcm"
    encoded_with(encode_presentation, report, paths, state)
    read = read_presentation(state, report.loop.reference, report.loop.shape)
    assert read.annotation == as_drawn(example_annotation())
    assert read.masks == ()
    assert read.notes == ()
    frames = report.loop.shape[0]
    needles = [shape for shape in read.shapes if shape.name == "fluoroinject:needle"]
    assert sorted(frame for shape in needles for frame in shape.frames) == list(range(frames))
    for shape in needles:
        for frame in shape.frames:
            hub, tip = shape.points_px
            np.testing.assert_allclose(hub, report.needle.hub_by_frame_px[frame], atol=0.006)
            np.testing.assert_allclose(tip, report.needle.tip_by_frame_px[frame], atol=0.006)
    (warning,) = [shape for shape in read.shapes if shape.layer == "WARNINGS"]
    assert warning.text == "CRITICAL: Possible vascular uptake; review the loop"
    outlines = [shape for shape in read.shapes if shape.name == "fluoroinject:outline"]
    assert all(shape.closed for shape in outlines)


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    paths = written_source("xa", tmp_path_factory.mktemp("loop"))
    return example_report(paths), paths


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    annotation=annotations(
        coordinates=st.floats(0, 47, width=32), frames=12, landmarks=st.text(min_size=1)
    ),
    kinds=st.lists(st.sampled_from(["point", "line", "area"]), min_size=4, max_size=4),
)
def test_every_annotation_comes_back_in_any_language(annotation, kinds, loop, tmp_path_factory):
    report, paths = loop
    rules = tuple(
        LandmarkRule(id=mark.landmark, name="n", kind=kind, views=(), grade="D")
        for mark, kind in zip(annotation.marks, kinds, strict=False)
    )
    given_report = replace(
        report, annotation=annotation, procedure=replace(report.procedure, landmarks=rules)
    )
    state = tmp_path_factory.getbasetemp() / "presentation.dcm"
    encoded_with(encode_presentation, given_report, paths, state)
    read = read_presentation(state, report.loop.reference, report.loop.shape)
    assert read.annotation == as_drawn(annotation)


def own_state(loop, tmp_path, encode=encode_presentation, *, full=True):
    """A presentation state to be changed, and where to write it."""
    report, paths = loop
    if full:
        report = full_report(paths)
    return encode(report, identify(report, paths)), tmp_path / "state.dcm"


def read_changed(dataset, path, loop):
    path.write_bytes(encoded_bytes(dataset))
    report, _ = loop
    return read_presentation(path, report.loop.reference, report.loop.shape)


def test_a_presentation_state_of_another_loop_or_study_is_refused(loop, tmp_path):
    dataset, path = own_state(loop, tmp_path)
    dataset.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedSOPInstanceUID = "1.2"
    with pytest.raises(PresentationError, match=r"about 1\.2; expected one about the loop"):
        read_changed(dataset, path, loop)
    dataset, path = own_state(loop, tmp_path)
    dataset.StudyInstanceUID = "1.2.3"
    with pytest.raises(PresentationError, match="another study"):
        read_changed(dataset, path, loop)
    dataset, path = own_state(loop, tmp_path)
    del dataset.ReferencedSeriesSequence
    with pytest.raises(PresentationError, match="about no image"):
        read_changed(dataset, path, loop)


def test_a_presentation_state_of_another_patient_is_refused(loop, tmp_path):
    dataset, path = own_state(loop, tmp_path)
    own = replace(loop[0].loop, patient=patient_of(dataset))
    path.write_bytes(encoded_bytes(dataset))
    read_presentation(path, own.reference, own.shape, patient=own.patient)
    dataset.PatientID = "SECRET"
    path.write_bytes(encoded_bytes(dataset))
    with pytest.raises(PresentationError, match=r"another patient .the ID differs") as refused:
        read_presentation(path, own.reference, own.shape, patient=own.patient)
    assert "SECRET" not in str(refused.value)
    with pytest.raises(PresentationError, match="another patient"):
        masks_presented(own, path)


def test_what_is_no_presentation_state_is_refused(loop, tmp_path):
    report, paths = loop
    for path in (paths[0], tmp_path / "none.dcm", tmp_path / "text.dcm"):
        (tmp_path / "text.dcm").write_text("words")
        with pytest.raises(PresentationError, match=path.name):
            read_presentation(path, report.loop.reference, report.loop.shape)


def foreign(loop, tmp_path, *annotations, **changes):
    """A state that somebody else wrote: none of our names, and other units."""
    dataset, path = own_state(loop, tmp_path)
    dataset.GraphicAnnotationSequence = list(annotations)
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    return read_changed(dataset, path, loop)


def graphic(kind, data, units="PIXEL", **more):
    return item(
        GraphicAnnotationUnits=units,
        GraphicDimensions=2,
        NumberOfGraphicPoints=len(data) // 2,
        GraphicData=data,
        GraphicType=kind,
        **more,
    )


def on_frames(loop, frames, **objects):
    report, _ = loop
    image = item(
        ReferencedSOPClassUID=report.loop.reference.sop_class_uid,
        ReferencedSOPInstanceUID=report.loop.reference.sop_instance_uid,
    )
    if frames is not None:
        image.ReferencedFrameNumber = frames
    return item(ReferencedImageSequence=[image], GraphicLayer="LAYER1", **objects)


def test_shapes_of_others_are_read_with_frames_and_layer(loop, tmp_path):
    shapes = [
        graphic("POINT", [10.5, 20.5]),
        graphic("POLYLINE", [1.0, 2.0, 3.0, 4.0, 1.0, 2.0]),
        graphic("INTERPOLATED", [1.0, 2.0, 3.0, 4.0, 9.0, 9.0]),
        graphic("CIRCLE", [30.0, 20.0, 35.0, 20.0]),
        graphic("ELLIPSE", [1.0, 5.0, 9.0, 5.0, 5.0, 3.0, 5.0, 7.0], "MATRIX"),
    ]
    text = item(
        UnformattedTextValue="see here",
        BoundingBoxAnnotationUnits="PIXEL",
        BoundingBoxTopLeftHandCorner=[4.5, 6.5],
        BoundingBoxBottomRightHandCorner=[9.0, 9.0],
    )
    read = foreign(
        loop,
        tmp_path,
        on_frames(loop, [3, 12], GraphicObjectSequence=shapes, TextObjectSequence=[text]),
        on_frames(loop, None, GraphicObjectSequence=shapes[:1]),
        item(GraphicLayer="ALL", GraphicObjectSequence=shapes[:1]),
    )
    kinds = [shape.kind for shape in read.shapes]
    assert kinds == ["point", "polyline", "curve", "circle", "ellipse", "text", "point", "point"]
    assert [shape.frames for shape in read.shapes[:6]] == [(2, 11)] * 6
    assert read.shapes[6].frames == read.shapes[7].frames == tuple(range(12))
    assert [shape.closed for shape in read.shapes[:5]] == [False, True, False, True, True]
    assert read.shapes[0].points_px.tolist() == [[20.0, 10.0]]
    assert read.shapes[5].points_px.tolist() == [[6.0, 4.0]]
    assert read.shapes[5].text == "see here"
    assert [shape.layer for shape in read.shapes[-2:]] == ["LAYER1", "ALL"]
    assert read.annotation == Annotation()
    assert read.notes == ()


@pytest.mark.parametrize(
    ("corners", "rotation", "wanted"),
    [
        (([1, 1], [64, 48]), 0, (-0.5 + 12.0, -0.5 + 32.0)),
        (([11, 21], [20, 40]), 0, (20 - 0.5 + 5.0, 10 - 0.5 + 5.0)),
        (([64, 1], [1, 48]), 0, (-0.5 + 12.0, 63.5 - 32.0)),  # flipped
        (([64, 48], [1, 1]), 180, (47.5 - 12.0, 63.5 - 32.0)),
        (([1, 48], [64, 1]), 90, (47.5 - 24.0, -0.5 + 16.0)),
    ],
)
def test_shares_of_the_display_become_pixels(loop, tmp_path, corners, rotation, wanted):
    """Half way to the right and a quarter down, in the area as it is turned."""
    read = foreign(
        loop,
        tmp_path,
        item(GraphicLayer="A", GraphicObjectSequence=[graphic("POINT", [0.5, 0.25], "DISPLAY")]),
        DisplayedAreaSelectionSequence=[
            item(
                DisplayedAreaTopLeftHandCorner=corners[0],
                DisplayedAreaBottomRightHandCorner=corners[1],
            )
        ],
        ImageRotation=rotation,
        ImageHorizontalFlip="N",
    )
    np.testing.assert_allclose(read.shapes[0].points_px, [wanted], atol=1e-6)


def test_what_cannot_be_drawn_is_left_out_and_told(loop, tmp_path):
    nan, huge = float("nan"), [1.0] * 16000
    useless = [
        graphic("POINT", [nan, 1.0]),
        graphic("POINT", [1.0, 2.0, 3.0, 4.0]),
        graphic("CIRCLE", [1.0, 2.0]),
        graphic("STAR", [1.0, 2.0]),
        graphic("POINT", [1.0, 2.0], "INCH"),
        graphic("POLYLINE", [1.0, 2.0, 3.0]),
        item(GraphicType="POINT"),
    ]
    read = foreign(
        loop,
        tmp_path,
        on_frames(loop, [1], GraphicObjectSequence=[*useless, graphic("POLYLINE", huge)]),
        on_frames(loop, [0, 13, 99999], GraphicObjectSequence=[graphic("POINT", [1.0, 1.0])]),
        item(GraphicLayer="A", TextObjectSequence=[item(UnformattedTextValue="nowhere")]),
        item(GraphicLayer="A", CompoundGraphicSequence=[item(CompoundGraphicType="ARROW")]),
    )
    assert [len(shape.points_px) for shape in read.shapes] == [8000]
    told = " ".join(read.notes)
    for words in (
        "are no points",
        "a circle of 1 points",
        "Graphic Type is none",
        "units are none",
        "frames that the run does not have",
        "a text has no place",
        "Compound graphics are not read",
    ):
        assert words in told


def test_marks_that_lie_outside_of_the_picture_are_no_annotation(loop, tmp_path):
    far = graphic("POINT", [900.5, 1.0], TrackingID="fluoroinject:target", TrackingUID="1.2")
    read = foreign(loop, tmp_path, item(GraphicLayer="A", GraphicObjectSequence=[far]))
    assert read.annotation == Annotation()
    assert "does not fit the loop" in read.notes[0]
    assert len(read.shapes) == 1


# masks of others


def with_mask(loop, tmp_path, mask, **changes):
    dataset, path = own_state(loop, tmp_path, encode_masks, full=False)
    dataset.MaskSubtractionSequence = [mask] if isinstance(mask, pydicom.Dataset) else mask
    del dataset.MultiFramePresentationSequence
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    return read_changed(dataset, path, loop)


def shift(first, last, *regions):
    return item(
        PixelShiftFrameRange=[first, last],
        RegionPixelShiftSequence=[
            item(MaskSubPixelShift=pair, **({"VerticesOfTheRegion": v} if v else {}))
            for pair, v in regions
        ],
    )


def averaged(**more):
    return item(MaskOperation="AVG_SUB", MaskFrameNumbers=[1, 2], **more)


def test_the_shift_of_a_region_is_not_used_and_that_is_told(loop, tmp_path):
    square = [1, 1, 1, 20, 20, 20, 20, 1]
    read = with_mask(
        loop,
        tmp_path,
        averaged(
            PixelShiftSequence=[
                shift(3, 5, ([0.5, 1.5], None), ([9.0, 9.0], square)),
                shift(6, 7, ([9.0, 9.0], square)),
                shift(8, 9, ([9.0, 9.0], square), ([0.25, -0.75], None)),
            ]
        ),
    )
    (mask,) = read.masks
    assert mask.shift_of(3) == (0.5, -1.5)
    assert mask.shift_of(6) == (0.0, 0.0)
    assert mask.shift_of(7) == (0.25, 0.75)
    assert mask.shift_of(11) == (0.0, 0.0)
    assert any("parts of the picture" in note for note in read.notes)


def test_a_frame_that_is_to_be_viewed_as_it_is_belongs_to_no_mask(loop, tmp_path):
    show = [
        item(StartTrim=1, StopTrim=4, RecommendedViewingMode="NAT"),
        item(
            StartTrim=5, StopTrim=12, RecommendedViewingMode="SUB", MaskVisibilityPercentage=30.0
        ),
    ]
    read = with_mask(
        loop,
        tmp_path,
        averaged(ApplicableFrameRange=[3, 12]),
        MultiFramePresentationSequence=[item(FrameDisplaySequence=show)],
    )
    assert read.masks[0].frame_ranges == ((4, 11),)
    assert any("visible in part" in note for note in read.notes)


def test_the_mask_of_a_grayscale_state_is_for_the_frames_it_refers_to(loop, tmp_path):
    """PS3.3 C.11.13: one item, without a range of its own."""
    dataset, path = own_state(loop, tmp_path)
    dataset.MaskSubtractionSequence = [averaged(MaskSubPixelShift=[0.5, 0.25])]
    dataset.RecommendedViewingMode = "SUB"
    (mask,) = read_changed(dataset, path, loop).masks
    assert mask.frame_ranges == ()
    assert mask.shift_px == (0.5, -0.25)
    image = dataset.ReferencedSeriesSequence[0].ReferencedImageSequence[0]
    image.ReferencedFrameNumber = [4, 5, 6, 9]
    (mask,) = read_changed(dataset, path, loop).masks
    assert mask.frame_ranges == ((3, 5), (8, 8))


def test_masks_of_other_images_are_not_ours(loop, tmp_path):
    other = item(ReferencedSOPClassUID="1.2", ReferencedSOPInstanceUID="1.2.3")
    read = with_mask(
        loop,
        tmp_path,
        [averaged(ReferencedImageSequence=[other]), averaged(ApplicableFrameRange=[3, 12])],
    )
    assert [mask.frame_ranges for mask in read.masks] == [((2, 11),)]


def test_tid_and_rev_tid_keep_their_offset(loop, tmp_path):
    read = with_mask(
        loop,
        tmp_path,
        [
            item(MaskOperation="TID", ApplicableFrameRange=[3, 6], TIDOffset=2),
            item(MaskOperation="REV_TID", ApplicableFrameRange=[7, 9], TIDOffset=1),
            item(MaskOperation="TID", ApplicableFrameRange=[10, 12], TIDOffset=None),
        ],
    )
    tid, reverse, usual = read.masks
    assert (tid.mask_for(4), reverse.mask_for(6), reverse.mask_for(8)) == ((2,), (5,), (3,))
    assert usual.mask_for(10) == (9,)


def test_hostile_masks_are_left_out_and_told(loop, tmp_path):
    read = with_mask(
        loop,
        tmp_path,
        [
            averaged(ApplicableFrameRange=[100, 200]),
            item(MaskOperation="EVIL"),
            averaged(
                PixelShiftSequence=[
                    shift(0, 65535, ([float("nan"), 1.0], None)),
                    shift(5, 2, ([1.0, 1.0], None)),
                    shift(3, 3, ([1e30, 1.0], None)),
                    item(),
                ]
            ),
            *(averaged(ApplicableFrameRange=[3, 4]) for _ in range(70)),
        ],
    )
    told = " ".join(read.notes)
    for words in (
        "64 are read",
        "none of its frame ranges",
        "none of the standard",
        "cannot be is not used",
        "overlap",
    ):
        assert words in told
    assert all(np.isfinite(mask.shift_of(4)).all() for mask in read.masks)


def test_a_damaged_state_never_crashes(loop, tmp_path):
    """Every byte that is changed gives a state, or an error of ours."""
    report, _ = loop
    path = tmp_path / "state.dcm"
    rng = np.random.default_rng(0)
    refused = read = 0
    for encode in (encode_presentation, encode_masks):
        dataset, _ = own_state(loop, tmp_path, encode)
        if encode is encode_masks:
            del dataset.MaskSubtractionSequence[0].PixelIntensityRelationshipLUTSequence
        whole = np.frombuffer(encoded_bytes(dataset), np.uint8)
        for _ in range(150):
            spoilt = whole.copy()
            at = rng.integers(400, len(whole), 3)
            spoilt[at] = rng.integers(0, 256, 3)
            path.write_bytes(spoilt[: rng.integers(400, len(whole) + 1)].tobytes())
            try:
                state = read_presentation(path, report.loop.reference, report.loop.shape)
            except PresentationError:
                refused += 1
            else:
                read += 1
                assert all(np.isfinite(mask.shift_of(0)).all() for mask in state.masks)
    assert refused > 100
    assert refused + read == 300


def test_very_many_shapes_are_read_in_bounded_number(loop, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_fluoroinject.dicom.presentation_shapes._MOST_SHAPES", 50)
    many = [graphic("POINT", [1.0, 1.0]) for _ in range(120)]
    read = foreign(loop, tmp_path, item(GraphicLayer="A", GraphicObjectSequence=many))
    assert len(read.shapes) == 50
    assert any("More than 50 shapes" in note for note in read.notes)
