"""`live` at a terminal: its keys, and a terminal or a pipe that is closed."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_fluoroinject.cli import app
from napari_fluoroinject.cli.keys import keys

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")

live = import_module("napari_fluoroinject.cli.live")
PRESSED = """
import sys
from napari_fluoroinject.cli.keys import keys
with keys() as pressed:
    print(pressed is not None, flush=True)
    while pressed is not None:
        for key in pressed():
            print(repr(key), flush=True)
            if key == "q":
                sys.exit(0)
"""


class Heard:
    """A session of which only what keys ask for is looked at."""

    def __init__(self):
        self.asked, self.station = [], self

    def begin(self) -> None:
        self.asked.append("begin")

    def end_run(self) -> None:
        self.asked.append("end_run")


def test_enter_begins_contrast_r_ends_the_run_and_q_ends():
    heard = Heard()
    assert not live._obey("\nr?x\r", heard)
    assert heard.asked == ["begin", "end_run", "begin"]
    assert live._obey("q\n", heard)
    assert len(heard.asked) == 3


def test_keys_are_read_one_by_one_at_a_terminal_that_is_as_before_then():
    import pty
    import termios

    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    with subprocess.Popen(
        [sys.executable, "-c", "import os, fcntl, termios\n" + _OWN + PRESSED],
        stdin=theirs,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        assert child.stdout.readline() == "True\n"
        for key in "r\nq":
            os.write(ours, key.encode())
            assert child.stdout.readline() == f"{key!r}\n"
        assert child.wait(60) == 0
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


_OWN = "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"


def test_without_a_terminal_there_are_no_keys_and_manual_is_wrong_usage(monkeypatch):
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with keys() as pressed:
            assert pressed is None
    done = CliRunner().invoke(app, ["live", "phantom:mbb_lumbar", "--manual"])
    assert done.exit_code == 2
    assert "no terminal" in done.output


def test_a_status_that_nobody_reads_costs_nothing_but_the_status():
    program = (
        "import importlib, sys\n"
        "live = importlib.import_module('napari_fluoroinject.cli.live')\n"
        "for _ in range(3):\n"
        "    with live._unread():\n"
        "        print('x' * 99999)\n"
        "sys.exit(7)\n"
    )
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", program], stdout=write, check=False)
    os.close(write)
    assert done.returncode == 7


def test_standard_streams_that_are_closed_are_not_taken_by_a_recording(tmp_path):
    program = (
        "import os, sys\n"
        "from napari_fluoroinject.cli.process import hold_streams\n"
        "live = __import__('importlib').import_module('napari_fluoroinject.cli.live')\n"
        "hold_streams()\n"
        "with open(sys.argv[1], 'wb', buffering=0) as recording:\n"
        "    with live._unread():\n"
        "        print('a status')\n"
        "    os.write(1, b'a library'), os.write(2, b'another')\n"
        "    sys.exit(7 if sys.stdin.isatty() or recording.fileno() < 3 else 8)\n"
    )
    words = (sys.executable, "-c", program, str(tmp_path / "recording"))
    closing = 'exec "$@" 0<&- >&- 2>&-'
    done = subprocess.run(["sh", "-c", closing, "sh", *words], check=False)
    assert done.returncode == 8
    assert (tmp_path / "recording").read_bytes() == b""


def test_ctrl_c_while_it_ends_leaves_once_every_frame_is_kept(monkeypatch, capsys):
    import threading
    from types import SimpleNamespace

    left, told = [], SimpleNamespace(ended=False)
    session = SimpleNamespace(station=SimpleNamespace(receiver=SimpleNamespace(told=told)))
    monkeypatch.setattr(live.os, "_exit", left.append)
    stop = threading.Event()
    live._leave(session, stop)
    assert (stop.is_set(), left) == (True, [])
    live._leave(session, stop)
    assert left == []
    told.ended = True
    live._leave(session, stop)
    assert left == [130]
    assert "not handed over" in capsys.readouterr().err
