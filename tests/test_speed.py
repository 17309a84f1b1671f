"""The cost of an analysis is told stage by stage."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from napari_fluoroinject.cli import app
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.model.cine import ArrayFrames
from napari_fluoroinject.speed import measure_cost, measure_maps, synthetic_loop


@pytest.fixture(scope="module")
def cost():
    return measure_cost(synthetic_loop(160, 40), on=choose("cpu"))


def test_every_stage_has_its_share(cost):
    names = [stage.name for stage in cost.stages]
    assert names == [
        "reading",
        "following the anatomy",
        "finding the needle",
        "measuring opacity",
        "searching for run-off",
        "mapping the spread",
    ]
    assert cost.cpu_s == pytest.approx(sum(stage.cpu_s for stage in cost.stages))
    pixels = cost.frames * cost.rows * cost.columns
    for stage in cost.stages:
        assert stage.ns_per_px == pytest.approx(1e9 * stage.cpu_s / pixels)
    assert cost.cpu_s > cost.read.sum_s > 0
    assert cost.cpu_s > cost.read.max_s > 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_the_memory_of_a_loop_larger_than_what_lay_free_is_seen():
    """A small one may fit into what the process holds and does not use."""
    process = [sys.executable, "-c", _MEASURE]
    printed = subprocess.run(process, check=True, capture_output=True, text=True).stdout
    assert float(printed) > 400 * 400 * 60 * 4 / 2**20


_MEASURE = """
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.speed import measure_cost, synthetic_loop
print(measure_cost(synthetic_loop(400, 60), on=choose("cpu")).peak_mib)
"""


def test_the_command_prints_a_table():
    printed = CliRunner().invoke(app, ["speed", "--size", "160", "--frames", "40", "--on", "cpu"])
    assert printed.exit_code == 0, printed.output
    assert "| mapping the spread |" in printed.output
    assert "best_ramp" in printed.output
    assert "| all maps in one pass |" in printed.output
    assert "| frame by frame, as live |" in printed.output
    assert "read-only sum" in printed.output
    assert "read-only max" in printed.output


def test_direct_maps_have_their_cost():
    maps = measure_maps(synthetic_loop(160, 40), on=choose("cpu"))
    assert maps.reference_ratio > 1
    assert 0 < maps.fused_s < maps.whole_s
    # seven pictures, and little more
    assert 7 * 160 * 160 * 4 / 2**20 < maps.fused_mib < 3
    assert maps.live_p99_ms > 0


def test_a_loop_that_ends_with_the_mask_has_no_cost():
    short = synthetic_loop(160, 40)
    short = replace(
        short, frames=ArrayFrames(short.frames.every()[:12]), times_s=short.times_s[:12]
    )
    with pytest.raises(AnalysisError, match="expected some"):
        measure_maps(short, on=choose("cpu"))
