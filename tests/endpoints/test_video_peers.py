"""Streams of other people's programs: a GStreamer RTSP server, and FFmpeg that pushes."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from napari_fluoroinject.endpoints.base import FeedNote, Frame
from napari_fluoroinject.endpoints.video import VideoFeed
from napari_fluoroinject.errors import RefusedError

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(sys.platform != "linux", reason="peers are installed on Linux alone"),
]
SERVER = Path(__file__).resolve().parents[1] / "proofs" / "rtsp_server.py"
SYSTEM_PYTHON = "/usr/bin/python3"


def has_gstreamer() -> bool:
    asks = "import gi; gi.require_version('GstRtspServer', '1.0')"
    if not Path(SYSTEM_PYTHON).exists():
        return False
    return not subprocess.run(
        [SYSTEM_PYTHON, "-c", asks], check=False, capture_output=True
    ).returncode


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def program(*words: str):
    peer = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield peer
    finally:
        peer.kill()
        peer.communicate()


def pictures_of(address: str, count: int) -> list[Frame]:
    """So many frames; notes are passed over."""
    with VideoFeed(address) as feed:
        return list(islice((one for one in feed if isinstance(one, Frame)), count))


@pytest.mark.skipif(not has_gstreamer(), reason="gir1.2-gst-rtsp-server-1.0 is not installed")
def test_an_rtsp_server_is_watched_and_asks_for_its_password():
    port = free_port()
    with program(SYSTEM_PYTHON, str(SERVER), str(port), "me", "secret") as peer:
        assert peer.stdout.readline() == "ready\n"
        frames = pictures_of(f"rtsp://me:secret@127.0.0.1:{port}/carm", 10)
        with pytest.raises(RefusedError, match="another user or password") as told:
            pictures_of(f"rtsp://me:wrong@127.0.0.1:{port}/carm", 1)
    assert [one.pixels.shape for one in frames] == 10 * [(96, 128)]
    assert (np.diff([one.time_s for one in frames]) > 0).all()
    assert "wrong" not in str(told.value)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize(
    ("scheme", "ours", "coded"),
    [
        ("udp", "", ("-c:v", "libx264", "-tune", "zerolatency", "-g", "10", "-f", "mpegts")),
        ("tcp", "?listen", ("-c:v", "mjpeg", "-f", "matroska")),
        ("tcp", "", ("-c:v", "ffv1", "-pix_fmt", "gray", "-f", "nut")),
    ],
)
def test_what_ffmpeg_pushes_is_received(scheme, ours, coded):
    address = f"{scheme}://127.0.0.1:{free_port()}"
    source = ("-re", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=30")
    place = address if ours or scheme == "udp" else f"{address}?listen=1"
    with VideoFeed(address + ours) as feed:
        taken = (one for one in feed if isinstance(one, Frame))
        if ours:
            stream = iter(feed)
            notes = next(stream)  # it is listening, and was not called yet
            assert isinstance(notes, FeedNote)
            taken = (one for one in stream if isinstance(one, Frame))
        with program("ffmpeg", "-v", "quiet", *source, *coded, place):
            frames = list(islice(taken, 10))
            feed.close()  # before it listens again, which takes seconds to end
    assert [one.pixels.shape for one in frames] == 10 * [(120, 160)]
    assert (np.diff([one.time_s for one in frames]) > 0).all()
