"""A site's own 75th percentiles go from the settings file into the results."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from napari_fluoroinject import workflow
from napari_fluoroinject.cli import app
from napari_fluoroinject.phantom import PhantomSettings


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    settings = PhantomSettings(seed=4, size=128, frames=16)
    folder = tmp_path_factory.mktemp("loop")
    return workflow.make_phantom_files("mbb_lumbar", settings, out=folder)[0]


def analyze(loop, folder, text):
    config = folder / "site.toml"
    config.write_text(text)
    arguments = ("--procedure", "mbb_lumbar", "--config", str(config), "--out", str(folder / "o"))
    return CliRunner().invoke(app, ["analyze", str(loop), *arguments])


def test_the_sites_own_stands_in_the_summary_and_an_unknown_dose_stays_unknown(loop, tmp_path):
    told = analyze(loop, tmp_path, "[dose.mbb_lumbar]\ntime_p75_s = 30\n")
    assert told.exit_code == 0
    (path,) = (tmp_path / "o").glob("*/summary.json")
    dose = json.loads(path.read_text())["dose"]
    assert dose["site_p75"] == {"kap_gycm2": None, "fluoroscopy_s": 30, "kerma_mgy": None}
    assert (dose["kap_gycm2"], dose["fluoroscopy_s"], dose["basis"]) == (None, None, "none")
    assert {one["unit"] for one in dose["literature"]} == {"cGy.cm2"}
    words = " ".join(told.stdout.split())
    assert "neither a radiation dose report nor the headers record a dose" in words


def test_percentiles_of_a_procedure_that_there_is_not_are_wrong_usage(loop, tmp_path):
    told = analyze(loop, tmp_path, "[dose.mbb_lumber]\ntime_p75_s = 30\n")
    assert told.exit_code == 2
    assert "mbb_lumber" in told.stderr
    assert not (tmp_path / "o").exists()
