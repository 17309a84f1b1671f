"""The outgoing queue loses nothing and sends nothing for ever: the rules, one by one."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows import outgoing

from napari_fluoroinject.errors import ConflictError, StorageError
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.queue import DAY_S, Entry, Queue, back_off_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOTHING = {"new": 0, "sending": 0, "sent": 0, "committed": 0, "dead": 0}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path) as opened:
        yield opened


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database, jitter=lambda: 0.0)


def only(queue: Queue) -> Entry:
    (entry,) = queue.every()
    return entry


def taken(queue: Queue, now_s: float = 1e6) -> Entry:
    (entry,) = queue.take(now_s=now_s, limit=1)
    return entry


def sent(queue: Queue, uid: str = "2.1", now_s: float = 100.0, **changes: object) -> Entry:
    queue.add([outgoing(uid, **changes)], now_s=0)
    entry = taken(queue)
    queue.sent(entry.number, status=0, now_s=now_s)
    return next(one for one in queue.every() if one.number == entry.number)


def asked(queue: Queue, *uids: str, transaction: str = "9.1", now_s: float = 200.0) -> None:
    numbers = [sent(queue, uid).number for uid in uids]
    queue.commitment_asked(numbers, transaction_uid=transaction, now_s=now_s)


def states(queue: Queue) -> dict[str, str]:
    return {one.sop_instance_uid: one.state for one in queue.every()}


def test_what_is_queued_is_told_as_it_was_given(queue):
    assert queue.add([outgoing("2.1"), outgoing("2.2")], now_s=5) == 2
    assert queue.every()[1] == Entry(
        sop_instance_uid="2.2",
        sop_class_uid=outgoing().sop_class_uid,
        sha256="bytes of 2.2",
        path=Path("/results/2.2.dcm"),
        destination="pacs",
        source_uid="1.2",
        number=2,
        state="new",
        tries=0,
        next_try_s=5,
        last_error=None,
        last_status=None,
        transaction_uid=None,
        added_s=5,
        sent_s=None,
    )
    assert queue.counts() == NOTHING | {"new": 2}


@pytest.mark.parametrize("state", ["new", "sending", "sent", "committed", "dead"])
def test_queued_once_more_for_the_same_destination_it_stays_as_it_is(state, queue):
    queue.add([outgoing()], now_s=0)
    if state != "new":
        number = taken(queue).number
        if state == "dead":
            queue.failed(number, error="no", status=1, permanent=True, now_s=1)
        if state in ("sent", "committed"):
            queue.sent(number, status=0, now_s=1)
        if state == "committed":
            queue.verified(number, now_s=2)
    before = only(queue)
    assert before.state == state
    assert queue.add([outgoing()], now_s=9) == 0
    assert only(queue) == before


def test_a_result_written_anew_elsewhere_is_sent_from_there(queue):
    queue.add([outgoing()], now_s=0)
    assert queue.add([outgoing(path=Path("/elsewhere/2.1.dcm"))], now_s=1) == 0
    assert only(queue).path == Path("/elsewhere/2.1.dcm")


def test_the_same_result_goes_to_each_destination_once(queue):
    items = [outgoing(), outgoing(destination="research"), outgoing()]
    assert queue.add(items, now_s=0) == 2
    assert [one.destination for one in queue.every()] == ["pacs", "research"]


@pytest.mark.parametrize("destination", ["pacs", "research"])
def test_other_bytes_under_a_queued_uid_are_refused_with_all_beside_them(destination, queue):
    queue.add([outgoing()], now_s=0)
    with pytest.raises(ConflictError, match=r"2\.1 is queued with other bytes"):
        queue.add([outgoing("2.0"), outgoing(sha256="other", destination=destination)], now_s=1)
    assert states(queue) == {"2.1": "new"}


def test_what_is_due_longest_is_taken_first_and_by_one_alone(queue):
    for uid, at_s in (("2.3", 3), ("2.1", 1), ("2.2", 1), ("2.4", 4)):
        queue.add([outgoing(uid)], now_s=at_s)
    assert queue.take(now_s=0.9, limit=9) == ()
    assert queue.take(now_s=9, limit=0) == ()
    first = queue.take(now_s=3, limit=2)
    assert [(one.sop_instance_uid, one.state, one.tries) for one in first] == [
        ("2.1", "sending", 1),
        ("2.2", "sending", 1),
    ]
    assert [one.sop_instance_uid for one in queue.take(now_s=3, limit=9)] == ["2.3"]
    assert queue.take(now_s=3, limit=9) == ()


def test_one_destination_can_be_served_alone(queue):
    queue.add([outgoing("2.1"), outgoing("2.2", destination="research")], now_s=0)
    (entry,) = queue.take(now_s=0, limit=9, destination="research")
    assert entry.sop_instance_uid == "2.2"
    assert queue.take(now_s=0, limit=9, destination="other") == ()


def test_what_was_acknowledged_is_sent_and_not_committed(queue):
    entry = sent(queue, now_s=100)
    assert (entry.state, entry.sent_s, entry.last_status, entry.tries) == ("sent", 100, 0, 1)
    assert queue.take(now_s=1e12, limit=9) == ()


def test_an_acknowledgement_ends_the_errors_of_earlier_tries(queue):
    queue.add([outgoing()], now_s=0)
    queue.failed(taken(queue).number, error="away", status=None, permanent=False, now_s=0)
    assert (only(queue).last_error, only(queue).last_status) == ("away", None)
    queue.sent(taken(queue).number, status=0xB000, now_s=9)
    assert (only(queue).last_error, only(queue).last_status) == (None, 0xB000)


def test_failures_wait_twice_as_long_each_time(queue):
    queue.add([outgoing()], now_s=0)
    now_s, waits = 0.0, []
    for _ in range(12):
        (entry,) = queue.take(now_s=now_s, limit=1)
        queue.failed(entry.number, error="busy", status=0xA700, permanent=False, now_s=now_s)
        failed = only(queue)
        assert (failed.state, failed.last_error, failed.last_status) == ("new", "busy", 0xA700)
        waits.append(failed.next_try_s - now_s)
        assert queue.take(now_s=failed.next_try_s - 0.001, limit=1) == ()
        now_s = failed.next_try_s
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]


@given(tries=st.integers(0, 10**9), jitter=st.floats(-1, 1))
def test_a_wait_is_within_a_fifth_of_the_doubled_one_and_at_most_an_hour(tries, jitter):
    wait_s = back_off_s(tries, jitter=jitter)
    doubled = min(5 * 2 ** min(max(tries, 1) - 1, 20), 3600)
    assert 0.8 * doubled - 1e-9 <= wait_s <= min(1.2 * doubled + 1e-9, 3600)
    assert back_off_s(tries, jitter=-1) <= wait_s <= back_off_s(tries, jitter=1)


def test_many_that_fail_at_once_do_not_come_back_at_once(database):
    queue = Queue(database)
    queue.add([outgoing(f"2.{number}") for number in range(50)], now_s=0)
    for entry in queue.take(now_s=0, limit=50):
        queue.failed(entry.number, error="away", status=None, permanent=False, now_s=0)
    waits = {one.next_try_s for one in queue.every()}
    assert len(waits) > 40
    assert 4 <= min(waits) < 4.9
    assert 5.1 < max(waits) <= 6


def test_a_permanent_failure_is_dead_told_and_never_dropped(queue):
    queue.add([outgoing()], now_s=0)
    queue.failed(
        taken(queue).number, error="no such class", status=0x0122, permanent=True, now_s=1
    )
    assert (only(queue).state, only(queue).last_error) == ("dead", "no such class")
    assert only(queue).last_status == 0x0122
    assert queue.take(now_s=1e12, limit=9) == ()
    assert queue.alarms(now_s=1) == (only(queue),)
    queue.add([outgoing("2.2")], now_s=1)
    assert states(queue) == {"2.1": "dead", "2.2": "new"}


def test_a_failure_concerns_one_entry_alone(queue):
    queue.add([outgoing("2.1"), outgoing("2.2")], now_s=0)
    first, second = queue.take(now_s=0, limit=2)
    queue.failed(first.number, error="no", status=1, permanent=True, now_s=1)
    assert states(queue) == {"2.1": "dead", "2.2": "sending"}
    queue.failed(second.number, error="away", status=None, permanent=False, now_s=1)
    assert states(queue) == {"2.1": "dead", "2.2": "new"}
    assert queue.every()[0].last_error == "no"


def test_what_is_not_there_after_all_is_sent_again_or_given_up(queue):
    entry = sent(queue)
    queue.failed(entry.number, error="not found", status=None, permanent=False, now_s=1000)
    assert (only(queue).state, only(queue).next_try_s) == ("new", 1005)
    queue.sent(taken(queue).number, status=0, now_s=2000)
    queue.failed(entry.number, error="never", status=None, permanent=True, now_s=1000)
    assert only(queue).state == "dead"


def test_a_commitment_that_was_asked_for_and_reported_commits(queue):
    asked(queue, "2.1", "2.2")
    assert {one.transaction_uid for one in queue.every()} == {"9.1"}
    assert queue.commitment_reported("9.1", committed=["2.1", "2.2"], failed={}, now_s=300)
    assert states(queue) == {"2.1": "committed", "2.2": "committed"}
    assert queue.take(now_s=1e12, limit=9) == ()


def test_what_a_report_says_is_not_kept_is_sent_again(queue):
    asked(queue, "2.1", "2.2", "2.3")
    assert queue.commitment_reported("9.1", committed=["2.1"], failed={"2.2": 0x0112}, now_s=300)
    assert states(queue) == {"2.1": "committed", "2.2": "new", "2.3": "sent"}
    failed = queue.every("new")[0]
    assert failed.last_error == "the archive does not keep it: reason 0x0112"
    assert (failed.last_status, failed.next_try_s) == (0x0112, 305)


def test_a_report_that_says_both_commits_nothing(queue):
    asked(queue, "2.1")
    queue.commitment_reported("9.1", committed=["2.1"], failed={"2.1": 0x0110}, now_s=300)
    assert states(queue) == {"2.1": "new"}


def test_a_report_of_an_unknown_transaction_changes_nothing(queue):
    asked(queue, "2.1")
    assert not queue.commitment_reported("9.9", committed=["2.1"], failed={}, now_s=300)
    assert states(queue) == {"2.1": "sent"}


def test_a_report_commits_nothing_that_it_was_not_asked_about(queue):
    asked(queue, "2.1")
    sent(queue, "2.2")
    asked(queue, "2.3", transaction="9.2")
    assert queue.commitment_reported(
        "9.1", committed=["2.1", "2.2", "2.3", "7.7"], failed={"7.8": 1}, now_s=300
    )
    assert states(queue) == {"2.1": "committed", "2.2": "sent", "2.3": "sent"}


def test_the_same_report_again_is_known_and_no_news(queue):
    asked(queue, "2.1", "2.2")
    for _ in range(2):
        assert queue.commitment_reported("9.1", committed=["2.1"], failed={"2.2": 1}, now_s=300)
    before = queue.every()
    again = taken(queue)  # 2.2 once more, under way when an old report comes again
    assert queue.commitment_reported("9.1", committed=["2.2"], failed={}, now_s=400)
    queue.sent(again.number, status=0, now_s=500)
    assert queue.commitment_reported("9.1", committed=["2.2"], failed={}, now_s=600)
    assert states(queue) == {"2.1": "committed", "2.2": "sent"}  # of another sending
    assert queue.every()[0] == before[0]


def test_a_transaction_is_noted_for_what_is_sent_and_once(queue):
    number = sent(queue).number
    queue.add([outgoing("2.2")], now_s=0)
    with pytest.raises(StorageError, match="entry 2 is new; expected one that is sent"):
        queue.commitment_asked([number, 2], transaction_uid="9.1", now_s=1)
    assert queue.every()[0].transaction_uid is None
    queue.commitment_asked([number], transaction_uid="9.1", now_s=1)
    with pytest.raises(StorageError, match="SQLITE_CONSTRAINT"):
        queue.commitment_asked([number], transaction_uid="9.1", now_s=1)


def test_what_no_commitment_was_asked_for_is_told_in_order(queue):
    for uid in ("2.1", "2.2", "2.3"):
        sent(queue, uid)
    sent(queue, "2.4", destination="research")
    queue.add([outgoing("2.5")], now_s=0)
    queue.commitment_asked([1], transaction_uid="9.1", now_s=1)
    told = queue.unasked(destination="pacs", limit=9)
    assert [one.sop_instance_uid for one in told] == ["2.2", "2.3"]
    assert len(queue.unasked(destination="pacs", limit=1)) == 1


def test_a_refused_commitment_can_be_asked_again_and_a_late_report_is_taken(queue):
    asked(queue, "2.1", "2.2")
    assert queue.unasked(destination="pacs", limit=9) == ()
    asked(queue, "2.3", transaction="9.2")
    queue.commitment_refused("9.1", now_s=201)
    assert len(queue.unasked(destination="pacs", limit=9)) == 2
    assert queue.commitment_reported("9.1", committed=["2.1"], failed={}, now_s=300)
    queue.commitment_refused("9.1", now_s=301)
    assert states(queue) == {"2.1": "committed", "2.2": "sent", "2.3": "sent"}


def test_when_a_transaction_was_answered_is_noted(database, queue):
    asked(queue, "2.1")
    asked(queue, "2.2", transaction="9.2", now_s=210)
    asked(queue, "2.3", transaction="9.3", now_s=220)
    queue.commitment_refused("9.1", now_s=301)
    queue.commitment_reported("9.2", committed=["2.2"], failed={}, now_s=302)
    with database.reading() as connection:
        rows = connection.execute("SELECT * FROM commitment ORDER BY asked_s").fetchall()
    assert list(map(tuple, rows)) == [("9.1", 200, 301), ("9.2", 210, 302), ("9.3", 220, None)]


def test_what_waits_too_long_for_word_is_overdue(queue):
    assert DAY_S == 24 * 60 * 60
    sent(queue, "2.1", now_s=100)
    asked(queue, "2.2", now_s=200)
    assert queue.overdue(now_s=100 + DAY_S - 0.1) == ()
    assert [one.sop_instance_uid for one in queue.overdue(now_s=100 + DAY_S)] == ["2.1"]
    assert [one.sop_instance_uid for one in queue.overdue(now_s=200 + DAY_S)] == ["2.1", "2.2"]
    assert len(queue.overdue(now_s=200, patience_s=0)) == 2
    for number in (1, 2):
        queue.verified(number, now_s=1e6)
    assert queue.overdue(now_s=1e12) == ()
    assert queue.counts() == NOTHING | {"committed": 2}


def test_what_was_being_sent_in_a_crash_is_sent_again(queue):
    queue.add([outgoing("2.1"), outgoing("2.2")], now_s=0)
    sent(queue, "2.0", destination="research")
    for entry in queue.take(now_s=0, limit=1):
        assert entry.sop_instance_uid == "2.2"
    assert queue.recover() == 1
    assert queue.recover() == 0
    assert states(queue) == {"2.1": "sent", "2.2": "new", "2.0": "new"}
    assert {one.tries for one in queue.every()} == {0, 1}


@pytest.mark.parametrize("state", ["new", "sent", "dead"])
def test_a_person_can_have_it_sent_again_at_once(state, queue):
    queue.add([outgoing()], now_s=1e6)
    if state != "new":
        number = taken(queue).number
        if state == "sent":
            queue.sent(number, status=0, now_s=1e6)
        else:
            queue.failed(number, error="no", status=1, permanent=True, now_s=1e6)
    queue.retry(1)
    again = taken(queue, now_s=0.0)
    assert again.tries == 1
    queue.failed(1, error="no", status=1, permanent=False, now_s=0)
    assert only(queue).next_try_s == 5


def test_a_retry_concerns_one_entry_alone_and_is_asked_about_anew(queue):
    asked(queue, "2.1", "2.2")
    queue.retry(1)
    assert states(queue) == {"2.1": "new", "2.2": "sent"}
    queue.sent(taken(queue).number, status=0, now_s=300)
    assert [one.number for one in queue.unasked(destination="pacs", limit=9)] == [1]


ACTS: dict[str, tuple[Callable[[Queue, int], object], set[str]]] = {
    "sent": (lambda queue, number: queue.sent(number, status=0, now_s=1), {"sending"}),
    "failed": (
        lambda queue, n: queue.failed(n, error="", status=None, permanent=False, now_s=1),
        {"sending", "sent"},
    ),
    "dead": (
        lambda queue, n: queue.failed(n, error="", status=None, permanent=True, now_s=1),
        {"sending", "sent"},
    ),
    "asked": (
        lambda queue, n: queue.commitment_asked([n], transaction_uid="9.9", now_s=1),
        {"sent"},
    ),
    "verified": (lambda queue, number: queue.verified(number, now_s=1), {"sent"}),
    "retry": (lambda queue, number: queue.retry(number), {"new", "sent", "dead"}),
    "purged": (lambda queue, number: queue.purged(number, now_s=1), {"committed"}),
}


@pytest.mark.parametrize(("act", "state"), list(itertools.product(ACTS, NOTHING)), ids=str)
def test_every_act_is_for_its_states_alone(act, state, queue):
    queue.add([outgoing()], now_s=0)
    if state != "new":
        taken(queue)
    if state == "dead":
        queue.failed(1, error="no", status=1, permanent=True, now_s=1)
    if state in ("sent", "committed"):
        queue.sent(1, status=0, now_s=1)
    if state == "committed":
        queue.verified(1, now_s=2)
    before = only(queue)
    do, allowed = ACTS[act]
    if state in allowed:
        do(queue, 1)
        return
    with pytest.raises(StorageError, match=f"entry 1 is {state}; expected one that is "):
        do(queue, 1)
    assert only(queue) == before
    with pytest.raises(StorageError, match="no entry 77; expected a number of the queue"):
        do(queue, 77)


def test_entries_are_told_by_state_and_in_their_order(queue):
    queue.add([outgoing(f"2.{number}") for number in range(4)], now_s=0)
    queue.take(now_s=0, limit=2)
    assert [one.number for one in queue.every()] == [1, 2, 3, 4]
    assert [one.number for one in queue.every("sending")] == [1, 2]
    assert queue.every("dead") == ()


def test_a_person_is_told_what_is_on_its_way_for_a_day(queue):
    queue.add([outgoing("2.1")], now_s=0)
    sent(queue, "2.2")
    assert queue.alarms(now_s=DAY_S - 1) == ()
    assert [one.sop_instance_uid for one in queue.alarms(now_s=DAY_S)] == ["2.1", "2.2"]
    assert len(queue.alarms(now_s=10, after_s=10)) == 2
    queue.sent(queue.take(now_s=1, limit=1)[0].number, status=0, now_s=0)
    for entry in queue.every():
        queue.verified(entry.number, now_s=1)
    assert queue.alarms(now_s=1e12) == ()


def test_a_result_may_go_when_every_destination_has_kept_it_for_long_enough(queue):
    queue.add([outgoing("2.1"), outgoing("2.1", destination="research")], now_s=0)
    for entry in queue.take(now_s=0, limit=2):
        queue.sent(entry.number, status=0, now_s=1)
    queue.verified(1, now_s=100)
    assert queue.purgeable(now_s=1e9, keep_s=0) == ()
    queue.verified(2, now_s=200)
    assert queue.purgeable(now_s=249, keep_s=50) == ()
    both = queue.purgeable(now_s=250, keep_s=50)
    assert [one.number for one in both] == [1, 2]
    queue.purged(1, now_s=250)
    assert [one.number for one in queue.purgeable(now_s=250, keep_s=50)] == [2]
    assert queue.counts()["committed"] == 2  # the rows stay
    queue.add([outgoing("2.1")], now_s=300)  # written anew: there is a file again
    assert [one.number for one in queue.purgeable(now_s=300, keep_s=50)] == [1, 2]


TAKES = """
import sys
from pathlib import Path
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.queue import Queue
with Database(Path(sys.argv[1])) as database:
    queue = Queue(database)
    while entries := queue.take(now_s=1e9, limit=3):
        for entry in entries:
            queue.sent(entry.number, status=0, now_s=1e9)
            print(entry.number)
"""


def test_processes_at_once_never_take_the_same_entry(tmp_path, queue):
    queue.add([outgoing(f"2.{number}") for number in range(200)], now_s=0)
    command = [sys.executable, "-c", TAKES, str(tmp_path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert sorted(map(int, itertools.chain(*said))) == list(range(1, 201))
    assert queue.counts() == NOTHING | {"sent": 200}


def _send_all(database: Database, told: Callable[[str], None]) -> None:
    """A sender's work from end to end; it tells what it was promised."""
    queue = Queue(database)
    queue.add([outgoing("2.1"), outgoing("2.2")], now_s=0)
    told("added")
    entries = queue.take(now_s=0, limit=2)
    told("taken")
    for entry in entries:
        queue.sent(entry.number, status=0, now_s=1)
    told("sent")
    queue.commitment_asked([one.number for one in entries], transaction_uid="9.1", now_s=2)
    told("asked")
    queue.commitment_reported("9.1", committed=["2.1"], failed={"2.2": 1}, now_s=3)
    told("reported")


def _killed_at(step: int, folder: Path) -> tuple[bool, list[str]]:
    """Let a process of its own send, killed before its n-th call of SQLite."""
    out, into = os.pipe()
    child = os.fork()
    if child:
        os.close(into)
        with os.fdopen(out) as reader:
            told = reader.read().split()
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status) != 0, told
    calls = itertools.count()

    def before(_frame: object, event: str, called: object) -> None:
        of_sqlite = event == "c_call" and type(getattr(called, "__self__", None)).__module__ == (
            "sqlite3"
        )
        if of_sqlite and next(calls) == step:
            os._exit(9)

    status = 1
    try:
        os.close(out)
        random.seed(0)
        with Database(folder) as database:
            sys.setprofile(before)
            _send_all(database, lambda word: os.write(into, f"{word}\n".encode()) and None)
            sys.setprofile(None)
        status = 0
    finally:
        os._exit(status)  # never back into the test


PROMISED = {
    "added": {"new", "sending", "sent", "committed"},
    "taken": {"sending", "sent", "committed", "new"},
    "sent": {"sent", "committed", "new"},
    "reported": {"committed", "new"},
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a copy of this process")
def test_killed_before_any_call_of_sqlite_nothing_promised_is_lost(tmp_path):
    seen = set()
    for step in itertools.count():
        folder = tmp_path / str(step)
        killed, told = _killed_at(step, folder)
        with Database(folder) as database:
            queue = Queue(database)
            found = states(queue)
            assert set(found) in (set(), {"2.1", "2.2"})  # all or none of an addition
            for word in told:
                assert set(found.values()) <= PROMISED.get(word, set(NOTHING))
                assert found
            if "asked" in told:
                assert queue.every()[0].transaction_uid == "9.1"
            if "reported" in told:
                assert found == {"2.1": "committed", "2.2": "new"}
            seen.add(tuple(found.values()))
            queue.recover()
            assert "sending" not in states(queue).values()
            _send_rest(queue)
            assert states(queue) in ({}, {"2.1": "committed", "2.2": "committed"})
        if not killed:
            break
    assert step > 20
    assert len(seen) >= 5


def _send_rest(queue: Queue) -> None:
    for entry in queue.take(now_s=1e9, limit=9):
        queue.sent(entry.number, status=0, now_s=1e9)
    for entry in queue.overdue(now_s=1e12):
        queue.verified(entry.number, now_s=1e12)


def test_what_was_put_off_while_the_clock_was_ahead_is_due_now(queue):
    queue.add([outgoing()], now_s=1000.0 + 365 * 86400)
    (entry,) = queue.take(now_s=1000.0, limit=1)
    queue.failed(entry.number, error="away", status=None, permanent=False, now_s=1000.0)
    assert queue.take(now_s=1000.0, limit=1) == ()
