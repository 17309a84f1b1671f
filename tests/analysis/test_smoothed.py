"""The smoothed opacity is the same however it is asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from spread_scenes import FRAMES, Scene, make_loop, noisy, opacity_of, true_od

from napari_fluoroinject.analysis import smoothed
from napari_fluoroinject.analysis.ramp import fit_ramps, fit_ramps_by_parts
from napari_fluoroinject.analysis.smoothed import SmoothedOpacity
from napari_fluoroinject.compute.backend import choose

ON = choose("cpu")
SIGMA_OD = 0.05


@pytest.fixture(scope="module")
def loop():
    return make_loop()[0]


@pytest.fixture(scope="module")
def smooth(loop):
    opacity = opacity_of(noisy(true_od(Scene()), SIGMA_OD))
    valid = opacity.valid.copy()
    valid[:, :9] = valid[20:30, 40:60] = False
    return SmoothedOpacity.of(replace(opacity, valid=valid), loop, on=ON)


def test_strips_hold_what_the_frames_hold(smooth, monkeypatch):
    monkeypatch.setattr(smoothed, "STRIP_VALUES", 1)
    whole = smooth.frames(range(FRAMES))
    seen = np.zeros(whole.shape[1:], dtype=bool)
    strips = 0
    for place, frames in smooth.strips(smooth.opacity.valid):
        np.testing.assert_allclose(frames, whole[:, *place], atol=1e-6)
        seen[place] = True
        strips += 1
    assert strips > 3
    assert seen[smooth.opacity.valid].all()
    assert not seen[:, :9].any()


def test_the_mask_frames_mean_is_0_and_so_is_what_cannot_be_judged(smooth, loop):
    mask = smooth.frames(loop.injection.mask_frames)
    share = np.exp(-mask).mean(axis=0)
    np.testing.assert_allclose(share, 1.0, atol=1e-5)
    assert not smooth.frames([FRAMES - 1])[0][~smooth.opacity.valid].any()


def test_a_mask_without_a_pixel_gives_no_strip(smooth):
    assert list(smooth.strips(np.zeros_like(smooth.opacity.valid))) == []


def test_ramps_fitted_strip_by_strip_are_those_of_the_whole(smooth, loop, monkeypatch):
    monkeypatch.setattr(smoothed, "STRIP_VALUES", 1)
    valid = smooth.opacity.valid
    whole = fit_ramps(smooth.frames(range(FRAMES)), loop, lag1_time=0.2, on=ON)
    parts = fit_ramps_by_parts(smooth.strips(valid), valid.shape, loop, lag1_time=0.2, on=ON)
    last = float(whole.positions[-1])
    np.testing.assert_allclose(parts.at(last)[valid], whole.at(last)[valid], atol=1e-4)
    np.testing.assert_allclose(parts.t[valid], whole.t[valid], rtol=1e-3, atol=1e-3)
    assert not parts.plateau[:, :9].any()
