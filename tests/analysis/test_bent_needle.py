"""A needle that bends is a needle: found, measured along its bend, and left out of contrast."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import atan2, degrees

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from needle_scenes import Scene, SceneSettings, make_scene

from napari_fluoroinject.analysis.corridor import needle_corridor
from napari_fluoroinject.analysis.needle import find_needle
from napari_fluoroinject.analysis.needle.line import Line
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.needle import Needle, NoNeedle

ON = choose("cpu")
LENGTH_PX = float(np.hypot(68.0, 64.0))


@cache
def scene(**changes: object) -> Scene:
    return make_scene(replace(SceneSettings(), **changes))  # type: ignore[arg-type]  # by name


def found(drawn: Scene) -> Needle:
    needle = find_needle(drawn.registered, gauge=None, on=ON)
    assert isinstance(needle, Needle), needle
    return needle


@pytest.mark.parametrize(("sag_px", "seed"), [(-5.0, 0), (-2.0, 1), (2.0, 0), (5.0, 1)])
def test_a_bent_needle_is_found_and_its_sag_measured(sag_px: float, seed: int) -> None:
    drawn = scene(sag_px=sag_px, seed=seed)
    needle = found(drawn)
    assert np.hypot(*(np.asarray(needle.tip_px) - drawn.tip_px[needle.frame])) < 1.0
    assert np.hypot(*(np.asarray(needle.hub_px) - drawn.hub_px[needle.frame])) < 2.0
    assert needle.sag_px == pytest.approx(sag_px, abs=0.5)
    assert np.hypot(*(needle.tip_by_frame_px - drawn.tip_px).T).mean() < 1.0


@pytest.mark.parametrize("sag_px", [-5.0, 0.0, 5.0])
def test_a_bent_needle_points_where_its_tip_points(sag_px: float) -> None:
    needle = found(scene(sag_px=sag_px))
    chord = degrees(atan2(68.0, 64.0))
    at_tip = chord - degrees(atan2(4 * sag_px, LENGTH_PX))
    assert needle.axis_deg == pytest.approx(chord, abs=0.7)
    assert needle.tip_axis_deg == pytest.approx(at_tip, abs=1.5)


@pytest.mark.parametrize("wave_px", [1.0, 1.5, 3.0, 6.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_wire_that_winds_like_an_s_is_no_needle(wave_px: float, seed: int) -> None:
    answer = find_needle(scene(wave_px=wave_px, seed=seed).registered, gauge=None, on=ON)
    assert isinstance(answer, NoNeedle)


def test_a_wire_that_bends_like_a_hoop_is_no_needle() -> None:
    answer = find_needle(scene(sag_px=10.0).registered, gauge=None, on=ON)
    assert isinstance(answer, NoNeedle)


def test_a_bent_needle_that_advances_is_followed() -> None:
    drawn = scene(seed=2, advance_px=20.0, sag_px=4.0)
    needle = found(drawn)
    assert needle.tip_end_by == "moved"
    assert np.median(np.hypot(*(needle.tip_by_frame_px - drawn.tip_px).T)) < 1.0


def test_the_end_at_a_blade_is_not_the_tip_though_it_darkens() -> None:
    drawn = scene(contrast=0.0)
    field = drawn.registered.field.copy()
    field[:50] = False
    ln = drawn.registered.ln.copy()
    ln[14:, 50:72, 45:80] -= 0.3
    needle = found(replace(drawn, registered=replace(drawn.registered, field=field, ln=ln)))
    assert needle.tip_end_by == "edge"
    assert np.hypot(*(np.asarray(needle.tip_px) - drawn.tip_px[needle.frame])) < 1.0


@pytest.mark.parametrize("sag_px", [-6.0, 6.0])
def test_the_corridor_follows_the_bend(sag_px: float) -> None:
    drawn = scene(sag_px=sag_px, breathing_px=0.0, contrast=0.0)
    needle = found(drawn)
    tip, hub = np.asarray(needle.tip_px), np.asarray(needle.hub_px)
    axis = (tip - hub) / np.hypot(*(tip - hub))
    normal = np.array([axis[1], -axis[0]])
    corridor = needle_corridor(drawn.registered, needle, half_width_px=2.0)
    share = np.linspace(0.02, 0.98, 49)[:, None]
    shaft = hub + share * (tip - hub) + 4 * sag_px * share * (1 - share) * normal
    assert corridor[tuple(np.rint(shaft).astype(int).T)].all()
    assert not corridor[tuple(np.rint((tip + hub) / 2).astype(int))]
    assert not corridor[tuple(np.rint(tip + 6 * axis).astype(int))]


LINES = st.builds(
    Line,
    point=st.tuples(st.floats(-50, 50), st.floats(-50, 50)),
    angle_rad=st.floats(-4, 4),
    curvature=st.one_of(st.just(0.0), st.floats(-5e-3, 5e-3)),
)


@settings(deadline=None)
@given(line=LINES, along=st.floats(-150, 150), across=st.floats(-20, 20))
def test_a_point_beside_a_bent_line_is_found_again(
    line: Line, along: float, across: float
) -> None:
    assert line.project(line.at(along, across)) == pytest.approx((along, across), abs=1e-6)


@settings(deadline=None)
@given(line=LINES, start=st.floats(-100, 100), along=st.floats(-100, 100))
def test_counting_from_elsewhere_leaves_a_line_where_it_is(
    line: Line, start: float, along: float
) -> None:
    moved = line.counted_from(start)
    assert moved.at(along, 3.0) == pytest.approx(line.at(start + along, 3.0), abs=1e-6)


@settings(deadline=None)
@given(line=LINES, about=st.floats(-100, 100), across=st.floats(-5, 5))
def test_a_line_that_is_turned_keeps_its_pivot(line: Line, about: float, across: float) -> None:
    turned = line.turned(across, 0.1, about_px=about, curvature=1e-3)
    assert turned.at(about) == pytest.approx(line.at(about, across), abs=1e-6)
    assert turned.angle_at(about) == pytest.approx(line.angle_at(about) + np.arctan(0.1))


def test_a_line_bends_by_the_sag_of_its_circle() -> None:
    line = Line(point=(0.0, 0.0), angle_rad=0.0, curvature=1e-3)
    first, middle, last = (np.array(line.at(along)) for along in (-60.0, 0.0, 60.0))
    below = float((0.5 * (first + last) - middle)[0])
    assert below == pytest.approx(1e3 * (1 - np.cos(0.06)), abs=1e-9)
