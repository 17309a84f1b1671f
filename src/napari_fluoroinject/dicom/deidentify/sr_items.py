"""Content items of a report cleaned: numbers, codes and shapes stay, a person's words go."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.deidentify.tables import content_action
from napari_fluoroinject.dicom.deidentify.values import REMOVED
from napari_fluoroinject.dicom.drawn_names import DRAWN, FOLLOWED, named_mark
from napari_fluoroinject.dicom.sr_marks import MarkPose
from napari_fluoroinject.dicom.sr_statements import INTENDED_USE
from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.annotation import parse_annotation
from napari_fluoroinject.model.levels import check_level
from napari_fluoroinject.model.plain import PlainError, plain, typed

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.deidentify.dates import DatePolicy
    from napari_fluoroinject.model.annotation import Annotation, Mark

_LEFT_OUT = ("CODE", "CONTAINER", "DATE", "DATETIME", "NUM", "PNAME", "TEXT", "TIME")
"""Value types of items that are removed where table E.3.4-1 says so; references are mapped."""
_TEMPORAL = ("DATE", "DATETIME", "TIME")
_OUR_TEXTS = frozenset((INTENDED_USE, "napari-fluoroinject"))
_OUR_TRACKING = re.compile(r"Cornerstone3DTools@\^0\.1\.0:(Length|Probe|PlanarFreehandROI)")
"""Tracking identifiers that viewers need."""
_VERSION, _ALGORITHM_VERSION = re.compile(r"\d{1,3}(\.\d{1,3}){1,3}"), ("111003", "DCM")
"""Digits and dots elsewhere may be a date, a record number or an address."""


def is_left_out(item: Dataset, dates: DatePolicy) -> bool:
    """Tell whether a content item is removed, with all below it.

    Parameters
    ----------
    item
        A content item.
    dates
        What becomes of dates.
    """
    kind = str(item.get("ValueType") or "")
    code, scheme = _concept(item)
    if not code or kind not in _LEFT_OUT:
        return False
    action = content_action(code, scheme, kind)
    if action is None or action.deeds != ("X",):  # what a template may require gets a dummy
        return False
    return not (kind in _TEMPORAL and action.temporal and dates.deed != "remove")


def is_ours_alone(name: str) -> bool:
    """Tell whether a drawn thing's name comes from lists of the software, no word of a person's.

    Parameters
    ----------
    name
        Tracking ID of a shape.
    """
    mark = named_mark(name.removesuffix(FOLLOWED))
    if mark is None:
        return name.removesuffix(FOLLOWED) in DRAWN
    known = codes.landmark(mark.landmark) != codes.private("landmark")
    return known and (mark.level is None or _is_level(mark.level))


def clean_text(item: Dataset) -> None:
    """Replace the text of a content item, unless it is one that the software always writes.

    Of our own annotation the numbers stay: places, frames, gauge, level and side; what a person
    put in words of their own goes. Other text, a sentence of a report or a comment, is replaced
    whole: nobody can tell what a person wrote into it.

    Parameters
    ----------
    item
        A content item; those without text stay.
    """
    if "TextValue" in item:
        item.TextValue = _cleaned(str(item.TextValue or ""), _concept(item))


def _concept(item: Dataset) -> tuple[str, str]:
    name = (item.get("ConceptNameCodeSequence") or [None])[0]
    if name is None:
        return "", ""
    return str(name.get("CodeValue") or ""), str(name.get("CodingSchemeDesignator") or "")


def _cleaned(text: str, concept: tuple[str, str]) -> str:
    if text in _OUR_TEXTS or _OUR_TRACKING.fullmatch(text):
        return text
    if concept == _ALGORITHM_VERSION and _VERSION.fullmatch(text):
        return text
    if text.startswith("{"):
        return _annotation(text) or _pose(text) or REMOVED
    return REMOVED


def _is_level(text: str) -> bool:
    try:
        check_level(text)
    except AnnotationError:
        return False
    return True


def _annotation(text: str) -> str | None:
    try:
        annotation = parse_annotation(text, name="annotation")
    except AnnotationError:
        return None
    return json.dumps(plain(_without_words(annotation)))


def _pose(text: str) -> str | None:
    try:
        return json.dumps(plain(typed(MarkPose, json.loads(text))))
    except (PlainError, ValueError, RecursionError):
        return None


def _without_words(annotation: Annotation) -> Annotation:
    """Leave what comes from lists of the software: known views, landmarks, levels; no names."""
    view, agent = annotation.view, annotation.agent
    return replace(
        annotation,
        view=view if view is not None and codes.view(view) is not None else None,
        agent=None if agent is None else replace(agent, name=None),
        sign_off=None,  # who and when; without them it would be nobody's
        marks=tuple(_named(mark, k) for k, mark in enumerate(annotation.marks, start=1)),
    )


def _named(mark: Mark, number: int) -> Mark:
    """A mark; that of a site's own landmark under a number, for its name may say anything."""
    if codes.landmark(mark.landmark) != codes.private("landmark"):
        return mark
    return replace(mark, landmark=f"landmark_{number}")
