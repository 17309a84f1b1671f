"""Each validator fires on a broken copy of what it has to guard: silence means something."""

from __future__ import annotations

import shutil

import pytest
import validators
from pydicom import dcmread
from validators import WAIVERS, Complaint, complaints

pytestmark = pytest.mark.validator


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A folder with one valid object of each kind, from an X-ray and from a captured source."""
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parent / "dicom"))
    from example_report import example_report, written_source

    from napari_fluoroinject.dicom.write import encode_results, write_objects

    folder = tmp_path_factory.mktemp("results")
    for kind in ("xa", "sc_word"):
        paths = written_source(kind, folder)
        write_objects(encode_results(example_report(paths), paths), folder / f"{kind}_results")
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
        ("sc_word_results/map_arrival.dcm", "dciodvfy", lambda d: d.pop("ConversionType")),
        ("sc_word_results/map_arrival.dcm", "dciodvfy", lambda d: d.pop("PresentationLUTShape")),
    ],
)
def test_a_broken_object_makes_its_validator_complain(name, tool, spoil, results, tmp_path):
    validators.need(tool)
    found = complaints(broken(results / name, tmp_path, spoil))
    assert [c for c in found if c.tool == tool and c.level == "error"]


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
