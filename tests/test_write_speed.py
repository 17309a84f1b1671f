"""What writing a segmentation costs is told for every encoding."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_fluoroinject.cli import app
from napari_fluoroinject.write_speed import WAYS, cost_here, drawn_report


@pytest.fixture(scope="module")
def costs():
    return {way: cost_here(200, 40, *way) for way in WAYS}


def test_every_encoding_is_measured(costs):
    for way, cost in costs.items():
        assert (cost.encoding, cost.compression) == way
        assert cost.wall_s > 0
        assert cost.cpu_s > 0
        assert cost.file_mib > 0


def test_bits_take_as_many_bytes_as_they_fill_and_labels_fewer(costs):
    bits = costs["binary", "rle"]
    assert 1 < bits.share < 1.5
    assert costs["labelmap", "jpegls"].file_mib < costs["labelmap", "rle"].file_mib < bits.file_mib
    for cost in costs.values():
        depth = 1 if cost.encoding == "binary" else 8
        frames = 16 * cost.share_of_loop / cost.share / depth  # stored over those of the loop
        assert frames == pytest.approx(1 if cost.encoding == "labelmap" else 1.8)


def test_what_is_written_is_ragged_contrast_that_grows_round_a_needle():
    report = drawn_report(200, 40)
    area = report.maps.region_by_frame.sum(axis=(1, 2))
    assert not area[:8].any()
    assert (np.diff(area[8:]) >= 0).all()
    assert 0.08 < area[-1] / 200**2 < 0.2
    edges = np.abs(np.diff(report.maps.region.astype(int), axis=1)).sum(axis=1)
    assert edges.max() > 4


def test_the_command_prints_a_table_of_writing():
    run = CliRunner().invoke(app, ["speed", "--write", "--size", "160", "--frames", "40"])
    assert run.exit_code == 0, run.output
    lines = [line.split("|") for line in run.output.splitlines() if line.startswith("| ")][1:]
    assert [(line[1].strip(), line[2].strip()) for line in lines] == [
        ("binary", "bits"),
        ("fractional", "RLE"),
        ("labelmap", "RLE"),
        ("labelmap", "JPEGLS"),
    ]
    for line in lines:
        assert line[5].strip() == "not known" or 0 <= float(line[5]) < 100
