"""The page about a site's own procedures: its examples load, and no key is left out."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_fluoroinject import procedures
from napari_fluoroinject.cli import app
from napari_fluoroinject.model import procedure as schema
from napari_fluoroinject.model.sourced import Source

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "site-procedures.md").read_text("utf-8")
EXAMPLES = {
    tomllib.loads(text)["key"]: text for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
}
TABLES = {
    "[[views]]": schema.ViewRule,
    "[[landmarks]]": schema.LandmarkRule,
    "[target]": schema.TargetRule,
    "[trajectory]": schema.TrajectoryRule,
    "[[limits]]": schema.LimitRule,
    "[[hazards]]": schema.Hazard,
    "[[warnings]]": schema.WarningRule,
    "[[sources]]": Source,
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    for key, text in EXAMPLES.items():
        (tmp_path / "own" / f"{key}.toml").write_text(text)
    (tmp_path / "c.toml").write_text('[defaults]\nprocedures = "own"\n')
    return tmp_path


def test_the_examples_of_the_page_load_and_the_override_is_in_force(site: Path) -> None:
    assert set(EXAMPLES) == {"our_block", "mbb_lumbar"}
    known = procedures.all_keys(site=site / "own")
    assert set(known) == {*procedures.all_keys(), "our_block"}
    ours = procedures.get("mbb_lumbar", site=site / "own")
    limit = ours.expected[0].settings
    assert limit is not None
    assert limit["most_lateral_extent"].low == 12
    assert [rule.severity for rule in ours.warnings] == ["critical", "high"]
    assert procedures.get("our_block", site=site / "own").name == "Our own block"


@pytest.mark.parametrize("field", [field.name for field in fields(schema.Procedure)])
def test_the_page_names_every_key_of_a_procedure(field: str) -> None:
    tables = [f"`[[{field}]]`", f"`[{field}]`"]
    assert any(text in PAGE for text in (f"`{field}`", *tables))


@pytest.mark.parametrize("table", TABLES)
def test_the_page_names_every_key_of_a_table(table: str) -> None:
    (row,) = (line for line in PAGE.splitlines() if line.startswith(f"| `{table}`"))
    keys = row.split(" | ")[1]
    assert re.findall(r"`(\w+)`", keys) == [
        *(f.name for f in fields(TABLES[table]) if f"**`{f.name}`**" in keys),
        *(f.name for f in fields(TABLES[table]) if f"**`{f.name}`**" not in keys),
    ]


def test_a_list_of_procedures_says_which_are_the_sites(site: Path) -> None:
    told = CliRunner().invoke(app, ["procedures", "--config", str(site / "c.toml")]).stdout
    (own,) = (line for line in told.splitlines() if "our_block" in line)
    (other,) = (line for line in told.splitlines() if "mbb_lumbar" in line)
    assert "the site's own" in own
    assert "the site's, in the place of the one that ships" in other
    assert told.count("the site's") == 2


@pytest.mark.parametrize("command", ["procedures", "checklist"])
def test_a_page_of_a_procedure_says_that_it_is_the_sites(site: Path, command: str) -> None:
    options = ["--config", str(site / "c.toml")]
    told = CliRunner().invoke(app, [command, "mbb_lumbar", *options]).stdout
    assert "the site's, in the place of the one that ships" in told
    assert (
        "the site's, in" not in CliRunner().invoke(app, [command, "esi_caudal", *options]).stdout
    )
