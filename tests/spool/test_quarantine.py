"""What is refused is kept for a person, with the reason, within a limit, once."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.spool import quarantine as module
from napari_fluoroinject.spool.quarantine import Quarantine, Refusal, refusals
from napari_fluoroinject.spool.store import Spool


def part(spool: Spool, content: bytes = b"loop", name: str = "a.part") -> Path:
    path = spool.incoming / name
    path.write_bytes(content)
    return path


def test_a_refused_object_is_kept_with_its_uid_reason_and_time(tmp_path):
    with Spool(tmp_path) as spool:
        begun_s = time.time()
        path = spool.quarantine(part(spool), uid="1.2", reason="short pixels: 3 of 4")
        (refusal,) = refusals(tmp_path)
    assert refusal == Refusal(
        uid="1.2", reason="short pixels: 3 of 4", conflict=False, at_s=refusal.at_s, path=path
    )
    assert begun_s - 1 <= refusal.at_s <= time.time() + 1
    assert path is not None
    assert path.read_bytes() == b"loop"


def test_refused_bytes_lie_under_hashes_of_their_uid_and_content(tmp_path):
    with Spool(tmp_path) as spool:
        path = spool.quarantine(part(spool), uid="1.2", reason="odd")
    uid, content = (hashlib.sha256(one).hexdigest() for one in (b"1.2", b"loop"))
    assert path == tmp_path / "quarantine" / uid[:2] / f"{uid}-{content[:16]}.dcm"
    assert (module.LIMIT_BYTES, module.LARGEST_COUNT) == (8 * 1024**3, 10_000)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc to ask")
def test_refused_bytes_and_their_reason_are_on_disk_and_private(tmp_path, monkeypatch):
    synced: set[Path] = set()
    monkeypatch.setattr(
        os, "fsync", lambda number: synced.add(Path(f"/proc/self/fd/{number}").resolve())
    )
    with Spool(tmp_path.resolve()) as spool:
        synced.clear()
        file = part(spool)
        file.chmod(0o666)
        path = spool.quarantine(file, uid="1.2", reason="odd")
        assert path is not None
        note = path.with_suffix(".txt")
        assert {note, file, path.parent, path.parent.parent} <= synced
        assert {one.stat().st_mode & 0o777 for one in (note, path)} == {0o600}
        synced.clear()
        spool.quarantine(file, uid="1.2", reason="odd")
        assert path.parent in synced  # whoever put it there may have been killed before


def test_a_note_tells_when_with_the_zone_and_who_sent_it_on_one_line(tmp_path):
    with Spool(tmp_path) as spool:
        sender = "C\x1bARM\nkind: conflict at 10.1.2.3"
        path = spool.quarantine(part(spool), uid="1.2", reason="odd", sender=sender)
        (refusal,) = spool.refusals()
    lines = path.with_suffix(".txt").read_text().splitlines()
    (at,) = (one.removeprefix("refused: ") for one in lines if one.startswith("refused: "))
    assert datetime.fromisoformat(at).tzinfo is not None
    assert refusal.at_s == datetime.fromisoformat(at).timestamp()
    assert "from: C?ARM kind: conflict at 10.1.2.3" in lines
    assert (refusal.sender, refusal.conflict) == ("C?ARM kind: conflict at 10.1.2.3", False)


def test_notes_of_an_older_version_are_read(tmp_path):
    (tmp_path / "quarantine" / "ab").mkdir(parents=True)
    note = "odd\nSOP Instance UID: 1.2\nrefused: 1795356887.610 s since 1970\n"
    (tmp_path / "quarantine" / "ab" / "x.txt").write_text(note)
    assert [one.at_s for one in refusals(tmp_path)] == [1795356887.61]


def test_refusals_are_told_oldest_first(tmp_path, monkeypatch):
    with Spool(tmp_path) as spool:
        for uid, at_s in (("1.3", 30.0), ("1.1", 10.0), ("1.2", 20.0)):
            monkeypatch.setattr(time, "time", lambda at_s=at_s: at_s)
            spool.quarantine(part(spool), uid=uid, reason="odd")
    assert [(one.uid, one.at_s) for one in refusals(tmp_path)] == [
        ("1.1", 10.0),
        ("1.2", 20.0),
        ("1.3", 30.0),
    ]


def test_the_same_bytes_refused_again_and_again_take_no_more_room(tmp_path):
    with Spool(tmp_path, quarantine_bytes=5) as spool:
        paths = {
            spool.quarantine(part(spool, name=f"{k}.part"), uid="1.2", reason=f"odd {k}")
            for k in range(3)
        }
        assert paths == set(spool.quarantined())
        assert len(paths) == 1
        (refusal,) = spool.refusals()
        assert refusal.reason == "odd 0"


def test_other_bytes_under_one_uid_are_all_kept(tmp_path):
    with Spool(tmp_path) as spool:
        for content in (b"loop", b"pool"):
            spool.quarantine(part(spool, content), uid="1.2", reason="odd")
            (spool.incoming / "a.part").unlink()
        assert sorted(path.read_bytes() for path in spool.quarantined()) == [b"loop", b"pool"]


def test_a_full_quarantine_still_notes_what_was_refused(tmp_path, caplog):
    with Spool(tmp_path, quarantine_bytes=8) as spool:
        for k in range(2):
            assert spool.quarantine(part(spool, b"full"), uid=f"1.{k}", reason="odd") is not None
        assert spool.quarantine(part(spool), uid="1.2", reason="one too many") is None
        assert "is full" in caplog.text
        assert len(spool.quarantined()) == 2
        last = spool.refusals()[-1]
        assert (last.uid, last.reason, last.path) == ("1.2", "one too many", None)
        spool.quarantined()[0].unlink()  # a person has looked at it
        assert spool.quarantine(part(spool), uid="1.2", reason="again") is not None


def test_a_flood_of_refusals_is_noted_up_to_a_number(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_COUNT", 3)
    with Spool(tmp_path) as spool:
        kept = [spool.quarantine(part(spool), uid=f"1.{k}", reason="odd") for k in range(5)]
        assert [one is not None for one in kept] == [True] * 3 + [False] * 2
        assert len(spool.refusals()) == 3


def test_while_space_is_short_nothing_refused_is_kept_and_the_log_says_so(tmp_path, caplog):
    with Spool(tmp_path, reserve_bytes=1 << 62) as spool:
        assert spool.quarantine(part(spool), uid="1.2", reason="odd") is None
        assert spool.refusals() == ()
        assert "is short of space" in caplog.text


def test_many_at_once_stay_within_the_limit(tmp_path):
    with Spool(tmp_path, quarantine_bytes=20) as spool:
        parts = [part(spool, bytes([k]) * 4, f"{k}.part") for k in range(12)]
        threads = [
            threading.Thread(
                target=spool.quarantine, args=(one,), kwargs={"uid": f"1.{k}", "reason": "odd"}
            )
            for k, one in enumerate(parts)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(path.stat().st_size for path in spool.quarantined()) == 20
        assert len(spool.refusals()) == 12


@pytest.mark.parametrize("text", ["", "a person's own words\n", "odd\nrefused: yesterday\n"])
def test_a_note_that_a_person_has_changed_is_still_told(text, tmp_path):
    with Spool(tmp_path) as spool:
        path = spool.quarantine(part(spool), uid="1.2", reason="odd")
        assert path is not None
        path.with_suffix(".txt").write_text(text)
        os.utime(path.with_suffix(".txt"), (77, 77))
        (refusal,) = spool.refusals()
    assert refusal.reason == text.partition("\n")[0]
    assert (refusal.uid, refusal.conflict, refusal.at_s) == ("", False, 77)


def test_a_uid_that_is_none_names_no_path_and_forges_no_note(tmp_path):
    with Spool(tmp_path / "s") as spool:
        spool.quarantine(part(spool), uid="../../1.2\nkind: conflict", reason="odd")
        (refusal,) = spool.refusals()
    assert not refusal.conflict
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s"]


def test_half_a_note_left_by_a_crash_is_swept(tmp_path):
    with Spool(tmp_path) as spool:
        path = spool.quarantine(part(spool), uid="1.2", reason="odd")
        assert path is not None
        half = path.with_name(".x.txt.partial")
        half.write_text("od")
    Quarantine(tmp_path / "quarantine")
    assert not half.exists()
    assert len(refusals(tmp_path)) == 1


def test_nothing_was_refused_where_there_is_no_quarantine(tmp_path):
    assert refusals(tmp_path) == ()


def test_a_quarantine_that_cannot_be_written_is_a_storage_error(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with Spool(tmp_path) as spool:
        monkeypatch.setattr(os, "link", full)
        with pytest.raises(StorageError, match=r"a refused object could not be kept.*No space"):
            spool.quarantine(part(spool), uid="1.2", reason="odd")
        monkeypatch.undo()
        assert spool.quarantine(part(spool), uid="1.2", reason="odd") is not None
