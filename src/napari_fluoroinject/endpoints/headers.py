"""Headers of objects that lie here, asked like an archive: matched, one answer per entity."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pydicom import Dataset, dcmread
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.valuerep import STR_VR

from napari_fluoroinject.dicom.opened import one_error
from napari_fluoroinject.endpoints.matching import matches, texts
from napari_fluoroinject.errors import EndpointError, UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from napari_fluoroinject.endpoints.base import Level, Query

log = logging.getLogger(__name__)

UNIQUE_KEYS: Mapping[Level, str] = {
    "STUDY": "StudyInstanceUID",
    "SERIES": "SeriesInstanceUID",
    "IMAGE": "SOPInstanceUID",
}
"""What tells the entities of a level apart (PS3.4 C.6.2.1)."""


def check_keys(query: Query) -> None:
    """Check that everything asked for is an attribute, and a text where a value is given.

    Raises
    ------
    EndpointError
        It is not.
    """
    for keyword, text in query.keys.items():
        if tag_for_keyword(keyword) is None:
            raise EndpointError(f"{keyword!r} is not a DICOM keyword; expected one of PS3.6")
        if text and dictionary_VR(keyword) not in STR_VR:
            raise EndpointError(f"{keyword} is no text and cannot be asked for; ask for its value")


def asked_for(query: Query) -> tuple[str, ...]:
    """Keywords of an answer: the UIDs down to the level, and what the query names."""
    levels = list(UNIQUE_KEYS)
    own = [UNIQUE_KEYS[one] for one in levels[: levels.index(query.level) + 1]]
    return tuple(dict.fromkeys((*own, *query.keys)))


def header(path: Path) -> Dataset:
    """Read what stands before the pixel data.

    Raises
    ------
    UnreadableObjectError
        Not a DICOM object.
    """
    with one_error(path.name):
        return dcmread(path, stop_before_pixels=True)


def answers(headers: Iterable[Dataset], query: Query) -> Iterator[Mapping[str, str]]:
    """Answer a query from headers, each entity of its level once.

    Raises
    ------
    EndpointError
        As `check_keys`.
    """
    check_keys(query)
    wanted = Dataset()
    for keyword, text in query.keys.items():
        # values of objects decide, not those of studies: these are counted from them
        if keyword not in _COUNTED:
            setattr(wanted, keyword, text or None)
    counted = [keyword for keyword in query.keys if keyword in _COUNTED]
    matching = [one for one in _readable(headers) if matches(one, wanted)]
    seen = set()
    for one in matching:
        entity = _text(one, UNIQUE_KEYS[query.level])
        if entity and entity not in seen:
            seen.add(entity)
            told = {keyword: _text(one, keyword) for keyword in asked_for(query)}
            yield told | {keyword: _COUNTED[keyword](matching, one) for keyword in counted}


def _readable(headers: Iterable[Dataset]) -> Iterator[Dataset]:
    """Leave out what cannot be read, and say so: one damaged object must not hide the rest."""
    for one in headers:
        try:
            with one_error("an object"):
                for element in one:
                    texts(element)
        except UnreadableObjectError as error:
            log.warning("an object cannot be found by queries: %s", error.seen)
            continue
        yield one


def _text(one: Dataset, keyword: str) -> str:
    tag = tag_for_keyword(keyword)
    return "" if tag is None else "\\".join(texts(one.get(tag)))


def _fellows(headers: list[Dataset], one: Dataset, keyword: str) -> list[Dataset]:
    return [other for other in headers if other.get(keyword) == one.get(keyword)]


def _in_study(keyword: str, headers: list[Dataset], one: Dataset) -> list[str]:
    return sorted({_text(other, keyword) for other in _fellows(headers, one, "StudyInstanceUID")})


_COUNTED = {
    "ModalitiesInStudy": lambda all_, one: "\\".join(_in_study("Modality", all_, one)),
    "NumberOfStudyRelatedSeries": lambda all_, one: str(
        len(_in_study("SeriesInstanceUID", all_, one))
    ),
    "NumberOfStudyRelatedInstances": lambda all_, one: str(
        len(_fellows(all_, one, "StudyInstanceUID"))
    ),
    "NumberOfSeriesRelatedInstances": lambda all_, one: str(
        len(_fellows(all_, one, "SeriesInstanceUID"))
    ),
}
