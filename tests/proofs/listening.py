"""The real `fluoroinject listen`, as its own process, and what can be seen of it from outside."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Listening:
    """The process, its port, its spool and its log."""

    process: subprocess.Popen[bytes]
    port: int
    spool: Path
    log: Path
    began_s: float

    def status(self, name: str) -> int:
        """A number of /proc/PID/status: `Threads`; `VmRSS`, `VmHWM` in KiB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)[1])

    def cpu_s(self) -> float:
        """Processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kept(self) -> int:
        """How many objects the spool keeps."""
        return len(list((self.spool / "objects").rglob("*.dcm")))

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_START_S)


@contextmanager
def listening(folder: Path, *options: str, lines: str = "") -> Iterator[Listening]:
    """Run the receiver with a spool and a log under `folder`; kills it if it is still there."""
    folder.mkdir(parents=True, exist_ok=True)
    config, log, spool = folder / "fluoroinject.toml", folder / "log.txt", folder / "spool"
    config.write_text(lines, encoding="utf-8")
    command = [sys.executable, "-m", "napari_fluoroinject", "listen", "--config", str(config)]
    command += ["--port", "0", "--spool", str(spool), *options]
    with log.open("wb") as told:
        began = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=told, cwd=folder)
    try:
        port = _port(log, process)
        yield Listening(process=process, port=port, spool=spool, log=log, began_s=began)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _port(log: Path, process: subprocess.Popen[bytes]) -> int:
    give_up = time.monotonic() + _START_S
    while time.monotonic() < give_up and process.poll() is None:
        found = re.search(r"listening on \S+:(\d+) as", log.read_text(errors="replace"))
        if found:
            return int(found[1])
        time.sleep(0.01)
    raise RuntimeError(f"the receiver did not start: {log.read_text(errors='replace')}")
