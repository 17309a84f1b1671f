"""One number that was measured, or why it could not be: value, unit, view, uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MeasureId = Literal[
    "tip_to_line",
    "tip_to_target",
    "tip_in_area",
    "shaft_angle",
    "coaxiality",
    "foreshortening",
    "levels",
    "levels_seen",
    "levels_per_ml",
    "cranio_caudal_extent",
    "lateral_extent",
    "side_asymmetry",
    "midline_crossing",
    "one_sidedness",
    "column_width",
    "middle_opacity",
    "medial_to_pedicle",
    "line_contact",
    "beyond_line",
    "filled_joint_length",
    "area_overlap",
    "compactness",
    "persistence",
    "tubularity",
    "path_length",
    "front_speed",
    "contact_positions",
    "lead_midline_offset",
    "lead_level",
    "lead_migration",
]
MEASURES: dict[MeasureId, str] = {
    "tip_to_line": "distance of the tip from a line, positive beyond it",
    "tip_to_target": "distance of the tip from the target",
    "tip_in_area": "where the tip stands in an area, 0 its middle and 1 its border",
    "shaft_angle": "angle of the shaft against the planned trajectory",
    "coaxiality": "angle between needle and beam in the trajectory view",
    "foreshortening": "length in the picture as a share of the needle's true length",
    "levels": "vertebral levels that the spread covers",
    "levels_seen": "vertebral levels along which the spread was seen; it may go on unseen",
    "levels_per_ml": "vertebral levels that the spread covers for each millilitre of contrast",
    "cranio_caudal_extent": "extent of the spread along the spine",
    "lateral_extent": "extent of the spread across the spine",
    "side_asymmetry": "share of the spread on the needle's side less that on the other",
    "midline_crossing": "share of the spread beyond the midline",
    "one_sidedness": "share of the spread on the fuller side of the midline less the other side's",
    "column_width": "width across the midline that holds all but 10 % of the spread",
    "middle_opacity": "opacity in the middle of the spread against that of its fainter side",
    "medial_to_pedicle": "share of the spread medial to the pedicle line",
    "line_contact": "share of a line that contrast touches",
    "beyond_line": "share of the spread beyond a line",
    "filled_joint_length": "share of the joint line that is filled",
    "area_overlap": "share of the spread within an area",
    "compactness": "area of the spread against that of the disc of equal perimeter",
    "persistence": "share of the peak opacity that is left at the end",
    "tubularity": "how much the spread resembles a tube",
    "path_length": "length of the run-off's path from the tip",
    "front_speed": "speed of the front along its path",
    "contact_positions": "contacts of a lead, in order",
    "lead_midline_offset": "distance of a lead's contacts from the midline",
    "lead_level": "vertebral level of a lead's tip",
    "lead_migration": "how far a lead has moved along the spine since another examination",
}
"""What each measure says, in words that stand in reports."""

LANDMARK_OF: dict[MeasureId, str] = {
    "shaft_angle": "planned_trajectory",
    "levels": "end_plates",
    "levels_seen": "end_plates",
    "levels_per_ml": "end_plates",
    "side_asymmetry": "midline",
    "midline_crossing": "midline",
    "one_sidedness": "midline",
    "column_width": "midline",
    "middle_opacity": "midline",
    "medial_to_pedicle": "medial_pedicle_line",
    "filled_joint_length": "joint_line",
    "lead_midline_offset": "midline",
    "lead_level": "end_plates",
}
"""The landmark that a measure is taken against, by its id in a procedure."""
CONTACT_LINES = ("ventral_interlaminar_line", "anterior_vertebral_line")
"""Lines along which contrast is expected to lie: `line_contact` is taken of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A measured number, or the reason why there is none.

    `of` is the landmark that it refers to, if any; `view` the name of the view in which it was
    measured, None where that is not known; `sigma` is one standard deviation in the same unit,
    None where it is not known; `unit` is in UCUM (`mm`, `deg`, `{pixels}`, `%`, `1`, `mm/s`).
    """

    id: MeasureId
    value: float | None
    unit: str
    of: str | None = None
    view: str | None = None
    sigma: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) == (not self.reason):
            raise ValueError(
                f"measurement {self.id}: a value or the reason why there is none; got value "
                f"{self.value!r} and reason {self.reason!r}"
            )
