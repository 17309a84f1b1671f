"""`fluoroinject replay`: a recorded loop through the live maps, from file to table."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from napari_fluoroinject.cli import app
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.workflow import make_phantom_files


@pytest.fixture(scope="module", params=["uncompressed", "jpeg_ls"])
def loop_path(request, tmp_path_factory):
    settings = PhantomSettings(seed=3, size=192, frames=40, detector_mm_per_px=1.1)
    out = tmp_path_factory.mktemp("loop")
    return make_phantom_files("esi_il_lumbar", settings, out=out, packing=request.param)[0]


def run(*arguments):
    return CliRunner().invoke(app, ["replay", *map(str, arguments)])


def test_a_replay_prints_frames_and_what_they_took(loop_path):
    result = run(loop_path, "--on", "cpu", "--mask-frames", 8, "--every", 10)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert next(line.split()[0] for line in lines if line.endswith("ms")) == "1"
    for name in ("all", "decoding", "registration", "maps"):
        assert any(line.startswith(f"| {name} |") for line in lines)
    assert "40 frames, 29 in the maps" in result.output
    assert "Took longer than the time to the next frame:" in result.output


def test_a_loop_that_ends_with_the_mask_says_so(loop_path):
    result = run(loop_path, "--on", "cpu", "--mask-frames", 16)
    assert result.exit_code == 0
    assert "40 frames, 21 in the maps" in result.output


def test_a_folder_without_a_loop_is_named(tmp_path):
    result = run(tmp_path)
    assert result.exit_code != 0
    assert "0 cine loops" in str(result.exception)


def test_a_file_that_does_not_exist_is_named(tmp_path):
    result = run(tmp_path / "missing.dcm")
    assert result.exit_code != 0
    assert "no such file" in str(result.exception)


@pytest.mark.parametrize("count", ["5", "17", "x"])
def test_a_mask_that_cannot_be_is_wrong_usage(tmp_path, count):
    assert run(tmp_path, "--mask-frames", count).exit_code == 2
