"""The order of a run from a worklist of others: DCMTK's, in a process of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom import dcmread

from napari_fluoroinject.errors import (
    EndpointError,
    IdentityMismatchError,
    RefusedError,
    UnreachableError,
)
from napari_fluoroinject.live import desk, station
from napari_fluoroinject.live.ordering import OrderQuery, find_order
from napari_fluoroinject.live.session import LiveSession
from napari_fluoroinject.settings import Settings
from tests.live.test_station import NoMaps, connected, run_session, until, wish
from tests.peers import wlmscpfs
from tests.worklist_items import STUDY_UID, item

pytestmark = pytest.mark.network


@pytest.fixture(autouse=True)
def no_maps(monkeypatch):
    monkeypatch.setattr(station, "RunningMaps", lambda **_: NoMaps())


@pytest.fixture(scope="module")
def ris(tmp_path_factory):
    items = {
        "one": item("A1"),
        "two": item("A2", study="1.2.826.0.1.3680043.10.1.78"),
        "twice": item("A2", study="1.2.826.0.1.3680043.10.1.79", patient="TEST-79"),
    }
    with wlmscpfs(tmp_path_factory.mktemp("ris"), items) as peer:
        yield peer


def asked(peer, accession: str, **said):
    query = OrderQuery(worklist=peer.url, accession=accession, **said)
    return find_order(query, Settings())


def test_the_one_item_that_is_meant_is_found_with_its_patient_and_study(ris):
    found = asked(ris, "A1").item
    assert (found.PatientID, found.StudyInstanceUID) == ("TEST-77", STUDY_UID)
    query = OrderQuery(worklist=ris.url, study_instance_uid=STUDY_UID)
    assert find_order(query, Settings()).item.AccessionNumber == "A1"


def test_two_that_match_are_told_apart_by_the_study_alone(ris):
    with pytest.raises(IdentityMismatchError, match="2 orders") as caught:
        asked(ris, "A2")
    assert "TEST-79" not in str(caught.value)
    found = asked(ris, "A2", study_instance_uid="1.2.826.0.1.3680043.10.1.79")
    assert found.item.PatientID == "TEST-79"


def test_none_that_matches_is_an_error_and_so_is_a_pattern(ris):
    for accession in ("A3", "A*", "?1"):
        with pytest.raises((IdentityMismatchError, EndpointError)):
            asked(ris, accession)


def test_a_worklist_that_turns_us_away_is_told(ris):
    with pytest.raises((RefusedError, UnreachableError)):
        asked(replace(ris, ae_title="ANOTHER"), "A1")


def test_a_run_is_written_under_the_patient_of_the_worklist(ris, tmp_path):
    order = OrderQuery(worklist=ris.url, accession="A1")
    session = run_session(
        LiveSession(connected(), replace(wish(tmp_path), order=order), Settings())
    )
    assert session.told.faults == ()
    assert session.told.written == 1
    dataset = dcmread(session.station.folder / "run-001.dcm")
    assert (dataset.PatientID, dataset.StudyInstanceUID) == ("TEST-77", STUDY_UID)
    assert dataset.AccessionNumber == "A1"


def test_runs_wait_for_a_worklist_that_answers_later(ris, tmp_path, monkeypatch):
    from napari_fluoroinject.live import session as module

    monkeypatch.setattr(desk, "ASK_EVERY_S", 0.05)
    there = []

    def away_at_first(query, settings):
        if not there:
            raise UnreachableError("nobody answers")
        return find_order(query, settings)

    monkeypatch.setattr(module, "find_order", away_at_first)
    order = OrderQuery(worklist=ris.url, accession="A1")
    session = LiveSession(connected(), replace(wish(tmp_path), order=order), Settings())
    with session:
        session.start()
        until(lambda: session.station.told.runs == 1)
        assert session.told.written == 0
        assert session.told.faults == ("no run is written: nobody answers",)
        there.append(True)
        until(lambda: session.told.written == 1)
    assert session.told.faults == ()
