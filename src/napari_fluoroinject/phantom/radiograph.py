"""Areal bone density on the detector: line integrals of solids along the rays of a cone beam."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom.skeleton import TEXTURE_MM
from napari_fluoroinject.phantom.solids import smooth_min

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray
    from napari_fluoroinject.phantom.beam import Beam
    from napari_fluoroinject.phantom.bone import Bone
    from napari_fluoroinject.phantom.skeleton import Skeleton

CORTICAL_G_CM3 = 1.85
SHELL_MM = 1.3
SPONGY = 0.22
"""Mineral density of spongy bone as a fraction of the cortical shell's."""

_STEP_MM = 0.8
_BLOCK = 20
_EDGE_MM = 0.7
_BLEND_MM = np.float32(2.5)


def bone_mineral(skeleton: Skeleton, beam: Beam, *, pixels: DoubleArray) -> FloatArray:
    """Areal mineral density, g/cm2, at rows and columns `pixels`: (n, n) float32."""
    slopes = (pixels - beam.centre_px) * beam.pitch_mm / beam.sid_mm
    total = np.zeros((len(pixels), len(pixels)), np.float32)
    for number, bone in enumerate(skeleton.bones):
        _add_bone(total, _Rays(beam=beam, slopes=slopes, bone=bone), skeleton.texture, number)
    return total


class _Rays:
    """Rays in one bone's own frame."""

    def __init__(self, *, beam: Beam, slopes: DoubleArray, bone: Bone) -> None:
        self.bone = bone
        self.slopes = slopes
        self.source = (beam.source - bone.origin) @ bone.turn
        self.depth_axis = beam.depth_axis @ bone.turn
        self.row_axis = beam.row_axis @ bone.turn
        self.column_axis = beam.column_axis @ bone.turn
        self.centres = np.array([solid.centre for solid in bone.solids])
        self.radii = np.array([solid.radius for solid in bone.solids])

    def depth_range(self) -> tuple[float, float]:
        """Nearest and farthest depth at which the bone can be."""
        depths = (self.centres - self.source) @ self.depth_axis
        return float((depths - self.radii).min()), float((depths + self.radii).max())

    def window(self, axis: DoubleArray) -> slice:
        """The pixels of one detector axis that the bone can shade."""
        relative = self.centres - self.source
        depths = relative @ self.depth_axis
        middle = relative @ axis / depths
        reach = self.radii / (depths - self.radii) * 1.1
        low, high = np.searchsorted(self.slopes, [(middle - reach).min(), (middle + reach).max()])
        return slice(int(low), int(high))

    def points(
        self, depths: DoubleArray, rows: DoubleArray, columns: DoubleArray
    ) -> list[FloatArray]:
        """The x, y, z of sample points in the bone's frame, each (depths, rows, columns)."""
        w = depths.astype(np.float32)[:, None, None]
        r = rows.astype(np.float32)[None, :, None]
        c = columns.astype(np.float32)[None, None, :]
        return [
            np.float32(s) + w * (np.float32(d) + r * np.float32(v) + c * np.float32(u))
            for s, d, v, u in zip(
                self.source, self.depth_axis, self.row_axis, self.column_axis, strict=True
            )
        ]

    def near(self, points: list[FloatArray]) -> BoolArray:
        """Which solids come near a block of points."""
        low = np.array([value.min() for value in points], np.float64)
        high = np.array([value.max() for value in points], np.float64)
        gap = np.maximum(np.maximum(low - self.centres, self.centres - high), 0)
        return np.asarray((gap * gap).sum(axis=1) < (self.radii + 2.0) ** 2)


def _add_bone(total: FloatArray, rays: _Rays, texture: FloatArray, number: int) -> None:
    nearest, farthest = rays.depth_range()
    depths = np.arange(nearest, farthest + _STEP_MM, _STEP_MM)
    row_window, column_window = rays.window(rays.row_axis), rays.window(rays.column_axis)
    for r in range(row_window.start, row_window.stop, _BLOCK):
        rows = rays.slopes[r : min(r + _BLOCK, row_window.stop)]
        for c in range(column_window.start, column_window.stop, _BLOCK):
            columns = rays.slopes[c : min(c + _BLOCK, column_window.stop)]
            oblique = np.sqrt(1 + rows[:, None] ** 2 + columns[None, :] ** 2) * (_STEP_MM / 10)
            for d in range(0, len(depths), _BLOCK):
                points = rays.points(depths[d : d + _BLOCK], rows, columns)
                density = _density(rays, points, texture, number)
                if density is not None:
                    total[r : r + len(rows), c : c + len(columns)] += density.sum(
                        axis=0
                    ) * oblique.astype(np.float32)


def _density(
    rays: _Rays, points: list[FloatArray], texture: FloatArray, number: int
) -> FloatArray | None:
    """Mineral density, g/cm3, of a block of points; None where the bone is not near."""
    near = np.flatnonzero(rays.near(points))
    if len(near) == 0:
        return None
    distance = rays.bone.solids[near[0]].distance(*points)
    for index in near[1:]:
        distance = smooth_min(distance, rays.bone.solids[index].distance(*points), _BLEND_MM)
    if distance.min() > _EDGE_MM:
        return None
    for hole in rays.bone.holes:
        distance = np.maximum(distance, -hole.distance(*points))
    return _mineral(-distance, _grain(points, texture, number)) * np.float32(rays.bone.mineral)


def _mineral(inside: FloatArray, grain: FloatArray) -> FloatArray:
    """Cortical shell over textured spongy bone, as a function of the depth below the surface."""
    edge = np.clip(inside * np.float32(1 / _EDGE_MM) + np.float32(0.5), 0, 1)
    shell = np.clip(np.float32((SHELL_MM + 0.4) / 0.8) - inside * np.float32(1 / 0.8), 0, 1)
    filled = shell + (1 - shell) * np.float32(SPONGY) * grain
    density: FloatArray = np.float32(CORTICAL_G_CM3) * edge * filled
    return density


def _grain(points: list[FloatArray], texture: FloatArray, number: int) -> FloatArray:
    cells = texture.shape[0]
    index = [
        ((value * np.float32(1 / TEXTURE_MM)).astype(np.int32) + 29 * number + 1000 * cells)
        % cells
        for value in points
    ]
    grain: FloatArray = texture[index[0], index[1], index[2]]
    return grain
