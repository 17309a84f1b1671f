"""Jobs become results, or end with a reason, and none holds up another."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from received import settings_of

from napari_fluoroinject.confined import warm
from napari_fluoroinject.confined.run import StoppedError
from napari_fluoroinject.confined.work import NotWorked, ResultFile, Worked
from napari_fluoroinject.dicom import find
from napari_fluoroinject.dicom.class_names import class_name
from napari_fluoroinject.dicom.find import LoopFiles, find_loops
from napari_fluoroinject.dicom.opened import CINE_CLASSES
from napari_fluoroinject.dicom.requested import Requested
from napari_fluoroinject.dicom.result import is_made_here
from napari_fluoroinject.service import analyst as analysts
from napari_fluoroinject.service.analyst import KILLED_TRIES, MOST_CRASHES, Analyst
from napari_fluoroinject.service.scheduled import UnansweredError
from napari_fluoroinject.settings import Settings
from napari_fluoroinject.settings.network import ServiceSettings
from napari_fluoroinject.spool.audit_check import recent
from napari_fluoroinject.spool.index import Index
from napari_fluoroinject.subtraction import SubtractionRequest, subtract_sources

sys.path.append(str(Path(__file__).parent.parent / "endpoints"))

from network_loops import make_loop, write


@pytest.fixture(scope="module")
def subtracted(analysed, tmp_path_factory) -> tuple[Path, ...]:
    """A subtracted loop of the analysed one, and what names its masks."""
    out = tmp_path_factory.mktemp("subtracted")
    assert subtract_sources([str(analysed.loop)], SubtractionRequest(), out=out).failures == ()
    return tuple(sorted(out.rglob("*.dcm")))


AUTO = Settings(service=ServiceSettings(analyze="auto", settle_s=0.0, send_to="archive"))


def analyst_of(received, settings: Settings = AUTO, **options) -> Analyst:
    return Analyst(received.root, received.database, settings, received.trail, **options)


def work_off(analyst: Analyst, received, *, within_s: float = 120.0) -> None:
    deadline = time.monotonic() + within_s
    while any(received.jobs.counts()[state] for state in ("waiting", "working")):
        if not analyst.step():
            time.sleep(0.05)
        assert time.monotonic() < deadline


def fake(monkeypatch, answer):
    """Let `answer(order)` stand for the worker process; returns the orders that were given."""
    orders = []

    def run_worker(order, *, time_s, stopping):
        orders.append(order)
        return answer(order)

    monkeypatch.setattr(analysts, "run_worker", run_worker)
    return orders


def worked(order) -> Worked:
    uid = str(pydicom.dcmread(order.paths[0], stop_before_pixels=True).SOPInstanceUID)
    file = ResultFile(
        path=order.out / "report.dcm",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.88.33",
        sop_instance_uid=f"{uid[:50]}.1",
        sha256=hashlib.sha256(uid.encode()).hexdigest(),
    )
    return Worked(source_uid=uid, folder=order.out, files=(file,), warnings=0)


def admit(received, tmp_path, *loops) -> list[str]:
    uids = []
    for loop in loops:
        path = write(loop, tmp_path / "in.dcm")
        uids.append(received.admit(path, job=True))
    return uids


def test_a_loop_is_analysed_in_a_process_and_its_results_are_queued(received, analysed, tmp_path):
    settings = settings_of(
        '[service]\nanalyze = "auto"\nsend_to = "archive"\n'
        '[service.protocols]\nmbb = "mbb_lumbar"\n'
        '[endpoints.archive]\nurl = "somewhere"\n',
        tmp_path,
    )
    uid = received.admit(analysed.loop, job=True)
    work_off(analyst_of(received, settings), received)
    (job,) = received.jobs.every()
    assert (job.state, job.procedure) == ("done", "mbb_lumbar")
    entries = received.queue.every()
    assert {one.sop_instance_uid for one in entries} == {
        str(pydicom.dcmread(one, stop_before_pixels=True).SOPInstanceUID) for one in analysed.files
    }
    assert {(one.source_uid, one.destination, one.state) for one in entries} == {
        (uid, "archive", "new")
    }
    hidden = hashlib.sha256(uid.encode()).hexdigest()
    assert all(received.root / "results" / hidden in one.path.parents for one in entries)
    decided = [one for one in recent(received.root / "audit") if one.event == "decided"]
    assert decided[0].facts["basis"] == "text of the header: mbb"


def test_without_a_destination_results_stay_in_the_spool(received, tmp_path, monkeypatch):
    fake(monkeypatch, worked)
    admit(received, tmp_path, make_loop(seed=1))
    settings = Settings(service=ServiceSettings(analyze="mbb_lumbar"))
    work_off(analyst_of(received, settings), received)
    assert received.jobs.counts()["done"] == 1
    assert received.queue.every() == ()


def test_a_loop_that_breaks_its_worker_twice_has_failed_and_others_are_done(
    received, analysed, tmp_path, monkeypatch
):
    poison = make_loop(seed=5)
    (uid,) = admit(received, tmp_path, poison)
    good = received.admit(analysed.loop, job=True)
    begun, poisoned = subprocess.Popen, hashlib.sha256(uid.encode()).hexdigest()
    code = (
        "import os, sys; from napari_fluoroinject.confined import worker as w\n"
        f"work = w.work\n"
        f"w.work = lambda order: os.abort() if {poisoned!r} in str(order.out) else work(order)\n"
        "w.main()"
    )
    monkeypatch.setattr(
        warm.subprocess,
        "Popen",
        lambda command, **options: begun((sys.executable, "-c", code, *command[3:]), **options),
    )
    work_off(analyst_of(received), received)
    assert received.jobs.get(good).state == "done"
    job = received.jobs.get(uid)
    assert (job.state, job.tries) == ("failed", 2)
    assert "SIGABRT" in job.reason


def test_time_over_twice_is_a_failure_with_its_reason(received, tmp_path):
    admit(received, tmp_path, make_loop(seed=2))
    service = replace(AUTO.service, time_limit_s=0.05)
    work_off(analyst_of(received, replace(AUTO, service=service)), received)
    (job,) = received.jobs.every()
    assert (job.state, job.tries) == ("failed", 2)
    assert "0.05 s" in job.reason


@pytest.mark.parametrize(
    ("fault", "tries"), [("refused", 1), ("broken", 2), ("killed", KILLED_TRIES)]
)
def test_a_failure_is_final_when_another_try_cannot_help(
    received, tmp_path, monkeypatch, fault, tries
):
    monkeypatch.setattr(analysts, "_AGAIN_S", 0.0)
    orders = fake(monkeypatch, lambda _: NotWorked(fault=fault, reason="so it is"))
    admit(received, tmp_path, make_loop(seed=1))
    work_off(analyst_of(received), received)
    (job,) = received.jobs.every()
    assert (job.state, job.reason, len(orders)) == ("failed", "so it is", tries)


def test_a_full_disk_is_waited_for(received, tmp_path, monkeypatch):
    fake(monkeypatch, lambda _: NotWorked(fault="storage", reason="no space"))
    admit(received, tmp_path, make_loop(seed=1))
    assert analyst_of(received).step()
    (job,) = received.jobs.every()
    assert (job.state, job.reason) == ("waiting", "no space")
    assert job.due_s > time.time()


def test_a_stop_costs_no_try(received, tmp_path, monkeypatch):
    def stopped(_):
        raise StoppedError

    fake(monkeypatch, stopped)
    admit(received, tmp_path, make_loop(seed=1))
    assert analyst_of(received).step()
    (job,) = received.jobs.every()
    assert (job.state, job.tries) == ("waiting", 0)


def test_what_goes_wrong_in_the_service_ends_that_job_alone(received, tmp_path, monkeypatch):
    def faulty(order):
        if len(orders) == 1:
            raise KeyError("a fault of ours")
        return worked(order)

    orders = fake(monkeypatch, faulty)
    first, second = admit(received, tmp_path, make_loop(seed=1), make_loop(seed=2))
    work_off(analyst_of(received), received)
    assert received.jobs.get(first).state == "failed"
    assert "KeyError" in received.jobs.get(first).reason
    assert received.jobs.get(second).state == "done"


def test_objects_that_hold_no_run_are_kept_and_told(received, tmp_path, monkeypatch):
    orders = fake(monkeypatch, worked)
    report = make_loop(seed=3)
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.67"
    for name in ("Rows", "Columns", "NumberOfFrames", "PixelData"):
        del report[name]
    uids = admit(received, tmp_path, report, make_loop(seed=4))
    work_off(analyst_of(received), received)
    assert received.jobs.get(uids[0]).state == "skipped"
    assert received.jobs.get(uids[0]).reason == (
        "kept: X-Ray Radiation Dose SR Storage holds no cine loop"
    )
    (order,) = orders
    assert order.beside == (received.spool.path_of(uids[0]),)


def test_results_that_an_archive_routes_back_are_skipped_and_are_no_alarm(
    received, analysed, subtracted, monkeypatch
):
    orders = fake(monkeypatch, worked)
    results = [*analysed.files, *subtracted]
    uids = [received.admit(file, job=True) for file in results]
    work_off(analyst_of(received), received)
    assert orders == []
    jobs = [received.jobs.get(uid) for uid in uids]
    assert {job.state for job in jobs} == {"skipped"}
    classes = [str(pydicom.dcmread(file, stop_before_pixels=True).SOPClassUID) for file in results]
    for job, uid in zip(jobs, classes, strict=True):
        image = uid in CINE_CLASSES
        assert job.reason == (
            f"kept: a result, not a loop ({class_name(uid)})"
            if image
            else f"kept: {class_name(uid)} holds no cine loop"
        )
        assert ".dcm" not in job.reason


def test_results_of_the_study_are_not_looked_at_beside_a_loop(
    received, analysed, subtracted, monkeypatch
):
    orders = fake(monkeypatch, worked)
    report = next(file for file in analysed.files if file.name == "report.dcm")
    for file in (report, *subtracted):
        received.admit(file)
    received.admit(analysed.loop, job=True)
    work_off(analyst_of(received), received)
    (order,) = orders
    assert received.spool.path_of(_uid(report)) not in order.beside
    loops = [one for one in find_loops(order.beside) if isinstance(one, LoopFiles)]
    assert loops == []


def _uid(file: Path) -> str:
    return str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID)


def test_captured_and_lossy_loops_that_call_themselves_derived_are_analysed(
    received, tmp_path, monkeypatch
):
    orders = fake(monkeypatch, worked)
    loop = make_loop(seed=6)
    loop.ImageType = ["DERIVED", "SECONDARY"]
    admit(received, tmp_path, loop)
    work_off(analyst_of(received), received)
    assert len(orders) == 1


def test_a_file_that_is_gone_is_told(received, tmp_path, monkeypatch):
    fake(monkeypatch, worked)
    (uid,) = admit(received, tmp_path, make_loop(seed=1))
    received.spool.path_of(uid).unlink()
    work_off(analyst_of(received), received)
    assert received.jobs.get(uid).state == "failed"


def pictures(count: int) -> list[pydicom.Dataset]:
    made = []
    for number in range(count):
        one = make_loop(seed=100 + number, frames=1)
        one.InstanceNumber = count - number
        one.AcquisitionTime = f"1200{count - number:02d}"
        made.append(one)
    return made


def test_single_pictures_become_one_loop_when_no_more_come(received, tmp_path, monkeypatch):
    orders = fake(monkeypatch, worked)
    settings = replace(AUTO, service=replace(AUTO.service, settle_s=1.0))
    analyst = analyst_of(received, settings)
    made = pictures(5)
    uids = admit(received, tmp_path, *made[:3])
    assert analyst.step()
    assert orders == []
    assert received.jobs.counts()["waiting"] == 3
    uids += admit(received, tmp_path, *made[3:])
    work_off(analyst, received)
    (order,) = orders
    assert order.paths == tuple(received.spool.path_of(uid) for uid in reversed(uids))
    assert received.jobs.counts() == {
        "waiting": 0,
        "working": 0,
        "done": 1,
        "failed": 0,
        "skipped": 4,
    }
    assert {one.source_uid for one in received.queue.every()} == {uids[-1]}


def test_a_series_of_single_pictures_is_searched_once_for_all_its_jobs(
    received, tmp_path, monkeypatch
):
    fake(monkeypatch, worked)
    searched = []
    search = find.find_loops
    monkeypatch.setattr(find, "find_loops", lambda paths: searched.append(paths) or search(paths))
    analyst = analyst_of(received)
    admit(received, tmp_path, *pictures(5))
    work_off(analyst, received)
    assert received.jobs.counts()["skipped"] == 4
    assert len(searched) == 1


def test_pictures_that_came_while_the_clock_was_ahead_are_analysed(
    received, tmp_path, monkeypatch
):
    orders = fake(monkeypatch, worked)
    for number, one in enumerate(pictures(2)):
        path = write(one, tmp_path / f"{number}.dcm")
        received.admit(path, job=True, received_s=time.time() + 365 * 86400)
    work_off(analyst_of(received), received)
    assert [len(one.paths) for one in orders] == [2]


def test_a_job_on_which_the_service_itself_ends_again_and_again_has_failed(
    received, tmp_path, monkeypatch
):
    orders = fake(monkeypatch, worked)
    (uid,) = admit(received, tmp_path, make_loop(seed=1))
    for _ in range(MOST_CRASHES):
        assert received.jobs.claim(time.time()).sop_instance_uid == uid
        received.jobs.recover()
    work_off(analyst_of(received), received)
    assert orders == []
    assert received.jobs.get(uid).state == "failed"
    assert f"ended {MOST_CRASHES} times" in received.jobs.get(uid).reason


def test_what_was_decided_without_a_silent_worklist_says_so(received, tmp_path, monkeypatch):
    fake(monkeypatch, worked)

    def silent(_):
        raise UnansweredError

    admit(received, tmp_path, make_loop(seed=1))
    work_off(analyst_of(received, scheduled=silent), received)
    assert received.jobs.counts()["done"] == 1
    (decided,) = [one for one in recent(received.root / "audit") if one.event == "decided"]
    assert decided.facts["basis"].endswith("the worklist did not answer")


def test_a_picture_that_comes_late_makes_a_new_loop(received, tmp_path, monkeypatch):
    orders = fake(monkeypatch, worked)
    analyst = analyst_of(received)
    made = pictures(3)
    admit(received, tmp_path, *made[:2])
    work_off(analyst, received)
    time.sleep(0.01)
    admit(received, tmp_path, made[2])
    work_off(analyst, received)
    assert [len(one.paths) for one in orders] == [2, 3]


def test_a_worklist_item_decides_and_its_absence_holds_up_nothing(received, tmp_path, monkeypatch):
    orders = fake(monkeypatch, worked)
    codes = {"7^99X": "esi_il_lumbar"}
    settings = replace(AUTO, service=replace(AUTO.service, procedure_codes=codes))
    admit(received, tmp_path, make_loop(seed=1))
    item = Requested(codes=("7^99X",), side="right")
    work_off(analyst_of(received, settings, scheduled=lambda _: item), received)
    admit(received, tmp_path, make_loop(seed=2))
    work_off(analyst_of(received, settings), received)
    assert [(one.procedure, one.side) for one in orders] == [
        ("esi_il_lumbar", "right"),
        ("generic", None),
    ]


def test_jobs_that_a_crash_interrupted_begin_again(received, tmp_path, monkeypatch):
    fake(monkeypatch, worked)
    (uid,) = admit(received, tmp_path, make_loop(seed=1))
    assert received.jobs.claim(time.time()).sop_instance_uid == uid
    assert received.jobs.recover() == 1
    work_off(analyst_of(received), received)
    assert received.jobs.get(uid).state == "done"
    assert Index(received.database).get(uid) is not None


def test_every_result_is_known_for_one_of_ours_and_no_synthetic_loop_is(analysed, subtracted):
    made = [*analysed.files, *subtracted]
    assert all(is_made_here(pydicom.dcmread(one, stop_before_pixels=True)) for one in made)
    assert not is_made_here(pydicom.dcmread(analysed.loop, stop_before_pixels=True))
