"""Runs on their way: once each, by one program at a time, and listed until somebody has them."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from napari_fluoroinject.errors import RefusedError, UnreachableError
from napari_fluoroinject.live import handing
from napari_fluoroinject.live.fates import Fate, beside, fate_of, waiting_in
from napari_fluoroinject.live.handing import Outgoing
from napari_fluoroinject.settings import Settings
from napari_fluoroinject.settings.network import Endpoint
from napari_fluoroinject.spool.disk import lock


def run(uid: str):
    return SimpleNamespace(dataset=SimpleNamespace(SOPInstanceUID=uid), content=b"run")


@pytest.fixture
def given(monkeypatch):
    """What was handed over; whoever is named in `refusing` does not take it."""
    given = SimpleNamespace(runs=[], refusing={})

    def hand_over(path, destination, _settings):
        for named in (path.stem, destination):
            if named in given.refusing:
                raise given.refusing[named]
        given.runs.append((path.stem, destination))

    monkeypatch.setattr(handing, "hand_over", hand_over)
    return given


def fate(root, number: int) -> Fate:
    return fate_of(root / "one", number, waiting_in(root))


def test_what_became_of_a_run_is_known_afterwards(tmp_path, given):
    (tmp_path / "one").mkdir()
    outgoing = Outgoing(tmp_path, Settings())
    outgoing.add(run("1.1"), "theatre", of=(tmp_path / "one", 1))
    beside(tmp_path / "one", 2).touch()
    told = [fate(tmp_path, number) for number in (1, 2, 3)]
    assert told == [
        Fate(where="waiting", to="theatre"),
        Fate(where="written"),
        Fate(where="recording"),
    ]
    outgoing.round()
    assert given.runs == [("1.1", "theatre")]
    assert fate(tmp_path, 1) == Fate(where="handed", to="theatre")
    outgoing.round()
    assert len(given.runs) == 1


def test_a_run_that_is_refused_holds_up_no_other(tmp_path, given):
    outgoing = Outgoing(tmp_path, Settings())
    for uid in ("1.1", "1.2", "1.3"):
        outgoing.add(run(uid), "theatre", of=(tmp_path / "one", 1))
    given.refusing["1.1"] = RefusedError("it is refused")
    outgoing.round()
    assert [uid for uid, _ in given.runs] == ["1.2", "1.3"]
    assert (outgoing.told.waiting, outgoing.told.error) == (1, "it is refused")


def test_whoever_does_not_answer_is_asked_once_a_round(tmp_path, given):
    outgoing = Outgoing(tmp_path, Settings())
    for uid, to in (("1.1", "away"), ("1.2", "away"), ("1.3", "theatre")):
        outgoing.add(run(uid), to, of=(tmp_path / "one", 1))
    given.refusing = {"away": UnreachableError("nobody answers")}
    outgoing.round()
    assert given.runs == [("1.3", "theatre")]
    assert (outgoing.told.waiting, outgoing.told.error) == (2, "nobody answers")


def test_one_program_at_a_time_hands_over(tmp_path, given):
    outgoing = Outgoing(tmp_path, Settings())
    outgoing.add(run("1.1"), "theatre", of=(tmp_path / "one", 1))
    with (outgoing.folder / ".sending").open("ab") as other:
        lock(other)
        outgoing.round()
        assert not given.runs
        assert "another program" in outgoing.told.error
    outgoing.round()
    assert (len(given.runs), outgoing.told.error) == (1, "")


def test_what_another_program_is_queueing_is_not_cleared(tmp_path):
    folder = Outgoing(tmp_path, Settings()).folder
    with (folder / ".adding").open("ab") as other:
        lock(other)
        (folder / "1.1.dcm").write_bytes(b"run")
        begins = threading.Thread(target=Outgoing, args=(tmp_path, Settings()))
        begins.start()
        time.sleep(0.2)
        assert (folder / "1.1.dcm").exists()
        (folder / "1.1.json").write_text('{"to": "theatre"}')
    begins.join()
    assert (folder / "1.1.dcm").exists()


def test_a_run_that_somebody_took_away_is_not_waited_for(tmp_path, given):
    outgoing = Outgoing(tmp_path, Settings())
    for uid in ("1.1", "1.2"):
        order = outgoing.add(run(uid), "theatre", of=(tmp_path / "one", 1))
    (outgoing.folder / "1.1.dcm").unlink()
    outgoing.round()
    assert [uid for uid, _ in given.runs] == ["1.2"]
    assert not order.exists()
    assert (outgoing.told.waiting, outgoing.told.error) == (0, "")


def test_a_folder_stays_the_same_wherever_the_next_program_begins(tmp_path, given, monkeypatch):
    (tmp_path / "archive").mkdir()
    (tmp_path / "theatre").mkdir()
    monkeypatch.chdir(tmp_path)
    site = Settings(endpoints={"theatre": Endpoint(url="pacs://A:B@127.0.0.1:1")})
    outgoing = Outgoing(tmp_path, site)
    outgoing.add(run("1.1"), "archive", of=(tmp_path / "one", 1))
    outgoing.add(run("1.2"), "theatre", of=(tmp_path / "one", 2))
    outgoing.round()
    assert given.runs == [("1.1", str(tmp_path / "archive")), ("1.2", "theatre")]


def test_a_queue_that_was_taken_away_is_made_anew(tmp_path, given):
    outgoing = Outgoing(tmp_path, Settings())
    for left in outgoing.folder.iterdir():
        left.unlink()
    outgoing.folder.rmdir()
    outgoing.round()
    assert outgoing.told.error
    outgoing.add(run("1.1"), "theatre", of=(tmp_path / "one", 1))
    outgoing.round()
    assert (len(given.runs), outgoing.told.error) == (1, "")
