"""What `analyze` writes besides, by option and by the settings file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from napari_fluoroinject.cli import app
from napari_fluoroinject.cli.analyze import parse_also
from napari_fluoroinject.dicom.outputs import EXTRAS

LOOP = Path(__file__).parents[2] / "sample_data" / "mbb_lumbar_none_1.dcm"


def written(folder):
    (summary,) = folder.glob("*/summary.json")
    return {one["file"].removesuffix(".dcm") for one in json.loads(summary.read_text())["outputs"]}


def test_all_names_every_extra_and_an_unknown_one_is_wrong_usage():
    assert parse_also(["all"]) == frozenset(EXTRAS)
    assert parse_also([]) == frozenset()
    with pytest.raises(typer.BadParameter, match="key_objects"):
        parse_also(["keyobjects"])


def test_options_and_settings_reach_what_is_written(tmp_path):
    config = tmp_path / "site.toml"
    config.write_text('[defaults]\nalso = "key_objects"\nreport_class = "comprehensive3d"\n')
    done = CliRunner().invoke(
        app, ["analyze", str(LOOP), "--config", str(config), "--out", str(tmp_path / "a")]
    )
    assert done.exit_code == 0, done.output
    assert written(tmp_path / "a") >= {
        "report",
        "presentation",
        "mask_presentation",
        "key_objects",
    }
    (report,) = (tmp_path / "a").glob("*/report.dcm")
    assert b"1.2.840.10008.5.1.4.1.1.88.34" in report.read_bytes()[:400]
    done = CliRunner().invoke(
        app, ["analyze", str(LOOP), "--also", "all", "--out", str(tmp_path / "b")]
    )
    assert done.exit_code == 0, done.output
    assert written(tmp_path / "b") >= {"document", "segmentation_labelmap"}
    # the file names no anatomy, which a Parametric Map must have: the report says so
    (report,) = (tmp_path / "b").glob("*/report.dcm")
    assert b"Parametric Maps" in report.read_bytes()
    analysis = ["analyze", str(LOOP), "--procedure", "mbb_lumbar", "--also", "all"]
    done = CliRunner().invoke(app, [*analysis, "--out", str(tmp_path / "c")])
    assert done.exit_code == 0, done.output
    assert "parametric_arrival" in written(tmp_path / "c")


def test_an_unknown_extra_says_which_there_are(tmp_path):
    done = CliRunner().invoke(app, ["analyze", str(LOOP), "--also", "pdf", "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert "document" in done.output
