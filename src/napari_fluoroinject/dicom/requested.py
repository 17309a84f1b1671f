"""What a header says of the procedure that its images were made for, as coded and as written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from pydicom.sr.codedict import codes as known_codes

from napari_fluoroinject.dicom.attributes import functional_groups, macro_items, text
from napari_fluoroinject.dicom.codes import SIDES
from napari_fluoroinject.dicom.content import inflate, mapped, open_content
from napari_fluoroinject.dicom.opened import CINE_CLASSES, header_before, one_error
from napari_fluoroinject.dicom.result import is_made_here, is_result
from napari_fluoroinject.dicom.scan import scan_content
from napari_fluoroinject.errors import UnreadableObjectError
from napari_fluoroinject.model.geometry import Side

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pydicom.dataset import Dataset


_T = TypeVar("_T")

LARGEST_HEADER_BYTES = 64 << 20
"""Of what stands before the pixels; nothing larger is parsed."""

_CODES = (
    "RequestedProcedureCodeSequence",
    "ProcedureCodeSequence",
    "PerformedProtocolCodeSequence",
    "ScheduledProtocolCodeSequence",
)
_STEPS = ("RequestAttributesSequence", "ScheduledProcedureStepSequence")
"""Sequences whose items state codes and descriptions of the request, too."""
_DESCRIPTIONS = (
    "ProtocolName",
    "SeriesDescription",
    "StudyDescription",
    "RequestedProcedureDescription",
    "ScheduledProcedureStepDescription",
    "PerformedProcedureStepDescription",
)
_LATERALITY: dict[str, Side] = {"L": "left", "R": "right", "B": "bilateral"}
"""Laterality and Image Laterality (PS3.3 C.7.3.1, C.7.6.1.1.1); U is no side."""
_ANATOMY = "AnatomicRegionSequence"
_FRAME_ANATOMY = "FrameAnatomySequence"
_SPINE = (
    *(f"C{n}" for n in range(1, 8)),
    *(f"T{n}" for n in range(1, 13)),
    *(f"L{n}" for n in range(1, 6)),
    "S1",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """What is told of a procedure before it is looked at; empty or None = not told.

    Attributes
    ----------
    codes
        Codes of the requested or performed procedure as `VALUE^SCHEME`, the requested first.
    descriptions
        Names of protocol, series and study. They are free text and may hold anything: never log.
    level, side
        As coded: anatomic region and its modifier, laterality. None where codes contradict.
    study_instance_uid, accession
        What a worklist item is found by.
    single_frame
        Whether this is one picture of a class that holds runs: others may follow.
    cine
        Whether the class can hold a run at all.
    result
        Whether it was made from a run, here or elsewhere.
    """

    codes: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()
    level: str | None = None
    side: Side | None = None
    study_instance_uid: str = ""
    accession: str | None = None
    single_frame: bool = False
    cine: bool = True
    result: bool = False


def read_requested(path: Path) -> Requested:
    """Read what the header of a file says; pixels are not looked at.

    Of a class that holds no run nothing else is read.

    Raises
    ------
    UnreadableObjectError
        No DICOM file, or a header that is damaged or too large.
    """
    with mapped(path) as data, one_error(path.name):
        content = inflate(open_content(data, path.name))
        structure = scan_content(content)
        if structure.sop_class_uid not in CINE_CLASSES:
            return Requested(cine=False)
        end = len(content.data) if structure.pixels is None else structure.pixels.element
        if end - content.start > LARGEST_HEADER_BYTES:
            raise UnreadableObjectError(
                path.name,
                seen=f"a header of {end - content.start} bytes",
                expected=f"at most {LARGEST_HEADER_BYTES}",
            )
        header = header_before(content, end)
        told = requested_of(header, single_frame=structure.frames == 1)
        made = is_made_here(header) or is_result(header, frames=structure.frames)
        return replace(told, result=made)


def requested_of(header: Dataset, *, single_frame: bool = False) -> Requested:
    """Read it from a data set: a header, or a worklist item (PS3.4 K.6.1.2.2).

    Parameters
    ----------
    header
        The data set.
    single_frame
        As in `Requested`.
    """
    places = [header, *(item for keyword in _STEPS for item in header.get(keyword) or ())]
    return Requested(
        codes=tuple(dict.fromkeys(_codes_of(places))),
        descriptions=tuple(
            dict.fromkeys(
                told
                for place in places
                for keyword in _DESCRIPTIONS
                if (told := text(place, keyword)) is not None
            )
        ),
        level=_only({levels()[code] for code in _regions(header) if code in levels()}),
        side=_only(set(_sides(header))),
        study_instance_uid=text(header, "StudyInstanceUID") or "",
        accession=text(header, "AccessionNumber"),
        single_frame=single_frame,
    )


@cache
def levels() -> dict[str, str]:
    """Levels of the spine by SNOMED CT code (PS3.16 CID 1000, 7603, 7604): `L4`, `L4-L5`."""
    found = {}
    named = [(f"{one}Vertebra", one) for one in _SPINE]
    for upper, lower in pairwise(_SPINE):
        named += [
            (f"{upper}{lower}Disc", f"{upper}-{lower}"),
            (f"LevelOf{upper}{lower}IntervertebralDisc", f"{upper}-{lower}"),
        ]
    for name, level in named:
        code = getattr(known_codes.SCT, name, None)
        if code is not None:
            found[str(code.value)] = level
    return found


def _codes_of(places: Iterable[Dataset]) -> Iterator[str]:
    for place in places:
        for keyword in _CODES:
            for item in place.get(keyword) or ():
                value, scheme = text(item, "CodeValue"), text(item, "CodingSchemeDesignator")
                if value and scheme:
                    yield f"{value}^{scheme}"


def _anatomy(header: Dataset) -> Iterator[Dataset]:
    """Items of the anatomic region, of the whole and of the frames."""
    for place in (header, *macro_items(header, _FRAME_ANATOMY)):
        yield from place.get(_ANATOMY) or ()


def _regions(header: Dataset) -> Iterator[str]:
    for item in _anatomy(header):
        if text(item, "CodingSchemeDesignator") == "SCT":
            yield text(item, "CodeValue") or ""


def _sides(header: Dataset) -> Iterator[Side]:
    by_code: dict[str, Side] = {code.value: side for side, code in SIDES.items()}
    for item in _anatomy(header):
        for modifier in item.get("AnatomicRegionModifierSequence") or ():
            value = text(modifier, "CodeValue") or ""
            if text(modifier, "CodingSchemeDesignator") == "SCT" and value in by_code:
                yield by_code[value]
    told = [text(header, "Laterality"), text(header, "ImageLaterality")]
    told += [
        text(item, "FrameLaterality")
        for group in functional_groups(header)
        for item in group.get(_FRAME_ANATOMY) or ()
    ]
    for letter in told:
        if letter in _LATERALITY:
            yield _LATERALITY[letter]


def _only(values: set[_T]) -> _T | None:
    """The one value; None where there is none, or where several contradict."""
    return next(iter(values)) if len(values) == 1 else None
