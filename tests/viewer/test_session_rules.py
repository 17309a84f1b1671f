"""Undo all is the start, redo all is the end, whatever was done in between."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_fluoroinject.model.annotation import Mark, NeedleTrajectory, SignOff
from napari_fluoroinject.viewer.draft import Draft, Plan
from napari_fluoroinject.viewer.session import Session

PLACES = st.tuples(st.floats(0, 90), st.floats(0, 90))
NEEDLES = st.builds(NeedleTrajectory, hub_px=PLACES, tip_px=PLACES, frame=st.integers(0, 9))
NAMES = st.sampled_from(["entry", "midline"])
MARKS = st.builds(Mark, landmark=NAMES, points_px=st.lists(PLACES, min_size=1).map(tuple))
OPERATIONS = st.one_of(
    st.tuples(st.just("place_needle"), st.none() | NEEDLES),
    st.tuples(st.just("place_target"), st.none() | PLACES),
    st.tuples(st.just("drag_target"), PLACES),
    st.tuples(st.just("place_mark"), MARKS),
    st.tuples(st.just("remove_mark"), NAMES),
    st.tuples(st.just("mask"), st.sets(st.integers(0, 15), max_size=4).map(sorted).map(tuple)),
    st.tuples(st.just("sign"), st.none() | st.just(SignOff(operator="A", at="2", confirmed=()))),
    st.tuples(st.just("flag"), st.integers(0, 15)),
    st.tuples(st.just("decline_needle"), st.none()),
    st.tuples(st.just("plan"), st.sampled_from(["L3", "L4", None])),
    st.tuples(st.just("undo"), st.none()),
    st.tuples(st.just("redo"), st.none()),
)


def do(session: Session, name: str, value) -> None:
    if name in ("undo", "redo", "decline_needle"):
        getattr(session, name)()
    elif name == "drag_target":
        session.place_target(value, amend=True)
    elif name == "mask":
        session.choose_mask(None, value)
    elif name == "plan":
        session.plan_as("level", Plan(level=value))
    else:
        getattr(session, name)(value)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=st.lists(OPERATIONS, max_size=30))
def test_undoing_all_gives_the_start_and_redoing_all_the_end(run, operations):
    session = Session()
    session.open(run)
    start = session.draft
    for name, value in operations:
        do(session, name, value)
    end, steps = session.draft, 0
    while session.redo() is not None:
        pass
    last = session.draft
    while session.undo() is not None:
        steps += 1
    assert session.draft == start == Draft(study_instance_uid=run.study_uid)
    passed = [start]
    while session.redo() is not None:
        passed.append(session.draft)
    assert session.draft == last
    assert len(passed) == steps + 1
    assert end in passed


@pytest.mark.parametrize("drags", [1, 5])
def test_a_drag_is_one_step(run, drags):
    session = Session()
    session.open(run)
    session.place_target((1.0, 1.0))
    for number in range(drags):
        session.place_target((2.0, float(number)), amend=True)
    session.undo()
    assert session.annotation.target_px is None
