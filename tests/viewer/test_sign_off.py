"""A sign-off stands for what was signed, and for nothing that was changed afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rendering.drawn_reports import drawn_report

from napari_fluoroinject.model.annotation import Mark, NeedleTrajectory, SignOff
from napari_fluoroinject.viewer.draft import Plan
from napari_fluoroinject.viewer.run import Run
from napari_fluoroinject.viewer.session import Session
from napari_fluoroinject.viewer.told import sign_off_now, signed

SIGNED = SignOff(operator="R. Reader", at="20261122160000+0000", confirmed=("contrast",))
LOOP = drawn_report(frames=8, size=64).loop
OTHER = replace(LOOP, reference=replace(LOOP.reference, sop_instance_uid="1.2.3.4.6"))
CHANGES = {
    "needle": lambda s: s.place_needle(NeedleTrajectory(hub_px=(50.0, 50.0), tip_px=(9.0, 9.0))),
    "target": lambda s: s.place_target((7.0, 8.0)),
    "mark": lambda s: s.place_mark(
        Mark(landmark="midline", points_px=((1.0, 30.0), (60.0, 30.0)))
    ),
    "mask": lambda s: s.choose_mask(None, (0, 1)),
    "procedure": lambda s: s.plan_as("choose", Plan(procedure="mbb_lumbar")),
    "level": lambda s: s.plan_as("say the level", replace(s.plan, level="L3-L4")),
}


def opened() -> Session:
    session = Session()
    session.open(Run(loop=LOOP, files=(), name="AP run 1"))
    return session


@pytest.mark.parametrize("what", sorted(CHANGES))
def test_a_change_takes_the_sign_off_back_and_says_so(what):
    session, told = opened(), []
    session.signals.notice.connect(told.append)
    session.sign(SIGNED)
    assert session.annotation.sign_off == SIGNED
    assert told == []
    CHANGES[what](session)
    assert session.annotation.sign_off is None
    assert len(told) == 1
    assert "sign-off was taken back" in told[0]


@given(names=st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=6))
def test_undoing_every_change_brings_back_what_was_signed(names):
    session = opened()
    session.sign(SIGNED)
    signed_draft = session.draft
    for name in names:
        CHANGES[name](session)
    while session.draft != signed_draft:
        assert session.annotation.sign_off is None
        assert session.undo() is not None
    assert session.annotation.sign_off == SIGNED


def test_the_same_marks_again_keep_the_sign_off():
    session = opened()
    session.place_target((7.0, 8.0))
    session.sign(SIGNED)
    session.place_target((7.0, 8.0))
    assert session.annotation.sign_off == SIGNED


def test_a_mark_in_another_run_leaves_the_sign_off_and_a_new_plan_takes_it():
    session = opened()
    session.sign(SIGNED)
    session.open(Run(loop=OTHER, files=(), name="AP run 2"))
    session.place_target((7.0, 8.0))
    assert session.draft.marked(LOOP.reference.sop_instance_uid).annotation.sign_off == SIGNED
    CHANGES["level"](session)
    assert session.draft.marked(LOOP.reference.sop_instance_uid).annotation.sign_off is None


def test_a_sign_off_in_place_of_another_stands():
    session = opened()
    session.sign(SIGNED)
    session.sign(replace(SIGNED, operator="A. Other"))
    assert session.annotation.sign_off == replace(SIGNED, operator="A. Other")


def test_a_drag_after_the_sign_off_is_one_step_that_gives_it_back():
    session = opened()
    session.place_target((1.0, 1.0))
    session.sign(SIGNED)
    for column in range(2, 6):
        session.place_target((1.0, float(column)), amend=column > 2)
    assert session.annotation.sign_off is None
    session.undo()
    assert session.annotation.sign_off == SIGNED


def test_the_moment_of_a_sign_off_is_a_dt_of_dicom_with_its_offset():
    zone = timezone(-timedelta(hours=3, minutes=30))
    made = sign_off_now("R. Reader", ("warnings",), datetime(2026, 11, 2, 7, 5, 9, 4000, zone))
    assert made.at == "20261102070509.004000-0330"
    assert signed(made) == "Signed by R. Reader, 2026-11-02 07:05:09 -0330."
    now = datetime.now(UTC)
    assert sign_off_now("R. Reader", (), now).at.endswith("+0000")


def test_a_moment_without_its_offset_from_utc_is_refused():
    with pytest.raises(ValueError, match="offset from UTC"):
        sign_off_now("R. Reader", (), datetime(2026, 1, 1))
