"""The database holds what was committed, for its owner alone; a fault says what to do."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading

import pytest
from rows import arrival

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.spool import database as module
from napari_fluoroinject.spool.database import FILE_NAME, Database, set_aside
from napari_fluoroinject.spool.index import Index
from napari_fluoroinject.spool.queue import Queue

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="of POSIX")


def insert(database: Database, uid: str) -> None:
    Index(database).add(arrival(uid), job=True)


def uids(database: Database) -> list[str]:
    return [one.sop_instance_uid for one in Index(database).every()]


def write(database: Database, *uids: str, fault: Exception | None = None) -> None:
    with database.transaction() as connection:
        for uid in uids:
            connection.execute("INSERT INTO commitment VALUES (?, 0, NULL)", (uid,))
        if fault is not None:
            raise fault


def test_it_is_committed_to_disk_before_a_transaction_ends(tmp_path):
    with Database(tmp_path) as database, database.transaction() as connection:
        told = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "fullfsync")
        }
    assert told == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "fullfsync": 1}


def test_a_transaction_that_fails_leaves_nothing(tmp_path):
    with Database(tmp_path) as database:
        with pytest.raises(KeyError):
            write(database, "1.2", fault=KeyError())
        with database.reading() as connection:
            assert connection.execute("SELECT count(*) FROM commitment").fetchone()[0] == 0
        insert(database, "1.2")  # and the connection goes on
        assert uids(database) == ["1.2"]


def test_what_one_opening_wrote_the_next_reads(tmp_path):
    for number in range(3):
        with Database(tmp_path) as database:
            insert(database, f"1.{number}")
    with Database(tmp_path) as database:
        assert uids(database) == ["1.0", "1.1", "1.2"]


@POSIX
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777])
def test_its_files_are_for_the_owner_alone_whatever_the_umask(mask, tmp_path):
    before = os.umask(mask)
    try:
        with Database(tmp_path / "s") as database:
            insert(database, "1.2")
            modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "s").iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys((FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"), 0o600)
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o700


@POSIX
def test_files_that_others_could_read_are_tightened(tmp_path):
    with Database(tmp_path) as first:
        insert(first, "1.2")
        for path in (tmp_path, *tmp_path.iterdir()):
            path.chmod(0o755)
        with Database(tmp_path):
            assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
            assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_threads_write_one_after_the_other_and_lose_nothing(tmp_path):
    with Database(tmp_path) as database:

        def work(number: int) -> None:
            for one in range(20):
                insert(database, f"1.{number}.{one}")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(uids(database)) == 240
        assert len(database._idle) <= 8


WRITES = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from rows import arrival
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.index import Index
with Database(Path(sys.argv[1])) as database:
    for number in range(50):
        Index(database).add(arrival(f"1.{sys.argv[2]}.{number}"), job=True)
"""


def test_processes_that_begin_at_once_share_one_database(tmp_path):
    here = os.path.dirname(__file__)  # noqa: PTH120 - an argument
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITES, str(tmp_path), str(number), here])
        for number in range(4)
    ]
    assert [process.wait(120) for process in processes] == [0] * 4
    with Database(tmp_path) as database:
        assert len(uids(database)) == 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_fork_uses_connections_of_its_own(tmp_path):
    with Database(tmp_path) as database:
        insert(database, "1.1")
        child = os.fork()
        if not child:
            status = 1
            try:
                insert(database, "1.2")
                status = 0 if uids(database) == ["1.1", "1.2"] else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        insert(database, "1.3")
        assert uids(database) == ["1.1", "1.2", "1.3"]


def test_connections_of_a_parent_are_neither_used_nor_closed_by_its_fork(tmp_path):
    with Database(tmp_path) as database:
        insert(database, "1.1")
        parents = list(database._idle)
        database._process = -1  # as it is in a fork
        insert(database, "1.2")
        assert not set(parents) & set(database._idle)
        for connection in parents:
            assert connection.execute("SELECT count(*) FROM object").fetchone()[0] == 2
            connection.close()


def test_a_closed_database_says_so(tmp_path):
    database = Database(tmp_path)
    with database.reading():
        database.close()  # the connection in use closes when it is given back
    database.close()
    with pytest.raises(StorageError, match="was closed"):
        insert(database, "1.2")


def test_a_file_of_a_newer_version_is_left_alone(tmp_path):
    Database(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(
        StorageError, match=rf"version 99; expected {len(module.MIGRATIONS)} or older.*newer"
    ):
        Database(tmp_path)


def test_an_older_file_is_brought_to_this_version_step_by_step(tmp_path, monkeypatch):
    with Database(tmp_path) as database:
        insert(database, "1.2")
    later = (*module.MIGRATIONS, ("CREATE TABLE more (a)", "INSERT INTO more VALUES (7)"))
    monkeypatch.setattr(module, "MIGRATIONS", later)
    for _ in range(2):
        with Database(tmp_path) as database, database.reading() as connection:
            assert connection.execute("SELECT a FROM more").fetchall()[0][0] == 7
            assert connection.execute("PRAGMA user_version").fetchone()[0] == len(later)
    with Database(tmp_path) as database:
        assert uids(database) == ["1.2"]


def test_a_migration_that_fails_changes_nothing(tmp_path, monkeypatch):
    Database(tmp_path).close()
    released = module.MIGRATIONS
    monkeypatch.setattr(module, "MIGRATIONS", (*released, ("CREATE TABLE more (a)", "nonsense")))
    with pytest.raises(StorageError, match="nonsense"):
        Database(tmp_path)
    monkeypatch.setattr(module, "MIGRATIONS", released)
    with Database(tmp_path) as database, database.reading() as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
        assert "more" not in [row[0] for row in tables]


@pytest.mark.parametrize("damage", ["no database", "page", "cut"])
def test_a_damaged_file_says_what_to_do_and_can_be_put_aside(damage, tmp_path):
    with Database(tmp_path) as database:
        for number in range(300):
            insert(database, f"1.{number}")
    path = tmp_path / FILE_NAME
    content = bytearray(path.read_bytes())
    if damage == "no database":
        content[:100] = b"x" * 100
    elif damage == "page":
        content[4096:40960] = b"\x5a" * 36864
    else:
        del content[len(content) // 2 :]
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"is damaged.*aside.*indexed anew"):
        Database(tmp_path)
    aside = set_aside(tmp_path, now_s=12.9)
    assert aside.name == f"damaged-12-{FILE_NAME}"
    assert aside.read_bytes() == content
    with Database(tmp_path) as database:
        assert uids(database) == []


def test_a_log_is_put_aside_with_its_database(tmp_path):
    with Database(tmp_path) as database:
        insert(database, "1.2")
        aside = set_aside(tmp_path, now_s=5)
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            aside.name + ending for ending in ("", "-shm", "-wal")
        ]


def test_nothing_to_put_aside_is_no_fault_and_no_folder_is_one(tmp_path):
    set_aside(tmp_path, now_s=5)
    with pytest.raises(StorageError, match="put aside"):
        set_aside(tmp_path / "absent", now_s=5)


def test_damage_that_is_met_later_is_told_too(tmp_path):
    with Database(tmp_path) as database:
        insert(database, "1.2")
        error = sqlite3.DatabaseError("malformed")
        error.sqlite_errorname = "SQLITE_CORRUPT_INDEX"
        with pytest.raises(StorageError, match="is damaged"):
            write(database, "1.2", fault=error)


def test_a_full_disk_is_a_storage_error_and_the_next_write_succeeds(tmp_path):
    with Database(tmp_path) as database:
        insert(database, "1.1")
        with database.transaction() as connection:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StorageError, match=r"full.*SQLITE_FULL.*room"):
            write(database, *(f"{number}" * 50 for number in range(500)))
        insert(database, "1.2")  # on a connection without that limit: there is room again
        assert uids(database) == ["1.1", "1.2"]


@POSIX
def test_a_file_system_that_refuses_is_a_storage_error_and_recovers(tmp_path):
    import resource
    import signal

    with Database(tmp_path) as database:
        insert(database, "1.1")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            with pytest.raises(StorageError, match="expected a disk"):
                insert(database, "1.2")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, before)
        insert(database, "1.3")
        assert uids(database) in (["1.1", "1.3"], ["1.1", "1.2", "1.3"])


def test_another_process_that_holds_it_is_waited_for_and_then_told(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_BUSY_S", 0.1)
    with Database(tmp_path) as database:
        other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="another process held it"):
            insert(database, "1.2")
        with database.reading() as connection:  # readers go on
            assert connection.execute("SELECT count(*) FROM object").fetchone()[0] == 0
        other.execute("COMMIT")
        other.close()
        insert(database, "1.2")


def test_a_path_that_is_no_folder_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot be made"):
        Database(tmp_path / "file")
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(StorageError, match="SQLITE_CANTOPEN"):
        Database(tmp_path)


def test_a_spool_can_be_moved(tmp_path):
    inside, outside = tmp_path / "s" / "objects" / "a.dcm", tmp_path / "elsewhere.dcm"
    with Database(tmp_path / "s") as database:
        Index(database).add(arrival("1.1", path=inside), job=False)
        Index(database).add(arrival("1.2", path=outside), job=False)
        assert [one.path for one in Index(database).every()] == [inside, outside]
    (tmp_path / "s").rename(tmp_path / "t")
    with Database(tmp_path / "t") as database:
        moved = [one.path for one in Index(database).every()]
    assert moved == [tmp_path / "t" / "objects" / "a.dcm", outside]


def test_thousands_of_rows_leave_the_log_short_and_the_database_small(tmp_path):
    log = tmp_path / f"{FILE_NAME}-wal"
    with Database(tmp_path) as database:
        queue, longest = Queue(database), 0
        every = Index(database).every()
        for number in range(3000):
            insert(database, f"1.2.826.0.1.3680043.8.498.{number}")
            if number % 3 == 0:
                next(every)  # somebody who reads slowly, page by page
            if number % 100 == 0:
                longest = max(longest, log.stat().st_size)
                queue.counts()
        assert longest <= 6 << 20
        with database.reading() as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        assert (tmp_path / FILE_NAME).stat().st_size < 3000 * 1500
    assert not log.exists()  # the last to close leaves one file
