"""The frames that matter as a Key Object Selection: the right frames, each with its reason."""

from __future__ import annotations

import io
from dataclasses import replace

import highdicom as hd
import numpy as np
import pydicom
import pytest
import sources
from example_report import ONSET, example_report, vascular_finding, written_source
from test_wording import NEVER_OF_A_RESULT, heard
from validators import complaints, page

from napari_fluoroinject.dicom.encode import encode_results
from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.key_objects import encode_key_objects, key_frames
from napari_fluoroinject.dicom.write import encoded_bytes, sealed, write_objects
from napari_fluoroinject.model.motion import Injection
from napari_fluoroinject.model.needle import NoNeedle


def made(kind, folder, change=lambda report: report):
    paths = written_source(kind, folder)
    report = change(example_report(paths))
    identity = identify(report, paths)
    evidence = [one.dataset for one in encode_results(report, paths)]
    return report, encode_key_objects(report, identity, evidence=evidence), evidence


def alarmed(report):
    """Warned of, within the loop as long as it is."""
    last = report.loop.shape[0] - 1
    onset = min(ONSET, last) or None
    return replace(
        report,
        findings=(replace(vascular_finding(), frames=(min(5, last), min(7, last))),),
        injection=replace(report.injection, onset_frame=onset),
    )


def nothing(report):
    return replace(
        report,
        needle=NoNeedle(reason="none passed"),
        injection=Injection(mask_frames=(), onset_frame=None, onset_score=0.0),
        maps=None,
        measurements=None,
    )


def references(document, value_type="IMAGE"):
    return [
        one.ReferencedSOPSequence[0]
        for one in document.ContentSequence
        if one.ValueType == value_type
    ]


def description(document):
    (told,) = [
        one.TextValue
        for one in document.ContentSequence
        if one.ValueType == "TEXT" and one.ConceptNameCodeSequence[0].CodeValue == "113012"
    ]
    return told


def test_mask_onset_needle_peak_and_warned_frames_are_referred_to_once(tmp_path):
    report, document, _ = made("xa", tmp_path, alarmed)
    loop = report.loop.reference.sop_instance_uid
    frames = [
        [int(number) for number in np.atleast_1d(one.ReferencedFrameNumber)]
        for one in references(document)
        if one.ReferencedSOPInstanceUID == loop
    ]
    assert frames == [[6, 7, 8], [1, 2, 3], [ONSET + 1], [12]]


def test_every_frame_has_its_reason_in_words_and_every_reason_is_told(tmp_path):
    report, document, _ = made("xa", tmp_path, alarmed)
    told = description(document)
    assert "Frames 6 to 8 of 12: Warning, critical: Possible vascular uptake." in told
    assert "Frames 1 to 3 of 12: Before contrast, averaged as the mask." in told
    assert f"Frame {ONSET + 1} of 12: First frame in which contrast was seen." in told
    assert "Frame 12 of 12: Needle as reported, found by the software." in told
    assert "Frame 12 of 12: Most contrast." in told
    assert all(one.why in told for one in key_frames(report))
    assert "not for clinical decisions" in told
    assert heard([told], NEVER_OF_A_RESULT) == []


def test_frames_with_gaps_are_told_run_by_run(tmp_path):
    def gaps(report):
        masks = replace(report.injection, mask_frames=(0, 1, 3, 9))
        return replace(report, injection=masks)

    _, document, _ = made("xa", tmp_path, gaps)
    assert "Frames 1 to 2, 4, 10 of 12: Before contrast" in description(document)


@pytest.mark.parametrize("kind", sources.SOURCES)
def test_every_reference_is_to_a_frame_that_there_is_and_stands_in_the_evidence(kind, tmp_path):
    report, document, evidence = made(kind, tmp_path, alarmed)
    reference = report.loop.reference
    own = set(reference.frame_instance_uids or (reference.sop_instance_uid,))
    (listed,) = document.CurrentRequestedProcedureEvidenceSequence
    known = {
        one.ReferencedSOPInstanceUID
        for series in listed.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }
    assert known == own | {one.SOPInstanceUID for one in evidence}
    seen = []
    for one in references(document):
        assert one.ReferencedSOPInstanceUID in known
        many = report.loop.shape[0] > 1 and not reference.frame_instance_uids
        if one.ReferencedSOPInstanceUID in own:
            assert ("ReferencedFrameNumber" in one) == many
            seen.append((one.ReferencedSOPInstanceUID, str(one.get("ReferencedFrameNumber"))))
    assert seen
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("kind", ["xa", "series"])
def test_the_results_are_referred_to_images_before_documents(kind, tmp_path):
    _, document, evidence = made(kind, tmp_path)
    images = {one.ReferencedSOPInstanceUID for one in references(document)}
    others = {one.ReferencedSOPInstanceUID for one in references(document, "COMPOSITE")}
    assert {one.SOPInstanceUID for one in evidence if "Rows" in one} <= images
    assert {one.SOPInstanceUID for one in evidence if "Rows" not in one} == others
    kinds = [one.ValueType for one in document.ContentSequence]
    assert kinds == sorted(kinds, key=["CODE", "UIDREF", "TEXT", "IMAGE", "COMPOSITE"].index)


def test_an_image_has_no_purpose_because_the_template_forbids_one(tmp_path):
    _, document, _ = made("xa", tmp_path)
    images = [one for one in document.ContentSequence if one.ValueType in ("IMAGE", "COMPOSITE")]
    assert not any("ConceptNameCodeSequence" in one for one in images)


def test_where_nothing_was_measured_the_whole_loop_is_listed_and_that_is_said(tmp_path):
    report, document, _ = made("xa", tmp_path, nothing)
    loop = report.loop.reference.sop_instance_uid
    (one,) = [r for r in references(document) if r.ReferencedSOPInstanceUID == loop]
    assert list(map(int, one.ReferencedFrameNumber)) == list(range(1, 13))
    assert "Nothing was measured" in key_frames(report)[0].why


def test_highdicom_and_pydicom_read_it(tmp_path):
    _, document, _ = made("xa", tmp_path)
    read = pydicom.dcmread(io.BytesIO(encoded_bytes(document)))
    assert read.ConceptNameCodeSequence[0].CodeMeaning == "Of Interest"
    content = hd.sr.ContentSequence.from_sequence(
        [one for one in read.ContentSequence if "ConceptNameCodeSequence" in one]
    )
    assert content.find(hd.sr.CodedConcept("113012", "DCM", "Key Object Description"))


def test_the_same_report_gives_the_same_bytes(tmp_path):
    first, second = (encoded_bytes(made("xa", tmp_path)[1]) for _ in range(2))
    assert first == second


def test_the_selection_belongs_to_the_study_of_its_source(tmp_path):
    report, document, _ = made("xa", tmp_path)
    assert document.StudyInstanceUID == report.loop.reference.study_instance_uid
    assert (document.Modality, str(document.PatientName)) == ("KO", "Synthétique^Fluoro")


@pytest.mark.validator
@pytest.mark.parametrize("kind", sources.SOURCES)
def test_validators_have_nothing_against_a_selection_of_any_source(kind, tmp_path):
    _, document, _ = made(kind, tmp_path, alarmed)
    write_objects([sealed("key_objects", document)], tmp_path)
    assert complaints(tmp_path / "key_objects.dcm") == ()


@pytest.mark.validator
def test_a_person_can_read_where_to_look_and_why(tmp_path):
    _, document, _ = made("xa", tmp_path, alarmed)
    write_objects([sealed("key_objects", document)], tmp_path)
    said = page(tmp_path / "key_objects.dcm")
    assert "Of Interest" in said
    assert "Frames 6 to 8 of 12: Warning, critical" in said


@pytest.mark.validator
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["xa", "series"])
def test_pixelmed_accepts_the_selection_by_its_template(kind, tmp_path):
    _, document, _ = made(kind, tmp_path, alarmed)
    write_objects([sealed("key_objects", document)], tmp_path)
    assert complaints(tmp_path / "key_objects.dcm", thorough=True) == ()
