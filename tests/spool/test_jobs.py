"""A job is worked on by one, ends once, and its results are queued with its end or not at all."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from rows import arrival, outgoing

from napari_fluoroinject.errors import ConflictError, StorageError
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.index import Index
from napari_fluoroinject.spool.jobs import STATES, SUSPECT_CRASHES, Job, Jobs
from napari_fluoroinject.spool.outgoing import LONGEST_WAIT_S
from napari_fluoroinject.spool.queue import Queue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path) as opened:
        yield opened


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database)


def receive(database: Database, uid: str = "1.2", at_s: float = 1000.0) -> None:
    Index(database).add(arrival(uid, received_s=at_s), job=True)


def only(jobs: Jobs) -> Job:
    (job,) = jobs.every()
    return job


def test_the_job_that_is_due_longest_is_begun_first(database, jobs):
    for uid, at_s in (("1.3", 1003.0), ("1.1", 1001.0), ("1.2", 1001.0)):
        receive(database, uid, at_s)
    assert jobs.claim(1000.9) is None
    begun = [jobs.claim(1003.0) for _ in range(4)]
    assert [job and job.sop_instance_uid for job in begun] == ["1.1", "1.2", "1.3", None]
    assert begun[0] == Job(
        sop_instance_uid="1.1",
        state="working",
        tries=1,
        due_s=1001.0,
        begun_s=1003.0,
        procedure=None,
        reason=None,
    )
    assert jobs.get("1.1") == begun[0]
    assert jobs.get("1.9") is None


def test_a_done_job_has_its_results_in_the_queue(database, jobs):
    receive(database)
    jobs.claim(1000)
    jobs.done("1.2", [outgoing("2.1"), outgoing("2.2")], procedure="mbb_lumbar", now_s=1010)
    assert (only(jobs).state, only(jobs).procedure) == ("done", "mbb_lumbar")
    assert [one.sop_instance_uid for one in Queue(database).every("new")] == ["2.1", "2.2"]
    assert {one.added_s for one in Queue(database).every()} == {1010}


def test_a_result_that_cannot_be_queued_leaves_the_job_undone(database, jobs):
    receive(database)
    Queue(database).add([outgoing("2.2", sha256="other")], now_s=0)
    jobs.claim(1000)
    with pytest.raises(ConflictError):
        jobs.done("1.2", [outgoing("2.1"), outgoing("2.2")], procedure="generic", now_s=1010)
    assert only(jobs).state == "working"
    assert [one.sop_instance_uid for one in Queue(database).every()] == ["2.2"]


def test_a_failure_with_a_retry_waits_and_one_without_is_for_good(database, jobs):
    receive(database)
    jobs.claim(1000)
    jobs.failed("1.2", reason="out of memory", retry_s=30, now_s=1005)
    assert (only(jobs).state, only(jobs).reason, only(jobs).due_s) == (
        "waiting",
        "out of memory",
        1035,
    )
    assert jobs.claim(1034.9) is None
    again = jobs.claim(1035)
    assert again is not None
    assert (again.tries, again.begun_s, again.reason) == (2, 1035, "out of memory")
    jobs.failed("1.2", reason="too odd", retry_s=None, now_s=1040)
    assert (only(jobs).state, only(jobs).reason) == ("failed", "too odd")
    assert jobs.claim(1e9) is None


def test_a_retry_at_once_is_due_at_once(database, jobs):
    receive(database)
    jobs.claim(1000)
    jobs.failed("1.2", reason="killed", retry_s=0.0, now_s=1005)
    assert jobs.claim(1005) is not None


def test_a_skipped_object_says_why(database, jobs):
    receive(database)
    jobs.claim(1000)
    jobs.skipped("1.2", reason="no loop", now_s=1001)
    assert (only(jobs).state, only(jobs).reason) == ("skipped", "no loop")
    assert jobs.claim(1e9) is None


@pytest.mark.parametrize("act", ["failed", "waits", "skipped", "put off", "done", "again"])
def test_what_becomes_of_one_job_leaves_the_others_alone(act, database, jobs):
    for uid in ("1.1", "1.2", "1.3"):
        receive(database, uid)
        jobs.claim(1000)
    if act == "again":
        jobs.skipped("1.2", reason="odd", now_s=1)
        jobs.again("1.2")
    else:
        ends(jobs, "1.2")[act]()
    assert [(one.state, one.tries) for one in jobs.every()][::2] == [("working", 1)] * 2
    assert jobs.every()[1].state != "working"
    assert {one.due_s for one in jobs.every()[::2]} == {1000}


def test_what_is_put_off_costs_no_try(database, jobs):
    receive(database)
    jobs.claim(1000)
    jobs.put_off("1.2", due_s=1010)
    assert (only(jobs).state, only(jobs).tries, only(jobs).due_s) == ("waiting", 0, 1010)
    assert jobs.claim(1009) is None
    begun = jobs.claim(1010)
    assert begun is not None
    assert begun.tries == 1


def test_what_a_crash_interrupted_waits_again_and_its_try_counts(database, jobs):
    for uid in ("1.1", "1.2", "1.3"):
        receive(database, uid)
    jobs.claim(1000)
    jobs.done("1.1", (), procedure="generic", now_s=1001)
    jobs.claim(1002)
    assert jobs.recover() == 1
    assert jobs.recover() == 0
    assert {one.sop_instance_uid: (one.state, one.tries) for one in jobs.every()} == {
        "1.1": ("done", 1),
        "1.2": ("waiting", 1),
        "1.3": ("waiting", 0),
    }


def test_what_the_service_ended_on_again_and_again_is_begun_last_and_alone(database, jobs):
    for uid in ("1.1", "1.2", "1.3"):
        receive(database, uid)
    for crash in range(SUSPECT_CRASHES):
        assert only_uid(jobs.claim(1000)) == "1.1"
        jobs.recover()
        assert jobs.get("1.1").crashes == crash + 1
    assert only_uid(jobs.claim(1000)) == "1.2"
    assert only_uid(jobs.claim(1000)) == "1.3"
    assert jobs.claim(1000) is None  # others are worked on
    jobs.done("1.2", (), procedure="generic", now_s=1001)
    jobs.done("1.3", (), procedure="generic", now_s=1001)
    assert only_uid(jobs.claim(1000)) == "1.1"
    receive(database, "1.4")
    assert jobs.claim(1000) is None  # it is worked on alone
    jobs.failed("1.1", reason="broken", retry_s=None, now_s=1001)
    assert only_uid(jobs.claim(1000)) == "1.4"
    jobs.again("1.1")
    assert jobs.get("1.1").crashes == 0


def only_uid(job: Job | None) -> str:
    assert job is not None
    return job.sop_instance_uid


def test_what_came_while_the_clock_was_ahead_is_due_now(database, jobs):
    receive(database, at_s=1000.0 + 365 * 86400)
    assert only_uid(jobs.claim(1000)) == "1.2"
    jobs.put_off("1.2", due_s=1000 + LONGEST_WAIT_S)
    assert jobs.claim(1000) is None


@pytest.mark.parametrize("end", ["done", "failed", "skipped", "waiting"])
def test_a_job_begins_anew_however_it_ended(end, database, jobs):
    receive(database)
    if end != "waiting":
        jobs.claim(1000)
    if end == "done":
        jobs.done("1.2", [outgoing()], procedure="generic", now_s=1001)
    elif end == "failed":
        jobs.failed("1.2", reason="odd", retry_s=None, now_s=1001)
    elif end == "skipped":
        jobs.skipped("1.2", reason="odd", now_s=1001)
    jobs.again("1.2")
    job = jobs.claim(1.0)  # at once, whatever the clock says
    assert job is not None
    assert (job.tries, job.procedure, job.reason) == (1, None, None)
    jobs.done("1.2", [outgoing()], procedure="generic", now_s=1002)  # the same result: no second
    assert len(Queue(database).every()) == 1


def test_a_job_that_is_worked_on_does_not_begin_anew(database, jobs):
    receive(database)
    jobs.claim(1000)
    with pytest.raises(StorageError, match="being worked on"):
        jobs.again("1.2")


def ends(jobs: Jobs, uid: str) -> dict[str, Callable[[], None]]:
    return {
        "done": lambda: jobs.done(uid, [outgoing("2.9")], procedure="generic", now_s=1),
        "failed": lambda: jobs.failed(uid, reason="odd", retry_s=None, now_s=1),
        "waits": lambda: jobs.failed(uid, reason="odd", retry_s=1, now_s=1),
        "skipped": lambda: jobs.skipped(uid, reason="odd", now_s=1),
        "put off": lambda: jobs.put_off(uid, due_s=1),
    }


@pytest.mark.parametrize("end", ["done", "failed", "waits", "skipped", "put off"])
def test_only_what_is_worked_on_can_end(end, database, jobs):
    receive(database)
    act = ends(jobs, "1.2")[end]
    with pytest.raises(StorageError, match=r"job 1\.2 is waiting; expected one that is worked on"):
        act()
    jobs.claim(1000)
    act()
    before = only(jobs)
    with pytest.raises(StorageError, match="expected one that is worked on"):
        act()
    assert only(jobs) == before
    assert len(Queue(database).every()) == (end == "done")
    with pytest.raises(StorageError, match=r"no job 9\.9"):
        ends(jobs, "9.9")[end]()


def test_an_unknown_job_cannot_begin_anew(jobs):
    with pytest.raises(StorageError, match=r"no job 9\.9; expected the UID of a received object"):
        jobs.again("9.9")


def test_jobs_are_counted_and_told_by_state(database, jobs):
    assert jobs.counts() == dict.fromkeys(STATES, 0)
    for uid in ("1.1", "1.2", "1.3"):
        receive(database, uid)
    jobs.claim(1000)
    assert jobs.counts() == dict.fromkeys(STATES, 0) | {"waiting": 2, "working": 1}
    assert [one.sop_instance_uid for one in jobs.every("waiting")] == ["1.2", "1.3"]
    assert [one.sop_instance_uid for one in jobs.every()] == ["1.1", "1.2", "1.3"]
    assert jobs.every("done") == ()


def test_workers_at_once_never_get_the_same_job(tmp_path, database):
    for number in range(60):
        receive(database, f"1.{number}")
    got: list[str] = []

    def work() -> None:
        with Database(tmp_path) as own:
            while (job := Jobs(own).claim(1e9)) is not None:
                got.append(job.sop_instance_uid)

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(got) == sorted(f"1.{number}" for number in range(60))
