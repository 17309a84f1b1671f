"""What each step says is done and missing, whatever state a session is in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rendering.drawn_reports import bare, drawn_report, uncalibrated, with_run_off

from napari_fluoroinject import procedures
from napari_fluoroinject.endpoints.base import Receipt
from napari_fluoroinject.model.annotation import Confirmed, Mark, NeedleTrajectory, SignOff
from napari_fluoroinject.model.needle import NoNeedle
from napari_fluoroinject.viewer.bench import STEPS
from napari_fluoroinject.viewer.draft import Plan
from napari_fluoroinject.viewer.landmarks import asked
from napari_fluoroinject.viewer.outcome import Analysed, Kept
from napari_fluoroinject.viewer.run import FirstLook, Run
from napari_fluoroinject.viewer.session import Session
from napari_fluoroinject.viewer.steps import status

NEEDLE = NeedleTrajectory(hub_px=(110.0, 102.0), tip_px=(66.0, 71.0), frame=2)
ALL: tuple[Confirmed, ...] = get_args(Confirmed)
REPORTS = {
    "quiet": drawn_report(),
    "warned": with_run_off(drawn_report()),
    "uncalibrated": uncalibrated(drawn_report()),
    "bare": bare(drawn_report()),
}


def opened(name: str = "quiet", *, key: str | None = "esi_il_lumbar") -> Session:
    session = Session()
    session.open(Run(loop=REPORTS[name].loop, files=(), name="AP run 1"))
    session.plan_as("choose the procedure", Plan(procedure=key, level="L4-L5", side="right"))
    return session


def look(session: Session, name: str = "quiet") -> None:
    of = REPORTS[name]
    assert session.run is not None
    session.put_look(
        session.run.uid,
        FirstLook(motion=of.motion, injection=of.injection, needle=of.needle),
    )


def analyse(session: Session, name: str = "quiet") -> None:
    assert session.run is not None
    analysed = Analysed(
        report=replace(REPORTS[name], procedure=session.procedure),
        procedure=session.plan.procedure,
        annotation=replace(session.annotation, sign_off=None),
    )
    session.put_report(session.run.uid, analysed)


def keep(session: Session, **more: object) -> None:
    assert session.run is not None
    kept = Kept(
        procedure=session.plan.procedure,
        annotation=session.annotation,
        folder=Path("results"),
        files=(Path("report.dcm"), Path("maps.dcm")),
        **more,  # type: ignore[arg-type]  # a few of its fields, by name
    )
    session.put_kept(session.run.uid, kept)


def sign(session: Session, confirmed: tuple[Confirmed, ...] = ALL) -> None:
    session.sign(SignOff(operator="R. Reader", at="20261122160000+0000", confirmed=confirmed))


def test_without_a_run_every_step_asks_for_one():
    for key in STEPS:
        told = status(Session(), key)
        assert not told.done
        assert "Open a run" in told.missing[0]


def test_an_open_run_is_loaded_and_tells_its_spacing_and_times():
    told = status(opened(), "load")
    assert told.done
    assert "Millimetres: 0.287 mm/px (isocentre plane, SID/SOD)." in told.says
    assert any("15 frames/s on average, even" in line for line in told.says)


def test_a_run_without_spacing_and_times_says_so():
    said = " ".join(status(opened("uncalibrated"), "load").says)
    assert "No millimetres" in said
    assert "No frame times" in said


def test_uneven_frame_times_are_told():
    session = Session()
    times = np.array([0.0, 0.1, 0.3, *np.linspace(0.5, 3.0, 27)])
    loop = replace(REPORTS["quiet"].loop, times_s=times)
    session.open(Run(loop=loop, files=(), name="AP run 1"))
    assert any("uneven" in line for line in status(session, "load").says)


def test_a_missing_view_is_missing_and_a_level_that_was_not_said_is_told():
    session = opened()
    told = status(session, "procedure")
    assert told.missing == ("View CLO: no open run shows it.",)
    session.plan_as("forget", Plan(procedure="esi_il_lumbar"))
    assert "Level: not said." in status(session, "procedure").says
    assert "Side: right (from the file)." in status(session, "procedure").says


def test_until_a_procedure_is_chosen_that_is_missing():
    told = status(opened(key=None), "procedure")
    assert "Choose a procedure" in told.missing[0]
    assert "Procedure: not chosen." in told.says
    assert status(opened(key="generic"), "procedure").missing == ()


def test_a_proposed_needle_is_missing_until_somebody_accepts_it():
    session = opened()
    look(session)
    assert "Needle: proposed, not accepted." in status(session, "needle").missing
    session.operator = "R. Reader"
    session.accept_needle()
    said = status(session, "needle").says
    assert "Needle: proposed by the picture, accepted by R. Reader, frame 1." in said


def test_an_accepted_needle_that_is_moved_is_the_persons_own():
    session = opened()
    look(session)
    session.operator = "R. Reader"
    session.accept_needle()
    session.place_needle(NEEDLE)
    assert "Needle: marked by a person, frame 3." in status(session, "needle").says


def test_tip_to_target_is_told_with_its_unit_and_basis():
    session = opened()
    look(session)
    session.place_needle(NEEDLE)
    session.place_target((60.0, 71.0))
    line = next(one for one in status(session, "needle").says if one.startswith("Tip to target"))
    assert line.endswith("mm in the image plane (isocentre plane, SID/SOD).")
    session = opened("uncalibrated")
    session.place_needle(NEEDLE)
    session.place_target((60.0, 71.0))
    line = next(one for one in status(session, "needle").says if one.startswith("Tip to target"))
    assert "12.1 px" not in line
    assert "6.0 px in the image plane (uncalibrated, anatomy not followed yet)" in line


def test_a_limit_line_without_its_far_side_is_missing():
    session = opened()
    annotation = replace(session.annotation, view="CLO")
    session.annotate("say the view", annotation)
    line = Mark(landmark="ventral_interlaminar_line", points_px=((20.0, 50.0), (90.0, 40.0)))
    session.place_mark(line)
    missing = status(session, "needle").missing
    assert "ventral interlaminar line (VILL): marked; the far side is missing." in missing
    session.place_mark(replace(line, beyond_px=(50.0, 10.0)))
    one = next(one for one in asked(session) if one.rule.id == line.landmark)
    assert one.done


def test_landmarks_of_another_view_are_told_but_not_missing():
    told = status(opened(), "needle")
    assert "Landmarks of other views: ventral interlaminar line, spinolaminar line." in told.says
    assert "Landmarks not marked: midline, end plates, facet joint." in told.missing


def test_a_mark_that_nothing_can_be_measured_against_is_missing():
    session = opened()
    session.place_mark(Mark(landmark="midline", points_px=((20.0, 50.0),)))
    missing = status(session, "needle").missing
    assert any("midline" in line and "expected 2" in line for line in missing)


def test_contrast_is_done_while_the_analysis_is_of_what_is_said_now():
    session = opened()
    assert status(session, "contrast").missing == ("Not analysed yet.",)
    analyse(session)
    told = status(session, "contrast")
    assert told.done
    assert "Mask frames: 1-6." in told.says
    session.place_target((50.0, 50.0))
    assert "Out of date" in status(session, "contrast").missing[0]


def test_frames_that_could_not_be_judged_are_told():
    session = opened("bare")
    analyse(session, "bare")
    assert "Not assessable: none of 30 frames could be judged." in status(session, "contrast").says


def test_review_is_done_when_every_box_was_ticked_by_somebody():
    session = opened()
    analyse(session)
    assert status(session, "review").missing == ("Not signed by the operator.",)
    sign(session, ALL[:2])
    assert status(session, "review").missing == (
        "Warnings, and what was not assessed: not ticked.",
    )
    sign(session)
    told = status(session, "review")
    assert told.done
    assert "Signed by R. Reader." in told.says


def test_send_is_done_with_receipts_and_without_failures():
    session = opened()
    analyse(session)
    assert status(session, "send").missing == ("No results were written yet.",)
    keep(session)
    assert "Not sent" in status(session, "send").missing[0]
    receipts = (Receipt(sop_instance_uid="1.2", destination="archive"),)
    keep(session, receipts=receipts)
    assert status(session, "send").done
    assert "archive: 1 receipt." in status(session, "send").says
    keep(session, receipts=receipts, failures=(("maps.dcm", "refused"),))
    assert status(session, "send").missing == ("maps.dcm: refused",)
    keep(session, receipts=receipts)
    session.place_target((50.0, 50.0))
    assert "changed" in status(session, "send").missing[0]


ACTIONS = {
    "look": look,
    "look at nothing": lambda s: look(s, "bare"),
    "analyse": analyse,
    "analyse with a warning": lambda s: analyse(s, "warned"),
    "analyse in vain": lambda s: analyse(s, "bare"),
    "accept": Session.accept_needle,
    "decline": Session.decline_needle,
    "needle": lambda s: s.place_needle(NEEDLE),
    "no needle": lambda s: s.place_needle(None),
    "target": lambda s: s.place_target((60.0, 71.0)),
    "mark": lambda s: s.place_mark(
        Mark(landmark="midline", points_px=((9.0, 60.0), (99.0, 61.0)))
    ),
    "header mask": lambda s: s.choose_mask("header"),
    "chosen mask": lambda s: s.choose_mask(None, (0, 1, 2)),
    "sign": sign,
    "sign in part": lambda s: sign(s, ALL[:1]),
    "keep": keep,
    "undo": Session.undo,
    "redo": Session.redo,
}


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    loop=st.sampled_from(sorted(REPORTS)),
    key=st.sampled_from(procedures.all_keys()),
    actions=st.lists(st.sampled_from(sorted(ACTIONS)), max_size=8),
)
def test_every_state_of_a_session_gives_a_status_of_every_step(loop, key, actions):
    session = opened(loop, key=key)
    for name in actions:
        ACTIONS[name](session)
    for step in STEPS:
        told = status(session, step)
        assert told.done == (not told.missing)
        assert told.says or told.missing
        for line in (*told.says, *told.missing):
            assert line == line.strip() != ""
            assert "None" not in line
            assert "nan" not in line


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_a_look_that_found_no_needle_proposes_none(name):
    session = opened(name)
    look(session, name)
    found = isinstance(REPORTS[name].needle, NoNeedle)
    missing = status(session, "needle").missing
    assert ("Needle: not marked." in missing) == found


def test_nobody_accepts_a_needle_without_a_name():
    session, told = opened(), []
    look(session)
    session.signals.notice.connect(told.append)
    session.accept_needle()
    assert session.annotation.needle is None
    assert "Write your name" in told[0]
