"""`fluoroinject check` tells faults, one line each, and ends with the status that it says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_fluoroinject.cli import app

sys.path.insert(0, str(Path(__file__).parents[1] / "dicom"))
import checkable


def check(*arguments):
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


@pytest.fixture
def loop(tmp_path):
    return checkable.written(checkable.source(), tmp_path / "loop", "source")


def test_an_object_without_fault_ends_with_status_0(loop, tmp_path):
    path = checkable.written(checkable.labelmap(), tmp_path)
    told = check(path, "--source", loop)
    assert told.exit_code == 0
    assert told.stdout.splitlines() == [
        f"{path}: Label Map Segmentation: no fault",
        "1 files checked, 0 with faults, 0 faults",
    ]


def test_each_fault_is_a_line_with_rule_place_and_section(loop, tmp_path):
    made = checkable.angio_state()
    made.MaskSubtractionSequence[0].MaskFrameNumbers = [1, 99]
    told = check(checkable.written(made, tmp_path), "--source", loop.parent)
    assert told.exit_code == 1
    assert told.stdout.splitlines()[1] == (
        "  error: mask.frames at MaskSubtractionSequence[0].MaskFrameNumbers: seen 99; "
        "expected frames 1 to 12 (PS3.3 C.7.6.10)"
    )


def test_json_has_every_fault(loop, tmp_path):
    made = checkable.binary()
    made.PatientID = "OTHER"
    told = check(checkable.written(made, tmp_path), "--source", loop, "--json")
    assert told.exit_code == 1
    document = json.loads(told.stdout)
    assert document["faults"] == 1
    (fault,) = document["files"][0]["faults"]
    assert (fault["rule"], fault["where"]) == ("identity.patient", "PatientID")
    assert set(fault) == {"rule", "severity", "where", "seen", "expected", "section"}


def test_faults_of_one_rule_are_counted_after_the_fifth(loop, tmp_path):
    made = checkable.binary()
    for group in made.PerFrameFunctionalGroupsSequence:
        del group.DerivationImageSequence
    told = check(checkable.written(made, tmp_path), "--source", loop)
    assert told.stdout.count("error: group.missing") == 5
    assert "and 3 more by group.missing" in told.stdout


def test_an_unknown_class_is_never_passed_in_silence(loop, tmp_path):
    told = check(loop.parent / "source.dcm")
    assert told.exit_code == 1  # it has private attributes
    made = checkable.key_objects()
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    told = check(checkable.written(made, tmp_path), "--source", loop)
    assert told.exit_code == 1
    assert "Basic Text SR Storage, which this checker does not know" in told.stdout


def test_a_file_that_cannot_be_read_ends_with_status_1(tmp_path):
    path = tmp_path / "notes.dcm"
    path.write_text("no DICOM")
    told = check(path)
    assert told.exit_code == 1
    assert "file.readable at the file" in told.stdout


def test_a_folder_without_dicom_ends_with_status_1(tmp_path):
    told = check(tmp_path)
    assert told.exit_code == 1
    assert "no DICOM object found" in told.stdout


def test_a_path_that_is_not_there_is_wrong_usage(tmp_path):
    assert check(tmp_path / "nothing").exit_code == 2
    assert check(tmp_path, "--source", tmp_path / "nothing").exit_code == 2


def test_a_source_that_cannot_be_read_is_told(loop, tmp_path):
    path = checkable.written(checkable.binary(), tmp_path)
    other = tmp_path / "other.dcm"
    other.write_text("no DICOM")
    told = check(path, "--source", loop, "--source", other)
    assert told.exit_code == 1
    assert f"{other}: not read" in told.stdout
