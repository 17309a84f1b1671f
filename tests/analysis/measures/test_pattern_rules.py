"""Warnings of patterns, on drawn spreads whose truth is how they were drawn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from drawn_spreads import MIDLINE, ONE_ML, PLATES, SHAPE, VILL, area, drawn, evidence
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.analysis.findings import RULES, assess, judge
from napari_fluoroinject.analysis.looks import MOST_SCORE
from napari_fluoroinject.analysis.pattern_rules import resemblance
from napari_fluoroinject.model.annotation import ContrastAgent
from napari_fluoroinject.model.likeness import LIKENESSES
from napari_fluoroinject.model.measurement import Measurement
from napari_fluoroinject.procedures import every, get

UNITS = {
    "levels": "{levels}",
    "levels_seen": "{levels}",
    "levels_per_ml": "{levels}/mL",
    "lateral_extent": "mm",
    "column_width": "mm",
}
"""Units of measures that are no share."""


FACET = area("facet_joint", 90, 115, 185, 205)
DISC = area("disc", 95, 110, 100, 170)

SHEET = drawn((50, 150, 148, 176), (95, 103, 176, 215))
"""Epidural on one side, with egress along a root."""
WIDE = drawn((50, 150, 118, 182), (95, 103, 182, 215), (95, 103, 85, 118))
"""Epidural on both sides, with egress along roots."""
COLUMN = drawn((30, 170, 134, 165))
TRACKS = drawn((22, 178, 136, 140), (22, 178, 159, 163))
ALONG_VILL = drawn((50, 150, 114, 124))
VENTRAL_OF_VILL = drawn((40, 160, 70, 108))
IN_FACET = drawn((92, 113, 187, 203))
IN_DISC = drawn((97, 108, 105, 165))
SLEEVE = drawn((70, 90, 165, 175), (88, 120, 172, 182))
"""Along a root below its pedicle, above the disc and across its height."""


def raised(procedure, region, *marks, **changes):
    found = judge(evidence(procedure, region, *marks, **changes), procedure)
    return {one.id: one for one in found if one.id in LIKENESSES}


IL, TF, CAUDAL = get("esi_il_lumbar"), get("esi_tf_lumbar_subpedicular"), get("esi_caudal")
IN_AP = {"view": "AP", "agent": ONE_ML}
IL_MARKS = (MIDLINE, PLATES, FACET)
SOFT = area("soft_tissue", 60, 140, 180, 260)
BONE = area("sacral_bone", 40, 160, 60, 110)
BEHIND = area("soft_tissue", 40, 160, 170, 260)
LUNG = area("pleura", 20, 180, 220, 290)
PSOAS = area("psoas", 40, 160, 190, 230)
ABNORMAL = [
    ("intrathecal_like", IL, COLUMN, IL_MARKS, IN_AP),
    ("intrathecal_like", IL, VENTRAL_OF_VILL, (VILL,), {"view": "CLO"}),
    ("intrathecal_like", CAUDAL, drawn((30, 170, 138, 161)), (MIDLINE,), {"view": "AP"}),
    ("subdural_like", IL, TRACKS, IL_MARKS, IN_AP),
    ("retrodural_facet_like", IL, IN_FACET, IL_MARKS, IN_AP),
    ("retrodural_facet_like", IL, IN_FACET, (FACET, PLATES, VILL), {"view": "CLO"}),
    ("retrodural_facet_like", TF, IN_FACET, (FACET, PLATES, DISC), IN_AP),
    ("intradiscal_like", TF, IN_DISC, (DISC,), {"view": "LAT"}),
    ("intradiscal_like", get("lsb"), IN_DISC, (DISC,), {"view": "AP"}),
    ("intramuscular_like", get("lsb"), drawn((50, 150, 195, 225)), (PSOAS,), {"view": "AP"}),
    (
        "intramuscular_like",
        get("facet_ia_lumbar"),
        drawn((80, 120, 190, 230)),
        (SOFT,),
        {"view": "OBL"},
    ),
    ("intramuscular_like", CAUDAL, drawn((80, 120, 180, 230)), (BEHIND,), {"view": "LAT"}),
    ("intraosseous_like", CAUDAL, drawn((60, 140, 70, 105)), (BONE,), {"view": "LAT"}),
    (
        "pleural_visceral_like",
        get("esi_tf_thoracic"),
        drawn((40, 160, 210, 240)),
        (LUNG,),
        {"view": "AP"},
    ),
]
EXPECTED = [
    (IL, SHEET, IL_MARKS, IN_AP),
    (IL, WIDE, IL_MARKS, IN_AP),
    (IL, ALONG_VILL, (VILL, FACET, PLATES), {"view": "CLO", "agent": ContrastAgent(volume_ml=2)}),
    (TF, SLEEVE, (DISC, FACET, PLATES), {"view": "AP"}),
    (CAUDAL, drawn((30, 170, 140, 160), (60, 66, 118, 182)), (MIDLINE,), {"view": "AP"}),
    (CAUDAL, drawn((40, 160, 112, 124)), (BONE, BEHIND), {"view": "LAT"}),
    (get("lsb"), drawn((40, 160, 172, 186)), (PSOAS, DISC), {"view": "AP"}),
    (get("facet_ia_lumbar"), drawn((85, 115, 168, 174)), (SOFT,), {"view": "OBL"}),
    (get("esi_tf_thoracic"), SHEET, (LUNG,), {"view": "AP"}),
]


@pytest.mark.parametrize(("warning", "procedure", "region", "marks", "more"), ABNORMAL)
def test_an_abnormal_pattern_is_warned_of_with_what_was_measured(
    warning, procedure, region, marks, more
):
    found = raised(procedure, region, *marks, **more)
    assert warning in found
    one = found[warning]
    assert 1.0 <= one.score <= MOST_SCORE
    assert one.frames == (0, 3)  # of a loop of four
    assert LIKENESSES[warning].resembles in one.text
    assert "review the run" in one.text
    assert f"in the {more['view']} view" in one.text
    assert any(digit in one.text for digit in "0123456789")


@pytest.mark.parametrize(("procedure", "region", "marks", "more"), EXPECTED)
def test_an_expected_pattern_is_not_warned_of_though_it_was_judged(procedure, region, marks, more):
    given = evidence(procedure, region, *marks, **more)
    assert not LIKENESSES.keys() & {one.id for one in judge(given, procedure)}
    rules = [rule for rule in procedure.warnings if rule.id in LIKENESSES]
    scores = [resemblance(given.measured, rule, procedure).score for rule in rules]
    assert any(score is not None for score in scores)


@pytest.mark.parametrize("warning", LIKENESSES)
def test_every_pattern_has_a_rule_and_a_procedure_that_asks_for_it(warning):
    assert warning in RULES
    asking = [one for one in every() if warning in {rule.id for rule in one.warnings}]
    assert asking


@pytest.mark.parametrize(
    ("procedure", "region", "marks", "more", "why"),
    [
        (TF, IN_DISC, (), {}, "the disc, between end plates was not marked"),
        (TF, IN_DISC, (DISC,), {"view": "CLO"}, "is told in AP, LAT, OBL"),
        (IL, TRACKS, (PLATES,), {}, "the volume of contrast was not given"),
        (IL, TRACKS, (PLATES,), {"agent": ContrastAgent()}, "the volume of contrast"),
        (IL, TRACKS, IL_MARKS, {"agent": ONE_ML, "calibration": None}, "takes mm, and there are"),
        (IL, TRACKS, (PLATES,), {"agent": ONE_ML, "view": "LAT"}, "in AP, and this view is LAT"),
        (IL, TRACKS, (PLATES,), {"agent": ONE_ML}, "in AP, and this view is not known"),
        (IL, COLUMN, IL_MARKS, {"bounds": ("across",)}, "reaches the edge of the open field"),
        (IL, TRACKS, (PLATES,), {"agent": ONE_ML, "bounds": ("along",)}, "the edge of the open"),
        (IL, VENTRAL_OF_VILL, (dataclasses.replace(VILL, beyond_px=None),), {}, "far side of the"),
        (IL, np.zeros(SHAPE, bool), IL_MARKS, {}, "no spread was seen"),
    ],
)
def test_a_pattern_that_cannot_be_judged_says_why_and_does_not_warn(
    procedure, region, marks, more, why
):
    given = (
        evidence(procedure, region, *marks, **more)
        if region.any()
        else dataclasses.replace(
            evidence(procedure, COLUMN),
            measured=tuple(
                Measurement(id=one.id, value=None, unit=one.unit, of=one.of, reason=why)
                for one in evidence(procedure, COLUMN).measured
            ),
        )
    )
    told = [reason for reason in assess(given, procedure).reasons if "-like" in reason]
    assert any(why in reason and "not judged (" in reason for reason in told)
    assert not LIKENESSES.keys() & {one.id for one in judge(given, procedure)}


def test_patterns_that_lack_the_same_share_one_sentence():
    told = assess(evidence(TF, IN_DISC), TF).reasons
    (said,) = [reason for reason in told if reason.startswith("intradiscal-like")]
    assert said == "intradiscal-like: not judged (the disc, between end plates was not marked)"
    blank = dataclasses.replace(evidence(IL, COLUMN), measured=())
    assert sum("-like" in reason for reason in assess(blank, IL).reasons) <= 3


def test_an_unfit_image_suppresses_no_pattern():
    given = evidence(IL, COLUMN, *IL_MARKS, **IN_AP)
    spoiled = dataclasses.replace(given, loop=dataclasses.replace(given.loop, lossy=True))
    assert {"image_unfit", "intrathecal_like"} <= {one.id for one in judge(spoiled, IL)}


def test_a_line_that_was_not_marked_is_left_out_and_one_that_was_counts():
    touching = drawn((92, 113, 112, 124))
    here = area("facet_joint", 90, 115, 108, 128)
    assert "retrodural_facet_like" in raised(IL, touching, here, PLATES, view="CLO")
    assert "retrodural_facet_like" not in raised(IL, touching, here, PLATES, VILL, view="CLO")


def test_two_columns_that_leave_the_picture_are_subdural_like_and_one_is_not():
    leaving = {"view": "AP", "bounds": ("area", "along", "cranial", "caudal")}
    tracks = raised(IL, TRACKS, *IL_MARKS, **leaving)
    assert "middle of the spread" in tracks["subdural_like"].text
    assert "subdural_like" not in raised(IL, COLUMN, *IL_MARKS, **leaving)
    assert "intrathecal_like" not in tracks
    assert "intrathecal_like" in raised(IL, COLUMN, *IL_MARKS, **leaving)
    short = drawn((80, 120, 136, 140), (80, 120, 159, 163))
    assert "subdural_like" not in raised(IL, short, *IL_MARKS, view="AP")


def test_a_burst_joint_warns_by_a_smaller_share_in_muscle_than_a_spread_along_the_spine():
    burst = drawn((85, 115, 160, 170), (100, 115, 170, 198))  # 270 of 720 beyond column 180
    assert "intramuscular_like" in raised(get("facet_ia_lumbar"), burst, SOFT, view="OBL")
    column = drawn((40, 160, 170, 201))  # 11 of 31 columns in the muscle
    assert "intramuscular_like" not in raised(get("lsb"), column, PSOAS, view="AP")


def test_a_procedure_may_ask_for_more_than_the_usual_threshold():
    (rule,) = [one for one in TF.warnings if one.id == "intradiscal_like"]
    strict = dataclasses.replace(rule, threshold=dataclasses.replace(rule.threshold, low=2.0))
    given = evidence(TF, IN_DISC, DISC, view="LAT")
    usual = resemblance(given.measured, rule, TF).score
    assert resemblance(given.measured, strict, TF).score == pytest.approx(usual / 2)


def rule_of(warning, look):
    """A procedure that lists a warning and has the landmarks of a look, and its rule."""
    for procedure in every():
        known = {landmark.id for landmark in procedure.landmarks}
        for rule in procedure.warnings:
            if rule.id == warning and all(
                feature.extra or not feature.landmarks or known & set(feature.landmarks)
                for feature in look
            ):
                return procedure, rule
    raise AssertionError(warning)


def measurements(look, values, sigmas):
    return tuple(
        Measurement(
            id=feature.measure,
            value=value,
            sigma=sigma,
            unit=UNITS.get(feature.measure, "%"),
            of=next(iter(feature.landmarks), None),
            view=next(iter(feature.views), None),
        )
        for feature, value, sigma in zip(look, values, sigmas, strict=True)
    )


LOOKS = [(warning, look) for warning, one in LIKENESSES.items() for look in one.looks]
NUMBER = st.floats(0, 100)


@given(data=st.data())
@pytest.mark.parametrize(("warning", "look"), LOOKS)
def test_a_score_never_falls_as_a_feature_comes_nearer_to_the_pattern(warning, look, data):
    procedure, rule = rule_of(warning, look)
    values = data.draw(st.tuples(*[NUMBER] * len(look)))
    sigmas = data.draw(st.tuples(*[st.floats(0, 20)] * len(look)))
    which = data.draw(st.integers(0, len(look) - 1))
    step = data.draw(st.floats(0, 50))
    nearer = list(values)
    nearer[which] += step if look[which].bound == "least" else -min(step, values[which])
    before = resemblance(measurements(look, values, sigmas), rule, procedure).score
    after = resemblance(measurements(look, nearer, sigmas), rule, procedure).score
    assert before is not None
    assert 0 <= before <= after <= MOST_SCORE


@given(data=st.data())
@pytest.mark.parametrize(("warning", "look"), LOOKS)
def test_a_score_never_rises_with_uncertainty(warning, look, data):
    procedure, rule = rule_of(warning, look)
    values = data.draw(st.tuples(*[NUMBER] * len(look)))
    sigmas = data.draw(st.tuples(*[st.floats(0, 20)] * len(look)))
    vague = [sigma + data.draw(st.floats(0, 20)) for sigma in sigmas]
    sharp = resemblance(measurements(look, values, sigmas), rule, procedure).score
    assert resemblance(measurements(look, values, vague), rule, procedure).score <= sharp


@pytest.mark.parametrize(("warning", "look"), LOOKS)
def test_a_feature_at_its_limit_warns_with_one_sigma_to_spare_and_not_without(warning, look):
    procedure, rule = rule_of(warning, look)
    limits = [rule.settings[feature.setting].low for feature in look]
    side = [1 if feature.bound == "least" else -1 for feature in look]
    sigmas = [0.1 * limit for limit in limits]
    spared = [a + s * b for a, s, b in zip(limits, side, sigmas, strict=True)]
    score = resemblance(measurements(look, spared, sigmas), rule, procedure).score
    assert score == pytest.approx(1.0)
    assert resemblance(measurements(look, limits, sigmas), rule, procedure).score < 1.0
