"""Maps are read by lightness, marks are told apart, by colour-blind eyes, too."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from napari_fluoroinject.rendering import palette
from napari_fluoroinject.viewer import colormaps

# Machado, Oliveira and Fernandes 2009, "A physiologically-based model for simulation of color
# vision deficiency", severity 1.0: applied to linear RGB.
SEEN_BY = {
    "all": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
}  # fmt: skip
MARKS = {
    "needle": palette.NEEDLE,
    "target": palette.TARGET,
    "extent": palette.REGION,
    "run-off": palette.RUN_OFF,
}
LEAST_APART = 13.0
"""CIELAB distance: more than five times what is just seen side by side (2.3, Mahy et al. 1994).
Needle and target come nearest, 13.7 to deuteranopes: their shapes and words differ, too."""
LEAST_FROM_GREY = 18.0


def lab(rgb, eyes="all"):
    """CIELAB (D65) of sRGB colours (..., 3) in 0 to 1, as such eyes see them."""
    rgb = np.asarray(rgb, float)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ SEEN_BY[eyes].T, 0, 1)
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
         [0.0193339, 0.1191920, 0.9503041]]
    )  # fmt: skip
    t = linear @ to_xyz.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1
    )


@pytest.mark.parametrize("eyes", SEEN_BY)
@pytest.mark.parametrize("name", ["viridis", "magma"])
def test_a_map_of_amounts_rises_in_lightness_all_the_way(name, eyes):
    lightness = lab(colormaps.rgb(name), eyes)[:, 0]
    assert (np.diff(lightness) > 0).all()
    assert lightness[-1] - lightness[0] > 50


@pytest.mark.parametrize("eyes", SEEN_BY)
def test_the_diverging_map_is_lightest_in_the_middle_and_its_ends_differ(eyes):
    colours = lab(colormaps.rgb("diverging"), eyes)
    middle = len(colours) // 2
    assert (np.diff(colours[: middle + 1, 0]) > 0).all()
    assert (np.diff(colours[middle:, 0]) < 0).all()
    assert np.linalg.norm(colours[0] - colours[-1]) > 50


@pytest.mark.parametrize("eyes", SEEN_BY)
@pytest.mark.parametrize(("one", "other"), list(combinations(MARKS, 2)))
def test_marks_are_told_apart(one, other, eyes):
    apart = lab(colormaps.hex_rgb(MARKS[one]), eyes) - lab(colormaps.hex_rgb(MARKS[other]), eyes)
    assert np.linalg.norm(apart) >= LEAST_APART


@pytest.mark.parametrize("eyes", SEEN_BY)
@pytest.mark.parametrize("mark", MARKS)
def test_marks_stand_out_from_every_grey(mark, eyes):
    greys = lab(np.repeat(np.linspace(0, 1, 256)[:, None], 3, axis=1))
    apart = np.linalg.norm(greys - lab(colormaps.hex_rgb(MARKS[mark]), eyes), axis=1)
    assert apart.min() >= LEAST_FROM_GREY


@pytest.mark.parametrize("name", ["viridis", "magma", "diverging"])
def test_only_what_lies_below_the_limits_is_transparent(name):
    low, high = 1.0, 3.0
    first, last = colormaps.limits(low, high)
    colours = colormaps.colormap(name)
    share = (np.array([colormaps.fill_below(low, high), low, 2.0, high]) - first) / (last - first)
    alpha = colours.map(np.clip(share, 0, 1) + np.array([0, 1e-4, 0, 0]))[:, 3]
    assert alpha.tolist() == [0, 1, 1, 1]
