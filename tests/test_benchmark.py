"""The benchmark's own arithmetic: a score is the distance from the truth."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.benchmark import (
    SCENES,
    TWINS,
    Case,
    Score,
    cases,
    crossing_s,
    score_case,
    table,
)
from napari_fluoroinject.phantom import planar, scenes

CASE = Case(key="mbb_lumbar", seed=1, twin="none", needle=True)


def score(**changes):
    fields = {
        "case": CASE,
        "dose_ngy": 20.0,
        "motion_px": (0.1, 0.3),
        "tip_px": 0.5,
        "tip_sigma_px": 0.3,
        "needle_found": True,
        "onset_frames": -1.0,
        "onset_false": False,
        "onset_missed": False,
        "arrival_frames": 0.6,
        "arrival_coverage": 0.9,
        "dice": 0.9,
        "dice_iodine": 0.8,
        "residual": 1.2,
        "slope": 1.1,
        "slope_sigma": 0.1,
        "alarm": False,
        "run_off": False,
        "run_off_od": None,
        "cpu_s": 2.0,
    }
    return Score(**(fields | changes))


def test_every_seed_is_used_and_twins_take_turns():
    listed = list(cases(["mbb_lumbar"], seeds=8, first_seed=10))
    with_needle = [case for case in listed if case.needle]
    assert [case.seed for case in with_needle] == list(range(10, 18))
    assert [case.twin for case in with_needle] == [*TWINS, *TWINS[:2]]
    assert len([case for case in listed if not case.needle]) == 2


def test_a_scene_is_built_by_the_family_that_has_it():
    assert set(SCENES["first"]) <= set(scenes())
    assert set(SCENES["second"]) == set(planar.SPECS)
    listed = cases(["mbb_lumbar", "film_on_bone"], seeds=1, first_seed=0)
    assert {case.key: case.family for case in listed} == {
        "mbb_lumbar": "first",
        "film_on_bone": "second",
    }
    assert CASE.family == "first"


def test_figures_are_means_rates_and_coverage_of_their_dose():
    needleless = dataclasses.replace(CASE, needle=False)
    columns = table(
        [
            score(),
            score(tip_px=1.5, slope=1.5, alarm=True, dice_iodine=0.6, arrival_frames=1.0),
            score(case=needleless, tip_px=None, tip_sigma_px=None, needle_found=True),
            score(tip_px=None, tip_sigma_px=None, needle_found=False, run_off=True, alarm=True),
            score(dose_ngy=5.0, tip_px=9.0),
        ],
        doses_ngy=(20.0,),
    )
    figures = columns["20 nGy"]
    assert figures["loops"] == 4
    assert figures["tip error mean px"] == pytest.approx(1.0)
    assert figures["tip within 2 sigma"] == pytest.approx(0.5)
    assert figures["needles missed"] == 1
    assert figures["false needles"] == 1
    assert figures["motion error mean px"] == pytest.approx(0.2)
    assert figures["slope within 2 sigma"] == pytest.approx(0.75)
    assert figures["slope relative uncertainty median"] == pytest.approx(0.1)
    assert figures["Dice above 3 mg iodine/cm2 mean"] == pytest.approx(0.75)
    assert figures["background residual over noise p95"] == pytest.approx(1.2)
    assert figures["arrival error median frames"] == pytest.approx(0.6)
    assert (figures["run-offs found"], figures["run-offs"]) == (1, 1)
    assert (figures["false alarms"], figures["loops without run-off"]) == (1, 3)
    assert figures["onset error mean frames"] == pytest.approx(1.0)


def test_slopes_with_a_stated_gauge_are_counted_by_themselves():
    gauged = dataclasses.replace(CASE, seed=2)
    listed = [score(), score(case=gauged, slope=1.08), score(case=gauged, slope=1.2)]
    figures = table(listed, doses_ngy=(20.0,))["20 nGy"]
    assert figures["slope 0.90 to 1.10 where gauge given"] == pytest.approx(0.5)
    assert figures["loops with slope and gauge given"] == 2
    assert not dataclasses.replace(gauged, needle=False).gauge_given


def test_a_dose_without_loops_has_no_figures():
    figures = table([], doses_ngy=(50.0,))["50 nGy"]
    assert figures["loops"] == 0
    assert figures["Dice mean"] is None


@given(
    st.floats(0.5, 6.4, allow_nan=False),
    st.floats(0.05, 0.5),
    st.lists(st.floats(0.02, 0.2), min_size=9, max_size=9),
)
def test_a_straight_rise_crosses_where_it_is_drawn_at_any_frame_times(begin, slope, steps):
    times_s = np.concatenate([[0.0], np.cumsum(steps)])
    start_s = float(np.interp(begin, np.arange(10), times_s))
    od = (slope * (times_s - start_s)).astype(np.float32)[:, None, None]
    threshold = float(od[-3, 0, 0]) * 0.9
    if threshold <= 1e-4 or od[0, 0, 0] >= threshold:
        return
    crossed = crossing_s(od, times_s, threshold)[0, 0]
    assert crossed == pytest.approx(start_s + threshold / slope, abs=1e-3)


def test_a_flash_of_one_frame_is_no_arrival():
    od = np.zeros((6, 1, 1), np.float32)
    od[2] = 1.0
    assert np.isnan(crossing_s(od, np.arange(6.0), 0.5)).all()
    od[4:] = 1.0
    assert crossing_s(od, np.arange(6.0), 0.5)[0, 0] == pytest.approx(3.5)


@pytest.mark.slow
@pytest.mark.parametrize(("key", "family"), [("mbb_lumbar", "first"), ("film_on_bone", "second")])
def test_a_small_scene_is_scored_from_end_to_end_at_each_dose(key, family):
    small = dataclasses.replace(CASE, key=key, family=family, size=192, frames=36)
    low, high = score_case(small, (20.0, 200.0))
    assert (low.dose_ngy, high.dose_ngy) == (20.0, 200.0)
    assert len(high.motion_px) == 36
    assert np.median(high.motion_px) < 0.5
    assert high.residual is not None
    assert 0.5 < high.residual < 5.0
    assert high.onset_frames is None or abs(high.onset_frames) < 6
