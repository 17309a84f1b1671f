"""A loop and its results, de-identified together: valid, the same pixels, one patient."""

from __future__ import annotations

import re

import numpy as np
import pydicom
import pytest
import sources
import validators
from example_report import encode_results, example_report, marked, written_source

from napari_fluoroinject.dicom.annotation_file import annotation_from
from napari_fluoroinject.dicom.deidentify.clean import Rules
from napari_fluoroinject.dicom.deidentify.dates import DatePolicy
from napari_fluoroinject.dicom.deidentify.export import export
from napari_fluoroinject.dicom.deidentify.pseudonyms import Pseudonyms
from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.dicom.sr_annotation import REPORT_CLASSES
from napari_fluoroinject.dicom.write import write_objects

PSEUDONYMS = Pseudonyms(secret=b"k" * 32)
NO_DATES = re.compile(
    "Warning - Missing attribute or value that would be needed to build DICOMDIR - "
    "(Study|Content) (Date|Time)"
)
"""Said of objects whose dates were removed, as the profile asks."""


@pytest.fixture(scope="module", params=sorted(sources.SOURCES))
def study(request, tmp_path_factory):
    """A loop and its results, before and after; both by what they are."""
    folder = tmp_path_factory.mktemp(request.param)
    paths = written_source(request.param, folder / "in")
    report = marked(example_report(paths))
    write_objects(encode_results(report, paths), folder / "in" / "results")
    done = export(
        [folder / "in"], Rules(pseudonyms=PSEUDONYMS, dates=DatePolicy()), out=folder / "out"
    )
    assert (done.failures, done.doubts) == ((), ())
    after = {path.stem: pydicom.dcmread(path) for path in done.written}
    before = {}
    for path in sorted((folder / "in").rglob("*.dcm")):
        dataset = pydicom.dcmread(path)
        before[str(dataset.SOPInstanceUID)] = (path, dataset)
    return folder, report, before, after


def test_every_object_is_there_under_its_new_uid_with_the_same_pixels(study):
    folder, _, before, after = study
    assert set(after) == {PSEUDONYMS.uid(uid) for uid in before}
    assert sorted(path.name for path in (folder / "out").iterdir()) == sorted(
        f"{uid}.dcm" for uid in after
    )
    for uid, (_, old) in before.items():
        new = after[PSEUDONYMS.uid(uid)]
        assert new.get("PixelData") == old.get("PixelData")
        assert new.file_meta.TransferSyntaxUID == old.file_meta.TransferSyntaxUID
        assert new.file_meta.MediaStorageSOPInstanceUID == new.SOPInstanceUID
        assert new.SOPClassUID == old.SOPClassUID


def test_every_object_says_what_was_done(study):
    for new in study[3].values():
        assert new.PatientIdentityRemoved == "YES"
        assert new.LongitudinalTemporalInformationModified == "REMOVED"
        said = [one.CodeValue for one in new.DeidentificationMethodCodeSequence]
        assert said[0] == "113100"
        assert ("113104" in said) == (new.Modality == "SR")


def test_one_patient_stays_one_and_references_still_hold(study):
    _, _, _, after = study
    assert len({(new.PatientID, str(new.PatientName)) for new in after.values()}) == 1
    assert len({new.StudyInstanceUID for new in after.values()}) == 1
    referenced = {
        str(element.value)
        for new in after.values()
        for element in new.iterall()
        if element.keyword == "ReferencedSOPInstanceUID"
    }
    unknown = referenced - set(after) - {PSEUDONYMS.uid(sources.uid("other plane"))}
    assert unknown == set()
    report = next(new for new in after.values() if new.Modality == "SR")
    (evidence,) = report.CurrentRequestedProcedureEvidenceSequence
    assert evidence.StudyInstanceUID == report.StudyInstanceUID
    series = {one.SeriesInstanceUID for one in evidence.ReferencedSeriesSequence}
    assert series <= {new.SeriesInstanceUID for new in after.values()}


def test_the_loop_is_read_as_before_but_for_its_names(study):
    folder, report, before, after = study
    wanted = report.loop.reference.frame_instance_uids or (report.loop.reference.sop_instance_uid,)
    old = read_loop(*(before[uid][0] for uid in wanted))
    new = read_loop(*(folder / "out" / f"{PSEUDONYMS.uid(uid)}.dcm" for uid in wanted))
    np.testing.assert_array_equal(new.frames.every(), old.frames.every())
    if old.times_s is not None and len(wanted) == 1:
        np.testing.assert_allclose(new.times_s, old.times_s, atol=1e-6)
    assert new.calibration == old.calibration
    assert after


def test_marks_of_a_person_come_back_but_not_their_words(study):
    folder, report, _, after = study
    (path,) = (
        folder / "out" / f"{uid}.dcm"
        for uid, one in after.items()
        if one.SOPClassUID in REPORT_CLASSES.values()
    )
    annotation = annotation_from(path)
    given_marks = report.annotation
    assert annotation.needle == given_marks.needle
    assert annotation.target_px == given_marks.target_px
    assert [one.points_px for one in annotation.marks] == [
        one.points_px for one in given_marks.marks
    ]
    assert annotation.level == given_marks.level
    assert annotation.agent is not None
    assert annotation.agent.name is None
    assert annotation.agent.iodine_mg_ml == given_marks.agent.iodine_mg_ml
    assert b"sites_own" not in path.read_bytes()
    assert given_marks.sign_off is not None
    assert annotation.sign_off is None
    assert b"Operator" not in path.read_bytes()


@pytest.mark.validator
def test_outside_validators_complain_of_no_more_than_missing_dates(study):
    folder, _, before, _ = study
    kinds = {(one.SOPClassUID, str(one.get("ImageType"))): one for _, one in before.values()}
    for uid in (str(one.SOPInstanceUID) for one in kinds.values()):
        old, _ = before[uid]
        path = folder / "out" / f"{PSEUDONYMS.uid(uid)}.dcm"
        told = [one.text for one in validators.complaints(path)]
        added = {one for one in told if not NO_DATES.fullmatch(one)}
        if added:
            assert added <= {one.text for one in validators.complaints(old)}
