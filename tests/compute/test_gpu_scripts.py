"""The scripts for a GPU machine run on little, compare rightly, and say when there is no GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import bench
import parity
import pytest
from fake_cupy import FakeCupy
from host_device import HostDevice
from kernel_cases import CASES, Agreement

from napari_fluoroinject.compute import cuda
from napari_fluoroinject.compute.launched import LaunchedKernels

ROOT = Path(__file__).resolve().parents[2]
FEW = Namespace(seeds=1, size=64, frames=8)
NOT_THERE = (
    *("numba", "pydicom", "highdicom", "pynetdicom", "imagecodecs", "matplotlib", "pydantic"),
    *("jsonschema", "typer", "rich", "napari", "dask"),
)


def run_bare(script, *arguments):
    """Run a script where NumPy, SciPy and perhaps CuPy are installed, and no device is visible."""
    code = (
        "import runpy, sys\n"
        f"sys.modules.update(dict.fromkeys({NOT_THERE!r}))\n"
        f"sys.argv = {[script, *arguments]!r}\n"
        f"sys.path.insert(0, {str(ROOT / 'gpu')!r})\n"
        f"runpy.run_path({str(ROOT / 'gpu' / script)!r}, run_name='__main__')"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "CUDA_VISIBLE_DEVICES": ""},
    )


@pytest.mark.parametrize("script", ["parity.py", "bench.py"])
def test_without_a_device_a_script_says_so_and_leaves_with_2(script):
    done = run_bare(script)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("nothing ")
    assert "Traceback" not in done.stderr


def test_comparing_needs_nothing_but_numpy_and_scipy():
    code = (
        "import sys; from argparse import Namespace\n"
        f"sys.modules.update(dict.fromkeys([*{NOT_THERE!r}, 'cupy']))\n"
        f"sys.path[:0] = [{str(ROOT / 'gpu')!r}, {str(ROOT / 'src')!r}]\n"
        "import parity; from napari_fluoroinject.compute import reference\n"
        "found = parity.agreements(reference, Namespace(seeds=1, size=64, frames=8))\n"
        "sys.exit(parity.report(found))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=120)
    assert done.returncode == 0


def test_kernels_that_agree_are_reported_so(host_library, capsys):
    found = parity.agreements(LaunchedKernels(HostDevice(host_library)), FEW)
    assert parity.report(found) == 0
    printed = capsys.readouterr().out
    assert all(case.name in printed for case in CASES)
    assert "OUTSIDE" not in printed


def test_one_result_outside_is_named_and_leaves_with_1(capsys):
    good = Agreement(name="warp.values", worst=0.1, outside=0.0, good=True)
    bad = Agreement(name="smooth.values", worst=3.0, outside=0.2, good=False)
    assert parity.report({"warp.values": [good, good], "smooth.values": [good, bad]}) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if "OUTSIDE" in line] == ["smooth.values"]


def test_a_measurement_is_one_dated_document(host_library, tmp_path, monkeypatch, capsys):
    cupy = FakeCupy(host_library)
    monkeypatch.setattr(cuda, "load_cupy", lambda: cupy)
    monkeypatch.setattr(cuda, "device", lambda: cuda.CudaDevice(cupy, cupy.functions()))
    wishes = ["--size", "48", "--frames", "6", "--repeats", "1", "--cpu", "--out", str(tmp_path)]
    wishes += ["--loop-frames", "40"]
    assert bench.main(wishes) == 0
    (path,) = tmp_path.iterdir()
    document = json.loads(path.read_text())
    assert path.name == f"{document['date'][:10]}-a-device.json"
    assert json.loads(capsys.readouterr().out) == document
    rows = {row["operation"]: row for row in document["operations"]}
    assert set(rows) == set(document["cpu_ms"]) == {case.name for case in CASES}
    warp = rows["warp"]
    assert warp["bytes_out"] == 6 * 48 * 48 * 4
    assert {one["kernel"] for one in warp["kernels"]} == {"shear_down", "shear_across"}
    assert all(one["of_copy"] > 0 for row in rows.values() for one in row["kernels"])
    maps = document["maps"]
    assert maps["shape"] == [40, 48, 48]
    assert maps["needed_bytes"] >= maps["bytes_in"] + 7 * 48 * 48 * 4
    assert maps["bytes_in"] >= 2 * 40 * 48 * 48
    assert maps["of_copy"] > 0
    assert maps["wall_of_transfer"] > 0
    assert {one["kernel"] for one in maps["kernels"]} == {
        "follow_uint16",
        "read_curves",
        "count_above",
        "add_strips",
    }
    assert rows["follow_curves"]["calls"] == 6 + 1
