"""Presentation states of the report: what is drawn on which frame, and how the source is shown."""

from __future__ import annotations

import io
import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest
import sources
from hypothesis import given, settings
from hypothesis import strategies as st
from presented import (
    COLOUR,
    GREY,
    IN_COLOUR,
    encoded_with,
    faults_against_tables,
    full_report,
    source_files,
)
from validators import complaints, need, rendered

from napari_fluoroinject.dicom.icc import srgb_input_profile
from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.luts import lut_item
from napari_fluoroinject.dicom.presentation import encode_presentation, presentation_omissions
from napari_fluoroinject.dicom.read_presentation import read_presentation
from napari_fluoroinject.dicom.write import encoded_bytes
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.needle import NoNeedle

KINDS = [*sources.SOURCES, "colour"]
LINEAR = (2048.0, 4096.0)


def presentation(kind, tmp_path, spoil=None, **changes):
    """The presentation state of a source, changed before it is written."""
    paths = source_files(kind, tmp_path)
    if spoil is not None:
        for path in paths:
            source = pydicom.dcmread(path)
            spoil(source)
            source.save_as(path)
    report = full_report(paths, **changes)
    state = tmp_path / "presentation.dcm"
    return report, paths, encoded_with(encode_presentation, report, paths, state), state


def drawn(dataset, layer, frame):
    """Graphic objects of a layer on a frame, from 1."""
    return [
        shape
        for one in dataset.GraphicAnnotationSequence
        if one.GraphicLayer == layer and frame in frames_of(one)
        for shape in one.get("GraphicObjectSequence", [])
    ]


def frames_of(annotation):
    if "ReferencedImageSequence" not in annotation:
        return range(1, 1000)
    (image,) = annotation.ReferencedImageSequence
    numbers = image.get("ReferencedFrameNumber", [1])
    return [int(number) for number in np.atleast_1d(numbers)]


@pytest.mark.parametrize("kind", KINDS)
def test_it_lies_in_the_study_and_refers_to_every_instance_of_the_loop(kind, tmp_path):
    _, paths, dataset, _ = presentation(kind, tmp_path)
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
    assert dataset.SOPClassUID == (COLOUR if kind in IN_COLOUR else GREY)
    assert dataset.Modality == "PR"
    assert dataset.StudyInstanceUID == headers[0].StudyInstanceUID
    assert (dataset.PatientID, dataset.PatientName) == (
        headers[0].PatientID,
        headers[0].PatientName,
    )
    (series,) = dataset.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == headers[0].SeriesInstanceUID
    named = {image.ReferencedSOPInstanceUID for image in series.ReferencedImageSequence}
    assert named == {header.SOPInstanceUID for header in headers}
    (area,) = dataset.DisplayedAreaSelectionSequence
    assert area.DisplayedAreaTopLeftHandCorner == [1, 1]
    assert area.DisplayedAreaBottomRightHandCorner == [sources.COLUMNS, sources.ROWS]
    assert "ImageRotation" not in dataset


@pytest.mark.parametrize("kind", KINDS)
def test_the_needle_is_drawn_where_it_was_followed_on_every_frame(kind, tmp_path):
    report, _, dataset, _ = presentation(kind, tmp_path)
    uids = report.loop.reference.frame_instance_uids
    for frame in range(report.loop.shape[0]):
        shapes = [
            shape
            for one in dataset.GraphicAnnotationSequence
            if one.GraphicLayer == "NEEDLE"
            for image in one.ReferencedImageSequence
            if (
                image.ReferencedSOPInstanceUID == uids[frame]
                if uids
                else frame + 1 in frames_of(one)
            )
            for shape in one.GraphicObjectSequence
        ]
        shaft, tip = shapes
        assert (shaft.GraphicType, tip.GraphicType) == ("POLYLINE", "POINT")
        assert shaft.GraphicAnnotationUnits == "PIXEL"
        points = np.array(shaft.GraphicData).reshape(-1, 2)[:, ::-1] - 0.5
        np.testing.assert_allclose(points[0], report.needle.hub_by_frame_px[frame], atol=0.006)
        np.testing.assert_allclose(points[1], report.needle.tip_by_frame_px[frame], atol=0.006)
        assert list(tip.GraphicData) == list(shaft.GraphicData)[2:]


def test_a_needle_is_drawn_on_no_frame_in_which_it_was_not_followed(tmp_path):
    paths = source_files("xa", tmp_path)
    report = full_report(paths)
    tips = report.needle.tip_by_frame_px.copy()
    tips[[0, 5]] = np.nan
    report = replace(report, needle=replace(report.needle, tip_by_frame_px=tips))
    dataset = encoded_with(encode_presentation, report, paths)
    seen = [frame for frame in range(1, 13) if drawn(dataset, "NEEDLE", frame)]
    assert seen == [2, 3, 4, 5, *range(7, 13)]


def test_frames_on_which_nothing_moved_share_one_annotation(tmp_path):
    paths = source_files("xa", tmp_path)
    report = full_report(paths)
    still = np.zeros((12, 2))
    needle = replace(
        report.needle,
        tip_by_frame_px=still + np.array([20.0, 30.0]),
        hub_by_frame_px=still + np.array([5.0, 40.0]) + np.linspace(0, 4e-3, 12)[:, None],
    )
    motion = replace(report.motion, shift_px=still)
    report = replace(report, needle=needle, motion=motion)
    dataset = encoded_with(encode_presentation, report, paths)
    layers = [one.GraphicLayer for one in dataset.GraphicAnnotationSequence]
    assert layers.count("NEEDLE") == 1
    assert layers.count("TARGET") == 2  # as marked on mask frames, and followed


def test_a_bent_needle_is_drawn_bent(tmp_path):
    paths = source_files("xa", tmp_path)
    report = full_report(paths)
    report = replace(report, needle=replace(report.needle, sag_px=3.0))
    shaft, _ = drawn(encoded_with(encode_presentation, report, paths), "NEEDLE", 1)
    points = np.array(shaft.GraphicData).reshape(-1, 2)
    chord = points[-1] - points[0]
    along = points - points[0]
    off = np.abs(chord[0] * along[:, 1] - chord[1] * along[:, 0]) / np.hypot(*chord)
    assert off[len(off) // 2] == pytest.approx(3.0, abs=0.02)
    assert off[[0, -1]] == pytest.approx(0.0, abs=0.02)


def test_marks_stand_as_they_were_marked_on_mask_frames_and_move_with_the_anatomy(tmp_path):
    report, _, dataset, _ = presentation("xa", tmp_path)
    target = np.array(report.annotation.target_px)
    for frame in range(12):
        point, ring = drawn(dataset, "TARGET", frame + 1)
        seen = np.array(point.GraphicData)[::-1] - 0.5
        still = frame in (0, 1, 2)  # the third is displaced by less than half a pixel
        moved = target if still else target + report.motion.shift_px[frame]
        np.testing.assert_allclose(seen, moved, atol=1e-5 if still else 0.006)
        assert point.TrackingID.endswith("+followed") is not still
        assert ring.GraphicType == "CIRCLE"


def test_marks_are_not_drawn_where_the_registration_was_lost(tmp_path):
    paths = source_files("xa", tmp_path)
    report = full_report(paths)
    locked = np.arange(12) != 8
    report = replace(report, motion=replace(report.motion, locked=locked))
    dataset = encoded_with(encode_presentation, report, paths)
    assert drawn(dataset, "TARGET", 9) == []
    assert drawn(dataset, "TARGET", 10) != []
    assert drawn(dataset, "LANDMARKS", 9) == []


def test_the_spread_is_outlined_where_it_was_first_seen_largest_and_last(tmp_path):
    report, _, dataset, _ = presentation("xa", tmp_path)
    outlined = {
        frame
        for frame in range(1, 13)
        if any(s.TrackingID == "fluoroinject:outline" for s in drawn(dataset, "SPREAD", frame))
    }
    assert outlined == {5, 12}
    region = report.maps.region_by_frame[11]
    (outline,) = drawn(dataset, "SPREAD", 12)
    points = np.array(outline.GraphicData).reshape(-1, 2)
    rows, columns = np.nonzero(region)
    assert points[:, 0].min() == columns.min()
    assert points[:, 1].max() == rows.max() + 1
    assert (points[0] == points[-1]).all()
    assert outline.GraphicFilled == "N"


def test_the_path_of_a_run_off_is_drawn_only_under_its_warning(tmp_path):
    _, _, dataset, _ = presentation("xa", tmp_path)
    assert [s.TrackingID for s in drawn(dataset, "SPREAD", 8)] == ["fluoroinject:run-off"]
    _, _, dataset, _ = presentation("xa", tmp_path, findings=())
    assert drawn(dataset, "SPREAD", 8) == []


def test_warnings_stand_in_plain_words_on_their_frames(tmp_path):
    report, _, dataset, _ = presentation("xa", tmp_path)
    (one,) = [a for a in dataset.GraphicAnnotationSequence if a.GraphicLayer == "WARNINGS"]
    (text,) = one.TextObjectSequence
    assert text.UnformattedTextValue == "CRITICAL: Possible vascular uptake; review the loop"
    assert frames_of(one) == [6, 7, 8]
    loop_wide = replace(report.findings[0], frames=None)
    _, _, dataset, _ = presentation("xa", tmp_path, findings=(loop_wide,))
    (one,) = [a for a in dataset.GraphicAnnotationSequence if a.GraphicLayer == "WARNINGS"]
    assert "ReferencedImageSequence" not in one


def test_layers_are_those_that_are_used_and_the_needle_lies_above_the_spread(tmp_path):
    _, _, dataset, _ = presentation("xa", tmp_path)
    layers = {one.GraphicLayer: one.GraphicLayerOrder for one in dataset.GraphicLayerSequence}
    assert sorted(layers, key=layers.get) == [
        "SPREAD",
        "LANDMARKS",
        "TARGET",
        "NEEDLE",
        "WARNINGS",
    ]
    _, _, dataset, _ = presentation("xa", tmp_path, annotation=Annotation(), findings=())
    assert {one.GraphicLayer for one in dataset.GraphicLayerSequence} == {"SPREAD", "NEEDLE"}


def test_where_nothing_is_there_to_be_drawn_there_is_no_object_and_a_reason(tmp_path):
    paths = source_files("xa", tmp_path)
    report = full_report(
        paths,
        annotation=Annotation(),
        findings=(),
        maps=None,
        needle=NoNeedle(reason="no shaft passed"),
    )
    assert encode_presentation(report, identify(report, paths)) is None
    (omission,) = presentation_omissions(report)
    assert "drawn" in omission.reason
    assert presentation_omissions(full_report(paths)) == ()


def test_the_same_report_gives_the_same_bytes_and_nothing_private(tmp_path):
    report, paths, _, state = presentation("xa", tmp_path)
    again = encode_presentation(report, identify(report, paths))
    assert state.read_bytes() == encoded_bytes(again)
    assert b"private text" not in state.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_it_has_what_the_modules_of_its_class_require_and_nothing_else(kind, tmp_path):
    _, _, dataset, _ = presentation(kind, tmp_path)
    name = "color" if kind in IN_COLOUR else "grayscale"
    faults = faults_against_tables(dataset, f"{name}-softcopy-presentation-state")
    assert faults == []


@pytest.mark.validator
@pytest.mark.parametrize("kind", KINDS)
def test_validators_have_nothing_against_it(kind, tmp_path):
    *_, state = presentation(kind, tmp_path)
    assert complaints(state) == ()


# how the source is shown


def linear(stored, centre, width):
    """PS3.3 C.11.2.1.2.1, to 0..255."""
    share = (stored - (centre - 0.5)) / (width - 1) + 0.5
    return np.clip(share, 0, 1) * 255


@pytest.mark.validator
@pytest.mark.parametrize("kind", ["xa", "xa_log", "rf", "sc_word", "sc_byte", "xa_single"])
def test_another_reader_shows_every_grey_as_the_source_shows_itself(kind, tmp_path):
    """The Modality LUT of X-ray images leads back to the beam: it is not for display."""
    _, paths, _, state = presentation(kind, tmp_path)
    source = pydicom.dcmread(paths[0])
    stored = source.pixel_array if kind == "xa_single" else source.pixel_array[5]
    shown = rendered(paths[0], state, 0 if kind == "xa_single" else 5).astype(float)
    wanted = linear(stored.astype(float), float(source.WindowCenter), float(source.WindowWidth))
    np.testing.assert_allclose(shown, wanted, atol=1.01)


@pytest.mark.validator
def test_a_picture_whose_smallest_value_is_white_stays_so(tmp_path):
    def spoil(source):
        source.PhotometricInterpretation = "MONOCHROME1"

    _, paths, dataset, state = presentation("xa", tmp_path, spoil)
    assert dataset.PresentationLUTShape == "INVERSE"
    stored = pydicom.dcmread(paths[0]).pixel_array[3].astype(float)
    shown = rendered(paths[0], state, 3)[20:28, 28:36]
    np.testing.assert_allclose(shown, 255 - linear(stored, *LINEAR)[20:28, 28:36], atol=1.01)


def test_of_several_windows_the_first_is_shown_with_its_function_and_name(tmp_path):
    def spoil(source):
        source.WindowCenter, source.WindowWidth = ["1000", "2000.5"], ["300", "4000"]
        source.WindowCenterWidthExplanation = ["BONE", "WIDE"]
        source.VOILUTFunction = "SIGMOID"

    _, _, dataset, _ = presentation("xa", tmp_path, spoil)
    (window,) = dataset.SoftcopyVOILUTSequence
    assert (window.WindowCenter, window.WindowWidth) == (1000, 300)
    assert window.WindowCenterWidthExplanation == "BONE"
    assert window.VOILUTFunction == "SIGMOID"
    assert "ReferencedImageSequence" not in window


def test_an_exact_window_may_be_narrower_than_one_and_a_linear_one_may_not(tmp_path):
    def exact(source):
        source.WindowCenter, source.WindowWidth = "10.5", "0.5"
        source.VOILUTFunction = "LINEAR_EXACT"

    _, _, dataset, _ = presentation("xa", tmp_path, exact)
    assert dataset.SoftcopyVOILUTSequence[0].WindowWidth == 0.5

    def useless(source):
        source.WindowCenter, source.WindowWidth = "10.5", "0.5"

    _, _, dataset, _ = presentation("xa", tmp_path / "other", useless)
    assert "SoftcopyVOILUTSequence" not in dataset


def voi_lut(source):
    table = np.linspace(65535, 0, 4096).astype("<u2")
    lut = sources.item(LUTDescriptor=[4096, 0, 16], LUTData=table.tobytes())
    lut.LUTExplanation = "Somebody's"
    lut["LUTData"].VR, lut["LUTDescriptor"].VR = "OW", "US"
    source.VOILUTSequence = [lut]


@pytest.mark.validator
def test_a_voi_lut_is_shown_whole_and_without_what_a_person_wrote(tmp_path):
    _, paths, dataset, state = presentation("xa", tmp_path, voi_lut)
    (voi,) = dataset.SoftcopyVOILUTSequence
    assert "WindowCenter" not in voi
    assert "LUTExplanation" not in voi.VOILUTSequence[0]
    stored = pydicom.dcmread(paths[0]).pixel_array[2].astype(float)
    shown = rendered(paths[0], state, 2)[20:28, 28:36]
    np.testing.assert_allclose(shown, 255 - stored[20:28, 28:36] / 4095 * 255, atol=1.01)
    assert complaints(state) == ()


@pytest.mark.validator
@pytest.mark.parametrize("kind", ["sc_word", "sc_single"])
def test_the_rescale_of_a_capture_is_applied_and_that_of_an_x_ray_image_is_not(kind, tmp_path):
    def spoil(source):
        source.RescaleIntercept, source.RescaleSlope, source.RescaleType = "-100", "2", "US"

    _, paths, dataset, state = presentation(kind, tmp_path, spoil)
    assert (dataset.RescaleIntercept, dataset.RescaleSlope) == (-100, 2)
    source = pydicom.dcmread(paths[0])
    stored = source.pixel_array[4] if kind == "sc_word" else source.pixel_array
    wanted = linear(2.0 * stored - 100, float(source.WindowCenter), float(source.WindowWidth))
    np.testing.assert_allclose(
        rendered(paths[0], state, 4 if kind == "sc_word" else 0), wanted, atol=1.01
    )
    _, _, dataset, _ = presentation("xa", tmp_path / "x", spoil)
    assert "RescaleSlope" not in dataset
    _, _, dataset, _ = presentation("xa_log", tmp_path / "y")
    assert "ModalityLUTSequence" not in dataset


def test_windows_that_differ_from_frame_to_frame_name_their_frames(tmp_path):
    def spoil(source):
        del source.SharedFunctionalGroupsSequence[0].FrameVOILUTSequence
        for k, group in enumerate(source.PerFrameFunctionalGroupsSequence):
            wide = "300" if k < 4 else "400"
            group.FrameVOILUTSequence = [sources.item(WindowCenter="200", WindowWidth=wide)]

    _, _, dataset, _ = presentation("enhanced_xa", tmp_path, spoil)
    first, second = dataset.SoftcopyVOILUTSequence
    assert (first.WindowWidth, frames_of(first)) == (300, [1, 2, 3, 4])
    assert (second.WindowWidth, frames_of(second)) == (400, list(range(5, 13)))


def test_a_shutter_of_all_frames_is_kept_and_one_that_changes_is_not(tmp_path):
    def shutter(right):
        return sources.item(
            ShutterShape="RECTANGULAR",
            ShutterLeftVerticalEdge=2,
            ShutterRightVerticalEdge=right,
            ShutterUpperHorizontalEdge=3,
            ShutterLowerHorizontalEdge=40,
        )

    def same(source):
        source.SharedFunctionalGroupsSequence[0].FrameDisplayShutterSequence = [shutter(60)]

    _, _, dataset, _ = presentation("enhanced_xa", tmp_path, same)
    assert dataset.ShutterShape == "RECTANGULAR"
    assert dataset.ShutterLowerHorizontalEdge == 40
    assert dataset.ShutterPresentationValue == 0

    def changing(source):
        for k, group in enumerate(source.PerFrameFunctionalGroupsSequence):
            group.FrameDisplayShutterSequence = [shutter(40 + k)]

    _, _, dataset, _ = presentation("enhanced_xa", tmp_path / "other", changing)
    assert "ShutterShape" not in dataset


def test_a_source_in_colour_keeps_its_colours_and_says_which_they_are(tmp_path):
    _, _, dataset, _ = presentation("colour", tmp_path)
    assert dataset.ICCProfile.rstrip(b"\0") == srgb_input_profile().rstrip(b"\0")
    assert dataset.ShutterPresentationColorCIELabValue == [0, 32896, 32896]
    for keyword in ("PresentationLUTShape", "SoftcopyVOILUTSequence", "RescaleSlope"):
        assert keyword not in dataset


def test_the_profile_is_srgb_to_another_library_and_always_the_same():
    cms, image = pytest.importorskip("PIL.ImageCms"), pytest.importorskip("PIL.Image")
    profile = srgb_input_profile()
    assert profile == srgb_input_profile()
    opened = cms.ImageCmsProfile(io.BytesIO(profile))
    assert (opened.profile.device_class, opened.profile.xcolor_space) == ("scnr", "RGB ")
    colours = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    same = cms.buildTransform(opened, cms.createProfile("sRGB"), "RGB", "RGB")
    turned = np.asarray(cms.applyTransform(image.fromarray(colours), same))
    assert np.abs(turned.astype(int) - colours).max() <= 1


@settings(max_examples=60, deadline=None)
@given(
    centre=st.one_of(st.floats(), st.just(1e300)),
    width=st.one_of(st.floats(), st.just(0.0)),
    function=st.sampled_from([None, "LINEAR", "LINEAR_EXACT", "SIGMOID", "ODD"]),
)
def test_no_window_of_a_source_breaks_its_presentation(centre, width, function):
    from napari_fluoroinject.dicom.softcopy import _voi  # the smallest part that reads windows

    place = pydicom.Dataset()
    place.WindowCenter, place.WindowWidth = pydicom.multival.MultiValue(float, [centre]), width
    place["WindowCenter"].VR = place["WindowWidth"].VR = "FD"
    if function is not None:
        place.VOILUTFunction = function
    made = _voi(place)
    if made is not None:
        assert np.isfinite([float(made.WindowCenter), float(made.WindowWidth)]).all()
        assert float(made.WindowWidth) > 0
        assert max(len(str(made.WindowCenter)), len(str(made.WindowWidth))) <= 16


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("first", [0, -2048])
def test_a_table_keeps_its_entries_whatever_its_width_and_first_value(bits, first):
    table = np.arange(4097) % 251 if bits == 8 else np.arange(4097) * 15
    lut = sources.item(LUTDescriptor=[4097, first, bits])
    lut.LUTData = table.astype("u1" if bits == 8 else "<u2").tobytes()
    lut["LUTDescriptor"].VR, lut["LUTData"].VR = ("SS" if first < 0 else "US"), "OW"
    copied = lut_item(lut)
    assert list(copied.LUTDescriptor) == [4097, first, bits]
    np.testing.assert_array_equal(np.frombuffer(copied.LUTData, "<u2"), table)
    lut.LUTData = lut.LUTData[:4000]
    assert lut_item(lut) is None


def test_a_table_of_every_stored_value_has_the_count_that_stands_for_it():
    lut = sources.item(LUTDescriptor=[0, 0, 16], LUTData=np.arange(65536, dtype="<u2").tobytes())
    copied = lut_item(lut)
    assert copied.LUTDescriptor == [0, 0, 16]
    assert len(copied.LUTData) == 2 * 65536


@pytest.mark.validator
def test_the_table_of_a_capture_is_applied_by_another_reader(tmp_path):
    table = (65535 - np.arange(4096) * 16).astype("<u2")

    def spoil(source):
        for keyword in ("RescaleIntercept", "RescaleSlope", "RescaleType", "WindowCenter"):
            del source[keyword]
        del source.WindowWidth
        lut = sources.item(LUTDescriptor=[4096, 0, 16], LUTData=table.tobytes())
        lut["LUTDescriptor"].VR, lut["LUTData"].VR, lut.ModalityLUTType = "US", "OW", "US"
        source.ModalityLUTSequence = [lut]

    _, paths, dataset, state = presentation("sc_word", tmp_path, spoil)
    assert "SoftcopyVOILUTSequence" not in dataset
    stored = pydicom.dcmread(paths[0]).pixel_array[7]
    shown = rendered(paths[0], state, 7).astype(float)
    np.testing.assert_allclose(shown, table[stored] / 65535 * 255, atol=1.01)
    assert complaints(state) == ()


def test_a_pixel_that_is_not_square_keeps_its_shape(tmp_path):
    def spoil(source):
        source.ImagerPixelSpacing = ["0.4", "0.2"]

    _, _, dataset, _ = presentation("xa", tmp_path, spoil)
    assert dataset.DisplayedAreaSelectionSequence[0].PresentationPixelAspectRatio == [2, 1]


@pytest.mark.validator
def test_another_reader_keeps_every_shape_on_its_frame(tmp_path):
    """Read by dcmtk, written by dcmtk, read again: the same points on the same frames."""
    report, paths, _, state = presentation("xa", tmp_path)
    need("dcmp2pgm")
    saved = tmp_path / "saved.dcm"
    command = ["dcmp2pgm", "-q", "-p", state, "+S", saved, paths[0], tmp_path / "frame.pgm"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    ours, theirs = (
        read_presentation(path, report.loop.reference, report.loop.shape)
        for path in (state, saved)
    )
    assert len(ours.shapes) == len(theirs.shapes) > 60
    for one, other in zip(ours.shapes, theirs.shapes, strict=True):
        assert (one.kind, one.frames, one.layer) == (other.kind, other.frames, other.layer)
        np.testing.assert_array_equal(one.points_px, other.points_px)


@pytest.mark.validator
def test_the_needle_lies_on_its_pixels_as_another_reader_shows_that_frame(tmp_path):
    """A bright line that moves by two rows a frame: drawn over itself, on its frame alone."""
    (source,) = sources.SOURCES["xa"]()
    pixels = np.zeros((12, 48, 64), "<u2")
    rows = 5 + 2 * np.arange(12)
    pixels[np.arange(12), rows, 20:51] = 4095
    source.PixelData = pixels.tobytes()
    paths = sources.write_source([source], tmp_path)
    report = full_report(paths)
    needle = replace(
        report.needle,
        hub_by_frame_px=np.stack([rows, np.full(12, 50)], axis=1),
        tip_by_frame_px=np.stack([rows, np.full(12, 20)], axis=1),
    )
    state = tmp_path / "state.dcm"
    dataset = encoded_with(encode_presentation, replace(report, needle=needle), paths, state)
    for frame in (0, 4, 11):
        shown = rendered(paths[0], state, frame)
        for other in range(12):
            shaft, _ = drawn(dataset, "NEEDLE", other + 1)
            columns, lines = np.floor(np.array(shaft.GraphicData).reshape(-1, 2)).astype(int).T
            under = shown[lines[0], columns.min() : columns.max() + 1]
            assert len(under) == 31
            assert (under == (255 if other == frame else 0)).all()
