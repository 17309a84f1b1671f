"""The needle against plan, beam and true length: exact where geometry tells, else a reason."""

from __future__ import annotations

from dataclasses import replace
from math import cos, radians, sin

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured_loops import seen

from napari_fluoroinject.analysis.measures.shaft import shaft_measurements
from napari_fluoroinject.model.annotation import Annotation, Mark
from napari_fluoroinject.model.needle import NoNeedle
from napari_fluoroinject.procedures import get

IL = replace(get("esi_il_lumbar"), measures=("shaft_angle", "coaxiality", "foreshortening"))
PLAN = Mark(landmark="planned_trajectory", points_px=((0.0, 0.0), (100.0, 0.0)))


def one(what, **changes):
    (found,) = [m for m in shaft_measurements(seen(**changes), IL) if m.id == what]
    return found


@given(angle=st.floats(-180, 180), length=st.floats(20, 200))
def test_the_angle_against_the_plan_is_that_which_was_laid_off(angle, length):
    turn = radians(angle)
    tip = (100 + length * cos(turn), 100 + length * sin(turn))
    found = one("shaft_angle", annotation=Annotation(marks=(PLAN,)), hub=(100.0, 100.0), tip=tip)
    expected = np.degrees(np.arcsin(abs(sin(turn))))
    assert found.value == pytest.approx(expected, abs=1e-6)
    assert found.sigma > 0


@pytest.mark.parametrize("degrees", [0.0, 2.0, 20.0, 45.0])
def test_a_needle_of_known_length_tells_its_angle_to_the_beam(degrees):
    # 0.5 mm per pixel: a needle of 90 mm at this angle
    off_px = 90.0 * sin(radians(degrees)) / 0.5
    annotation = Annotation(view="AP", needle_length_mm=90.0)
    marks = {"annotation": annotation, "hub": (10.0, 10.0), "tip": (10.0, 10.0 + off_px)}
    assert one("coaxiality", **marks).value == pytest.approx(degrees, abs=1e-6)
    assert one("foreshortening", **marks).value == pytest.approx(sin(radians(degrees)))


@pytest.mark.parametrize(
    ("what", "changes", "why"),
    [
        ("shaft_angle", {}, "not marked"),
        (
            "shaft_angle",
            {"annotation": Annotation(marks=(PLAN,)), "needle": NoNeedle(reason="x")},
            "no needle",
        ),
        ("coaxiality", {"annotation": Annotation(view="CLO")}, "trajectory view"),
        ("coaxiality", {"annotation": Annotation(view="AP")}, "length was not given"),
        ("foreshortening", {"source": "detected"}, "mark hub and tip"),
        (
            "foreshortening",
            {"annotation": Annotation(needle_length_mm=9.0)},
            "looks 32 mm long, longer than the 9 mm given",
        ),
        (
            "foreshortening",
            {"annotation": Annotation(needle_length_mm=90.0), "calibration": None},
            "no millimetres",
        ),
    ],
)
def test_what_cannot_be_measured_says_why(what, changes, why):
    found = one(what, **changes)
    assert found.value is None
    assert why in found.reason


def test_only_what_the_procedure_asks_for_is_measured():
    assert shaft_measurements(seen(), replace(IL, measures=("tip_to_line",))) == ()
