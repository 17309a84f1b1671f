"""The spool keeps what it admitted, once, under a name no peer chose."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_fluoroinject.errors import ConflictError, StorageError
from napari_fluoroinject.spool.quarantine import refusals
from napari_fluoroinject.spool.store import RESERVE_BYTES, Spool, file_sha256, kept_path

UID = "1.2.840.99.1"


def part(spool: Spool, content: bytes, name: str = "a.part") -> Path:
    path = spool.incoming / name
    path.write_bytes(content)
    return path


def test_an_admitted_object_lies_under_the_hash_of_its_uid(tmp_path):
    with Spool(tmp_path / "s") as spool:
        admission = spool.admit(part(spool, b"loop"), uid=UID)
        assert admission.new
        assert admission.path.read_bytes() == b"loop"
        assert admission.path.stem == hashlib.sha256(UID.encode()).hexdigest()
        assert admission.sha256 == hashlib.sha256(b"loop").hexdigest()
        assert admission.size_bytes == 4
        assert admission.path == kept_path(tmp_path / "s", UID)
        assert spool.objects() == (admission.path,)
        assert spool.path_of(UID) == admission.path


def test_the_same_bytes_again_are_accepted_again(tmp_path):
    with Spool(tmp_path / "s") as spool:
        first = spool.admit(part(spool, b"loop"), uid=UID)
        again = spool.admit(part(spool, b"loop", "b.part"), uid=UID)
        assert not again.new
        assert again.path == first.path
        assert spool.quarantined() == ()


def test_other_bytes_under_the_same_uid_are_refused_and_kept_in_quarantine(tmp_path):
    with Spool(tmp_path / "s") as spool:
        kept = spool.admit(part(spool, b"loop"), uid=UID).path
        with pytest.raises(ConflictError, match="other content"):
            spool.admit(part(spool, b"pool", "b.part"), uid=UID)
        assert kept.read_bytes() == b"loop"
        (refused,) = spool.quarantined()
        assert refused.read_bytes() == b"pool"
        (refusal,) = spool.refusals()
        assert (refusal.uid, refusal.conflict, refusal.path) == (UID, True, refused)
        assert "other content" in refusal.reason
        assert refusals(tmp_path / "s") == spool.refusals()  # also without holding it


def test_what_counts_as_content_is_for_the_caller_to_say(tmp_path):
    with Spool(tmp_path / "s", digest=lambda path: path.read_bytes()[4:].hex()) as spool:
        spool.admit(part(spool, b"new loop"), uid=UID)
        assert not spool.admit(part(spool, b"old loop", "b.part"), uid=UID).new


@given(uid=st.text(min_size=1, max_size=80))
@settings(max_examples=50, deadline=None)
def test_no_uid_names_a_path_outside_the_spool(tmp_path_factory, uid):
    root = tmp_path_factory.mktemp("spool")
    with Spool(root / "s") as spool:
        path = spool.admit(part(spool, b"loop"), uid=uid).path
        assert path.resolve().is_relative_to(root / "s" / "objects")
        assert sorted(p.name for p in root.iterdir()) == ["s"]


def test_parts_left_by_a_crash_are_gone_when_the_spool_is_opened(tmp_path):
    with Spool(tmp_path / "s") as spool:
        left = part(spool, b"half a loop")
        kept = spool.admit(part(spool, b"loop", "b.part"), uid=UID).path
    with Spool(tmp_path / "s"):
        assert not left.exists()
        assert kept.read_bytes() == b"loop"


def test_a_spool_serves_one_receiver_at_a_time(tmp_path):
    with (
        Spool(tmp_path / "s"),
        pytest.raises(StorageError, match="another receiver"),
    ):
        Spool(tmp_path / "s")
    Spool(tmp_path / "s").close()


def test_nothing_is_admitted_while_space_is_short(tmp_path):
    with Spool(tmp_path / "s", reserve_bytes=1 << 62) as spool:
        with pytest.raises(StorageError, match="make room"):
            spool.admit(part(spool, b"loop"), uid=UID)
        assert spool.objects() == ()


@given(content=st.binary(max_size=100), start=st.integers(0, 120))
def test_a_digest_begins_where_it_is_told_to(tmp_path_factory, content, start):
    path = tmp_path_factory.mktemp("digest") / "file"
    path.write_bytes(content)
    assert file_sha256(path, start=start) == hashlib.sha256(content[start:]).hexdigest()


def test_the_digest_of_a_long_file_is_that_of_all_its_blocks(tmp_path):
    content = os.urandom((2 << 20) + 3)
    (tmp_path / "file").write_bytes(content)
    assert file_sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("short", [False, True])
def test_the_reserve_is_kept_to_the_byte(short, tmp_path, monkeypatch):
    free = RESERVE_BYTES - short
    assert RESERVE_BYTES == 64 * 1024 * 1024
    with Spool(tmp_path / "s") as spool:
        usage = shutil.disk_usage(tmp_path)._replace(free=free)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        kept = spool.quarantine(part(spool, b"odd"), uid="1.1", reason="odd")
        assert (kept is None) == short
        if short:
            with pytest.raises(StorageError, match=f"{free} bytes are free.*{RESERVE_BYTES}"):
                spool.admit(part(spool, b"loop", "b.part"), uid=UID)
        else:
            spool.admit(part(spool, b"loop", "b.part"), uid=UID)


def test_an_object_that_was_never_admitted_has_no_path(tmp_path):
    with Spool(tmp_path / "s") as spool, pytest.raises(StorageError, match="does not keep"):
        spool.path_of("1.2.3")


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot be used"):
        Spool(tmp_path / "file")


def test_a_full_quarantine_keeps_no_more(tmp_path):
    with Spool(tmp_path / "s", quarantine_bytes=3) as spool:
        assert spool.quarantine(part(spool, b"loop"), uid=UID, reason="odd") is None
        assert spool.quarantined() == ()


def test_of_many_at_once_with_one_uid_exactly_one_content_wins(tmp_path):
    with Spool(tmp_path / "s") as spool:
        outcomes: list[str] = []

        def admit(index: int) -> None:
            path = part(spool, bytes([index % 2]) * 100, f"{index}.part")
            try:
                outcomes.append("new" if spool.admit(path, uid=UID).new else "again")
            except ConflictError:
                outcomes.append("conflict")

        threads = [threading.Thread(target=admit, args=(index,)) for index in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["again"] * 3 + ["conflict"] * 4 + ["new"]
        assert len(spool.objects()) == 1


POSIX = pytest.mark.skipif(sys.platform == "win32", reason="of POSIX")


def modes(root: Path) -> dict[bool, set[int]]:
    """Modes of all files (False) and folders (True)."""
    found: dict[bool, set[int]] = {False: set(), True: {root.stat().st_mode & 0o777}}
    for path in root.rglob("*"):
        found[path.is_dir()].add(path.stat().st_mode & 0o777)
    return found


@POSIX
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o277])
def test_folders_and_files_are_for_the_owner_alone_whatever_the_umask(mask, tmp_path):
    before = os.umask(mask)
    try:
        with Spool(tmp_path / "s") as spool:
            for content in (b"loop", b"pool"):
                path = part(spool, content)
                path.chmod(0o666)
                with suppress(ConflictError):
                    spool.admit(path, uid=UID)
                path.unlink()
            assert len(spool.objects()) == len(spool.quarantined()) == 1
            assert modes(spool.root) == {False: {0o600}, True: {0o700}}
    finally:
        os.umask(before)


@POSIX
def test_folders_that_others_could_enter_are_tightened_when_the_spool_is_opened(tmp_path):
    with Spool(tmp_path / "s") as spool:
        spool.admit(part(spool, b"loop"), uid=UID)
    for path in (tmp_path / "s", *(tmp_path / "s").rglob("*")):
        if path.is_dir():
            path.chmod(0o777)
    with Spool(tmp_path / "s") as spool:
        assert modes(spool.root)[True] == {0o700}


@pytest.mark.parametrize("name", ["incoming", "objects", "quarantine"])
def test_a_folder_that_is_a_link_to_elsewhere_is_refused(name, tmp_path):
    Spool(tmp_path / "s").close()
    (tmp_path / "s" / name).rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (tmp_path / "s" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="cannot be used as a spool: a link"):
        Spool(tmp_path / "s")
    Path(tmp_path / "s" / name).unlink()
    Spool(tmp_path / "s").close()  # and nothing holds it


def test_a_disk_without_hard_links_is_told_at_once_and_leaves_nothing(tmp_path, monkeypatch):
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", no_links)
        with pytest.raises(StorageError, match=r"not permitted.*hard links"):
            Spool(tmp_path / "s")
    assert not list((tmp_path / "s" / "incoming").iterdir())
    Spool(tmp_path / "s").close()


def test_folders_and_links_left_in_incoming_are_swept_and_their_targets_stay(tmp_path):
    with Spool(tmp_path / "s") as spool:
        (spool.incoming / "deep").mkdir()
        (spool.incoming / "deep" / "a.part").write_bytes(b"half")
        (tmp_path / "of_others").mkdir()
        (tmp_path / "of_others" / "file").write_bytes(b"theirs")
        (spool.incoming / "link").symlink_to(tmp_path / "of_others")
        (spool.incoming / "probe-link").write_bytes(b"of a crash at start")
    with Spool(tmp_path / "s") as spool:
        assert not list(spool.incoming.iterdir())
    assert (tmp_path / "of_others" / "file").read_bytes() == b"theirs"


@given(preamble=st.binary(min_size=128, max_size=128), rest=st.binary(max_size=64))
@settings(max_examples=30)
def test_a_preamble_becomes_zeros_and_nothing_else_changes(tmp_path_factory, preamble, rest):
    with Spool(tmp_path_factory.mktemp("spool") / "s") as spool:
        path = spool.admit(part(spool, preamble + b"DICM" + rest), uid="1.1").path
        assert path.read_bytes() == bytes(128) + b"DICM" + rest
        other = spool.admit(part(spool, preamble + b"MCID" + rest, "b.part"), uid="1.2").path
        assert other.read_bytes() == preamble + b"MCID" + rest
        refused = spool.quarantine(
            part(spool, preamble + b"DICM" + rest, "c.part"), uid="1.3", reason="odd"
        )
        assert refused is not None
        assert refused.read_bytes() == bytes(128) + b"DICM" + rest


def test_another_encoding_of_the_same_content_is_no_conflict(tmp_path):
    asked = []

    def same(kept: Path, new: Path) -> bool:
        asked.append((kept.read_bytes(), new.read_bytes()))
        return kept.read_bytes().lower() == new.read_bytes().lower()

    with Spool(tmp_path / "s", same=same) as spool:
        first = spool.admit(part(spool, b"loop"), uid=UID)
        assert not spool.admit(part(spool, b"loop", "b.part"), uid=UID).new
        assert asked == []  # the digests said so
        again = spool.admit(part(spool, b"LOOP", "c.part"), uid=UID)
        assert (again.new, again.path, again.sha256) == (False, first.path, first.sha256)
        assert asked == [(b"loop", b"LOOP")]
        assert first.path.read_bytes() == b"loop"
        with pytest.raises(ConflictError):
            spool.admit(part(spool, b"pool", "d.part"), uid=UID)


def test_what_is_in_quarantine_already_is_not_compared_again(tmp_path):
    asked = []
    with Spool(tmp_path / "s", same=lambda *paths: bool(asked.append(paths))) as spool:
        spool.admit(part(spool, b"loop"), uid=UID)
        for name in ("b.part", "c.part", "d.part"):
            with pytest.raises(ConflictError):
                spool.admit(part(spool, b"pool", name), uid=UID)
        assert len(asked) == 1
        spool.quarantined()[0].unlink()  # a person has settled it
        with pytest.raises(ConflictError):
            spool.admit(part(spool, b"pool", "e.part"), uid=UID)
        assert len(asked) == 2


@pytest.mark.parametrize("made_again", [False, True])
def test_a_spool_that_was_removed_keeps_nothing_more(tmp_path, made_again):
    with Spool(tmp_path / "s") as spool:
        spool.admit(part(spool, b"loop"), uid=UID)
        shutil.rmtree(tmp_path / "s")
        (tmp_path / "s" / "incoming").mkdir(parents=True)
        if made_again:
            Spool(tmp_path / "s").close()
        with pytest.raises(StorageError, match="removed or replaced"):
            spool.admit(part(spool, b"other"), uid="1.2.9")


def test_other_content_than_was_noted_is_refused_though_its_file_is_gone(tmp_path, caplog):
    noted = hashlib.sha256(b"loop").hexdigest()
    with Spool(tmp_path / "s") as spool:
        with pytest.raises(ConflictError, match="already known with other content"):
            spool.admit(part(spool, b"pool"), uid=UID, noted=noted)
        assert spool.objects() == ()
        assert len(spool.quarantined()) == 1
        assert f"{UID} came again with other content" in caplog.text
        assert spool.admit(part(spool, b"loop", "b.part"), uid=UID, noted=noted).new
        assert not spool.admit(part(spool, b"loop", "c.part"), uid=UID, noted="of another").new


def test_a_conflict_is_an_error_in_the_log_without_a_word_of_the_content(tmp_path, caplog):
    with Spool(tmp_path / "s") as spool:
        spool.admit(part(spool, b"Phantom^Lumbar"), uid=UID)
        with pytest.raises(ConflictError):
            spool.admit(part(spool, b"Phantom^Cervical", "b.part"), uid=UID)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "Phantom" not in caplog.text


def test_a_folder_that_somebody_removed_is_made_again(tmp_path):
    with Spool(tmp_path / "s") as spool:
        path = spool.admit(part(spool, b"loop"), uid=UID).path
        path.unlink()
        path.parent.rmdir()
        assert spool.admit(part(spool, b"loop", "b.part"), uid=UID).path.read_bytes() == b"loop"


def test_a_part_that_is_gone_is_a_storage_error_for_object_and_quarantine(tmp_path):
    with Spool(tmp_path / "s") as spool:
        with pytest.raises(StorageError, match="an object could not be kept"):
            spool.admit(spool.incoming / "none.part", uid=UID)
        with pytest.raises(StorageError, match="a refused object could not be kept"):
            spool.quarantine(spool.incoming / "none.part", uid=UID, reason="odd")
        assert spool.objects() == spool.quarantined() == ()


@POSIX
@pytest.mark.parametrize("call", ["fsync", "link", "chmod", "stat"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_whatever_call_fails_nothing_is_admitted_that_is_not_there(
    call, number, tmp_path, monkeypatch
):
    """Every one of them in turn, until none is left to fail; then all is well again."""
    with Spool(tmp_path / "s") as spool:
        told: set[str] = set()
        for nth in itertools.count():
            uid, path = f"1.2.{nth}", part(spool, b"loop", f"{nth}.part")
            fails = FailsOnce(getattr(os, call), nth, number)
            with monkeypatch.context() as patch:
                patch.setattr(os, call, fails)
                try:
                    admission = spool.admit(path, uid=uid)
                except StorageError as error:
                    told.add(str(error).rpartition(": ")[2])
                else:
                    assert admission.path.read_bytes() == b"loop"
            again = spool.admit(path, uid=uid)
            assert again.path.read_bytes() == b"loop"
            if not fails.fired:
                break
        assert told == {os.strerror(number)} or call == "stat"


class FailsOnce:
    """A call of the system whose n-th use fails."""

    def __init__(self, real: Any, nth: int, number: int) -> None:
        self.real, self.left, self.number, self.fired = real, nth, number, False

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.left -= 1
        if self.left == -1:
            self.fired = True
            raise OSError(self.number, os.strerror(self.number))
        return self.real(*arguments, **named)


def test_the_file_is_on_disk_before_its_name_and_its_name_before_the_answer(tmp_path, monkeypatch):
    order: list[str] = []
    with Spool(tmp_path / "s") as spool:
        path = part(spool, b"loop")
        names = {path.stat().st_ino: "file"}

        def fsync(descriptor: int) -> None:
            order.append(f"fsync {names.get(os.fstat(descriptor).st_ino, 'folder')}")

        def link(source: Path, target: Path) -> None:
            order.append("link")
            real_link(source, target)

        real_link = os.link
        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(os, "link", link)
        spool.admit(path, uid=UID)
        assert order == ["fsync folder", "fsync file", "link", "fsync folder"]
        order.clear()
        spool.admit(path, uid=UID)
        # a name that is taken may not be on disk yet: its owner may have been killed before
        assert order[-1] == "fsync folder"


def test_the_folders_of_a_new_spool_are_on_disk_with_all_above_them(tmp_path, monkeypatch):
    synced: set[Path] = set()

    def fsync(descriptor: int) -> None:
        synced.add(Path(f"/proc/self/fd/{descriptor}").resolve())

    if not Path("/proc/self/fd").exists():
        pytest.skip("no /proc to ask")
    monkeypatch.setattr(os, "fsync", fsync)
    root = tmp_path.resolve() / "a" / "b"
    Spool(root).close()
    assert {tmp_path.resolve(), tmp_path.resolve() / "a", root} <= synced


KILLED = """
import os, sys
from pathlib import Path  # noqa: TC003 - hypothesis reads annotations
from napari_fluoroinject.spool.quarantine import refusals
from napari_fluoroinject.spool.store import RESERVE_BYTES, Spool, file_sha256, kept_path
spool = Spool(Path(sys.argv[1]))
for index in range(10_000):
    part = spool.incoming / "x.part"
    part.unlink(missing_ok=True)
    part.write_bytes(str(index).encode() * 1000)
    spool.admit(part, uid=f"1.2.{index}")
    os.write(1, f"{index}\\n".encode())
"""


def test_what_was_acknowledged_before_a_kill_is_whole_after_it(tmp_path):
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path / "s")], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(20)]
        process.kill()
        acknowledged += [int(line) for line in process.stdout.read().split()]
        process.wait()
        process.stdout.close()
        with Spool(tmp_path / "s") as spool:
            for index in acknowledged:
                content = spool.path_of(f"1.2.{index}").read_bytes()
                assert content == str(index).encode() * 1000
            assert not list(spool.incoming.iterdir())
