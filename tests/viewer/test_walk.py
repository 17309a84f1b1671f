"""The walk through all six steps and the troubles on it, in short; the guide has both."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.screen, pytest.mark.network]
ROOT = Path(__file__).resolve().parents[2]


def prove(module: str, *words: str) -> str:
    """Run a proof with the binding of this run; its table is shown where it breaks."""
    binding = os.environ["QT_API"]
    done = subprocess.run(
        [sys.executable, "-m", f"tests.proofs.{module}", "--binding", binding, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-5000:]
    return done.stdout


def test_a_run_that_a_c_arm_pushed_goes_through_all_steps_into_an_archive_of_others():
    small = ("--pixels", "128", "--frames", "32", "--size", "1366x768", "--entrance", "C-arm")
    told = prove("viewer_walk", *small)
    assert "found by C-FIND and by QIDO" in told
    assert "byte for byte" in told


@pytest.mark.parametrize(
    "trouble",
    ["an empty folder", "an archive that stops while receiving", "a run closed while analysing"],
)
def test_a_trouble_is_answered_in_the_window(trouble):
    assert trouble in prove("viewer_troubles", "--only", trouble)
