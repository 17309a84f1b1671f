"""Video as a feed: every frame once, as it was coded, and what goes wrong in words."""

from __future__ import annotations

import socket
import sys
import threading
import time
from itertools import islice

import numpy as np
import pytest
from films import write_film
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.endpoints import video, video_errors
from napari_fluoroinject.endpoints.base import FeedNote, Frame
from napari_fluoroinject.endpoints.reading_ahead import ReadingAhead
from napari_fluoroinject.endpoints.video import VideoFeed
from napari_fluoroinject.endpoints.video_address import VideoAddress, video_address
from napari_fluoroinject.endpoints.video_times import RisingTimes
from napari_fluoroinject.errors import (
    EndpointError,
    RefusedError,
    UnreachableError,
    UnreadableObjectError,
)

TIMES_S = [0.0, 0.05, 0.1, 0.2, 0.25]


def pictures(top=256, dtype=np.uint8, shape=(50, 70), count=5):
    random = np.random.default_rng(3)
    return [random.integers(0, top, shape).astype(dtype) for _ in range(count)]


def frames_of(feed):
    return [one for one in feed if isinstance(one, Frame)]


def notes_of(feed):
    return [one.event for one in feed if isinstance(one, FeedNote)]


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "top", "dtype"),
    [
        ("grey.mkv", "ffv1", "gray", 256, np.uint8),
        ("deep.nut", "ffv1", "gray10le", 1024, np.uint16),
        ("deeper.mkv", "ffv1", "gray12le", 4096, np.uint16),
        ("deepest.nut", "ffv1", "gray16le", 65536, np.uint16),
        ("colour.mp4", "libx264", "yuv444p", 256, np.uint8),
        ("half.ts", "libx264", "yuv420p", 256, np.uint8),
        ("packed.nut", "rawvideo", "nv12", 256, np.uint8),
    ],
)
def test_each_frame_of_a_file_comes_once_as_it_was_coded(
    tmp_path, name, codec, pix_fmt, top, dtype
):
    written = pictures(top, dtype)
    write_film(tmp_path / name, written, TIMES_S, codec=codec, pix_fmt=pix_fmt)
    frames = frames_of(VideoFeed(tmp_path / name, speed=100))
    assert [one.index for one in frames] == [0, 1, 2, 3, 4]
    assert [one.time_s for one in frames] == pytest.approx(TIMES_S, abs=1e-3)
    assert {one.wall_s for one in frames} == {None}
    for one, other in zip(frames, written, strict=True):
        assert one.pixels.dtype == dtype
        np.testing.assert_array_equal(one.pixels, other)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "options", "lossy"),
    [
        ("a.mkv", "ffv1", "gray", {}, False),
        ("a.nut", "rawvideo", "gray", {}, False),
        ("a.avi", "mjpeg", "yuvj420p", {}, True),
        ("a.mp4", "libx264", "yuv420p", {}, None),  # qp 0: without loss, which nothing tells
        ("b.mp4", "libx264", "yuv420p", {"qp": "20", "preset": "ultrafast"}, True),
    ],
)
def test_loss_is_known_from_the_code(tmp_path, name, codec, pix_fmt, options, lossy):
    write_film(
        tmp_path / name,
        pictures(shape=(64, 80)),
        TIMES_S,
        codec=codec,
        pix_fmt=pix_fmt,
        coded=options,
    )
    feed = VideoFeed(tmp_path / name, speed=100)
    assert feed.lossy is None
    assert len(frames_of(feed)) == 5
    assert feed.lossy is lossy


def test_greys_in_colour_stay_and_colours_become_luma(tmp_path):
    grey = pictures(shape=(16, 32), count=1)[0]
    coloured = np.repeat(grey[..., None], 3, axis=2)
    coloured[:8, :8] = (255, 255, 0)
    path = tmp_path / "rgb.nut"
    write_film(path, [coloured], [0.0], codec="rawvideo", pix_fmt="rgb24")
    (frame,) = frames_of(VideoFeed(path, speed=100))
    np.testing.assert_array_equal(frame.pixels[8:], grey[8:])
    assert set(frame.pixels[:8, :8].ravel()) == {226}


def test_a_file_is_played_at_its_rate_and_begins_anew_where_that_is_asked(tmp_path):
    path = tmp_path / "a.mkv"
    write_film(path, pictures(), TIMES_S)
    now, due = [10.0], []

    class Stepped(VideoFeed):
        def _wait(self, until):
            due.append(until - 10.0)
            now[0] = max(now[0], until)
            return self._closed.is_set()

    with Stepped(path, speed=2.0, again=True, clock=lambda: now[0]) as feed:
        items = list(islice(feed, 12))
    frames = [one for one in items if isinstance(one, Frame)]
    assert due[:5] == pytest.approx([t / 2 for t in TIMES_S], abs=1e-3)
    assert [one.index for one in frames] == list(range(len(frames)))
    assert (np.diff([one.time_s for one in frames]) > 0).all()
    np.testing.assert_array_equal(frames[0].pixels, frames[5].pixels)


def test_a_change_of_size_is_told_before_the_first_picture_of_it(tmp_path):
    raw = b""
    for side in (48, 64):
        write_film(
            tmp_path / "part.ts",
            pictures(shape=(side, side), count=3),
            [0, 0.1, 0.2],
            codec="libx264",
            pix_fmt="yuv420p",
        )
        raw += (tmp_path / "part.ts").read_bytes()
    (tmp_path / "both.ts").write_bytes(raw)
    items = list(VideoFeed(tmp_path / "both.ts", speed=100))
    sizes = [one.pixels.shape if isinstance(one, Frame) else one.event for one in items]
    assert sizes.index("changed") < sizes.index((64, 64))
    assert (48, 48) not in sizes[sizes.index((64, 64)) :]


def test_what_cannot_be_decoded_is_told_and_left_out_of_the_numbers(tmp_path):
    path = tmp_path / "whole.ts"
    write_film(path, pictures(count=40), np.arange(40) / 30, codec="libx264", pix_fmt="yuv420p")
    data = bytearray(path.read_bytes())
    for share in (0.3, 0.5, 0.7):
        at = int(len(data) * share)
        data[at : at + 300] = bytes(300)
    path.write_bytes(data)
    items = list(VideoFeed(path, speed=1000))
    frames = [one for one in items if isinstance(one, Frame)]
    assert "garbage" in [one.event for one in items if isinstance(one, FeedNote)]
    assert 30 <= len(frames) < 40
    assert frames[-1].index > len(frames) - 1


@pytest.mark.parametrize("text", ["hello\n" * 900, "#EXTM3U\nhttp://127.0.0.1:9/a.ts\n", ""])
def test_what_is_no_video_is_refused_in_words(tmp_path, text):
    path = tmp_path / "notes.mp4"
    path.write_text(text)
    with pytest.raises(UnreadableObjectError, match=r"notes.mp4: .*no video.* expected a video"):
        VideoFeed(path).check()
    with pytest.raises(UnreadableObjectError):
        list(VideoFeed(path))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UnreadableObjectError, match="no such file"):
        list(VideoFeed(tmp_path / "gone.mkv"))


def test_closing_ends_it_for_whoever_waits(tmp_path):
    path = tmp_path / "slow.mkv"
    write_film(path, pictures(count=2), [0.0, 3600.0])
    feed, taken = VideoFeed(path), []
    thread = threading.Thread(target=lambda: taken.extend(frames_of(feed)))
    thread.start()
    while not taken and time.sleep(0.01) is None and feed._ahead is None:
        pass
    feed.close()
    thread.join(30)
    assert not thread.is_alive()


def served(listening, data):
    """Send a film to whoever connects first, then end."""
    peer, _ = listening.accept()
    with peer:
        peer.sendall(data)


def test_a_stream_that_ends_is_told_and_had_again_with_times_that_go_on(monkeypatch, tmp_path):
    monkeypatch.setattr(video, "_FIRST_PAUSE_S", 0.05)
    films = []
    for shape in ((48, 64), (32, 64)):
        write_film(tmp_path / "a.nut", pictures(shape=shape, count=4), [0.0, 0.1, 0.2, 0.3])
        films.append((tmp_path / "a.nut").read_bytes())
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        with VideoFeed(f"tcp://127.0.0.1:{port}") as feed:
            stream = iter(feed)
            items: list[Frame | FeedNote] = [next(stream)]
            listening.listen()
            for film in films:
                serving = threading.Thread(target=served, args=(listening, film))
                serving.start()
                wanted = 4 + sum(isinstance(one, Frame) for one in items)
                while sum(isinstance(one, Frame) for one in items) < wanted:
                    items.append(next(stream))
                serving.join(30)
    frames = [one for one in items if isinstance(one, Frame)]
    notes = [one for one in items if isinstance(one, FeedNote)]
    assert [one.pixels.shape for one in frames] == 4 * [(48, 64)] + 4 * [(32, 64)]
    assert (np.diff([one.time_s for one in frames]) > 0).all()
    assert notes[0].text == f"tcp://127.0.0.1:{port}: connection refused; it is tried again"
    events = [one.event for one in notes]
    assert [one for one in events if one != "lost"] == ["connected", "connected", "changed"]


@pytest.mark.parametrize(
    ("name", "kind", "error", "words"),
    [
        ("HTTPUnauthorizedError", "stream", RefusedError, "another user or password"),
        ("HTTPNotFoundError", "stream", RefusedError, "no stream of this path"),
        ("InvalidDataError", "stream", EndpointError, "no video that can be read"),
        ("ExitError", "stream", UnreachableError, "nothing came in time"),
        ("DecoderNotFoundError", "file", UnreadableObjectError, "codec that is not known"),
        ("PermissionError", "device", RefusedError, "may not read it"),
        ("FileNotFoundError", "device", UnreachableError, "there are: none"),
    ],
)
def test_errors_are_told_in_words_without_address_or_password(
    monkeypatch, name, kind, error, words
):
    import av

    monkeypatch.setattr(video_errors, "found_devices", lambda: ())
    raised = getattr(av.error, name)(13, "said", "rtsp://me:secret@host/path")
    told = video_errors.opening_error(
        raised, VideoAddress(kind=kind, name="rtsp://host", place="")
    )
    assert type(told) is error
    assert words in str(told)
    assert "secret" not in str(told)
    assert "expected" in str(told)


def test_a_grabber_that_is_not_there_is_told_with_those_that_are(monkeypatch):
    monkeypatch.setattr(video_errors, "found_devices", lambda: ("/dev/video7 (Grabber)",))
    with pytest.raises(EndpointError, match=r"there are: /dev/video7 \(Grabber\)"):
        list(VideoFeed("video:99"))


def test_a_grabber_gives_frames_until_it_is_closed(monkeypatch):
    place = "testsrc=size=64x48:rate=60"
    feed = VideoFeed("video:0")
    feed.address = VideoAddress(kind="device", name="video:0", place=place, format="lavfi")
    with feed:
        items = list(islice(feed, 6))
    assert [type(one) for one in items] == [FeedNote] + 5 * [Frame]
    assert items[1].pixels.shape == (48, 64)
    assert items[1].wall_s is None  # its clock is not the time of day


def test_an_unplugged_grabber_is_told_once_and_had_again(monkeypatch):
    monkeypatch.setattr(video, "_FIRST_PAUSE_S", 0.01)
    feed = VideoFeed("video:0")
    place = "testsrc=size=64x48:rate=60:duration=0.05"
    feed.address = VideoAddress(kind="device", name="video:0", place=place, format="lavfi")
    with feed:
        items = list(islice(feed, 14))
    events = [one.event for one in items if isinstance(one, FeedNote)]
    assert events[:3] == ["connected", "lost", "connected"]
    times = [one.time_s for one in items if isinstance(one, Frame)]
    assert (np.diff(times) > 0).all()


def test_addresses_are_read_and_passwords_never_shown():
    asked = video_address("video:/dev/video0?width=1920&height=1080&fps=60&format=yuyv422")
    assert asked.kind == "device"
    if sys.platform == "linux":
        assert asked.place == "/dev/video0"
        assert asked.options["video_size"] == "1920x1080"
        assert asked.options["input_format"] == "yuyv422"
    camera = video_address("rtsp://me:secret@carm.local:8554/a?token=secret")
    assert camera.name == "rtsp://carm.local:8554"
    assert "secret" in camera.place
    assert camera.options["rtsp_transport"] == "tcp"
    assert "localaddr=127.0.0.1" in video_address("udp://:5000").place
    assert "localaddr" not in video_address("udp://239.1.2.3:5000").place
    assert "127.0.0.1:5000" in video_address("tcp://:5000?listen").place
    assert "http" not in camera.options["protocol_whitelist"]


@pytest.mark.parametrize(
    "text",
    [
        "video:",
        "video:0?width=10",
        "video:0?width=ten&height=10",
        "video:0?colour=red",
        "tcp://host",
        "udp://host:99999",
        "rtsp://",
        "http://host/film.mp4",
    ],
)
def test_addresses_that_are_none_are_refused(text):
    with pytest.raises(EndpointError, match="expected"):
        video_address(text)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_speed_that_goes_nowhere_is_refused(speed):
    with pytest.raises(EndpointError, match="above 0"):
        VideoFeed("a.mkv", speed=speed)


def test_without_pyav_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(EndpointError, match=r'pip install "napari-fluoroinject\[live\]"'):
        VideoFeed("a.mkv")


own = st.none() | st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(own, st.floats(0, 2)), min_size=2), st.booleans())
def test_times_rise_whatever_the_video_says(steps, live):
    times, now, told = RisingTimes(live=live), 0.0, []
    for own_s, waited in steps:
        now += waited
        told.append(times.of(own_s, now).time_s)
    assert told[0] == 0
    assert (np.diff(told) > 0).all()


@given(st.lists(st.floats(1e-3, 5.0), min_size=1), st.booleans())
def test_times_that_rise_are_kept(steps, live):
    own = 77.0 + np.concatenate([[0], np.cumsum(steps)])
    times = RisingTimes(live=live)
    told = [times.of(float(one), float(one)) for one in own]
    assert [one.time_s for one in told] == pytest.approx(own - 77.0)
    assert {one.fault for one in told} == {""}


def test_no_more_is_read_ahead_than_was_asked():
    made, gate = [], threading.Event()

    def make():
        for number in range(10):
            made.append(number)
            yield number
        gate.set()

    with ReadingAhead(make, depth=3, name="test") as ahead:
        assert ahead.take() == 0
        assert len(made) <= 5
        assert [ahead.take() for _ in range(9)] == list(range(1, 10))
        assert ahead.take() is None
        assert ahead.ended


def test_an_error_of_the_maker_comes_after_what_it_made():
    def make():
        yield 1
        raise EndpointError("gone; expected it")

    with ReadingAhead(make, depth=3, name="test") as ahead:
        assert ahead.take() == 1
        with pytest.raises(EndpointError, match="gone"):
            ahead.take()
