"""What a person said goes into the report, is shown there, and comes back exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydicom
import pytest
import sources
import validators
from annotation_strategies import annotations
from example_report import (
    encoded,
    example_annotation,
    example_report,
    marked,
    uncalibrated,
    written_source,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.filebase import DicomBytesIO
from test_sr import PROBE, group, groups, name_of, numbers, said, shape, walk

from napari_fluoroinject.dicom.annotation_file import annotation_from
from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.patient import patient as patient_of
from napari_fluoroinject.dicom.sr import encode_report
from napari_fluoroinject.dicom.sr_annotation import (
    REPORT_CLASSES,
    read_annotation,
    source_instances,
)
from napari_fluoroinject.dicom.write import encoded_bytes
from napari_fluoroinject.errors import AnnotationError, EncodingError
from napari_fluoroinject.model.annotation import Annotation, Mark, annotation_text
from napari_fluoroinject.model.needle import NoNeedle

VILL = "ventral_interlaminar_line"


def reread(document):
    """The same report as another program reads it from its file."""
    return pydicom.dcmread(DicomBytesIO(encoded_bytes(document)))


def written(document, folder, name="report.dcm"):
    path = folder / name
    path.write_bytes(encoded_bytes(document))
    return path


def text_item(document, heading):
    (found,) = [i for i in walk(document) if name_of(i) == heading]
    return found


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    paths = written_source("xa", tmp_path_factory.mktemp("sr"))
    report = marked(example_report(paths))
    return report, identify(report, paths)


@pytest.fixture
def document(example):
    return encode_report(*example)


places = st.floats(-0.5, 63.5)
known_and_own = st.sampled_from([VILL, "facet_joint", "end_plates", "sites_own", "entry"])


@given(
    annotation=annotations(coordinates=places, frames=12)
    | annotations(coordinates=places, frames=12, landmarks=known_and_own)
)
@settings(max_examples=40, deadline=None)
def test_an_annotation_comes_back_from_its_report_exactly(example, annotation):
    report, identity = example
    report = replace(report, annotation=annotation, measured=())
    assert read_annotation(reread(encode_report(report, identity))) == annotation


@pytest.mark.parametrize("kind", sources.SOURCES)
def test_it_comes_back_from_the_report_on_every_kind_of_source(kind, tmp_path):
    paths = written_source(kind, tmp_path)
    report = marked(example_report(paths))
    path = written(encoded(report, paths)["report"], tmp_path)
    assert annotation_from(path, loops=[report.loop.reference]) == example_annotation()


@pytest.mark.parametrize("characters", ["ISO_IR 13", ["", "ISO 2022 IR 87"], "GB18030", ""])
def test_it_comes_back_whatever_the_character_set_of_the_source(example, characters):
    document = encode_report(*example)
    document.SpecificCharacterSet = characters
    document.PatientName = "A"
    assert read_annotation(reread(document)) == example_annotation()


def test_nothing_said_comes_back_as_nothing(example):
    report, identity = example
    bare = replace(report, annotation=Annotation())
    assert read_annotation(encode_report(bare, identity)) == Annotation()


def test_every_mark_is_shown_on_the_last_mask_frame_in_that_frames_own_geometry(example, document):
    report, _ = example
    frame = report.injection.mask_frames[-1]
    moved = report.motion.shift_px[frame]
    marks = {mark.landmark: mark for mark in report.annotation.marks}
    for finding, landmark in (
        ("Landmark", "entry"),
        ("Upper end plates, from head to feet", "end_plates"),
    ):
        points, number, _ = shape(group_marked(document, finding))
        np.testing.assert_allclose(points, marks[landmark].points_px + moved, atol=1e-5)
        assert number == frame + 1
    points, _, _ = shape(group(document, "Far side of a line", PROBE))
    np.testing.assert_allclose(points, [marks[VILL].beyond_px + moved], atol=1e-5)


def group_marked(document, finding):
    """The group of that finding that a person marked; measures of it are groups, too."""
    (found,) = [
        g
        for g in groups(document)
        if "Points marked" in numbers(g)
        and any(
            name_of(i) == "Finding" and i.ConceptCodeSequence[0].CodeMeaning == finding
            for i in g.ContentSequence
        )
    ]
    return found


def test_a_turned_frame_shows_the_marks_turned(example):
    report, identity = example
    turned = replace(report.motion, angle_rad=np.full(12, 0.02))
    document = encode_report(replace(report, motion=turned), identity)
    points, _, _ = shape(group_marked(document, "Facet joint"))
    expected = turned.all_in_frame(np.array(report.annotation.marks[-1].points_px), 2)
    np.testing.assert_allclose(points[:-1], expected, atol=1e-5)
    assert read_annotation(reread(document)) == report.annotation


def test_a_point_is_a_point_a_line_is_open_and_an_area_is_closed(document):
    kinds = {}
    for finding in ("Landmark", "Ventral interlaminar line", "Facet joint"):
        (scoord, *_) = [
            i for i in walk(group_marked(document, finding)) if i.ValueType == "SCOORD"
        ]
        kinds[finding] = (scoord.GraphicType, len(scoord.GraphicData) // 2)
        if finding == "Facet joint":
            assert scoord.GraphicData[:2] == scoord.GraphicData[-2:]
    assert kinds == {
        "Landmark": ("POINT", 1),
        "Ventral interlaminar line": ("POLYLINE", 2),
        "Facet joint": ("POLYLINE", 4),
    }


def test_the_needle_is_shown_as_it_was_marked_on_the_frame_it_was_marked_on(document):
    needle = example_annotation().needle
    points, frame, _ = shape(group(document, "Needle as marked by a person"))
    np.testing.assert_allclose(points, [needle.hub_px, needle.tip_px], atol=1e-5)
    assert frame == needle.frame + 1


def test_what_a_person_marked_names_no_algorithm_and_a_landmark_without_code_its_name(document):
    own = group_marked(document, "Landmark")
    assert "Algorithm Name" not in {name_of(i) for i in own.ContentSequence}
    assert own.ContentSequence[-1].TextValue == "Eintritt der Nadel, uber"
    far = group(document, "Far side of a line", PROBE)
    assert far.ContentSequence[-1].ConceptCodeSequence[0].CodeMeaning == (
        "Ventral interlaminar line"
    )


def test_a_line_has_its_length_and_an_area_its_area_before_the_count_of_points(example):
    """Viewers take the first number for that of the shape, whatever its name."""
    report, identity = example
    vill = example_annotation().marks[1]
    (top, left), (bottom, right) = vill.points_px
    length_px = np.hypot(bottom - top, right - left)
    for mm, unit, square in ((report.loop.mm_per_px, "mm", "mm2"), (1.0, "{pixels}", "{pixels}")):
        document = encode_report(report, identity)
        shown = numbers(group_marked(document, "Ventral interlaminar line"))
        assert list(shown) == ["Length", "Points marked"]
        assert shown["Length"] == (pytest.approx(length_px * mm, rel=5e-4), unit)
        shown = numbers(group_marked(document, "Facet joint"))
        assert list(shown) == ["Area", "Points marked"]
        assert shown["Area"] == (pytest.approx(24.985 * mm**2, rel=5e-4), square)
        shown = numbers(group(document, "Needle as marked by a person"))
        assert list(shown) == ["Length", "Points marked"]
        report = uncalibrated(report)
    for finding in ("Landmark", "Upper end plates, from head to feet"):
        assert list(numbers(group_marked(document, finding))) == ["Points marked"]


def test_a_target_is_shown_where_no_distance_is_known(example):
    report, identity = example
    document = encode_report(replace(report, needle=NoNeedle(reason="none")), identity)
    assert numbers(group(document, "Target")) == {"Points marked": (1.0, "{points}")}


def test_everything_that_was_stated_stands_in_words(document):
    texts = said(document)
    assert texts["View as stated"] == "CLO"
    assert texts["Needle as stated"] == "22 G, 88.9 mm from hub to tip"
    assert texts["C-arm angles as stated"].startswith("Primary -44.7 degrees")
    assert texts["Contrast agent as stated"].endswith("240 mg of iodine per mL, 0.3 mL")
    assert texts["Events as stated"] == (
        "aspiration -12.5 s; contrast 0.267 s; medication 65 s; from the first frame's time."
    )
    assert texts["Mask frames as asked for"] == "found in the picture"
    assert texts["Marked by a person"] == (
        "the needle, hub and tip; the target; Eintritt der Nadel, uber (1 point); ventral "
        "interlaminar line (VILL) (2 points, with its far side); upper end plates, from head to "
        "feet (3 points, the first at L3); facet joint (3 points)"
    )


def test_a_measure_has_unit_uncertainty_view_and_landmark(document):
    (taken,) = [
        g for g in groups(document) if g.ContentSequence[0].TextValue.startswith("tip_to_line")
    ]
    assert g_finding(taken) == "Ventral interlaminar line"
    assert numbers(taken) == {
        "Distance of the tip from a line, positive beyond it": (-2.345, "mm"),
        "Uncertainty (1 sigma)": (0.41, "mm"),
    }
    answers = [i for i in taken.ContentSequence if name_of(i) == "View of the measure"]
    assert answers[0].ConceptCodeSequence[0].CodeMeaning == "Contralateral oblique view"


def g_finding(item):
    (finding,) = [i for i in item.ContentSequence if name_of(i) == "Finding"]
    return finding.ConceptCodeSequence[0].CodeMeaning


def test_a_measure_without_landmark_view_or_uncertainty_has_none(document):
    (taken,) = [g for g in groups(document) if g.ContentSequence[0].TextValue == "compactness"]
    assert g_finding(taken) == "Measure of the procedure"
    assert numbers(taken) == {"Compactness of the spread": (0.61, "1")}
    assert "View of the measure" not in {name_of(i) for i in taken.ContentSequence}


def test_measures_that_are_alike_are_tracked_apart(example):
    report, identity = example
    twice = replace(report, measured=report.measured[:1] * 2)
    tracked = [
        i.UID
        for i in walk(encode_report(twice, identity))
        if name_of(i) == "Tracking Unique Identifier"
    ]
    assert len(set(tracked)) == len(tracked)


def test_an_expected_pattern_is_coded_with_its_score_and_told_in_words(document):
    answers = {}
    for g in groups(document):
        told = {
            name_of(i): i.ConceptCodeSequence[0].CodeMeaning
            for i in g.ContentSequence
            if i.ValueType == "CODE"
        }
        if "Expected pattern" in told:
            answers[told["Finding"]] = (told["Expected pattern"], numbers(g))
    assert answers == {
        "Epidural spread, interlaminar": (
            "Its features are shown",
            {"Expected pattern score": (pytest.approx(1.117), "{ratio}")},
        ),
        "Facet arthrogram": (
            "Not all its features are shown",
            {"Expected pattern score": (pytest.approx(0.4), "{ratio}")},
        ),
        "Expected pattern": ("Not judged", {}),
    }
    assert said(document)["Expected pattern"] == (
        "The CLO view shows: 38 +- 4 % (the pattern takes 30 % at least). | It falls short. | "
        "It was not judged: it was not marked."
    )


def test_a_view_of_the_sites_own_is_named(example):
    report, identity = example
    odd = replace(report.measured[0], view="Schräg")
    document = encode_report(replace(report, measured=(odd,)), identity)
    assert text_item(document, "View of the measure").TextValue == "Schrag"


def test_what_could_not_be_measured_is_said_with_its_reason_once(document):
    assert said(document)["Not measured"] == (
        "midline crossing (midline); side asymmetry (midline): the midline was not marked. | "
        "front speed in view CLO: the result is not a finite number."
    )


@pytest.mark.parametrize("which", [0, -1])
def test_a_shape_that_was_moved_is_told_whichever_number_it_belongs_to(which, document):
    shapes = [i for i in walk(group_marked(document, "Facet joint")) if i.ValueType == "SCOORD"]
    scoord = shapes[which]
    scoord.GraphicData = [scoord.GraphicData[0] + 1e-4, *list(scoord.GraphicData)[1:]]
    with pytest.raises(AnnotationError, match="marked shape 7 are not those"):
        read_annotation(document)


def test_a_shape_that_was_taken_out_is_told(document):
    (numbered,) = [
        i
        for i in walk(group_marked(document, "Facet joint"))
        if i.ValueType == "NUM" and name_of(i) == "Points marked"
    ]
    del numbered.ContentSequence
    with pytest.raises(AnnotationError, match="seen 6 marked shapes; expected 7"):
        read_annotation(document)


def test_a_shape_with_fewer_points_is_told(document):
    (scoord, *_) = [
        i for i in walk(group_marked(document, "Facet joint")) if i.ValueType == "SCOORD"
    ]
    scoord.GraphicData = list(scoord.GraphicData)[:4]
    with pytest.raises(AnnotationError, match="marked shape 7"):
        read_annotation(document)


def test_numbers_that_were_changed_are_told(document):
    exact = text_item(document, "Annotation, exact (JSON)")
    exact.TextValue = exact.TextValue.replace("26.1", "26.2")
    with pytest.raises(AnnotationError, match="marked shape 2 are not those"):
        read_annotation(document)


@pytest.mark.parametrize(
    ("heading", "text", "told"),
    [
        ("Annotation, exact (JSON)", '{"gauge": "thick"}', "gauge: seen 'thick'"),
        ("Annotation, exact (JSON)", "{", "not valid JSON"),
        ("Annotation, exact (JSON)", "", "not valid JSON"),
        ("Frame that shows the marks (JSON)", "{}", "frame, matrix"),
        ("Frame that shows the marks (JSON)", "[", "Frame that shows the marks"),
    ],
)
def test_text_that_is_no_annotation_is_told(document, heading, text, told):
    text_item(document, heading).TextValue = text
    with pytest.raises(AnnotationError, match=f"r.dcm: .*{told}"):
        read_annotation(document, name="r.dcm")


def test_a_report_without_an_annotation_and_another_object_are_refused(document):
    bare = pydicom.Dataset()
    bare.SOPClassUID = document.SOPClassUID
    with pytest.raises(AnnotationError, match="0 items 'Annotation, exact"):
        read_annotation(bare)
    bare.SOPClassUID = pydicom.uid.CTImageStorage
    with pytest.raises(AnnotationError, match="class CT Image Storage; expected a Comprehensive"):
        read_annotation(bare)
    with pytest.raises(AnnotationError, match="class none"):
        read_annotation(pydicom.Dataset())


def test_an_annotation_with_a_number_that_is_none_cannot_be_written(example):
    report, identity = example
    broken = Annotation(target_px=(float("nan"), 1.0))
    with pytest.raises(EncodingError, match="not finite"):
        encode_report(replace(report, annotation=broken), identity)


def test_numbers_of_numpy_are_written_as_what_they_are(example):
    report, identity = example
    mark = Mark(landmark=VILL, points_px=((np.float32(1.1), np.int64(3)),))
    document = encode_report(
        replace(report, annotation=Annotation(gauge=np.int64(22), marks=(mark,))), identity
    )
    back = read_annotation(reread(document))
    assert back.gauge == 22
    assert back.marks[0].points_px == ((float(np.float32(1.1)), 3.0),)


@pytest.mark.parametrize("kind", ["xa", "series", "xa_single"])
def test_a_report_names_the_instances_of_its_loop(kind, tmp_path):
    paths = written_source(kind, tmp_path)
    document = encoded(example_report(paths), paths)["report"]
    assert source_instances(document) == {pydicom.dcmread(p).SOPInstanceUID for p in paths}


def test_a_report_on_another_loop_is_refused(example, tmp_path):
    report, identity = example
    path = written(encode_report(report, identity), tmp_path)
    other = replace(report.loop.reference, sop_instance_uid="1.2.3")
    with pytest.raises(AnnotationError, match=r"report\.dcm: seen a report on the loop .*1\.2\.3"):
        annotation_from(path, loops=[report.loop.reference, other])
    frames = replace(other, frame_instance_uids=("1.2.3", "1.2.4"))
    with pytest.raises(AnnotationError, match="and 1 more instances"):
        annotation_from(path, loops=[frames])


@pytest.mark.parametrize(
    ("keyword", "value", "said"),
    [
        ("StudyInstanceUID", "1.2.3", r"another study, 1\.2\.3"),
        ("PatientID", "SECRET", "another patient .the ID differs, not shown"),
        ("PatientName", "SECRET^S", "another patient .the name differs"),
        ("PatientBirthDate", "19010203", "another patient .the date of birth differs"),
    ],
)
def test_marks_of_another_study_or_patient_are_refused_whatever_loop_they_name(
    example, tmp_path, keyword, value, said
):
    document = encode_report(*example)
    patient = patient_of(document)
    loops = [example[0].loop.reference]
    path = written(document, tmp_path)
    assert annotation_from(path, loops=loops, patient=patient) == example_annotation()
    setattr(document, keyword, value)
    path = written(document, tmp_path)
    with pytest.raises(AnnotationError, match=said) as refused:
        annotation_from(path, loops=loops, patient=patient)
    assert "SECRET" not in str(refused.value)


def test_a_report_that_names_no_patient_speaks_of_nobody_else(example, tmp_path):
    document = encode_report(*example)
    patient = patient_of(document)
    document.PatientID = document.PatientName = document.PatientBirthDate = ""
    path = written(document, tmp_path)
    loops = [example[0].loop.reference]
    assert annotation_from(path, loops=loops, patient=patient) == example_annotation()


def test_a_file_is_told_by_what_it_begins_with(tmp_path):
    path = tmp_path / "marks.dcm"
    path.write_text(annotation_text(example_annotation()), encoding="utf-8")
    assert annotation_from(path) == example_annotation()
    source = written_source("xa", tmp_path)[0]
    with pytest.raises(AnnotationError, match="class X-Ray Angiographic Image Storage"):
        annotation_from(source)
    with pytest.raises(AnnotationError, match=r"gone\.json cannot be read"):
        annotation_from(tmp_path / "gone.json")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(AnnotationError, match=r"marks\.dcm cannot be read.*or a report"):
        annotation_from(path)


@pytest.mark.parametrize("kept", [140, 400, 3000, 6001])
def test_a_report_that_is_cut_off_or_damaged_is_refused(example, tmp_path, kept):
    path = written(encode_report(*example), tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(AnnotationError, match=r"report\.dcm: "):
        annotation_from(path)


@pytest.mark.validator
@pytest.mark.slow
@pytest.mark.parametrize("sr_class", REPORT_CLASSES)
def test_no_validator_complains_about_a_report_with_every_kind_of_mark(
    sr_class, example, tmp_path
):
    path = written(encode_report(*example, sr_class=sr_class), tmp_path)
    assert validators.complaints(path, thorough=True) == ()


@pytest.mark.parametrize("sr_class", REPORT_CLASSES)
def test_an_annotation_comes_back_from_either_class_of_report(sr_class, example, tmp_path):
    document = encode_report(*example, sr_class=sr_class)
    assert document.SOPClassUID == REPORT_CLASSES[sr_class]
    path = written(document, tmp_path)
    assert annotation_from(path, loops=[example[0].loop.reference]) == example_annotation()


@pytest.mark.validator
def test_a_person_who_reads_the_page_finds_measures_marks_and_what_is_missing(example, tmp_path):
    text = validators.page(written(encode_report(*example), tmp_path))
    for line in (
        "Distance of the tip from a line, positive beyond it:\n-2.345 mm",
        "Uncertainty (1 sigma):\n0.41 mm",
        "Needle as marked by a person",
        "Not measured:\nmidline crossing (midline)",
        "Annotation, exact (JSON):",
    ):
        assert line in text
