"""The table of run-offs found at a rate of false alarms: its arithmetic, and a small scene."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.benchmark import Case
from napari_fluoroinject.benchmark.operating import FALSE_ALARM_RATES, sensitivity_at
from napari_fluoroinject.benchmark.vascular import (
    VascularScore,
    printed,
    rows,
    scene_keys,
    vascular_cases,
    vascular_scores,
    wilson,
)
from napari_fluoroinject.phantom import planar, scenes
from napari_fluoroinject.phantom.catalogue import SPECS
from napari_fluoroinject.phantom.scenes.common import INJECTION_TWINS

SCORES = st.lists(st.floats(0.0, 5.0), min_size=1, max_size=40)
CASE = Case(key="mbb_lumbar", seed=1, twin="none", needle=True)


def score(value, twin="none", *, lasting=None, key="mbb_lumbar", dose_ngy=20.0):
    return VascularScore(
        case=dataclasses.replace(CASE, twin=twin, key=key),
        dose_ngy=dose_ngy,
        score=value,
        alarm=value is not None and value >= 1,
        lasting=lasting,
        opacity_od=None if lasting is None else 0.1,
        visible_snr=None if lasting is None else 40.0,
    )


LOOPS = [
    score(0.7),
    score(1.1),
    score(None, "no_contrast"),
    score(1.5, "vascular", lasting="transient"),
    score(0.9, "vascular_mixed", lasting="persistent"),
    score(0.2, dose_ngy=5.0),
    score(0.4, "vascular_remote", lasting="persistent", dose_ngy=5.0),
]


def test_every_scene_in_which_contrast_may_run_off_takes_part():
    assert set(scene_keys("second")) == set(planar.SPECS)
    assert set(scene_keys("first")) <= set(scenes())
    assert scene_keys("both") == scene_keys("first") + scene_keys("second")
    running = {key for key, (_, twins) in scenes().items() if "vascular" in twins}
    assert set(scene_keys("first")) == running


@pytest.mark.parametrize("key", scene_keys("both"))
def test_half_the_loops_run_off_and_every_twin_has_its_turn(key):
    listed = list(vascular_cases([key], seeds=24, first_seed=7))
    assert [case.seed for case in listed] == list(range(7, 31))
    running = [case for case in listed if case.twin.startswith("vascular")]
    assert all(INJECTION_TWINS[case.twin].run_off is not None for case in running)
    assert len(running) == 12
    assert {case.twin for case in running} >= {
        "vascular",
        "vascular_persistent",
        "vascular_mixed",
        "vascular_remote",
    }
    if key in SPECS:
        assert {case.view for case in running} == set(SPECS[key].views)
    assert {"none", "no_contrast"} <= {case.twin for case in listed}
    assert {case.family for case in listed} == {"second" if key in planar.SPECS else "first"}


@given(found=SCORES, quiet=SCORES, rate=st.floats(0.0, 0.5))
def test_no_more_false_alarms_than_stated_stand_beside_a_sensitivity(found, quiet, rate):
    share, threshold = sensitivity_at(found, quiet, rate)
    assert np.mean(np.array(quiet) > threshold) <= rate + 1e-9
    assert share == np.mean(np.array(found) > threshold)


@given(found=SCORES, quiet=SCORES)
def test_more_false_alarms_never_find_less(found, quiet):
    shares = [sensitivity_at(found, quiet, rate)[0] for rate in FALSE_ALARM_RATES]
    assert shares == sorted(shares)


@given(trials=st.integers(1, 300), share=st.floats(0.0, 1.0))
def test_the_interval_of_a_rate_holds_the_rate(trials, share):
    successes = round(share * trials)
    low, high = wilson(successes, trials)
    assert -1e-9 <= low <= successes / trials + 1e-9
    assert successes / trials - 1e-9 <= high <= 1 + 1e-9


def test_a_row_compares_run_offs_with_loops_that_have_none():
    table = {(row.dose_ngy, row.name): row for row in rows(LOOPS)}
    every = table[20.0, "all"]
    assert (every.found, every.run_offs, every.false, every.quiet) == (1, 2, 1, 3)
    assert every.sensitivity is not None
    assert every.sensitivity[0] == 0.5
    assert every.area == pytest.approx(5 / 6)
    assert table[20.0, "transient"].found == 1
    assert table[20.0, "near, mixed with film"].run_offs == 1
    assert table[20.0, "remote, beside film"].sensitivity is None
    assert table[5.0, "remote, beside film"].run_offs == 1


def test_the_table_says_that_its_figures_are_not_clinical():
    text = printed(rows(LOOPS))
    assert "not clinical" in text
    assert "| 20 | all | 1 of 2 |" in text
    assert "| 5 | remote, beside film | 0 of 1 |" in text


@pytest.mark.parametrize(("key", "family"), [("mbb_lumbar", "first"), ("film_on_bone", "second")])
def test_a_small_scene_is_scored_from_end_to_end(key, family):
    small = dataclasses.replace(
        CASE, key=key, family=family, twin="vascular_persistent", size=192, frames=45
    )
    (dense,) = vascular_scores(small, (500.0,))
    assert dense.dose_ngy == 500.0
    assert dense.lasting == "persistent"
    assert dense.opacity_od is not None
    assert dense.score is not None
    faint = vascular_scores(small, (20.0,))[0]
    assert dense.visible_snr is not None
    assert faint.visible_snr is not None
    # Noise falls with the root of the dose.
    assert dense.visible_snr == pytest.approx(5 * faint.visible_snr, rel=0.35)
    assert vascular_scores(dataclasses.replace(small, twin="none"), (20.0,))[0].visible_snr is None


@given(
    found=st.lists(st.floats(0, 5), min_size=1, max_size=30),
    quiet=st.lists(st.floats(0, 5), min_size=1, max_size=30),
    rate=st.sampled_from(FALSE_ALARM_RATES),
)
def test_no_threshold_of_a_false_alarm_rate_finds_more_than_is_told(found, quiet, rate):
    share, _ = sensitivity_at(found, quiet, rate)
    kept = [t for t in {*found, *quiet, -1.0} if np.mean(np.array(quiet) > t) <= rate]
    assert share == pytest.approx(max(np.mean(np.array(found) > t) for t in kept))
