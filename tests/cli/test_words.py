"""Words of the command line that nothing sensible can be done with are wrong usage."""

from __future__ import annotations

import os

import pytest
from typer.testing import CliRunner

from napari_fluoroinject.cli import app


def said(*words):
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize(
    "words",
    [
        ("analyze", "", "--out", "x"),
        ("analyze", "loop.dcm", "--out", ""),
        ("analyze", "loop.dcm", "--out=", "--procedure", "generic"),
        ("analyze", "loop.dcm", "--out", "x", "--procedure", " "),
        ("procedures", ""),
        ("phantom", "esi_il_lumbar", "--out", ""),
    ],
)
def test_an_empty_word_is_wrong_usage_and_nothing_is_obeyed(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, told = said(*words)
    assert status == 2
    assert "seen an empty word" in told
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("needle", ["1_0,2,80,80", "\u0661,2,80,80", "1,2,80,80," + "9" * 5000])
def test_only_plain_numbers_are_numbers(needle):
    status, told = said("analyze", "loop.dcm", "--out", "x", "--needle", needle)
    assert status == 2
    assert "is not R,C,R,C" in told


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of POSIX")
def test_a_pipe_is_no_file_of_marks(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    status, told = said("analyze", "loop.dcm", "--out", "x", "--annotation", str(pipe))
    assert status == 2
    assert "no plain file" in told


@pytest.mark.parametrize(
    "sigmas",
    [
        ("--angle-sigma", "inf", "--isocentre-sigma", "1"),
        ("--angle-sigma", "nan", "--isocentre-sigma", "1"),
        ("--angle-sigma", "1", "--isocentre-sigma", "1", "--mark-sigma", "1e300"),
    ],
)
def test_errors_of_a_pose_are_finite(sigmas, tmp_path):
    file = tmp_path / "a.json"
    file.write_text("{}")
    marks = ("--annotation", str(file)) * 2
    status, told = said("triangulate", "a.dcm", "b.dcm", *marks, *sigmas)
    assert status == 2
    assert "-sigma" in told
