"""The words on the pictures say what the file says, to the millisecond."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seen import opened

from napari_fluoroinject.model.geometry import Calibration, View
from napari_fluoroinject.model.pose import Setup
from napari_fluoroinject.viewer import hud
from napari_fluoroinject.viewer.scene import scene_of


@pytest.fixture(scope="module")
def scene():
    session = opened()
    return scene_of(session, session.run.uid)


def with_loop(scene, **changes):
    return replace(scene, run=replace(scene.run, loop=replace(scene.run.loop, **changes)))


@given(st.lists(st.floats(0.001, 2.0), min_size=15, max_size=15), st.integers(0, 15))
def test_the_time_is_the_files_to_a_millisecond_however_uneven(steps_s, frame):
    loop = opened(results=False).run.loop
    times_s = np.concatenate([[0.0], np.cumsum(steps_s)])
    text = hud.time_text(replace(loop, times_s=times_s), frame)
    told = float(re.match(r"t ([\d.]+) s · ", text).group(1))
    assert told == pytest.approx(times_s[frame], abs=0.00051)
    assert f"frame {frame + 1}/16" in text


def test_even_times_give_a_rate_and_uneven_ones_none():
    loop = opened(results=False).run.loop
    assert hud.time_text(loop, 3) == "t 0.500 s · frame 4/16 · 6/s"
    times_s = np.array(loop.times_s)
    times_s[5:] += 0.1
    assert hud.time_text(replace(loop, times_s=times_s), 5) == (
        "t 0.933 s · frame 6/16 · uneven frame times"
    )
    assert hud.time_text(replace(loop, times_s=None), 0) == "frame 1/16 · frame times unknown"


def test_the_head_says_view_angles_distance_and_side(scene):
    shown = with_loop(
        scene,
        view=View(primary_angle_deg=-0.4, secondary_angle_deg=2.2, name="AP"),
        setup=Setup(source_to_detector_mm=1000.0),
    )
    head = hud.picture_text(shown, 0).splitlines()[0]
    assert head == "AP 1 · LAO 0° CRAN 2° · SID 1000 mm · right"
    nothing = replace(
        with_loop(scene, view=View(), laterality=None),
        annotation=replace(scene.annotation, view=None, side=None),
    )
    assert hud.picture_text(nothing, 0).splitlines()[0] == "AP 1 · view unknown · side unknown"


@pytest.mark.parametrize(
    ("basis", "told"),
    [
        ("iso_ermf", "0.283 mm/px (isocentre, ERMF)"),
        ("iso_sid_sod", "0.283 mm/px (isocentre, SID/SOD)"),
        ("needle_gauge", "0.283 mm/px est. (from the needle's gauge)"),
        (None, "uncalibrated: px"),
    ],
)
def test_a_length_never_stands_without_its_basis(scene, basis, told):
    calibration = None if basis is None else Calibration(mm_per_px=0.2831, basis=basis)
    assert hud.spacing_text(with_loop(scene, calibration=calibration).run.loop) == told


def test_a_subtraction_says_mask_motion_and_residual(scene):
    text = hud.companion_text(replace(scene, subtraction_shown=True), 5, None)
    assert re.match(r"AP 1 · DSA\nmask [\d, -]+ \(found\) · motion ", text)
    assert re.search(
        r"corrected ±[\d.]+ px · residual [\d.]+ x usual|not found in this frame", text
    )
    undefined = replace(scene.subtracted, subtracted=np.zeros_like(scene.subtracted.subtracted))
    assert hud.subtraction_text(replace(scene, subtracted=undefined), 5) == (
        "no mask belongs to this frame · blue: nothing known there"
    )


@given(st.lists(st.text("ab ·", max_size=60), max_size=4), st.floats(0, 800))
def test_no_line_is_wider_than_the_picture_unless_a_word_is(lines, width_px):
    text = hud.wrapped("\n".join(lines), width_px)
    most = max(int(width_px / hud.CHARACTER_PX), hud.LEAST)
    assert all(len(line) <= most or " " not in line for line in text.splitlines())
    assert sorted(re.findall("[ab]+", text)) == sorted(re.findall("[ab]+", "\n".join(lines)))


def test_a_line_is_broken_between_its_parts_and_a_short_one_is_not():
    text = "AP 1 · LAO 0° CAUD 2° · SID 1000 mm · left\nt 0.5 s"
    assert hud.wrapped(text, 500) == text
    assert hud.wrapped(text, 200).split("\n") == [
        "AP 1 · LAO 0° CAUD 2°", "SID 1000 mm · left", "t 0.5 s",
    ]  # fmt: skip


def test_results_that_are_out_of_date_are_called_so(scene):
    assert "out of date" not in hud.picture_text(scene, 0)
    assert "out of date" in hud.picture_text(replace(scene, out_of_date=True), 0)
