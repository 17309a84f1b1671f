"""A folder of results is the old one or the new one, wherever the program is stopped."""

from __future__ import annotations

import os
import sys
from itertools import count
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.spool.folder import recover_folders, replaced_folder

if TYPE_CHECKING:
    from pathlib import Path

OLD = {"summary.json": b"old", "report.dcm": b"old", "segmentation.dcm": b"old"}
NEW = {"summary.json": b"new", "report.dcm": b"new"}
NOTE = {"note.txt": b"of a person"}


def ours(name: str) -> bool:
    return name in OLD or name.endswith(".part")


def write(folder: Path, files: dict[str, bytes]) -> None:
    with replaced_folder(folder, ours=ours) as fresh:
        for name, content in files.items():
            (fresh / name).write_bytes(content)


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_new_results_take_the_place_of_all_old_ones_and_notes_stay(tmp_path):
    folder = tmp_path / "deep" / "1.2"
    write(folder, OLD)
    assert read(folder) == OLD
    (folder / "note.txt").write_bytes(b"of a person")
    (folder / ".half.part").write_bytes(b"left by an older version")
    write(folder, NEW)
    assert read(folder) == NEW | NOTE
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("error", [RuntimeError, OSError, KeyboardInterrupt])
def test_a_failure_while_writing_leaves_the_old_results_and_nothing_else(error, tmp_path):
    folder = tmp_path / "1.2"
    write(folder, OLD)

    def fail() -> None:
        with replaced_folder(folder, ours=ours) as fresh:
            (fresh / "report.dcm").write_bytes(b"half")
            raise error

    with pytest.raises(StorageError if error is OSError else error):
        fail()
    assert read(folder) == OLD
    assert list(tmp_path.iterdir()) == [folder]


def _stop_at_step(step: int, folder: Path, *, kill: bool) -> bool:
    """Write NEW in a process of its own that ends before its n-th call of the system."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status) != 0
    calls = count()

    def before(_frame, event, called):
        of_system = event == "c_call" and called.__module__ in ("posix", "_io", "fcntl")
        if of_system and next(calls) == step:
            sys.setprofile(None)
            if kill:
                os._exit(9)
            raise KeyboardInterrupt

    status = 1
    try:
        sys.setprofile(before)
        write(folder, NEW)
        sys.setprofile(None)
        status = 0
    finally:
        os._exit(status)  # never back into the test


@pytest.mark.skipif(not hasattr(os, "fork"), reason="stops a copy of this process")
@pytest.mark.parametrize("kill", [True, False], ids=["killed", "interrupted"])
def test_stopped_before_any_step_it_is_complete_and_the_next_run_clears_up(kill, tmp_path):
    seen = set()
    for step in count():
        folder = tmp_path / str(step) / "1.2"
        write(folder, OLD)
        (folder / "note.txt").write_bytes(b"of a person")
        stopped = _stop_at_step(step, folder, kill=kill)
        if folder.exists():  # what a reader sees at once
            assert {name: c for name, c in read(folder).items() if name not in NOTE} in (OLD, NEW)
        recover_folders(folder.parent, ours=ours)
        assert list(folder.parent.iterdir()) == [folder]
        found = read(folder)
        assert found in (OLD | NOTE, NEW | NOTE)
        seen.add(found["report.dcm"])
        write(folder, NEW)
        assert read(folder) == NEW | NOTE
        if not stopped:
            break
    assert step > 20
    assert seen == {b"old", b"new"}


def test_two_writers_at_once_never_mix(tmp_path):
    folder = tmp_path / "1.2"

    def often(content: bytes) -> None:
        for _ in range(10):
            write(folder, dict.fromkeys(OLD, content))

    writers = [Thread(target=often, args=(content,)) for content in (b"first", b"second")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(set(read(folder).values())) == 1
    assert set(read(folder)) == set(OLD)
    assert list(tmp_path.iterdir()) == [folder]


def test_clearing_up_leaves_a_running_writer_and_files_of_others_alone(tmp_path):
    (tmp_path / ".session.lock").write_text("somebody's")
    (tmp_path / ".things.partial").mkdir()
    with replaced_folder(tmp_path / "1.2", ours=ours) as fresh:
        (fresh / "report.dcm").write_bytes(b"new")
        recover_folders(tmp_path, ours=ours)
        assert (fresh / "report.dcm").exists()
    assert {path.name for path in tmp_path.iterdir()} == {
        ".session.lock",
        ".things.partial",
        "1.2",
    }


def test_a_file_in_the_place_of_the_folder_is_told_and_kept(tmp_path):
    (tmp_path / "1.2").write_text("in the way")
    with pytest.raises(StorageError, match="something of this name is there and no folder"):
        write(tmp_path / "1.2", NEW)
    assert (tmp_path / "1.2").read_text() == "in the way"
    assert [path.name for path in tmp_path.iterdir()] == ["1.2"]
