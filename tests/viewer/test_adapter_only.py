"""Names of napari that are not public stand in one module alone."""

from __future__ import annotations

import re
from pathlib import Path

import napari_fluoroinject.viewer

VIEWER = Path(napari_fluoroinject.viewer.__file__).parent
PRIVATE = re.compile(
    r"napari\._|_qt_viewer|_qt_window|_vispy|_scene_canvas|QtViewer\b"
    r"|(?:viewer|layer|layers|canvas|dims|camera|window)\._[a-z]"
)


def test_no_module_but_the_adapter_uses_private_names_of_napari():
    found = [
        f"{path.relative_to(VIEWER)}:{number}: {line.strip()}"
        for path in sorted(VIEWER.rglob("*.py"))
        if path.name != "adapter.py"
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if PRIVATE.search(line)
    ]
    assert found == []


def test_the_adapter_does_use_them():
    assert PRIVATE.search((VIEWER / "adapter.py").read_text())
