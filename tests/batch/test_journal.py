"""The journal of a batch: whole lines hold, torn and damaged ones are left out and told."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from napari_fluoroinject.batch.journal import Ended, FileState, Journal
from napari_fluoroinject.batch.order import LoopOrder
from napari_fluoroinject.errors import StorageError

FILE = FileState(size_bytes=3, mtime_ns=5, sha256="ab", beside=True)


def ended(key: str, state: str = "done", **said: object) -> Ended:
    return Ended(key=key, state=state, inputs=(FILE,), **said)


def test_what_ended_is_known_to_the_next_batch(tmp_path):
    with Journal(tmp_path) as journal:
        journal.note(ended("2"))
        journal.note(ended("1", "failed", reason="so it is", fault="refused", peak_bytes=7))
        journal.note(ended("2", tries=3))
    with Journal(tmp_path) as journal:
        assert [one.key for one in journal.ended()] == ["1", "2"]
        assert journal.last("1") == ended(
            "1", "failed", reason="so it is", fault="refused", peak_bytes=7
        )
        assert journal.last("2") == ended("2", tries=3)
        assert journal.last("3") is None
        assert journal.damaged == 0


def test_a_loop_that_lost_its_process_has_not_ended(tmp_path):
    with Journal(tmp_path) as journal:
        journal.note(ended("1", "again", tries=1))
    with Journal(tmp_path) as journal:
        assert (journal.last("1"), journal.tries("1")) == (None, 1)
        journal.note(ended("1"))
        assert journal.tries("1") == 0


@settings(max_examples=30)
@example(cut=1)  # but for the end of the last line
@given(cut=st.integers(min_value=1))
def test_a_journal_that_was_cut_anywhere_keeps_every_whole_line(cut):
    with tempfile.TemporaryDirectory() as made:
        out = Path(made)
        with Journal(out) as journal:
            lengths = []
            for key in "abc":
                journal.note(ended(key))
                lengths.append(journal.path.stat().st_size)
            path = journal.path
        text = path.read_bytes()
        kept = len(text) - 1 - (cut - 1) % (len(text) - 1)
        path.write_bytes(text[:kept])
        whole = [key for key, length in zip("abc", lengths, strict=True) if length - 1 <= kept]
        with Journal(out) as journal:
            assert [one.key for one in journal.ended()] == whole
            ends = {
                end - lacking for end in (*lengths, text.index(b"\n") + 1) for lacking in (0, 1)
            }
            torn = kept not in ends
            assert journal.damaged == torn
            journal.note(ended("d"))
        with Journal(out) as journal:
            assert [one.key for one in journal.ended()] == [*whole, "d"]


def test_a_damaged_line_is_left_out_and_counted(tmp_path):
    with Journal(tmp_path) as journal:
        for key in "abc":
            journal.note(ended(key))
    lines = journal.path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"done"', b'"dome"')
    journal.path.write_bytes(b"".join(lines))
    with Journal(tmp_path) as journal:
        assert [one.key for one in journal.ended()] == ["a", "c"]
        assert journal.damaged == 1


def test_damage_is_told_once_and_further_damage_again(tmp_path, caplog):
    with Journal(tmp_path) as journal:
        for key in "abc":
            journal.note(ended(key))

    def damage(number: int) -> None:
        lines = journal.path.read_bytes().splitlines(keepends=True)
        lines[number] = lines[number].replace(b'"done"', b'"dome"')
        journal.path.write_bytes(b"".join(lines))

    told = []
    for number in (1, None, 3, None):
        if number is not None:
            damage(number)
        caplog.clear()
        with Journal(tmp_path) as journal:
            told.append((journal.damaged, len(caplog.records), len(journal)))
    assert told == [(1, 1, 2), (0, 0, 2), (1, 1, 1), (0, 0, 1)]


def test_a_journal_of_another_kind_is_refused(tmp_path):
    with Journal(tmp_path) as journal:
        path = journal.path
    text = b'{"schema": "fluoroinject-batch/2"}'
    path.write_bytes(b"%08x %s\n" % (zlib.crc32(text), text))
    with pytest.raises(StorageError, match="fluoroinject-batch/2"):
        Journal(tmp_path)


def test_one_batch_at_a_time_holds_a_folder(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from napari_fluoroinject.batch.journal import Journal\n"
        "from napari_fluoroinject.errors import StorageError\n"
        "try: Journal(Path(sys.argv[1]))\n"
        "except StorageError as error: sys.exit(str(error))"
    )
    command = (sys.executable, "-c", code, str(tmp_path))
    with Journal(tmp_path):
        other = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "another batch is writing there" in other.stderr
    assert subprocess.run(command, check=False).returncode == 0


def test_memory_does_not_grow_with_the_loops_that_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    held = []
    for count in (500, 1500):
        with Journal(tmp_path) as journal:
            for number in range(count):
                journal.note(ended(f"{number:064}"))
        tracemalloc.start()
        with Journal(tmp_path) as journal:
            assert len(journal) == count
            held.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    assert held[1] - held[0] < 64 * 1000  # less than their UIDs alone


def test_the_journal_names_no_file_and_no_source(tmp_path):
    order = LoopOrder(key="1.2", source="/DOE JOHN/a.dcm", paths=(Path("/DOE JOHN/a.dcm"),))
    assert LoopOrder.read(order.text()) == order
    assert not {"paths", "source"} & set(Ended.__slots__)
