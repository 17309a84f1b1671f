"""OpenIGTLink with programs of others: pyigtl, the C++ library, and its example programs."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyigtl
import pytest
from igtl_messages import asymmetric, frames_of, take

from napari_fluoroinject.endpoints.igtl import IgtlFeed
from napari_fluoroinject.endpoints.igtl_server import IgtlServer

HEADERS = Path("/usr/include/openigtlink")
EXAMPLES = Path("/usr/share/doc/openigtlink-examples/examples")
HERE = Path(__file__).parent
WITHIN_S = 60.0

pytestmark = pytest.mark.network
needs_library = pytest.mark.skipif(
    shutil.which("g++") is None or not HEADERS.exists(),
    reason="g++ or libopenigtlink-dev is not installed",
)
needs_examples = pytest.mark.skipif(
    shutil.which("g++") is None or not HEADERS.exists() or not EXAMPLES.exists(),
    reason="g++, libopenigtlink-dev or openigtlink-examples is not installed",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Compiles a program against the C++ library, once."""
    folder = tmp_path_factory.mktemp("igtl")

    def build(source):
        program = folder / source.stem
        if not program.exists():
            words = ["g++", "-w", "-O0", f"-I{HEADERS}", str(source), "-o", str(program)]
            subprocess.run([*words, "-lOpenIGTLink", "-lpthread"], check=True)
        return str(program)

    return build


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


@contextmanager
def running(*words):
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def frames_from(port, count, **named):
    feed = IgtlFeed("127.0.0.1", port, **named)
    return frames_of(take(feed, lambda items: len(frames_of(items)) >= count))


def sending(server, *messages):
    """Send until the end of the block: who connects later is served too."""
    ended = threading.Event()

    def send():
        while not ended.wait(0.02):
            for put, words in messages:
                put(*words)

    @contextmanager
    def block():
        thread = threading.Thread(target=send)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    return block()


@needs_library
def test_pictures_of_the_c_library_keep_rows_columns_and_times(built):
    port = free_port()
    with running(built(HERE / "igtl_peer.cxx"), "send", str(port)):
        frames = frames_from(port, 5)
    rows, columns = np.indices((5, 7))
    for k, frame in enumerate(frames):
        assert frame.pixels.tolist() == (1000 * rows + columns + k).tolist()
        assert frame.time_s == pytest.approx(0.25 * k, abs=1e-6)


@needs_library
def test_a_program_that_forgets_to_set_the_byte_order_is_told_and_its_word_is_kept(built):
    port = free_port()
    with running(built(HERE / "igtl_peer.cxx"), "forget", str(port)):
        items = take(IgtlFeed("127.0.0.1", port), lambda items: len(frames_of(items)) >= 5)
    told = [item.text for item in items if getattr(item, "event", "") == "told"]
    assert len(told) == 1
    assert "other byte order" in told[0]
    rows, columns = np.indices((5, 7))
    stored = (1000 * rows + columns).astype("<u2").view(">u2")
    assert frames_of(items)[0].pixels.tolist() == stored.tolist()


@needs_library
def test_the_c_library_reads_pictures_and_texts_with_their_crc(built):
    pixels = asymmetric()
    with IgtlServer() as server:
        messages = [(server.put, ("Map", pixels, 1.7e9)), (server.say, ("State", "ready"))]
        with sending(server, *messages):
            done = subprocess.run(
                [built(HERE / "igtl_peer.cxx"), "receive", str(server.port), "6"],
                capture_output=True,
                text=True,
                timeout=WITHIN_S,
                check=False,
            )
    assert done.returncode == 0
    lines = set(done.stdout.splitlines())
    values = " ".join(str(value) for value in pixels.astype("<u2").tobytes())
    assert lines == {f"IMAGE Map 5 7 5 1 1700000000.000 {values}", "STRING State ready"}


@needs_examples
def test_the_example_server_s_pictures_are_those_of_its_files(built):
    port = free_port()
    images = EXAMPLES / "Imager" / "img"
    with running(built(EXAMPLES / "Imager" / "ImagerServer.cxx"), str(port), "200", str(images)):
        frames = frames_from(port, 5)
    for k, frame in enumerate(frames):
        wanted = np.fromfile(images / f"igtlTestImage{k + 1}.raw", np.uint8).reshape(256, 256)
        assert np.array_equal(frame.pixels, wanted)


@needs_examples
def test_the_example_receiver_takes_pictures_and_texts(built):
    program = built(EXAMPLES / "Receiver" / "ReceiveClient.cxx")
    with IgtlServer() as server:
        server.put("Map", asymmetric())
        server.say("State", "ready")
        process = subprocess.Popen(
            [program, "127.0.0.1", str(server.port)], stderr=subprocess.PIPE, text=True
        )
        while not server.clients:
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.3)
        server.close()
        _, printed = process.communicate(timeout=WITHIN_S)
    assert "Device Name           : Map" in printed
    assert "Dimensions            : (7, 5, 1)" in printed
    assert "String: ready" in printed


@needs_examples
def test_a_server_that_sends_no_pictures_is_told_as_silent(built):
    port = free_port()
    with running(built(EXAMPLES / "Tracker" / "TrackerServer.cxx"), str(port), "100"):
        feed = IgtlFeed("127.0.0.1", port, silent_s=0.3)
        items = take(feed, lambda items: any("no picture" in item.text for item in items))
    assert frames_of(items) == []


PYIGTL_SERVER = """
import sys, time
import numpy as np, pyigtl
server = pyigtl.OpenIGTLinkServer(port=0)
print(server.server_address[1], flush=True)
picture = np.arange(35, dtype=np.uint16).reshape(1, 5, 7)
for k in range(20):
    message = pyigtl.ImageMessage(picture + np.uint16(k), device_name="A", timestamp=1e9 + k)
    message.header_version = int(sys.argv[1])
    server.send_message(message, wait=False)
time.sleep(60)
"""


@pytest.mark.parametrize("version", [1, 2])
def test_the_server_of_pyigtl_is_read(version):
    with running(sys.executable, "-c", PYIGTL_SERVER, str(version)) as process:
        frames = frames_from(int(process.stdout.readline()), 20)
    for k, frame in enumerate(frames):
        assert frame.pixels.tolist() == (np.arange(35).reshape(5, 7) + k).tolist()
        assert frame.time_s == k


@pytest.mark.parametrize("version", [1, 2])
def test_the_client_of_pyigtl_reads_pictures_and_texts(version):
    with IgtlServer(version=version) as server:
        server.put("Map", asymmetric(), 1.7e9)
        server.say("State", "ready")
        client = pyigtl.OpenIGTLinkClient("127.0.0.1", server.port)
        try:
            image = client.wait_for_message("Map", timeout=WITHIN_S)
            text = client.wait_for_message("State", timeout=WITHIN_S)
        finally:
            client.stop()
    assert image.image[0].tolist() == asymmetric().tolist()
    assert image.timestamp == pytest.approx(1.7e9)
    assert text.string == "ready"
