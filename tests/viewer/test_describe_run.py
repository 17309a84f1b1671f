"""Lists say of a run what is known of it, and no more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.model.geometry import Calibration, View
from napari_fluoroinject.viewer.describe import (
    frames_words,
    plane_of,
    run_name,
    run_words,
    spacing_words,
    view_words,
)


def test_a_run_is_named_by_its_plane_and_a_number_that_counts_on():
    assert run_name(View(primary_angle_deg=1, name="AP"), []) == "AP 1"
    assert run_name(View(primary_angle_deg=90, name="LAT"), ["AP 1"]) == "LAT 2"
    assert run_name(View(primary_angle_deg=30), ["AP 1", "LAT 2"]) == "OBL 3"
    assert run_name(View(), ["AP 7"]) == "Run 8"


@given(st.lists(st.text(max_size=8), max_size=6))
def test_no_two_runs_bear_one_name(taken):
    assert run_name(View(), taken) not in taken


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (View(), "view unknown"),
        (View(primary_angle_deg=-25.2, secondary_angle_deg=4.6), "RAO 25°, CRA 5°"),
        (View(primary_angle_deg=90, secondary_angle_deg=-8, name="LAT"), "LAT (LAO 90°, CAU 8°)"),
        (View(primary_angle_deg=0, secondary_angle_deg=0, name="AP"), "AP"),
    ],
)
def test_a_view_is_told_as_c_arms_show_it(view, words):
    assert view_words(view) == words


def test_a_plane_that_is_not_known_is_none():
    assert plane_of(View()) is None


def test_uneven_and_unknown_frame_times_are_said(run):
    frames = run.loop.shape[0]
    assert frames_words(run.loop) == f"{frames} frames, 8 frames/s"
    assert frames_words(replace(run.loop, times_s=None)) == f"{frames} frames, times unknown"
    uneven = np.cumsum(np.where(np.arange(frames) % 2, 0.1, 0.2))
    assert frames_words(replace(run.loop, times_s=uneven - uneven[0])).endswith("uneven")


def test_millimetres_are_told_with_their_basis_and_never_made_up(run):
    known = Calibration(mm_per_px=0.283, basis="iso_sid_sod")
    assert spacing_words(replace(run.loop, calibration=known)).startswith("0.28 mm/px, isocentre")
    assert "uncalibrated" in spacing_words(replace(run.loop, calibration=None))


def test_words_of_a_run_hold_no_uid_and_no_path(run):
    words = " ".join(run_words(run))
    assert run.uid not in words
    assert str(run.files[0]) not in words
