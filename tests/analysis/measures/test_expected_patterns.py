"""Expected patterns, on drawn spreads whose truth is how they were drawn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from drawn_spreads import MIDLINE, ONE_ML, PLATES, SHAPE, VILL, area, drawn, evidence
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_fluoroinject.analysis.expectation import FIRST, NO_CLEARANCE, expected_patterns
from napari_fluoroinject.analysis.findings import judge
from napari_fluoroinject.analysis.looks import MOST_SCORE, Limit, nearest_look
from napari_fluoroinject.analysis.measures.shares import levels_covered, levels_seen
from napari_fluoroinject.model.annotation import Mark
from napari_fluoroinject.model.expectation import ExpectedPattern
from napari_fluoroinject.model.expected import EXPECTED, expected_settings
from napari_fluoroinject.model.measurement import Measurement
from napari_fluoroinject.model.motion import Injection
from napari_fluoroinject.model.report import Finding
from napari_fluoroinject.model.spread import RunOff
from napari_fluoroinject.procedures import every, get, patterns

IL, TF, CAUDAL = get("esi_il_lumbar"), get("esi_tf_lumbar_subpedicular"), get("esi_caudal")
FACET_IA, POOL, SI = get("facet_ia_lumbar"), get("mbb_lumbar"), get("si_joint_ia")
STELLATE, LSB = get("stellate"), get("lsb")

FACET = area("facet_joint", 90, 115, 185, 205)
DISC = area("disc", 95, 110, 100, 170)
FORAMEN = area("foramen", 60, 100, 180, 220)
SOFT = area("soft_tissue", 40, 160, 170, 260)
BONE = area("sacral_bone", 40, 160, 60, 110)
COLLI = area("longus_colli", 20, 180, 190, 230)
PSOAS = area("psoas", 40, 160, 190, 230)
JOINT = Mark(landmark="joint_line", points_px=((80.0, 150.0), (120.0, 150.0)))
PEDICLES = Mark(
    landmark="medial_pedicle_line",
    points_px=((0.0, 175.0), (199.0, 175.0)),
    beyond_px=(100.0, 150.0),
)
ANTERIOR = Mark(landmark="anterior_vertebral_line", points_px=((0.0, 118.0), (199.0, 118.0)))

SHEET = drawn((50, 150, 152, 176), (95, 103, 176, 200))
"""On one side, with egress along a root."""
WIDE = drawn((50, 150, 128, 172), (95, 103, 172, 190))
"""On both sides, wider than the dural sac."""
SAC = drawn((30, 170, 134, 165))
JOINT_FILLED = drawn((78, 122, 148, 153))
BLOB = drawn((85, 115, 135, 165))
POOL_ON_BONE = drawn((90, 110, 140, 160))

SHOWN = [
    ("epidural_interlaminar", IL, SHEET, (MIDLINE, PLATES, FACET), "AP"),
    ("epidural_interlaminar", IL, WIDE, (MIDLINE, PLATES), "AP"),
    ("epidural_interlaminar", IL, drawn((50, 150, 110, 124)), (VILL, PLATES, FACET), "CLO"),
    ("epidural_transforaminal", TF, drawn((70, 130, 150, 190)), (PEDICLES, PLATES, DISC), "AP"),
    ("epidural_caudal", CAUDAL, drawn((30, 170, 140, 160)), (MIDLINE, PLATES), "AP"),
    ("epidural_caudal", CAUDAL, drawn((40, 160, 114, 124)), (BONE, SOFT, PLATES), "LAT"),
    ("facet_arthrogram", FACET_IA, JOINT_FILLED, (JOINT, SOFT), "OBL"),
    ("medial_branch_pool", POOL, POOL_ON_BONE, (FORAMEN,), "OBL"),
    ("medial_branch_pool", POOL, POOL_ON_BONE, (), "AP"),
    ("si_arthrogram", SI, JOINT_FILLED, (JOINT,), "AP"),
    ("stellate_spread", STELLATE, drawn((20, 150, 160, 180)), (PLATES,), "PA"),
    ("stellate_spread", STELLATE, drawn((20, 150, 160, 180)), (PLATES, COLLI), "LAT"),
    ("lumbar_sympathetic_spread", LSB, drawn((60, 140, 112, 121)), (ANTERIOR, PLATES), "LAT"),
    ("lumbar_sympathetic_spread", LSB, drawn((60, 140, 165, 185)), (PLATES, PSOAS), "AP"),
]
NOT_SHOWN = [
    ("least_lateral_extent", IL, SAC, (MIDLINE, PLATES, FACET), "AP"),
    ("least_line_contact", IL, drawn((40, 160, 130, 150)), (VILL, PLATES), "CLO"),
    ("least_levels_seen", IL, drawn((92, 113, 187, 203)), (MIDLINE, PLATES), "AP"),
    ("most_area_overlap", IL, drawn((92, 113, 187, 203)), (MIDLINE, PLATES, FACET), "AP"),
    ("least_medial_to_pedicle", TF, drawn((70, 130, 178, 200)), (PEDICLES, PLATES), "AP"),
    ("most_area_overlap", TF, drawn((96, 109, 105, 165)), (PEDICLES, PLATES, DISC), "AP"),
    ("most_one_sidedness", CAUDAL, drawn((30, 170, 152, 170)), (MIDLINE, PLATES), "AP"),
    ("most_area_overlap", CAUDAL, drawn((60, 140, 180, 230)), (BONE, SOFT, PLATES), "LAT"),
    ("most_compactness", FACET_IA, BLOB, (JOINT,), "OBL"),
    ("least_filled_joint_length", SI, drawn((150, 190, 148, 153)), (JOINT,), "OBL"),
    ("most_cranio_caudal_extent", POOL, drawn((60, 140, 140, 160)), (), "AP"),
    ("most_lateral_extent", get("mbb_cervical"), drawn((90, 110, 130, 168)), (), "AP"),
    ("most_area_overlap", POOL, drawn((70, 90, 190, 210)), (FORAMEN,), "LAT"),
    ("least_levels_seen", STELLATE, POOL_ON_BONE, (PLATES,), "PA"),
    ("least_line_contact", LSB, drawn((60, 140, 130, 150)), (ANTERIOR, PLATES), "LAT"),
    ("most_area_overlap", LSB, drawn((60, 140, 195, 225)), (PSOAS, PLATES), "AP"),
]
JUDGED = {"view": "AP", "agent": ONE_ML}


def told(procedure, region, *marks, findings=(), change=lambda e: e, **more):
    given = change(evidence(procedure, region, *marks, **more))
    (one,) = expected_patterns(given, procedure, findings)
    return one


@pytest.mark.parametrize(("pattern", "procedure", "region", "marks", "view"), SHOWN)
def test_a_spread_drawn_as_expected_shows_its_pattern_and_clears_nothing(
    pattern, procedure, region, marks, view
):
    one = told(procedure, region, *marks, view=view)
    assert (one.pattern, one.state) == (pattern, "shown"), one.text
    assert one.score >= 1.0
    assert one.told
    assert all(feature.reached and feature.view in (view, None) for feature in one.told)
    assert one.text.startswith(f"Of the expected pattern ({one.name[:1].lower()}{one.name[1:]})")
    assert f"the {view} view shows:" in one.text
    assert one.text.endswith("This does not exclude other spread or vessels.")


@pytest.mark.parametrize(("setting", "procedure", "region", "marks", "view"), NOT_SHOWN)
def test_a_spread_that_lacks_a_feature_does_not_show_the_pattern_and_says_which(
    setting, procedure, region, marks, view
):
    one = told(procedure, region, *marks, view=view)
    assert one.state == "not shown", one.text
    assert 0.0 <= one.score < 1.0
    short = {f"{f.bound}_{f.measure}" for f in one.told if not f.reached}
    assert setting in short
    assert "Outside its limits, or within by less than 1 sigma: " in one.text
    assert one.text.endswith(NO_CLEARANCE)


def test_every_expected_pattern_is_told_by_features_and_drawn_in_these_tests():
    expected = {one.id for one in patterns() if one.kind == "expected"}
    assert expected == EXPECTED.keys() == {case[0] for case in SHOWN}
    assert {one.id for p in every() for one in p.expected} == expected
    for one in patterns():
        assert set(one.settings or {}) == expected_settings(one.id)


def without_times(given):
    return dataclasses.replace(given, loop=dataclasses.replace(given.loop, times_s=None))


def lossy(given):
    return dataclasses.replace(given, loop=dataclasses.replace(given.loop, lossy=True))


def unlit(given):
    return dataclasses.replace(given, illegible="the picture is blank")


def unlike_its_mask(given):
    motion = given.motion
    return dataclasses.replace(
        given, motion=dataclasses.replace(motion, residual=np.full(len(motion.residual), 9.0))
    )


def unseen(given):
    injection = Injection(mask_frames=(0, 1), onset_frame=None, onset_score=0.0)
    return dataclasses.replace(given, injection=injection)


def with_run_off(given):
    run_off = RunOff(
        score=2.0, kind="transient", path_px=np.zeros((2, 2)), frames=(1, 2), smallest_seen_od=0.1
    )
    return dataclasses.replace(given, run_off=run_off)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lossy, "image unfit: the pixels were compressed with loss"),
        (without_times, "image unfit: the file gives no frame times"),
        (unlit, "image unfit: the picture is blank"),
        (unlike_its_mask, "image unfit: no frame could be judged"),
        (unseen, "no contrast was seen to arrive"),
        (with_run_off, "a run-off, which may be in a vessel, is among the contrast"),
    ],
)
def test_what_the_image_cannot_carry_is_not_judged_whatever_was_measured(change, why):
    marks = (MIDLINE, PLATES, FACET)
    assert told(IL, SHEET, *marks, **JUDGED).state == "shown"
    one = told(IL, SHEET, *marks, change=change, **JUDGED)
    assert (one.state, one.score, one.told) == ("not judged", None, ())
    assert why in one.reason
    assert (
        one.text
        == f"The expected pattern (epidural spread, interlaminar) was not judged: {one.reason}."
    )


@pytest.mark.parametrize("warning", FIRST)
def test_a_warning_of_the_same_contrast_stands_alone(warning):
    raised = Finding(id=warning, severity="info", text="", score=1.0, frames=None)
    one = told(IL, SHEET, MIDLINE, PLATES, findings=(raised,), **JUDGED)
    assert one.state == "not judged"
    assert one.reason.startswith("a warning comes first: ")


def test_a_warning_of_something_else_leaves_the_pattern_judged():
    raised = Finding(id="dose_alert", severity="info", text="", score=1.0, frames=None)
    assert told(IL, SHEET, MIDLINE, PLATES, findings=(raised,), **JUDGED).state == "shown"


def test_contrast_that_is_warned_of_by_its_measures_is_not_called_expected():
    marks = (MIDLINE, PLATES, FACET)
    in_facet = drawn((92, 113, 187, 203))
    given = evidence(IL, in_facet, *marks, **JUDGED)
    (one,) = expected_patterns(given, IL, judge(given, IL))
    assert "retrodural facet-like" in one.reason


@pytest.mark.parametrize(
    ("procedure", "region", "marks", "more", "why"),
    [
        (IL, SHEET, (MIDLINE,), {"view": "AP"}, "the upper end plates of the vertebrae"),
        (IL, SHEET, (PLATES, MIDLINE), {"view": "LAT"}, "and this view is LAT"),
        (IL, SHEET, (PLATES, MIDLINE), {}, "in AP, PA, and this view is not known"),
        (IL, SHEET, (PLATES, MIDLINE), {"view": "AP", "bounds": ("across",)}, "the edge of the"),
        (IL, SHEET, (PLATES, MIDLINE), {"view": "AP", "calibration": None}, "it takes mm, and"),
        (TF, SHEET, (PLATES,), {"view": "AP"}, "pedicle"),
        (POOL, POOL_ON_BONE, (), {"view": "OBL"}, "foramen was not marked"),
        (FACET_IA, JOINT_FILLED, (), {"view": "OBL"}, "was not marked"),
        (LSB, SHEET, (ANTERIOR,), {"view": "LAT"}, "end plates"),
        (
            IL,
            SHEET,
            (),
            {"view": "AP", "change": lambda e: dataclasses.replace(e, measured=())},
            "not measured",
        ),
    ],
)
def test_a_pattern_without_mark_view_or_unit_is_not_judged_and_says_why(
    procedure, region, marks, more, why
):
    one = told(procedure, region, *marks, **more)
    assert (one.state, one.score) == ("not judged", None)
    assert why in one.reason


def test_a_view_whose_name_nobody_knows_is_told_as_such():
    one = told(IL, drawn((50, 150, 110, 124)), VILL, PLATES)
    assert one.state == "shown"
    assert "this view, whose name is not known, shows:" in one.text


def test_a_pattern_of_the_sites_own_is_not_judged():
    own = dataclasses.replace(IL.expected[0], id="ours", settings=None)
    one = told(dataclasses.replace(IL, expected=(own,)), SHEET, MIDLINE, PLATES, **JUDGED)
    assert one.reason == "this version cannot tell it"


def test_a_procedure_that_expects_nothing_is_told_nothing_of():
    generic = get("generic")
    assert expected_patterns(evidence(generic, SHEET), generic, ()) == ()


def test_a_limit_that_is_a_range_asks_for_its_further_end():
    (one,) = IL.expected
    wide = {
        n: dataclasses.replace(s, low=s.low / 9, high=s.high * 9) for n, s in one.settings.items()
    }
    strict = dataclasses.replace(IL, expected=(dataclasses.replace(one, settings=wide),))
    assert told(IL, SHEET, MIDLINE, PLATES, **JUDGED).state == "shown"
    assert told(strict, SHEET, MIDLINE, PLATES, **JUDGED).state == "not shown"


@pytest.mark.parametrize(
    ("state", "score", "why"),
    [("shown", None, ""), ("not judged", 1.0, "x"), ("not judged", None, "")],
)
def test_an_expected_pattern_has_a_score_or_the_reason_why_not(state, score, why):
    with pytest.raises(ValueError, match="a score, or the reason"):
        ExpectedPattern(pattern="p", name="P", state=state, score=score, text="t", reason=why)


@given(top=st.integers(0, 190), height=st.integers(1, 199))
def test_levels_seen_are_the_levels_where_those_are_known_and_less_where_not(top, height):
    region = np.zeros(SHAPE, bool)
    region[top : top + height, 140:160] = True
    short = PLATES.points_px[1:3]
    covered, least = levels_covered(region, short), levels_seen(region, short)
    if covered is not None:
        assert least == pytest.approx(covered[1] - covered[0])
    assert 0.0 <= least <= (min(height, 200 - top) - 1) / 40 + 1e-9


LOOKS = [(pattern, look) for pattern, looks in EXPECTED.items() for look in looks]
ONE_WAY = [
    (pattern, look)
    for pattern, look in LOOKS
    if len({(feature.measure, feature.landmarks) for feature in look}) == len(look)
]
"""Looks but those that hold one measure between two limits."""
NUMBER = st.floats(0, 100)
LIMITS = {
    one.id: {n: Limit(value=s.low, unit=s.unit) for n, s in (one.settings or {}).items()}
    for one in patterns()
}


def measurements(pattern, look, values, sigmas):
    return tuple(
        Measurement(
            id=feature.measure,
            value=value,
            sigma=sigma,
            unit=LIMITS[pattern][feature.setting].unit,
            of=next(iter(feature.landmarks), None),
            view=next(iter(feature.views), None),
        )
        for feature, value, sigma in zip(look, values, sigmas, strict=True)
    )


def procedure_of(pattern, look):
    """One that expects the pattern and has the landmarks of the look."""
    needed = {one for f in look if not f.extra for one in f.landmarks}
    for procedure in every():
        known = {landmark.id for landmark in procedure.landmarks}
        if pattern in {one.id for one in procedure.expected} and needed <= known:
            return dataclasses.replace(
                procedure,
                landmarks=tuple(
                    dataclasses.replace(one, views=("AP", "PA")) for one in procedure.landmarks
                ),
            )
    raise AssertionError(pattern)


def score(pattern, look, values, sigmas):
    measured = measurements(pattern, look, values, sigmas)
    return nearest_look((look,), measured, LIMITS[pattern], procedure_of(pattern, look)).score


@settings(max_examples=40, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize(("pattern", "look"), ONE_WAY)
def test_a_score_grows_with_each_measure_towards_the_pattern_and_never_with_doubt(
    pattern, look, data
):
    values = data.draw(st.tuples(*[NUMBER] * len(look)))
    sigmas = data.draw(st.tuples(*[st.floats(0, 20)] * len(look)))
    which = data.draw(st.integers(0, len(look) - 1))
    step = data.draw(st.floats(0, 50))
    nearer = list(values)
    nearer[which] += step if look[which].bound == "least" else -min(step, values[which])
    vague = [sigma + data.draw(st.floats(0, 20)) for sigma in sigmas]
    before = score(pattern, look, values, sigmas)
    assert 0 <= before <= score(pattern, look, nearer, sigmas) <= MOST_SCORE
    assert score(pattern, look, values, vague) <= before


@pytest.mark.parametrize(("pattern", "look"), LOOKS)
def test_a_pattern_at_its_limits_is_shown_with_one_sigma_to_spare_and_not_without(pattern, look):
    limits = [LIMITS[pattern][feature.setting].value for feature in look]
    side = [1 if feature.bound == "least" else -1 for feature in look]
    sigmas = [0.1 * limit for limit in limits]
    spared = [a + s * b for a, s, b in zip(limits, side, sigmas, strict=True)]
    assert score(pattern, look, spared, sigmas) == pytest.approx(1.0)
    assert score(pattern, look, limits, sigmas) < 1.0


@pytest.mark.parametrize(("pattern", "look"), ONE_WAY)
def test_a_measure_in_another_unit_or_of_no_number_is_not_judged(pattern, look):
    procedure = procedure_of(pattern, look)
    good = measurements(pattern, look, [1.0] * len(look), [0.1] * len(look))
    for spoiled in ({"unit": "cm"}, {"value": float("nan")}):
        measured = (dataclasses.replace(good[0], **spoiled), *good[1:])
        found = nearest_look((look,), measured, LIMITS[pattern], procedure)
        assert found.score is None
        assert found.why
