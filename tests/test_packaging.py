"""What is installed: a base without Qt, bindings by their licence, a wheel that napari finds."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
OF_QT = re.compile(
    r"^(pyqt\d|pyside\d|qtpy|napari$|superqt|magicgui|pyqtgraph|vispy)", re.IGNORECASE
)


def needed(names: list[str]) -> set[str]:
    """Every distribution that these pull in here, with what those pull in."""
    seen: set[str] = set()
    waiting = [Requirement(one) for one in names]
    while waiting:
        one = waiting.pop()
        key = f"{one.name.lower()}[{','.join(sorted(one.extras))}]"
        if key in seen:
            continue
        seen.add(key)
        try:
            declared = importlib.metadata.requires(one.name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # not for this machine
        for further in map(Requirement, declared):
            asked = [{"extra": extra} for extra in one.extras] or [{"extra": ""}]
            if further.marker is None or any(further.marker.evaluate(told) for told in asked):
                waiting.append(further)
    return {key.partition("[")[0] for key in seen}


def names(extra: str) -> set[str]:
    return {Requirement(one).name.lower() for one in EXTRAS[extra]}


def test_the_base_pulls_neither_qt_nor_napari():
    pulled = needed(PROJECT["dependencies"])
    assert {"numpy", "pydicom"} <= pulled
    assert [one for one in pulled if OF_QT.match(one)] == []


def test_the_viewer_pulls_napari_and_no_binding():
    pulled = needed(EXTRAS["viewer"])
    assert {"napari", "qtpy"} <= pulled
    assert [one for one in pulled if re.match(r"(pyqt|pyside)\d", one)] == []


def test_the_extra_pyside_has_the_binding_under_the_lgpl_and_not_the_other():
    pulled = needed([one for one in EXTRAS["pyside"] if "fluoroinject" not in one])
    assert "pyside6-essentials" in pulled
    assert not any(one.startswith("pyqt") for one in pulled | names("pyside"))
    told = importlib.metadata.metadata("PySide6-Essentials")
    assert "LGPL" in f"{told.get('License-Expression')} {told.get('License')}"


def test_the_extra_all_brings_what_napari_recommends():
    assert any(Requirement(one).extras == {"all"} for one in EXTRAS["all"])


def test_the_hub_finds_the_plugin():
    assert "Framework :: napari" in PROJECT["classifiers"]
    assert PROJECT["entry-points"]["napari.manifest"] == {
        "napari-fluoroinject": "napari_fluoroinject:napari.yaml"
    }


@pytest.mark.parametrize(
    "statement",
    [
        "import napari_fluoroinject, napari_fluoroinject.cli, napari_fluoroinject.workflow",
        "from napari_fluoroinject import analyze; from napari_fluoroinject.phantom import *; "
        "analyze(make_phantom('mbb_lumbar', settings=PhantomSettings(size=96, frames=12)).loop)",
    ],
)
def test_the_core_loads_no_qt_and_no_napari(statement):
    look = "import sys; print([one for one in sys.modules if one.partition('.')[0] in {names}])"
    of_the_viewer = ("napari", "qtpy", "PyQt6", "PySide6", "pyqtgraph", "psygnal", "vispy")
    code = f"{statement}; {look.format(names=of_the_viewer)}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.strip() == "[]"
