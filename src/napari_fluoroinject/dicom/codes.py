"""Every coded concept that the results use, once.

Standard codes are those of PS3.16 (annexes B and D) with the meanings listed there. Where none was
found the private scheme `99FLUOROINJECT` names the concept; SNOMED identifiers are never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom.sr.coding import Code

from napari_fluoroinject.dicom.landmark_terms import LANDMARK_TERMS
from napari_fluoroinject.dicom.pattern_terms import PATTERN_TERMS, STATE_TERMS
from napari_fluoroinject.errors import EncodingError
from napari_fluoroinject.model.measurement import MEASURES, MeasureId

if TYPE_CHECKING:
    from napari_fluoroinject.model.geometry import Side

PRIVATE_SCHEME = "99FLUOROINJECT"
PRIVATE_SCHEME_NAME = "napari-fluoroinject private codes"
PRIVATE_SCHEME_ORGANIZATION = "The napari-fluoroinject developers"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateConcept:
    """One concept of the private scheme: code value, the words it is shown with, explanation."""

    value: str
    meaning: str
    explanation: str

    @property
    def code(self) -> Code:
        """The concept as the triplet that DICOM carries."""
        return Code(self.value, PRIVATE_SCHEME, self.meaning)


# Document (TID 1500) and what is in it.
IMAGING_PROCEDURE = Code("363679005", "SCT", "Imaging procedure")
"""CID 100; Fluoroscopy is not in that context group."""
IMAGING_MEASUREMENT_REPORT = Code("126000", "DCM", "Imaging Measurement Report")
DEVICE = Code("121007", "DCM", "Device")
PERSON = Code("121006", "DCM", "Person")
QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
"""TID 1500 row 12; UMLS is the one scheme here that pydicom's dictionaries do not hold."""

OF_INTEREST = Code("113000", "DCM", "Of Interest")
KEY_OBJECT_DESCRIPTION = Code("113012", "DCM", "Key Object Description")
PROCEDURE_LOG = Code("121120", "DCM", "Cath Lab Procedure Log")
"""The one title of a Procedure Log (CID 3400)."""
PROCEDURE_DESCRIPTION = Code("121065", "DCM", "Procedure Description")
COMMENT = Code("121106", "DCM", "Comment")

# What is logged (TID 3100, 3106).
START_ACTION = Code("121130", "DCM", "Start Procedure Action")
ACTION_ID = Code("121124", "DCM", "Procedure Action Item ID")
DRUG_ADMINISTERED = Code("122083", "DCM", "Drug administered")
CONTRAST_ADMINISTERED = Code("122086", "DCM", "Contrast administered")
CONTRAST_AGENT = Code("7140000", "SCT", "Contrast agent")

# What is measured on, and what is measured.
NEEDLE = Code("79068005", "SCT", "Needle")
CONTRAST_MEDIA = Code("385420005", "SCT", "Contrast media")
TARGET = Code("112162", "DCM", "Target")
PHYSICAL_OBJECT = Code("260787004", "SCT", "Physical object")
BACKGROUND = Code("125040", "DCM", "Background")
SUBSTANCE = Code("105590001", "SCT", "Substance")
LENGTH = Code("410668003", "SCT", "Length")
ANGLE = Code("1483009", "SCT", "Angle")
AREA = Code("42798000", "SCT", "Area")
DISTANCE = Code("121206", "DCM", "Distance")
ARRIVAL_TIME = Code("126371", "DCM", "Bolus Arrival Time")
TIME_TO_PEAK = Code("113069", "DCM", "Time To Peak")
QUANTITY = Code("246205007", "SCT", "Quantity")
FINDING = Code("121071", "DCM", "Finding")
UNDETERMINED = Code("373068000", "SCT", "Undetermined")

# How an object came about.
SEGMENTATION = Code("113076", "DCM", "Segmentation")
SUBTRACTION = Code("113062", "DCM", "Pixel by pixel subtraction")
PERFUSION_ANALYSIS = Code("129104", "DCM", "Perfusion image analysis")
SOURCE_IMAGE = Code("121322", "DCM", "Source image for image processing operation")
MASK_IMAGE = Code("121321", "DCM", "Mask image for image processing operation")
OTHER_PLANE = Code("121314", "DCM", "Other image of biplane pair")
ACQUISITION_EQUIPMENT = Code("109101", "DCM", "Acquisition Equipment")
PROCESSING_EQUIPMENT = Code("109102", "DCM", "Processing Equipment")
NEIGHBORHOOD_ANALYSIS = Code("123101", "DCM", "Neighborhood Analysis")
EDGE_DETECTION = Code("123103", "DCM", "Edge Detection")
MANUAL_PROCESSING = Code("123109", "DCM", "Manual Processing")

# How an object was de-identified (CID 7050).
BASIC_PROFILE = Code("113100", "DCM", "Basic Application Confidentiality Profile")
CLEAN_GRAPHICS = Code("113103", "DCM", "Clean Graphics Option")
CLEAN_CONTENT = Code("113104", "DCM", "Clean Structured Content Option")
FULL_DATES = Code("113106", "DCM", "Retain Longitudinal Temporal Information Full Dates Option")
MODIFIED_DATES = Code(
    "113107", "DCM", "Retain Longitudinal Temporal Information Modified Dates Option"
)

# Units.
MM = Code("mm", "UCUM", "mm")
MM2 = Code("mm2", "UCUM", "square millimeter")
MM_PER_S = Code("mm/s", "UCUM", "millimeter/second")
MILLIGRAM = Code("mg", "UCUM", "milligram")
MG_PER_CM2 = Code("mg/cm2", "UCUM", "milligram per square centimeter")
DEGREE = Code("deg", "UCUM", "Degree")
SECOND = Code("s", "UCUM", "second")
PER_SECOND = Code("/s", "UCUM", "/s")
NO_UNITS = Code("1", "UCUM", "no units")
PERCENT = Code("%", "UCUM", "Percent")
RATIO = Code("{ratio}", "UCUM", "ratio")
ARBITRARY = Code("[arb'U]", "UCUM", "arbitrary unit")
# UCUM annotations in curly braces are dimensionless and free: these follow the rule, no list.
PIXELS = Code("{pixels}", "UCUM", "pixels")
PIXELS_PER_S = Code("{pixels}/s", "UCUM", "pixels per second")
FRAMES = Code("{frames}", "UCUM", "frames")
POINTS = Code("{points}", "UCUM", "points")
ARBITRARY_PER_SECOND = Code("[arb'U]/s", "UCUM", "arbitrary units per second")

SIDES: dict[Side, Code] = {
    "left": Code("7771000", "SCT", "Left"),
    "right": Code("24028007", "SCT", "Right"),
    "bilateral": Code("51440002", "SCT", "Bilateral"),
}
"""CID 244."""

BODY_PARTS: dict[str, str] = {
    "122494005": "CSPINE",
    "122495006": "TSPINE",
    "122496007": "LSPINE",
    "54735007": "SSPINE",
    "64688005": "COCCYX",
}
"""Body Part Examined of an anatomic region (SCT), PS3.16 annex L."""

_STATEMENTS = (
    ("intended-use", "Intended use", "What the report is for, and what it must not be used for."),
    (
        "procedure",
        "Procedure assumed",
        "Whose rules were applied; named by a person, not observed.",
    ),
    ("rules", "Rules of the procedure", "Whether a clinician has reviewed them."),
    ("level", "Level as stated", "Spinal level as a person stated it; never inferred."),
    ("side", "Side as stated", "Side as a person or the loop's header stated it; never inferred."),
    ("assessable", "Assessable frames", "Frames that could be judged, and why not all."),
    ("warnings", "Warnings", "How many warnings were raised; none is not a finding."),
    ("grey-values", "Grey values", "What stored values say of the beam (PS3.3 C.8.7.1.1.2)."),
    ("calibration", "Calibration", "Whether there are millimetres, why, and in which plane."),
    ("time-axis", "Time axis", "Whether the loop states when its frames were taken."),
    ("needle", "Needle", "How the needle was found, or why none is reported."),
    ("target", "Target", "Whether a target was given, and how the distance was taken."),
    ("contrast", "Contrast", "What was seen of contrast, and how faint it could be."),
    ("vascular-search", "Search for vascular uptake", "What the search came to."),
    ("limits", "Limits of the measurement", "What the loop does not give, or what was assumed."),
    ("not-written", "Result not written", "A result that was not made from this loop, and why."),
    ("software", "Computed by", "Software, backend and parameters."),
    ("reader-note", "Note on the loop", "Something odd or unknown about the loop as stored."),
    ("view", "View as stated", "Name of the view as a person stated it; never inferred."),
    ("c-arm", "C-arm angles as stated", "As a person read them off, where the file has none."),
    ("needle-stated", "Needle as stated", "Gauge and length as a person stated them."),
    ("agent", "Contrast agent as stated", "What a person said was injected to be seen."),
    ("events", "Events as stated", "What was done, in seconds from the first frame's time."),
    (
        "mask-wish",
        "Mask frames as asked for",
        "Found in the picture, those of the header, or those that a person chose.",
    ),
    (
        "flags",
        "Flagged by the operator",
        "Frames in which a person saw it; no finding of the software, and part of no score.",
    ),
    (
        "sign-off",
        "Sign-off",
        "Who signed the results off, when, what they looked at; or that nobody did.",
    ),
    ("marks", "Marked by a person", "Landmarks and points that a person marked on the loop."),
    ("not-measured", "Not measured", "A measure of the procedure without a value, and why."),
    ("event-time", "Time of the event", "Seconds from the first frame's time, as stated."),
    ("aspiration", "Aspiration through the needle", "An event that a person stated."),
    ("test-dose", "Test dose", "An event that a person stated; the drug is not named."),
    ("medication", "Medication", "An event that a person stated; the drug is not named."),
    (
        "annotation",
        "Annotation, exact (JSON)",
        "All that a person said and marked, as JSON; points are (row, column), the centre of the "
        "first pixel is (0, 0), frames count from 0.",
    ),
    (
        "annotation-pose",
        "Frame that shows the marks (JSON)",
        "The frame, from 0, and the matrix that takes (row, column, 1) of a mark to its place on "
        "it: marks hold for all mask frames together, each of which may be displaced.",
    ),
)
_MEASURES = (
    ("points-marked", "Points marked", "Number of points of a mark; the shape has their places."),
    ("measure-view", "View of the measure", "The view in which the measure was taken."),
    ("measure-sigma", "Uncertainty (1 sigma)", "Of the measure in the same group, in its unit."),
    ("frames-judged", "Assessable frames, count", "Number of frames that could be judged."),
    ("frames-total", "Frames in the loop", "Number of frames of the loop."),
    ("tip-sigma", "Tip position uncertainty (1 sigma)", "Along the axis, in the image plane."),
    ("tip-target", "Distance from needle tip to target", "In the image plane; no depth."),
    ("extent-along", "Extent along the spine", "Of the contrast region, along the spine's axis."),
    ("extent-across", "Extent across the spine", "Of the contrast region, across that axis."),
    ("extent-cranial", "Extent cranial of the tip", "From the needle tip towards the head."),
    ("extent-caudal", "Extent caudal of the tip", "From the needle tip towards the feet."),
    ("area-at-least", "Area, at least", "Lower bound: contrast reaches the edge of the field."),
    ("along-at-least", "Extent along the spine, at least", "Lower bound, as for the area."),
    ("across-at-least", "Extent across the spine, at least", "Lower bound, as for the area."),
    ("cranial-at-least", "Extent cranial of the tip, at least", "Lower bound, as for the area."),
    ("caudal-at-least", "Extent caudal of the tip, at least", "Lower bound, as for the area."),
    ("spread-direction", "Direction from tip to centroid", "Image right towards image bottom."),
    ("front-speed", "Front speed away from the tip", "Median, in the image plane; no flow."),
    ("peak-opacity", "Peak opacity", "Largest natural-log attenuation, corrected for scatter."),
    ("peak-relative", "Peak opacity, relative", "The same in log units of unknown scale."),
    ("ln-difference", "Difference of the log beam", "Natural log of the beam less its mask's."),
    ("ln-diff-relative", "Difference of the log beam, relative", "In log units of unknown scale."),
    ("iodine-mass", "Mass of iodine in the region", "At the end, in the calibrated plane."),
    ("iodine-density", "Peak areal density of iodine", "Of the peak opacity, by tube voltage."),
    ("iodine-sigma", "Iodine uncertainty (1 sigma)", "Relative, of mass and areal density."),
    ("washout-rate", "Washout rate", "Rate at which opacity falls after its peak."),
    ("washout-relative", "Washout rate, relative", "The same in log units of unknown scale."),
    ("transit-time", "Transit time", "Time for which opacity stays above half of its peak."),
    (
        "detection-limit",
        "Faintest patch that could be seen",
        "Opacity, 3 mm, 3 sigma, at the end.",
    ),
    ("opacity-scale", "Opacity scale", "Factor on the log difference for scatter and veiling."),
    ("opacity-sigma", "Opacity scale uncertainty (1 sigma)", "Relative, of all opacities."),
    ("scatter-primary", "Scatter to primary ratio", "Scatter and veiling over primary intensity."),
    (
        "run-off-score",
        "Run-off score (1 = alarm threshold)",
        "Strongest moving tubular component.",
    ),
    (
        "run-off-limit",
        "Run-off missed if fainter than",
        "Opacity; denser ones can be missed too.",
    ),
    ("run-off-length", "Length of the run-off path", "Along the path, in the image plane."),
    ("pattern-score", "Expected pattern score", "Weakest feature over its limit: 1 reaches all."),
    ("warning-score", "Warning score (1 = threshold)", "Strength over the procedure's threshold."),
)
_ANSWERS = (
    ("contrast-spread", "Contrast spread", "The contrast region in the last frames, all parts."),
    ("contrast-outline", "Contrast outline, holes filled", "One part of the region, traced."),
    ("run-off", "Tubular run-off", "A moving tubular component; artery and vein are not told."),
    ("assessment", "Assessment of the loop", "What could be judged in the loop as a whole."),
    ("severity", "Severity of the warning", "As the procedure's rules give it."),
    ("critical", "Critical", "Most severe of four."),
    ("high", "High", "Second of four."),
    ("moderate", "Moderate", "Third of four."),
    ("info", "Information", "Least severe of four."),
    ("raised", "Warning raised, review the loop", "The rule's threshold was reached."),
    ("needle-marked", "Needle as marked by a person", "Hub, then tip, on the frame marked on."),
    ("landmark", "Landmark", "One that has no code of its own; its name stands beside it."),
    ("far-side", "Far side of a line", "A point beyond the line that is named beside it."),
    ("expected-pattern", "Expected pattern", "What a view shows of it; it clears nothing."),
    ("measure", "Measure of the procedure", "What is measured without reference to a landmark."),
)
_VIEWS = (
    ("view-ap", "AP view", "AP"),
    ("view-pa", "PA view", "PA"),
    ("view-lat", "Lateral view", "LAT"),
    ("view-clo", "Contralateral oblique view", "CLO"),
    ("view-obl", "Oblique view", "OBL"),
    ("view-pillar", "Pillar view", "PILLAR"),
)
"""Third column: the view's name in the procedures."""
_TAKEN: tuple[tuple[str, str, MeasureId], ...] = (
    ("tip-line", "Distance of the tip from a line, positive beyond it", "tip_to_line"),
    ("tip-area", "Tip in an area, 0 its middle and 1 its border", "tip_in_area"),
    ("shaft-angle", "Angle of the shaft against the planned trajectory", "shaft_angle"),
    ("coaxiality", "Angle between needle and beam", "coaxiality"),
    ("foreshortening", "Length in the picture over the true length", "foreshortening"),
    ("levels", "Vertebral levels of the spread", "levels"),
    ("levels-seen", "Vertebral levels along which the spread was seen", "levels_seen"),
    ("levels-per-ml", "Vertebral levels of the spread per millilitre", "levels_per_ml"),
    ("cranio-caudal", "Cranio-caudal extent of the spread", "cranio_caudal_extent"),
    ("lateral-extent", "Lateral extent of the spread", "lateral_extent"),
    ("side-asymmetry", "Share on the needle's side less that on the other", "side_asymmetry"),
    ("one-sidedness", "Share on the fuller side less that on the other", "one_sidedness"),
    ("column-width", "Width of the spread across the midline", "column_width"),
    ("middle-opacity", "Opacity in the middle against the fainter side", "middle_opacity"),
    ("beyond-line", "Share of the spread beyond the line", "beyond_line"),
    ("midline-crossing", "Share of the spread beyond the midline", "midline_crossing"),
    ("medial-share", "Share of the spread medial to the pedicles", "medial_to_pedicle"),
    ("line-contact", "Share of the line that contrast touches", "line_contact"),
    ("joint-filled", "Share of the joint line that is filled", "filled_joint_length"),
    ("area-overlap", "Share of the spread within the area", "area_overlap"),
    ("compactness", "Compactness of the spread", "compactness"),
    ("persistence", "Share of the peak opacity left at the end", "persistence"),
    ("tubularity", "Tubularity of the spread", "tubularity"),
    ("path-length", "Path length of the run-off from the tip", "path_length"),
    ("path-speed", "Speed of the front along its path", "front_speed"),
    ("lead-contacts", "Contacts of the lead", "contact_positions"),
    ("lead-midline", "Distance of the lead from the midline", "lead_midline_offset"),
    ("lead-level", "Vertebral level of the lead's tip", "lead_level"),
    ("lead-migration", "Migration of the lead along the spine", "lead_migration"),
)
"""Third column: the measure's id; the distance from tip to target stands further up."""
_WARNINGS = (
    ("vascular-uptake", "Possible vascular uptake", "vascular_uptake"),
    ("no-contrast-seen", "Contrast not seen", "contrast_not_seen"),
    ("intrathecal-like", "Intrathecal-like pattern", "intrathecal_like"),
    ("subdural-like", "Subdural-like pattern", "subdural_like"),
    ("intradiscal-like", "Intradiscal-like pattern", "intradiscal_like"),
    ("retrodural-like", "Retrodural or facet-like pattern", "retrodural_facet_like"),
    ("intramuscular-lk", "Intramuscular-like pattern", "intramuscular_like"),
    ("intraosseous-lk", "Intraosseous-like pattern", "intraosseous_like"),
    ("pleural-visceral", "Pleural or visceral-like pattern", "pleural_visceral_like"),
    ("tip-past-limit", "Needle tip past the limit", "tip_past_limit"),
    ("tip-off-target", "Needle tip off target", "tip_off_target"),
    ("missing-view", "View missing", "missing_view"),
    ("wrong-level-side", "Level or side does not match", "wrong_level_or_side"),
    ("order-violation", "Order of steps not kept", "order_violation"),
    ("dose-alert", "Dose alert", "dose_alert"),
    ("image-unfit", "Image unfit for a full assessment", "image_unfit"),
)
"""Third column: the warning's id in the contract, too long for a code value (16 characters)."""

PRIVATE_CONCEPTS: tuple[PrivateConcept, ...] = tuple(
    PrivateConcept(value=value, meaning=meaning, explanation=explanation)
    for value, meaning, explanation in (
        *_STATEMENTS,
        *_MEASURES,
        *_ANSWERS,
        *_WARNINGS,
        *STATE_TERMS,
        *((value, meaning, f"Expected pattern {one}.") for value, meaning, one in PATTERN_TERMS),
        *((value, meaning, f"Landmark {mark}.") for value, meaning, mark in LANDMARK_TERMS),
        *((value, meaning, f"View {name}.") for value, meaning, name in _VIEWS),
        *((value, meaning, f"Measure {one}: {MEASURES[one]}.") for value, meaning, one in _TAKEN),
    )
)
"""The private scheme in full; a code once given keeps its meaning for ever."""

_BY_VALUE = {concept.value: concept.code for concept in PRIVATE_CONCEPTS}
_BY_WARNING = {
    finding_id: Code(value, PRIVATE_SCHEME, words) for value, words, finding_id in _WARNINGS
}
_BY_LANDMARK = {mark: _BY_VALUE[value] for value, _, mark in LANDMARK_TERMS}
_BY_PATTERN = {one: _BY_VALUE[value] for value, _, one in PATTERN_TERMS}
_BY_VIEW = {name: _BY_VALUE[value] for value, _, name in _VIEWS}
_BY_MEASURE: dict[MeasureId, Code] = {
    **{one: _BY_VALUE[value] for value, _, one in _TAKEN},
    "tip_to_target": _BY_VALUE["tip-target"],
}
_BY_UNIT = {unit.value: unit for unit in (MM, MM_PER_S, DEGREE, NO_UNITS, PERCENT, PIXELS)}


def private(value: str) -> Code:
    """Return the private concept of that code value."""
    return _BY_VALUE[value]


def warning(finding_id: str) -> Code:
    """Return the private concept of a warning id of the contract.

    Raises
    ------
    EncodingError
        The contract knows no such warning.
    """
    if finding_id not in _BY_WARNING:
        raise EncodingError(
            f"the warning {finding_id!r} has no code; expected one of {', '.join(_BY_WARNING)}"
        )
    return _BY_WARNING[finding_id]


def landmark(landmark_id: str) -> Code:
    """Return the private concept of a landmark; one of the site's own is a landmark, no more."""
    return _BY_LANDMARK.get(landmark_id, _BY_VALUE["landmark"])


def pattern(pattern_id: str) -> Code:
    """Return the private concept of an expected pattern; one of the site's own is no more."""
    return _BY_PATTERN.get(pattern_id, _BY_VALUE["expected-pattern"])


def view(name: str) -> Code | None:
    """Return the private concept of a view; None of one of the site's own."""
    return _BY_VIEW.get(name)


def measure(measure_id: MeasureId) -> Code:
    """Return the private concept of a measure."""
    return _BY_MEASURE[measure_id]


def unit(ucum: str) -> Code:
    """Return a unit by what UCUM writes; where it has no words here they are the same."""
    return _BY_UNIT.get(ucum, Code(ucum, "UCUM", ucum))
