"""Hostile peers against the real receiver, while a listed one asks for echoes all the time.

Run as `python -m tests.proofs.hostile` from the root of the repository; `--short` for a minute.
"""

from __future__ import annotations

import argparse
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.endpoints.tls import client_context
from tests.certificates import Authority
from tests.proofs import attacks
from tests.proofs.listening import Listening, listening
from tests.proofs.wires import Caller, echo

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_P99_S, MOST_GROWTH_MIB, MOST_THREADS_S = 1.0, 64.0, 15.0
_ECHOES = """
import sys, threading
from tests.proofs.wires import echo
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
while not ended.wait(0.02):
    try:
        print(echo(int(sys.argv[1]), title="CARM", patience_s=20), flush=True)
    except OSError as error:
        print("refused", type(error).__name__, error, flush=True)
"""


class Verdict:
    """What was seen, line by line, and whether every promise was kept."""

    def __init__(self, *, short: bool = False) -> None:
        self.kept = True
        self.most_s = math.inf if short else MOST_P99_S
        self.took: list[float] = []

    def tell(self, line: str, kept: bool = True) -> None:
        """Write a line."""
        self.kept = self.kept and kept
        sys.stdout.write(f"{'ok    ' if kept else 'BROKEN'} {line}\n")
        sys.stdout.flush()


@contextmanager
def echoes(port: int) -> Iterator[list[str]]:
    """C-ECHO after C-ECHO in a process of its own; the lines it wrote are there at the end."""
    lines: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", _ECHOES, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            lines.append(process.stdout.readline().strip())  # it has begun
            yield lines
        finally:
            out, _ = process.communicate()
            lines.extend(out.splitlines())


def under(receiver: Listening, name: str, verdict: Verdict, *steps) -> None:
    """Run an attack while echoes are asked for, and tell how they fared."""
    with echoes(receiver.port) as lines:
        attacks.together(*steps)
    refused = [line for line in lines if line.startswith("refused")]
    took = sorted(float(line) for line in lines if not line.startswith("refused"))
    verdict.took += [*took, *(math.inf for _ in refused)]
    for why in sorted(set(refused)):
        verdict.tell(f"{name}: {refused.count(why)} times {why}")
    verdict.tell(
        f"{name:20} {len(took):4} echoes, {len(refused)} refused, p99 {p99(took):.3f} s, "
        f"longest {took[-1]:.3f} s",
        p99(took) <= verdict.most_s,
    )


def p99(took: list[float]) -> float:
    """Ninety-nine of a hundred took no longer."""
    return sorted(took)[math.ceil(0.99 * len(took)) - 1]


def malformed(receiver: Listening, verdict: Verdict) -> None:
    """Openings and continuations that are wrong: each is answered, and soon."""
    heard = list(attacks.malformed(receiver.port))
    for name, answer, took in heard:
        good = answer in ("abort", "reject", "closed") and took <= attacks.ANSWERED_S
        if not good:
            verdict.tell(f"{name}: {answer} after {took:.1f} s", kept=False)
    aborts = sum(answer == "abort" for _, answer, _ in heard)
    rejects = sum(answer == "reject" for _, answer, _ in heard)
    slowest = max(took for *_, took in heard)
    verdict.tell(
        f"{len(heard)} malformed: {aborts} aborts, {rejects} rejects, "
        f"{len(heard) - aborts - rejects} closed; slowest {slowest:.2f} s"
    )
    for name, status, expected in attacks.refused_objects(receiver.port):
        verdict.tell(f"object with {name}: 0x{status:04X}", status == expected)
    with Caller(receiver.port) as caller:
        try:
            caller.associate(attacks.XA, "1.2.840.10008.1.2.1.99")
            caller.say(attacks.store_request("1.2.3"), command=True)
            verdict.tell(f"deflated: {caller.hears(3)}", caller.hears(1) != "silence")
        except ConnectionError:
            verdict.tell("deflated: refused")


def silent_handshakes(receiver: Listening, authority: Authority, verdict: Verdict) -> None:
    """Peers that never finish TLS, or speak none, while the right one asks for echoes."""
    context = client_context(authority.tls("carm"))
    took = []
    with ExitStack() as stack:
        for k in range(200):
            peer = stack.enter_context(socket.create_connection(("127.0.0.1", receiver.port), 10))
            peer.sendall((b"", b"\x16\x03", attacks.REQUEST, b"\x16\x03\x01\x02\0\1\0")[k % 4])
            if k % 10 == 0:
                took.append(echo(receiver.port, context=context))
        took += [echo(receiver.port, context=context) for _ in range(50)]
    verdict.tell(
        f"200 silent handshakes: {len(took)} echoes over TLS, p99 {p99(took):.3f} s",
        p99(took) <= verdict.most_s,
    )


def settles(receiver: Listening, baseline: int, verdict: Verdict) -> None:
    """Threads are back to what they were."""
    begin = time.monotonic()
    while receiver.status("Threads") > baseline and time.monotonic() - begin < 30:
        time.sleep(0.1)
    took, left = time.monotonic() - begin, receiver.status("Threads") - baseline
    verdict.tell(
        f"threads back to {baseline} after {took:.1f} s ({left} left)",
        left <= 0 and took <= MOST_THREADS_S,
    )


def aftermath(receiver: Listening, folder: Path, verdict: Verdict, before_mib: float) -> None:
    """Memory, log and disk after all of it, and a clean end."""
    growth = receiver.status("VmHWM") / 1024 - before_mib
    verdict.tell(f"RSS grew by {growth:.0f} MiB from {before_mib:.0f}", growth <= MOST_GROWTH_MIB)
    log = receiver.log.read_text(errors="replace")
    traces = log.count("Traceback")
    verdict.tell(f"{traces} tracebacks, {len(log.splitlines())} lines in the log", not traces)
    ours = {receiver.log, receiver.log.with_name("fluoroinject.toml")}
    outside = [
        path
        for path in folder.rglob("*")
        if path.is_file() and path not in ours and receiver.spool not in path.parents
    ]
    escaped = list(Path("/tmp").glob("escaped*")) + outside
    verdict.tell(f"{len(escaped)} files outside the spool", not escaped)
    parts = list((receiver.spool / "incoming").iterdir())
    verdict.tell(f"{len(parts)} parts left, {receiver.kept()} objects kept", not parts)
    status = receiver.stop()
    verdict.tell(f"exit status {status} on SIGTERM", status == 0)


def main(arguments: list[str] | None = None) -> int:
    """Attack, print, and say by the status whether every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="times are told, not judged")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each flood")
    asked = parser.parse_args(arguments)
    seconds = 2.0 if asked.short else asked.seconds
    verdict = Verdict(short=asked.short)
    with tempfile.TemporaryDirectory(prefix="fluoroinject-hostile-") as name:
        folder = Path(name)
        (folder / "tmp").mkdir()
        os.environ["TMPDIR"] = str(folder / "tmp")
        with listening(folder / "plain", "--allow", "CARM", "--allow", "PACS") as receiver:
            plain(receiver, folder, verdict, seconds=seconds, short=asked.short)
        secured(folder / "tls", verdict)
    return 0 if verdict.kept else 1


def plain(
    receiver: Listening, folder: Path, verdict: Verdict, *, seconds: float, short: bool
) -> None:
    """Everything that needs no TLS."""
    port = receiver.port
    echo(port)
    baseline, before_mib = receiver.status("Threads"), receiver.status("VmHWM") / 1024
    under(receiver, "malformed", verdict, lambda: malformed(receiver, verdict))
    for kind in attacks.FLOODS:
        under(receiver, kind, verdict, lambda kind=kind: attacks.flood(port, kind, seconds))
    under(receiver, "connect and reset", verdict, lambda: attacks.churn(port, 300))
    if not short:
        under(
            receiver,
            "all floods at once",
            verdict,
            *(lambda kind=kind: attacks.flood(port, kind, seconds, 60) for kind in attacks.FLOODS),
        )
        ended = attacks.drip(port, 60.0)
        verdict.tell(f"one byte a PDU: ended after {ended} s", ended is not None)
    settles(receiver, baseline, verdict)
    verdict.tell(
        f"in all {len(verdict.took)} echoes, p99 {p99(verdict.took):.3f} s, "
        f"{verdict.took.count(math.inf)} refused",
        p99(verdict.took) <= verdict.most_s,
    )
    aftermath(receiver, folder, verdict, before_mib)


def secured(folder: Path, verdict: Verdict) -> None:
    """Handshakes that are never finished."""
    authority = Authority(folder / "certificates")
    tls = authority.tls("localhost")
    lines = (
        f'[listen]\nallow = ["CARM@carm"]\n[listen.tls]\nca = "{tls.ca}"\n'
        f'certificate = "{tls.certificate}"\nkey = "{tls.key}"\n'
    )
    with listening(folder / "receiver", lines=lines) as receiver:
        echo(receiver.port, context=client_context(authority.tls("carm")))
        baseline, before_mib = receiver.status("Threads"), receiver.status("VmHWM") / 1024
        silent_handshakes(receiver, authority, verdict)
        settles(receiver, baseline, verdict)
        aftermath(receiver, folder / "receiver", verdict, before_mib)


if __name__ == "__main__":
    sys.exit(main())
