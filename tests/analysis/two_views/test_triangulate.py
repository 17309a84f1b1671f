"""Points in space from two views: exact without error, bounded with it, refused where it must."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from seen_twice import common, pose, seen_px

from napari_fluoroinject.analysis.two_views.bound import radius_mm
from napari_fluoroinject.analysis.two_views.projection import separation_deg
from napari_fluoroinject.analysis.two_views.triangulate import (
    CommonPoint,
    Located,
    NoTriangulation,
    Sight,
    Triangulated,
    locate,
    ray_gap,
    stated_pair,
    triangulate,
)
from napari_fluoroinject.model.pose import PoseSigma

SIGMA = PoseSigma(angle_deg=1.0, isocentre_mm=1.0)
ANGLE = st.floats(-180, 180)
TILT = st.floats(-40, 40)
NEAR = st.tuples(*[st.floats(-60, 60)] * 3)


def sights(first, second, point, *, sigma_px=(1.0, 1.0), shift=(0.0, 0.0)):
    one, other = seen_px(first, point), seen_px(second, point)
    return (
        Sight(pose=first, point_px=one, sigma_px=sigma_px[0]),
        Sight(pose=second, point_px=tuple(np.add(other, shift)), sigma_px=sigma_px[1]),
    )


@settings(deadline=None)
@given(ANGLE, ANGLE, TILT, TILT, NEAR, st.sampled_from([0.0, 1.0]))
def test_without_error_the_point_is_exact(primary, other, tilt, its, point, error):
    first, second = pose(primary, tilt), pose(other, its)
    assume(separation_deg(first, second) >= 30)
    sigma = PoseSigma(angle_deg=error, isocentre_mm=error)
    found = triangulate(*sights(first, second, point), sigma=sigma)
    assert isinstance(found, Triangulated)
    assert found.point_mm == pytest.approx(point, abs=1e-6)
    assert found.ray_gap_mm == pytest.approx(0, abs=1e-6)
    assert found.separation_deg == pytest.approx(separation_deg(first, second))


@pytest.mark.parametrize("degrees", [0, 29.9, 151, 180])
def test_views_less_than_30_degrees_apart_give_no_point(degrees):
    found = triangulate(*sights(pose(-80), pose(degrees - 80), (1, 2, 3)), sigma=SIGMA)
    assert isinstance(found, NoTriangulation)
    assert "degrees apart; a point in space takes 30 or more" in found.reason


def test_rays_that_miss_each_other_by_more_than_3_mm_give_no_point():
    # 20 pixels along the axis that both views share: 4.2 mm at the isocentre
    found = triangulate(*sights(pose(0), pose(90), (0, 0, 0), shift=(20, 0)), sigma=SIGMA)
    assert isinstance(found, NoTriangulation)
    assert "miss each other by 4.2 mm" in found.reason


def test_rays_that_miss_by_more_than_the_stated_errors_explain_refute_them():
    small = PoseSigma(angle_deg=0.0, isocentre_mm=0.0)
    seen = sights(pose(0), pose(90), (0, 0, 0), sigma_px=(0.5, 0.5), shift=(10, 0))
    found = triangulate(*seen, sigma=small)
    assert isinstance(found, NoTriangulation)
    assert "errors stated too small" in found.reason
    assert isinstance(triangulate(*seen, sigma=SIGMA), Triangulated)


def test_the_gap_is_told_with_what_the_errors_explain_of_it():
    seen = sights(pose(0), pose(90), (0, 0, 0), sigma_px=(2.0, 2.0), shift=(4, 0))
    found = triangulate(*seen, sigma=PoseSigma(angle_deg=0.0, isocentre_mm=0.0))
    assert found.ray_gap_mm == pytest.approx(4 * 0.21, rel=1e-3)
    assert found.ray_gap_sigma_mm == pytest.approx(np.sqrt(2) * 2 * 0.21, rel=1e-3)


def test_errors_at_right_angles_are_those_of_the_two_pictures():
    # rows of both views run along the body: each of them tells it; columns tell one axis each
    seen = sights(pose(0), pose(90), (0, 0, 0), sigma_px=(2.0, 1.0))
    found = triangulate(*seen, sigma=PoseSigma(angle_deg=0.0, isocentre_mm=0.0))
    mm = 0.30 * 0.7
    expected = np.diag([2.0**2, 1.0**2, 1 / (1 / 2.0**2 + 1 / 1.0**2)]) * mm**2
    assert found.covariance == pytest.approx(expected, abs=1e-9)


def test_an_error_of_the_isocentre_is_not_made_smaller_by_pixels():
    found = triangulate(
        *sights(pose(0), pose(90), (0, 0, 0), sigma_px=(1e-3, 1e-3)),
        sigma=PoseSigma(angle_deg=0.0, isocentre_mm=1.0),
    )
    assert np.diag(found.covariance) == pytest.approx([1.0, 1.0, 0.5], rel=1e-4)


@pytest.mark.parametrize(
    ("variances", "radius"),
    [
        ((4.0, 4.0, 4.0), 2 * np.sqrt(stats.chi2.ppf(0.95, 3))),
        ((1.0, 1.0, 0.0), np.sqrt(stats.chi2.ppf(0.95, 2))),
        ((1.0, 1.0), np.sqrt(stats.chi2.ppf(0.95, 2))),
        ((9.0, 0.0, 0.0), 3 * stats.norm.ppf(0.975)),
        ((0.0, 0.0, 0.0), 0.0),
    ],
)
def test_the_bound_is_the_quantile_where_that_is_known_by_itself(variances, radius):
    assert radius_mm(np.diag(variances)) == pytest.approx(radius, rel=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.tuples(*[st.floats(0.01, 10)] * 3), st.integers(0, 2**31))
def test_the_sphere_of_the_bound_holds_95_percent_of_any_gaussian(deviations, seed):
    random = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(random.standard_normal((3, 3)))
    drawn = (random.standard_normal((40_000, 3)) * deviations) @ turn
    radius = radius_mm(turn.T @ np.diag(np.square(deviations)) @ turn)
    assert np.mean(np.linalg.norm(drawn, axis=1) <= radius) == pytest.approx(0.95, abs=0.006)


def test_points_found_together_share_the_errors_of_the_poses():
    first, second = pose(0), pose(60)
    marks = common(first, second, {"tip": (1, 2, 3), "target": (3, 2, 3)}, sigma_px=0.5)
    found = locate(stated_pair(first, second, sigma=SIGMA), marks)
    assert isinstance(found, Located)
    way, covariance = found.between("tip", "target")
    assert way == pytest.approx([2, 0, 0], abs=1e-6)
    # an isocentre that is off moves both alike
    assert radius_mm(covariance) < 0.3 * found.points["tip"].bound_mm


def test_one_point_marked_wrongly_is_refused_and_named_and_the_rest_is_found():
    first, second = pose(0), pose(90)
    good, bad = common(first, second, {"tip": (1, 2, 3), "hub": (30, -40, 10)})
    bad = CommonPoint(
        name="hub",
        first_px=bad.first_px,
        second_px=tuple(np.add(bad.second_px, (40, 0))),
        sigma_px=(1.0, 1.0),
    )
    found = locate(stated_pair(first, second, sigma=SIGMA), [good, bad])
    assert list(found.points) == ["tip"]
    assert found.refused["hub"].reason.startswith("hub: the rays miss each other")
    assert found.covariance.shape == (3, 3)


def test_the_gap_has_a_sign_and_vanishes_for_one_point():
    first, second = pose(0), pose(90)
    pair = stated_pair(first, second, sigma=SIGMA)
    (mark,) = common(first, second, {"tip": (5, 5, 5)})
    assert ray_gap(pair, mark)[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan")])
def test_a_mark_without_an_error_is_refused(sigma):
    with pytest.raises(ValueError, match="expected more than 0"):
        CommonPoint(name="tip", first_px=(0, 0), second_px=(0, 0), sigma_px=(1.0, sigma))
