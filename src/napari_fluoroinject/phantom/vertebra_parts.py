"""Parts that vertebrae of every region have, each with its own numbers."""

from __future__ import annotations

from math import cos, radians, sin
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.phantom.solids import Plate, Vector, VertebralBody

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.vertebra import Vertebra


def body(bone: Vertebra, *, hollow: float, exponent: float, dorsal_hollow: float) -> VertebralBody:
    """The body; `hollow` mm is how far its end plates, `dorsal_hollow` its back cave in."""
    return VertebralBody(
        middle=(0.0, 0.0, 0.0),
        depth=bone.depth / 2,
        depth_waist=bone.depth_waist / 2,
        width_top=bone.width_top / 2,
        width_waist=bone.width_waist / 2,
        width_bottom=bone.width_bottom / 2,
        height_front=bone.height_front / 2,
        height_back=bone.height_back / 2,
        hollow=hollow,
        exponent=exponent,
        dorsal_hollow=dorsal_hollow,
    )


def lamina(
    ends: tuple[DoubleArray, DoubleArray],
    *,
    z: float,
    half_mm: tuple[float, float, float],
    lean_deg: float,
    edge_mm: float,
    taper: float = 0.0,
) -> Plate:
    """A plate between two `ends`, the midline's and the lateral one, at height `z`.

    `half_mm` is what it goes on beyond its two ends, half its height, half its thickness. Laminae
    overlap like shingles: by `lean_deg` the caudal edge stands dorsally.
    """
    midline, lateral = ends
    across = (lateral - midline) / np.linalg.norm(lateral - midline)
    up = np.array([sin(radians(lean_deg)), 0.0, cos(radians(lean_deg))])
    up -= (up @ across) * across
    up /= np.linalg.norm(up)
    middle = (midline + lateral) / 2
    middle[2] = z
    half = float(np.linalg.norm(lateral - midline)) / 2 + half_mm[0]
    return Plate(
        centre=vector(middle),
        axes=(vector(across), vector(up), vector(np.cross(across, up))),
        half=(half, half_mm[1], half_mm[2]),
        edge_mm=edge_mm,
        taper=taper,
    )


def vector(value: npt.ArrayLike) -> Vector:
    """Three numbers as plain floats."""
    x, y, z = np.asarray(value, np.float64).tolist()
    return x, y, z
