"""What a person types to name a feed, and what they are told where it is none."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from films import write_film

from napari_fluoroinject.errors import (
    EndpointError,
    FluoroinjectError,
    StorageError,
    UnreadableObjectError,
)
from napari_fluoroinject.live.connect import connect_feed
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.recording import Recorder
from napari_fluoroinject.settings import Settings
from napari_fluoroinject.settings.network import ListenSettings
from napari_fluoroinject.spool.database import Database
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
        ("igtl://", "no server"),
        ("igtl://host:port", "no server"),
        ("gopher://me:secret@host/", "gopher://host/: no such feed"),
        ("nothing_of_this_name", "nothing of that name exists"),
        ("C:\\films\\run.dcm", "nothing of that name exists"),
        ("folder:", "expected folder:FOLDER"),
        ("folder:here?all", "expected folder:FOLDER"),
        ("video:", "no frame grabber"),
        ("tcp://host", "no port"),
    ],
)
def test_what_is_no_feed_is_told_with_what_would_be(text, words):
    with pytest.raises(EndpointError, match=words) as told:
        connect_feed(text)
    assert "expected" in str(told.value)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("igtl://tracker:18944/Image", "igtl"),
        ("igtl://tracker", "igtl"),
        ("video:0", "video"),
        ("VIDEO:0?fps=30", "video"),
        ("rtsp://camera/1", "stream"),
        ("tcp://127.0.0.1:5000", "stream"),
        ("udp://:5000", "stream"),
    ],
)
def test_each_address_is_a_feed_of_its_kind_before_anybody_answers(text, kind):
    connected = connect_feed(text)
    assert connected.kind == kind
    assert connected.intensity is None  # nothing is known: not quantitative
    assert not connected.synthetic


def test_a_film_is_known_by_what_is_in_it(tmp_path):
    path = tmp_path / "film"
    write_film(path, [np.zeros((32, 32), np.uint8)], [0.0], container="matroska")
    assert connect_feed(str(path)).kind == "video"
    path.write_text("neither")
    with pytest.raises(UnreadableObjectError, match="neither DICOM nor a video"):
        connect_feed(str(path))


def test_folders_that_are_filled_and_the_receivers_spool_are_feeds(tmp_path):
    assert connect_feed(f"folder:{tmp_path}").kind == "folder"
    assert connect_feed(f"folder:{tmp_path}?existing").kind == "folder"
    spool = tmp_path / "spool"
    Database(spool).close()
    assert connect_feed(f"receiver:{spool}").kind == "receiver"
    settings = Settings(listen=ListenSettings(spool=spool))
    assert connect_feed("receiver:", settings=settings).kind == "receiver"
    with pytest.raises(StorageError, match="is no spool"):
        connect_feed(f"receiver:{tmp_path}")


def test_a_scene_on_a_monitor_is_a_feed_of_a_display(monkeypatch):
    small = make_phantom("mbb_lumbar", settings=PhantomSettings(size=64, frames=8))
    monkeypatch.setattr("napari_fluoroinject.phantom.make_phantom", lambda *_a, **_k: small)
    connected = connect_feed("screen:mbb_lumbar")
    assert connected.kind == "screen"
    assert connected.synthetic
    assert connected.intensity.relationship == "display"
    assert next(iter(connected.feed)).pixels.shape == (720, 1280)


def test_a_folder_without_a_run_and_a_scene_that_is_none_are_refused(tmp_path):
    with pytest.raises(UnreadableObjectError, match="0 cine loops"):
        connect_feed(str(tmp_path))
    for text in ("phantom:no_such_scene", "screen:no_such_scene"):
        with pytest.raises(FluoroinjectError, match="no scene"):
            connect_feed(text)


def test_what_is_missing_is_told_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(EndpointError, match=r'pip install "napari-fluoroinject\[live\]"'):
        connect_feed("video:0")
