"""What a person types to name a feed, and what they are told where it is none."""

from __future__ import annotations

import pytest

from napari_fluoroinject.errors import EndpointError, FluoroinjectError, UnreadableObjectError
from napari_fluoroinject.live.connect import connect_feed
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.recording import Recorder
from napari_fluoroinject.workflow import make_phantom_files


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    settings = PhantomSettings(size=64, frames=8, frame_rate_hz=120.0)
    return make_phantom_files("mbb_lumbar", settings, out=tmp_path_factory.mktemp("loop"))[0]


def test_a_file_is_replayed_and_so_is_its_recording(file, tmp_path):
    connected = connect_feed(f" {file} ")
    assert connected.kind == "replay"
    assert connected.synthetic  # the file says so, not the name of the feed
    with Recorder(tmp_path / "r", intensity=connected.intensity) as recorder:
        frames = list(connected.feed)
        for one in frames:
            recorder.add(one.pixels, index=one.index, time_s=one.time_s)
    again = connect_feed(str(tmp_path / "r"))
    assert (again.kind, len(list(again.feed))) == ("recording", len(frames) == 8 and 8)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no source was named"),
        ("igtl://tracker:18944", "does not connect to OpenIGTLink"),
        ("video:0", "does not connect to frame grabbers"),
        ("rtsp://camera/1", "does not connect to video streams"),
        ("receiver:", "does not connect to the receiver"),
        ("gopher://host/", "no such feed"),
        ("nothing_of_this_name", "nothing of that name exists"),
        ("C:\\films\\run.dcm", "nothing of that name exists"),
    ],
)
def test_what_is_no_feed_is_told_with_what_would_be(text, words):
    with pytest.raises(EndpointError, match=words) as told:
        connect_feed(text)
    assert "expected a DICOM file" in str(told.value)


def test_a_folder_without_a_run_and_a_scene_that_is_none_are_refused(tmp_path):
    with pytest.raises(UnreadableObjectError, match="0 cine loops"):
        connect_feed(str(tmp_path))
    with pytest.raises(FluoroinjectError):
        connect_feed("phantom:no_such_scene")
