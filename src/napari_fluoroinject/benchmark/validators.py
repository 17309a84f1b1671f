"""The outside validators as functions: what each complains about, and what is not waived.

`complaints(path)` runs every tool that is installed and fit for the object in the file;
`thorough=True` adds the Java ones, which take five to ten seconds each.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.benchmark.waivers import (
    COMPREHENSIVE_SR,
    GREY_PRESENTATION,
    SEGMENTATION,
    UNKNOWN_TO_DCIODVFY,
    WAIVERS,
    XA_XRF_PRESENTATION,
    Complaint,
)
from napari_fluoroinject.dicom.content import mapped, open_content
from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_S = 300.0
PIXELMED_JAR = Path("/usr/share/java/pixelmed.jar")


def installed(*, thorough: bool = False) -> tuple[str, ...]:
    """Return the names of the tools that are there."""
    names = ["dciodvfy", "dcmdump", "dcmpschk", "dsrdump", "dsr2html"]
    return tuple(name for name in [*names, *(["java"] if thorough else [])] if is_installed(name))


def is_installed(program: str) -> bool:
    """Tell whether a program is there; `java` stands for PixelMed."""
    return shutil.which(program) is not None and (program != "java" or PIXELMED_JAR.exists())


def complaints(path: Path, *, thorough: bool = False) -> tuple[Complaint, ...]:
    """Return what the tools complain about and what no waiver covers."""
    sop_class = _class_of(path)
    found = [
        complaint
        for program, tool in _fit(sop_class, thorough=thorough)
        if is_installed(program)
        for complaint in tool(path)
    ]
    waivers = [waiver for waiver in WAIVERS if waiver.sop_class in (None, sop_class)]
    return tuple(c for c in found if not any(waiver.covers(c) for waiver in waivers))


def dciodvfy(path: Path) -> tuple[Complaint, ...]:
    """Check against the IOD (dicom3tools); its exit status tells nothing, its lines do."""
    return _lines("dciodvfy", _run(["dciodvfy", str(path)]), "Error", "Warning")


def dcmdump(path: Path) -> tuple[Complaint, ...]:
    """Parse the whole file (dcmtk)."""
    return _dcmtk(["dcmdump", str(path)])


def dcmpschk(path: Path) -> tuple[Complaint, ...]:
    """Check a grayscale presentation state (dcmtk); it tells everything as a warning."""
    done = _done(["dcmpschk", str(path)])
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    passed = lines[-1:] == ["W: Test passed."] and done.returncode == 0
    frame = re.compile(r"W: (Testing: .*|Test passed\.|Test failed - one or more errors\.)")
    told = [line for line in lines if not frame.fullmatch(line)]
    if not passed and not told:
        told = lines or [f"exit status {done.returncode}"]
    return tuple(Complaint(tool="dcmpschk", level="error", text=line) for line in told)


def dsrdump(path: Path) -> tuple[Complaint, ...]:
    """Read the report as a content tree (dcmtk)."""
    return _dcmtk(["dsrdump", str(path)])


def dsr2html(path: Path) -> tuple[Complaint, ...]:
    """Render the report as a page (dcmtk)."""
    with tempfile.TemporaryDirectory() as folder:
        return _dcmtk(["dsr2html", str(path), str(Path(folder) / "page.html")])


def pixelmed_sr(path: Path) -> tuple[Complaint, ...]:
    """Check a report against its template and context groups (PixelMed): the strictest of all."""
    strict = ("-checkcontentitemorder", "-checktemplateid", "-checkambiguoustemplate")
    return _pixelmed("pixelmed_sr", "com.pixelmed.validate.DicomSRValidator", *strict, str(path))


def pixelmed_instance(path: Path) -> tuple[Complaint, ...]:
    """Check an object against its IOD (PixelMed)."""
    return _pixelmed(
        "pixelmed_instance", "com.pixelmed.validate.DicomInstanceValidator", str(path)
    )


def _class_of(path: Path) -> str:
    """SOP class UID; empty where the file tells none, which the tools will say in their words."""
    try:
        with mapped(path) as mapping:
            return open_content(mapping, path.name).announced_class
    except UnreadableObjectError:
        return ""


def _fit(
    sop_class: str, *, thorough: bool
) -> list[tuple[str, Callable[[Path], tuple[Complaint, ...]]]]:
    """Programs that know the class, and what runs them."""
    tools: list[tuple[str, Callable[[Path], tuple[Complaint, ...]]]] = [("dcmdump", dcmdump)]
    if sop_class not in UNKNOWN_TO_DCIODVFY:
        tools.append(("dciodvfy", dciodvfy))
    if sop_class in (GREY_PRESENTATION, XA_XRF_PRESENTATION):
        tools.append(("dcmpschk", dcmpschk))
    if sop_class.startswith(COMPREHENSIVE_SR):
        tools += [("dsrdump", dsrdump), ("dsr2html", dsr2html)]
        tools += [("java", pixelmed_sr)] if thorough else []
    if sop_class == SEGMENTATION and thorough:
        tools.append(("java", pixelmed_instance))
    return tools


def _pixelmed(tool: str, main: str, *arguments: str) -> tuple[Complaint, ...]:
    # Without these three the stylesheets die on the limits of the JDK's XPath.
    limits = ("xpathExprGrpLimit", "xpathExprOpLimit", "xpathTotalOpLimit")
    jars = sorted(str(jar) for jar in PIXELMED_JAR.parent.glob("*.jar"))
    output = _run(
        [
            "java",
            *(
                "-Xmx1500m",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
            ),  # short runs: halves them
            *(f"-Djdk.xml.{limit}=0" for limit in limits),
            "-cp",
            os.pathsep.join([str(PIXELMED_JAR), *jars]),
            main,
            *arguments,
        ]
    )
    if "IOD validation complete" not in output:
        return (Complaint(tool=tool, level="error", text=f"validation did not end: {output}"),)
    # What a class forbids it tells without a level: "Parent ... has illegal relationship ...".
    return _lines(tool, output, ("Error", "Parent content item"), "Warning")


def _dcmtk(command: list[str]) -> tuple[Complaint, ...]:
    done = _done(command)
    said = done.stderr.decode("utf-8", "replace")
    found = _lines(command[0], said, "E:", "W:")
    if done.returncode != 0 and not found:
        text = f"exit status {done.returncode}: {said}"
        found = (Complaint(tool=command[0], level="error", text=text),)
    return found


def _run(command: list[str]) -> str:
    done = _done(command)
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def _done(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - fixed programs on files of our own
        command, capture_output=True, check=False, timeout=_LONGEST_S
    )


def _lines(
    tool: str, output: str, error: str | tuple[str, ...], warning: str
) -> tuple[Complaint, ...]:
    errors = (error,) if isinstance(error, str) else error
    return tuple(
        Complaint(
            tool=tool, level="error" if line.startswith(errors) else "warning", text=line.strip()
        )
        for line in output.splitlines()
        if line.startswith((*errors, warning))
    )
