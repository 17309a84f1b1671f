"""An analysis in a process of its own: what it may use, and that its end is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from napari_fluoroinject.confined import warm
from napari_fluoroinject.confined.run import StoppedError, run_worker
from napari_fluoroinject.confined.work import NotWorked, Worked, WorkOrder, read_answer
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.spool.store import file_sha256
from napari_fluoroinject.workflow import make_phantom_files

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a limit of Linux")
GB = 1 << 30


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("loop")
    path, *_ = make_phantom_files("mbb_lumbar", PhantomSettings(size=128, frames=16), out=out)
    return path


def order_of(loop: Path, out: Path, **said: object) -> WorkOrder:
    order = WorkOrder(
        paths=(loop,), out=out / "results" / "loop", procedure="mbb_lumbar", memory_bytes=8 * GB
    )
    return replace(order, **said)


def stand_in(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let a worker do something else than its work."""
    begun = subprocess.Popen

    def other(command, **options):
        assert command[2] == "napari_fluoroinject.confined.worker"
        return begun((sys.executable, "-c", code, *command[3:]), **options)

    monkeypatch.setattr(warm.subprocess, "Popen", other)


def test_results_are_those_of_the_workflow_and_the_owners_alone(loop, tmp_path):
    (tmp_path / "results").mkdir()
    done = run_worker(order_of(loop, tmp_path, level="L4", side="left"), time_s=300)
    assert isinstance(done, Worked), done
    summary = json.loads((done.folder / "summary.json").read_text())
    assert summary["source"]["sop_instance_uid"] == done.source_uid
    assert (summary["level"], summary["side"]) == ("L4", "left")
    assert len(done.files) == len(summary["outputs"]) > 5
    assert all(file_sha256(one.path) == one.sha256 for one in done.files)
    assert all(one.path.stat().st_mode & 0o077 == 0 for one in done.files)
    assert done.folder.stat().st_mode & 0o077 == 0
    again = run_worker(order_of(loop, tmp_path, level="L4", side="left"), time_s=300)
    assert again == done


def test_what_cannot_be_analysed_is_told_in_words(loop, tmp_path):
    (tmp_path / "results").mkdir()
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(loop.read_bytes()[:3000])
    told = run_worker(order_of(cut, tmp_path), time_s=300)
    assert isinstance(told, NotWorked)
    assert told.fault == "refused"
    assert "past its end" in told.reason
    assert "cut.dcm" not in told.reason  # in a spool that is a hash
    told = run_worker(order_of(loop, tmp_path, procedure="none_such"), time_s=300)
    assert isinstance(told, NotWorked)
    assert "none_such" in told.reason


@linux
@pytest.mark.parametrize(
    "code",
    [
        "b = bytearray(2 << 30)",
        "x = []\nwhile True: x.append(bytearray(1 << 20))",
        "import numpy; numpy.ones((1 << 28,))",
    ],
    ids=["at once", "bit by bit", "array"],
)
def test_memory_beyond_the_limit_ends_the_worker(loop, tmp_path, monkeypatch, code):
    limited = (
        "import sys; sys.stdin.readline()\n"
        "from napari_fluoroinject.confined.limits import limit\n"
        "limit(memory_bytes=1 << 29, niceness=5)\n"
    )
    stand_in(monkeypatch, limited + code)
    told = run_worker(order_of(loop, tmp_path), time_s=100)
    assert isinstance(told, NotWorked)
    assert told.fault in ("broken", "killed")


def test_time_beyond_the_limit_ends_the_worker_and_what_it_started(loop, tmp_path, monkeypatch):
    note = tmp_path / "child"
    stand_in(
        monkeypatch,
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(note)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)",
    )
    told = run_worker(order_of(loop, tmp_path), time_s=3.0)
    assert isinstance(told, NotWorked)
    assert (told.fault, "3 s" in told.reason) == ("broken", True)
    wait_until(lambda: not runs(int(note.read_text())))


@pytest.mark.parametrize(
    ("code", "fault", "reason"),
    [
        ("import os; os.abort()", "broken", "SIGABRT"),
        ("import sys; sys.exit(7)", "broken", "status 7"),
        ("print('{\"worked\": 3}')", "broken", "no answer"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed", "SIGKILL"),
    ],
)
def test_the_end_of_a_worker_is_told(loop, tmp_path, monkeypatch, code, fault, reason):
    stand_in(monkeypatch, code)
    told = run_worker(order_of(loop, tmp_path), time_s=60)
    assert isinstance(told, NotWorked)
    assert told.fault == fault
    assert reason in told.reason


def test_a_worker_ends_when_the_service_stops(loop, tmp_path, monkeypatch):
    stand_in(monkeypatch, "import time; time.sleep(600)")
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    with pytest.raises(StoppedError):
        run_worker(order_of(loop, tmp_path), time_s=600, stopping=stop.is_set)


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_worker_does_not_outlive_a_killed_parent():
    child = (
        "import os, sys, time\n"
        "from napari_fluoroinject.confined.limits import die_with_parent\n"
        "die_with_parent(sys.stdin.buffer, parent=int(sys.argv[1]))\n"
        "print(os.getpid(), flush=True)\n"
        "time.sleep(600)"
    )
    parent = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}, str(os.getpid())],\n"
        "    stdin=subprocess.PIPE, start_new_session=True)\n"
        "time.sleep(600)"
    )
    with subprocess.Popen((sys.executable, "-c", parent), stdout=subprocess.PIPE) as running:
        pid = int(running.stdout.readline())
        assert runs(pid)
        running.send_signal(signal.SIGKILL)
        wait_until(lambda: not runs(pid))


def test_an_analysis_opens_no_connection():
    code = (
        "import socket, sys\n"
        "from napari_fluoroinject.confined import limits as confined\n"
        "confined.leave_network()\n"
        "import _socket\n"
        "for family in (socket.AF_INET, socket.AF_INET6):\n"
        "    try:\n"
        "        _socket.socket(family, socket.SOCK_STREAM)\n"
        "    except OSError:\n"
        "        continue\n"
        "    sys.exit('open')\n"
        "socket.socketpair()[0].close()\n"
    )
    subprocess.run((sys.executable, "-W", "ignore", "-c", code), check=True)


@linux
def test_the_kernel_refuses_connections_also_to_what_is_not_python():
    code = (
        "import ctypes, platform, sys\n"
        "from napari_fluoroinject.confined import limits as confined\n"
        "if platform.machine() not in confined._MACHINES: sys.exit()\n"
        "confined.leave_network()\n"
        "libc = ctypes.CDLL(None)\n"
        "assert libc.socket(2, 1, 0) == -1 and libc.socket(10, 1, 0) == -1\n"
        "assert libc.socket(1, 1, 0) >= 0\n"
    )
    subprocess.run((sys.executable, "-c", code), check=True)


def test_orders_and_answers_survive_their_way(tmp_path):
    order = order_of(Path("a.dcm"), tmp_path, beside=(Path("b"),), config=Path("c.toml"))
    assert WorkOrder.read(order.text()) == order
    for answer in (
        Worked(source_uid="1.2", folder=tmp_path, files=(), warnings=0),
        NotWorked(fault="storage", reason="full"),
    ):
        assert read_answer(answer.text()) == answer
    assert read_answer(b"") is None


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def wait_until(holds, *, within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
