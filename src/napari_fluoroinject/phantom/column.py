"""Vertebrae stacked into a column."""

from __future__ import annotations

from math import radians
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.transform import Rotation

from napari_fluoroinject.model.arrays import DoubleArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Frames = tuple[list[DoubleArray], list[DoubleArray]]
"""Origins (3,) and turns (3, 3), head to feet."""


def stacked(
    pitches_mm: Sequence[float],
    *,
    tilt_deg: DoubleArray,
    bend_deg: DoubleArray,
    spin_deg: DoubleArray,
    middle: int,
) -> Frames:
    """Origins and turns of vertebrae that stand on each other, the origin in number `middle`.

    Parameters
    ----------
    pitches_mm
        From each vertebra to the next one, one fewer than there are.
    tilt_deg, bend_deg, spin_deg
        (vertebrae,) forward, sideways and about the column's axis.
    """
    turns = [
        Rotation.from_euler("xyz", [radians(b), radians(t), radians(s)]).as_matrix()
        for b, t, s in zip(bend_deg, tilt_deg, spin_deg, strict=True)
    ]
    origins = [np.zeros(3)]
    for pitch, upper, lower in zip(pitches_mm, turns[:-1], turns[1:], strict=True):
        axis = upper[:, 2] + lower[:, 2]
        origins.append(origins[-1] - pitch * axis / np.linalg.norm(axis))
    return [origin - origins[middle] for origin in origins], turns
