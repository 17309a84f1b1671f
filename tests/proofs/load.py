"""Load: 100 associations at once, one association, a long loop, idle callers; beside storescp.

Run as `python -m tests.proofs.load` from the root of the repository; DCMTK must be installed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.endpoints.parts import meta_information
from tests.proofs.listening import Listening, listening
from tests.proofs.pictures import ROOT_UID, head
from tests.proofs.wires import EXPLICIT, XA, Caller, echo, store_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LEAST_PER_S, LEAST_SHARE_OF_FORKS, LEAST_SHARE_OF_ONE = 60.0, 0.6, 0.5
MOST_MIB = 150.0


@contextmanager
def storescp(folder: Path, *options: str) -> Iterator[int]:
    """DCMTK's receiver, bit-preserving; its port."""
    program = shutil.which("storescp", path="/usr/local/bin:/usr/bin")
    if program is None:
        raise SystemExit("DCMTK's storescp is not installed")
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [program, *options, "+B", "--max-pdu", "131072", "-od", str(folder), str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        give_up = time.monotonic() + 20
        while time.monotonic() < give_up:
            try:
                echo(port, called="ANY")
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def at_once(port: int, count: int, called: str, *, first: int) -> tuple[float, int]:
    """`count` associations at once, one object of 2 MB each; (seconds, stored)."""
    pixels = bytes(2 << 20)
    stored: list[int] = []
    ready = threading.Barrier(count + 1)

    def send(number_: int) -> None:
        instance = f"{ROOT_UID}.2.{number_}"
        data = head(instance, frames=16, size=256) + pixels
        ready.wait()
        try:
            with Caller(port, called=called, patience_s=60) as caller:
                stored.append(caller.associate(XA, EXPLICIT).store(instance, data))
                caller.release()
        except OSError:
            stored.append(-1)

    threads = [threading.Thread(target=send, args=(first + k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    ready.wait()
    begin = time.monotonic()
    for thread in threads:
        thread.join()
    return time.monotonic() - begin, stored.count(0)


def one_association(port: int, count: int, called: str, *, first: int) -> float:
    """MB/s of `count` objects of 2 MB in one association."""
    pixels = bytes(2 << 20)
    with Caller(port, called=called, patience_s=60) as caller:
        caller.associate(XA, EXPLICIT)
        begin = time.monotonic()
        for k in range(first, first + count):
            instance = f"{ROOT_UID}.3.{k}"
            status = caller.store(instance, head(instance, frames=16, size=256) + pixels)
            if status:
                raise SystemExit(f"refused with 0x{status:04X}")
        took = time.monotonic() - begin
        caller.release()
    return count * (2 << 20) / 1e6 / took


def by_dcmtk(port: int, folder: Path, called: str) -> float:
    """MB/s of the files of a folder, sent by DCMTK's storescu in one association."""
    program = shutil.which("storescu", path="/usr/local/bin:/usr/bin")
    command = [str(program), "-R", "-aet", "CARM", "-aec", called, "--max-pdu", "131072", "+sd"]
    begin = time.monotonic()
    subprocess.run([*command, "127.0.0.1", str(port), str(folder)], check=True, timeout=300)
    took = time.monotonic() - begin
    return sum(file.stat().st_size for file in folder.iterdir()) / 1e6 / took


def make_files(folder: Path, count: int, *, first: int) -> Path:
    """Write loops of 2 MB as files."""
    folder.mkdir()
    for k in range(first, first + count):
        instance = f"{ROOT_UID}.5.{k}"
        begun = meta_information(XA, instance, EXPLICIT, caller="CARM")
        pixels = bytes(2 << 20)
        (folder / f"{k}.dcm").write_bytes(begun + head(instance, frames=16, size=256) + pixels)
    return folder


def long_loop(receiver: Listening, frames: int) -> float:
    """MB/s of one object of `frames` x 1024 x 1024 x 16 bit."""
    instance, size = f"{ROOT_UID}.4.{frames}", 1024
    with Caller(receiver.port, patience_s=300) as caller:
        caller.associate(XA, EXPLICIT)
        begin = time.monotonic()
        caller.say(store_request(instance), command=True)
        piece = caller.longest - 6
        begun = head(instance, frames=frames, size=size)
        total = len(begun) + 2 * frames * size * size
        sent = 0
        while sent < total:
            data = begun[sent : sent + piece]
            data += bytes(min(piece, total - sent) - len(data))
            sent += len(data)
            last = 2 * (sent == total)
            value = struct.pack(">BBIIBB", 4, 0, len(data) + 6, len(data) + 2, 1, last)
            caller.socket.sendall(value + data)
        status = caller.status()
        took = time.monotonic() - begin
        caller.release()
    if status:
        raise SystemExit(f"the long loop was refused with 0x{status:04X}")
    return total / 1e6 / took


def idle_cpu(receiver: Listening, count: int, seconds: float) -> float:
    """Per cent of a processor that idle associations cost."""
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(Caller(receiver.port)).associate()
        begin, spent = time.monotonic(), receiver.cpu_s()
        time.sleep(seconds)
        return 100 * (receiver.cpu_s() - spent) / (time.monotonic() - begin)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and say by the status whether every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="once; times are told, not judged")
    parser.add_argument("--associations", type=int, default=100)
    parser.add_argument("--objects", type=int, default=60, help="in one association")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=300, help="of the long loop; 2.1 MB each")
    asked = parser.parse_args(arguments)
    if asked.short:
        asked.rounds, asked.objects, asked.frames = 1, 20, 100
    broken: list[str] = []

    def told(line: str, kept: bool) -> None:
        sys.stdout.write(f"{'ok    ' if kept else 'BROKEN'} {line}\n")
        sys.stdout.flush()
        broken.extend([] if kept else [line])

    with tempfile.TemporaryDirectory(prefix="fluoroinject-load-") as name:
        measure(Path(name), asked, told)
    return 1 if broken else 0


def measure(folder: Path, asked: argparse.Namespace, told: Callable[[str, bool], None]) -> None:
    """All of it, ours and storescp in turns."""
    with (
        listening(folder / "ours") as ours,
        storescp(folder / "forks", "--fork") as forks,
        storescp(folder / "one") as one,
    ):
        start = echo(ours.port)
        since, spent = time.monotonic() - ours.began_s, ours.cpu_s()
        told(
            f"first C-ECHO {since:.2f} s after the process began ({start * 1e3:.0f} ms), "
            f"{spent:.2f} s of them on a processor; load {os.getloadavg()[0]:.0f}",
            since < 2 or asked.short,
        )
        count, rates, theirs, all_stored = asked.associations, [], [], []
        for turn in range(asked.rounds):
            took, stored = at_once(ours.port, count, "FLUOROINJECT", first=turn * count)
            rates.append(stored / took)
            all_stored.append(stored)
            took, stored = at_once(forks, count, "ANY", first=turn * count)
            theirs.append(stored / took)
        share = max(rates) / max(theirs)
        each = ", ".join(f"{rate:.0f}" for rate in rates)
        other = ", ".join(f"{rate:.0f}" for rate in theirs)
        told(f"{count} associations at once: stored {all_stored}", min(all_stored) == count)
        told(
            f"associations/s {each}; storescp --fork {other}: {share:.0%}",
            asked.short or max(rates) >= LEAST_PER_S or share >= LEAST_SHARE_OF_FORKS,
        )
        pairs = [
            (
                one_association(ours.port, asked.objects, "FLUOROINJECT", first=turn * 1000),
                one_association(one, asked.objects, "ANY", first=turn * 1000),
            )
            for turn in range(asked.rounds)
        ]
        share = max(ours_ for ours_, _ in pairs) / max(theirs_ for _, theirs_ in pairs)
        each = "; ".join(f"{ours_:.0f} against {theirs_:.0f}" for ours_, theirs_ in pairs)
        told(
            f"one association, MB/s with syncing: {each}: {share:.0%}",
            share >= LEAST_SHARE_OF_ONE or asked.short,
        )
        for turn in range(asked.rounds):
            files = make_files(folder / f"files{turn}", asked.objects, first=turn * 1000)
            mine = by_dcmtk(ours.port, files, "FLUOROINJECT")
            other_rate = by_dcmtk(one, files, "ANY")
            told(
                f"the same by storescu: {mine:.0f} against {other_rate:.0f}",
                asked.short or mine >= LEAST_SHARE_OF_ONE * other_rate,
            )
        rate = long_loop(ours, asked.frames)
        peak = ours.status("VmHWM") / 1024
        told(
            f"a loop of {asked.frames * 2.097:.0f} MB: {rate:.0f} MB/s, peak RSS {peak:.0f} MiB",
            peak <= MOST_MIB,
        )
        cpu = idle_cpu(ours, 50, 5.0)
        told(f"50 idle associations: {cpu:.1f} % of a processor", cpu <= 5 or asked.short)
        status = ours.stop()
        told(f"exit status {status} on SIGTERM", status == 0)


if __name__ == "__main__":
    sys.exit(main())
