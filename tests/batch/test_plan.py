"""Folders become orders: one for each loop, with its study beside it, and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pydicom
import pytest
from batch_studies import (
    as_frames,
    as_loop,
    copy,
    dose_of_study,
    opened,
    phantom_loop,
    plan,
    study_uid,
    whole_study,
)

from napari_fluoroinject.batch import headers
from napari_fluoroinject.batch.walk import is_result_folder
from napari_fluoroinject.confined.asked import request_from
from napari_fluoroinject.dicom import place
from napari_fluoroinject.dicom.find import files_of
from napari_fluoroinject.settings import Settings
from napari_fluoroinject.settings.network import ServiceSettings
from napari_fluoroinject.spool.gathered import Gathering
from napari_fluoroinject.subtraction import SubtractionRequest, subtract_sources
from napari_fluoroinject.workflow import AnalysisRequest, analyze_received, analyze_sources


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    return phantom_loop(tmp_path_factory.mktemp("loop"))


def content(folder):
    return {one.name: one.read_bytes() for one in sorted(folder.iterdir())}


@pytest.mark.parametrize("dose", [True, False])
def test_a_batchs_results_are_those_of_analyze_on_the_whole_study(loop, tmp_path, dose):
    root = whole_study(loop, tmp_path / "study", dose=dose)
    request = AnalysisRequest(procedure="mbb_lumbar", level="L4", side="left")
    outcome = analyze_sources([str(root)], request, out=tmp_path / "analyze")
    assert not outcome.failures
    orders, unplanned, _ = plan(
        tmp_path / "batch", root, procedure="mbb_lumbar", level="L4", side="left"
    )
    assert not unplanned
    assert {one.key for one in orders} == {one.folder.name for one in outcome.results}
    assert len(orders) == 3
    # the last is that of single pictures, whose sum of doses has other terms first
    for order in orders[-1:]:
        made = analyze_received(
            order.paths,
            request_from(json.loads(json.dumps(order.asked))),
            out=tmp_path / "batch",
            beside=order.beside,
        )
        assert content(made.folder) == content(tmp_path / "analyze" / order.key)
        summary = json.loads((made.folder / "summary.json").read_text())
        assert summary["dose"]["basis"] == ("report" if dose else "headers")


def test_a_study_in_several_folders_is_one_and_its_dose_report_lies_beside_each_loop(
    loop, tmp_path
):
    one = as_loop(loop, tmp_path / "in" / "2019" / "x.dcm", study=1, number=1)
    other = as_loop(loop, tmp_path / "in" / "2020" / "y.dcm", study=1, number=2)
    alone = as_loop(loop, tmp_path / "in" / "2019" / "z.dcm", study=2, number=1)
    dose = dose_of_study(tmp_path / "in" / "doses", 1)
    orders, unplanned, _ = plan(tmp_path / "out", tmp_path / "in")
    assert not unplanned
    assert [(one.paths, one.beside) for one in orders] == [
        ((one,), (other, dose)),
        ((other,), (one, dose)),
        ((alone,), ()),
    ]
    assert [one.study_uid for one in orders] == [study_uid(1), study_uid(1), study_uid(2)]


def test_single_pictures_of_a_series_are_one_order_in_the_order_of_frames(loop, tmp_path):
    paths = as_frames(loop, tmp_path / "in", study=3)
    paths[0].rename(tmp_path / "in" / "z-first.dcm")
    orders, unplanned, _ = plan(tmp_path / "out", tmp_path / "in")
    assert not unplanned
    (order,) = orders
    assert order.paths == (tmp_path / "in" / "z-first.dcm", *paths[1:])
    assert order.key == f"{study_uid(3)}.1.100"


def test_the_same_object_twice_is_one_order_and_the_copy_is_told(loop, tmp_path):
    first = as_loop(loop, tmp_path / "in" / "a.dcm", study=1, number=1)
    copy(first, tmp_path / "in" / "b" / "again.dcm")
    orders, unplanned, left_out = plan(tmp_path / "out", tmp_path / "in")
    assert [one.paths for one in orders] == [(first,)]
    assert (unplanned, left_out["copy"]) == ([], 1)


@pytest.mark.parametrize("study", [1, 2])
def test_one_uid_with_two_contents_refuses_both_and_names_both(loop, tmp_path, study):
    first = as_loop(loop, tmp_path / "in" / "a.dcm", study=1, number=1)
    uid = f"{study_uid(1)}.1.1"
    second = as_loop(loop, tmp_path / "in" / "b.dcm", study=study, number=7, SOPInstanceUID=uid)
    good = as_loop(loop, tmp_path / "in" / "c.dcm", study=1, number=3)
    orders, unplanned, _ = plan(tmp_path / "out", tmp_path / "in")
    assert [one.paths for one in orders] == [(good,)]
    assert unplanned
    for one in unplanned:
        assert str(first) in one.reason
        assert str(second) in one.reason


def test_what_cannot_be_read_is_told_with_its_path_and_the_rest_is_planned(loop, tmp_path):
    good = as_loop(loop, tmp_path / "in" / "good.dcm", study=1, number=1)
    cut = tmp_path / "in" / "cut.dcm"
    cut.write_bytes(good.read_bytes()[:2000])
    (tmp_path / "in" / "IM0001").write_bytes(b"no DICOM at all" * 20)
    short = pydicom.dcmread(good)
    short.SOPInstanceUID = short.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    short.PixelData = short.PixelData[:64]
    short.save_as(tmp_path / "in" / "short.dcm", enforce_file_format=True)
    (tmp_path / "in" / "notes.txt").write_text("not looked at")
    orders, unplanned, left_out = plan(tmp_path / "out", tmp_path / "in", tmp_path / "nowhere")
    assert [one.paths for one in orders] == [(good,)]
    assert {Path(one.source).name for one in unplanned} == {
        *("cut.dcm", "IM0001", "short.dcm", "nowhere")
    }
    assert all("seen" in one.reason and "expected" in one.reason for one in unplanned)
    assert left_out["not DICOM"] == 1


def test_results_inside_the_sources_are_left_out(loop, tmp_path):
    root = tmp_path / "in"
    as_loop(loop, root / "one.dcm", study=1, number=1)
    (order,), _, _ = plan(tmp_path / "first", root)
    analyze_received(order.paths, AnalysisRequest(also=frozenset(("parametric_maps",))), out=root)
    assert is_result_folder(root / order.key)
    again, unplanned, left_out = plan(root / "batch", root)
    assert [one.paths for one in again] == [order.paths]
    assert (unplanned, left_out) == ([], {"folder of results": 1})


def test_results_that_lost_their_summary_are_no_loops_either(tmp_path):
    root = tmp_path / "in"
    longer = phantom_loop(tmp_path / "longer", size=128, frames=16)
    as_loop(longer, root / "one.dcm", study=1, number=1)
    outcome = subtract_sources([str(root)], SubtractionRequest(), out=root)
    assert not outcome.failures
    orders, unplanned, left_out = plan(tmp_path / "out", root)
    assert [one.key for one in orders] == [f"{study_uid(1)}.1.1"]
    assert unplanned == []
    assert left_out["result"] == 1


def test_files_come_in_the_order_in_which_analyze_looks_at_them(tmp_path):
    from collections import Counter

    from napari_fluoroinject.batch.walk import walk

    for name in ("b/x", "b.1/x", "a", "b/.hidden/x", "B/y", "b/0", ".git/x", "c-d/x", "c/x"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "link").symlink_to(tmp_path / "b")
    found = list(walk(tmp_path, out=tmp_path / "out", skipped=Counter()))
    assert found == list(files_of([tmp_path]))
    assert len(found) == 7


def test_a_second_plan_opens_only_what_has_changed(loop, tmp_path, monkeypatch):
    for number in (1, 2, 3):
        as_loop(loop, tmp_path / "in" / f"{number}.dcm", study=number, number=1)
    before, _, _ = plan(tmp_path / "out", tmp_path / "in")
    opened = []
    scan = place.scan
    monkeypatch.setattr(place, "scan", lambda path: opened.append(path.name) or scan(path))
    assert plan(tmp_path / "out", tmp_path / "in")[0] == before
    assert opened == []
    as_loop(loop, tmp_path / "in" / "2.dcm", study=2, number=5)
    (tmp_path / "in" / "3.dcm").unlink()
    after, _, _ = plan(tmp_path / "out", tmp_path / "in")
    assert opened == ["2.dcm"]
    assert [one.key for one in after] == [f"{study_uid(1)}.1.1", f"{study_uid(2)}.1.5"]


def test_a_damaged_index_is_begun_anew(loop, tmp_path):
    as_loop(loop, tmp_path / "in" / "1.dcm", study=1, number=1)
    before, _, _ = plan(tmp_path / "out", tmp_path / "in")
    (index,) = (tmp_path / "out").rglob("files.sqlite")
    index.write_bytes(b"no database" * 1000)
    assert plan(tmp_path / "out", tmp_path / "in")[0] == before
    with Gathering(index) as gathering:
        assert list(gathering.studies()) == []


def test_a_level_for_several_studies_is_refused_and_so_is_a_needle_for_several_loops(
    loop, tmp_path
):
    as_loop(loop, tmp_path / "in" / "1.dcm", study=1, number=1)
    as_loop(loop, tmp_path / "in" / "2.dcm", study=2, number=1)
    orders, unplanned, _ = plan(tmp_path / "out", tmp_path / "in", level="L4")
    assert orders == []
    assert "one level or side" in unplanned[0].reason
    orders, unplanned, _ = plan(tmp_path / "out", tmp_path / "in", target_px=(5.0, 5.0))
    assert orders == []
    assert "one needle, target or mark" in unplanned[0].reason
    orders, unplanned, _ = plan(tmp_path / "out", tmp_path / "in" / "1.dcm", level="L4")
    assert [request_from(one.asked).level for one in orders] == ["L4"]


def test_auto_decides_by_each_loops_header_and_what_the_site_has_set(loop, tmp_path):
    service = ServiceSettings(protocols={"medial branch": "mbb_lumbar"}, analyze="generic")
    settings = Settings(service=service, dose={"mbb_lumbar": {"time_p75_s": 30.0}})
    as_loop(loop, tmp_path / "in" / "1", study=1, number=1, StudyDescription="L Medial Branch")
    as_loop(loop, tmp_path / "in" / "2", study=2, number=1, StudyDescription="Something else")
    orders, unplanned, _ = plan(
        tmp_path / "out", tmp_path / "in", settings=settings, procedure="auto"
    )
    assert not unplanned
    asked = [request_from(one.asked) for one in orders]
    assert [one.procedure for one in asked] == ["mbb_lumbar", "generic"]
    assert [one.dose_reference and one.dose_reference.time_p75_s for one in asked] == [30, None]


def test_a_plan_that_is_stopped_looks_at_no_more_files(loop, tmp_path):
    for number in range(4):
        as_loop(loop, tmp_path / "in" / f"{number}.dcm", study=number + 1, number=1)
    with opened(tmp_path / "out", tmp_path / "in") as told:
        looked = []
        look = place.place_of

        def stopping(path, *, named=False):
            looked.append(path)
            told.stop()
            return look(path, named=named)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(headers, "place_of", stopping)
            assert list(told) == []
    assert len(looked) == 1
    orders, unplanned, _ = plan(tmp_path / "out", tmp_path / "in")
    assert (len(orders), unplanned) == (4, [])


def test_files_that_vanish_while_it_is_planned_are_told_and_the_rest_is_planned(loop, tmp_path):
    paths = [
        as_loop(loop, tmp_path / "in" / f"{number}.dcm", study=number, number=1)
        for number in (1, 2, 3)
    ]
    with opened(tmp_path / "out", tmp_path / "in") as told:
        first = next(told)
        paths[1].unlink()
        rest = list(told)
    assert first.paths == (paths[0],)
    assert [getattr(one, "paths", None) for one in rest if not hasattr(one, "reason")] == [
        (paths[2],)
    ]
    assert [one.source for one in rest if hasattr(one, "reason")] == [str(paths[1])]
