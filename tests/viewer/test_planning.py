"""A change of the plan keeps what still holds, and names what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject import procedures
from napari_fluoroinject.model.annotation import (
    Annotation,
    ContrastAgent,
    Mark,
    NeedleTrajectory,
    check_annotation,
    check_landmarks,
)
from napari_fluoroinject.model.levels import check_level
from napari_fluoroinject.viewer.draft import Draft, Marked, Plan
from napari_fluoroinject.viewer.planning import (
    REGIONS,
    grouped,
    levels_of,
    plan_fault,
    side_words,
    summary,
    with_procedure,
    with_view,
)

EVERY = procedures.every()
KEYS = st.sampled_from(procedures.all_keys())
_POINTS = {"point": 1, "line": 2, "area": 3}


def _all_marked(key: str) -> Draft:
    """A draft in which everything that a procedure asks for is marked."""
    procedure = procedures.get(key)
    corners = ((1.0, 1.0), (9.0, 2.0), (5.0, 8.0))
    marks = tuple(
        Mark(landmark=one.id, points_px=corners[: _POINTS[one.kind]])
        for one in procedure.landmarks
    )
    view = procedure.views[0].name if procedure.views else None
    needle = NeedleTrajectory(hub_px=(1.0, 1.0), tip_px=(9.0, 9.0))
    annotation = Annotation(marks=marks, view=view, needle=needle, target_px=(5.0, 5.0))
    level = next(iter(levels_of(procedure.region)), None)
    return Draft(
        study_instance_uid="1.2",
        plan=Plan(procedure=key, level=level, side="left", gauge=22),
        runs=(Marked(sop_instance_uid="1.2.3", annotation=annotation),),
    )


def test_every_procedure_stands_in_one_group():
    listed = [one.key for _, members in grouped(EVERY) for one in members]
    assert sorted(listed) == sorted(one.key for one in EVERY)
    assert {one.region for one in EVERY} <= set(REGIONS)


def test_every_typed_word_must_be_found():
    found = [one.key for _, members in grouped(EVERY, "Cervical  facet") for one in members]
    assert found == ["facet_ia_cervical"]
    assert grouped(EVERY, "nothing of the kind") == ()


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.key)
def test_a_summary_says_whether_a_clinician_has_signed(one):
    told = " ".join(summary(one))
    assert ("not signed off by a clinician" in told) is not one.clinician_signed_off
    assert one.expected_spread in told


@pytest.mark.parametrize("region", REGIONS)
def test_only_levels_of_the_region_can_be_chosen(region):
    offered = levels_of(region)
    assert len(offered) == len(set(offered)) > 0
    for level in offered:
        check_level(level, region=region)


def test_lumbar_levels_are_what_people_say():
    offered = levels_of("lumbar")
    assert {"L1", "L5", "L4-L5", "L5-S1", "T12-L1"} <= set(offered)
    assert not {"C3", "T5-T6"} & set(offered)


@given(KEYS, KEYS)
def test_after_a_change_everything_that_is_left_belongs_to_the_new_procedure(old, new):
    procedure = procedures.get(new)
    before = _all_marked(old)
    change = with_procedure(before, procedure)
    after = change.draft.annotation("1.2.3")
    check_annotation(after, region=procedure.region)
    check_landmarks(after, procedure)
    assert change.draft.plan.procedure == new
    marks = before.annotation("1.2.3").marks
    dropped = {one.landmark.replace("_", " ") for one in marks if one not in after.marks}
    assert dropped <= set(change.lost)


@given(KEYS, KEYS)
def test_needle_target_side_and_gauge_stay_whatever_is_chosen(old, new):
    before = _all_marked(old)
    after = with_procedure(before, procedures.get(new)).draft
    assert after.annotation("1.2.3").needle == before.annotation("1.2.3").needle
    assert after.annotation("1.2.3").target_px == (5.0, 5.0)
    assert (after.plan.side, after.plan.gauge) == ("left", 22)


@given(KEYS)
def test_choosing_what_is_chosen_loses_nothing(key):
    before = _all_marked(key)
    assert with_procedure(before, procedures.get(key)).lost == ()


def test_a_view_is_said_of_one_run_alone():
    draft = with_view(_all_marked("mbb_lumbar"), "9.9", "LAT")
    assert draft.annotation("9.9").view == "LAT"
    assert draft.annotation("1.2.3").view == "OBL"
    assert with_view(draft, "9.9", None).annotation("9.9").view is None


def test_a_plan_that_cannot_be_is_told_with_what_was_expected():
    agent = ContrastAgent(kind="gadolinium", iodine_mg_ml=300.0)
    procedure = procedures.get("mbb_lumbar")
    assert "gadolinium" in plan_fault(Plan(agent=agent), procedure)
    assert "C3" in plan_fault(Plan(level="C3"), procedure)
    assert plan_fault(replace(Plan(), side="left", gauge=22), procedure) == ""


def test_a_side_is_never_taken_from_the_file_and_a_contradiction_is_said():
    assert "only if you say so" in side_words(None, [("AP 1", "left")])
    assert "AP 1: left" in side_words("right", [("AP 1", "left"), ("LAT 2", None)])
    assert side_words("left", [("AP 1", "left")]) == ""
    assert side_words(None, [("AP 1", None)]) == ""
