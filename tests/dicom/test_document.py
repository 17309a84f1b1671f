"""A PDF as an Encapsulated PDF: whole, in the study of its source, identity in the header only."""

from __future__ import annotations

import io
import subprocess

import pydicom
import pytest
import sources
from example_report import example_report, written_source
from validators import complaints, need

from napari_fluoroinject.dicom.document import ENCAPSULATED_PDF_STORAGE, encode_pdf
from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.write import encoded_bytes, sealed, write_objects
from napari_fluoroinject.errors import EncodingError

PDF = b"%PDF-1.4\n% a document of odd length\n%%EOF"
assert len(PDF) % 2


def made(kind, folder, edit=lambda header: None, content=PDF):
    datasets = sources.SOURCES[kind]()
    for dataset in datasets:
        edit(dataset)
    paths = sources.write_source(datasets, folder / kind)
    report = example_report(paths)
    return report, encode_pdf(report, identify(report, paths), content)


@pytest.mark.parametrize("kind", sources.SOURCES)
def test_the_document_comes_back_to_the_byte(kind, tmp_path):
    report, dataset = made(kind, tmp_path)
    read = pydicom.dcmread(io.BytesIO(encoded_bytes(dataset)))
    assert read.SOPClassUID == ENCAPSULATED_PDF_STORAGE
    assert read.EncapsulatedDocument[: read.EncapsulatedDocumentLength] == PDF
    assert read.MIMETypeOfEncapsulatedDocument == "application/pdf"
    assert report.procedure.name in read.DocumentTitle
    assert read.StudyInstanceUID == report.loop.reference.study_instance_uid
    reference = report.loop.reference
    assert [one.ReferencedSOPInstanceUID for one in read.SourceInstanceSequence] == list(
        reference.frame_instance_uids or (reference.sop_instance_uid,)
    )


@pytest.mark.validator
@pytest.mark.parametrize("kind", sources.SOURCES)
def test_validators_have_nothing_against_the_document_of_any_source(kind, tmp_path):
    _, dataset = made(kind, tmp_path)
    write_objects([sealed("document", dataset)], tmp_path)
    assert complaints(tmp_path / "document.dcm") == ()


@pytest.mark.validator
def test_dcmtk_takes_the_document_out_again(tmp_path):
    need("dcm2pdf")
    _, dataset = made("xa", tmp_path)
    write_objects([sealed("document", dataset)], tmp_path)
    out = tmp_path / "out.pdf"
    subprocess.run(["dcm2pdf", str(tmp_path / "document.dcm"), str(out)], check=True, timeout=60)
    assert out.read_bytes().rstrip(b"\0") == PDF


def test_who_the_patient_is_stands_in_the_header(tmp_path):
    _, dataset = made("xa", tmp_path)
    assert (str(dataset.PatientName), dataset.PatientID) == ("Synthétique^Fluoro", "FLUORO01")
    assert dataset.AcquisitionDateTime == "20260101101500.123000+0100"


@pytest.mark.parametrize(("said", "expected"), [("NO", "NO"), ("YES", "YES"), (None, "YES")])
def test_pages_that_show_pixels_say_that_these_may_name_a_patient_unless_they_do_not(
    said, expected, tmp_path
):
    def edit(header):
        header.BurnedInAnnotation = said

    _, dataset = made("xa", tmp_path, edit)
    assert dataset.BurnedInAnnotation == expected


def test_without_a_day_and_time_the_acquisition_is_empty_not_invented(tmp_path):
    def edit(header):
        for keyword in ("AcquisitionDate", "AcquisitionTime", "ContentDate", "ContentTime"):
            delattr(header, keyword)

    _, dataset = made("xa", tmp_path, edit)
    assert not dataset.AcquisitionDateTime


def test_what_is_no_pdf_is_refused(tmp_path):
    with pytest.raises(EncodingError, match="expected a PDF"):
        made("xa", tmp_path, content=b"<html>")


def test_the_same_content_gives_the_same_bytes_and_another_another_uid(tmp_path):
    first, again, other = (
        sealed("document", made("xa", tmp_path, content=content)[1])
        for content in (PDF, PDF, PDF + b"\n")
    )
    assert first.content == again.content
    assert first.dataset.SOPInstanceUID != other.dataset.SOPInstanceUID


def test_the_encoder_takes_any_source_that_the_others_take(tmp_path):
    paths = written_source("enhanced_xa", tmp_path)
    report = example_report(paths)
    dataset = encode_pdf(report, identify(report, paths), PDF)
    assert dataset.AcquisitionDateTime == "20260101101500.000000+0100"
