"""From a loop to results, and the whole way from C-arm to archive, by command."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pytest
from typer.testing import CliRunner

from napari_fluoroinject.cli import app
from napari_fluoroinject.cli import demo as _demo_command  # noqa: F401 - loads the module below

if TYPE_CHECKING:
    from click.testing import Result

DEMO = sys.modules["napari_fluoroinject.cli.demo"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loop")
    options = ("--size", "160", "--frames", "30")
    result = run("phantom", "mbb_lumbar", *options, "--out", str(folder))
    return Path(result.stdout.split()[0])


def test_analyze_does_all_that_can_be_done_and_names_the_rest(loop, tmp_path):
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(loop.read_bytes()[:2000])
    out = tmp_path / "out"
    result = run("analyze", str(broken), str(loop), "--level", "L4", "--out", str(out))
    assert result.exit_code == 1
    assert "broken.dcm" in result.stderr
    (folder,) = out.iterdir()
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["procedure"] == "generic"
    assert summary["level"] == "L4"
    assert "Measured" in result.stdout
    blocks, index = result.stdout.split("All sources")
    assert f"{loop}: " in " ".join(blocks.split())
    assert index.split() == [
        *(str(loop), "warnings:"),
        *index.split()[2:-3],
        *(str(folder), "broken.dcm", "failed"),
    ]


def test_the_headers_mask_is_used_where_it_is_asked_for(loop, tmp_path):
    dataset = pydicom.dcmread(loop)
    mask = pydicom.Dataset()
    mask.MaskOperation, mask.MaskFrameNumbers, mask.MaskSubPixelShift = "AVG_SUB", [3, 4], [0, 0.5]
    dataset.MaskSubtractionSequence = [mask]
    masked = tmp_path / "masked.dcm"
    dataset.save_as(masked)
    for wish, used in (
        ((), "found"),
        (("--mask", "auto"), "found"),
        (("--mask", "header"), "header"),
    ):
        out = tmp_path / "out"
        assert run("analyze", str(masked), *wish, "--out", str(out)).exit_code == 0
        summary = json.loads((out / dataset.SOPInstanceUID / "summary.json").read_text())
        assert summary["parameters"]["mask"] == used
        assert (summary["mask_frames"] == [2, 3]) == (used == "header")
    by_report = pydicom.dcmread(out / dataset.SOPInstanceUID / "map_arrival.dcm")
    purposes = {
        item.PurposeOfReferenceCodeSequence[0].CodeValue: item.get("ReferencedFrameNumber")
        for item in by_report.SourceImageSequence
    }
    assert list(purposes["121321"]) == [3, 4]


def test_the_mask_frames_that_are_named_are_used_and_no_others(loop, tmp_path):
    uid = pydicom.dcmread(loop).SOPInstanceUID
    out = tmp_path / "out"
    assert run("analyze", str(loop), "--mask-frames", "0,2-3", "--out", str(out)).exit_code == 0
    summary = json.loads((out / uid / "summary.json").read_text())
    assert summary["parameters"]["mask"] == "given"
    assert summary["mask_frames"] == [0, 2, 3]
    marks = tmp_path / "marks.json"
    marks.write_text('{"mask_frames": [1, 2]}')
    by_file = ("analyze", str(loop), "--annotation", str(marks), "--out", str(out))
    assert run(*by_file).exit_code == 0
    assert json.loads((out / uid / "summary.json").read_text())["mask_frames"] == [1, 2]
    assert run(*by_file, "--mask", "auto").exit_code == 0
    assert json.loads((out / uid / "summary.json").read_text())["parameters"]["mask"] == "found"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--mask-frames", "3-1"), "rising, each once"),
        (("--mask-frames", "1,1"), "rising, each once"),
        (("--mask-frames", "first"), "are no frames"),
        (("--mask-frames", "0-9999999999"), "are no frames"),
        (("--mask-frames", "0-5000"), "but the loop has frames 0 to"),
        (("--mask-frames", "0-3", "--mask", "header"), "expected one or the other"),
    ],
)
def test_mask_frames_that_cannot_be_used_are_wrong_usage(words, told, loop, tmp_path):
    result = run("analyze", str(loop), *words, "--out", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.replace("│", " ").split())


def test_a_mask_that_is_asked_for_and_not_there_is_told(loop, tmp_path):
    result = run("analyze", str(loop), "--mask", "header", "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "the file names none that can be used" in result.stderr
    assert run("analyze", str(loop), "--mask", "first", "--out", str(tmp_path)).exit_code == 2


def test_marks_of_one_picture_are_never_put_on_another(loop, tmp_path):
    dataset = pydicom.dcmread(loop)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset.save_as(tmp_path / "second.dcm")
    out = tmp_path / "out"
    both = ("analyze", str(loop), str(tmp_path / "second.dcm"), "--out", str(out))
    for marks in (("--needle", "150,80,80,80"), ("--target", "80,90")):
        result = run(*both, *marks)
        assert result.exit_code == 2
        told = " ".join(result.stderr.replace("│", " ").split())
        assert f"for 2 loops ({loop.name}, second.dcm)" in told
        assert not out.exists()


def test_level_and_side_of_one_patient_are_never_put_on_another(loop, tmp_path):
    dataset = pydicom.dcmread(loop)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset.StudyInstanceUID = "1.2.4"
    dataset.save_as(tmp_path / "second.dcm")
    both = ("analyze", str(loop), str(tmp_path / "second.dcm"), "--out", str(tmp_path / "out"))
    for said in (("--level", "L4"), ("--side", "left")):
        result = run(*both, *said)
        assert result.exit_code == 2
        assert "for 2 studies" in result.stderr
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("stop", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_a_stopped_run_says_what_was_done_and_leaves_nothing_half(loop, tmp_path, stop, status):
    out = tmp_path / "out"
    command = (
        sys.executable,
        "-m",
        "napari_fluoroinject",
        "analyze",
        str(loop),
        "--out",
        str(out),
    )
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert loop.name in running.stderr.readline()
        running.send_signal(stop)
        told = running.communicate()[1]
    assert running.returncode == status
    assert told.splitlines()[-1] == "stopped; 0 of 1 loops done"
    assert list(out.iterdir()) == []


def test_results_of_another_procedure_are_not_replaced_without_a_word(loop, tmp_path):
    results = tmp_path / pydicom.dcmread(loop, stop_before_pixels=True).SOPInstanceUID
    results.mkdir()
    (results / "summary.json").write_text('{"procedure": "mbb_lumbar"}')
    told = run("analyze", str(loop), "--out", str(tmp_path)).stdout
    assert "These replaced earlier results, of procedure mbb_lumbar." in told


def test_a_target_outside_the_picture_is_told(loop, tmp_path):
    result = run("analyze", str(loop), "--target", "500,1", "--out", str(tmp_path / "out"))
    assert result.exit_code == 2
    told = " ".join(result.stderr.replace("│", " ").split())
    assert "outside the picture; expected rows 0 to 159" in told


def test_what_a_person_marked_and_a_site_set_up_reaches_the_summary(loop, tmp_path):
    config = tmp_path / "site.toml"
    config.write_text(
        f'[endpoints.share]\nurl = "{loop.parent.as_posix()}"\n'
        '[defaults]\nprocedure = "mbb_lumbar"\n'
    )
    marks = ("--needle", "150,80,80,80", "--target", "80,90", "--gauge", "22", "--side", "left")
    out = tmp_path / "out"
    result = run("analyze", "share", *marks, "--config", str(config), "--out", str(out))
    assert result.exit_code == 0, result.output
    (path,) = out.glob("*/summary.json")
    summary = json.loads(path.read_text())
    assert summary["procedure"] == "mbb_lumbar"
    assert summary["side"] == "left"
    assert summary["needle"]["source"] == "given"
    assert summary["target"]["target_px"] == [80.0, 90.0]


@pytest.mark.network
def test_the_demo_goes_from_c_arm_to_archive_and_can_be_repeated(tmp_path, monkeypatch):
    monkeypatch.setattr(DEMO, "SIZE", 160)
    monkeypatch.setattr(DEMO, "FRAMES", 30)
    for _ in range(2):
        result = run("demo", "--out", str(tmp_path))
        assert result.exit_code == 0, result.output
    text = result.stdout
    for part in (
        "Synthetic loop, no patient",
        "expected warnings",
        "CARM sent the loop to FLUOROINJECT",
        "kept by ARCHIVE",
        "C-FIND series SR",
        "C-FIND series SEG",
        "not a clearance",
    ):
        assert part in text
    (results,) = (tmp_path / "results").iterdir()
    summary = json.loads((results / "summary.json").read_text())
    kept = list((tmp_path / "archive" / "objects").rglob("*.dcm"))
    assert len(kept) == 1 + len(summary["outputs"])
    assert (results / "overview.png").is_file()


@pytest.mark.slow
@pytest.mark.network
def test_the_demo_as_it_is_takes_less_than_a_minute_of_two_cores(tmp_path):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "napari_fluoroinject", "demo", "--out", str(tmp_path)],
        check=True,
        capture_output=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # processor time, so that what else runs on the machine does not count
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 60.0
