"""`fluoroinject subtract`: from files to subtracted loops."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from typer.testing import CliRunner

from napari_fluoroinject.cli import app
from napari_fluoroinject.dicom.identity import identify_loop
from napari_fluoroinject.dicom.mask_presentation import encode_subtraction_masks
from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.dicom.write import encoded_bytes
from napari_fluoroinject.model.masks import HeaderMask
from napari_fluoroinject.model.report import Provenance
from napari_fluoroinject.model.subtracted import SubtractedLoop
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
    assert {path.name for path in folder.iterdir()} == {
        "subtracted.dcm",
        "subtracted_masks.dcm",
        "subtracted.png",
    }
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
    both = analysed | {"subtracted.dcm", "subtracted_masks.dcm", "subtracted.png"}
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


def test_the_mask_frames_that_are_named_are_subtracted(masked_path, tmp_path):
    for options, said in (
        ((), "mean of frames 2-3 (chosen by a person); motion measured"),
        (("--as-stored",), "mean of frames 2-3 (chosen by a person); motion not corrected"),
    ):
        words = ("--mask-frames", "1-2", *options, "--out", tmp_path)
        result = run("subtract", masked_path, *words)
        assert result.exit_code == 0, result.output
        assert said in " ".join(result.stdout.split())
    both = run("subtract", masked_path, "--mask-frames", "1", "--mask", "found", "--out", tmp_path)
    assert both.exit_code == 2
    beyond = run("subtract", masked_path, "--mask-frames", "9000", "--out", tmp_path)
    assert beyond.exit_code == 1
    assert "mask frame 9000 was chosen" in " ".join(beyond.output.split())


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


@pytest.fixture(scope="module")
def presentation_path(loop_path, tmp_path_factory):
    """A presentation state of the loop: two ranges, and a shift of whole pixels in one of them."""
    loop = read_loop(loop_path)
    mask = HeaderMask(
        operation="AVG_SUB",
        mask_frames=(1, 2),
        frame_ranges=((6, 11), (14, 20)),
        frame_shifts_px=tuple((frame, (2.0, -3.0)) for frame in range(14, 21)),
    )
    made = SubtractedLoop(
        loop=loop,
        stored=np.zeros(loop.shape, np.uint16),
        subtracted=np.ones(FRAMES, bool),
        masks=(mask,),
        mask_source="header",
        motion=None,
        onset_frame=None,
        window_ln=0.3,
        provenance=Provenance(
            software="s", version="1", backend="reference", device="d", backend_version="2"
        ),
    )
    identity = identify_loop(loop, [loop_path], provenance=made.provenance, made_by=())
    path = tmp_path_factory.mktemp("states") / "masks.dcm"
    path.write_bytes(encoded_bytes(encode_subtraction_masks(made, identity)))
    return path


def test_a_loop_is_subtracted_as_its_presentation_state_says(
    loop_path, presentation_path, tmp_path
):
    result = run("subtract", loop_path, "--presentation", presentation_path, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    said = "mean of frames 2-3 from frames 7-12, 15-21 (of the presentation state); motion not"
    assert said in " ".join(result.stdout.split())
    written = pydicom.dcmread(folder_of(loop_path, tmp_path) / "subtracted.dcm")
    assert "shifts of the presentation state applied" in written.DerivationDescription
    assert f"presentation={pydicom.dcmread(presentation_path).SOPInstanceUID}" in str(
        written.ImageComments
    )
    pixels = written.pixel_array.astype(float)
    shown = np.isin(np.arange(FRAMES), [*range(6, 12), *range(14, 21)])
    assert not pixels[~shown].any()
    source = np.log(np.maximum(pydicom.dcmread(loop_path).pixel_array, 0.5))
    mask = source[1:3].mean(axis=0)
    moved = np.roll(mask, (2, -3), axis=(0, 1))  # down, and to the left
    (mapping,) = written.RealWorldValueMappingSequence
    ln = mapping.RealWorldValueIntercept + mapping.RealWorldValueSlope * pixels
    for frame, taken_off in ((8, mask), (17, moved)):
        inside = (pixels[frame] > 0)[8:-8, 8:-8]
        error = (ln[frame] - (source[frame] - taken_off))[8:-8, 8:-8][inside]
        assert inside.mean() > 0.3
        assert np.abs(error).max() < 1e-3


def test_a_presentation_state_of_another_loop_or_beside_other_masks_is_refused(
    loop_path, masked_path, presentation_path, tmp_path
):
    given = ("--presentation", presentation_path, "--out", tmp_path)
    result = run("subtract", masked_path, *given)
    assert result.exit_code == 1
    assert "it is used on no other" in " ".join(result.stderr.split())
    result = run("subtract", loop_path, "--mask", "found", *given)
    assert result.exit_code == 2
    result = run("subtract", loop_path, "--presentation", loop_path, "--out", tmp_path)
    assert result.exit_code == 1
    assert "presentation state" in result.stderr
    state = pydicom.dcmread(presentation_path)
    state.MaskSubtractionSequence[0].MaskOperation = "EVIL"
    state.save_as(tmp_path / "evil.dcm")
    options = ("--presentation", tmp_path / "evil.dcm", "--out", tmp_path)
    result = run("subtract", loop_path, *options)
    assert result.exit_code == 1
    assert "no mask that can be subtracted" in " ".join(result.stderr.split())


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
