"""The audit trail keeps every line, and shows every change of one."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.spool.audit import Trail, verify
from napari_fluoroinject.spool.audit_check import entries, trail_files

if TYPE_CHECKING:
    from pathlib import Path


def trail_of(folder: Path, lines: int, *, file_bytes: int = 1 << 20) -> None:
    with Trail(folder, file_bytes=file_bytes) as trail:
        for number in range(lines):
            trail.note("received", sop_instance_uid=f"1.2.{number}", caller="CARM", status=0)


def test_what_was_noted_is_read_back_in_order(tmp_path):
    with Trail(tmp_path / "audit", now_s=lambda: 1.5) as trail:
        trail.note("started", version="0.1.0", pid=7)
        trail.note("refused", status=0xA700, reason="the disk is full", caller=None)
    first, second = entries(tmp_path / "audit")
    assert (first.number, first.event, dict(first.facts)) == (
        1,
        "started",
        {"pid": 7, "version": "0.1.0"},
    )
    assert first.at == "1970-01-01T00:00:01.500+00:00"
    assert dict(second.facts) == {"reason": "the disk is full", "status": 0xA700}
    assert second.before == first.hash
    assert verify(tmp_path / "audit").lines == 2


def test_the_chain_goes_on_across_files_and_restarts(tmp_path):
    for _ in range(3):
        trail_of(tmp_path, 20, file_bytes=1000)
    assert len(trail_files(tmp_path)) > 5
    checked = verify(tmp_path)
    assert (checked.lines, checked.broken_at, checked.repairs) == (60, None, 0)


def test_nothing_that_could_name_a_patient_can_be_noted(tmp_path):
    with Trail(tmp_path) as trail:
        with pytest.raises(ValueError, match="patient_name"):
            trail.note("received", patient_name="DOE^JANE")
        with pytest.raises(ValueError, match="event"):
            trail.note("DOE^JANE")
        with pytest.raises(ValueError, match="finite"):
            trail.note("analysed", seconds=float("nan"))
    assert verify(tmp_path).lines == 0


def test_long_text_and_control_characters_do_not_break_a_line(tmp_path):
    with Trail(tmp_path) as trail:
        trail.note("failed", reason="x" * 5000 + "\n", caller="A\x1b[31m\nB")
    (entry,) = entries(tmp_path)
    assert len(str(entry.facts["reason"])) == 256
    assert entry.facts["caller"] == "A?[31m?B"


@pytest.mark.parametrize("name", ["sop_instance_uid", "transaction_uid", "study_instance_uid"])
def test_what_is_no_uid_is_not_noted_as_one(tmp_path, name):
    with Trail(tmp_path) as trail:
        trail.note("refused", **{name: "DOE^JOHN^CANARY"})
        trail.note("refused", **{name: "1.2.030"})
    (line, other) = (entry.facts[name] for entry in entries(tmp_path))
    assert (line, other) == ("not a UID", "1.2.030")


def test_a_line_that_is_noted_soon_comes_to_disk_with_the_next(tmp_path, monkeypatch):
    import napari_fluoroinject.spool.audit as module

    synced: list[int] = []
    with Trail(tmp_path) as trail:
        trail.note("started")
        monkeypatch.setattr(module, "fsync", lambda path: synced.append(path.stat().st_size))
        trail.note_soon("association accepted", caller="CARM")
        assert synced == []
        assert [one.event for one in entries(tmp_path)] == ["started", "association accepted"]
        trail.note("received")
        (path,) = trail_files(tmp_path)
        assert synced == [path.stat().st_size]
        trail.note_soon("association accepted", caller="CARM")
    assert synced[-1] == path.stat().st_size


@pytest.mark.parametrize("cut", [1, 7, 60])
def test_a_torn_last_line_is_moved_aside_and_told(tmp_path, cut):
    trail_of(tmp_path, 3)
    (path,) = trail_files(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert verify(tmp_path).torn_bytes > 0
    trail_of(tmp_path, 1)
    checked = verify(tmp_path)
    assert (checked.broken_at, checked.repairs, checked.torn_bytes) == (None, 1, 0)
    assert checked.lines == 4  # two that were whole, what was repaired, the new one
    (aside,) = tmp_path.glob("torn-*.bin")
    assert whole.splitlines()[2].startswith(aside.read_bytes().rstrip(b"\n"))
    repaired = next(one for one in entries(tmp_path) if one.event == "repaired")
    assert repaired.facts["file"] == aside.name


@pytest.mark.parametrize("left", [b"", b'{"n":1,', b"\0" * 300, b"\0" * 100_000])
def test_a_file_whose_first_line_never_came_to_disk_is_repaired(tmp_path, left):
    (tmp_path / "000000000001.jsonl").write_bytes(left)
    trail_of(tmp_path, 2)
    checked = verify(tmp_path)
    assert (checked.broken_at, checked.repairs, checked.lines) == (None, 1, 3)


def test_zeros_after_the_last_line_are_repaired(tmp_path):
    """As a file system leaves them whose size came to disk before its content."""
    trail_of(tmp_path, 5)
    (path,) = trail_files(tmp_path)
    path.write_bytes(path.read_bytes() + b"\0" * 200_000)
    trail_of(tmp_path, 1)
    checked = verify(tmp_path)
    assert (checked.broken_at, checked.repairs, checked.lines) == (None, 1, 7)


def test_a_disk_that_takes_half_a_line_leaves_none_of_it(tmp_path, monkeypatch):
    import napari_fluoroinject.spool.audit as module

    real = module.os.write
    with Trail(tmp_path) as trail:
        trail.note("started")
        monkeypatch.setattr(module.os, "write", lambda fd, line: real(fd, line[:20]))
        with pytest.raises(StorageError, match="the disk is full"):
            trail.note("received")
        monkeypatch.undo()
        trail.note("stopped")
    assert [one.event for one in entries(tmp_path)] == ["started", "stopped"]


def test_threads_and_trails_of_one_folder_share_one_chain(tmp_path):
    with Trail(tmp_path, file_bytes=2000) as one, Trail(tmp_path, file_bytes=2000) as other:
        threads = [
            threading.Thread(target=lambda t=t: [t.note("sent", number=n) for n in range(20)])
            for t in (one, one, other, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    checked = verify(tmp_path)
    assert (checked.lines, checked.broken_at) == (80, None)


def test_processes_share_one_chain(tmp_path):
    fork = multiprocessing.get_context("spawn")
    processes = [fork.Process(target=trail_of, args=(tmp_path, 25)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    checked = verify(tmp_path)
    assert (checked.lines, checked.broken_at) == (50, None)


def test_a_tail_that_was_cut_off_whole_shows_against_a_hash_written_down(tmp_path):
    trail_of(tmp_path, 5)
    before = verify(tmp_path)
    assert verify(tmp_path, reached=before.last_hash).broken_at is None
    (path,) = trail_files(tmp_path)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:4]))
    assert verify(tmp_path).broken_at is None
    assert "is gone" in str(verify(tmp_path, reached=before.last_hash).broken_at)


def test_a_chain_that_was_sealed_anew_after_a_change_shows_against_the_hash(tmp_path):
    """Hashes are no signature: who rewrites all of it leaves a trail that holds together."""
    trail_of(tmp_path / "a", 3)
    trail_of(tmp_path / "b", 3)
    hashes = [verify(tmp_path / name).last_hash for name in "ab"]
    if hashes[0] != hashes[1]:  # times differ
        assert verify(tmp_path / "b", reached=hashes[0]).broken_at is not None


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("written")
    trail_of(folder, 24, file_bytes=1500)
    return {path.name: path.read_bytes() for path in trail_files(folder)}


def check_altered(folder: Path, files: dict[str, bytes]) -> str | None:
    for path in folder.glob("*.jsonl"):
        path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return verify(folder).broken_at


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_change_of_any_byte_is_found(written, tmp_path, data):
    name = data.draw(st.sampled_from(sorted(written)))
    content = bytearray(written[name])
    last = name == max(written)
    # the very last newline lost is a torn line, which is told apart
    place = data.draw(st.integers(0, len(content) - (2 if last else 1)))
    content[place] ^= data.draw(st.integers(1, 255))
    assert check_altered(tmp_path, written | {name: bytes(content)}) is not None


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_lines_removed_repeated_or_reordered_are_found(written, tmp_path, data):
    lines = [line for content in written.values() for line in content.splitlines(keepends=True)]
    count = len(lines)
    kind = data.draw(st.sampled_from(["remove", "repeat", "swap", "cut"]))
    place = data.draw(st.integers(0, count - 2))
    if kind == "remove":
        del lines[place : data.draw(st.integers(place + 1, count - 1))]
    elif kind == "repeat":
        lines.insert(data.draw(st.integers(0, count)), lines[place])
    elif kind == "swap":
        other = data.draw(st.integers(place + 1, count - 1))
        lines[place], lines[other] = lines[other], lines[place]
    else:
        lines[place] = lines[place][: data.draw(st.integers(1, len(lines[place]) - 1))]
    first = json.loads(lines[0])["n"] if kind != "cut" else 1
    assert check_altered(tmp_path, {f"{first:012d}.jsonl": b"".join(lines)}) is not None


@pytest.mark.parametrize("place", [0, 1, -2])
def test_a_file_removed_before_the_last_is_found(written, tmp_path, place):
    gone = sorted(written)[place]
    assert check_altered(tmp_path, {n: c for n, c in written.items() if n != gone}) is not None


def test_a_file_that_was_emptied_or_renamed_is_found(written, tmp_path):
    names = sorted(written)
    assert check_altered(tmp_path, written | {names[1]: b""}) is not None
    renamed = {("999999999999.jsonl" if n == names[-1] else n): c for n, c in written.items()}
    assert check_altered(tmp_path, renamed) is not None


@pytest.mark.parametrize("file_bytes", [1, 700, 5000, 1 << 20])
def test_reading_can_begin_behind_any_line(tmp_path, file_bytes):
    trail_of(tmp_path, 30, file_bytes=file_bytes)
    for after in range(32):
        found = [one.number for one in entries(tmp_path, after=after)]
        assert found == list(range(after + 1, 31))


def test_only_the_owner_can_read_the_trail(tmp_path):
    trail_of(tmp_path / "audit", 2)
    (path,) = trail_files(tmp_path / "audit")
    path.write_bytes(path.read_bytes()[:-5])
    trail_of(tmp_path / "audit", 1)
    kept = [tmp_path / "audit", *(tmp_path / "audit").iterdir()]
    assert len(kept) == 4  # the folder, the trail, its lock, what was torn
    assert all(one.stat().st_mode & 0o077 == 0 for one in kept)


NOTING = """
import sys
from pathlib import Path
from napari_fluoroinject.spool.audit import Trail
with Trail(Path(sys.argv[1]), file_bytes=20_000) as trail:
    for number in range(1_000_000):
        trail.note("received", sop_instance_uid=f"1.2.{number}", number=number)
        print(number, flush=True)
"""


def test_a_process_killed_at_any_moment_leaves_every_line_that_it_told_of(tmp_path):
    told = 0
    for kill in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", NOTING, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        with process.stdout:
            for _ in range(1 + 17 * kill):
                process.stdout.readline()
            process.kill()
            last = process.stdout.read().split("\n")
        process.wait()
        told += 1 + 17 * kill + sum(bool(line) for line in last[:-1])
        checked = verify(tmp_path)
        assert checked.broken_at is None
        assert checked.lines - checked.repairs >= told


class Synced:
    """Stands in for fsync, and notes up to which line the trail is on disk."""

    def __init__(self, real) -> None:
        self.real = real
        self.number = 0

    def __call__(self, path: Path) -> None:
        count = path.read_bytes().count(b"\n") if path.suffix == ".jsonl" else 0
        self.real(path)
        if count:
            self.number = max(self.number, int(path.stem) - 1 + count)


class Watched(Trail):
    """Knows the number of the line that each thread wrote last."""

    mine = threading.local()

    def _write(self, event, facts):
        self.mine.number = super()._write(event, facts)
        return self.mine.number


def test_no_thread_returns_before_its_own_line_is_on_disk(tmp_path, monkeypatch):
    import napari_fluoroinject.spool.audit as module

    synced, late = Synced(module.fsync), []
    monkeypatch.setattr(module, "fsync", synced)
    with Watched(tmp_path, file_bytes=3000) as trail:

        def work() -> None:
            for number in range(60):
                trail.note("sent", number=number)
                if synced.number < trail.mine.number:
                    late.append(trail.mine.number)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert late == []
    assert verify(tmp_path).lines == 480
