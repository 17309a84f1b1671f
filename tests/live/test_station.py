"""A station: every frame on disk, runs kept and written, and handed over until acknowledged."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pytest
from awaited import until
from pydicom import dcmread

from napari_fluoroinject.endpoints import connect
from napari_fluoroinject.endpoints.base import FeedNote, Frame
from napari_fluoroinject.endpoints.replay import Replay
from napari_fluoroinject.errors import StorageError, UnreachableError
from napari_fluoroinject.live import handing
from napari_fluoroinject.live.connect import Connected
from napari_fluoroinject.live.desk import Papers
from napari_fluoroinject.live.handing import Outgoing, hand_over
from napari_fluoroinject.live.running import MapsTold
from napari_fluoroinject.live.runs import runs_of
from napari_fluoroinject.live.session import LiveSession, SessionWish
from napari_fluoroinject.live.station import Station, StationSettings
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.recording import Recorder, Recording, RemarkLog, read_remarks
from napari_fluoroinject.settings import Settings


class NoMaps:
    """Maps that nobody makes."""

    kind = "arrival"
    picture = None
    missed = 0

    def __init__(self):
        self.told = MapsTold()

    def start(self) -> None: ...
    def put(self, _shot) -> None: ...
    def begin(self) -> None: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


@cache
def phantom():
    return make_phantom("mbb_lumbar", settings=PhantomSettings(size=96, frames=30)).loop


def connected(feed=None) -> Connected:
    loop = phantom()
    return Connected(
        feed=feed or Replay(loop, speed=6.0),
        kind="phantom",
        intensity=loop.intensity,
        synthetic=True,
    )


def run_to_end(station: Station) -> None:
    with station:
        station.start()
        until(lambda: station.receiver.told.ended)


def run_session(session: LiveSession) -> LiveSession:
    with session:
        session.start()
        until(lambda: session.station.receiver.told.ended)
    return session


def wish(tmp_path, **said) -> SessionWish:
    settings = StationSettings(recordings=tmp_path / "recordings", reserve_bytes=0)
    return SessionWish(station=settings, **said)


@pytest.fixture(autouse=True)
def no_maps(monkeypatch):
    from napari_fluoroinject.live import station

    monkeypatch.setattr(station, "RunningMaps", lambda **_: NoMaps())


def test_a_feed_is_recorded_whole_and_its_run_is_listed(tmp_path):
    ended = []
    settings = StationSettings(recordings=tmp_path, reserve_bytes=0)
    station = Station(connected(), settings, ended=ended.append)
    run_to_end(station)
    assert ended == [1]
    (run,) = runs_of(station.folder)
    assert (run.first_frame, run.last_frame, run.why) == (0, 29, "the feed has ended")
    np.testing.assert_array_equal(
        Recording.open(station.folder).loop().frames.every(), phantom().frames.every()
    )


def patient_station(tmp_path, monkeypatch):
    from napari_fluoroinject.live import station

    maps = NoMaps()
    monkeypatch.setattr(station, "RunningMaps", lambda **_: maps)
    settings = StationSettings(recordings=tmp_path, reserve_bytes=0)
    return Station(replace(connected(), patient=True), settings), maps


def test_a_file_is_played_from_its_first_frame_once_the_maps_are_ready(tmp_path, monkeypatch):
    station, maps = patient_station(tmp_path, monkeypatch)
    with station:
        station.start()
        time.sleep(1.0)
        assert station.told.received.frames == 0
        assert station.told.freshness == "waiting"
        maps.told = MapsTold(device="cpu")
        until(lambda: station.receiver.told.ended)
    assert Recording.open(station.folder).frames == 30


def test_a_file_is_played_where_no_maps_can_be_made(tmp_path, monkeypatch):
    station, maps = patient_station(tmp_path, monkeypatch)
    maps.told = MapsTold(state="stopped")
    run_to_end(station)
    assert Recording.open(station.folder).frames == 30


def test_a_file_whose_maps_were_never_ready_is_ended_without_a_frame(tmp_path, monkeypatch):
    station, maps = patient_station(tmp_path, monkeypatch)
    with station:
        station.start()
    maps.told = MapsTold(device="cpu")
    assert station.told.received.frames == 0
    assert not station.receiver.told.error


def test_what_the_feed_tells_is_kept_beside_the_recording_and_ends_runs(tmp_path):
    def feed():
        loop = phantom()
        for index in range(24):
            if index == 12:
                yield FeedNote(event="lost", text="nothing comes")
                yield FeedNote(event="connected", text="there again")
            yield Frame(index=index, time_s=index / 15, pixels=loop.frames.frame(index))
            time.sleep(0.01)

    station = Station(connected(feed()), StationSettings(recordings=tmp_path, reserve_bytes=0))
    run_to_end(station)
    remarks = read_remarks(station.folder)
    assert [one.text for one in remarks if one.said == "feed"] == ["nothing comes", "there again"]
    assert [run.why for run in runs_of(station.folder)] == [
        "the feed was lost",
        "the feed has ended",
    ]
    assert Recording.open(station.folder).frames == 24


def test_a_disk_that_cannot_be_written_costs_no_picture(tmp_path):
    (tmp_path / "file").write_text("")
    station = Station(connected(), StationSettings(recordings=tmp_path / "file"))
    run_to_end(station)
    assert "cannot be written" in station.refused
    assert station.told.received.frames == 30
    assert station.told.room_bytes is None


def test_warnings_and_the_begin_of_contrast_are_noted_once(tmp_path):
    from napari_fluoroinject.analysis.live_run import LiveWarning

    maps = NoMaps()
    warning = LiveWarning(
        id="vascular_uptake", text="runs off", first_frame=20, raised_frame=22, score=1.0
    )
    station = Station(
        connected(), StationSettings(recordings=tmp_path, reserve_bytes=0), maps=maps
    )
    with station:
        station.start()
        maps.told = MapsTold(onset_frame=14, warnings=(warning,))
        until(lambda: station.receiver.told.ended)
    said = [(one.text, one.frame) for one in read_remarks(station.folder)]
    assert said.count(("contrast seen from frame 15 on", 14)) == 1
    assert said.count(("vascular_uptake: runs off", 22)) == 1


def test_a_finished_run_stays_beside_its_recording_without_a_destination(tmp_path):
    session = LiveSession(connected(), wish(tmp_path, papers=Papers(research=True)), Settings())
    with session:
        session.start()
        until(lambda: session.station.receiver.told.ended)
    assert session.told.faults == ()
    dataset = dcmread(session.station.folder / "run-001.dcm")
    assert str(dataset.PatientName) == "Nobody^Local Research"
    assert dataset.NumberOfFrames == 30


def test_a_clock_that_is_set_back_costs_no_frame_and_no_run(tmp_path, monkeypatch):
    moments = [1_800_000_000.0 - 3600 * (index >= 15) + index / 15 for index in range(30)]
    ours = iter(moments + moments[-1:] * 100)

    def feed():
        for index, moment in enumerate(moments):
            pixels = phantom().frames.frame(index)
            yield Frame(index=index, time_s=index / 15, pixels=pixels, wall_s=moment)

    for kind in (Recorder, RemarkLog):
        defaults = kind.__init__.__kwdefaults__
        monkeypatch.setitem(defaults, "wall_ns", lambda: round(next(ours) * 1e9))
    session = run_session(
        LiveSession(connected(feed()), wish(tmp_path, papers=Papers(research=True)), Settings())
    )
    assert session.told.faults == ()
    (run,) = runs_of(session.station.folder)
    assert (run.frames, run.first_frame, run.last_frame) == (30, 0, 29)
    dataset = dcmread(session.station.folder / "run-001.dcm")
    assert dataset.NumberOfFrames == 30
    began = datetime.fromtimestamp(moments[0], UTC).astimezone()
    assert dataset.AcquisitionTime[:6] == f"{began:%H%M%S}"


def test_without_an_order_no_run_is_written(tmp_path):
    session = LiveSession(connected(), wish(tmp_path), Settings())
    with session:
        session.start()
        until(lambda: session.station.receiver.told.ended)
    assert session.told.written is None
    assert not list(session.station.folder.glob("*.dcm"))


def test_a_run_waits_until_it_is_acknowledged_and_is_tried_again_at_the_next_start(
    tmp_path, monkeypatch
):
    def away(*_):
        raise UnreachableError("nobody answers")

    with monkeypatch.context() as patched:
        patched.setattr(handing, "hand_over", away)
        session = LiveSession(
            connected(),
            wish(tmp_path, papers=Papers(research=True), hand_to=str(tmp_path / "archive")),
            Settings(),
        )
        with session:
            session.start()
            until(lambda: session.station.receiver.told.ended)
        assert session.told.handed.waiting == 1
        assert "nobody answers" in session.told.handed.error
    later = Outgoing(tmp_path / "recordings", Settings())
    later.round()
    assert (later.told.waiting, later.told.handed) == (0, 1)
    assert list(later.folder.glob("[!.]*")) == []
    assert len(list((tmp_path / "archive").glob("*.dcm"))) == 1


def test_what_was_never_queued_whole_is_cleared_and_what_was_stays(tmp_path):
    outgoing = Outgoing(tmp_path, Settings())
    folder = outgoing.folder
    (folder / "1.2.dcm").write_bytes(b"half")
    (folder / "1.3.dcm").write_bytes(b"whole")
    (folder / "1.3.json").write_text(json.dumps({"to": "x"}))
    assert Outgoing(tmp_path, Settings()).told.waiting == outgoing.told.waiting == 1
    assert not (folder / "1.2.dcm").exists()


@pytest.mark.network
def test_a_run_is_received_into_a_spool_as_if_it_had_been_pushed(tmp_path):
    from napari_fluoroinject.endpoints.receive import HERE, receiving
    from napari_fluoroinject.settings.network import ListenSettings

    session = LiveSession(connected(), wish(tmp_path, papers=Papers(research=True)), Settings())
    with session:
        session.start()
        until(lambda: session.station.receiver.told.ended)
    path = session.station.folder / "run-001.dcm"
    listen = ListenSettings(spool=tmp_path / "spool", reserve_mb=0)
    with (
        receiving(listen, HERE, job=True),
        pytest.raises(StorageError, match="hand to its address"),
    ):
        hand_over(path, str(tmp_path / "spool"), Settings(listen=listen))
    hand_over(path, str(tmp_path / "spool"), Settings(listen=listen))
    (kept,) = connect(str(tmp_path / "spool"))[0].find(connect(str(tmp_path))[1])
    assert kept.sop_instance_uid == dcmread(path).SOPInstanceUID


def test_an_order_that_is_not_found_costs_no_frame(tmp_path):
    from napari_fluoroinject.live.ordering import OrderQuery

    asked = OrderQuery(worklist="pacs://US:RIS@127.0.0.1:1", accession="A1")
    session = LiveSession(connected(), replace(wish(tmp_path), order=asked), Settings())
    with session:
        session.start()
        until(lambda: session.station.receiver.told.ended)
    (fault,) = session.told.faults
    assert fault.startswith("no run is written")
    assert Recording.open(session.station.folder).frames == 30
