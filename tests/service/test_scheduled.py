"""The worklist item of a loop is that of its study, and no other's."""

from __future__ import annotations

import threading

import pytest

from napari_fluoroinject.confined.run import StoppedError
from napari_fluoroinject.dicom.requested import Requested
from napari_fluoroinject.endpoints import worklist as worklists
from napari_fluoroinject.errors import UnreachableError
from napari_fluoroinject.model.scheduled import ScheduledProcedure
from napari_fluoroinject.service import scheduled
from napari_fluoroinject.service.scheduled import Schedule, UnansweredError, as_requested
from napari_fluoroinject.settings import Settings
from napari_fluoroinject.settings.network import ServiceSettings

LOOP = Requested(study_instance_uid="1.2.3", accession="A1")


def step(study: str = "1.2.3", accession: str = "A1", **said: object) -> ScheduledProcedure:
    return ScheduledProcedure(study_instance_uid=study, accession=accession, **said)


@pytest.fixture
def schedule(monkeypatch):
    """A schedule whose worklist holds `items`, whatever is asked for."""
    made = Schedule(Settings(service=ServiceSettings(worklist="pacs://US:RIS@127.0.0.1:1")))
    made.__dict__["items"] = items = []

    def worklist(_, query):
        made.__dict__.setdefault("asked", []).append(query)
        return tuple(items)

    monkeypatch.setattr(worklists, "worklist", worklist)
    return made


def test_items_of_another_study_are_not_this_loops(schedule):
    schedule.items += [step("9.9", "A9", requested_codes=("1^X",))]
    assert schedule(LOOP) is None
    schedule.items += [step(requested_codes=("2^X",), step_codes=("3^X",), side="left")]
    told = schedule(LOOP)
    assert (told.codes, told.side) == (("2^X", "3^X"), "left")


def test_where_the_study_has_none_the_accession_number_tells(schedule):
    schedule.items += [step("", "A1", requested_codes=("2^X",))]
    assert schedule(LOOP).codes == ("2^X",)
    assert schedule(Requested(study_instance_uid="1.2.3")) is None
    assert schedule(Requested()) is None


def test_a_worklist_that_does_not_answer_is_told_apart_from_one_without_items(
    schedule, monkeypatch
):
    def away(*_):
        raise UnreachableError("nobody answers")

    monkeypatch.setattr(worklists, "worklist", away)
    with pytest.raises(UnansweredError):
        schedule(LOOP)


@pytest.fixture
def endless(monkeypatch):
    """A worklist whose answers never end, until the test does."""
    over = threading.Event()
    monkeypatch.setattr(worklists, "worklist", lambda *_: over.wait(60) and ())
    yield Settings(service=ServiceSettings(worklist="pacs://US:RIS@127.0.0.1:1"))
    over.set()


def test_a_worklist_that_never_ends_holds_up_nothing(endless, monkeypatch):
    monkeypatch.setattr(scheduled, "PATIENCE_S", 0.2)
    with pytest.raises(UnansweredError):
        Schedule(endless)(LOOP)


def test_a_service_that_stops_awaits_no_worklist(endless):
    with pytest.raises(StoppedError):
        Schedule(endless, stopping=lambda: True)(LOOP)


def test_without_a_worklist_nobody_is_asked(monkeypatch):
    assert Schedule(Settings())(LOOP) is None


def test_steps_that_name_two_sides_name_none():
    told = as_requested([step(side="left"), step(side="right", step_description="block")])
    assert told.side is None
    assert told.descriptions == ("block",)
    assert as_requested([]) is None
