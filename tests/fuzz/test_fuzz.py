"""Half a minute of fuzzing for the scan and for the reader; `tests.fuzz.run` does hours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("target", ["scan", "read"])
def test_no_input_ends_in_anything_but_a_typed_error(target, tmp_path):
    pytest.importorskip("atheris", reason="atheris (extra fuzz) is not installed")
    words = ["-m", "tests.fuzz.run", "--minutes", "0.5", "--target", target]
    done = subprocess.run(
        [sys.executable, *words, "--corpus", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COVERAGE_PROCESS_START": ""},
    )
    assert done.returncode == 0, done.stdout + done.stderr
