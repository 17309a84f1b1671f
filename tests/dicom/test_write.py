"""All results of a report: same bytes every time, whole files, and validators that agree."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pydicom
import pytest
import sources
from example_report import (
    display_processed,
    encode_everything,
    encoded,
    example_report,
    uncalibrated,
    vascular_finding,
    with_events,
    written_source,
)
from validators import complaints, page

from napari_fluoroinject.dicom.encode import encode_results, omissions
from napari_fluoroinject.dicom.outputs import RESULT_FILES
from napari_fluoroinject.dicom.write import encoded_bytes, write_objects
from napari_fluoroinject.errors import EncodingError, StorageError
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.needle import NoNeedle

MAPS = ("arrival", "time_to_peak", "peak_opacity", "washout", "transit")
NAMES = [
    *("report", "segmentation", "map_arrival", "map_time_to_peak", "map_peak_opacity"),
    *("map_washout", "map_transit", "presentation", "mask_presentation"),
]
ALL = [
    *("report", "segmentation", "segmentation_fractional", "segmentation_labelmap"),
    *(f"{made}_{name}" for made in ("map", "parametric") for name in MAPS),
    *("presentation", "mask_presentation", "procedure_log", "key_image", "color_map"),
    *("document", "key_objects"),
]

VARIANTS = {
    "full": lambda report: replace(report, findings=(vascular_finding(),)),
    "uncalibrated, nothing asked": lambda report: replace(
        uncalibrated(report), annotation=Annotation()
    ),
    "display-processed": display_processed,
    "without needle and contrast": lambda report: replace(
        report,
        needle=NoNeedle(reason="No straight shaft was seen."),
        maps=None,
        measurements=None,
        procedure=replace(report.procedure, anatomic_region=None),
    ),
}


def digests(objects) -> dict[str, str]:
    return {o.name: hashlib.sha256(encoded_bytes(o.dataset)).hexdigest() for o in objects}


def test_a_report_gives_the_usual_objects_with_names_of_their_own(tmp_path):
    paths = written_source("xa", tmp_path)
    made = encode_results(example_report(paths), paths)
    assert [o.name for o in made] == NAMES
    assert len({o.dataset.SOPInstanceUID for o in made}) == len(NAMES)
    assert len({o.dataset.SeriesInstanceUID for o in made}) == 5
    assert omissions(example_report(paths)) == ()


def test_what_is_asked_for_is_written_beside_the_usual_objects(tmp_path):
    paths = written_source("xa", tmp_path)
    made = encode_everything(with_events(example_report(paths)), paths)
    assert [o.name for o in made] == ALL
    assert {f"{o.name}.dcm" for o in made} == RESULT_FILES
    assert len({o.dataset.SOPInstanceUID for o in made}) == len(ALL)
    listed = {
        str(one.ReferencedSOPInstanceUID)
        for series in made[0]
        .dataset.CurrentRequestedProcedureEvidenceSequence[0]
        .ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }
    assert listed >= {o.dataset.SOPInstanceUID for o in made[1:]}


def test_parametric_maps_of_unknown_anatomy_are_left_out_and_the_report_says_so(tmp_path):
    paths = written_source("sc_word", tmp_path)
    report = example_report(paths)
    unplaced = replace(report, procedure=replace(report.procedure, anatomic_region=None))
    made = encode_everything(unplaced, paths)
    assert not [o for o in made if o.name.startswith("parametric")]
    assert b"Parametric Maps" in made[0].content
    assert [o for o in encode_everything(report, paths) if o.name.startswith("parametric")]


def test_another_process_in_another_second_writes_the_same_bytes(tmp_path):
    paths = written_source("xa", tmp_path)
    report = replace(example_report(paths), findings=(vascular_finding(),))
    here = digests(encode_results(report, paths))
    time.sleep(1.1)
    code = (
        "import sys, hashlib; from pathlib import Path; from dataclasses import replace\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from example_report import *\n"
        "from napari_fluoroinject.dicom.encode import encode_results\n"
        "from napari_fluoroinject.dicom.write import encoded_bytes\n"
        f"paths = [Path({str(paths[0])!r})]\n"
        "report = replace(example_report(paths), findings=(vascular_finding(),))\n"
        "for o in encode_results(report, paths):\n"
        "    print(o.name, hashlib.sha256(encoded_bytes(o.dataset)).hexdigest())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert dict(line.split() for line in done.stdout.splitlines()) == here


@pytest.mark.parametrize(
    "change",
    [
        lambda r: replace(r, provenance=replace(r.provenance, version="0.1.1")),
        lambda r: replace(r, provenance=replace(r.provenance, backend="cpu")),
        lambda r: replace(r, provenance=replace(r.provenance, parameters=(("a", "b"),))),
        lambda r: replace(r, annotation=replace(r.annotation, level="L3/4")),
        lambda r: replace(r, annotation=replace(r.annotation, gauge=25)),
        lambda r: replace(r, procedure=replace(r.procedure, expected_spread="other")),
        lambda r: replace(r, run_off=replace(r.run_off, score=0.41)),
    ],
)
def test_other_version_backend_parameters_annotation_or_content_is_another_report(
    change, tmp_path
):
    paths = written_source("xa", tmp_path)
    first, second = (
        encoded(report, paths)["report"].SOPInstanceUID
        for report in (example_report(paths), change(example_report(paths)))
    )
    assert first != second


def test_two_objects_with_the_same_uid_have_the_same_bytes(tmp_path):
    paths = written_source("xa", tmp_path)
    seen: dict[str, str] = {}
    for change in (lambda r: r, *VARIANTS.values()):
        for made in encode_results(change(example_report(paths)), paths):
            digest = hashlib.sha256(encoded_bytes(made.dataset)).hexdigest()
            assert seen.setdefault(made.dataset.SOPInstanceUID, digest) == digest


@pytest.mark.parametrize("kind", sources.SOURCES)
def test_the_file_of_a_result_is_its_data_set_encoded(kind, tmp_path):
    """Most of it is encoded before the UID is known."""
    paths = written_source(kind, tmp_path)
    for made in encode_results(example_report(paths), paths):
        assert made.content == encoded_bytes(made.dataset)


def test_the_content_date_is_the_sources_unless_one_is_given(tmp_path):
    paths = written_source("xa", tmp_path)
    report = example_report(paths)
    default = encoded(report, paths)["report"]
    assert (default.ContentDate, default.ContentTime) == ("20260101", "101500.123000")
    given = encoded(report, paths, content_time=datetime(2026, 3, 4, 5, 6, 7))["report"]
    assert (given.ContentDate, given.ContentTime) == ("20260304", "050607.000000")
    assert given.SOPInstanceUID != default.SOPInstanceUID
    zone = timezone(timedelta(hours=-5))
    moved = encoded(report, paths, content_time=datetime(2026, 3, 4, 5, 6, 7, tzinfo=zone))
    assert moved["report"].ContentTime == "110607.000000"  # the source says +0100
    assert moved["report"].TimezoneOffsetFromUTC == "+0100"


def test_no_clock_and_no_random_uid_is_left_in_any_object(tmp_path):
    paths = written_source("xa", tmp_path)
    for made in encode_results(example_report(paths), paths):
        dates = [e for e in made.dataset.iterall() if e.VR in ("DA", "DT") and e.value]
        assert {str(e.value)[:8] for e in dates} <= {"20260101", "19600101"}
        for element in made.dataset.iterall():
            if element.VR == "UI" and element.VM == 1 and element.value:
                assert str(element.value).startswith(("1.2.840.10008.", "2.25."))


def test_files_are_written_whole_and_listed_as_the_summary_lists_them(tmp_path):
    paths = written_source("xa", tmp_path)
    objects = encode_results(example_report(paths), paths)
    folder = tmp_path / "out" / "deep"
    listed = write_objects(objects, folder)
    assert [o.file for o in listed] == [f"{name}.dcm" for name in NAMES]
    assert sorted(p.name for p in folder.iterdir()) == sorted(o.file for o in listed)
    for output in listed:
        read = pydicom.dcmread(folder / output.file)
        assert read.SOPInstanceUID == output.sop_instance_uid
        assert read.SOPClassUID == output.sop_class_uid
        assert read.file_meta.MediaStorageSOPInstanceUID == output.sop_instance_uid
        assert read.file_meta.ImplementationVersionName == "FLUOROINJECT"


def test_writing_again_replaces_the_files_with_the_same_bytes(tmp_path):
    paths = written_source("xa", tmp_path)
    objects = encode_results(example_report(paths), paths)
    folder = tmp_path / "out"
    before = {o.file: (folder / o.file).read_bytes() for o in write_objects(objects, folder)}
    after = {o.file: (folder / o.file).read_bytes() for o in write_objects(objects, folder)}
    assert before == after


def test_a_folder_that_cannot_be_made_is_a_storage_error_that_names_the_file(tmp_path):
    (tmp_path / "file").write_text("in the way")
    paths = written_source("xa", tmp_path)
    objects = encode_results(example_report(paths), paths)
    with pytest.raises(StorageError, match=r"report\.dcm could not be written"):
        write_objects(objects, tmp_path / "file" / "out")


def test_nothing_half_written_is_left_behind(tmp_path):
    paths = written_source("xa", tmp_path)
    objects = encode_results(example_report(paths), paths)[:1]
    (tmp_path / "out" / "report.dcm").mkdir(parents=True)
    with pytest.raises(StorageError):
        write_objects(objects, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["report.dcm"]


def test_a_value_that_cannot_be_encoded_is_an_encoding_error():
    dataset = sources.xa()
    dataset["Rows"].value = 1
    dataset["Rows"]._value = -1  # set past pydicom's own check
    with pytest.raises(EncodingError, match="X-Ray Angiographic"):
        encoded_bytes(dataset)


@pytest.mark.validator
@pytest.mark.parametrize("kind", sources.SOURCES)
def test_validators_accept_every_result_of_every_kind_of_source(kind, tmp_path):
    paths = written_source(kind, tmp_path)
    objects = encode_everything(with_events(example_report(paths)), paths)
    listed = write_objects(objects, tmp_path)
    assert [c for output in listed for c in complaints(tmp_path / output.file)] == []


@pytest.mark.validator
@pytest.mark.parametrize("profile", ["strict", "viewer"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_validators_accept_every_variant_of_a_report(variant, profile, tmp_path):
    paths = written_source("xa", tmp_path)
    report = VARIANTS[variant](example_report(paths))
    objects = encode_everything(report, paths, profile=profile)
    listed = write_objects(objects, tmp_path)
    assert [c for output in listed for c in complaints(tmp_path / output.file)] == []


@pytest.mark.validator
@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_pixelmed_accepts_the_report_by_its_template_and_the_segmentation_by_its_iod(
    variant, tmp_path
):
    paths = written_source("series" if variant == "full" else "xa", tmp_path)
    report = VARIANTS[variant](example_report(paths))
    write_objects(encode_results(report, paths)[:2], tmp_path)
    assert complaints(tmp_path / "report.dcm", thorough=True) == ()
    if variant == "full":
        assert complaints(tmp_path / "segmentation.dcm", thorough=True) == ()


@pytest.mark.validator
def test_a_source_that_knows_nothing_of_body_part_or_patient_gives_valid_results(tmp_path):
    (source,) = sources.SOURCES["xa_display"]()
    for keyword in ("AnatomicRegionSequence", "StudyID", "SpecificCharacterSet", "Manufacturer"):
        del source[keyword]
    source.PatientID = source.PatientName = source.PatientSex = source.PatientBirthDate = ""
    paths = sources.write_source([source], tmp_path / "bare")
    report = example_report(paths)
    report = replace(report, procedure=replace(report.procedure, anatomic_region=None))
    listed = write_objects(encode_results(report, paths), tmp_path)
    assert [c for output in listed for c in complaints(tmp_path / output.file)] == []
    for output in listed:
        made = pydicom.dcmread(tmp_path / output.file)
        assert (made.PatientID, str(made.PatientName)) == ("", "")


@pytest.mark.validator
def test_the_page_of_a_report_reads_as_a_person_needs_it(tmp_path):
    paths = written_source("xa", tmp_path)
    report = VARIANTS["full"](example_report(paths))
    write_objects(encode_results(report, paths)[:1], tmp_path)
    text = page(tmp_path / "report.dcm")
    for line in (
        "Length:\n12.42 mm",
        "Angle:\n129.7 Degree",
        "Tip position uncertainty (1 sigma):\n0.353 mm",
        "Possible vascular uptake:\nWarning raised, review the loop",
        "Assessable frames, count:\n11 frames",
        "Intended use:\nResearch software; not for clinical decisions.",
    ):
        assert line in text
