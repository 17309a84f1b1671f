"""A needle may be as wide as its gauge, and the widest there is where the gauge is not said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from needle_scenes import Scene, SceneSettings, make_scene

from napari_fluoroinject.analysis.needle import find_needle
from napari_fluoroinject.analysis.needle.gates import widest_sigma_px
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.drawing import NEEDLE_DIAMETER_MM
from napari_fluoroinject.model.needle import Needle, NoNeedle

ON = choose("cpu")
SIGMA_18G_PX = 1.5


def scene(*, sigma_px: float, seed: int) -> Scene:
    return make_scene(replace(SceneSettings(), sigma_px=sigma_px, seed=seed, opacity=0.7))


@pytest.mark.parametrize("gauge", [18, None])
@pytest.mark.parametrize("seed", range(3))
def test_an_electrode_of_18_gauge_is_found(gauge: int | None, seed: int) -> None:
    drawn = scene(sigma_px=SIGMA_18G_PX, seed=seed)
    needle = find_needle(drawn.registered, gauge=gauge, on=ON)
    assert isinstance(needle, Needle), needle
    assert drawn.tip_px is not None
    assert np.hypot(*(np.asarray(needle.tip_px) - drawn.tip_px[needle.frame])) < 1.5


@pytest.mark.parametrize("seed", range(3))
def test_a_line_much_wider_than_any_needle_is_none(seed: int) -> None:
    drawn = scene(sigma_px=2.2, seed=seed)
    answer = find_needle(drawn.registered, gauge=None, on=ON)
    assert isinstance(answer, NoNeedle)


def test_a_thicker_needle_may_look_wider_and_an_unknown_one_is_taken_for_the_thickest() -> None:
    widest = [widest_sigma_px(gauge) for gauge in sorted(NEEDLE_DIAMETER_MM, reverse=True)]
    assert widest == sorted(widest)
    assert widest_sigma_px(None) == widest[-1] == widest_sigma_px(18)
