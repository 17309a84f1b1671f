"""`fluoroinject batch`: what it writes, prints and leaves with, and how it goes on."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import threading
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import rich.console
from rich.console import Console
from typer.testing import CliRunner

from napari_fluoroinject.batch.outcome import BatchOutcome, Failure, Standing
from napari_fluoroinject.batch.task import Limits
from napari_fluoroinject.batch.whole import BatchReport, BatchWish, workers_here
from napari_fluoroinject.cli import app
from napari_fluoroinject.cli.batch_progress import Bar, Shown, Stop, line_of
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.workflow import make_phantom_files


def run(*words: str):
    return CliRunner().invoke(app, ["batch", *words])


def test_a_batch_leaves_results_tables_and_a_page_and_goes_on_where_it_was(tmp_path):
    settings = PhantomSettings(size=64, frames=12)
    path = make_phantom_files("mbb_lumbar", settings, out=tmp_path / "in")[0]
    cut = tmp_path / "in" / "cut.dcm"
    cut.write_bytes(path.read_bytes()[:-5000])
    words = [str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--workers", "0"]
    first = run(*words, "--procedure", "mbb_lumbar", "--json")
    assert first.exit_code == 1, first.output
    told = json.loads(first.stdout)
    assert (told["done"], told["kept"], len(told["failures"])) == (1, 0, 1)
    assert told["peak_bytes"] > 0
    assert "cut.dcm" in first.stderr
    names = {one.name for one in (tmp_path / "out").iterdir()}
    assert names >= {"results.csv", "results.parquet", "data_dictionary.json", "cohort.html"}
    with (tmp_path / "out" / "unplanned.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["source"] == str(cut)
    assert "past its end" in row["reason"]
    page = (tmp_path / "out" / "cohort.html").read_text(encoding="utf-8")
    assert "the last run could not plan: 1<" in page
    assert "cut.dcm" not in page
    cut.unlink()
    again = run(*words, "--procedure", "mbb_lumbar")
    assert again.exit_code == 0, again.output
    assert "1 done before" in again.stdout
    page = (tmp_path / "out" / "cohort.html").read_text(encoding="utf-8")
    assert "could not plan" not in page


@pytest.fixture
def said(monkeypatch):
    """What the batch would be told, and what it then says it did."""
    calls: dict[str, object] = {"outcome": BatchOutcome(done=2, seconds=4.0, cpu_seconds=6.0)}

    def stand_in(_sources, request, wish, **_):
        calls.update(request=request, wish=wish)
        return BatchReport(outcome=calls["outcome"], left_out={"not DICOM": 3}, tabled=2)

    monkeypatch.setattr("napari_fluoroinject.batch.whole.batch_sources", stand_in)
    return calls


def test_options_reach_the_batch(said, tmp_path):
    words = ["--procedure", "mbb_lumbar", "--on", "cpu", "--time-limit", "30", "--retry"]
    more = ["--memory-limit", "512", "--associations", "3", "--workers", "4", "--also", "document"]
    done = run("in", "--out", str(tmp_path), *words, *more)
    assert done.exit_code == 0, done.output
    assert said["wish"] == BatchWish(
        out=tmp_path,
        workers=4,
        limits=Limits(time_s=30, memory_bytes=512 << 20),
        associations=3,
        retry=True,
    )
    assert said["request"].procedure == "mbb_lumbar"
    assert said["request"].also == {"document"}
    assert "2 loops done; left out: 3 not DICOM; 1800 loops/h, 3.0 core-seconds" in done.stdout


def test_what_the_command_line_leaves_open_is_as_the_site_has_set(said, tmp_path):
    config = tmp_path / "site.toml"
    config.write_text("[batch]\nworkers = 3\ntime_limit_s = 9\nmemory_limit_mb = 700\n")
    words = ["in", "--out", str(tmp_path / "out"), "--config", str(config)]
    assert run(*words, "--workers", "0").exit_code == 0
    limits = Limits(time_s=9, memory_bytes=700 << 20)
    assert said["wish"] == BatchWish(out=tmp_path / "out", workers=0, limits=limits)
    assert run(*words, "--scheduler", "tcp://a:1").exit_code == 0
    config.write_text("[batch]\nworkers = 300\n")
    refused = run(*words)
    assert (refused.exit_code, "from 0 to 256" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ["--scheduler", "tcp://a:1", "--workers", "2"],
        ["--workers", "-1"],
        ["--time-limit", "0"],
        ["--procedure", "none_such"],
        ["--also", "none_such"],
    ],
    ids=lambda words: words[0],
)
def test_wrong_usage_is_status_2(tmp_path, words):
    assert run(str(tmp_path), "--out", str(tmp_path / "out"), *words).exit_code == 2


def test_each_failure_is_named_and_how_it_is_tried_again(said, tmp_path):
    failures = [
        Failure(key="1", source="a.dcm", state="set_aside", reason="tried 2 times: ended"),
        Failure(key="2", source="b.dcm", state="failed", reason="no frames", before=True),
    ]
    said["outcome"] = BatchOutcome(done=1, seconds=1.0, failures=failures)
    done = run("in", "--out", str(tmp_path))
    assert done.exit_code == 1
    assert "failed: a.dcm: set aside: tried 2 times: ended" in done.stderr
    assert "b.dcm: no frames (in an earlier run; --retry tries again)" in done.stderr


def test_a_batch_without_loops_is_a_failure(said, tmp_path):
    said["outcome"] = BatchOutcome()
    done = run("in", "--out", str(tmp_path))
    assert (done.exit_code, "no cine loop found" in done.stderr) == (1, True)


def test_a_batch_that_was_stopped_says_how_to_go_on(said, tmp_path):
    said["outcome"] = BatchOutcome(done=2, seconds=1.0, stopped=True)
    with pytest.raises(KeyboardInterrupt) as stopped:
        import_module("napari_fluoroinject.cli.batch")._tell(
            BatchReport(outcome=said["outcome"], left_out={}, tabled=2), tmp_path, as_json=False
        )
    assert stopped.value.__notes__ == ["2 loops done", "give the same command again to go on"]


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_what_is_in_work_and_twice_leaves_it(capsys):
    with Stop(Shown()).heard() as stop:
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        assert stop()
        assert "Ctrl-C again: at once" in capsys.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert threading.current_thread() is threading.main_thread()


def test_how_a_batch_stands_is_one_line():
    standing = Standing(done=39, kept=2, failed=3, worked=40, working=2, left=500, seconds=600.0)
    told = line_of(standing)
    assert told == "41 done, 3 failed, 500 left, 240 loops/h, about 2 h 5 min to go"
    told = line_of(replace(standing, left=None))
    assert told == "41 done, 3 failed, counting, 240 loops/h"


def test_steps_that_only_count_on_are_told_now_and_then(capsys):
    told = Shown()
    for count in range(100):
        told.step(f"looked at {count} files", 0.0)
    told.step("writing the tables", 1.0)
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_no_more_workers_are_started_than_there_is_memory_for():
    assert workers_here(Limits(memory_bytes=1 << 60)) == 1
    assert workers_here(Limits(memory_bytes=1 << 20)) >= 1


def test_the_folder_of_results_is_no_address(tmp_path):
    assert run(str(tmp_path), "--out", str(Path("pacs://a"))).exit_code == 2


def test_a_line_that_stays_is_written_above_the_bar_and_not_into_it(monkeypatch):
    seen = io.StringIO()
    console = Console(file=seen, force_terminal=True, width=60)
    monkeypatch.setattr(rich.console, "Console", lambda **_: console)
    told = Bar()
    with told.bar:
        told.step("starting workers", 0.0)
        told.note("Dask's page: http://127.0.0.1:8787/status")
    assert "\x1b[2KDask's page: http://127.0.0.1:8787/status\n" in seen.getvalue()
