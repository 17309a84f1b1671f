"""C-FIND: what is asked of a peer, level by level, and what it answers."""

from __future__ import annotations

import json
import logging
import time
import warnings
from typing import TYPE_CHECKING

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.valuerep import STR_VR
from pynetdicom.presentation import build_context

from napari_fluoroinject.dicom.opened import one_error
from napari_fluoroinject.endpoints.calling import associated
from napari_fluoroinject.endpoints.dimse import (
    PENDING,
    STUDY_ROOT_FIND,
    SUCCESS,
    refusal,
    status_of,
)
from napari_fluoroinject.errors import (
    EndpointError,
    RefusedError,
    TooManyError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pynetdicom.association import Association

    from napari_fluoroinject.endpoints.base import Level, Query
    from napari_fluoroinject.endpoints.pacs import Pacs

log = logging.getLogger(__name__)

Answer = dict[str, str]
"""What one entity has, by keyword."""

MOST_STUDIES = 1000
"""Studies that are searched for a series or object whose study was not named."""
MOST_ANSWERS = 10_000
"""To all that is asked on one association; whoever has more is asked for less."""
QUERY_S = 60.0
"""For one query, first answer to last."""
_LEVELS: tuple[Level, ...] = ("STUDY", "SERIES", "IMAGE")
_UNIQUE = {
    "STUDY": "StudyInstanceUID",
    "SERIES": "SeriesInstanceUID",
    "IMAGE": "SOPInstanceUID",
}
_STUDY_KEYS = frozenset(
    (
        *("StudyDate", "StudyTime", "AccessionNumber", "StudyID", "StudyInstanceUID"),
        *("StudyDescription", "ReferringPhysicianName", "NameOfPhysiciansReadingStudy"),
        *("ModalitiesInStudy", "SOPClassesInStudy", "IssuerOfPatientID", "OtherPatientIDs"),
        *("InstitutionName", "ProcedureCodeSequence", "AdmittingDiagnosesDescription"),
        *("NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances"),
        *("NumberOfPatientRelatedStudies", "NumberOfPatientRelatedSeries"),
    )
)
_SERIES_KEYS = frozenset(
    (
        *("Modality", "SeriesNumber", "SeriesInstanceUID", "SeriesDescription", "SeriesDate"),
        *("SeriesTime", "BodyPartExamined", "ProtocolName", "OperatorsName", "Laterality"),
        *("PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime", "StationName"),
        *("RequestAttributesSequence", "NumberOfSeriesRelatedInstances", "PresentationIntentType"),
    )
)


def answers(
    peer: Pacs,
    identifier: Dataset,
    *,
    model: str = STUDY_ROOT_FIND,
    time_s: float = QUERY_S,
) -> list[Dataset]:
    """Ask one query and return every answer.

    Parameters
    ----------
    peer, identifier, model
        Who is asked, for what, in which information model.
    time_s
        How long the answers may take together.

    Raises
    ------
    UnreachableError, RefusedError
        Nobody answers, or the query fails, is cancelled, breaks off or does not end in time:
        never an empty answer.
    TooManyError
        More than `MOST_ANSWERS`.
    """
    with associated(peer, [build_context(model)]) as association:
        return list(_Asking(peer, association, model, time_s=time_s).ask(identifier))


def query_levels(peer: Pacs, query: Query) -> tuple[Mapping[str, str], ...]:
    """Answer a query at its level; the levels above are walked where their UIDs are not given.

    Most archives answer below study level only for one study and one series at a time
    (PS3.4 C.4.1.2.1).

    Raises
    ------
    UnreachableError, RefusedError
        As `answers`.
    EndpointError
        A keyword that is none, a value that is no text, too many studies to search, or more
        than `MOST_ANSWERS`.
    """
    _identifier(query.level, query.keys)  # told before anybody is called
    with associated(peer, [build_context(STUDY_ROOT_FIND)]) as association:
        walk = _Walk(peer, association, query)
        return tuple(walk.direct() if walk.complete else walk.found())


class _Walk:
    """One query, on one association."""

    def __init__(self, peer: Pacs, association: Association, query: Query) -> None:
        self._peer = peer
        self._asking = _Asking(peer, association, STUDY_ROOT_FIND)
        self._level = query.level
        self._keys = dict(query.keys)
        above = _LEVELS[: _LEVELS.index(query.level)]
        self.complete = all(_is_one(self._keys.get(_UNIQUE[level], "")) for level in above)

    def direct(self) -> list[Answer]:
        """Ask at the level itself."""
        up_to = _LEVELS[: _LEVELS.index(self._level) + 1]
        return self._asked(self._level, {_UNIQUE[one]: "" for one in up_to} | self._keys)

    def found(self) -> Iterator[Answer]:
        """Ask at the level itself where its UIDs are named, else level by level."""
        named = any(self._keys.get(_UNIQUE[level]) for level in ("SERIES", "IMAGE"))
        bounded = any(text for key, text in self._keys.items() if _level_of(key) == "STUDY")
        if named and not bounded:
            try:
                direct = self.direct()
            except RefusedError:
                log.info("%s wants the study of what is asked for; searching", self._peer)
                direct = []
            if direct:
                yield from direct
                return
        studies = self._step("STUDY", {})
        if named and not bounded and len(studies) > MOST_STUDIES:
            raise EndpointError(
                f"{self._peer} has {len(studies)} studies and finds no series or object without "
                "its study; expected StudyInstanceUID to be given, too"
            )
        for study in studies:
            for one in self._below("SERIES", study):
                yield from self._below("IMAGE", one)

    def _below(self, level: Level, parent: Answer) -> list[Answer]:
        """Answers one level down; the parent itself where that is not asked for."""
        if _LEVELS.index(level) > _LEVELS.index(self._level):
            return [parent]
        return self._step(level, parent)

    def _step(self, level: Level, parent: Answer) -> list[Answer]:
        own = {key: text for key, text in self._keys.items() if _level_of(key) == level}
        unique = {_UNIQUE[one]: parent[_UNIQUE[one]] for one in _LEVELS if _UNIQUE[one] in parent}
        asked = {_UNIQUE[level]: ""} | own | unique
        found = [parent | one for one in self._asked(level, asked)]
        return [one for one in found if one.get(_UNIQUE[level])]

    def _asked(self, level: Level, keys: Mapping[str, str]) -> list[Answer]:
        identifier = _identifier(level, keys)
        given = {key: text for key, text in keys.items() if key in _UNIQUE.values() and text}
        told = []
        for answer in self._asking.ask(identifier):
            values = text_of(answer, source=str(self._peer))
            # some archives leave out what they were told
            filled = {key: text for key, text in given.items() if _is_one(text)}
            told.append(
                filled | {key: text for key, text in values.items() if text or key in keys}
            )
        return told


class _Asking:
    """Queries on one association: each has its time, and all together may have so many answers."""

    def __init__(
        self, peer: Pacs, association: Association, model: str, *, time_s: float = QUERY_S
    ) -> None:
        self._peer = peer
        self._association = association
        self._model = model
        self._time_s = time_s
        self._patience_s = float(association.dimse_timeout or time_s)
        self._count = 0

    def ask(self, identifier: Dataset) -> Iterator[Dataset]:
        """Ask one query and yield its answers."""
        peer = str(self._peer)
        for response, answer in self._responses(identifier):
            status = status_of(
                response, peer=peer, request="C-FIND", association=self._association
            )
            if status in PENDING:
                if answer is None:
                    raise RefusedError(
                        f"{peer} gave an answer to C-FIND that cannot be understood"
                    )
                self._count_one()
                yield answer
            elif status != SUCCESS:
                raise refusal(response, peer=peer, request="C-FIND")

    def _responses(self, identifier: Dataset) -> Iterator[tuple[Dataset, Dataset | None]]:
        deadline = time.monotonic() + self._time_s
        try:
            responses = self._association.send_c_find(identifier, self._model)
        except ValueError as error:
            raise RefusedError(
                f"{self._peer} takes no such queries: {error}; expected C-FIND"
            ) from error
        while True:
            left = deadline - time.monotonic()
            # pynetdicom waits so long for the next answer, and aborts
            self._association.dimse_timeout = min(self._patience_s, max(left, 0.001))
            got = next(responses, None) if left > 0 else (Dataset(), None)
            if got is None:
                return
            if "Status" not in got[0] and time.monotonic() >= deadline:
                self._cancel()
                raise UnreachableError(
                    f"{self._peer} had not answered C-FIND to its end after {self._time_s:g} s; "
                    "expected less to be asked for, or a peer that answers sooner"
                )
            yield got

    def _count_one(self) -> None:
        self._count += 1
        if self._count > MOST_ANSWERS:
            self._cancel()
            raise TooManyError(
                f"{self._peer} has more than {MOST_ANSWERS} answers; ask for less: a patient, a "
                "study or a range of dates"
            )

    def _cancel(self) -> None:
        """Tell the peer that nobody listens any more (PS3.4 C.4.1.3.2); we then abort."""
        if self._association.is_established:
            self._association.send_c_cancel(1, query_model=self._model)


def _level_of(keyword: str) -> Level:
    if keyword.startswith("Patient") or keyword in _STUDY_KEYS:
        return "STUDY"
    return "SERIES" if keyword in _SERIES_KEYS else "IMAGE"


def _is_one(text: str) -> bool:
    return bool(text) and not set(text) & set("\\*?")


def check_keys(keys: Mapping[str, str]) -> None:
    """Check that these are DICOM keywords, and that those with a text may have one.

    Raises
    ------
    EndpointError
        They are not.
    """
    for keyword, text in keys.items():
        if tag_for_keyword(keyword) is None:
            raise EndpointError(f"{keyword!r} is not a DICOM keyword; expected one of PS3.6")
        if text and dictionary_VR(keyword) not in STR_VR:
            raise EndpointError(f"{keyword} is no text and cannot be asked for; ask for its value")


def _identifier(level: Level, keys: Mapping[str, str]) -> Dataset:
    check_keys(keys)
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for keyword, text in keys.items():
        setattr(identifier, keyword, text or None)
        if not text.isascii():
            identifier.SpecificCharacterSet = "ISO_IR 192"
    return identifier


def text_of(answer: Dataset, *, source: str) -> Answer:
    """Return the values of an answer as text; a sequence as JSON, a list of such answers.

    Raises
    ------
    UnreadableObjectError
        A value that its type or character set does not allow.
    """
    with one_error(source), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _text(answer)


def _text(answer: Dataset) -> Answer:
    told = {}
    for element in answer:
        if element.keyword and element.VR == "SQ":
            items = [_text(item) for item in element.value or ()]
            told[element.keyword] = json.dumps(items, ensure_ascii=False) if items else ""
        elif element.keyword:
            told[element.keyword] = "" if element.is_empty else _value(element.value)
    return told


def _value(value: object) -> str:
    many = value if isinstance(value, list) else getattr(value, "_list", [value])
    return "\\".join(str(one) for one in many)
