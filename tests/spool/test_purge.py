"""Only what an archive is known to keep, with all its results, leaves the spool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rows import arrival, outgoing

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.index import Index
from napari_fluoroinject.spool.jobs import Jobs
from napari_fluoroinject.spool.purge import Purge
from napari_fluoroinject.spool.queue import Queue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY_S = 86400.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path) as opened:
        yield opened


def received(database: Database, uid: str = "1.2") -> Path:
    path = database.path.with_name(f"{uid}.dcm")
    path.write_bytes(b"loop")
    Index(database).add(arrival(uid, path=path), job=True)
    return path


def analysed(database: Database, uid: str = "1.2", *results: str) -> None:
    jobs = Jobs(database)
    jobs.claim(1e9)
    made = [outgoing(one, source_uid=uid) for one in results]
    jobs.done(uid, made, procedure="generic", now_s=0)


def committed(database: Database, *, now_s: float) -> None:
    queue = Queue(database)
    for entry in queue.take(now_s=1e9, limit=100):
        queue.sent(entry.number, status=0, now_s=now_s)
        queue.verified(entry.number, now_s=now_s)


def due(database: Database, now_s: float) -> tuple[str, ...]:
    return Purge(database).due(now_s=now_s, keep_s=DAY_S, limit=10)


def test_a_loop_goes_a_while_after_the_archive_has_confirmed_it_and_its_results(database):
    path, purge = received(database), Purge(database)
    assert purge.unconfirmed(limit=10) == ()
    analysed(database, "1.2", "2.1", "2.2")
    assert purge.unconfirmed(limit=10) == ()
    committed(database, now_s=100)
    assert purge.unconfirmed(limit=10) == ("1.2",)
    assert purge.unconfirmed(limit=0) == ()
    assert due(database, 1e9) == ()
    purge.confirmed("1.2", now_s=50)
    assert purge.unconfirmed(limit=10) == ()
    assert due(database, 99 + DAY_S) == ()
    assert due(database, 100 + DAY_S) == ("1.2",)
    purge.remove("1.2", now_s=100 + DAY_S)
    assert not path.exists()
    assert due(database, 1e9) == ()
    assert Index(database).get("1.2") is not None


def test_a_loop_confirmed_after_its_results_counts_from_then(database):
    received(database)
    analysed(database)
    Purge(database).confirmed("1.2", now_s=500)
    assert due(database, 499 + DAY_S) == ()
    assert due(database, 500 + DAY_S) == ("1.2",)


@pytest.mark.parametrize(
    "state", ["waiting", "working", "failed", "queued", "sending", "sent", "dead"]
)
def test_a_loop_with_anything_left_to_do_stays(state, database):
    path, jobs, queue = received(database), Jobs(database), Queue(database)
    Purge(database).confirmed("1.2", now_s=0)
    if state in ("working", "failed"):
        jobs.claim(1e9)
    if state == "failed":
        jobs.failed("1.2", reason="too odd", retry_s=None, now_s=0)
    if state in ("queued", "sending", "sent", "dead"):
        analysed(database, "1.2", "2.1")
    if state in ("sending", "sent", "dead"):
        (entry,) = queue.take(now_s=1e9, limit=1)
        if state == "sent":
            queue.sent(entry.number, status=0, now_s=0)
        if state == "dead":
            queue.failed(entry.number, error="no", status=None, permanent=True, now_s=0)
    assert due(database, 1e9) == ()
    with pytest.raises(StorageError, match="expected an archive that has confirmed both"):
        Purge(database).remove("1.2", now_s=1e9)
    assert path.exists()


def test_a_loop_that_no_archive_was_seen_to_keep_stays(database):
    path = received(database)
    analysed(database)
    with pytest.raises(StorageError, match="not known to be kept elsewhere"):
        Purge(database).remove("1.2", now_s=1e9)
    with pytest.raises(StorageError, match="not known"):
        Purge(database).remove("9.9", now_s=1e9)
    assert path.exists()


def test_a_crash_between_the_note_and_the_removal_is_made_good(database, monkeypatch):
    path, other, purge = received(database), received(database, "1.3"), Purge(database)
    analysed(database)
    purge.confirmed("1.2", now_s=0)
    with monkeypatch.context() as patch:
        patch.setattr(purge, "_unlink", lambda uid: None)
        purge.remove("1.2", now_s=1)
    assert path.exists()
    assert purge.recover() == 1
    assert not path.exists()
    assert other.exists()
    assert purge.recover() == 0


def test_an_object_that_came_back_in_between_keeps_its_file(database, monkeypatch):
    path, purge = received(database), Purge(database)
    analysed(database)
    purge.confirmed("1.2", now_s=0)
    unlink = purge._unlink

    def comes_first(uid: str) -> None:
        Index(database).add(arrival(path=path), job=True)
        unlink(uid)

    monkeypatch.setattr(purge, "_unlink", comes_first)
    purge.remove("1.2", now_s=1)
    assert path.exists()


def test_a_file_that_cannot_be_removed_is_told(database):
    path, purge = received(database), Purge(database)
    analysed(database)
    purge.confirmed("1.2", now_s=0)
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageError, match="could not be removed"):
        purge.remove("1.2", now_s=1)
