"""`fluoroinject audit` shows the trail, and tells when it was changed."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from napari_fluoroinject.cli import app
from napari_fluoroinject.spool.audit import Trail


def run(*words: str):
    return CliRunner().invoke(app, ["audit", *words])


@pytest.fixture
def spool(tmp_path):
    times = iter((0.0, 86_400.0, 172_800.0))
    with Trail(tmp_path / "audit", now_s=lambda: next(times)) as trail:
        trail.note("started", version="0.1.0")
        trail.note("received", sop_instance_uid="1.2.3", caller="CARM")
        trail.note("stopped")
    return tmp_path


def test_every_line_is_shown_in_order(spool):
    lines = run("--spool", str(spool)).stdout.splitlines()
    assert [line.split("  ")[1] for line in lines] == ["started", "received", "stopped"]
    assert lines[1].endswith("caller=CARM  sop_instance_uid=1.2.3")


def test_json_is_one_document_and_since_leaves_out_what_was_before(spool):
    told = json.loads(run("--spool", str(spool), "--since", "1970-01-02T00:00Z", "--json").stdout)
    assert [one["event"] for one in told] == ["received", "stopped"]
    assert told[0]["facts"] == {"caller": "CARM", "sop_instance_uid": "1.2.3"}


def test_a_whole_trail_is_verified_and_a_changed_one_is_an_error(spool):
    done = run("--spool", str(spool), "--verify", "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert (told["lines"], told["broken_at"]) == (3, None)
    assert run("--spool", str(spool), "--verify", "--reached", told["last_hash"]).exit_code == 0
    (path,) = (spool / "audit").glob("*.jsonl")
    path.write_text(path.read_text().replace("CARM", "MRAC"))
    done = run("--spool", str(spool), "--verify")
    assert done.exit_code == 1
    assert "broken at 000000000001.jsonl line 2" in done.stderr
    assert run("--spool", str(spool)).exit_code == 1


def test_lines_cut_off_at_the_end_show_against_a_hash_noted_before(spool):
    last = json.loads(run("--spool", str(spool), "--verify", "--json").stdout)["last_hash"]
    (path,) = (spool / "audit").glob("*.jsonl")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    assert run("--spool", str(spool), "--verify").exit_code == 0
    assert run("--spool", str(spool), "--verify", "--reached", last).exit_code == 1


@pytest.mark.parametrize("words", [["--since", "yesterday"], ["--reached", "0"]])
def test_what_cannot_be_asked_is_wrong_usage(spool, words):
    assert run("--spool", str(spool), *words).exit_code == 2


def test_a_folder_without_a_trail_is_wrong_usage(tmp_path):
    assert run("--spool", str(tmp_path)).exit_code == 2
