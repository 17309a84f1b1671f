"""How much a measure of a region depends on where its border lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.model.arrays import BoolArray

BORDER_PX = 1.0
"""The border of the region is known to about a pixel: shares are told with what that changes."""


def with_border(region: BoolArray, measured: Callable[[BoolArray], float]) -> tuple[float, float]:
    """Return a measure of a region and how much it changes where the border lies a pixel off."""
    value = measured(region)
    others = [binary_dilation(region), binary_erosion(region)]
    others += [_stepped(region, step, axis) for step in (-1, 1) for axis in (0, 1)]
    changes = [abs(measured(other) - value) for other in others if other.any()]
    return value, max(changes)


def _stepped(region: BoolArray, step: int, axis: int) -> BoolArray:
    """A region moved by a pixel; what leaves the picture is gone."""
    moved = np.roll(region, step, axis)
    edge = [slice(None), slice(None)]
    edge[axis] = slice(0, 1) if step > 0 else slice(-1, None)
    moved[tuple(edge)] = False
    return moved
