"""`fluoroinject subtract`: from files to subtracted loops."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from typer.testing import CliRunner

from napari_fluoroinject.cli import app
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.workflow import make_phantom_files

FRAMES = 24


@pytest.fixture(scope="module")
def loop_path(tmp_path_factory):
    settings = PhantomSettings(seed=4, size=160, frames=FRAMES)
    out = tmp_path_factory.mktemp("loop")
    return make_phantom_files("esi_il_lumbar", settings, out=out)[0]


@pytest.fixture(scope="module")
def masked_path(loop_path, tmp_path_factory):
    """The same loop, whose header names an interval, and which is another object."""
    dataset = pydicom.dcmread(loop_path)
    item = pydicom.Dataset()
    item.MaskOperation, item.TIDOffset = "TID", 2
    dataset.MaskSubtractionSequence = [item]
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    path = tmp_path_factory.mktemp("masked") / "masked.dcm"
    dataset.save_as(path)
    return path


def run(command, *arguments):
    return CliRunner().invoke(app, [command, *map(str, arguments)])


def folder_of(path, out):
    return out / pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID


def test_object_and_picture_stand_in_the_folder_of_the_loop(loop_path, tmp_path):
    result = run("subtract", loop_path, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    folder = folder_of(loop_path, tmp_path)
    assert {path.name for path in folder.iterdir()} == {"subtracted.dcm", "subtracted.png"}
    assert "found before contrast" in result.stdout
    assert str(folder / "subtracted.dcm") in result.stdout
    assert pydicom.dcmread(folder / "subtracted.dcm").NumberOfFrames == FRAMES


def test_results_of_an_analysis_of_the_same_loop_stay_and_so_does_the_subtraction(
    loop_path, tmp_path
):
    folder = folder_of(loop_path, tmp_path)
    assert run("analyze", loop_path, "--out", tmp_path).exit_code == 0
    analysed = {path.name for path in folder.iterdir()}
    assert run("subtract", loop_path, "--out", tmp_path).exit_code == 0
    both = analysed | {"subtracted.dcm", "subtracted.png"}
    assert {path.name for path in folder.iterdir()} == both
    assert run("analyze", loop_path, "--out", tmp_path).exit_code == 0
    assert {path.name for path in folder.iterdir()} == both


def test_the_headers_intervals_are_used_where_they_are_asked_for(masked_path, tmp_path):
    for options, said in (
        ((), "found before contrast); motion measured"),
        (("--mask", "header"), "TID, interval 2 (of the header); motion measured"),
        (("--as-stored",), "TID, interval 2 (of the header); motion not corrected"),
        (("--as-stored", "--mask", "found"), "found before contrast); motion not corrected"),
    ):
        result = run("subtract", masked_path, *options, "--out", tmp_path)
        assert result.exit_code == 0, result.output
        assert said in " ".join(result.stdout.split())
        written = pydicom.dcmread(folder_of(masked_path, tmp_path) / "subtracted.dcm")
        assert said in written.DerivationDescription


def test_as_stored_is_the_difference_of_the_stored_values_logarithms(masked_path, tmp_path):
    assert run("subtract", masked_path, "--as-stored", "--out", tmp_path).exit_code == 0
    written = pydicom.dcmread(folder_of(masked_path, tmp_path) / "subtracted.dcm")
    (mapping,) = written.RealWorldValueMappingSequence
    pixels = written.pixel_array.astype(float)
    ln = mapping.RealWorldValueIntercept + mapping.RealWorldValueSlope * pixels
    source = np.log(np.maximum(pydicom.dcmread(masked_path).pixel_array, 0.5))
    defined = pixels[2:] > 0
    error = np.abs(ln[2:] - (source[2:] - source[:-2]))[defined]
    assert defined.mean() > 0.5
    assert error.max() < 0.51 * mapping.RealWorldValueSlope
    assert (pixels[:2] == 0).all()


def test_what_fails_is_named_and_the_rest_is_done(loop_path, masked_path, tmp_path):
    result = run("subtract", loop_path, masked_path, "--mask", "header", "--out", tmp_path)
    assert result.exit_code == 1
    assert "names none that can be used" in result.stderr
    assert (folder_of(masked_path, tmp_path) / "subtracted.dcm").exists()
    assert not folder_of(loop_path, tmp_path).exists()


def test_a_folder_without_a_loop_and_wrong_usage_are_told(loop_path, tmp_path):
    (tmp_path / "empty").mkdir()
    nothing = run("subtract", tmp_path / "empty", "--out", tmp_path / "out")
    assert nothing.exit_code == 1
    assert "no cine loop found" in nothing.stderr
    assert run("subtract", loop_path, "--mask", "auto", "--out", tmp_path).exit_code == 2
    assert run("subtract", loop_path, "--out", "pacs://host/aet").exit_code == 2


def test_a_result_is_never_subtracted_again(loop_path, tmp_path):
    assert run("subtract", loop_path, "--out", tmp_path).exit_code == 0
    written = folder_of(loop_path, tmp_path) / "subtracted.dcm"
    again = run("subtract", written, "--out", tmp_path / "again")
    assert again.exit_code == 1
    assert "result of an analysis" in " ".join(again.stderr.split())


def test_a_place_that_cannot_be_written_to_is_wrong_usage(loop_path, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert run("subtract", loop_path, "--out", blocked).exit_code == 2
