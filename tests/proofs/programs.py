"""Programs that a proof starts, kills and asks whether they answer."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0
LISTEN = ("-m", "napari_fluoroinject", "listen", "--spool", "{spool}", "--port", "{port}")
"""The receiver as a site starts it."""


def free_port() -> int:
    """A port on loopback that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def start(
    arguments: Sequence[str], log: Path, *, line: str | None = None
) -> subprocess.Popen[bytes]:
    """Start a Python module in a session of its own; what it says is added to `log`.

    It gets `line` on stdin, which then stays open.
    """
    with log.open("ab") as told:
        program = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL if line is None else subprocess.PIPE,
            stdout=told,
            stderr=told,
            start_new_session=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
    if program.stdin is not None and line is not None:
        program.stdin.write(line.encode() + b"\n")
        program.stdin.flush()
    return program


def below(pid: int) -> list[tuple[int, list[str]]]:
    """Every process that a process has started, and those have: number and command line."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found, known = [], {pid}
    while new := {one for one, parent in parents.items() if parent in known} - known:
        known |= new
        for one in new:
            with suppress(OSError):
                words = Path(f"/proc/{one}/cmdline").read_bytes().decode().split("\0")
                found.append((one, words))
    return found


def processor_s(pid: int) -> float:
    """Processor time that a process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def kill(program: subprocess.Popen[bytes]) -> None:
    """kill -9, of its whole session: nothing that it started lives on."""
    with suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()
    if program.stdin is not None:
        program.stdin.close()


def stop(program: subprocess.Popen[bytes]) -> int:
    """End a program as systemd does; its exit status."""
    if program.poll() is None:
        program.send_signal(signal.SIGTERM)
    try:
        return program.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        kill(program)
        return -9


def until(condition: Callable[[], object], *, within_s: float = PATIENCE_S) -> float:
    """Wait for a condition; how long it took.

    Raises
    ------
    TimeoutError
        It did not come.
    """
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > within_s:
            raise TimeoutError(f"{condition} within {within_s} s")
        time.sleep(0.005)
    return time.monotonic() - began


def echoes(port: int, *, called: str = "FLUOROINJECT") -> bool:
    """Whether a C-ECHO is answered now."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            pass
    except OSError:
        return False
    from pynetdicom import AE

    ae = AE("CARM")
    ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = 5
    ae.add_requested_context("1.2.840.10008.1.1")
    association = ae.associate("127.0.0.1", port, ae_title=called)
    if not association.is_established:
        return False
    answer = association.send_c_echo()
    association.release()
    return bool(answer) and answer.Status == 0
