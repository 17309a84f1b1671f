"""Whatever is done to the queue, in whatever order, with crashes between: a model agrees."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from rows import outgoing

from napari_fluoroinject.errors import ConflictError, StorageError
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.queue import Queue

if TYPE_CHECKING:
    from collections.abc import Iterator

ARROWS = {
    ("new", "sending"),  # taken
    ("sending", "sent"),  # acknowledged
    ("sending", "new"),  # failed, or a crash
    ("sending", "dead"),  # refused for good
    ("sent", "committed"),  # reported, or found by a query
    ("sent", "new"),  # reported as not kept, or not found
    ("sent", "dead"),
    ("dead", "new"),  # a person wants it
}
UIDS = st.sampled_from(["2.1", "2.2", "2.3"])
DESTINATIONS = st.sampled_from(["pacs", "research"])
NUMBERS = st.integers(1, 7)


class Sending(RuleBasedStateMachine):
    """A queue and what it ought to hold: state, transaction and tries of every entry."""

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.now_s = 0.0
        self.model: dict[int, dict[str, object]] = {}
        self.transactions: set[str] = set()
        self.seen: dict[int, str] = {}
        self.open()

    def open(self) -> None:
        self.database = Database(Path(self.folder.name))
        self.queue = Queue(self.database)

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
            self.folder.cleanup()

    def known(self, uid: str, destination: str) -> bool:
        key = (uid, destination)
        return any((one["uid"], one["destination"]) == key for one in self.model.values())

    def state(self, number: int) -> str | None:
        return str(self.model[number]["state"]) if number in self.model else None

    @contextmanager
    def only_if(self, allowed: bool) -> Iterator[None]:
        """Expect a refusal where the model knows no such step."""
        if allowed:
            yield
        else:
            with pytest.raises(StorageError):
                yield

    @rule(seconds=st.floats(0.1, 5000))
    def time_goes_by(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(uids=st.lists(UIDS, max_size=4), destination=DESTINATIONS)
    def add(self, uids: list[str], destination: str) -> None:
        fresh = [uid for uid in dict.fromkeys(uids) if not self.known(uid, destination)]
        items = [outgoing(uid, destination=destination) for uid in uids]
        assert self.queue.add(items, now_s=self.now_s) == len(fresh)
        for uid in fresh:
            row = next(
                one
                for one in self.queue.every()
                if (one.sop_instance_uid, one.destination) == (uid, destination)
            )
            assert row.number not in self.model
            self.model[row.number] = {
                "uid": uid,
                "destination": destination,
                "state": "new",
                "tries": 0,
                "transaction": None,
            }

    @rule(uid=UIDS, destination=DESTINATIONS)
    def add_other_bytes(self, uid: str, destination: str) -> None:
        item = outgoing(uid, destination=destination, sha256="other")
        if any(one["uid"] == uid for one in self.model.values()):
            with pytest.raises(ConflictError):
                self.queue.add([outgoing("2.9"), item], now_s=self.now_s)

    @rule(limit=st.integers(0, 3), destination=st.none() | DESTINATIONS)
    def take(self, limit: int, destination: str | None) -> None:
        waiting = {one.number: one for one in self.queue.every("new")}
        entries = self.queue.take(now_s=self.now_s, limit=limit, destination=destination)
        due = [
            one
            for one in waiting.values()
            if one.next_try_s <= self.now_s and destination in (None, one.destination)
        ]
        assert len(entries) == min(limit, len(due))
        for entry in entries:
            one = self.model[entry.number]
            assert one["state"] == "new"
            one |= {"state": "sending", "tries": int(str(one["tries"])) + 1}
            assert entry.tries == one["tries"]

    @rule(number=NUMBERS)
    def sent(self, number: int) -> None:
        allowed = self.state(number) == "sending"
        with self.only_if(allowed):
            self.queue.sent(number, status=0, now_s=self.now_s)
        if allowed:
            self.model[number] |= {"state": "sent", "transaction": None}

    @rule(number=NUMBERS, permanent=st.booleans())
    def failed(self, number: int, permanent: bool) -> None:
        allowed = self.state(number) in ("sending", "sent")
        with self.only_if(allowed):
            self.queue.failed(
                number, error="away", status=None, permanent=permanent, now_s=self.now_s
            )
        if allowed:
            self.model[number]["state"] = "dead" if permanent else "new"
            (entry,) = (one for one in self.queue.every() if one.number == number)
            assert self.now_s + 4 <= entry.next_try_s <= self.now_s + 3600

    @rule(numbers=st.lists(NUMBERS, min_size=1, max_size=3, unique=True))
    def ask(self, numbers: list[int]) -> None:
        transaction = f"9.{len(self.transactions) + 1}"
        allowed = all(self.state(number) == "sent" for number in numbers)
        with self.only_if(allowed):
            self.queue.commitment_asked(numbers, transaction_uid=transaction, now_s=self.now_s)
        if allowed:
            self.transactions.add(transaction)
            for number in numbers:
                self.model[number]["transaction"] = transaction

    @rule(of=st.integers(1, 5), committed=st.sets(UIDS), failed=st.sets(UIDS))
    def report(self, of: int, committed: set[str], failed: set[str]) -> None:
        transaction = f"9.{of}"
        known = self.queue.commitment_reported(
            transaction,
            committed=committed,
            failed=dict.fromkeys(failed, 0x0110),
            now_s=self.now_s,
        )
        assert known == (transaction in self.transactions)
        for one in self.model.values():
            if one["state"] == "sent" and one["transaction"] == transaction:
                if one["uid"] in failed:
                    one["state"] = "new"
                elif one["uid"] in committed:
                    one["state"] = "committed"

    @rule(number=NUMBERS)
    def verified(self, number: int) -> None:
        allowed = self.state(number) == "sent"
        with self.only_if(allowed):
            self.queue.verified(number, now_s=self.now_s)
        if allowed:
            self.model[number]["state"] = "committed"

    @rule(number=NUMBERS)
    def retry(self, number: int) -> None:
        allowed = self.state(number) in ("new", "sent", "dead")
        with self.only_if(allowed):
            self.queue.retry(number)
        if allowed:
            self.model[number] |= {"state": "new", "tries": 0}

    @rule()
    def crash(self) -> None:
        self.database.close()
        self.open()
        assert self.queue.recover() == self.in_state("sending")
        for one in self.model.values():
            if one["state"] == "sending":
                one["state"] = "new"

    @precondition(lambda self: self.model)
    @rule(act=st.sampled_from(["add", "take", "sent", "failed", "report", "retry"]))
    def crash_before_the_commit(self, act: str) -> None:
        """Whatever was under way is as if it had never begun."""
        acts = {
            "add": lambda: self.queue.add([outgoing("2.8"), outgoing("2.9")], now_s=self.now_s),
            "take": lambda: self.queue.take(now_s=1e12, limit=9),
            "sent": lambda: self.queue.sent(1, status=0, now_s=self.now_s),
            "failed": lambda: self.queue.failed(
                1, error="x", status=None, permanent=True, now_s=self.now_s
            ),
            "report": lambda: self.queue.commitment_reported(
                "9.1", committed=["2.1", "2.2"], failed={"2.3": 1}, now_s=self.now_s
            ),
            "retry": lambda: self.queue.retry(1),
        }
        whole = self.database.transaction

        @contextmanager
        def cut() -> Iterator[sqlite3.Connection]:
            with whole() as connection:
                yield connection
                raise sqlite3.OperationalError("disk I/O error")

        self.database.transaction = cut
        try:
            with pytest.raises(StorageError):
                acts[act]()
        finally:
            del self.database.transaction

    def in_state(self, state: str) -> int:
        return sum(one["state"] == state for one in self.model.values())

    @invariant()
    def the_queue_is_what_the_model_says(self) -> None:
        if not hasattr(self, "queue"):
            return
        rows = {one.number: one for one in self.queue.every()}
        assert rows.keys() == self.model.keys()  # nothing is lost, nothing comes from nowhere
        for number, one in self.model.items():
            row = rows[number]
            assert (row.sop_instance_uid, row.destination) == (one["uid"], one["destination"])
            assert (row.state, row.tries) == (one["state"], one["tries"])
            if row.state in ("sent", "committed"):
                assert row.transaction_uid == one["transaction"]
            before = self.seen.get(number, "new")
            assert before == row.state or (before, row.state) in ARROWS
            self.seen[number] = row.state
        assert self.queue.counts() == {
            state: self.in_state(state)
            for state in ("new", "sending", "sent", "committed", "dead")
        }

    @invariant()
    def what_is_committed_is_never_to_be_sent(self) -> None:
        if hasattr(self, "queue"):
            committed = {one.number for one in self.queue.every("committed")}
            to_send = {
                one.number for state in ("new", "sending") for one in self.queue.every(state)
            }
            assert not committed & to_send


TestSending = Sending.TestCase
TestSending.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
