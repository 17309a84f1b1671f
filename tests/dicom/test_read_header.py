"""What a loop's header tells: times, beam, millimetres, shutter, view; and what stays unknown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import JPEG2000, JPEG2000Lossless
from small_loops import edited, item, picture, scale, small_loop, small_object, written

from napari_fluoroinject.dicom import shutter
from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.errors import UnreadableObjectError
from napari_fluoroinject.model.geometry import View

FRAME_TIME, VECTOR = 0x00181063, 0x00181065
UNKNOWN_TIMES = "frames only, no seconds"


def said(loop, words: str) -> bool:
    return any(words in note for note in loop.notes)


# --- times -------------------------------------------------------------------------------------


def test_frame_time_gives_even_times(tmp_path):
    loop = read_loop(edited(tmp_path, FrameTime="66.667", FrameIncrementPointer=FRAME_TIME))
    assert loop.times_s == pytest.approx(np.arange(5) * 0.066667)


def test_vector_steps_lead_to_their_own_frame(tmp_path):
    loop = read_loop(
        edited(tmp_path, FrameTimeVector=[0, 50, 100, 50, 200], FrameIncrementPointer=VECTOR)
    )
    assert loop.times_s == pytest.approx([0, 0.05, 0.15, 0.2, 0.4])


def test_the_pointer_decides_between_frame_time_and_vector(tmp_path):
    both = {"FrameTime": "40", "FrameTimeVector": [0, 50, 50, 50, 50]}
    steady = read_loop(edited(tmp_path, **both, FrameIncrementPointer=FRAME_TIME))
    assert steady.times_s[1] == pytest.approx(0.04)
    varied = read_loop(edited(tmp_path, **both, FrameIncrementPointer=VECTOR))
    assert varied.times_s[1] == pytest.approx(0.05)


@pytest.mark.parametrize("pointer", [None, 0x00000000, 0x00181001, FRAME_TIME])
def test_without_a_usable_pointer_whichever_exists_is_used(tmp_path, pointer):
    changes = {"FrameTime": None, "FrameTimeVector": [0, 50, 50, 50, 50]}
    loop = read_loop(edited(tmp_path, **changes, FrameIncrementPointer=pointer))
    assert loop.times_s[1] == pytest.approx(0.05)
    changes = {"FrameTime": "40"}
    loop = read_loop(edited(tmp_path, **changes, FrameIncrementPointer=pointer))
    assert loop.times_s[1] == pytest.approx(0.04)


def test_a_pointer_to_a_missing_vector_falls_back_to_frame_time(tmp_path):
    loop = read_loop(edited(tmp_path, FrameTime="40", FrameIncrementPointer=[VECTOR]))
    assert loop.times_s[1] == pytest.approx(0.04)


@pytest.mark.parametrize("length", [1, 4, 6])
def test_a_vector_of_another_length_than_the_loop_is_refused(tmp_path, length):
    path = edited(tmp_path, FrameTimeVector=[50.0] * length, FrameIncrementPointer=VECTOR)
    with pytest.raises(UnreadableObjectError, match=f"of {length} elements; expected 5 elements"):
        read_loop(path)


def test_a_vector_that_does_not_begin_with_zero_is_moved_and_noted(tmp_path):
    loop = read_loop(
        edited(tmp_path, FrameTimeVector=[50, 50, 50, 50, 50], FrameIncrementPointer=VECTOR)
    )
    assert loop.times_s[:2] == pytest.approx([0, 0.05])
    assert said(loop, "does not begin with 0")


@pytest.mark.parametrize("vector", [[0, 50, -20, 50, 50], [0, 0, 0, 0, 0], [0, 50, 0, 50, 50]])
def test_vectors_that_do_not_rise_give_no_seconds(tmp_path, vector):
    loop = read_loop(edited(tmp_path, FrameTimeVector=vector, FrameIncrementPointer=VECTOR))
    assert loop.times_s is None
    assert said(loop, UNKNOWN_TIMES)


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"CineRate": 10}, 0.1),
        ({"RecommendedDisplayFrameRate": 5}, 0.2),
        ({"CineRate": 0, "RecommendedDisplayFrameRate": 4}, 0.25),
        ({}, None),
    ],
)
@pytest.mark.parametrize("frame_time", [None, "0"])
def test_rates_stand_in_for_a_missing_frame_time_and_are_named(
    tmp_path, changes, step, frame_time
):
    loop = read_loop(edited(tmp_path, FrameTime=frame_time, **changes))
    if step is None:
        assert loop.times_s is None
        assert said(loop, UNKNOWN_TIMES)
    else:
        assert loop.times_s[1] == pytest.approx(step)
        assert said(loop, "The times of the frames come from")


@pytest.mark.parametrize(
    ("frame_time", "rate", "known"),
    [("66.667", 15, True), ("133.333", 8, True), ("133.333", 7, True), ("66.667", 30, False)],
)
def test_a_frame_time_that_contradicts_the_cine_rate_gives_no_seconds(
    tmp_path, frame_time, rate, known
):
    loop = read_loop(edited(tmp_path, FrameTime=frame_time, CineRate=rate))
    assert (loop.times_s is not None) == known
    assert said(loop, "contradict each other") != known


@pytest.mark.parametrize("frame_time", ["1e-320", "1e-9", "0.01", "1e6", "1e300"])
def test_a_frame_time_that_no_run_has_gives_no_seconds(tmp_path, frame_time):
    loop = read_loop(edited(tmp_path, FrameTime=frame_time))
    assert loop.times_s is None
    assert said(loop, "ms is not plausible")
    loop = read_loop(edited(tmp_path, FrameTime=frame_time, CineRate=10))
    assert loop.times_s[1] == pytest.approx(0.1)
    assert said(loop, "ms is not plausible")


@pytest.mark.parametrize("rate", ["1e-320", "0.001", "1e5", "1e300"])
def test_a_rate_that_no_run_has_gives_no_seconds(tmp_path, rate):
    dataset = small_object()
    dataset.add_new("CineRate", "DS", rate)
    assert read_loop(edited(tmp_path, dataset, FrameTime=None)).times_s is None


@pytest.mark.parametrize("step", ["1e-320", "1e-5", "4e6", "1e300", "1e308"])
def test_a_vector_of_steps_that_no_run_has_gives_no_seconds(tmp_path, step):
    vector = [0, 50, 50, step, step]
    loop = read_loop(edited(tmp_path, FrameTimeVector=vector, FrameIncrementPointer=VECTOR))
    assert loop.times_s is None
    assert said(loop, "steps that are not plausible")


def test_a_pause_between_frames_is_told_and_kept(tmp_path):
    vector = [0, 50, 50, 300_000, 50]
    loop = read_loop(edited(tmp_path, FrameTimeVector=vector, FrameIncrementPointer=VECTOR))
    assert loop.times_s[-1] == pytest.approx(300.15)


def test_a_clock_that_jumps_by_years_gives_no_seconds(tmp_path):
    dataset = small_object(kind="enhanced_xa")
    last = dataset.PerFrameFunctionalGroupsSequence[-1].FrameContentSequence[0]
    last.FrameReferenceDateTime = "99990101000000"
    loop = read_loop(written(tmp_path, dataset))
    assert loop.times_s is None
    assert said(loop, "between the frames are not plausible")


def test_a_single_frame_has_no_time_axis_whatever_the_file_says(tmp_path):
    dataset = small_object(small_loop(stored=picture()[:1]))
    enhanced = small_object(small_loop(stored=picture()[:1]), kind="enhanced_xa")
    for one in (dataset, enhanced):
        loop = read_loop(edited(tmp_path, one, FrameTime="66.667"))
        assert loop.times_s is None
        assert said(loop, "no time axis")


def test_enhanced_frames_tell_their_own_moments(tmp_path):
    times = np.array([0.0, 0.1, 0.25, 0.4, 61.5])
    dataset = small_object(small_loop(times_s=times), kind="enhanced_xa")
    assert read_loop(written(tmp_path, dataset)).times_s == pytest.approx(times, abs=2e-6)
    for group in dataset.PerFrameFunctionalGroupsSequence:
        del group.FrameContentSequence[0].FrameReferenceDateTime
    assert read_loop(written(tmp_path, dataset)).times_s == pytest.approx(times, abs=2e-6)


@pytest.mark.parametrize("damage", ["missing", "order", "none"])
def test_enhanced_frames_without_a_whole_clock_have_no_seconds(tmp_path, damage):
    dataset = small_object(kind="enhanced_xa")
    groups = dataset.PerFrameFunctionalGroupsSequence
    contents = [group.FrameContentSequence[0] for group in groups]
    first, last = contents[0].FrameReferenceDateTime, contents[-1].FrameReferenceDateTime
    if damage == "order":
        contents[0].FrameReferenceDateTime, contents[-1].FrameReferenceDateTime = last, first
    for content in contents if damage == "none" else contents[2:3]:
        if damage != "order":
            del content.FrameReferenceDateTime
            if damage == "none":
                del content.FrameAcquisitionDateTime
    loop = read_loop(written(tmp_path, dataset))
    assert loop.times_s is None
    assert said(loop, UNKNOWN_TIMES)


# --- intensity ---------------------------------------------------------------------------------


def test_linear_values_are_quantitative(tmp_path):
    loop = read_loop(written(tmp_path))
    assert loop.intensity.relationship == "linear"
    assert loop.intensity.quantitative
    assert loop.intensity.ln_beam[2000] - loop.intensity.ln_beam[1000] == pytest.approx(np.log(2))


@pytest.mark.parametrize("kind", ["xa", "enhanced_xa"])
def test_log_values_are_brought_back_by_the_table(tmp_path, kind):
    loop = small_loop(12, "log")
    read = read_loop(written(tmp_path, small_object(loop, kind=kind)))
    assert read.intensity.relationship == "log"
    assert read.intensity.quantitative
    slope = read.intensity.ln_beam[3000] - read.intensity.ln_beam[1000]
    assert slope == pytest.approx(2000 * 5 / 4095, rel=1e-3)


def broken_table(dataset, how):
    lut = dataset.ModalityLUTSequence[0]
    values = np.frombuffer(lut.LUTData, "<u2")
    if how == "missing":
        del dataset.ModalityLUTSequence
    elif how == "short":
        lut.LUTData = values[:100].tobytes()
    elif how == "descriptor":
        lut.LUTDescriptor = [4096, 0]
    elif how == "no data":
        del lut.LUTData
    elif how == "falling":
        lut.LUTData = values[::-1].tobytes()
    else:
        lut.LUTData = np.full(4096, 7, "<u2").tobytes()


@pytest.mark.parametrize(
    "how", ["missing", "short", "descriptor", "no data", "falling", "constant"]
)
def test_log_values_without_a_usable_table_are_relative(tmp_path, how):
    dataset = small_object(small_loop(12, "log"))
    broken_table(dataset, how)
    loop = read_loop(written(tmp_path, dataset))
    assert loop.intensity.relationship == "log"
    assert not loop.intensity.quantitative
    assert np.all(np.diff(loop.intensity.ln_beam) > 0)
    assert said(loop, "Opacity is relative")


def test_tables_that_differ_from_frame_to_frame_are_not_used(tmp_path):
    dataset = small_object(small_loop(12, "log"), kind="enhanced_xa")
    shared = dataset.SharedFunctionalGroupsSequence[0]
    tables = shared.PixelIntensityRelationshipLUTSequence
    del shared.PixelIntensityRelationshipLUTSequence
    for k, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        table = item(
            LUTDescriptor=tables[0].LUTDescriptor,
            LUTData=(np.arange(4096) * (k + 1) % 65536).astype("<u2").tobytes(),
            LUTFunction="TO_LINEAR",
        )
        table["LUTDescriptor"].VR, table["LUTData"].VR = "US", "OW"
        other = item(LUTFunction="TO_LOG")
        group.PixelIntensityRelationshipLUTSequence = [other, table]
    assert not read_loop(written(tmp_path, dataset)).intensity.quantitative


def test_a_table_of_bytes_is_read(tmp_path):
    dataset = small_object(small_loop(8, "log"))
    lut = dataset.ModalityLUTSequence[0]
    lut.LUTDescriptor = [256, 0, 8]
    lut.LUTData = bytes(range(256))
    loop = read_loop(written(tmp_path, dataset))
    assert loop.intensity.quantitative
    assert loop.intensity.ln_beam[200] - loop.intensity.ln_beam[100] == pytest.approx(np.log(2))


def test_a_table_for_signed_values_may_be_written_unsigned(tmp_path):
    dataset = small_object(small_loop(12, "log"))
    dataset.PixelRepresentation = 1
    lut = dataset.ModalityLUTSequence[0]
    lut.LUTDescriptor = [4096, 65536 - 2048, 16]
    loop = read_loop(written(tmp_path, dataset))
    assert loop.intensity.quantitative
    assert loop.intensity.first_stored == -2048


@pytest.mark.parametrize(
    ("term", "relationship", "words"),
    [
        ("DISP", "display", "processed for display"),
        ("DRM", "unknown", '"DRM" is no term'),
        (None, "unknown", "does not tell what its pixel values mean"),
    ],
)
def test_other_relationships_are_named_and_not_quantitative(tmp_path, term, relationship, words):
    loop = read_loop(edited(tmp_path, PixelIntensityRelationship=term))
    assert loop.intensity.relationship == relationship
    assert not loop.intensity.quantitative
    assert said(loop, words)


def test_a_relationship_that_is_no_code_string_is_not_quoted(tmp_path, caplog):
    path = edited(tmp_path, PixelIntensityRelationship="ABCDEF")
    path.write_bytes(path.read_bytes().replace(b"ABCDEF", b"abcdef"))
    assert said(read_loop(path), "The Pixel Intensity Relationship of the file is no term")
    assert caplog.text == ""


@pytest.mark.parametrize(("term", "relationship"), [("DISP", "display"), ("LIN", "unknown")])
def test_secondary_captures_are_never_quantitative(tmp_path, term, relationship):
    dataset = small_object(kind="sc_word")
    loop = read_loop(edited(tmp_path, dataset, PixelIntensityRelationship=term))
    assert loop.intensity.relationship == relationship
    assert not loop.intensity.quantitative


@pytest.mark.parametrize("kind", ["xa", "sc_word"])
def test_monochrome1_is_turned_round_and_noted(tmp_path, kind):
    dataset = small_object(kind=kind)
    loop = read_loop(edited(tmp_path, dataset, PhotometricInterpretation="MONOCHROME1"))
    assert np.all(np.diff(loop.intensity.ln_beam) <= 0)
    assert not loop.intensity.quantitative
    assert said(loop, "MONOCHROME1 without a sign")


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_the_sign_of_the_relationship_prevails_over_the_photometry(tmp_path, photometric):
    changes = {"PhotometricInterpretation": photometric, "PixelIntensityRelationshipSign": 1}
    assert read_loop(edited(tmp_path, **changes)).intensity.quantitative
    changes["PixelIntensityRelationshipSign"] = -1
    loop = read_loop(edited(tmp_path, **changes))
    assert loop.intensity.ln_beam[0] > loop.intensity.ln_beam[-1]
    assert said(loop, "their zero is not known")


def test_log_values_that_fall_with_the_beam_are_quantitative_by_their_table(tmp_path):
    dataset = small_object(small_loop(12, "log"))
    broken_table(dataset, "falling")
    loop = read_loop(edited(tmp_path, dataset, PixelIntensityRelationshipSign=-1))
    assert loop.intensity.quantitative
    assert loop.intensity.ln_beam[0] > loop.intensity.ln_beam[-1]
    broken_table(dataset, "missing")
    loop = read_loop(written(tmp_path, dataset))
    assert not loop.intensity.quantitative
    assert loop.intensity.ln_beam[0] > loop.intensity.ln_beam[-1]


# --- millimetres -------------------------------------------------------------------------------

NO_SCALE = {"DistanceSourceToDetector": None, "DistanceSourceToPatient": None}


@pytest.mark.parametrize(
    ("changes", "mm_per_px", "basis"),
    [
        ({}, 0.287, "iso_sid_sod"),
        ({"EstimatedRadiographicMagnificationFactor": "1.4"}, 0.41 / 1.4, "iso_ermf"),
        ({**NO_SCALE, "EstimatedRadiographicMagnificationFactor": "1.25"}, 0.328, "iso_ermf"),
        (
            {
                **NO_SCALE,
                "PixelSpacing": ["0.3", "0.3"],
                "PixelSpacingCalibrationType": "FIDUCIAL",
            },
            0.3,
            "pixel_spacing_fiducial",
        ),
        (
            {
                "ImagerPixelSpacing": None,
                "PixelSpacing": ["0.3", "0.3"],
                "PixelSpacingCalibrationType": "GEOMETRY",
            },
            0.3,
            "pixel_spacing_fiducial",
        ),
        (
            {"PixelSpacing": ["0.3", "0.3"], "PixelSpacingCalibrationType": "GEOMETRY"},
            0.287,
            "iso_sid_sod",
        ),
    ],
)
def test_millimetres_come_from_the_highest_rung_of_the_ladder(tmp_path, changes, mm_per_px, basis):
    loop = read_loop(edited(tmp_path, **changes))
    assert loop.calibration.mm_per_px == pytest.approx(mm_per_px, rel=1e-6)
    assert loop.calibration.basis == basis
    assert loop.calibration.relative_uncertainty is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (NO_SCALE, "gives no magnification"),
        ({"ImagerPixelSpacing": None}, "gives no Imager Pixel Spacing"),
        (
            {"ImagerPixelSpacing": None, "PixelSpacing": ["0.3", "0.3"]},
            "without a calibration type is not used",
        ),
        ({"ImagerPixelSpacing": ["0.41", "0.5"]}, "differs between rows and columns"),
        (
            {
                "ImagerPixelSpacing": None,
                "PixelSpacing": ["0.3", "0.4"],
                "PixelSpacingCalibrationType": "FIDUCIAL",
            },
            "Pixel Spacing differs between rows and columns",
        ),
        ({"ImagerPixelSpacing": None, "PixelSpacingCalibrationType": "FIDUCIAL"}, "gives no"),
        ({"DistanceSourceToPatient": "1200"}, "gives no magnification"),
        ({"DistanceSourceToPatient": "0"}, "gives no magnification"),
        (
            {**NO_SCALE, "EstimatedRadiographicMagnificationFactor": "0.7"},
            "gives no magnification",
        ),
    ],
)
def test_without_a_rung_there_are_pixels_only(tmp_path, changes, words):
    loop = read_loop(edited(tmp_path, **changes))
    assert loop.calibration is None
    assert loop.mm_per_px is None
    assert said(loop, words)


@pytest.mark.parametrize("keyword", ["PixelSpacing", "ImagerPixelSpacing"])
@pytest.mark.parametrize("value", [["0", "0"], ["-1", "-1"], ["0.3", "0"]])
def test_a_spacing_that_is_no_length_is_refused(tmp_path, keyword, value):
    path = edited(tmp_path, **{keyword: value})
    with pytest.raises(UnreadableObjectError, match=f"{keyword}.*expected two lengths above 0"):
        read_loop(path)


def test_a_magnification_that_contradicts_the_distances_is_noted(tmp_path):
    loop = read_loop(edited(tmp_path, EstimatedRadiographicMagnificationFactor="1.9"))
    assert loop.calibration.basis == "iso_ermf"
    assert said(loop, "contradict each other; the stated one is used")
    loop = read_loop(edited(tmp_path, EstimatedRadiographicMagnificationFactor="0.5"))
    assert loop.calibration.basis == "iso_sid_sod"
    assert said(loop, "is none and is not used")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ImagerPixelSpacing": ["1e-300", "1e-300"]}, "Imager Pixel Spacing 1e-300 mm"),
        ({"ImagerPixelSpacing": ["1e6", "1e6"]}, "Imager Pixel Spacing 1e+06 mm"),
        ({"ImagerPixelSpacing": ["1e300", "1e300"]}, "Imager Pixel Spacing 1e+300 mm"),
        ({"EstimatedRadiographicMagnificationFactor": "1e300"}, "mm per pixel is not plausible"),
        ({"EstimatedRadiographicMagnificationFactor": "inf"}, None),
        ({"DistanceSourceToPatient": "1e-300"}, "gives no magnification"),
        ({"DistanceSourceToPatient": "5e-324"}, "gives no magnification"),
        ({"DistanceSourceToDetector": "inf"}, "Distance Source to Detector inf mm"),
        ({"DistanceSourceToDetector": "nan"}, "Distance Source to Detector nan mm"),
        ({"DistanceSourceToPatient": "-inf"}, "Distance Source to Patient -inf mm"),
        (
            {
                "ImagerPixelSpacing": None,
                "PixelSpacing": ["1e300", "1e300"],
                "PixelSpacingCalibrationType": "FIDUCIAL",
            },
            "1e+300 mm per pixel is not plausible",
        ),
    ],
)
def test_a_scale_that_no_detector_has_is_named_and_not_used(tmp_path, changes, words):
    dataset = small_object()
    for keyword, value in changes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            # as text: pydicom would not write such numbers
            setattr(dataset, keyword, "1" if isinstance(value, str) else ["1", "1"])
            dataset[keyword]._value = value  # what a device may write
    loop = read_loop(written(tmp_path, dataset))
    if words is None:
        assert loop.calibration.basis == "iso_sid_sod"
        return
    assert loop.calibration is None
    assert said(loop, words)


def test_enhanced_objects_are_calibrated_by_their_groups(tmp_path):
    dataset = small_object(kind="enhanced_xa")
    loop = read_loop(written(tmp_path, dataset))
    assert loop.calibration.basis == "iso_sid_sod"
    assert loop.calibration.mm_per_px == pytest.approx(0.287, rel=1e-6)
    assert loop.detector_mm_per_px == pytest.approx(0.41)


@pytest.mark.parametrize(
    ("spacing", "known"),
    [([0.25, 0.25], True), ([0.25, 0.4], False), ([0.0, 0.0], False)],
)
def test_the_spacing_in_the_plane_of_the_object_is_used(tmp_path, spacing, known):
    dataset = small_object(kind="enhanced_xa")
    shared = dataset.SharedFunctionalGroupsSequence[0]
    del shared.XRayGeometrySequence
    shared.ProjectionPixelCalibrationSequence = [item(ObjectPixelSpacingInCenterOfBeam=spacing)]
    loop = read_loop(written(tmp_path, dataset))
    assert (loop.calibration is not None) == known
    assert said(loop, "in the plane of the object") == known


@pytest.mark.parametrize(
    ("macro", "keyword", "values", "words"),
    [
        ("XRayGeometrySequence", "DistanceSourceToDetector", ["1000", "1100"], "changes during"),
        (
            "FramePixelDataPropertiesSequence",
            "ImagerPixelSpacing",
            [["0.41", "0.41"], ["0.2", "0.2"]],
            "changes during",
        ),
    ],
)
def test_a_scale_that_changes_during_the_run_is_no_scale(tmp_path, macro, keyword, values, words):
    dataset = small_object(kind="enhanced_xa")
    shared = dataset.SharedFunctionalGroupsSequence[0]
    common = shared[macro].value[0]
    delattr(shared, macro)
    for k, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        own = item(**{element.keyword: element.value for element in common})
        setattr(own, keyword, values[k % 2])
        setattr(group, macro, [own])
    loop = read_loop(written(tmp_path, dataset))
    assert loop.calibration is None
    assert said(loop, words)


# --- shutter and padding -----------------------------------------------------------------------


def test_without_a_shutter_the_open_field_is_unknown(tmp_path):
    assert read_loop(written(tmp_path)).open_field is None


RECTANGLE = {
    "ShutterShape": "RECTANGULAR",
    "ShutterUpperHorizontalEdge": 3,
    "ShutterLowerHorizontalEdge": 20,
    "ShutterLeftVerticalEdge": 5,
    "ShutterRightVerticalEdge": 30,
}
CIRCLE = {
    "ShutterShape": "CIRCULAR",
    "CenterOfCircularShutter": [12, 16],
    "RadiusOfCircularShutter": 9,
}
POLYGON = {
    "ShutterShape": "POLYGONAL",
    "VerticesOfThePolygonalShutter": [2, 2, 2, 31, 23, 31, 23, 2],
}


def test_a_rectangular_shutter_counts_from_one(tmp_path):
    field = read_loop(edited(tmp_path, **RECTANGLE)).open_field
    expected = np.zeros((24, 32), bool)
    expected[2:20, 4:30] = True
    assert np.array_equal(field, expected)


def test_a_circular_shutter_counts_from_one(tmp_path):
    field = read_loop(edited(tmp_path, **CIRCLE)).open_field
    row, column = np.mgrid[0:24, 0:32]
    assert np.array_equal(field, np.hypot(row - 11, column - 15) <= 9)


def test_a_polygonal_shutter_is_filled(tmp_path):
    field = read_loop(edited(tmp_path, **POLYGON)).open_field
    assert field[12, 16]
    assert not field[0].any()
    assert not field[:, 0].any()
    assert field.sum() == pytest.approx(21 * 29, rel=0.1)


def test_several_shapes_are_open_where_all_are(tmp_path):
    shapes = RECTANGLE | CIRCLE | POLYGON
    shapes["ShutterShape"] = ["RECTANGULAR", "CIRCULAR", "POLYGONAL"]
    whole = read_loop(edited(tmp_path, **shapes)).open_field
    parts = [
        read_loop(edited(tmp_path, **shape)).open_field for shape in (RECTANGLE, CIRCLE, POLYGON)
    ]
    assert np.array_equal(whole, np.logical_and.reduce(parts))


@pytest.mark.parametrize(
    "changes",
    [
        {"ShutterShape": "RECTANGULAR"},
        {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [12, 16]},
        {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [1, 1, 5, 5]},
        {"ShutterShape": "OCTAGON"},
        RECTANGLE | {"ShutterUpperHorizontalEdge": 21},
    ],
)
def test_shutters_without_sense_are_noted_and_not_used(tmp_path, changes):
    loop = read_loop(edited(tmp_path, **changes))
    assert loop.open_field is None
    assert said(loop, "it is not used")


@given(
    st.lists(
        st.tuples(st.floats(-5, 30, width=32), st.floats(-5, 40, width=32)),
        min_size=3,
        max_size=6,
    )
)
def test_a_polygon_is_the_same_from_whichever_vertex_it_is_drawn(vertices):
    drawn = tuple(vertices)
    turned = drawn[1:] + drawn[:1]
    one, other = (shutter.polygon(20, 30, points) for points in (drawn, turned))
    assert np.array_equal(one, other)


def test_pixels_that_are_padding_all_the_time_are_closed(tmp_path):
    stored = picture()
    stored[:, :4] = 0
    stored[1, 10, 10] = 0
    loop = small_loop(stored=stored)
    dataset = small_object(loop)
    read = read_loop(edited(tmp_path, dataset, PixelPaddingValue=0))
    assert not read.open_field[:4].any()
    assert read.open_field[4:].all()
    read = read_loop(edited(tmp_path, dataset, PixelPaddingRangeLimit=5000, **RECTANGLE))
    assert np.array_equal(read.open_field[3:], shutter.rectangle(24, 32, (3, 20, 5, 30))[3:])


def test_padding_is_taken_from_the_shutter(tmp_path):
    stored = picture()
    stored[:, :4] = 0
    dataset = small_object(small_loop(stored=stored))
    field = read_loop(edited(tmp_path, dataset, PixelPaddingValue=0, **RECTANGLE)).open_field
    assert not field[:4].any()
    assert np.array_equal(field[4:], shutter.rectangle(24, 32, (3, 20, 5, 30))[4:])


# --- how it was taken --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("angle", "name"),
    [("0", "AP"), ("-5", "AP"), ("90", "LAT"), ("-82", "LAT"), ("30", None), (None, None)],
)
def test_a_view_has_a_name_where_angles_alone_tell_it(tmp_path, angle, name):
    loop = read_loop(edited(tmp_path, PositionerPrimaryAngle=angle or ""))
    assert loop.view.name == name
    assert loop.view.secondary_angle_deg == -1.5


@pytest.mark.parametrize("kind", ["xa", "enhanced_xa"])
def test_a_moving_c_arm_is_noted(tmp_path, kind):
    dataset = small_object(kind=kind)
    if kind == "xa":
        dataset.PositionerMotion = "DYNAMIC"
    else:
        shared = dataset.SharedFunctionalGroupsSequence[0]
        del shared.PositionerPositionSequence
        for k, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
            group.PositionerPositionSequence = [item(PositionerPrimaryAngle=float(k))]
    loop = read_loop(written(tmp_path, dataset))
    assert said(loop, "The C-arm moved")
    if kind == "enhanced_xa":
        assert loop.view.primary_angle_deg is None


@pytest.mark.parametrize(
    ("changes", "side"),
    [
        ({"Laterality": "L"}, "left"),
        ({"Laterality": "R", "ImageLaterality": "R"}, "right"),
        ({"ImageLaterality": "B"}, "bilateral"),
        ({"Laterality": "L", "ImageLaterality": "R"}, None),
        ({"ImageLaterality": "U"}, None),
        ({"Laterality": ""}, None),
    ],
)
def test_the_side_is_only_what_the_file_says(tmp_path, changes, side):
    loop = read_loop(edited(tmp_path, **changes))
    assert loop.laterality == side
    assert said(loop, "contradicts itself") == (len({*changes.values()}) > 1)


def test_the_body_part_is_the_examined_one_or_the_coded_region(tmp_path):
    assert read_loop(written(tmp_path)).body_part == "LSPINE"
    dataset = small_object()
    region = item(CodeValue="122496007", CodingSchemeDesignator="SCT", CodeMeaning="Lumbar spine")
    loop = read_loop(
        edited(tmp_path, dataset, BodyPartExamined=None, AnatomicRegionSequence=[region])
    )
    assert loop.body_part == "Lumbar spine"
    assert (
        read_loop(written(tmp_path, small_object(kind="enhanced_xa"))).body_part == "Lumbar spine"
    )
    del dataset.AnatomicRegionSequence
    assert read_loop(written(tmp_path, dataset)).body_part is None


@pytest.mark.parametrize(
    ("syntax", "told", "lossy"),
    [
        (JPEG2000Lossless, "00", False),
        (JPEG2000Lossless, "01", True),
        (JPEG2000, "00", False),
        (JPEG2000, None, True),
    ],
)
def test_loss_is_known_from_syntax_and_header(tmp_path, syntax, told, lossy):
    dataset = small_object(transfer_syntax=JPEG2000Lossless)
    dataset.file_meta.TransferSyntaxUID = syntax
    loop = read_loop(edited(tmp_path, dataset, LossyImageCompression=told))
    assert loop.lossy == lossy
    assert said(loop, "compressed with loss") == lossy


def test_what_a_bare_file_does_not_tell_stays_unknown(tmp_path):
    dataset = small_object(
        small_loop(
            calibration=None, detector_mm_per_px=None, kvp=None, body_part=None, view=View()
        ),
        kind="xa",
    )
    loop = read_loop(written(tmp_path, dataset))
    assert (loop.calibration, loop.detector_mm_per_px, loop.kvp, loop.body_part) == (None,) * 4
    assert loop.view == View()
    assert loop.laterality is None


def test_a_header_that_cannot_be_understood_is_a_typed_error_without_its_values(tmp_path):
    path = written(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"66.6666666666667", b"Secret^Name Here"))
    assert path.read_bytes() != content
    with pytest.raises(UnreadableObjectError, match="cannot be understood") as caught:
        read_loop(path)
    assert "Secret" not in str(caught.value)


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_an_object_without_a_series_is_refused(tmp_path, keyword):
    with pytest.raises(UnreadableObjectError, match=f"no {keyword}"):
        read_loop(edited(tmp_path, **{keyword: None}))


@pytest.mark.filterwarnings("ignore:.*VR UI")
@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
@pytest.mark.parametrize("uid", ["\x1b[31m../../x", "1" * 100, "1.2..3", "1.2.x", "1.2\\1.3"])
def test_a_series_that_is_named_by_no_uid_is_refused(tmp_path, keyword, uid):
    with pytest.raises(UnreadableObjectError, match=f"a {keyword} that is not valid"):
        read_loop(edited(tmp_path, **{keyword: uid}))


@pytest.mark.filterwarnings("ignore:.*VR UI")
def test_a_study_numbered_with_leading_zeros_is_read_as_it_stands(tmp_path):
    loop = read_loop(edited(tmp_path, StudyInstanceUID="1.2.003.04"))
    assert loop.reference.study_instance_uid == "1.2.003.04"


def test_control_characters_of_a_header_reach_no_terminal(tmp_path):
    dataset = small_object()
    dataset.BodyPartExamined = "LSPINE"
    dataset["BodyPartExamined"]._value = "L\x1b[31mSPINE\x07"  # what a device may write
    assert read_loop(written(tmp_path, dataset)).body_part == "L?[31mSPINE?"


@pytest.mark.parametrize(
    "keyword",
    [
        *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"),
        *("StudyID", "AccessionNumber", "ReferringPhysicianName", "SeriesNumber", "Manufacturer"),
        *(
            "InstanceNumber",
            "Modality",
            "KVP",
            "FrameTime",
            "ImagerPixelSpacing",
            "BodyPartExamined",
        ),
    ],
)
@pytest.mark.parametrize("how", ["missing", "empty"])
def test_an_attribute_that_a_device_leaves_out_is_no_reason_to_refuse(tmp_path, keyword, how):
    dataset = small_object()
    if how == "empty":
        setattr(dataset, keyword, None)
    elif keyword in dataset:
        delattr(dataset, keyword)
    assert read_loop(written(tmp_path, dataset)).frames.every().shape == (5, 24, 32)


def test_another_sop_class_is_refused_by_its_name(tmp_path):
    dataset = small_object()
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    with pytest.raises(UnreadableObjectError, match="SOP class CT Image Storage"):
        read_loop(written(tmp_path, dataset))


def test_no_note_holds_patient_data(tmp_path):
    dataset = small_object(small_loop(8, "display", detector_mm_per_px=None))
    for path in (written(tmp_path, dataset), edited(tmp_path, PixelIntensityRelationship="X")):
        for note in read_loop(path).notes:
            assert note.endswith(".")
            assert "Phantom" not in note
            assert "PHANTOM" not in note


def test_the_scale_written_is_the_scale_of_the_tests():
    assert scale().quantitative
