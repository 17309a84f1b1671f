"""Sacrum and iliac wings: what stands below and beside the lumbar spine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.transform import Rotation

from napari_fluoroinject.phantom.bone import Bone
from napari_fluoroinject.phantom.solids import (
    Capsule,
    Ellipsoid,
    Plate,
    Solid,
    Vector,
    VertebralBody,
)

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.vertebra import Vertebra

# Sacral bodies S1 to S3: z of the middle, half width, half depth, half height, millimetres (about
# the means of published dry-bone series; from memory where those are silent).
_BODIES = ((0.0, 25.0, 16.5, 13.5), (-27.0, 18.0, 11.5, 12.0), (-52.0, 13.0, 8.5, 11.0))
# Foramina S1 to S3: z, distance from the midline.
_FORAMINA = ((-13.0, 22.0), (-38.0, 17.5), (-60.0, 13.0))
_WALL_MM = -16.0
_YAW_DEG = 48.0
"""From the sagittal plane to the iliac wing, which stands farthest out in front (assumed)."""
_AXES: tuple[Vector, Vector, Vector] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def sacrum(l5: Vertebra, scale: float) -> tuple[tuple[Solid, ...], tuple[Solid, ...]]:
    """Solids and holes of the sacrum; its upper facets meet those of the fifth lumbar vertebra."""
    wall = _WALL_MM * scale
    crest = Capsule(
        start=(wall - 21, 0.0, -10.0), end=(wall - 16, 0.0, -58.0), start_mm=4.0, end_mm=3.0
    )
    parts: list[Solid] = [*(_body(*size, scale) for size in _BODIES), crest]
    for side in (1.0, -1.0):
        parts += [*_ala(side, scale), *_dorsal(side, wall, l5.inferior_y + 4.5)]
    return tuple(parts), _holes(wall, scale)


def draw_ilium(
    side: float, sacral: DoubleArray, scale: float, *, mineral: float, random: np.random.Generator
) -> Bone:
    """The wing of the ilium: a thin disc that flares from the sacroiliac joint to the crest.

    Its dorsal end, which bears the posterior spines, stands medially beside the sacrum, its
    ventral end laterally; the crest leans outwards.

    `sacral` is the middle of the first sacral body in patient millimetres.
    """
    lean = float(random.normal(-24.0, 3.0))
    wing = Ellipsoid(centre=(0.0, 0.0, 0.0), axes=_AXES, half=(66.0 * scale, 4.6, 54.0 * scale))
    rim = Plate(centre=(-52.0 * scale, 0.0, -4.0), axes=_AXES, half=(9.0, 7.0, 22.0), edge_mm=5.0)
    height = -8.0 + float(random.normal(0.0, 6.0))
    return Bone(
        name="ilium",
        solids=(wing, rim),
        origin=sacral + np.array([6.0, side * 88.0 * scale, height]),
        turn=Rotation.from_euler("xz", [side * lean, side * _YAW_DEG], degrees=True).as_matrix(),
        mineral=mineral,
    )


def _body(
    z: float, half_width: float, half_depth: float, half_height: float, scale: float
) -> Solid:
    return VertebralBody(
        middle=(0.0, 0.0, z * scale),
        depth=half_depth * scale,
        depth_waist=half_depth * scale * 0.94,
        width_top=half_width * scale,
        width_waist=half_width * scale * 0.93,
        width_bottom=half_width * scale * 0.93,
        height_front=half_height * scale,
        height_back=half_height * scale * 0.9,
        hollow=0.8,
        dorsal_hollow=0.0,
    )


def _ala(side: float, scale: float) -> tuple[Solid, ...]:
    """The wing of one side: a broad top that narrows caudally."""
    top = Capsule(
        start=(-6.0, side * 22 * scale, 3.0),
        end=(-11.0, side * 44 * scale, -9.0),
        start_mm=13.0,
        end_mm=10.0,
        flat=(0.95, 1.0, 0.9),
    )
    flank = Capsule(
        start=(-14.0, side * 43 * scale, -14.0),
        end=(-22.0, side * 20 * scale, -60.0),
        start_mm=12.0,
        end_mm=8.0,
        flat=(1.4, 1.0, 1.0),
    )
    return top, flank


def _dorsal(side: float, wall: float, facet_y: float) -> tuple[Solid, ...]:
    """Upper articular process and intermediate crest of one side."""
    process = Capsule(
        start=(wall - 6, side * 22, 4.0),
        end=(wall - 8, side * facet_y, 15.0),
        start_mm=6.5,
        end_mm=5.0,
    )
    crest = Capsule(
        start=(wall - 16, side * 14, -6.0),
        end=(wall - 14, side * 9, -60.0),
        start_mm=4.5,
        end_mm=3.5,
    )
    return process, crest


def _holes(wall: float, scale: float) -> tuple[Solid, ...]:
    """The sacral canal and the foramina."""
    canal = Capsule(
        start=(wall - 8.0, 0.0, 30.0),
        end=(wall - 6.0, 0.0, -70.0),
        start_mm=7.0,
        end_mm=3.5,
        flat=(1.0, 0.5, 1.0),
    )
    foramina = (
        Capsule(
            start=(wall - 30, side * (y - 3) * scale, z),
            end=(wall + 45, side * (y + 3) * scale, z + 3),
            start_mm=4.2,
            end_mm=6.0,
        )
        for side in (1.0, -1.0)
        for z, y in _FORAMINA
    )
    return canal, *foramina
