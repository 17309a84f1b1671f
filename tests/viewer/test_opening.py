"""What is named is found, read and opened; what fails is told, and the rest opens."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from napari_fluoroinject.dicom.cine_object import encode_series, phantom_identity, write_cine
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.viewer.opening import (
    Found,
    find_runs,
    notices_of,
    open_sources,
    other_plane,
    runs_of,
)
from napari_fluoroinject.workflow import make_phantom_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def both_views(tmp_path_factory) -> Path:
    """A folder with an AP and a lateral loop of one study."""
    folder = tmp_path_factory.mktemp("views")
    for view in ("AP", "LAT"):
        settings = PhantomSettings(size=64, frames=8, view=view)
        make_phantom_files("mbb_lumbar", settings, out=folder / view)
    return folder


@pytest.fixture
def notices(bench) -> list[str]:
    told: list[str] = []
    bench.session.signals.notice.connect(told.append)
    return told


def test_a_folder_opens_every_loop_and_shows_the_first(bench, both_views, notices):
    before = len(bench.session.runs)
    open_sources(bench, [str(both_views)])
    opened = bench.session.runs[before:]
    assert len(opened) == 2
    assert bench.session.run is opened[0]
    assert {run.name.split()[0] for run in opened} == {"AP", "LAT"}
    assert len({run.name for run in bench.session.runs}) == before + 2
    assert notices == []


def test_the_other_plane_of_the_study_stands_beside(bench, both_views):
    open_sources(bench, [str(both_views)])
    shown, beside = bench.session.run, bench.session.beside
    assert beside is not None
    assert beside.study_uid == shown.study_uid
    assert {shown.loop.view.name, beside.loop.view.name} == {"AP", "LAT"}


def test_runs_of_two_studies_are_not_put_side_by_side(bench, both_views, run):
    open_sources(bench, [str(both_views)])
    lateral = next(r for r in bench.session.runs if r.loop.view.name == "LAT")
    assert other_plane(run, [lateral]) is (lateral if lateral.study_uid == run.study_uid else None)


def test_opening_looks_at_each_run(bench, both_views):
    open_sources(bench, [str(both_views)])
    assert all(
        bench.session.outcome_of(run.uid).look is not None for run in bench.session.runs[1:]
    )


def test_a_broken_file_is_told_and_the_rest_opens(bench, both_views, notices, tmp_path):
    good = next(both_views.rglob("*.dcm"))
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(good.read_bytes()[:5000])
    before = len(bench.session.runs)
    open_sources(bench, [str(broken), str(good)])
    assert len(bench.session.runs) == before + 1
    assert len(notices) == 1
    assert "broken.dcm" in notices[0]
    assert "expected" in notices[0]


def test_what_is_no_loop_and_what_is_nowhere_are_told_apart(bench, notices, tmp_path):
    (tmp_path / "empty").mkdir()
    open_sources(bench, [str(tmp_path / "empty")])
    open_sources(bench, [str(tmp_path / "nowhere.dcm")])
    assert "no cine loop" in notices[0]
    assert "no such file" in notices[1]


def test_a_run_that_is_open_keeps_its_name_and_is_shown(bench, run, both_views):
    open_sources(bench, [str(both_views)])
    open_sources(bench, [str(run.files[0])])
    assert bench.session.run is run
    assert len(bench.session.runs) == 3


def test_a_run_of_single_frames_that_grew_takes_the_place_of_the_shorter_one(bench, tmp_path):
    loop = bench.session.runs[0].loop
    frames = encode_series(loop, kind="xa", identity=phantom_identity("grow", 0))
    for number, one in enumerate(frames):
        write_cine(one, tmp_path / f"{number:02}.dcm")
    files = sorted(str(path) for path in tmp_path.glob("*.dcm"))
    open_sources(bench, files[:5])
    short = bench.session.run
    open_sources(bench, files)
    assert bench.session.run.uid == short.uid
    assert bench.session.run.name == short.name
    assert (short.loop.shape[0], bench.session.run.loop.shape[0]) == (5, len(files))
    open_sources(bench, files[:5])
    assert bench.session.run.loop.shape[0] == len(files)


def other_content(file: Path, to: Path) -> Path:
    """The same object with another picture."""
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    to.write_bytes(data)
    return to


def test_another_content_under_the_uid_of_an_open_run_is_told_and_left_out(
    bench, run, notices, tmp_path
):
    other = other_content(run.files[0], tmp_path / "other.dcm")
    open_sources(bench, [str(run.files[0])])
    assert notices == []
    open_sources(bench, [str(other)])
    assert bench.session.runs == (run,)
    assert len(notices) == 1
    assert "other.dcm: seen other content" in notices[0]


def test_of_two_contents_that_come_together_the_first_is_opened_and_the_other_told(
    bench, run, notices, tmp_path
):
    other = other_content(run.files[0], tmp_path / "other.dcm")
    bench.session.close(run.uid)
    open_sources(bench, [str(run.files[0]), str(other)])
    assert [one.files for one in bench.session.runs] == [run.files]
    assert len(notices) == 1
    assert "other.dcm" in notices[0]


def test_an_address_where_nobody_answers_is_told(bench, notices):
    open_sources(bench, ["pacs://US:THEM@127.0.0.1:1?StudyInstanceUID=1.2.3"])
    assert len(notices) == 1
    assert "nobody answers" in notices[0]


def test_many_failures_are_counted(run):
    told = notices_of([f"file {n}" for n in range(40)])
    assert len(told) == 4
    assert told[-1].startswith("37 more")


def test_headers_are_read_and_no_frame_is_kept_decoded(bench, both_views):
    found = find_runs(
        [str(both_views)], bench.settings, room=bench.results, tell=lambda _s, _f: None
    )
    assert isinstance(found, Found)
    assert [files.paths for _, files in found.loops]
    assert runs_of(found, (), origin="C-arm")[0].origin == "C-arm"


def test_a_folder_of_many_files_is_searched_beside_the_screen(
    threaded_bench, pump, both_views, tmp_path
):
    good = next(both_views.rglob("*.dcm"))
    for number in range(500):
        (tmp_path / f"{number}.txt").write_text("not DICOM")
    shutil.copy(good, tmp_path / "loop.dcm")
    job = open_sources(threaded_bench, [str(tmp_path)])
    assert job.running, "the call returns before anything was read"
    pump.until(lambda: len(threaded_bench.session.runs) == 2)
    pump.until(lambda: not threaded_bench.jobs.running)
