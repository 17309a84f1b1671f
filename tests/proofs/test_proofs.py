"""Short forms of the proofs: the commands in docs/reliability.md do the long ones."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="kill -9, /proc and strace are Linux's"),
]


def _strace_works() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "true"], capture_output=True, check=False).returncode == 0


needs_strace = pytest.mark.skipif(not _strace_works(), reason="strace is missing, or forbidden")


def prove(*words: str) -> None:
    """Run a proof; its table is shown where it breaks."""
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("role", ["receiver", "sender", "worker"])
def test_a_kill_at_any_moment_loses_nothing(role):
    prove("tests.proofs.kills", "--kills", "3", "--role", role, "--untimed")


@needs_strace
def test_the_receiver_acknowledges_nothing_that_a_failing_call_kept_off_the_disk():
    prove("tests.proofs.faults", "--kind", "receiver", "--most", "1")


@needs_strace
def test_the_state_of_a_spool_survives_failing_calls():
    prove("tests.proofs.faults", "--kind", "state", "--most", "1")


@needs_strace
def test_what_was_acknowledged_survives_a_loss_of_power():
    kinds = ("--kind", "receiver", "--kind", "state")
    prove("tests.proofs.power_loss", "--objects", "8", "--every", "5", *kinds)


@needs_strace
def test_the_proof_of_power_loss_tells_a_receiver_that_does_not_sync():
    with pytest.raises(AssertionError, match="an acknowledged object is lost"):
        prove("tests.proofs.power_loss", "--objects", "4", "--kind", "careless")


def test_every_picture_of_an_openigtlink_server_in_another_process_comes():
    one = ("--bits", "16", "--rate", "120")
    prove("tests.proofs.igtl_speed", "--seconds", "0.5", "--size", "64", *one)


def test_a_kill_of_live_loses_no_frame_that_was_told_and_hands_over_no_run_twice():
    prove("tests.proofs.live_kills", "--kills", "3")
