"""How a loop was taken: C-arm angles, tube voltage, body part, side, loss of compression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.attributes import first_item, only, only_text, places, stated, text
from napari_fluoroinject.dicom.decode import LOSSY, MAYBE_LOSSY
from napari_fluoroinject.model.geometry import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

_POSITION, _EXPOSURE, _ANATOMY = (
    "PositionerPositionSequence",
    "FrameAcquisitionSequence",
    "FrameAnatomySequence",
)
_AP_DEG, _LATERAL_DEG = 5.0, 10.0
"""How far from 0 and from 90 degrees a view is still called AP and lateral. Between them the name
depends on the side of the needle, which angles do not tell."""

_MOVED = "The C-arm moved during the run."

_SIDES = {"L": "left", "R": "right", "B": "bilateral"}
"""Laterality (0020,0060), Image Laterality and Frame Laterality; U (unpaired) tells no side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """What the header says about the run; None = unknown."""

    view: View
    kvp: float | None
    body_part: str | None
    laterality: str | None
    lossy: bool
    notes: tuple[str, ...]


def acquisition(header: Dataset, syntax: str) -> Acquisition:
    """Read how a loop was taken.

    Parameters
    ----------
    header
        The data set without pixels.
    syntax
        Transfer syntax UID, which may tell that pixels were compressed with loss.

    Raises
    ------
    ValueError
        An attribute holds something that is no number.
    """
    view, view_notes = _view(header)
    side, side_notes = _side(header)
    lossy = _lossy(header, syntax)
    notes = (*view_notes, *side_notes)
    if lossy:
        notes = (*notes, "The pixels were compressed with loss.")
    return Acquisition(
        view=view,
        kvp=only(header, _EXPOSURE, "KVP"),
        body_part=_body_part(header),
        laterality=side,
        lossy=lossy,
        notes=notes,
    )


def over_frames(runs: Sequence[Acquisition]) -> Acquisition:
    """Return how a loop of single frames was taken: as its first, and what differs as unknown."""
    first = runs[0]
    views = {run.view for run in runs}
    voltages = {run.kvp for run in runs}
    sides = {run.laterality for run in runs}
    notes = tuple(dict.fromkeys(note for run in runs for note in run.notes))
    return Acquisition(
        view=first.view if len(views) == 1 else View(),
        kvp=first.kvp if len(voltages) == 1 else None,
        body_part=first.body_part,
        laterality=first.laterality if len(sides) == 1 else None,
        lossy=any(run.lossy for run in runs),
        notes=notes if len(views) == 1 else (*notes, _MOVED),
    )


def _view(header: Dataset) -> tuple[View, tuple[str, ...]]:
    primary = only(header, _POSITION, "PositionerPrimaryAngle")
    secondary = only(header, _POSITION, "PositionerSecondaryAngle")
    view = View(primary_angle_deg=primary, secondary_angle_deg=secondary, name=_view_name(primary))
    turned = any(
        len(stated(header, _POSITION, keyword)) > 1
        for keyword in ("PositionerPrimaryAngle", "PositionerSecondaryAngle")
    )
    if turned or text(header, "PositionerMotion") == "DYNAMIC":
        return view, (_MOVED,)
    return view, ()


def _view_name(primary_deg: float | None) -> str | None:
    if primary_deg is None:
        return None
    if abs(primary_deg) <= _AP_DEG:
        return "AP"
    return "LAT" if abs(abs(primary_deg) - 90) <= _LATERAL_DEG else None


def _body_part(header: Dataset) -> str | None:
    examined = text(header, "BodyPartExamined")
    if examined is not None:
        return examined
    for place in places(header, _ANATOMY):
        region = first_item(place, "AnatomicRegionSequence")
        if region is not None:
            return text(region, "CodeMeaning")
    return None


def _side(header: Dataset) -> tuple[str | None, tuple[str, ...]]:
    said = {
        text(header, "Laterality"),
        text(header, "ImageLaterality"),
        only_text(header, _ANATOMY, "FrameLaterality"),
    }
    sides = {_SIDES[letter] for letter in said if letter in _SIDES}
    if len(sides) > 1:
        return None, ("The file contradicts itself about the side of the body.",)
    return next(iter(sides), None), ()


def _lossy(header: Dataset, syntax: str) -> bool:
    told = text(header, "LossyImageCompression")
    return syntax in LOSSY or told == "01" or (syntax in MAYBE_LOSSY and told != "00")
