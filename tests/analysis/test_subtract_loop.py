"""Whole loops subtracted, held against arithmetic done by hand and the truth of phantoms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from napari_fluoroinject.analysis.subtract import SMALLEST_WINDOW_LN, subtract_loop
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, IntensityScale, LoopReference
from napari_fluoroinject.model.masks import HeaderMask
from napari_fluoroinject.model.subtracted import MIDDLE, STEP_LN, UNDEFINED
from napari_fluoroinject.phantom import PhantomSettings, make_phantom

ON = choose("cpu")
BRIGHT, DARK = 4000, 500
AVERAGE = HeaderMask(operation="AVG_SUB", mask_frames=(1, 2))


def in_ln(made):
    """What stored values mean, NaN where undefined."""
    ln = (made.stored.astype(float) - MIDDLE) * STEP_LN
    return np.where(made.stored == UNDEFINED, np.nan, ln)


def loop_of(stored, *masks, **changes):
    beam = np.maximum(np.arange(4096), 0.5)
    loop = CineLoop(
        frames=ArrayFrames(np.asarray(stored, np.uint16)),
        times_s=np.arange(len(stored)) / 10,
        intensity=IntensityScale(relationship="linear", ln_beam=np.log(beam)),
        reference=LoopReference(
            study_instance_uid="1",
            series_instance_uid="1.1",
            sop_instance_uid="1.1.1",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.12.1",
        ),
        sha256="",
        masks=masks,
    )
    return replace(loop, **changes)


def step_moving_right(frames=6, size=24):
    """Dark up to a column that moves by one with every frame, bright beyond."""
    column = np.arange(size)[None, None, :]
    at = np.arange(frames)[:, None, None] + 4
    return np.broadcast_to(np.where(column < at, DARK, BRIGHT), (frames, size, size))


@pytest.fixture(scope="module")
def phantom():
    settings = PhantomSettings(seed=2, size=192, frames=40, detector_mm_per_px=1.1)
    return make_phantom("esi_il_lumbar", settings=settings)


@pytest.fixture(scope="module")
def corrected(phantom):
    return subtract_loop(phantom.loop, on=ON)


def test_the_interval_of_a_moving_step_is_the_strip_that_it_passed():
    loop = loop_of(step_moving_right(), HeaderMask(operation="TID", tid_offset=2))
    made = subtract_loop(loop, on=ON, mask="header", as_stored=True)
    assert made.subtracted.tolist() == [False, False, True, True, True, True]
    assert (made.stored[:2] == UNDEFINED).all()
    darker = np.log(DARK / BRIGHT)
    for frame in range(2, 6):
        expected = np.zeros((24, 24))
        expected[:, frame + 2 : frame + 4] = darker
        np.testing.assert_allclose(in_ln(made)[frame], expected, atol=0.51 * STEP_LN)


def test_reversed_intervals_go_away_from_each_other():
    loop = loop_of(step_moving_right(), HeaderMask(operation="REV_TID", frame_ranges=((2, 3),)))
    ln = in_ln(subtract_loop(loop, on=ON, mask="header", as_stored=True))
    for frame, partner in ((2, 1), (3, 0)):
        assert np.flatnonzero(ln[frame, 0]).tolist() == list(range(partner + 4, frame + 4))
    assert np.isnan(ln[[0, 1, 4, 5]]).all()


def test_the_headers_shifts_move_the_mask_where_frames_are_left_as_stored():
    mask = HeaderMask(operation="AVG_SUB", mask_frames=(0,), shift_px=(0.0, 3.0))
    ln = in_ln(
        subtract_loop(loop_of(step_moving_right(), mask), on=ON, mask="header", as_stored=True)
    )
    assert np.abs(ln[3, :, 4:]).max() < STEP_LN


def test_no_stored_value_is_clipped_however_wide_the_range():
    stored = np.zeros((2, 8, 8), np.uint16).repeat(3, axis=1).repeat(3, axis=2)
    stored[1, :, 12:], stored[0, :, :12] = 65535, 65535
    table = np.log(np.maximum(np.arange(65536), 0.5))
    scale = IntensityScale(relationship="linear", ln_beam=table)
    loop = loop_of(stored, HeaderMask(operation="TID"), intensity=scale)
    ln = in_ln(subtract_loop(loop, on=ON, mask="header", as_stored=True))[1]
    np.testing.assert_allclose(np.abs(ln), np.log(2 * 65535), atol=0.51 * STEP_LN)
    assert (ln[:, :12] < 0).all()
    assert (ln[:, 12:] > 0).all()


def test_behind_the_headers_shutter_nothing_is_defined():
    open_field = np.zeros((24, 24), bool)
    open_field[4:-4, 4:-4] = True
    loop = loop_of(step_moving_right(), HeaderMask(operation="TID"), open_field=open_field)
    made = subtract_loop(loop, on=ON, mask="header", as_stored=True)
    assert ((made.stored[1:] == UNDEFINED) == ~open_field).all()


def test_a_mask_frame_less_its_mask_is_noise_about_mid_grey(phantom, corrected):
    ln = in_ln(corrected)
    masks = list(corrected.mask_frames)
    assert max(masks) < phantom.truth.onset_frame
    spread = [np.nanstd(ln[frame]) for frame in masks]
    assert abs(np.nanmedian(ln[masks])) < 0.05 * np.mean(spread)
    assert np.mean(spread) < 0.2


def test_contrast_is_dark_and_everything_else_stays_about_mid_grey(phantom, corrected):
    ln, od = in_ln(corrected), phantom.truth.od.astype(float)
    last = len(ln) - 1
    dense, bare = od[last] > 0.3, od[last] < 0.005
    assert dense.any()
    assert np.nanmedian(ln[last][dense]) < -0.12
    assert abs(np.nanmedian(ln[last][bare])) < 0.02


def test_motion_that_is_undone_leaves_less_of_the_anatomy(phantom, corrected):
    still = subtract_loop(phantom.loop, on=ON, mask="found", as_stored=True)
    assert still.masks == corrected.masks
    far = int(np.argmax(np.hypot(*phantom.truth.shift_px.T)))
    bare = phantom.truth.od[far] < 0.005
    defined = bare & (corrected.stored[far] != UNDEFINED)
    # a mean over five by five pixels tells anatomy from noise
    left = [
        np.std(uniform_filter(np.nan_to_num(in_ln(made)[far]), 5)[defined])
        for made in (corrected, still)
    ]
    assert left[0] < 0.9 * left[1]
    assert still.motion is None


def test_intervals_of_the_header_are_subtracted_with_the_measured_motion(phantom):
    interval = HeaderMask(operation="TID", tid_offset=12, shift_px=(3.0, 3.0))
    loop = replace(phantom.loop, masks=(interval,))
    made = subtract_loop(loop, on=ON, mask="header")
    still = subtract_loop(loop, on=ON, mask="header", as_stored=True)
    assert made.subtracted.tolist() == still.subtracted.tolist() == [False] * 12 + [True] * 28
    assert made.mask_frames == ()
    # the header's shift is wrong here, and left out where the motion was measured
    quiet = 13
    assert np.nanstd(in_ln(made)[quiet]) < 0.8 * np.nanstd(in_ln(still)[quiet])


def test_several_items_each_have_their_frames_and_the_rest_is_undefined(phantom):
    first = HeaderMask(operation="AVG_SUB", mask_frames=(3, 4), frame_ranges=((5, 20),))
    second = HeaderMask(operation="TID", frame_ranges=((30, 35),))
    made = subtract_loop(replace(phantom.loop, masks=(first, second)), on=ON, mask="header")
    assert np.flatnonzero(made.subtracted).tolist() == [*range(5, 21), *range(30, 36)]
    assert (made.stored[~made.subtracted] == UNDEFINED).all()
    assert made.motion.shift_px[[3, 4]].mean(axis=0) == pytest.approx([0, 0], abs=1e-9)


def test_a_large_matrix_is_followed_at_half_its_size_and_subtracted_at_its_own(phantom):
    wide = np.repeat(np.repeat(phantom.loop.frames.every(), 5, axis=1), 5, axis=2)
    loop = replace(phantom.loop, frames=ArrayFrames(wide), open_field=None)
    made = subtract_loop(loop, on=ON)
    assert made.stored.shape == wide.shape
    far = int(np.argmax(np.hypot(*phantom.truth.shift_px.T)))
    moved = made.motion.shift_px[far] - made.motion.shift_px[made.mask_frames, :].mean(axis=0)
    assert moved / 5 == pytest.approx(phantom.truth.shift_px[far], abs=0.5)


def test_the_window_holds_nearly_all_and_never_noise_alone(phantom, corrected):
    ln = in_ln(corrected)
    assert np.nanmean(np.abs(ln) <= corrected.window_ln) > 0.99
    quiet = loop_of(np.full((4, 64, 64), 2000), AVERAGE)
    made = subtract_loop(quiet, on=ON, mask="header", as_stored=True)
    assert made.window_ln == SMALLEST_WINDOW_LN


def test_what_cannot_be_subtracted_is_named():
    with pytest.raises(AnalysisError, match="single frame"):
        subtract_loop(loop_of(np.ones((1, 32, 32))), on=ON)
    for as_stored in (False, True):
        with pytest.raises(AnalysisError, match="names none that can be used"):
            subtract_loop(loop_of(np.ones((4, 64, 64))), on=ON, mask="header", as_stored=as_stored)
