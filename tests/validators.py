"""The outside validators as functions: what each complains about, what is waived and why.

`complaints(path)` runs every tool that is fit for the object in the file; `thorough=True` adds the
Java ones, which take five to ten seconds each.
"""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pydicom
import pytest

PIXELMED_JAR = Path("/usr/share/java/pixelmed.jar")

COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88."
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    tool: str
    level: Literal["error", "warning"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A complaint that is not acted upon: a whole line of one tool, and why it is no fault."""

    tool: str
    pattern: str
    why: str

    def covers(self, complaint: Complaint) -> bool:
        return complaint.tool == self.tool and bool(re.fullmatch(self.pattern, complaint.text))


WAIVERS = (
    Waiver(
        tool="dciodvfy",
        pattern=r"Warning - Unrecognized defined term <99FLUOROINJECT> for value 1 of attribute "
        r"<Coding Scheme Designator>",
        why="the private scheme is declared in Coding Scheme Identification Sequence, as PS3.3 "
        "C.12.1 asks; the tool knows standard schemes only",
    ),
    Waiver(
        tool="dciodvfy",
        pattern=r"Warning - Missing attribute or value that would be needed to build DICOMDIR - "
        r"(Patient ID|Study ID)",
        why="empty in the source; identity is copied, never invented",
    ),
    Waiver(
        tool="dciodvfy",
        pattern=r"Warning - is only permitted to be empty when actually unknown; .* "
        r"attribute <Laterality>",
        why="neither the source nor the procedure names a body part, so laterality is unknown: "
        "2C, empty",
    ),
    Waiver(
        tool="dsrdump",
        pattern=r"W: The VR checker does not support this Specific Character Set: ISO_IR 192",
        why="dcmtk of this distribution is built without a checker for UTF-8; the text is read",
    ),
    Waiver(
        tool="dsr2html",
        pattern=r"W: The VR checker does not support this Specific Character Set: ISO_IR 192",
        why="as above",
    ),
    Waiver(
        tool="pixelmed_sr",
        pattern=r"Warning: .*/CONTAINER \(125007,DCM,\"Measurement Group\"\)/CODE "
        r"\([a-z-]+,99FLUOROINJECT,\".*\"\): Content Item not in template",
        why="qualitative evaluations may have any name (TID 1501 row 15, concept unrestricted); "
        "the tool lists those it can name as extra, which TID 1501 (extensible) allows",
    ),
    Waiver(
        tool="pixelmed_sr",
        pattern=r"Warning: .*/CONTAINER \(125007,DCM,\"Measurement Group\"\)/TEXT "
        r"\((landmark|measure-view),99FLUOROINJECT,\".*\"\): Content Item not in template",
        why="the name of a site's own landmark or view, which has no code; TID 1501 is extensible",
    ),
    Waiver(
        tool="pixelmed_instance",
        pattern=r"Error: DerivationImageMacro/DerivationImageSequence/: "
        r"SharedFunctionalGroupsSequence/Item\[1\]/: Missing required sequence attribute "
        r"\(Type 2\)",
        why="Derivation Image is per frame here, because each frame has a source frame of its "
        "own; a functional group is shared or per frame, never both (PS3.3 C.7.6.16.1.1)",
    ),
    Waiver(
        tool="pixelmed_instance",
        pattern=r"Error: GeneralSeriesModule/Laterality/: : Missing conditional attribute",
        why="required if the body part examined is a paired structure (PS3.3 C.7.3.1); the spine "
        "is not, and Body Part Examined says so; dciodvfy agrees",
    ),
    Waiver(
        tool="pixelmed_instance",
        pattern=r"Warning: SOPCommonModule/SpecificCharacterSet/: .*:ISO_IR 192:",
        why="the tool's table of 2022 lacks UTF-8; the character set is the source's",
    ),
    Waiver(
        tool="pixelmed_instance",
        pattern=r"Error: PatientModule/PatientName/: .*Illegal character\(s\).* of PN VR.*",
        why="the tool reads UTF-8 names as ASCII; the name is the source's, byte for byte",
    ),
)
"""Everything that is waived; each line is a decision that a reviewer can dispute."""


def complaints(path: Path, *, thorough: bool = False) -> tuple[Complaint, ...]:
    """Return what the tools complain about and what no waiver covers."""
    sop_class = str(pydicom.dcmread(path, stop_before_pixels=True).SOPClassUID)
    tools = [dciodvfy, dcmdump]
    if sop_class.startswith(COMPREHENSIVE_SR):
        tools += [dsrdump, dsr2html]
        tools += [pixelmed_sr] if thorough else []
    if sop_class == SEGMENTATION and thorough:
        tools.append(pixelmed_instance)
    found = [complaint for tool in tools for complaint in tool(path)]
    return tuple(c for c in found if not any(waiver.covers(c) for waiver in WAIVERS))


def dciodvfy(path: Path) -> tuple[Complaint, ...]:
    """Check against the IOD (dicom3tools); its exit status tells nothing, its lines do."""
    need("dciodvfy")
    return _lines("dciodvfy", _run(["dciodvfy", str(path)]), "Error", "Warning")


def dcmdump(path: Path) -> tuple[Complaint, ...]:
    """Parse the whole file (dcmtk)."""
    need("dcmdump")
    return _dcmtk(["dcmdump", str(path)])


def dsrdump(path: Path) -> tuple[Complaint, ...]:
    """Read the report as a content tree (dcmtk)."""
    need("dsrdump")
    return _dcmtk(["dsrdump", str(path)])


def dsr2html(path: Path) -> tuple[Complaint, ...]:
    """Render the report as a page (dcmtk)."""
    need("dsr2html")
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
    missing = shutil.which(program) is None or (program == "java" and not PIXELMED_JAR.exists())
    if not missing:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{program} is missing, and CI has to run it")
    pytest.skip(f"{program} is not installed")


def _pixelmed(tool: str, main: str, *arguments: str) -> tuple[Complaint, ...]:
    need("java")
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
    return _lines(tool, output, "Error", "Warning")


def _dcmtk(command: list[str]) -> tuple[Complaint, ...]:
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    said = done.stderr.decode("utf-8", "replace")
    found = _lines(command[0], said, "E:", "W:")
    if done.returncode != 0 and not found:
        text = f"exit status {done.returncode}: {said}"
        found = (Complaint(tool=command[0], level="error", text=text),)
    return found


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, check=False, timeout=300)
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def _lines(tool: str, output: str, error: str, warning: str) -> tuple[Complaint, ...]:
    return tuple(
        Complaint(
            tool=tool, level="error" if line.startswith(error) else "warning", text=line.strip()
        )
        for line in output.splitlines()
        if line.startswith((error, warning))
    )
