"""`fluoroinject checklist` shows what to ask, and what headers tell of it."""

from __future__ import annotations

import pydicom
import pytest
from typer.testing import CliRunner

from napari_fluoroinject import workflow
from napari_fluoroinject.cli import app
from napari_fluoroinject.phantom import PhantomSettings


def run(*arguments: str):
    return CliRunner().invoke(app, ["checklist", *arguments])


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    settings = PhantomSettings(seed=4, size=128, frames=16)
    folder = tmp_path_factory.mktemp("loop")
    return workflow.make_phantom_files("esi_il_lumbar", settings, out=folder)[0]


def test_the_checklist_of_a_procedure_has_its_reminders_with_their_evidence():
    told = run("esi_il_lumbar")
    assert told.exit_code == 0
    for part in (
        "Checklist: Lumbar interlaminar epidural",
        "no: reminders to be checked; they block nothing",
        "bleeding risk class intermediate [M]",
        "risk of encephalopathy and death [S: CONTRADV21]",
        "Days between sessions, at least: 7 d [S: EVICORE]",
    ):
        assert part in words(told.stdout)
    assert "Recorded in the headers" not in told.stdout


def test_without_a_procedure_only_what_holds_for_every_one_is_shown():
    told = run()
    assert told.exit_code == 0
    assert "Hypersensitivity" in told.stdout
    assert "Days between" not in told.stdout


def test_an_unknown_procedure_is_wrong_usage():
    told = run("no_such")
    assert told.exit_code == 2
    assert "no_such" in told.stderr


def test_what_headers_do_not_record_is_unknown_and_never_absent(loop):
    told = run("esi_il_lumbar", "--loop", str(loop))
    assert "allergies unknown pregnancy unknown" in words(told.stdout)


def test_what_headers_record_is_shown_without_what_a_terminal_obeys(loop, tmp_path):
    dataset = pydicom.dcmread(loop)
    dataset.Allergies = ["iodine", "latex\x1b[2J"]
    dataset.PregnancyStatus = 1
    dataset.save_as(tmp_path / "loop.dcm")
    told = run("--loop", str(tmp_path))
    assert "allergies iodine, latex" in words(told.stdout)
    assert "pregnancy not pregnant" in words(told.stdout)
    assert "\x1b" not in told.stdout


def test_headers_that_cannot_be_read_are_told(tmp_path):
    told = run("--loop", str(tmp_path / "gone"))
    assert told.exit_code == 1
    assert "gone" in str(told.exception)
