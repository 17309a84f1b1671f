"""What outside validators complain about without a fault of ours, each with the reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88."
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
GREY_PRESENTATION = "1.2.840.10008.5.1.4.1.1.11.1"
XA_XRF_PRESENTATION = "1.2.840.10008.5.1.4.1.1.11.5"
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
UNKNOWN_TO_DCIODVFY = (XA_XRF_PRESENTATION, LABEL_MAP)
"""It says of these that there is no such object, and checks nothing."""
PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"
PROCEDURE_LOG = "1.2.840.10008.5.1.4.1.1.88.40"
KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A line in which a tool tells an error or a warning."""

    tool: str
    level: Literal["error", "warning"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A complaint that is not acted upon: a whole line of one tool, and why it is no fault.

    It holds for objects of `sop_class`; None = of every class.
    """

    tool: str
    pattern: str
    why: str
    sop_class: str | None = None

    def covers(self, complaint: Complaint) -> bool:
        """Tell whether this is that line."""
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
        tool="dcmpschk",
        pattern=r"W: (patientName|patientID) absent or empty in presentation state",
        why="empty in the source; both are of type 2 (PS3.3 C.7.1.1), and identity is copied, "
        "never invented",
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
        tool="pixelmed_sr",
        pattern=r"Warning: .*/?CONTAINER \(121120,DCM,\"Cath Lab Procedure Log\"\).*: "
        r"Content Item not in template",
        why="the tool checks what the class allows (errors) but knows no TID 3001: it lists every "
        "item of a log as outside of the templates that it knows",
        sop_class=PROCEDURE_LOG,
    ),
    Waiver(
        tool="dsrdump",
        pattern=r"W: Check for template constraints not yet supported",
        why="what dcmtk says of every Key Object Selection: it reads it, and leaves TID 2010 to "
        "others; PixelMed checks it",
        sop_class=KEY_OBJECTS,
    ),
    Waiver(
        tool="dsr2html",
        pattern=r"W: Check for template constraints not yet supported",
        why="as above",
        sop_class=KEY_OBJECTS,
    ),
    Waiver(
        tool="dciodvfy",
        pattern=r"Error - Missing attribute Type 1 Required Element="
        r"<(PixelMeasures|PlanePosition|PlaneOrientation|PlanePositionSlide)Sequence> "
        r"Module=<(PixelMeasures|PlanePosition|PlaneOrientation|PlanePositionSlide)Macro>",
        why="the strict profile invents no geometry: a projection has no plane in the patient and "
        "no spacing but in one plane; the viewer profile has all of them and needs no waiver",
        sop_class=PARAMETRIC_MAP,
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
