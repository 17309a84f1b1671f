"""`fluoroinject read` of segmentations, presentation states and logs."""

from __future__ import annotations

import json

import pytest
from example_report import encode_everything, example_report, with_events, written_source
from typer.testing import CliRunner

from napari_fluoroinject.cli import app
from napari_fluoroinject.dicom.segments import segments_of
from napari_fluoroinject.dicom.write import write_objects


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    paths = written_source("xa", folder / "source")
    report = with_events(example_report(paths))
    write_objects(encode_everything(report, paths), folder)
    return report, paths[0], folder


def read(*arguments):
    return CliRunner().invoke(app, ["read", *map(str, arguments), "--json"])


@pytest.mark.parametrize("name", ["segmentation", "segmentation_fractional"])
def test_segments_are_told_with_their_frames_and_pixels(written, name):
    report, _, folder = written
    done = read(folder / f"{name}.dcm")
    assert done.exit_code == 0, done.output
    contrast = json.loads(done.stdout)["values"]["segments"][0]
    drawn = segments_of(report)[0]
    assert contrast["frames"] == [k for k in drawn.frames if drawn.draw(k).any()]
    assert contrast["pixels"] == [int(drawn.draw(k).sum()) for k in contrast["frames"]]


def test_marks_and_masks_come_back_from_presentation_states(written):
    report, loop, folder = written
    done = read(folder / "presentation.dcm", "--loop", loop)
    told = json.loads(done.stdout)["values"]
    assert told["annotation"]["target_px"] == list(report.annotation.target_px)
    assert {one["layer"] for one in told["shapes"]} >= {"NEEDLE", "TARGET", "SPREAD"}
    done = read(folder / "mask_presentation.dcm", "--loop", loop)
    (mask,) = json.loads(done.stdout)["values"]["masks"]
    assert mask["mask_frames"] == list(report.injection.mask_frames)


def test_a_presentation_state_without_its_loop_says_what_to_give(written):
    _, _, folder = written
    done = read(folder / "presentation.dcm")
    assert done.exit_code == 1
    assert "--loop" in str(done.exception)


def test_events_come_back_from_a_log(written):
    report, _, folder = written
    told = json.loads(read(folder / "procedure_log.dcm").stdout)["values"]
    assert [(one["kind"], one["time_s"]) for one in told["events"]] == [
        (event.kind, event.time_s) for event in report.annotation.events
    ]
