"""Of every warning it is told whether it was judged: silence is never taken for an answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_wording import evidence_of, measured_as

from napari_fluoroinject import procedures
from napari_fluoroinject.analysis.findings import assess, judge
from napari_fluoroinject.analysis.pattern_rules import resemblance
from napari_fluoroinject.batch.judged import WARNINGS, judged
from napari_fluoroinject.model.likeness import LIKENESSES
from napari_fluoroinject.model.summary import summarize
from tests.batch.cohort_loops import summary_of
from tests.rendering.drawn_reports import drawn_report

KEYS = procedures.all_keys()


@pytest.fixture(scope="module")
def report():
    return drawn_report()


def asked_by(key):
    return {rule.id for rule in procedures.get(key).warnings}


def states(report, evidence, key):
    procedure = procedures.get(key)
    given = replace(
        report,
        loop=evidence.loop,
        annotation=evidence.annotation,
        procedure=procedure,
        needle=evidence.needle,
        injection=evidence.injection,
        run_off=evidence.run_off,
        measured=evidence.measured,
        findings=judge(evidence, procedure),
        assessable=assess(evidence, procedure),
    )
    return judged(summarize(given), asked_by(key))


@pytest.mark.parametrize("key", KEYS)
def test_where_nothing_could_be_judged_no_warning_counts_as_judged(report, key):
    told = states(report, evidence_of(report, key, alike=False), key)
    quiet = {name for name, state in told.items() if state in ("not_raised", "in_part")}
    assert quiet <= {"image_unfit"}
    asked = asked_by(key)
    assert {name for name, state in told.items() if state == "not_asked"} == set(WARNINGS) - asked


@pytest.mark.parametrize("key", KEYS)
def test_what_was_raised_is_told_as_raised(report, key):
    evidence = evidence_of(report, key, alike=True)
    raised = {one.id for one in judge(evidence, procedures.get(key))}
    told = states(report, evidence, key)
    assert {name for name, state in told.items() if state == "raised"} == raised
    assert raised or key == "generic"


PATTERNED = [key for key in KEYS if asked_by(key) & LIKENESSES.keys()]


@settings(max_examples=40)
@given(st.data())
def test_a_pattern_counts_as_judged_only_where_it_has_a_score(data):
    report = drawn_report()
    key = data.draw(st.sampled_from(PATTERNED))
    seen, missing = measured_as(key, alike=True), measured_as(key, alike=False)
    pick = data.draw(st.lists(st.booleans(), min_size=len(seen), max_size=len(seen)))
    measured = tuple(a if one else b for a, b, one in zip(seen, missing, pick, strict=True))
    evidence = replace(evidence_of(report, key, alike=True), measured=measured)
    told = states(report, evidence, key)
    procedure = procedures.get(key)
    for rule in procedure.warnings:
        if rule.id in LIKENESSES:
            scored = resemblance(measured, rule, procedure).score is not None
            assert (told[rule.id] != "not_judged") == scored


def test_a_procedure_that_is_not_known_here_leaves_all_unjudged_that_was_not_raised():
    told = judged(summary_of("1.2", warnings=[]), None)
    assert set(told.values()) == {"not_judged"}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"run_off__score": None, "run_off__reason": "too short"}, "not_judged"),
        ({"run_off__score": 0.3, "run_off__reason": "the loop ends early"}, "in_part"),
        ({"run_off__score": 0.3, "run_off__reason": None}, "not_raised"),
        ({"run_off__score": 0.3, "run_off__reason": None, "assessable__frames": 0}, "not_judged"),
    ],
)
def test_a_search_for_run_off_counts_as_judged_only_in_full(changes, state):
    told = judged(summary_of("1.2", warnings=[], **changes), {"vascular_uptake"})
    assert told["vascular_uptake"] == state


@pytest.mark.parametrize(
    ("reasons", "state"),
    [
        (["dose alert: not judged (the site has set none)"], "not_judged"),
        (["dose alert: judged in part only (no air kerma was recorded)"], "in_part"),
        ([], "not_raised"),
        (["this version cannot judge: dose alert, missing view"], "not_judged"),
    ],
)
def test_a_dose_is_judged_as_far_as_the_reasons_say(reasons, state):
    told = judged(summary_of("1.2", warnings=[], assessable__reasons=reasons), {"dose_alert"})
    assert told["dose_alert"] == state


@pytest.mark.parametrize(
    ("said", "recorded", "state"),
    [("left", "left", "not_raised"), ("left", None, "not_judged"), (None, "right", "not_judged")],
)
def test_sides_are_compared_only_where_both_are_known(said, recorded, state):
    summary = summary_of("1.2", warnings=[], side=said, source__laterality=recorded)
    assert judged(summary, {"wrong_level_or_side"})["wrong_level_or_side"] == state
