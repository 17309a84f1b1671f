"""The outside validators for tests: missing ones are skipped here, and a failure in CI."""

from __future__ import annotations

import html
import os
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from napari_fluoroinject.benchmark import validators as tools
from napari_fluoroinject.benchmark.waivers import WAIVERS, Complaint, Waiver

__all__ = ["WAIVERS", "Complaint", "Waiver"]

VIEWERS = Path(__file__).parent / "viewers"
"""Where Node.js finds the libraries of other people's viewers."""


def complaints(path: Path, *, thorough: bool = False) -> tuple[Complaint, ...]:
    """Return what the tools complain about and what no waiver covers."""
    for program in ("dciodvfy", "dcmdump", "dcmpschk", "dsrdump", "dsr2html"):
        need(program)
    if thorough:
        need("java")
    return tools.complaints(path, thorough=thorough)


def dciodvfy(path: Path) -> tuple[Complaint, ...]:
    """Check against the IOD (dicom3tools)."""
    need("dciodvfy")
    return tools.dciodvfy(path)


def dcmdump(path: Path) -> tuple[Complaint, ...]:
    """Parse the whole file (dcmtk)."""
    need("dcmdump")
    return tools.dcmdump(path)


def dcmpschk(path: Path) -> tuple[Complaint, ...]:
    """Check a presentation state (dcmtk)."""
    need("dcmpschk")
    return tools.dcmpschk(path)


def dsrdump(path: Path) -> tuple[Complaint, ...]:
    """Read a report as a content tree (dcmtk)."""
    need("dsrdump")
    return tools.dsrdump(path)


def pixelmed_sr(path: Path) -> tuple[Complaint, ...]:
    """Check a report against its template and context groups (PixelMed)."""
    need("java")
    return tools.pixelmed_sr(path)


def pixelmed_instance(path: Path) -> tuple[Complaint, ...]:
    """Check an object against its IOD (PixelMed)."""
    need("java")
    return tools.pixelmed_instance(path)


def rendered(image: Path, presentation: Path | None, frame: int) -> npt.NDArray[np.uint8]:
    """Return a frame, from 0, in P-Values as dcmtk shows it; (rows, columns).

    It applies grey transformations, shutter and displayed area, and draws no annotation.
    """
    need("dcmp2pgm")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "frame.pgm"
        state = () if presentation is None else ("-p", str(presentation))
        subprocess.run(
            ["dcmp2pgm", "-q", *state, "-f", str(frame + 1), str(image), str(out)],
            capture_output=True,
            check=True,
            timeout=60,
        )
        content = out.read_bytes()
    kind, columns, rows, largest = re.split(rb"\s+", content, maxsplit=4)[:4]
    assert (kind, largest) == (b"P5", b"255")
    size = int(rows) * int(columns)
    return np.frombuffer(content[-size:], np.uint8).reshape(int(rows), int(columns))


def page(path: Path) -> str:
    """Return the report as text, the way a person reads dcmtk's rendering."""
    need("dsr2html")
    rendered = subprocess.run(
        ["dsr2html", "-q", "+Cm", str(path)], capture_output=True, check=True, timeout=60
    ).stdout.decode("utf-8")
    text = re.sub(r"<(?:br|/?p|/?div|/?h\d|hr|small)[^>]*>", "\n", rendered.replace("\n", " "))
    text = html.unescape(re.sub(r"<[^>]+>", "", text))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def need(program: str) -> None:
    """Skip where the tool is not installed; in CI a missing tool is a failure."""
    if not tools.is_installed(program):
        _do_without(program)


def need_viewers() -> None:
    """Skip where the libraries of other people's viewers are not installed, or fail in CI."""
    need("node")
    if not (VIEWERS / "node_modules" / "dcmjs").is_dir():
        _do_without("dcmjs (npm ci --prefix tests/viewers)")


def _do_without(program: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{program} is missing, and CI has to run it")
    pytest.skip(f"{program} is not installed")
