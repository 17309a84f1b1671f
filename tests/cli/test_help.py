"""What the help of the commands shows: every word that was written."""

from __future__ import annotations

import inspect
import re

import pytest
import typer.main
from typer.testing import CliRunner

from napari_fluoroinject.cli import app

NAMES = sorted(typer.main.get_command(app).commands)


def written(name: str) -> list[str]:
    """Docstring and help texts of a command, as they stand in its module."""
    spelt = {
        one.callback.__name__.replace("_", "-"): one.callback for one in app.registered_commands
    }
    function = spelt[name]
    hints = inspect.get_annotations(function, eval_str=True)
    options = [info for hint in hints.values() for info in getattr(hint, "__metadata__", ())]
    return [function.__doc__ or "", *(getattr(one, "help", None) or "" for one in options)]


@pytest.mark.parametrize("name", NAMES)
def test_no_word_in_brackets_is_lost_from_the_help(name):
    shown = CliRunner(env={"COLUMNS": "400", "TERMINAL_WIDTH": "400"}).invoke(
        app, [name, "--help"]
    )
    assert shown.exit_code == 0
    words = [one for text in written(name) for one in re.findall(r"\[[^\]\n]*\]", text)]
    assert [one for one in words if one not in shown.output] == []
    assert "\\[" not in shown.output


def test_fetch_names_the_table_of_the_settings_file():
    shown = CliRunner().invoke(app, ["fetch", "--help"])
    assert "port ([listen] in the settings file)" in re.sub(r"[\s│]+", " ", shown.output)
