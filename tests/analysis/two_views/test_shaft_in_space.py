"""The needle in space: length, direction, and angle against a planned axis."""

from __future__ import annotations

import numpy as np
import pytest
from seen_twice import common, pose

from napari_fluoroinject.analysis.two_views.shaft import angle_between, way
from napari_fluoroinject.analysis.two_views.simulation import views_apart, wrong_by
from napari_fluoroinject.analysis.two_views.triangulate import locate, stated_pair
from napari_fluoroinject.model.pose import PoseSigma

SIGMA = PoseSigma(angle_deg=1.0, isocentre_mm=1.0)
POINTS = {"hub": (0, 60, 0), "tip": (0, 0, 0), "entry": (60, 60, 10), "aim": (0, 0, 10)}
NEEDLE, PLANNED = ("hub", "tip"), ("entry", "aim")


def located(points=None, sigma=SIGMA, **options):
    first, second = pose(0), pose(70)
    marks = common(first, second, points or POINTS, **options)
    return locate(stated_pair(first, second, sigma=sigma), marks)


def test_a_needle_has_its_length_and_direction():
    needle = way(located(), *NEEDLE)
    assert needle.length_mm == pytest.approx(60, abs=1e-6)
    assert needle.direction == pytest.approx((0, -1, 0), abs=1e-8)


def test_the_angle_against_the_planned_axis_is_the_one_in_space():
    assert angle_between(located(), NEEDLE, PLANNED).value_deg == pytest.approx(45, abs=1e-6)


def test_a_needle_along_its_plan_has_angle_0_and_an_error():
    points = POINTS | {"entry": (0, 60, 10)}
    angle = angle_between(located(points), NEEDLE, PLANNED)
    assert angle.value_deg == pytest.approx(0, abs=1e-5)
    assert angle.sigma_deg > 0.1


@pytest.mark.parametrize("missing", ["hub", "tip"])
def test_without_both_ends_there_is_no_needle(missing):
    points = {name: place for name, place in POINTS.items() if name != missing}
    assert way(located(points), *NEEDLE) is None
    assert angle_between(located(points), NEEDLE, PLANNED) is None


def test_one_point_is_no_way():
    exact = PoseSigma(angle_deg=0.0, isocentre_mm=0.0)
    found = located({"hub": (0, 0, 0), "tip": (0, 0, 0)}, sigma=exact)
    needle = way(found, *NEEDLE)
    assert needle is None or needle.length_mm < 1e-6


def test_length_and_angle_are_as_sure_as_they_say():
    random = np.random.default_rng(9)
    lengths, angles, directions = [], [], []
    for _ in range(200):
        first, second = views_apart(None, random)
        errors = wrong_by(first, SIGMA, random), wrong_by(second, SIGMA, random)
        marks = common(first, second, POINTS, errors=errors, random=random)
        found = locate(stated_pair(first, second, sigma=SIGMA), marks, largest_gap_mm=1e3)
        needle, angle = way(found, *NEEDLE), angle_between(found, NEEDLE, PLANNED)
        if needle is None or angle is None:  # a gap of four standard deviations
            continue
        lengths.append((needle.length_mm - 60) / needle.length_sigma_mm)
        angles.append((angle.value_deg - 45) / angle.sigma_deg)
        off = np.degrees(np.arccos(np.clip(np.dot(needle.direction, (0, -1, 0)), -1, 1)))
        directions.append(off <= needle.bound_deg)
    # a standard deviation of 1, within four standard errors of 200 draws
    assert np.std(lengths) == pytest.approx(1, abs=0.2)
    assert np.std(angles) == pytest.approx(1, abs=0.2)
    assert np.mean(directions) == pytest.approx(0.95, abs=0.06)
