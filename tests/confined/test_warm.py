"""A process that is kept for many loops: one after another, and a fresh one when it is lost."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from napari_fluoroinject.confined import warm
from napari_fluoroinject.confined.asked import asked_of, request_from
from napari_fluoroinject.confined.warm import StoppedError, WarmWorker
from napari_fluoroinject.confined.work import NotWorked, Worked, WorkOrder
from napari_fluoroinject.model.annotation import NeedleTrajectory
from napari_fluoroinject.model.study import DoseReference
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.workflow import AnalysisRequest, analyze_sources, make_phantom_files

ECHO = """
import json, os, sys, time
for line in sys.stdin:
    asked = json.loads(line)["procedure"]
    if asked == "kill":
        os.kill(os.getpid(), 9)
    if asked == "abort":
        os.abort()
    if asked == "leave":
        sys.exit(3)
    if asked == "sleep":
        time.sleep(600)
    if asked == "rubbish":
        print("no answer", flush=True)
    else:
        fault = "broken" if asked == "break" else "refused"
        told = os.environ.get(asked, str(os.getpid()))
        answer = {"fault": fault, "reason": told, "lost": False, "spent": None}
        print(json.dumps({"not_worked": answer}), flush=True)
"""
ORDER = WorkOrder(paths=(), out=Path("out"), procedure="pid", memory_bytes=1 << 32)


@pytest.fixture
def echoing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process answer with its number, or do what the procedure says."""
    begun = subprocess.Popen

    def other(command, **options):
        return begun((sys.executable, "-S", "-c", ECHO, *command[3:]), **options)

    monkeypatch.setattr(warm.subprocess, "Popen", other)


def told(worker: WarmWorker, asked: str = "pid", *, time_s: float = 60) -> NotWorked:
    answer = worker.work(replace(ORDER, procedure=asked), time_s=time_s)
    assert isinstance(answer, NotWorked)
    return answer


def test_orders_one_after_another_go_to_one_process(echoing):
    with WarmWorker() as worker:
        assert len({told(worker).reason for _ in range(5)}) == 1
        assert worker.pid is not None
    assert worker.pid is None


def test_a_process_is_replaced_after_its_number_of_loops(echoing):
    with WarmWorker(most=2) as worker:
        assert len({told(worker).reason for _ in range(6)}) == 3


@pytest.mark.parametrize(
    ("asked", "fault", "reason"),
    [
        ("kill", "killed", "SIGKILL"),
        ("abort", "broken", "SIGABRT"),
        ("leave", "broken", "status 3"),
        ("rubbish", "broken", "no answer"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_lost_process_is_told_and_the_next_order_gets_a_fresh_one(
    echoing, monkeypatch, asked, fault, reason
):
    monkeypatch.setattr(warm, "_LAST_WORDS_S", 0.2)
    with WarmWorker() as worker:
        before = told(worker).reason
        lost = told(worker, asked)
        assert (lost.fault, lost.lost) == (fault, True)
        assert reason in lost.reason
        after = told(worker)
        assert not after.lost
        assert after.reason != before


def test_a_loop_beyond_its_time_is_ended_and_the_limit_is_named(echoing):
    with WarmWorker() as worker:
        lost = told(worker, "sleep", time_s=0.3)
        assert (lost.fault, lost.lost) == ("broken", True)
        assert "0.3 s (service.time_limit_s)" in lost.reason
        assert not told(worker).lost


def test_a_process_that_met_a_fault_of_the_program_is_not_used_again(echoing):
    with WarmWorker() as worker:
        before = told(worker).reason
        assert told(worker, "break").reason == before
        assert told(worker).reason != before


def test_other_limits_need_another_process(echoing):
    with WarmWorker() as worker:
        before = told(worker).reason
        answer = worker.work(replace(ORDER, memory_bytes=1 << 31), time_s=60)
        assert answer.reason != before


def test_array_libraries_are_told_to_start_one_thread(echoing):
    with WarmWorker(environment={"CUDA_VISIBLE_DEVICES": "1"}) as worker:
        for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):
            assert told(worker, name).reason == "1"


def test_a_worker_that_is_stopped_leaves_no_process(echoing):
    with WarmWorker() as worker:
        told(worker)
        with pytest.raises(StoppedError):
            worker.work(replace(ORDER, procedure="sleep"), time_s=60, stopping=lambda: True)
        assert worker.pid is None


def test_a_request_survives_its_way_as_json(tmp_path):
    request = AnalysisRequest(
        procedure="mbb_lumbar",
        side="left",
        needle=NeedleTrajectory(hub_px=(1.0, 2.0), tip_px=(3.5, 4.0), frame=2),
        target_px=(5.0, 6.0),
        dose_reference=DoseReference(time_p75_s=30.0),
        mask_frames=(0, 1),
        also=frozenset({"document", "key_objects"}),
        annotation_file=tmp_path / "marks.json",
    )
    order = replace(ORDER, asked=asked_of(request))
    assert request_from(WorkOrder.read(order.text()).asked) == request
    assert asked_of(AnalysisRequest()) == {}


def test_results_do_not_depend_on_what_a_process_did_before(tmp_path):
    loops = []
    for seed in range(2):
        settings = PhantomSettings(size=64, frames=12, seed=seed)
        loops += make_phantom_files("mbb_lumbar", settings, out=tmp_path / f"in{seed}")[:1]
    asked = asked_of(AnalysisRequest(procedure="mbb_lumbar"))
    order = replace(ORDER, asked=asked, recover=False)
    digests = []
    with WarmWorker() as worker:
        for number, loop in enumerate(reversed(loops)):
            out = tmp_path / f"out{number}"
            done = worker.work(replace(order, paths=(loop,), out=out), time_s=300)
            assert isinstance(done, Worked), done
            assert done.spent is not None
            assert done.spent.cpu_seconds > 0
            digests.append(digests_of(done.folder))
    request = AnalysisRequest(procedure="mbb_lumbar")
    (direct,) = analyze_sources([str(loops[0])], request, out=tmp_path / "direct").results
    assert digests[1] == digests_of(direct.folder)
    assert digests[0] != digests[1]


def digests_of(folder: Path) -> dict[str, str]:
    return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in folder.iterdir()}
