"""The index knows every object that was acknowledged, once, and what became of its file."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rows import arrival, facts

from napari_fluoroinject.errors import ConflictError, FluoroinjectError, StorageError
from napari_fluoroinject.spool.database import FILE_NAME, Database, set_aside
from napari_fluoroinject.spool.index import Arrival, Index
from napari_fluoroinject.spool.jobs import Jobs
from napari_fluoroinject.spool.keep import keep
from napari_fluoroinject.spool.purge import Purge
from napari_fluoroinject.spool.store import Spool, file_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def database(root: Path) -> Iterator[Database]:
    with Database(root) as opened:
        yield opened


@pytest.fixture
def spool(root: Path, database: Database) -> Iterator[Spool]:
    with Spool(root) as opened:
        yield opened


def read(path: Path) -> Arrival:
    """What the bytes of a file say: here they are its UID and something more."""
    uid, _, more = path.read_text().partition(" ")
    if not more:
        raise FluoroinjectError("no object")
    return arrival(uid, sha256=file_sha256(path), size_bytes=path.stat().st_size, path=path)


def admit(spool: Spool, uid: str, more: str = "loop") -> Path:
    part = spool.incoming / "a.part"
    part.write_text(f"{uid} {more}")
    try:
        return spool.admit(part, uid=uid).path
    finally:
        part.unlink()


def receive(spool: Spool, index: Index, uid: str, more: str = "loop") -> bool:
    part = spool.incoming / "a.part"
    part.write_text(f"{uid} {more}")
    try:
        return keep(part, facts(uid), spool=spool, index=index, job=True).new
    finally:
        part.unlink()


def test_what_was_added_is_found_by_its_uid_and_its_series(database):
    index = Index(database)
    first, second = arrival("1.1"), arrival("1.2")
    other = arrival("1.3", series_instance_uid="1.1.2")
    for one in (second, other, first):
        assert index.add(one, job=False)
    assert index.get("1.1") == first
    assert index.get("1.9") is None
    assert index.sha256_of("1.2") == second.sha256
    assert index.sha256_of("1.9") is None
    assert index.series("1.1.1") == (second, first)
    assert index.series("9") == ()
    assert list(index.every()) == [second, other, first]
    assert Jobs(database).every() == ()


def test_every_row_is_told_however_many_there_are(database):
    index = Index(database)
    added = [f"1.{number}" for number in range(1001)]
    for uid in added:
        index.add(arrival(uid), job=False)
    assert [one.sop_instance_uid for one in index.every()] == added


def test_what_came_since_a_time_is_told_and_nothing_that_was_purged(database):
    index = Index(database)
    for number in range(4):
        index.add(arrival(f"1.{number}", received_s=float(number)), job=False)
    with database.transaction() as connection:
        connection.execute("UPDATE object SET purged_s = 9 WHERE sop_instance_uid = '1.3'")
    assert [one.sop_instance_uid for one in index.since(1.0)] == ["1.1", "1.2"]
    assert index.since(10.0) == ()


def test_the_same_object_again_is_no_news_and_no_second_job(database):
    index = Index(database)
    assert index.add(arrival(), job=True)
    assert not index.add(replace(arrival(), caller="OTHER", received_s=2.0), job=True)
    assert index.get("1.2") == arrival()
    (job,) = Jobs(database).every()
    assert (job.sop_instance_uid, job.state, job.due_s) == ("1.2", "waiting", 1000.0)


def test_an_object_that_was_noted_without_a_job_can_get_one(database):
    index = Index(database)
    assert index.add(arrival(), job=False)
    assert not index.add(replace(arrival(), received_s=2.0), job=True)
    (job,) = Jobs(database).every()
    assert (job.sop_instance_uid, job.state, job.due_s) == ("1.2", "waiting", 2.0)


def test_other_content_under_a_known_uid_is_a_conflict_and_changes_nothing(database):
    index = Index(database)
    index.add(arrival(), job=True)
    with pytest.raises(ConflictError, match=r"1\.2 was received before with other content"):
        index.add(arrival(sha256="other"), job=True)
    assert list(index.every()) == [arrival()]


def test_what_is_kept_is_on_disk_and_has_the_row_that_its_sender_is_told_of(spool, database):
    index = Index(database)
    part = spool.incoming / "a.part"
    part.write_text("1.1 loop")
    known = facts("1.1", caller="CARM-2", address="10.0.0.7", received_s=77.0)
    admission = keep(part, known, spool=spool, index=index, job=True)
    row = index.get("1.1")
    assert row == arrival(
        "1.1",
        caller="CARM-2",
        address="10.0.0.7",
        received_s=77.0,
        sha256=admission.sha256,
        size_bytes=8,
        path=spool.path_of("1.1"),
    )
    assert not keep(part, facts("1.1"), spool=spool, index=index, job=True).new
    assert index.get("1.1") == row
    assert len(Jobs(database).every()) == 1


def test_what_could_not_be_noted_is_in_order_at_the_next_try(spool, database, monkeypatch):
    index = Index(database)

    def full() -> None:
        raise StorageError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(database, "transaction", full)
        with pytest.raises(StorageError, match="no room"):
            receive(spool, index, "1.1")
    assert index.get("1.1") is None
    assert not receive(spool, index, "1.1")
    assert index.get("1.1") is not None
    assert len(Jobs(database).every("waiting")) == 1


def test_of_many_threads_that_add_one_object_one_is_told_that_it_is_new(database):
    index, told = Index(database), []
    threads = [
        threading.Thread(target=lambda: told.append(index.add(arrival(), job=True)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [False] * 7 + [True]


def test_files_without_a_row_are_indexed_and_get_a_job(spool, database):
    index = Index(database)
    receive(spool, index, "1.1")
    path = admit(spool, "1.2")  # and then it crashed
    found = index.reconcile(spool, read=read, job=True)
    assert [one.path for one in found.added] == [path]
    assert (found.missing, found.strange) == ((), ())
    assert [job.sop_instance_uid for job in Jobs(database).every()] == ["1.1", "1.2"]
    again = index.reconcile(spool, read=read, job=True)
    assert (again.added, again.missing, again.strange) == ((), (), ())


def test_without_analysis_what_is_found_gets_no_job(spool, database):
    admit(spool, "1.2")
    assert len(Index(database).reconcile(spool, read=read, job=False).added) == 1
    assert Jobs(database).every() == ()


def test_rows_without_a_file_are_told_and_logged(spool, database, caplog):
    index = Index(database)
    receive(spool, index, "1.1")
    receive(spool, index, "1.2")
    spool.path_of("1.1").unlink()
    found = index.reconcile(spool, read=read, job=True)
    assert [one.sop_instance_uid for one in found.missing] == ["1.1"]
    assert "1.1 was received and its file is gone" in caplog.text
    assert "1.2" not in caplog.text


def test_files_that_say_nothing_or_bear_a_wrong_name_are_told_and_stay(spool, database, caplog):
    index = Index(database)
    receive(spool, index, "1.1")
    empty = spool.path_of("1.1").with_name("empty.dcm")
    empty.write_text("nothing")
    wrong = empty.with_name("wrong.dcm")
    wrong.write_text("1.1 under another name")
    orphan = empty.with_name("orphan.dcm")
    orphan.write_text("1.7 under another name")
    found = index.reconcile(spool, read=read, job=True)
    assert found.strange == (empty, orphan, wrong)
    assert caplog.text.count("ERROR") == 3
    assert found.added == ()
    assert all(path.exists() for path in found.strange)


def test_a_file_that_is_not_what_its_row_says_is_told(spool, database, caplog):
    index = Index(database)
    receive(spool, index, "1.1")
    spool.path_of("1.1").write_text("1.1 cut")
    found = index.reconcile(spool, read=read, job=True)
    assert found.strange == (spool.path_of("1.1"),)
    assert "has another size" in caplog.text


def test_a_lost_database_is_built_anew_from_the_files(root, spool, database):
    index = Index(database)
    for uid in ("1.1", "1.2", "1.3"):
        receive(spool, index, uid)
    before = set(index.every())
    database.close()
    (root / FILE_NAME).write_bytes(b"nothing of SQLite" * 1000)
    with pytest.raises(StorageError, match="damaged"):
        Database(root)
    set_aside(root, now_s=7)
    with Database(root) as anew:
        found = Index(anew).reconcile(spool, read=read, job=True)
        assert set(found.added) == set(Index(anew).every()) == before
        assert Jobs(anew).counts()["waiting"] == 3


def purged(spool: Spool, database: Database, uid: str) -> None:
    jobs, purge = Jobs(database), Purge(database)
    job = jobs.claim(1e9)
    assert job is not None
    jobs.skipped(uid, reason="", now_s=2000)
    purge.confirmed(uid, now_s=2000)
    purge.remove(uid, now_s=3000)
    assert not any(path for path in spool.objects() if path.exists())


def test_what_was_purged_is_not_missing(spool, database):
    index = Index(database)
    receive(spool, index, "1.1")
    purged(spool, database, "1.1")
    found = index.reconcile(spool, read=read, job=True)
    assert (found.added, found.missing, found.strange) == ((), (), ())
    assert index.get("1.1") is not None


def test_a_purged_object_that_comes_again_is_kept_again_and_not_analysed_again(spool, database):
    index = Index(database)
    receive(spool, index, "1.1")
    purged(spool, database, "1.1")
    assert receive(spool, index, "1.1")
    assert spool.path_of("1.1").read_text() == "1.1 loop"
    assert Jobs(database).counts()["waiting"] == 0
    assert Purge(database).recover() == 0  # it stays
    with pytest.raises(StorageError, match="not known to be kept elsewhere"):
        Purge(database).remove("1.1", now_s=4000)  # until the archive has confirmed it anew
    assert index.reconcile(spool, read=read, job=True).missing == ()


def test_other_content_under_a_purged_uid_is_refused_and_kept_in_quarantine(spool, database):
    index = Index(database)
    receive(spool, index, "1.1")
    purged(spool, database, "1.1")
    with pytest.raises(ConflictError):
        receive(spool, index, "1.1", "something else")
    assert spool.objects() == ()
    assert [one.conflict for one in spool.refusals()] == [True]


def test_an_object_that_is_purged_while_it_comes_again_is_to_be_sent_once_more(spool, database):
    index = Index(database)
    receive(spool, index, "1.1")
    again = read(spool.path_of("1.1"))  # it was there when it was admitted again
    purged(spool, database, "1.1")
    with pytest.raises(StorageError, match="once more"):
        index.add(again, job=True)
    assert receive(spool, index, "1.1")
    assert index.get("1.1") is not None
