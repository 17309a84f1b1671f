"""A sign-off stands in the report as an observer and in words, and the document stays open."""

from __future__ import annotations

from dataclasses import replace

import pydicom
import pytest
from example_report import example_report, written_source
from pydicom.filebase import DicomBytesIO
from test_sr import name_of, walk
from validators import complaints

from napari_fluoroinject.dicom.deidentify.sr_items import clean_text
from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.sr import encode_report
from napari_fluoroinject.dicom.sr_annotation import read_annotation
from napari_fluoroinject.dicom.write import encoded_bytes
from napari_fluoroinject.model.annotation import SignOff

SIGNED = SignOff(
    operator="Dr \u00c4. = Sm^th \\ x", at="20261122163000+0100", confirmed=("contrast",)
)


def encoded(tmp_path, sign_off):
    paths = written_source("xa", tmp_path)
    report = example_report(paths)
    report = replace(report, annotation=replace(report.annotation, sign_off=sign_off))
    document = encode_report(report, identify(report, paths))
    return pydicom.dcmread(DicomBytesIO(encoded_bytes(document)))


def items(document, name):
    return [one for one in walk(document) if name_of(one) == name]


def test_who_signed_is_a_person_observer_and_the_document_stays_unverified(tmp_path):
    document = encoded(tmp_path, SIGNED)
    (person,) = items(document, "Person Observer Name")
    assert str(person.PersonName) == "Dr A. Sm th / x^"
    (said,) = items(document, "Sign-off")
    assert said.TextValue.startswith("Signed off by Dr A. = Sm^th / x, 2026-11-22 16:30:00")
    assert said.TextValue.endswith("looked at: contrast.")
    assert document.VerificationFlag == "UNVERIFIED"
    assert "VerifyingObserverSequence" not in document
    assert read_annotation(document).sign_off == SIGNED


def test_without_a_sign_off_the_report_says_so_and_names_no_person(tmp_path):
    document = encoded(tmp_path, None)
    assert items(document, "Person Observer Name") == []
    assert [one.TextValue for one in items(document, "Sign-off")] == ["Not signed off."]


@pytest.mark.validator
def test_validators_accept_the_observer(tmp_path):
    path = tmp_path / "report.dcm"
    encoded(tmp_path, SIGNED).save_as(path)
    assert complaints(path) == ()


def test_the_texts_of_a_cleaned_report_name_nobody(tmp_path):
    document = encoded(tmp_path, SIGNED)
    for item in walk(document):
        clean_text(item)
    texts = [str(one.get("TextValue") or "") for one in walk(document)]
    assert not any("Sm" in text or "20261122" in text for text in texts)
    assert read_annotation(document).sign_off is None
