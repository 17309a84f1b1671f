"""The commands do what the contract says, with its exit status and its streams."""

from __future__ import annotations

import json
import platform
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import typer
from typer.testing import CliRunner

from napari_fluoroinject.cli import app, main
from napari_fluoroinject.cli.analyze import parse_needle, parse_point
from napari_fluoroinject.cli.console import finish, progress
from napari_fluoroinject.cli.phantom import Kind
from napari_fluoroinject.dicom import cine_object
from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.procedures import every
from napari_fluoroinject.procedures.page import spoken


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


def test_help_comes_in_half_a_second():
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "napari_fluoroinject", "--help"],
            check=True,
            capture_output=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        # processor time, so that what else runs on the machine does not count
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 0.5


def test_every_command_of_this_version_is_there_and_has_help():
    listed = run("--help").stdout
    for command in ("demo", "analyze", "phantom", "procedures", "doctor"):
        assert command in listed
        assert run(command, "--help").exit_code == 0


def test_the_version_is_printed():
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout.strip() == "0.1.0"


def test_procedures_are_listed():
    result = run("procedures")
    assert result.exit_code == 0
    for procedure in every():
        assert procedure.key in result.stdout


def test_procedures_as_json_are_one_document():
    listed = json.loads(run("procedures", "--json").stdout)
    assert [one["key"] for one in listed] == [one.key for one in every()]
    one = json.loads(run("procedures", "mbb_lumbar", "--json").stdout)
    assert one["key"] == "mbb_lumbar"


@pytest.mark.parametrize("key", [procedure.key for procedure in every()])
def test_a_procedure_in_full_cites_every_source_and_grade(key):
    result = run("procedures", key)
    (procedure,) = [one for one in every() if one.key == key]
    assert result.exit_code == 0
    page = " ".join(result.stdout.split())
    for source in procedure.sources:
        assert source.citation in page
    for warning in procedure.warnings:
        assert spoken(warning.id) in page
    assert ("reviewed by a clinician no" in page) != procedure.clinician_signed_off


@pytest.mark.parametrize(
    "arguments",
    [
        ("procedures", "nothing"),
        ("analyze", "--out", "x"),
        ("analyze", "a.dcm"),
        ("analyze", "a.dcm", "--out", "x", "--procedure", "nothing"),
        ("analyze", "a.dcm", "--out", "x", "--needle", "1,2,3"),
        ("analyze", "a.dcm", "--out", "x", "--target", "one,two"),
        ("analyze", "a.dcm", "--out", "x", "--side", "up"),
        ("analyze", "a.dcm", "--out", "x", "--on", "abacus"),
        ("analyze", "a.dcm", "--out", "x", "--needle", "1,2,3,4,first"),
        ("analyze", "a.dcm", "--out", "x", "--needle", "1,2,3,4,-1"),
        ("analyze", "a.dcm", "--out", "x", "--gauge", "11"),
        ("analyze", "a.dcm", "--out", "x", "--level", "banana"),
        ("analyze", "a.dcm", "--out", "x", "--level", "C5-C6", "--procedure", "mbb_lumbar"),
        ("analyze", "a.dcm", "--out", "pacs://A:B@localhost:104"),
        ("analyze", "a.dcm", "--out", "x", "--annotation", "absent.json"),
        ("analyze", "a.dcm", "--out", "x", "--config", "absent.toml"),
        ("phantom", "nothing", "--out", "x"),
        ("phantom", "esi_il_lumbar", "--twin", "nothing", "--out", "x"),
        ("phantom", "esi_il_lumbar", "--size", "3", "--out", "x"),
        ("phantom", "esi_il_lumbar", "--kind", "nothing", "--out", "x"),
        ("dance",),
    ],
)
def test_wrong_usage_leaves_with_2_and_says_why_on_stderr(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Error" in result.stderr
    assert not (tmp_path / "x").exists()


def test_every_kind_of_object_can_be_asked_for():
    assert set(get_args(Kind)) == set(get_args(cine_object.Kind))


def test_a_phantom_comes_with_its_truth(tmp_path):
    options = ("--seed", "3", "--size", "96", "--frames", "12", "--kind", "sc_word")
    result = run("phantom", "mbb_lumbar", *options, "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    loop, truth, arrays, _ = result.stdout.split()
    assert read_loop(loop).shape == (12, 96, 96)
    assert json.loads(Path(truth).read_text())["seed"] == 3
    assert Path(arrays).name == "truth.npz"


def test_points_are_row_and_column_and_a_needle_is_hub_then_tip():
    assert parse_point("10.5,-3") == (10.5, -3.0)
    needle = parse_needle("1,2,3,4")
    assert needle is not None
    assert (needle.hub_px, needle.tip_px, needle.frame) == ((1.0, 2.0), (3.0, 4.0), 0)
    later = parse_needle("1,2,3,4,24")
    assert later is not None
    assert later.frame == 24


@pytest.mark.parametrize("text", ["1", "1,2,3", "a,b", "nan,1", "1,inf", ""])
def test_what_is_no_point_is_refused(text):
    with pytest.raises(typer.BadParameter, match="R,C"):
        parse_point(text)


def test_a_source_that_cannot_be_read_is_named_and_leaves_with_1(tmp_path):
    (tmp_path / "note.dcm").write_text("no DICOM")
    result = run(
        "analyze",
        str(tmp_path / "note.dcm"),
        str(tmp_path / "absent"),
        "--out",
        str(tmp_path / "o"),
    )
    assert result.exit_code == 1
    assert "note.dcm" in result.stderr
    assert "absent" in result.stderr
    assert result.stdout == ""


def test_a_name_never_gives_orders_to_the_terminal_nor_breaks_the_line(tmp_path):
    name = "a\x1b[31m\u202eb\nfailed: x.dcm"
    (tmp_path / name).write_text("no DICOM")
    result = run("analyze", str(tmp_path / name), "--out", str(tmp_path / "o"))
    (line,) = result.stderr.splitlines()
    assert line.startswith("failed: a?[31m?b?failed: x.dcm: cannot be read")


def test_the_bar_takes_a_name_as_it_is(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress() as tell:
        tell("[/]loop[red].dcm\x1b[31m: reading", 0.5)
    assert "[/]loop[red].dcm?[31m" in capsys.readouterr().err


def test_of_many_failures_of_one_kind_the_first_are_named_and_the_rest_counted(capsys):
    alike = [(f"{n}.dcm", f"{n}.dcm: cannot be read") for n in range(1000)]
    with pytest.raises(typer.Exit):
        finish([*alike, ("other.dcm", "the disk is full")])
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "failed: 0.dcm: cannot be read"
    assert told[20:] == [
        "failed: other.dcm: the disk is full",
        "failed: 980 more in the same way: cannot be read",
    ]


def test_of_failures_of_very_many_kinds_the_first_are_named_and_the_rest_counted(capsys):
    with pytest.raises(typer.Exit):
        finish((f"line {n}", f"seen 'links{n}'") for n in range(50_000))
    told = capsys.readouterr().err.splitlines()
    assert (len(told), told[-1]) == (201, "failed: 49800 more in other ways")


def test_results_that_cannot_be_written_there_are_wrong_usage_before_any_work(tmp_path):
    options = ("--size", "96", "--frames", "12", "--out", str(tmp_path))
    loop = run("phantom", "mbb_lumbar", *options).stdout.split()[0]
    (tmp_path / "taken").write_text("a file")
    result = run("analyze", loop, "--out", str(tmp_path / "taken"))
    assert result.exit_code == 2
    assert "results cannot be written there" in " ".join(result.stderr.replace("│", "").split())


def test_a_node_that_does_not_answer_is_a_failed_source(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    result = run("analyze", f"pacs://A:B@127.0.0.1:{port}", "--out", str(tmp_path / "o"))
    assert result.exit_code == 1
    assert "nobody answers" in " ".join(result.stderr.split())
    assert not [*(tmp_path / "o").rglob("*")]


def test_the_usage_names_sources_once():
    usage = run("analyze", "--help").stdout
    (line,) = [line for line in usage.splitlines() if "Usage:" in line]
    assert "SOURCE" in line
    assert line.count("...") <= 1


def test_a_sites_own_procedures_are_listed_and_written_as_pages(tmp_path):
    own = tmp_path / "ours"
    own.mkdir()
    fields = 'name = "Ours"\nregion = "lumbar"\nclinician_signed_off = true\n'
    fields += 'key = "ours"\nconcept = ["ours", "99SITE", "Ours"]\nexpected_spread = "none"\n'
    (own / "ours.toml").write_text(fields)
    settings = tmp_path / "fluoroinject.toml"
    settings.write_text('[defaults]\nprocedures = "ours"\n')
    (line,) = [
        line
        for line in run("procedures", "--config", str(settings)).stdout.splitlines()
        if line.split()[:1] == ["ours"]
    ]
    assert "Ours" in line
    assert "the site's" in line
    result = run("procedures", "--config", str(settings), "--pages", str(tmp_path / "pages"))
    assert result.exit_code == 0
    assert (tmp_path / "pages" / "ours.md").read_text().startswith("# Ours\n")
    assert "| [ours](ours.md) | Ours | yes |" in (tmp_path / "pages" / "README.md").read_text()


def test_procedures_stand_in_one_column():
    lines = [line for line in run("procedures").stdout.splitlines() if line.startswith("  ")]
    columns = {line.index(procedure.name) for line, procedure in zip(lines, every(), strict=True)}
    assert len(columns) == 1


def test_progress_is_told_in_plain_lines_where_there_is_no_terminal(capsys):
    with progress() as tell:
        tell("reading", 0.0)
        tell("reading", 0.1)
        tell("measuring", 0.5)
    assert capsys.readouterr().err == "  0% reading\n 50% measuring\n"


def test_the_benchmark_tells_its_defaults_and_its_time():
    text = " ".join(run("benchmark", "--help").stdout.split())
    assert "5, 20, 50" in text
    assert "half an hour" in text


def test_a_folder_without_a_loop_leaves_with_1(tmp_path):
    result = run("analyze", str(tmp_path), "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "no cine loop found" in result.stderr


def test_the_doctor_finds_the_core_working():
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert "The core works." in result.stdout
    assert "HTJ2K" in result.stdout
    # what no code of this version uses is neither missed nor advised
    assert "pip install" not in result.stdout
    assert "asked for" not in result.stdout


def test_the_doctor_speaks_json():
    document = json.loads(run("doctor", "--json").stdout)
    assert document["works"] is True
    topics = {check["topic"] for check in document["checks"]}
    assert topics >= {"Python", "Packages", "Decoders", "Compute", "Storage", "Network", "Extras"}


def test_the_doctor_reports_a_probe_that_breaks_and_goes_on(monkeypatch):
    import sys as system

    def fall_ill():
        raise OSError("no entropy")

    module = system.modules["napari_fluoroinject.cli.doctor"]
    monkeypatch.setitem(module._PROBES, "Storage", fall_ill)
    result = run("doctor")
    assert result.exit_code == 1
    assert "OSError: no entropy" in result.stdout
    assert "does NOT work" in result.stdout
    assert "Network" in result.stdout


def test_the_doctor_stays_well_where_a_graphics_driver_is_ill(monkeypatch):
    def crash():
        raise OSError("the driver has gone")

    monkeypatch.setattr("napari_fluoroinject.compute.cuda.device", crash)
    document = json.loads(run("doctor", "--json").stdout)
    found = {check["name"]: check for check in document["checks"]}
    assert document["works"] is True
    assert found["cuda"]["works"] is False
    assert "the driver has gone" in found["cuda"]["found"]
    assert "cuda12, cuda13" in found


def test_main_turns_a_fault_into_a_sentence_and_status_1(monkeypatch, capsys):
    def burst():
        raise RuntimeError("burst")

    monkeypatch.setattr("napari_fluoroinject.cli.app", burst)
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    assert "RuntimeError: burst" in capsys.readouterr().err


_FREED = """
import sys
sys.argv = ["fluoroinject", "--version"]
from napari_fluoroinject.cli import main
try:
    main()
except SystemExit:
    pass
import gc, resource
import numpy as np
assert gc.get_threshold()[0] > 10_000
for _ in range(3):
    np.ones(1 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(1 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked")
def test_a_command_uses_the_memory_of_freed_arrays_again():
    process = [sys.executable, "-c", _FREED]
    printed = subprocess.run(process, check=True, capture_output=True, text=True).stdout
    # as many pages as one of the arrays has would be 2048
    assert int(printed.split()[-1]) < 200


def test_main_tells_a_fault_of_the_disk_without_blaming_the_program(monkeypatch, capsys):
    def full():
        raise OSError(28, "No space left on device", "overview.png")

    monkeypatch.setattr("napari_fluoroinject.cli.app", full)
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    assert capsys.readouterr().err == "failed: No space left on device: overview.png\n"


@pytest.mark.parametrize("kind", ["sc_color", "sc_byte", "sc_word", "xa"])
def test_every_kind_of_capture_can_be_made_without_further_words(tmp_path, kind):
    asked = ["phantom", "mbb_lumbar", "--kind", kind, "--size", "96", "--frames", "12"]
    done = CliRunner().invoke(app, [*asked, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("command", ["store", "find", "echo"])
def test_a_misspelt_endpoint_is_wrong_usage_and_makes_no_folder(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    settings = '[endpoints.orthanc]\nurl = "pacs://A:B@127.0.0.1:1"\n'
    (tmp_path / "fluoroinject.toml").write_text(settings)
    files = ["n1.dcm"] if command == "store" else []
    done = CliRunner().invoke(app, [command, "orthnc", *files])
    assert done.exit_code == 2
    assert "(orthanc)" in " ".join(done.output.replace("│", " ").split())
    assert [one.name for one in tmp_path.iterdir()] == ["fluoroinject.toml"]
