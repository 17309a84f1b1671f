"""`fluoroinject migration`: two summaries in, the way of each lead out."""

from __future__ import annotations

import json

import pytest
from summaries import summary
from typer.testing import CliRunner

from napari_fluoroinject.cli import app

CONTACTS = [[100.0 + 25 * k, 250.0] for k in range(8)]
PLATES = [[60.0, 250.0], [185.0, 250.0], [310.0, 250.0]]


def written(folder, name, *, moved_px=0.0, leads=True, view="AP", across_px=0.0):
    told = summary()
    told["leads"] = [
        {
            "contacts_px": [[row + moved_px, column + across_px] for row, column in CONTACTS],
            "sigma_px": 0.1,
            "order": "distal_first",
        }
    ] * leads
    told["end_plates"] = {"points_px": PLATES, "first_level": "T12"}
    told["measured"] = [
        {"id": "contact_positions", "of": None, "value": 8.0, "sigma": None, "unit": "1"}
        | {"view": view, "reason": None}
    ]
    path = folder / name
    path.write_text(json.dumps(told))
    return str(path)


def test_the_way_is_told_in_millimetres_and_levels(tmp_path):
    paths = [written(tmp_path, "1.json"), written(tmp_path, "2.json", moved_px=80.0)]
    told = CliRunner().invoke(app, ["migration", *paths])
    assert told.exit_code == 0, told.output
    assert "20.0 +- " in told.output
    assert "towards the feet" in told.output
    assert "0.67 +- " in told.output
    assert "half a level or more" in told.output
    found = json.loads(CliRunner().invoke(app, ["migration", "--json", *paths]).stdout)
    assert found[0]["mm"] == pytest.approx(20.0)
    assert found[0]["half_a_level"]


def test_a_lateral_view_may_tell_the_depth(tmp_path):
    paths = [written(tmp_path, "1.json"), written(tmp_path, "2.json", moved_px=80.0)]
    lateral = written(tmp_path, "lat.json", view="LAT", across_px=120.0)
    plain, deep = (
        json.loads(CliRunner().invoke(app, ["migration", "--json", *paths, *more]).stdout)
        for more in ((), ("--lateral", lateral))
    )
    assert deep[0]["mm"] == pytest.approx(plain[0]["mm"])
    assert deep[0]["levels"] > plain[0]["levels"]
    wrong = CliRunner().invoke(app, ["migration", *paths, "--lateral", paths[0]])
    assert wrong.exit_code == 2
    assert "expected LAT" in " ".join(wrong.output.replace("│", " ").split())


def test_one_summary_given_twice_is_wrong_usage(tmp_path):
    path = written(tmp_path, "1.json")
    told = CliRunner().invoke(app, ["migration", path, path])
    assert told.exit_code == 2
    assert "was given twice" in " ".join(told.output.replace("│", " ").split())


def test_json_nested_without_end_is_wrong_usage(tmp_path):
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 100_000)
    told = CliRunner().invoke(app, ["migration", str(deep), written(tmp_path, "1.json")])
    assert told.exit_code == 2
    assert "seen no JSON object" in " ".join(told.output.replace("│", " ").split())


def test_summaries_that_cannot_be_compared_are_wrong_usage(tmp_path):
    lead, none = written(tmp_path, "1.json"), written(tmp_path, "2.json", leads=False)
    other = tmp_path / "3.json"
    other.write_text("{}")
    for path, said in (
        (none, "no lead was found"),
        (str(other), "expected the summary.json"),
    ):
        told = CliRunner().invoke(app, ["migration", lead, path])
        assert told.exit_code == 2
        assert said in " ".join(told.output.replace("│", " ").split())
