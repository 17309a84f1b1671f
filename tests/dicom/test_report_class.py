"""The measurement report as Comprehensive 3D SR, which some archives and profiles ask for."""

from __future__ import annotations

import highdicom as hd
import pytest
import sources
from example_report import example_report, marked, written_source
from pydicom import dcmread
from validators import complaints, dciodvfy, pixelmed_sr

from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.sr import encode_report
from napari_fluoroinject.dicom.write import encoded_bytes


def written(kind, folder):
    paths = written_source(kind, folder)
    report = marked(example_report(paths))
    document = encode_report(report, identify(report, paths), sr_class="comprehensive3d")
    path = folder / "report.dcm"
    path.write_bytes(encoded_bytes(document))
    return path


@pytest.mark.validator
@pytest.mark.parametrize("kind", sources.SOURCES)
def test_validators_accept_it_for_every_kind_of_source_and_highdicom_reads_it(kind, tmp_path):
    path = written(kind, tmp_path)
    assert complaints(path) == ()
    read = hd.sr.srread(path)
    assert isinstance(read, hd.sr.Comprehensive3DSR)
    shown = [g.tracking_identifier for g in read.content.get_image_measurement_groups()]
    assert shown[0] == "assessment"
    assert "Cornerstone3DTools@^0.1.0:Length" in shown


@pytest.mark.validator
def test_dciodvfy_knows_the_class_and_misses_what_is_missing(tmp_path):
    path = written("xa", tmp_path)
    document = dcmread(path)
    del document.CompletionFlag
    document.save_as(path)
    assert any("CompletionFlag" in one.text for one in dciodvfy(path) if one.level == "error")


@pytest.mark.validator
@pytest.mark.slow
def test_pixelmed_checks_the_template_in_this_class_too(tmp_path):
    path = written("xa", tmp_path)
    document = dcmread(path)
    (procedure,) = [
        item
        for item in document.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeMeaning == "Procedure reported"
    ]
    procedure.ConceptCodeSequence[0].CodeValue = "44491008"
    procedure.ConceptCodeSequence[0].CodeMeaning = "Fluoroscopy"
    document.save_as(path)
    assert any(one.level == "error" for one in pixelmed_sr(path))
