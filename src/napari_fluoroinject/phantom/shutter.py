"""Collimator blades in the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np
from scipy import ndimage

from napari_fluoroinject.phantom.settings import Shutter

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

_LEAK = 0.01
_PENUMBRA_PX = 1.3
_SHARE = (0.45, 0.3, 0.25)


def draw_shutter(shutter: Shutter | None, size: int, random: np.random.Generator) -> FloatArray:
    """Transmission of the blades, (size, size) float32, 1 in the open field; None draws it."""
    drawn = str(random.choice(get_args(Shutter), p=_SHARE))
    inset = random.uniform(0.0, 0.13, 4)
    inset[random.uniform(size=4) < 0.3] = 0.0
    radius, centre = random.uniform(0.42, 0.56), random.uniform(-0.02, 0.02, 2)
    shape = shutter or drawn
    if shape == "none":
        return np.ones((size, size), np.float32)
    if shape == "rectangular":
        opened = _rectangle(size, inset)
    else:
        at = (np.arange(size) - (size - 1) / 2) / size
        opened = np.hypot(at[:, None] - centre[0], at[None, :] - centre[1]) < radius
    soft = ndimage.gaussian_filter(opened.astype(np.float32), _PENUMBRA_PX, mode="nearest")
    return np.asarray(_LEAK + (1 - _LEAK) * soft, np.float32)


def _rectangle(size: int, inset: DoubleArray) -> BoolArray:
    top, bottom, left, right = (round(float(share) * size) for share in inset)
    opened = np.zeros((size, size), np.bool_)
    opened[top : size - bottom, left : size - right] = True
    return opened
