"""A batch from its first loop to its last, with workers that only say that they worked."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from napari_fluoroinject.batch import run as running
from napari_fluoroinject.batch.journal import Journal
from napari_fluoroinject.batch.order import LoopOrder, Unplanned
from napari_fluoroinject.batch.outcome import BatchOutcome, Terms
from napari_fluoroinject.batch.run import run_batch
from napari_fluoroinject.batch.state import inputs_of, results_of
from napari_fluoroinject.batch.task import Answer, Task
from napari_fluoroinject.confined.work import NotWorked, Spent, Worked
from napari_fluoroinject.errors import ProcedureError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED = Answer(told=NotWorked(fault="refused", reason="no frames"))
LOST = Answer(told=NotWorked(fault="killed", reason="it was ended", lost=True), deaths=1)
FULL = Answer(told=NotWorked(fault="storage", reason="no space"))


class Listed:
    """A plan of what is known beforehand."""

    def __init__(self, *planned: LoopOrder | Unplanned | Exception) -> None:
        self.planned, self.over, self.closed = planned, [], False

    def __iter__(self) -> Iterator[LoopOrder | Unplanned]:
        for one in self.planned:
            if isinstance(one, Exception):
                raise one
            yield one

    def ended(self, order: LoopOrder) -> None:
        self.over.append(order.key)

    def stop(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


class Saying:
    """Workers that answer as they are told to, for each loop in turn; else they say it is done."""

    def __init__(self, out: Path, **answers: list[Answer]) -> None:
        self.out, self.answers = out, {key: deque(told) for key, told in answers.items()}
        self.given: list[str] = []
        self.most = 0
        self._working: deque[Task] = deque()

    def size(self) -> int:
        return 2

    def give(self, task: Task) -> None:
        self._working.append(Task.read(task.text()))
        self.given.append(task.order.key)
        self.most = max(self.most, len(self._working))

    def took(self, timeout_s: float) -> tuple[str, Answer] | None:
        if not self._working or timeout_s == 0:  # one at a time, as from workers
            return None
        task = self._working.popleft()
        key = task.order.key
        if self.answers.get(key):
            answer = self.answers[key].popleft()
        else:
            answer = done(task, self.out / key)
        return key, Answer.read(answer.text())

    def close(self) -> None:
        pass


def done(task: Task, folder: Path) -> Answer:
    folder.mkdir(exist_ok=True)
    (folder / "overview.png").write_bytes(b"picture")
    told = {"outputs": [], "of": [path.read_text() for path in task.order.paths]}
    (folder / "summary.json").write_text(json.dumps(told))
    summary, results = results_of(folder)
    spent = Spent(seconds=1.0, cpu_seconds=2.0, peak_bytes=3)
    worked = Worked(source_uid=task.order.key, folder=folder, warnings=0, files=(), spent=spent)
    inputs = inputs_of(task.order)
    return Answer(told=worked, inputs=inputs, summary_sha256=summary, results_sha256=results)


@pytest.fixture
def orders(tmp_path: Path) -> list[LoopOrder]:
    return [order_of(tmp_path, key) for key in "abcde"]


def order_of(folder: Path, key: str, text: str | None = None, name: str = "") -> LoopOrder:
    path = folder / (name or f"{key}.dcm")
    path.write_text(text or key)
    return LoopOrder(key=key, source=path.name, paths=(path,), asked={"procedure": "p"})


def run(out: Path, planned: object, pool: Saying | None = None, **said: object) -> BatchOutcome:
    plan = planned if isinstance(planned, Listed) else Listed(*planned)
    stopping = said.pop("stopping", lambda: False)
    terms = Terms(out=out, **said)
    with Journal(out) as journal:
        return run_batch(lambda: plan, journal, pool or Saying(out), terms, stopping=stopping)


def states(out: Path) -> dict[str, str]:
    with Journal(out) as journal:
        return {one.key: one.state for one in journal.ended()}


def test_every_loop_is_done_once_and_no_more_are_in_hand_than_there_are_workers(orders, tmp_path):
    plan, pool = Listed(*orders), Saying(tmp_path / "out")
    outcome = run(tmp_path / "out", plan, pool)
    assert (outcome.done, outcome.complete, outcome.cpu_seconds) == (5, True, 10.0)
    assert sorted(pool.given) == list("abcde")
    assert pool.most == 2
    assert sorted(plan.over) == list("abcde")
    assert plan.closed


def test_what_is_done_is_not_done_again(orders, tmp_path):
    out = tmp_path / "out"
    run(out, orders[:3])
    pool = Saying(out)
    outcome = run(out, orders, pool)
    assert (outcome.done, outcome.kept) == (2, 3)
    assert sorted(pool.given) == ["d", "e"]


def _touch(order: LoopOrder, _out: Path) -> LoopOrder:
    order.paths[0].touch()
    return order


def _ask(order: LoopOrder, _out: Path) -> LoopOrder:
    return replace(order, asked={"procedure": "q"})


def _write(order: LoopOrder, _out: Path) -> LoopOrder:
    order.paths[0].write_text("other")
    return order


def _add(order: LoopOrder, out: Path) -> LoopOrder:
    beside = out.parent / "beside.dcm"
    beside.write_text("beside")
    return replace(order, beside=(beside,))


def _cut(order: LoopOrder, out: Path) -> LoopOrder:
    (out / order.key / "summary.json").write_text("{}")
    return order


def _remove(order: LoopOrder, out: Path) -> LoopOrder:
    (out / order.key / "overview.png").unlink()
    return order


@pytest.mark.parametrize(
    ("change", "again"),
    [(_touch, 0), (_ask, 1), (_write, 1), (_add, 1), (_cut, 1), (_remove, 1)],
    ids=["time alone", "request", "content", "study", "summary", "picture"],
)
def test_a_loop_is_done_anew_when_what_it_depends_on_has_changed(tmp_path, change, again):
    order, out = order_of(tmp_path, "a"), tmp_path / "out"
    run(out, [order])
    assert run(out, [change(order, out)]).done == again
    assert results_of(out / "a") is not None


def test_a_loop_of_an_archive_is_known_by_its_origin_without_its_files(tmp_path):
    order, out = replace(order_of(tmp_path, "a"), origin="state 1"), tmp_path / "out"
    run(out, [order])
    assert run(out, [replace(order, paths=())]).kept == 1
    order.paths[0].write_text("fetched anew")
    assert run(out, [replace(order, origin="state 2")]).done == 1


def test_a_failure_is_named_and_tried_again_when_that_is_asked_for(orders, tmp_path):
    out = tmp_path / "out"
    outcome = run(out, orders, Saying(out, b=[REFUSED]))
    assert (outcome.done, outcome.complete) == (4, False)
    (failure,) = outcome.failures
    assert (failure.key, failure.source, failure.reason) == ("b", "b.dcm", "no frames")
    assert not failure.before
    again = run(out, orders)
    assert (again.kept, again.done, [one.before for one in again.failures]) == (4, 0, [True])
    assert run(out, orders, retry=True).complete


def test_a_loop_that_costs_two_processes_is_set_aside_and_the_rest_goes_on(orders, tmp_path):
    out = tmp_path / "out"
    pool = Saying(out, a=[LOST], c=[LOST, LOST])
    outcome = run(out, orders, pool)
    assert states(out) == {"a": "done", "b": "done", "c": "set_aside", "d": "done", "e": "done"}
    assert pool.given.count("a") == pool.given.count("c") == 2
    (failure,) = outcome.failures
    assert (failure.state, failure.reason) == ("set_aside", "tried 2 times: it was ended")
    assert run(out, orders, retry=True).complete


def test_a_lost_process_is_remembered_by_the_next_batch(tmp_path):
    order, out = order_of(tmp_path, "a"), tmp_path / "out"
    stop = iter([False, True, True, True])
    run(out, [order], Saying(out, a=[LOST]), stopping=lambda: next(stop))
    assert states(out) == {}
    run(out, [order], Saying(out, a=[LOST]))
    assert states(out) == {"a": "set_aside"}


def test_a_disk_that_is_full_for_a_moment_is_no_fault_of_the_loop(tmp_path):
    order, out = order_of(tmp_path, "a"), tmp_path / "out"
    assert run(out, [order], Saying(out, a=[FULL])).complete
    outcome = run(out, [order, order_of(tmp_path, "b")], Saying(out, b=[FULL, FULL]))
    assert len(outcome.failures) == 1
    assert run(out, [order, order_of(tmp_path, "b")]).complete  # without --retry


def test_a_batch_ends_when_nothing_can_be_written_any_more(tmp_path, monkeypatch):
    order, out = order_of(tmp_path, "a"), tmp_path / "out"

    def full(_path: Path, _bytes: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    monkeypatch.setattr(running, "leave_token", lambda *_: None)
    with pytest.raises(StorageError, match="make room, and give the same command again"):
        run(out, [order], Saying(out, a=[FULL]))


def test_a_copy_of_a_loop_is_no_failure_and_another_loop_of_its_uid_is_one(tmp_path):
    order, out = order_of(tmp_path, "a"), tmp_path / "out"
    copy, other = order_of(tmp_path, "a", name="copy"), order_of(tmp_path, "a", "else", "other")
    outcome = run(out, [order, copy, other])
    assert (outcome.done, outcome.copies) == (1, 1)
    assert [(one.source, one.state) for one in outcome.failures] == [("other", "unplanned")]
    assert "SOP Instance UID" in outcome.failures[0].reason


def test_what_cannot_be_planned_is_a_failure_and_the_rest_is_done(orders, tmp_path):
    unplanned = Unplanned(source="b", reason="no such file")
    outcome = run(tmp_path / "out", [orders[0], unplanned, *orders[1:]])
    assert outcome.done == 5
    assert [(one.key, one.reason) for one in outcome.failures] == [(None, "no such file")]


def test_a_wrong_request_ends_the_batch(orders, tmp_path):
    with pytest.raises(ProcedureError, match="none such"):
        run(tmp_path / "out", [ProcedureError("none such")])


def test_a_batch_that_is_stopped_ends_what_is_in_work_and_begins_nothing(orders, tmp_path):
    out = tmp_path / "out"
    pool = Saying(out)
    outcome = run(out, orders, pool, stopping=lambda: bool(pool.given))
    assert outcome.stopped
    assert 1 <= outcome.done == len(pool.given) <= 2  # as many as were planned by then
    assert not outcome.complete
    assert run(out, orders).complete


def test_what_is_left_and_how_long_it_takes_is_told(orders, tmp_path):
    told = []
    out = tmp_path / "out"
    with Journal(out) as journal:
        terms = Terms(out=out)
        run_batch(lambda: Listed(*orders), journal, Saying(out), terms, watch=told.append)
    assert [one.done for one in told] == sorted(one.done for one in told)
    last = told[-1]
    assert (last.done, last.failed, last.left) == (5, 0, 0)
    assert last.remaining_s == 0
    assert last.loops_per_hour > 0


def test_loops_that_failed_before_are_no_work_of_this_run(orders, tmp_path):
    told, out = [], tmp_path / "out"
    run(out, orders, Saying(out, b=[REFUSED]))
    with Journal(out) as journal:
        plan = Listed(*orders, Unplanned(source="x", reason="none"), order_of(tmp_path, "f"))
        run_batch(lambda: plan, journal, Saying(out), Terms(out=out), watch=told.append)
    last = told[-1]
    assert (last.done, last.kept, last.failed, last.worked) == (1, 4, 2, 1)
    assert last.loops_per_hour == pytest.approx(3600 / last.seconds)


def test_a_reason_that_is_kept_names_no_folder_of_the_machine(tmp_path):
    order, out = order_of(tmp_path, "a"), tmp_path / "out"
    reason = f"{out}/1.2 could not be written: something of this name is there"
    outcome = run(
        out, [order], Saying(out, a=[Answer(told=NotWorked(fault="refused", reason=reason))])
    )
    assert outcome.failures[0].reason == reason.removeprefix(f"{out}/")
    assert str(out) not in (out / ".fluoroinject-batch" / "journal").read_text()


def test_loops_that_are_done_anew_are_counted(tmp_path):
    order, out = order_of(tmp_path, "a"), tmp_path / "out"
    assert run(out, [order]).anew == 0
    outcome = run(out, [replace(order, asked={"level": "L3"})])
    assert (outcome.done, outcome.anew) == (1, 1)
