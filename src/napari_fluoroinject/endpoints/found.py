"""Answers of a query at image level, as the loops that they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.content import is_uid
from napari_fluoroinject.dicom.opened import CINE_CLASSES
from napari_fluoroinject.errors import UnreadableObjectError
from napari_fluoroinject.model.cine import LoopReference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Answer = Mapping[str, str]

LOOP_KEYS = (
    *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"),
    *("NumberOfFrames", "InstanceNumber", "Rows", "Columns"),
)
"""What has to be asked for."""
_UIDS = LOOP_KEYS[:4]


def references(answers: Iterable[Answer]) -> Iterator[LoopReference | UnreadableObjectError]:
    """Yield the loops among the objects; single frames of one series and size are one loop.

    Objects of classes that hold no loop are left out. One whose UIDs are none is an error and an
    item: a peer's text goes into no path and no URL.
    """
    single: dict[tuple[str, ...], list[Answer]] = {}
    for answer in answers:
        if not all(is_uid(answer.get(keyword, "")) for keyword in _UIDS):
            yield UnreadableObjectError(
                "an answer", seen="a UID that is none", expected="digits and dots (PS3.5 9.1)"
            )
        elif answer["SOPClassUID"] not in CINE_CLASSES:
            continue
        elif answer.get("NumberOfFrames") == "1":
            kind = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "Rows", "Columns")
            single.setdefault(tuple(answer.get(one, "") for one in kind), []).append(answer)
        else:
            yield _reference([answer])
    for frames in single.values():
        yield _reference(sorted(frames, key=_place))


def _reference(answers: list[Answer]) -> LoopReference:
    first = answers[0]
    uids = tuple(answer["SOPInstanceUID"] for answer in answers)
    return LoopReference(
        study_instance_uid=first["StudyInstanceUID"],
        series_instance_uid=first["SeriesInstanceUID"],
        sop_instance_uid=uids[0],
        sop_class_uid=first["SOPClassUID"],
        frame_instance_uids=uids if len(uids) > 1 else (),
    )


def _place(answer: Answer) -> tuple[int, str]:
    number = answer.get("InstanceNumber", "")
    known = number.isascii() and number.isdigit()
    return int(number[:12]) if known else 0, answer["SOPInstanceUID"]
