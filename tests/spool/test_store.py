"""The spool keeps what it admitted, once, under a name no peer chose."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from pathlib import Path  # noqa: TC003 - hypothesis reads annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_fluoroinject.errors import ConflictError, StorageError
from napari_fluoroinject.spool.store import Spool

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
        assert "other content" in refused.with_suffix(".txt").read_text()


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


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_folders_are_for_the_owner_alone(tmp_path):
    with Spool(tmp_path / "s") as spool:
        folder = spool.admit(part(spool, b"loop"), uid=UID).path.parent
        for path in (spool.root, spool.incoming, folder):
            assert path.stat().st_mode & 0o077 == 0


KILLED = """
import os, sys
from pathlib import Path  # noqa: TC003 - hypothesis reads annotations
from napari_fluoroinject.spool.store import Spool
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
