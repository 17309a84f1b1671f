"""What a C-arm pushes is seen as it comes, whoever receives it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from awaited import until

from napari_fluoroinject.settings.network import ListenSettings
from napari_fluoroinject.viewer.arrivals import Arrivals, Arrived
from napari_fluoroinject.viewer.receiving import Receiving

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.network

_PUSH = """
import sys
from pathlib import Path
from napari_fluoroinject.transfer import store_objects
stored = store_objects(f"pacs://CARM:FLUOROINJECT@127.0.0.1:{sys.argv[1]}", [Path(sys.argv[2])])
assert not stored.failures, stored.failures
"""


def push(port: int, file: Path) -> None:
    """Send a file by C-STORE from another process."""
    subprocess.run([sys.executable, "-c", _PUSH, str(port), str(file)], check=True, timeout=120)


@pytest.fixture
def receiving(tmp_path):
    with closing(Receiving(ListenSettings(spool=tmp_path / "spool", port=0))) as made:
        yield made


def test_a_run_that_another_process_pushes_appears_with_its_picture(
    receiving, tmp_path, phantom_file, run
):
    with closing(Arrivals(tmp_path / "spool")) as arrivals:
        until(lambda: "no receiver has run yet" in arrivals.state)
        receiving.start()
        until(lambda: receiving.light == "listening")
        assert f"127.0.0.1:{receiving.port} as FLUOROINJECT" in receiving.says
        push(receiving.port, phantom_file)
        came: list[Arrived] = []
        until(lambda: came.extend(arrivals.take()) or came)
        assert [one.uid for one in came] == [run.uid]
        assert "16 frames, 8 frames/s" in came[0].told
        assert came[0].picture is not None
        assert abs(came[0].received_s - time.time()) < 300
        push(receiving.port, phantom_file)
        time.sleep(1.5)
        assert arrivals.take() == [], "the same object again is no new run"


def test_what_came_before_the_window_was_opened_is_listed_too(receiving, tmp_path, phantom_file):
    receiving.start()
    until(lambda: receiving.light == "listening")
    push(receiving.port, phantom_file)
    receiving.close()
    assert receiving.light == "stopped"
    with closing(Arrivals(tmp_path / "spool")) as arrivals:
        came: list[Arrived] = []
        until(lambda: came.extend(arrivals.take()) or came)
        assert came[0].readable


def test_watching_makes_no_folder_where_there_is_no_receiver(tmp_path):
    with closing(Arrivals(tmp_path / "mistyped")) as arrivals:
        until(lambda: "no receiver" in arrivals.state)
    assert not (tmp_path / "mistyped").exists()


def test_a_port_in_use_is_told_with_what_to_do(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        settings = ListenSettings(spool=tmp_path / "spool", port=port)
        with closing(Receiving(settings)) as receiving:
            receiving.start()
            until(lambda: receiving.light == "failed")
            assert f"127.0.0.1:{port}" in receiving.says
            assert "choose another port" in receiving.says
            assert not receiving.port


def test_a_spool_that_another_receiver_holds_is_told_with_what_to_do(receiving, tmp_path):
    receiving.start()
    until(lambda: receiving.light == "listening")
    with closing(Receiving(ListenSettings(spool=tmp_path / "spool", port=0))) as second:
        second.start()
        until(lambda: second.light == "failed")
        assert "its runs appear below" in second.says


def test_a_receiver_can_be_stopped_and_started_again(receiving):
    for _ in range(2):
        receiving.start()
        until(lambda: receiving.light == "listening")
        receiving.stop()
        until(lambda: not receiving.running)
        assert receiving.light == "stopped"
