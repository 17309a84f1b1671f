"""De-identify, read back, and code: the commands do what they say, with status and streams."""

from __future__ import annotations

import json
import logging

import pydicom
import pytest
import sources
from dose_reports import dose_report, plane
from example_report import encoded, example_report, marked, written_source
from typer.testing import CliRunner

from napari_fluoroinject.cli import app
from napari_fluoroinject.dicom.site_codes import site_codes


def run(*arguments: object):
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def folder(tmp_path):
    loops = tmp_path / "Synthé FLUORO01"
    loops.mkdir()
    sources.xa().save_as(loops / "one.dcm", enforce_file_format=True)
    return loops


def test_a_folder_is_deidentified_and_no_output_or_log_names_the_patient(folder, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    out = tmp_path / "out"
    done = run("deidentify", folder, "--out", out, "--uid-map", tmp_path / "map.json")
    assert done.exit_code == 0, done.output
    assert "1 objects de-identified" in done.output
    (path,) = out.iterdir()
    new = pydicom.dcmread(path)
    assert path.name == f"{new.SOPInstanceUID}.dcm"
    for secret in ("FLUORO01", "Synth\u00e9tique", new.PatientID):
        assert secret not in done.output
        assert secret not in caplog.text


def test_text_in_the_picture_makes_status_1_unless_it_was_allowed(folder, tmp_path):
    loop = sources.secondary_capture(sources.SC_WORD, bits=12, key="burned")
    loop.BurnedInAnnotation = "YES"
    loop.save_as(folder / "two.dcm", enforce_file_format=True)
    refused = run("deidentify", folder, "--out", tmp_path / "out")
    assert refused.exit_code == 1
    assert "two.dcm" in refused.stderr
    assert "1 objects de-identified" in refused.stdout
    allowed = run("deidentify", folder, "--out", tmp_path / "o2", "--allow-burned-in")
    assert allowed.exit_code == 0
    assert "warning: two.dcm" in allowed.stderr
    loop.pop("BurnedInAnnotation")
    loop.save_as(folder / "two.dcm", enforce_file_format=True)
    doubted = run("deidentify", folder, "--out", tmp_path / "o3")
    assert doubted.exit_code == 1
    assert "written, but its picture may identify" in doubted.stderr
    assert len(list((tmp_path / "o3").iterdir())) == 2


def test_a_second_set_of_ids_is_not_mixed_into_the_folder_of_an_export(folder, tmp_path):
    secret = ("--uid-map", tmp_path / "map.json")
    for _ in range(2):
        assert run("deidentify", folder, "--out", tmp_path / "out", *secret).exit_code == 0
    mixed = run("deidentify", folder, "--out", tmp_path / "out")
    assert mixed.exit_code == 2
    assert "earlier export" in mixed.stderr
    assert len(list((tmp_path / "out").iterdir())) == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--keep-dates", "--shift-dates", "3"], "exclude each other"),
        (["--shift-dates", "0"], "moves nothing"),
        (["--patient-id", "a\\b"], "without a backslash"),
        (["--patient-id", "x" * 65], "1 to 64"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(options, told, folder, tmp_path):
    done = run("deidentify", folder, "--out", tmp_path / "out", *options)
    assert done.exit_code == 2
    assert told in " ".join(done.stderr.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


def test_a_source_that_is_not_there_is_named(tmp_path):
    done = run("deidentify", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "nowhere" in done.stderr


def test_a_dose_report_is_read_as_text_and_as_json(tmp_path):
    path = dose_report(tmp_path, "1.2.3", plane(2e-4, 0.012, 30.0))
    text = run("read", path)
    assert text.exit_code == 0, text.output
    assert "radiation dose report" in text.stdout
    assert "kap gycm2: 2" in text.stdout
    told = json.loads(run("read", path, "--json").stdout)
    assert told["kind"] == "radiation dose report"
    assert told["values"]["fluoroscopy_s"] == 30
    assert told["values"]["events"] == []


def test_what_cannot_be_read_back_is_told_with_status_1(folder):
    done = run("read", folder / "one.dcm")
    assert done.exit_code == 1
    assert "UnreadableObjectError" in repr(done.exception)


def test_the_mapping_of_codes_is_written_once_and_checked(tmp_path):
    path = tmp_path / "codes.toml"
    made = run("codes", "--mapping-template", path)
    assert made.exit_code == 0
    again = run("codes", "--mapping-template", path)
    assert again.exit_code == 2
    assert "there already" in " ".join(again.stderr.replace("│", " ").split())
    checked = run("codes", "--check", path)
    assert "valid; 0 of" in checked.stdout
    count = made.stdout.split(": ")[1].split()[0]
    assert f"0 of {count} concepts" in checked.stdout
    path.write_text(path.read_text().replace('scheme = ""', 'scheme = "SCT"', 1))
    assert run("codes", "--check", path).exit_code == 2
    assert run("codes").exit_code == 2


def test_a_report_with_a_sites_codes_is_read_with_them_and_says_so_without(tmp_path):
    paths = written_source("xa", tmp_path)
    document = encoded(marked(example_report(paths)), paths)["report"]
    mapping = tmp_path / "codes.toml"
    mapping.write_text(
        'schema = "fluoroinject-codes/1"\n'
        '[annotation]\nscheme = "LN"\ncode = "718-7"\nname = "Made up"\n'
    )
    site_codes(mapping).put_into(document)
    path = tmp_path / "report.dcm"
    document.save_as(path, enforce_file_format=True)
    told = run("read", path, "--codes", mapping, "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["values"]["annotation"]["gauge"] == 22
    without = run("read", path, "--json")
    assert without.exit_code == 0, without.output
    values = json.loads(without.stdout)["values"]
    assert values["annotation"] is None
    assert "--codes" in values["note"]
    assert values["measurements"] == json.loads(told.stdout)["values"]["measurements"]
