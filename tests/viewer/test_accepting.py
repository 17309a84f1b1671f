"""What Ctrl+Enter accepts in the step of the needle, and what it does not."""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest
from rendering.drawn_reports import drawn_report

from napari_fluoroinject.viewer.actions import actions
from napari_fluoroinject.viewer.run import FirstLook, Run
from napari_fluoroinject.viewer.session import Session

REPORT = drawn_report(frames=8, size=64)


@pytest.fixture
def session() -> Session:
    made = Session()
    made.open(Run(loop=REPORT.loop, files=(), name="AP run 1"))
    look = FirstLook(motion=REPORT.motion, injection=REPORT.injection, needle=REPORT.needle)
    made.put_look(made.run.uid, look)
    return made


def accept(session: Session) -> bool:
    """Press Ctrl+Enter in step 3; returns whether the next step was opened."""
    dock = MagicMock(step="needle")
    actions(session, MagicMock(), MagicMock(), dock)["accept"]()
    return bool(dock.go_on.called)


def test_a_proposal_is_accepted_by_name_before_the_next_step(session):
    assert not accept(session)
    assert session.annotation.needle is None
    session.operator = "R. Reader"
    assert accept(session)
    assert session.annotation.needle is not None


def test_what_was_declined_is_not_accepted_on_the_way(session):
    session.operator = "R. Reader"
    session.decline_needle()
    assert accept(session)
    assert session.annotation.needle is None
