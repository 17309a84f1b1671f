"""What the viewer works out and keeps is what the command line works out and keeps."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from napari_fluoroinject.cli import app
from napari_fluoroinject.model.annotation import (
    Annotation,
    ContrastAgent,
    Event,
    Mark,
    NeedleTrajectory,
    SignOff,
    annotation_text,
)
from napari_fluoroinject.settings import Defaults, Settings
from napari_fluoroinject.viewer import works
from napari_fluoroinject.viewer.bench import Bench
from napari_fluoroinject.viewer.draft import Plan
from napari_fluoroinject.workflow import recorded_in

SIGNED = SignOff(operator="Dr A", at="20261122163000", confirmed=("contrast", "warnings"))
EVERYTHING = Annotation(
    needle=NeedleTrajectory(hub_px=(70.1, 20.3), tip_px=(50.7, 44.2), frame=2),
    target_px=(52.0, 47.1),
    marks=(Mark(landmark="foramen", points_px=((50.3, 40.1), (54.0, 40.1), (52.0, 47.3))),),
    events=(Event(kind="aspiration", time_s=-2.5),),
    mask_frames=(0, 1, 3),
)
PLAN = Plan(
    procedure="mbb_lumbar",
    level="L4",
    side="left",
    gauge=22,
    agent=ContrastAgent(kind="iodinated", iodine_mg_ml=240.0),
)


def files_in(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("annotation", "plan", "sign_off"),
    [
        (Annotation(), Plan(), None),
        (EVERYTHING, PLAN, SIGNED),
        (Annotation(target_px=(40.0, 41.0)), PLAN, None),
        (Annotation(mask_frames=(0, 2)), PLAN, SIGNED),
    ],
    ids=["nothing", "everything", "target", "mask frames"],
)
def test_results_are_those_of_the_command_line_byte_for_byte(
    annotation, plan, sign_off, bench, run, tmp_path
):
    session = bench.session
    session.close(run.uid)
    run = replace(run, recorded=recorded_in(str(run.files[0]))[0])
    session.open(run)
    session.plan_as("plan", plan)
    session.annotate("mark", annotation)
    works.analyze(bench, run)
    session.sign(sign_off)
    job = works.keep(bench, run)
    assert job.state == "done", job.error
    draft = tmp_path / "draft.json"
    draft.write_text(annotation_text(session.annotation))
    words = ["analyze", str(run.files[0]), "--annotation", str(draft)]
    words += ["--procedure", plan.procedure or "generic", "--out", str(tmp_path / "by command")]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0, told.output
    ours, theirs = files_in(session.kept.folder), files_in(tmp_path / "by command")
    assert ours.keys() == theirs.keys()
    assert {"summary.json", "overview.png", "report.dcm"} <= ours.keys()
    assert [name for name, content in ours.items() if content != theirs[name]] == []


def test_a_sign_off_after_the_analysis_leaves_it_up_to_date_and_is_written(bench, run):
    works.analyze(bench, run)
    bench.session.sign(SIGNED)
    assert not bench.session.out_of_date
    works.keep(bench, run)
    assert bench.session.kept.annotation.sign_off == SIGNED


def test_an_analysis_of_what_was_changed_meanwhile_lands_and_is_out_of_date(
    threaded_bench, pump, run, monkeypatch
):
    bench, go = threaded_bench, threading.Event()
    analyze_read = works.analyze_read

    def waits(*args, **kwargs):
        go.wait(60)
        return analyze_read(*args, **kwargs)

    monkeypatch.setattr(works, "analyze_read", waits)
    job = works.analyze(bench, run)
    bench.session.place_target((30.0, 31.0))
    go.set()
    pump.until(lambda: not job.running)
    assert job.state == "done", job.error
    assert bench.session.analysed is not None
    assert bench.session.out_of_date
    assert bench.session.report is None


def test_a_new_analysis_of_a_run_cancels_the_old_one(threaded_bench, pump, run, monkeypatch):
    bench, first, second = threaded_bench, threading.Event(), threading.Event()
    analyze_read = works.analyze_read

    def waits(*args, **kwargs):
        if not first.is_set():
            first.set()
            second.wait(60)
        return analyze_read(*args, **kwargs)

    monkeypatch.setattr(works, "analyze_read", waits)
    old = works.analyze(bench, run)
    first.wait(60)
    bench.session.place_target((30.0, 31.0))
    new = works.analyze(bench, run)
    second.set()
    pump.until(lambda: not (old.running or new.running))
    assert (old.state, new.state) == ("cancelled", "done")
    assert not bench.session.out_of_date


def test_what_comes_of_a_closed_run_is_not_taken_for_another_one_of_its_uid(
    threaded_bench, pump, run
):
    session, other = threaded_bench.session, replace(run, name="AP run 2")
    jobs = [work(threaded_bench, run) for work in (works.look_at, works.analyze, works.subtract)]
    session.close(run.uid)
    session.open(other)
    pump.until(lambda: not any(job.running for job in jobs))
    assert [job.state for job in jobs] == ["done", "done", "done"]
    assert session.look is session.analysed is session.subtracted is None


def test_a_cancelled_analysis_ends_at_its_next_step_and_leaves_nothing(threaded_bench, pump, run):
    bench = threaded_bench
    job = works.analyze(bench, run)
    job.cancel()
    pump.until(lambda: not job.running)
    assert job.state == "cancelled"
    assert bench.session.analysed is None


def test_the_first_look_is_what_an_analysis_without_marks_finds(bench, run):
    works.look_at(bench, run)
    works.analyze(bench, run)
    look, report = bench.session.look, bench.session.report
    assert look.injection == report.injection
    assert (look.motion.shift_px == report.motion.shift_px).all()
    assert type(look.needle) is type(report.needle)


def test_the_chosen_mask_frames_are_subtracted(bench, run):
    bench.session.choose_mask(None, (0, 1))
    job = works.subtract(bench, run)
    assert job.state == "done", job.error
    made = bench.session.subtracted
    assert (made.mask_source, made.mask_frames) == ("given", (0, 1))


def test_what_is_out_of_date_is_neither_written_nor_sent(bench, run, tmp_path):
    assert "Not analysed" in works.keep(bench, run).error
    works.analyze(bench, run)
    works.keep(bench, run)
    kept = bench.session.kept
    bench.session.place_target((30.0, 31.0))
    archive = tmp_path / "archive"
    archive.mkdir()
    assert "Out of date" in works.send(bench, run, kept.files, str(archive)).error
    assert "Out of date" in works.keep(bench, run).error
    works.analyze(bench, run)
    assert (
        "written before the last change" in works.send(bench, run, kept.files, str(archive)).error
    )
    assert list(archive.rglob("*.dcm")) == []


def test_receipts_and_failures_of_a_sending_are_told(bench, run, tmp_path):
    works.analyze(bench, run)
    works.keep(bench, run)
    archive = tmp_path / "archive"
    archive.mkdir()
    files = bench.session.kept.files
    gone = tmp_path / "gone.dcm"
    job = works.send(bench, run, (*files, gone), str(archive))
    assert job.state == "done", job.error
    kept = bench.session.kept
    assert len(kept.receipts) == len(kept.arrived) == len(files)
    assert [name for name, _ in kept.failures] == [str(gone)]
    works.send(bench, run, files[:1], "no such place")
    assert "no such place" in bench.session.kept.failures[0][1]
    assert len(bench.session.kept.receipts) == len(files)


def test_what_was_kept_before_a_sending_was_cancelled_is_told(
    threaded_bench, pump, run, tmp_path, monkeypatch
):
    bench = threaded_bench
    for work in (works.analyze, works.keep):
        work(bench, run)
        pump.until(lambda: not bench.jobs.running)
    archive = tmp_path / "archive"
    archive.mkdir()
    store = works.store_objects

    def cancels(destination, files, **words):
        told = words["told"]

        def once(one):
            told(one)
            bench.jobs.running[0].cancel()

        return store(destination, files, **(words | {"told": once}))

    monkeypatch.setattr(works, "store_objects", cancels)
    job = works.send(bench, run, bench.session.kept.files, str(archive))
    pump.until(lambda: not job.running)
    assert job.state == "cancelled"
    assert len(bench.session.kept.receipts) == 1


def test_a_device_that_is_not_there_is_told_with_what_to_do(bench, run):
    pytest.importorskip("napari_fluoroinject.compute.backend")
    elsewhere = Bench(
        session=bench.session,
        jobs=bench.jobs,
        settings=Settings(defaults=Defaults(on="cuda")),
        tools=bench.tools,
        results=bench.results,
    )
    job = works.analyze(elsewhere, run)
    if job.state == "done":
        pytest.skip("there is a CUDA device here")
    assert "cuda" in job.error.lower()
    assert bench.session.analysed is None
