"""`live` and `recordings`: status, exit status, and nothing without an order."""

from __future__ import annotations

import json
import sys
from functools import cache

import pytest
from pydicom import dcmread
from typer.testing import CliRunner

from napari_fluoroinject.analysis.live_told import LiveWarning
from napari_fluoroinject.cli import app
from napari_fluoroinject.cli.live_words import as_json, lines
from napari_fluoroinject.endpoints.replay import Replay
from napari_fluoroinject.errors import EndpointError, StorageError
from napari_fluoroinject.live.connect import Connected
from napari_fluoroinject.live.receiver import Received
from napari_fluoroinject.live.running import MapsTold
from napari_fluoroinject.live.session import SessionTold
from napari_fluoroinject.live.station import Told
from napari_fluoroinject.phantom import PhantomSettings, make_phantom


@cache
def phantom():
    return make_phantom("mbb_lumbar", settings=PhantomSettings(size=96, frames=24)).loop


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """A feed that ends soon, maps that nobody makes, signals left to the tests."""
    import threading

    from napari_fluoroinject.live import connect, station
    from tests.live.test_station import NoMaps

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(station, "RunningMaps", lambda **_: NoMaps())
    module = sys.modules["napari_fluoroinject.cli.listen"]
    monkeypatch.setattr(module, "stop_signal", threading.Event)
    monkeypatch.setattr(
        connect,
        "connect_feed",
        lambda *_a, **_k: Connected(
            feed=Replay(phantom(), speed=8.0),
            kind="phantom",
            intensity=phantom().intensity,
            synthetic=True,
        ),
    )


def invoke(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def told(**said) -> SessionTold:
    station = {
        "received": Received(frames=9, recorded=9, rate_hz=30.0, frame_bytes=1 << 20),
        "freshness": "live",
        "age_s": 0.012,
        "maps": MapsTold(state="following contrast", onset_frame=4),
        "missed": 0,
        "running": True,
        "runs": 1,
        "room_bytes": 40_000_000_000,
        "said": ("the last image is held",),
    }
    return SessionTold(
        station=Told(**station | said), written=1, handed=None, clients=2, faults=()
    )


def test_the_status_tells_age_rate_recording_room_phase_and_what_was_seen_last():
    first, second, third, last = lines(told())
    assert first == "LIVE 12 ms · 30.0/s · 9 recorded, 0 lost · 40.0 GB left, 21 min"
    assert "run 2 goes on" in second
    assert "contrast from frame 5 on" in second
    assert "not a clearance" in second
    assert third == "1 run written · 2 viewers"
    assert last == "last: the last image is held"


def test_a_warning_has_a_line_of_its_own_and_frames_count_from_1_for_a_person():
    warning = LiveWarning(
        id="vascular_uptake", text="Look.", first_frame=40, raised_frame=43, score=1.2
    )
    maps = MapsTold(state="following contrast", onset_frame=4, warnings=(warning,))
    status = lines(told(maps=maps))
    assert "WARNING, frame 44: Look." in status
    assert not any("clearance" in line for line in status)
    assert as_json(told(maps=maps))["maps"]["warnings"][0]["raised_frame"] == 43


def test_a_stale_feed_and_a_full_disk_stand_first():
    full = Received(frames=9, recorded=3, unrecorded=6, recording_error="no room")
    first = lines(told(freshness="stale", age_s=2.5, received=full))[0]
    assert first.startswith("STALE 2.5 s · NOT RECORDING: no room")
    assert lines(told(freshness="stale", age_s=None))[0].startswith("STALE: no frame yet · ")
    assert as_json(told(received=full))["unrecorded"] == 6


def test_a_feed_is_recorded_listed_and_written_later(tmp_path):
    done = invoke("live", "phantom:mbb_lumbar", "--record", tmp_path / "rec", "--json")
    assert done.exit_code == 0, done.output
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["recorded"], last["unrecorded"], last["runs_ended"]) == (24, 0, 1)
    listed = json.loads(invoke("recordings", tmp_path / "rec", "--json").stdout)
    (entry,) = listed
    assert [run["frames"] for run in entry["runs"]] == [24]
    folder = entry["recording"]
    refused = invoke("recordings", folder, "--run", 1, "--out", tmp_path / "out")
    assert refused.exit_code == 2
    assert not (tmp_path / "out").exists()
    done = invoke("recordings", folder, "--run", 1, "--research", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    (path,) = (tmp_path / "out").glob("*.dcm")
    assert dcmread(path).NumberOfFrames == 24


def test_a_missing_worklist_costs_the_run_and_not_the_recording(tmp_path):
    words = ("--worklist", "pacs://US:RIS@127.0.0.1:1", "--accession", "A1")
    done = invoke("live", "phantom:mbb_lumbar", "--record", tmp_path / "rec", *words)
    assert done.exit_code == 1
    assert "no run is written" in done.stderr
    assert "24 frames" in invoke("recordings", tmp_path / "rec").stdout


@pytest.mark.parametrize(
    "words",
    [
        ("--worklist", "ris"),
        ("--accession", "A1"),
        ("--research", "--accession", "A1"),
        ("--no-record", "--research"),
        ("--angles", "10,20"),
        ("--known-length", "10"),
        ("--gauge", "7,9"),
        ("--gauge", "22,0"),
        ("--known-length", "5,9", "--gauge", "22,3"),
        ("--serve", "host:port"),
        ("--hand-to", "theatr"),
        ("--worklist", "rsi", "--accession", "A1"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(words):
    assert invoke("live", "phantom:mbb_lumbar", *words).exit_code == 2


def test_a_source_that_is_none_is_wrong_usage(monkeypatch):
    from napari_fluoroinject.live import connect

    def none(*_a, **_k):
        raise EndpointError("no such feed")

    monkeypatch.setattr(connect, "connect_feed", none)
    assert invoke("live", "nothing:").exit_code == 2


def test_a_folder_that_is_not_there_and_a_run_without_a_place_are_wrong_usage(tmp_path):
    assert invoke("recordings", tmp_path / "none").exit_code == 2
    assert invoke("recordings", tmp_path, "--run", 1, "--research").exit_code == 2
    assert invoke("recordings", tmp_path, "--out", tmp_path).exit_code == 2


def test_a_run_that_waits_is_listed_and_the_next_live_hands_it_over(tmp_path):
    record, archive = tmp_path / "rec", tmp_path / "archive"
    archive.write_text("in the way")
    words = ("live", "phantom:mbb_lumbar", "--record", record)
    done = invoke(*words, "--research", "--hand-to", archive)
    assert done.exit_code == 1, done.output
    assert "1 runs wait" in done.stderr

    def recordings():
        return json.loads(invoke("recordings", record, "--json").stdout)

    (first,) = (one["recording"] for one in recordings())

    def listed():
        (entry,) = (one for one in recordings() if one["recording"] == first)
        assert entry["frames"] == 24
        (run,) = entry["runs"]
        return run["kept"], run["to"]

    assert listed() == ("waiting", str(archive))
    assert "the next `live`" in invoke("recordings", record).stdout
    archive.unlink()
    assert invoke(*words).exit_code == 0
    assert listed() == ("handed", str(archive))
    told = invoke("recordings", record).stdout
    assert "handed over to" in told
    assert "only in the recording" in told


def test_a_run_is_handed_over_though_another_one_waits(tmp_path):
    record = tmp_path / "rec"
    (tmp_path / "taken").write_text("in the way")
    assert invoke("live", "phantom:mbb_lumbar", "--record", record).exit_code == 0
    assert invoke("live", "phantom:mbb_lumbar", "--record", record).exit_code == 0
    one, two = (
        entry["recording"] for entry in json.loads(invoke("recordings", record, "--json").stdout)
    )
    words = ("--run", 1, "--research", "--hand-to")
    waits = invoke("recordings", one, *words, tmp_path / "taken")
    assert isinstance(waits.exception, StorageError)
    done = invoke("recordings", two, *words, tmp_path / "archive")
    assert done.exit_code == 0, done.output
    assert "handed over" in done.stdout


def test_a_recording_that_was_killed_at_once_is_no_failure(tmp_path):
    empty = tmp_path / "rec" / "20260102T080300Z-1a2b3c"
    empty.mkdir(parents=True)
    (empty / "0000.frames").touch()
    done = invoke("recordings", tmp_path / "rec")
    assert (done.exit_code, "no recording" in done.stdout) == (0, True)
