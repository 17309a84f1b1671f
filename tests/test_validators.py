"""Each validator fires on a broken copy of what it has to guard: silence means something."""

from __future__ import annotations

import shutil

import pytest
import validators
from pydicom import dcmread
from validators import WAIVERS, Complaint, complaints

from napari_fluoroinject.benchmark.waivers import PARAMETRIC_MAP

pytestmark = pytest.mark.validator


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A folder with one valid object of each kind, from an X-ray and from a captured source."""
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parent / "dicom"))
    from example_report import example_report, written_source

    from napari_fluoroinject.dicom.encode import encode_results
    from napari_fluoroinject.dicom.identity import identify
    from napari_fluoroinject.dicom.mask_presentation import encode_masks
    from napari_fluoroinject.dicom.presentation import encode_presentation
    from napari_fluoroinject.dicom.write import encoded_bytes, write_objects

    folder = tmp_path_factory.mktemp("results")
    for kind in ("xa", "sc_word"):
        paths = written_source(kind, folder)
        report = example_report(paths)
        write_objects(encode_results(report, paths), folder / f"{kind}_results")
        states = (encode_presentation, encode_masks) if kind == "xa" else (encode_presentation,)
        for encode in states:
            state = encoded_bytes(encode(report, identify(report, paths)))
            (folder / f"{kind}_results" / f"{encode.__name__}.dcm").write_bytes(state)
    return folder


def broken(path, tmp_path, spoil):
    dataset = dcmread(path)
    spoil(dataset)
    spoilt = tmp_path / path.name
    dataset.save_as(spoilt)
    return spoilt


def no_group_value_type(document):
    del document.ContentSequence[-2].ContentSequence[0].ValueType


def outside_the_context_group(document):
    (procedure,) = [
        item
        for item in document.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeMeaning == "Procedure reported"
    ]
    code = procedure.ConceptCodeSequence[0]
    code.CodeValue, code.CodeMeaning = "44491008", "Fluoroscopy"


@pytest.mark.parametrize(
    ("name", "tool", "spoil"),
    [
        ("xa_results/report.dcm", "dciodvfy", lambda d: d.pop("CompletionFlag")),
        (
            "xa_results/report.dcm",
            "dciodvfy",
            lambda d: d.pop("CurrentRequestedProcedureEvidenceSequence"),
        ),
        ("xa_results/report.dcm", "dsrdump", no_group_value_type),
        ("xa_results/report.dcm", "dsr2html", no_group_value_type),
        ("xa_results/segmentation.dcm", "dciodvfy", lambda d: d.pop("SegmentSequence")),
        ("xa_results/segmentation.dcm", "dciodvfy", lambda d: d.pop("DimensionIndexSequence")),
        (
            "xa_results/segmentation.dcm",
            "dciodvfy",
            lambda d: setattr(d, "NumberOfFrames", d.NumberOfFrames + 1),
        ),
        ("xa_results/map_arrival.dcm", "dciodvfy", lambda d: d.pop("PixelIntensityRelationship")),
        ("xa_results/map_arrival.dcm", "dciodvfy", lambda d: d.pop("PositionerPrimaryAngle")),
        (
            "xa_results/map_arrival.dcm",
            "dciodvfy",
            lambda d: setattr(d, "ImageType", ["DERIVED", "SECONDARY"]),
        ),
        (
            "xa_results/encode_presentation.dcm",
            "dciodvfy",
            lambda d: d.pop("DisplayedAreaSelectionSequence"),
        ),
        (
            "xa_results/encode_presentation.dcm",
            "dciodvfy",
            lambda d: d.GraphicAnnotationSequence[0].pop("GraphicLayer"),
        ),
        (
            "xa_results/encode_presentation.dcm",
            "dcmpschk",
            lambda d: d.pop("PresentationLUTShape"),
        ),
        (
            "xa_results/encode_masks.dcm",
            "dcmpschk",
            lambda d: setattr(d["ContentLabel"], "_value", "small"),
        ),
        ("sc_word_results/map_arrival.dcm", "dciodvfy", lambda d: d.pop("ConversionType")),
        ("sc_word_results/map_arrival.dcm", "dciodvfy", lambda d: d.pop("PresentationLUTShape")),
    ],
)
def test_a_broken_object_makes_its_validator_complain(name, tool, spoil, results, tmp_path):
    validators.need(tool)
    found = complaints(broken(results / name, tmp_path, spoil))
    assert [c for c in found if c.tool == tool and c.level == "error"]


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    """One valid object of each kind that is for systems which show no other result."""
    import sys
    from dataclasses import replace
    from pathlib import Path

    import numpy as np

    sys.path.insert(0, str(Path(__file__).parent / "dicom"))
    from example_report import example_annotation, example_report, written_source

    from napari_fluoroinject.dicom.capture import encode_capture
    from napari_fluoroinject.dicom.document import encode_pdf
    from napari_fluoroinject.dicom.identity import identify
    from napari_fluoroinject.dicom.key_objects import encode_key_objects
    from napari_fluoroinject.dicom.parametric import encode_parametric_maps
    from napari_fluoroinject.dicom.procedure_log import encode_log
    from napari_fluoroinject.dicom.write import sealed, write_objects

    folder = tmp_path_factory.mktemp("documents")
    paths = written_source("xa", folder)
    report = replace(example_report(paths), annotation=example_annotation())
    identity = identify(report, paths)
    picture = np.zeros((40, 40, 3), np.uint8)
    made = {
        "capture": encode_capture(report, identity, "key_image", picture),
        "key_objects": encode_key_objects(report, identity),
        "document": encode_pdf(report, identity, b"%PDF-1.4"),
        "log": encode_log(report, identity),
        "parametric": encode_parametric_maps(report, identity, profile="viewer")[0][1],
    }
    write_objects([sealed(name, dataset) for name, dataset in made.items()], folder)
    return folder


def nested(log):
    """A heading below the root, which a Procedure Log must not have."""
    entry = log.ContentSequence[-1]
    entry.ValueType, entry.ContinuityOfContent = "CONTAINER", "SEPARATE"
    del entry.ConceptCodeSequence


def purpose_of_an_image(document):
    image = document.ContentSequence[-1]
    image.ConceptNameCodeSequence = document.ContentSequence[0].ConceptNameCodeSequence


@pytest.mark.parametrize(
    ("name", "tool", "spoil"),
    [
        ("capture.dcm", "dciodvfy", lambda d: d.pop("ConversionType")),
        ("capture.dcm", "dciodvfy", lambda d: d.pop("PlanarConfiguration")),
        (
            "key_objects.dcm",
            "dciodvfy",
            lambda d: d.pop("CurrentRequestedProcedureEvidenceSequence"),
        ),
        ("key_objects.dcm", "dsrdump", lambda d: d.ContentSequence[-1].pop("ValueType")),
        ("document.dcm", "dciodvfy", lambda d: d.pop("MIMETypeOfEncapsulatedDocument")),
        ("document.dcm", "dciodvfy", lambda d: d.pop("BurnedInAnnotation")),
        ("log.dcm", "dciodvfy", lambda d: d.pop("SynchronizationTrigger")),
        ("log.dcm", "dsrdump", nested),
        (
            "parametric.dcm",
            "dciodvfy",
            lambda d: d.SharedFunctionalGroupsSequence[0].pop("RealWorldValueMappingSequence"),
        ),
        ("parametric.dcm", "dciodvfy", lambda d: d.pop("ContentQualification")),
    ],
)
def test_a_broken_document_makes_its_validator_complain(name, tool, spoil, documents, tmp_path):
    validators.need(tool)
    assert complaints(documents / name) == ()
    found = complaints(broken(documents / name, tmp_path, spoil))
    assert [c for c in found if c.tool == tool and c.level == "error"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "spoil"), [("key_objects.dcm", purpose_of_an_image), ("log.dcm", nested)]
)
def test_pixelmed_complains_about_content_that_its_class_forbids(name, spoil, documents, tmp_path):
    path = broken(documents / name, tmp_path, spoil)
    found = complaints(path, thorough=True)
    assert [c for c in found if c.tool == "pixelmed_sr" and c.level == "error"]


def test_a_waiver_for_one_class_does_not_cover_another(results, tmp_path):
    """A viewer's segmentation without a plane must not pass as a strict map does."""
    lines = [waiver for waiver in WAIVERS if waiver.sop_class == PARAMETRIC_MAP]
    assert lines
    said = "Error - Missing attribute Type 1 Required Element=<PixelMeasuresSequence> "
    missing = Complaint(tool="dciodvfy", level="error", text=f"{said}Module=<PixelMeasuresMacro>")
    assert any(waiver.covers(missing) for waiver in lines)
    everywhere = [waiver for waiver in WAIVERS if waiver.sop_class is None]
    assert not any(waiver.covers(missing) for waiver in everywhere)


@pytest.mark.slow
def test_pixelmed_complains_about_a_code_outside_its_context_group(results, tmp_path):
    path = broken(results / "xa_results/report.dcm", tmp_path, outside_the_context_group)
    found = complaints(path, thorough=True)
    assert [c for c in found if c.tool == "pixelmed_sr" and c.level == "error"]


@pytest.mark.slow
def test_pixelmed_complains_about_a_segmentation_without_a_type(results, tmp_path):
    path = broken(
        results / "xa_results/segmentation.dcm", tmp_path, lambda d: d.pop("SegmentationType")
    )
    found = complaints(path, thorough=True)
    assert [c for c in found if c.tool == "pixelmed_instance" and c.level == "error"]


def test_dcmdump_complains_about_a_truncated_file(results, tmp_path):
    validators.need("dcmdump")
    whole = (results / "xa_results/map_arrival.dcm").read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[:-1000])
    found = validators.dcmdump(tmp_path / "cut.dcm")
    assert [c for c in found if c.level == "error"]


@pytest.mark.parametrize("waiver", WAIVERS, ids=lambda waiver: f"{waiver.tool} {waiver.why[:30]}")
def test_every_waiver_is_explained_and_covers_no_other_tool(waiver):
    assert len(waiver.why) > 10 or waiver.why == "as above"
    assert not waiver.covers(Complaint(tool="another", level="error", text=waiver.pattern))


def test_in_ci_a_missing_tool_is_a_failure_and_elsewhere_a_skip(monkeypatch):
    assert shutil.which("no-such-validator") is None
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-validator is missing"):
        validators.need("no-such-validator")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception):
        validators.need("no-such-validator")


def test_so_are_the_libraries_of_other_peoples_viewers(monkeypatch, tmp_path):
    validators.need("node")
    monkeypatch.setattr(validators, "VIEWERS", tmp_path)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"dcmjs \(npm ci"):
        validators.need_viewers()
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception):
        validators.need_viewers()
