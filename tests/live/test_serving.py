"""A station that is served, and a viewer's end that recognises it and shows its maps."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_fluoroinject.analysis.live_run import LiveWarning
from napari_fluoroinject.endpoints.igtl_server import IgtlServer
from napari_fluoroinject.live.connect import connect_feed
from napari_fluoroinject.live.pictures import MapPicture
from napari_fluoroinject.live.running import MapsTold
from napari_fluoroinject.live.served import served_maps
from napari_fluoroinject.live.serving import STATUS, Serving, status
from napari_fluoroinject.live.station import Station, StationSettings
from tests.live.test_station import NoMaps, connected, until

pytestmark = pytest.mark.network
WARNING = LiveWarning(
    id="vascular_uptake", text="runs off", first_frame=20, raised_frame=22, score=1.0
)


def station() -> Station:
    maps = NoMaps()
    maps.told = MapsTold(state="following contrast", onset_frame=14, warnings=(WARNING,))
    levels = np.zeros((96, 96), np.uint8)
    levels[3, 5] = 200
    maps.picture = MapPicture(kind="arrival", levels=levels, low=0.0, high=3.0, unit="s")
    return Station(connected(), StationSettings(), maps=maps)


def test_a_viewer_recognises_the_server_and_shows_its_map_and_what_it_tells():
    made = station()
    with Serving() as serving, made:
        serving.follow(made)
        found = served_maps(f"igtl://127.0.0.1:{serving.port}", within_s=30.0)
        assert found is not None
        address, maps = found
        assert address == f"igtl://127.0.0.1:{serving.port}/LIVE"
        with maps:
            until(lambda: maps.told.onset_frame == 14)
            assert maps.told.warnings == (WARNING,)
            # the newest picture goes to whoever comes later, too
            until(lambda: maps.picture is not None)
            assert (maps.picture.kind, maps.picture.high) == ("arrival", 3.0)
            np.testing.assert_array_equal(maps.picture.levels, made.maps.picture.levels)
            maps.kind = "none"
            assert maps.picture is None
            maps.begin()
            assert "begun there" in maps.told.message


def test_a_viewer_on_this_machine_learns_where_it_is_recorded_and_others_only_that_it_is(tmp_path):
    settings = StationSettings(recordings=tmp_path, reserve_bytes=0, kind="opacity")
    made = Station(connected(), settings, maps=NoMaps())
    assert made.maps.kind == "opacity"
    assert status(made)["folder"] is None
    assert status(made)["recording"]
    with Serving() as serving, made:
        serving.follow(made)
        found = served_maps(f"igtl://127.0.0.1:{serving.port}", within_s=30.0)
        assert found is not None
        with found[1] as maps:
            assert maps.recording
            assert maps.folder == made.folder


def test_frames_go_out_as_they_came():
    with Serving() as serving:
        feed = connect_feed(f"igtl://127.0.0.1:{serving.port}/LIVE").feed
        first = iter(feed)
        made = Station(connected(), StationSettings(), maps=NoMaps(), others=(serving,))
        with made:
            next(first)  # connected
            made.start()
            frame = next(one for one in first if hasattr(one, "pixels"))
            feed.close()
    assert frame.pixels.dtype == np.uint16
    assert frame.pixels.shape == (96, 96)


def test_another_server_is_not_taken_for_ours():
    with IgtlServer() as server:
        server.say(STATUS, json.dumps({"format": "another"}))
        assert served_maps(f"igtl://127.0.0.1:{server.port}", within_s=0.3) is None


@pytest.mark.parametrize("source", ["phantom:mbb_lumbar", "igtl://", "igtl://host:x", "video:0"])
def test_what_is_no_address_of_a_server_is_not_called(source):
    assert served_maps(source) is None


def test_the_status_is_json_of_plain_values():
    told = json.loads(json.dumps(status(station())))
    assert told["maps"]["warnings"][0]["id"] == "vascular_uptake"
    assert told["map"] == {"kind": "arrival", "low": 0.0, "high": 3.0, "unit": "s"}
