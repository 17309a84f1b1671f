"""Archives are asked as they want to be: at once, or study by study and series by series."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from others import serving
from pydicom import Dataset
from pynetdicom import AE, evt

from napari_fluoroinject.endpoints import querying
from napari_fluoroinject.endpoints.base import Query
from napari_fluoroinject.endpoints.dimse import STUDY_ROOT_FIND
from napari_fluoroinject.errors import EndpointError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.endpoints.pacs import Pacs

pytestmark = pytest.mark.network

OBJECTS = [
    (f"1.2.{study}", f"1.2.{study}.{series}", f"1.2.{study}.{series}.{number}")
    for study in (1, 2)
    for series in (1, 2)
    for number in (1, 2)
]
UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
LEVELS = ("STUDY", "SERIES", "IMAGE")


@contextmanager
def strict(*, told: tuple[str, ...] = UIDS, refuse: bool = True) -> Iterator[tuple[Pacs, list]]:
    """An archive that answers one level below a UID that is given, and tells these keys only."""
    asked: list[Dataset] = []

    def find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        wanted = event.identifier
        asked.append(wanted)
        depth = LEVELS.index(wanted.QueryRetrieveLevel) + 1
        if refuse and any(not wanted.get(uid) for uid in UIDS[: depth - 1]):
            yield 0xA900, None
            return
        for entity in dict.fromkeys(one[:depth] for one in OBJECTS):
            if all(wanted.get(uid) in (None, "", own) for uid, own in zip(UIDS, entity)):  # noqa: B905  # up to its level
                answer = Dataset()
                answer.QueryRetrieveLevel = wanted.QueryRetrieveLevel
                for uid, own in zip(UIDS, entity):  # noqa: B905 - as deep as the level
                    if uid in told or uid == UIDS[depth - 1]:
                        setattr(answer, uid, own)
                yield 0xFF01, answer

    ae = AE("STRICT")
    ae.add_supported_context(STUDY_ROOT_FIND)
    with serving(ae, (evt.EVT_C_FIND, find)) as pacs:
        yield pacs, asked


def uids(answers) -> list[tuple[str, ...]]:
    return sorted(tuple(one[uid] for uid in UIDS) for one in answers)


@pytest.mark.parametrize("told", [UIDS, ("SOPInstanceUID",)], ids=["all UIDs", "own UID alone"])
def test_every_object_is_found_and_knows_its_study_and_series(told):
    with strict(told=told) as (pacs, _):
        found = pacs.query(Query(level="IMAGE", keys=dict.fromkeys(UIDS, "")))
    assert uids(found) == OBJECTS


def test_keys_go_to_the_level_that_knows_them():
    keys = {"PatientID": "P", "Modality": "XA", "InstanceNumber": ""}
    with strict() as (pacs, asked):
        pacs.query(Query(level="IMAGE", keys=keys))
    for one in asked:
        level = one.QueryRetrieveLevel
        assert ("PatientID" in one) == (level == "STUDY")
        assert ("Modality" in one) == (level == "SERIES")
        assert ("InstanceNumber" in one) == (level == "IMAGE")


def test_a_series_named_alone_is_searched_for():
    with strict() as (pacs, _):
        found = pacs.query(Query(level="IMAGE", keys={"SeriesInstanceUID": "1.2.2.1"}))
    assert uids(found) == OBJECTS[4:6]


def test_an_archive_that_answers_at_once_is_asked_once():
    with strict(refuse=False) as (pacs, asked):
        found = pacs.query(Query(level="IMAGE", keys={"SOPInstanceUID": "1.2.2.1.1"}))
    assert uids(found) == [OBJECTS[4]]
    assert len(asked) == 1


def test_too_many_studies_are_not_searched(monkeypatch):
    monkeypatch.setattr(querying, "MOST_STUDIES", 1)
    with strict() as (pacs, _), pytest.raises(EndpointError, match="StudyInstanceUID"):
        pacs.query(Query(level="IMAGE", keys={"SOPInstanceUID": "1.2.2.1.1"}))


@contextmanager
def answering(answer: Dataset | None, status: int = 0xFF00) -> Iterator[Pacs]:
    def find(_: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        yield status, answer

    ae = AE("PEER")
    ae.add_supported_context(STUDY_ROOT_FIND)
    with serving(ae, (evt.EVT_C_FIND, find)) as pacs:
        yield pacs


def test_names_in_other_scripts_and_sequences_come_as_text():
    answer, item = Dataset(), Dataset()
    item.CodeValue, item.CodingSchemeDesignator = "77477000", "SCT"
    answer.SpecificCharacterSet = "ISO_IR 192"
    answer.PatientName, answer.ProcedureCodeSequence = "Müller^Jürgen=山田", [item]
    with answering(answer) as pacs:
        (found,) = pacs.query(Query(keys={"PatientName": "M*"}))
    assert found["PatientName"] == "Müller^Jürgen=山田"
    assert json.loads(found["ProcedureCodeSequence"]) == [
        {"CodeValue": "77477000", "CodingSchemeDesignator": "SCT"}
    ]


def test_what_is_asked_in_other_scripts_says_so():
    with strict() as (pacs, asked):
        pacs.query(Query(keys={"PatientName": "Müller*"}))
    assert asked[0].SpecificCharacterSet == "ISO_IR 192"
    assert asked[0].PatientName == "Müller*"


@pytest.mark.parametrize("status", [0xA700, 0xA900, 0xC001, 0xFE00, 0x0122, 0x0124])
@pytest.mark.parametrize("level", LEVELS)
def test_every_refusal_is_an_error_at_every_level(status, level):
    with answering(None, status) as pacs, pytest.raises(RefusedError, match=f"0x{status:04X}"):
        pacs.query(
            Query(level=level, keys={"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.3"})
        )


@contextmanager
def endless(pause_s: float) -> Iterator[Pacs]:
    """An archive that answers without end."""

    def find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        for number in range(100_000):
            if event.is_cancelled or not event.assoc.is_established:
                yield 0xFE00, None
                return
            answer = Dataset()
            answer.QueryRetrieveLevel = "STUDY"
            answer.StudyInstanceUID = f"1.2.{number}"
            yield 0xFF00, answer
            time.sleep(pause_s)

    ae = AE("ENDLESS")
    ae.add_supported_context(STUDY_ROOT_FIND)
    with serving(ae, (evt.EVT_C_FIND, find)) as pacs:
        yield pacs


def test_an_archive_that_answers_without_end_is_asked_for_less(monkeypatch):
    monkeypatch.setattr(querying, "MOST_ANSWERS", 20)
    with endless(0.01) as pacs, pytest.raises(EndpointError, match="ask for less"):
        pacs.query(Query(level="STUDY", keys={}))


def test_an_archive_that_goes_on_answering_slowly_is_not_awaited_for_ever():
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    identifier.StudyInstanceUID = None
    with endless(0.2) as pacs, pytest.raises(UnreachableError, match="after 1 s"):
        querying.answers(pacs, identifier, time_s=1.0)
