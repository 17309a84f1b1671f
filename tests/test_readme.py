"""The README's examples: each one works as it stands there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from napari_fluoroinject.model.annotation import (
    check_annotation,
    check_landmarks,
    parse_annotation,
)
from napari_fluoroinject.procedures import get
from napari_fluoroinject.settings import parse_settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def _analyses() -> list[str]:
    lines = "\n".join(_blocks("sh")).splitlines()
    return [line for line in lines if line.startswith("fluoroinject analyze ")]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like a checkout to the examples, and takes their results."""
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    return tmp_path


def _run(arguments: list[str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_python_example_prints_numbers_with_units_and_saves_results(checkout: Path) -> None:
    (code,) = _blocks("python")
    said = _run(["-c", code], checkout)
    assert re.search(r"needle tip ± \d+\.\d px\ncontrast \d+ mm²", said)
    assert len(list(checkout.glob("results/*/overview.png"))) == 1


@pytest.mark.parametrize("command", _analyses())
def test_the_analyze_examples_leave_results(checkout: Path, command: str) -> None:
    _, *arguments = shlex.split(command)
    _run(["-m", "napari_fluoroinject", *arguments], checkout)
    assert list(checkout.glob("results/*/summary.json"))


def test_the_example_of_landmarks_is_one_of_the_procedure() -> None:
    _, text = _blocks("json")
    marks = parse_annotation(text, name="marks.json")
    check_annotation(marks, region="lumbar", picture=(512, 512))
    check_landmarks(marks, get("esi_il_lumbar"))


def test_the_annotation_example_says_what_the_options_say(checkout: Path) -> None:
    text, _ = _blocks("json")
    marks = parse_annotation(text, name="marks.json")
    assert marks.needle is not None
    (options,) = [command for command in _analyses() if "--target" in command]
    row, column = marks.target_px or (None, None)
    for said in (
        f"--level {marks.level}",
        f"--side {marks.side}",
        f"--gauge {marks.gauge}",
        f"--target {row},{column}",
    ):
        assert said in options
    (checkout / "marks.json").write_text(text, encoding="utf-8")
    run = "sample_data/mbb_lumbar_none_1.dcm"
    asked = [*("analyze", run), *("--procedure", "mbb_lumbar"), *("--annotation", "marks.json")]
    _run(["-m", "napari_fluoroinject", *asked, *("--out", "results")], checkout)
    assert len(list(checkout.glob("results/*/summary.json"))) == 1


def test_the_settings_examples_are_valid(tmp_path: Path) -> None:
    (text,) = _blocks("toml")
    page = (ROOT / "docs" / "listen.md").read_text(encoding="utf-8")
    others = re.findall(r"(?ms)^```toml\n(.*?)^```$", page)
    assert len(others) == 2
    for other in others:
        parse_settings(other, path=tmp_path / "fluoroinject.toml")
    settings = parse_settings(text, path=tmp_path / "fluoroinject.toml")
    folder, archive = settings.endpoints
    assert f"fluoroinject analyze {folder}" in text
    assert f"fluoroinject find {archive}" in text
    assert settings.defaults.procedure is not None


def test_every_file_that_the_readmes_link_to_is_there() -> None:
    for folder in (ROOT, ROOT / "sample_data"):
        text = (folder / "README.md").read_text(encoding="utf-8")
        links = re.findall(r"\]\(([^)#:]+)\)", text)
        assert links
        assert [link for link in links if not (folder / link).exists()] == []


def test_every_file_that_the_pages_link_to_is_there() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
        assert [link for link in links if not (page.parent / link).exists()] == [], page.name


def test_every_extra_that_a_command_needs_is_told_how_to_install() -> None:
    assert "reserved" not in README
    assert ".[dicomweb]" in README
    assert ".[batch]" in README


def test_the_readme_sends_results_by_a_client_that_takes_its_options() -> None:
    """pynetdicom puts a `storescu` of its own before DCMTK's into an activated environment."""
    used = re.findall(r"`([^`]*storescu -[^`]*)`", README)
    assert used
    assert all(one.startswith("/usr/bin/") for one in used)
    assert "`fluoroinject store pacs://" in README
