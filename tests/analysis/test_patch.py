"""The opacity curve of one place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.analysis.patch import patch_curve
from napari_fluoroinject.model.geometry import Calibration
from napari_fluoroinject.model.masks import HeaderMask
from napari_fluoroinject.model.motion import Motion
from napari_fluoroinject.model.report import Provenance
from napari_fluoroinject.model.subtracted import MIDDLE, STEP_LN, SubtractedLoop
from napari_fluoroinject.phantom import PhantomSettings, make_phantom


@pytest.fixture(scope="module")
def made():
    """A subtraction of a small loop, whose differences the tests put in place."""
    loop = make_phantom("mbb_lumbar", settings=PhantomSettings(size=64, frames=12)).loop
    motion = Motion(
        shift_px=np.zeros((12, 2)),
        residual=np.ones(12),
        locked=np.ones(12, bool),
        bone_weight=np.ones((64, 64), np.float32),
        uncertainty_px=0.1,
    )
    return SubtractedLoop(
        loop=loop,
        stored=np.full((12, 64, 64), MIDDLE, np.uint16),
        subtracted=np.ones(12, bool),
        masks=(HeaderMask(operation="AVG_SUB", mask_frames=(0, 1)),),
        mask_source="found",
        motion=motion,
        onset_frame=4,
        window_ln=0.5,
        provenance=Provenance(
            software="", version="", backend="cpu", device="", backend_version=""
        ),
    )


def with_opacity(made, opacity, where=np.s_[:, :, :]):
    stored = made.stored.copy()
    stored[where] = MIDDLE - round(opacity / STEP_LN)
    return replace(made, stored=stored)


@given(opacity=st.floats(-2.0, 2.0), row=st.floats(10.0, 50.0), column=st.floats(10.0, 50.0))
def test_the_curve_is_the_opacity_that_lies_there(made, opacity, row, column):
    curve = patch_curve(with_opacity(made, opacity), (row, column)).opacity
    assert curve == pytest.approx(np.full(12, opacity), abs=STEP_LN)


def test_contrast_elsewhere_does_not_count(made):
    there = with_opacity(made, 1.0, np.s_[:, 40:, :])
    across_px = patch_curve(there, (10.0, 10.0)).across_px
    assert patch_curve(there, (39.0 - across_px, 10.0)).opacity == pytest.approx(np.zeros(12))


def test_contrast_in_some_frames_shows_in_those(made):
    late = with_opacity(made, 0.5, np.s_[6:, :, :])
    curve = patch_curve(late, (30.0, 30.0)).opacity
    assert curve[:6] == pytest.approx(np.zeros(6))
    assert curve[6:] == pytest.approx(np.full(6, 0.5), abs=STEP_LN)


def test_the_patch_is_three_millimetres_across(made):
    loop = replace(made.loop, calibration=Calibration(mm_per_px=0.5, basis="iso_ermf"))
    assert patch_curve(replace(made, loop=loop), (30.0, 30.0)).across_px == pytest.approx(6.0)


def test_without_millimetres_the_patch_has_a_usual_size(made):
    loop = replace(made.loop, calibration=None)
    assert 5 < patch_curve(replace(made, loop=loop), (30.0, 30.0)).across_px < 15


def test_frames_that_cannot_be_judged_have_no_value(made):
    subtracted, locked = made.subtracted.copy(), made.subtracted.copy()
    subtracted[2], locked[5] = False, False
    told = replace(made, subtracted=subtracted, motion=replace(made.motion, locked=locked))
    curve = patch_curve(told, (30.0, 30.0)).opacity
    assert np.flatnonzero(np.isnan(curve)).tolist() == [2, 5]


def test_undefined_pixels_do_not_count(made):
    stored = with_opacity(made, 0.3).stored.copy()
    stored[:, :30, :] = 0
    told = replace(made, stored=stored)
    assert patch_curve(told, (30.0, 30.0)).opacity == pytest.approx(np.full(12, 0.3), abs=STEP_LN)
    assert np.isnan(patch_curve(told, (10.0, 30.0)).opacity).all()


@pytest.mark.parametrize("point_px", [(-50.0, 10.0), (10.0, 500.0), (0.0, 0.0), (63.4, 63.4)])
def test_a_place_at_or_beyond_the_edge_has_no_value_or_that_of_what_is_seen(made, point_px):
    curve = patch_curve(with_opacity(made, 0.3), point_px).opacity
    assert np.isnan(curve).all() or curve == pytest.approx(np.full(12, 0.3), abs=STEP_LN)
