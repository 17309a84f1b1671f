"""The worklist proposes, and says on what basis; a person applies it."""

from __future__ import annotations

import pytest

from napari_fluoroinject.endpoints import worklist as worklists
from napari_fluoroinject.errors import UnreachableError
from napari_fluoroinject.model.scheduled import ScheduledProcedure
from napari_fluoroinject.settings import Settings
from napari_fluoroinject.settings.network import ServiceSettings
from napari_fluoroinject.viewer.prefill import prefill

SETTINGS = Settings(
    service=ServiceSettings(
        worklist="pacs://US:RIS@127.0.0.1:1",
        procedure_codes={"64493^C4": "facet_ia_lumbar"},
        analyze="lsb",
    )
)


@pytest.fixture
def items(monkeypatch):
    """What the worklist holds, whatever is asked for."""
    held: list[ScheduledProcedure] = []
    monkeypatch.setattr(worklists, "worklist", lambda _peer, _query: tuple(held))
    return held


def test_the_item_of_the_study_decides_and_says_on_what_basis(run, items):
    items.append(
        ScheduledProcedure(
            study_instance_uid=run.study_uid, requested_codes=("64493^C4",), side="right"
        )
    )
    found = prefill(run.files[0], SETTINGS, tell=lambda *_: None)
    assert found.decision.procedure == "facet_ia_lumbar"
    assert found.decision.side == "right"
    assert "worklist item" in found.says


def test_an_item_of_another_study_is_not_taken(run, items):
    items.append(ScheduledProcedure(study_instance_uid="9.9", requested_codes=("64493^C4",)))
    found = prefill(run.files[0], SETTINGS, tell=lambda *_: None)
    assert found.decision is None
    assert "no item" in found.says


def test_a_worklist_that_does_not_answer_is_told_apart(run, monkeypatch):
    def away(*_):
        raise UnreachableError("nobody answers")

    monkeypatch.setattr(worklists, "worklist", away)
    found = prefill(run.files[0], SETTINGS, tell=lambda *_: None)
    assert found.decision is None
    assert "did not answer" in found.says
