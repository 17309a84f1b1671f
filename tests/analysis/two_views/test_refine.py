"""Poses refined by common points: distances become surer, and the bound stays honest."""

from __future__ import annotations

import numpy as np
import pytest
from seen_twice import common, pose

from napari_fluoroinject.analysis.two_views.refine import NoRefinement, Refined, refine
from napari_fluoroinject.analysis.two_views.shaft import way
from napari_fluoroinject.analysis.two_views.simulation import views_apart, wrong_by
from napari_fluoroinject.analysis.two_views.triangulate import (
    CommonPoint,
    locate,
    stated_pair,
)
from napari_fluoroinject.model.pose import PoseSigma

SIGMA = PoseSigma(angle_deg=2.0, isocentre_mm=2.0)


def landmarks(random, count=8):
    return {f"mark {k}": random.uniform(-50, 50, 3) for k in range(count)}


def seen_pair(random, count=8, sigma_px=1.0):
    """Two views whose poses are wrong: the pair, landmarks, and a needle as they show them."""
    first, second = views_apart(None, random)
    errors = wrong_by(first, SIGMA, random), wrong_by(second, SIGMA, random)
    needle = {"tip": random.uniform(-20, 20, 3), "hub": random.uniform(-50, 50, 3)}
    options = {"sigma_px": sigma_px, "errors": errors, "random": random}
    marks = common(first, second, landmarks(random, count), **options)
    ends = common(first, second, needle, **options)
    return stated_pair(first, second, sigma=SIGMA), marks, ends, needle


def test_after_refinement_gaps_and_lengths_are_surer_and_bounds_still_hold():
    random = np.random.default_rng(5)
    held, bounds, lengths, sigmas, gaps = [], [], [], [], []
    for _ in range(60):
        pair, marks, ends, needle = seen_pair(random)
        refined = refine(pair, marks)
        if isinstance(refined, NoRefinement):  # once in a thousand
            continue
        before, after = locate(pair, ends, largest_gap_mm=1e3), locate(refined.pair, ends)
        one, other = way(before, "hub", "tip"), way(after, "hub", "tip")
        if one is None or other is None:  # a gap of four standard deviations
            continue
        tip = after.points["tip"]
        held.append(np.linalg.norm(np.subtract(tip.point_mm, needle["tip"])) <= tip.bound_mm)
        gaps.append(tip.ray_gap_sigma_mm / before.points["tip"].ray_gap_sigma_mm)
        bounds.append(tip.bound_mm / before.points["tip"].bound_mm)
        true = np.linalg.norm(needle["tip"] - needle["hub"])
        lengths.append((other.length_mm - true) / other.length_sigma_mm)
        sigmas.append(other.length_sigma_mm / one.length_sigma_mm)
    assert len(held) >= 55
    # within three standard errors of 60 draws
    assert np.mean(held) == pytest.approx(0.95, abs=0.09)
    assert np.sqrt(np.mean(np.square(lengths))) == pytest.approx(1, abs=0.3)
    assert np.mean(gaps) < 0.5
    # rays that meet say little of the angle between the views, and nothing of where both lie
    assert 0.7 < np.mean(sigmas) < 0.95
    assert 0.9 < np.mean(bounds) < 1.0


def test_rays_to_common_points_meet_after_refinement():
    pair, marks, _, _ = seen_pair(np.random.default_rng(1))
    refined = refine(pair, marks)
    assert isinstance(refined, Refined)
    assert refined.gap_after_mm < 0.3 < refined.gap_before_mm
    assert refined.pair.errors.shape == (12,)


def test_what_both_poses_have_in_common_stays_as_uncertain_as_it_was_stated():
    pair, marks, _, _ = seen_pair(np.random.default_rng(2), count=30, sigma_px=0.1)
    refined = refine(pair, marks)
    together = np.zeros(12)
    together[5] = together[11] = np.sqrt(0.5)  # both isocentres towards the head
    before = together @ pair.covariance @ together
    assert together @ refined.pair.covariance @ together == pytest.approx(before, rel=0.05)


def test_refinement_never_makes_a_pose_less_sure():
    pair, marks, _, _ = seen_pair(np.random.default_rng(3))
    left = pair.covariance - refine(pair, marks).pair.covariance
    assert np.linalg.eigvalsh(left).min() > -1e-6


def test_poses_without_error_stay_where_they_are():
    first, second = pose(0), pose(80)
    sigma = PoseSigma(angle_deg=0.0, isocentre_mm=0.0)
    marks = common(first, second, landmarks(np.random.default_rng(4)))
    refined = refine(stated_pair(first, second, sigma=sigma), marks)
    assert refined.pair.errors == pytest.approx(np.zeros(12))
    assert refined.gap_after_mm == pytest.approx(0, abs=1e-9)


def test_four_points_are_too_few():
    pair, marks, _, _ = seen_pair(np.random.default_rng(6), count=4)
    refused = refine(pair, marks)
    assert isinstance(refused, NoRefinement)
    assert refused.reason == "4 common points are marked; a refinement takes 5 or more"


def test_views_that_are_too_near_are_not_refined():
    first, second = pose(0), pose(20)
    marks = common(first, second, landmarks(np.random.default_rng(7)))
    refused = refine(stated_pair(first, second, sigma=SIGMA), marks)
    assert "only 20 degrees apart" in refused.reason


def test_a_point_that_is_not_the_same_is_found_out_by_the_others():
    pair, marks, _, _ = seen_pair(np.random.default_rng(8))
    wrong = CommonPoint(
        name="another vertebra",
        first_px=marks[0].first_px,
        second_px=tuple(np.add(marks[0].second_px, 90)),
        sigma_px=(1.0, 1.0),
    )
    refused = refine(pair, [wrong, *marks[1:]])
    assert isinstance(refused, NoRefinement)
    assert "another vertebra most" in refused.reason
