"""Analytic solids: signed distances, negative inside, from which bones are blended."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import FloatArray

Vector = tuple[float, float, float]


class Solid(Protocol):
    """A solid in a bone's own frame; it lies inside the ball (`centre`, `radius`)."""

    @property
    def centre(self) -> Vector:
        """Centre of the ball."""

    @property
    def radius(self) -> float:
        """Radius of the ball."""

    def distance(self, x: FloatArray, y: FloatArray, z: FloatArray, /) -> FloatArray:
        """Signed distance of points, mm, the shape of x, y and z together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capsule:
    """A rod with round ends, radius `start_mm` to `end_mm`; `flat` divides its size by axis."""

    start: Vector
    end: Vector
    start_mm: float
    end_mm: float
    flat: Vector = (1.0, 1.0, 1.0)

    @property
    def centre(self) -> Vector:
        """Middle of the rod."""
        return _middle(self.start, self.end)

    @property
    def radius(self) -> float:
        """Half the length and the thicker end."""
        return _length(self.start, self.end) / 2 + max(self.start_mm, self.end_mm)

    def distance(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Signed distance, mm; exact for a round rod, near the surface for a flattened one."""
        fx, fy, fz = self.flat
        dx, dy, dz = (np.float32(b - a) for a, b in zip(self.start, self.end, strict=True))
        px, py, pz = (
            x - np.float32(self.start[0]),
            y - np.float32(self.start[1]),
            z - np.float32(self.start[2]),
        )
        length2 = dx * dx + dy * dy + dz * dz
        t = np.clip((px * dx + py * dy + pz * dz) * (1 / length2), 0, 1)
        px = (px - t * dx) * np.float32(fx)
        py = (py - t * dy) * np.float32(fy)
        pz = (pz - t * dz) * np.float32(fz)
        thickness = np.float32(self.start_mm) + t * np.float32(self.end_mm - self.start_mm)
        distance: FloatArray = np.sqrt(px * px + py * py + pz * pz) - thickness
        return distance


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """A box about `centre`: half sizes along three orthonormal `axes`, rounded by `edge_mm`.

    `taper` changes the second half size by that fraction from the middle to the positive end of
    the first axis.
    """

    centre: Vector
    axes: tuple[Vector, Vector, Vector]
    half: Vector
    edge_mm: float
    taper: float = 0.0

    @property
    def radius(self) -> float:
        """Half the diagonal."""
        a, b, c = self.half
        return hypot(a, b * (1 + abs(self.taper)), c)

    def distance(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Signed distance, millimetres."""
        px, py, pz = (
            value - np.float32(c) for value, c in zip((x, y, z), self.centre, strict=True)
        )
        (ax, bx, cx), (ay, by, cy), (az, bz, cz) = np.array(self.axes, np.float32)
        along, across, thick = (
            px * ax + py * bx + pz * cx,
            px * ay + py * by + pz * cy,
            px * az + py * bz + pz * cz,
        )
        edge = np.float32(self.edge_mm)
        a, b, c = (np.float32(half - self.edge_mm) for half in self.half)
        reach = b if self.taper == 0 else b * (1 + np.float32(self.taper / self.half[0]) * along)
        qa, qb, qc = np.abs(along) - a, np.abs(across) - reach, np.abs(thick) - c
        outside = np.sqrt(np.maximum(qa, 0) ** 2 + np.maximum(qb, 0) ** 2 + np.maximum(qc, 0) ** 2)
        inside = np.minimum(np.maximum(np.maximum(qa, qb), qc), 0)
        distance: FloatArray = outside + inside - edge
        return distance


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipsoid:
    """An ellipsoid about `centre` with half axes `half` along three orthonormal `axes`."""

    centre: Vector
    axes: tuple[Vector, Vector, Vector]
    half: Vector

    @property
    def radius(self) -> float:
        """The longest half axis."""
        return max(self.half)

    def distance(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Signed distance, millimetres, to first order near the surface."""
        p = [value - np.float32(c) for value, c in zip((x, y, z), self.centre, strict=True)]
        # Not zero at the centre, where the formula would be 0 / 0 and must be the least half axis.
        unit = np.full_like(p[0], 1e-6)
        steep = np.full_like(p[0], 1e-6 / min(self.half) ** 2)
        for axis, half in zip(self.axes, self.half, strict=True):
            along = sum(
                value * np.float32(a) for value, a in zip(p, axis, strict=True)
            ) * np.float32(1 / half)
            unit = unit + along * along
            steep = steep + along * along * np.float32(1 / half**2)
        size = np.sqrt(unit)
        distance: FloatArray = size * (size - 1) / np.sqrt(steep)
        return distance


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What a plane leaves of a solid: the side against `normal` (unit) of `point`."""

    solid: Solid
    point: Vector
    normal: Vector

    @property
    def centre(self) -> Vector:
        """Centre of the uncut solid."""
        return self.solid.centre

    @property
    def radius(self) -> float:
        """Radius of the uncut solid."""
        return self.solid.radius

    def distance(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Signed distance, millimetres."""
        nx, ny, nz = (np.float32(n) for n in self.normal)
        level = np.float32(sum(p * n for p, n in zip(self.point, self.normal, strict=True)))
        beyond = x * nx + y * ny + z * nz - level
        distance: FloatArray = np.maximum(self.solid.distance(x, y, z), beyond)
        return distance


@dataclass(frozen=True, slots=True, kw_only=True)
class VertebralBody:
    """A super-elliptic cylinder about `middle` with a waist, dished end plates, flat behind.

    Half sizes in millimetres: `depth` and `depth_waist` along x; `width_top`, `width_waist`,
    `width_bottom` along y; `height_front`, `height_back` along z at the ventral and dorsal wall.
    `hollow` is how deep the end plates are dished.
    """

    middle: Vector
    depth: float
    depth_waist: float
    width_top: float
    width_waist: float
    width_bottom: float
    height_front: float
    height_back: float
    hollow: float
    exponent: float = 2.4
    dorsal_hollow: float = 1.2

    @property
    def centre(self) -> Vector:
        """Centre of the body."""
        return self.middle

    @property
    def radius(self) -> float:
        """A ball around the rims."""
        return hypot(
            self.depth + 3,
            max(self.width_top, self.width_bottom),
            max(self.height_front, self.height_back),
        )

    def distance(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Signed distance, millimetres, to first order near the surface."""
        x, y, z = (value - np.float32(m) for value, m in zip((x, y, z), self.middle, strict=True))
        height = np.float32((self.height_front + self.height_back) / 2)
        lean = np.float32((self.height_front - self.height_back) / (2 * self.depth))
        flare = np.minimum((z / height) ** 2, 1.2)
        # The ellipse reaches behind the dorsal wall, which a nearly flat plane then cuts: real
        # walls are not round.
        behind = np.float32(2.4)
        depth = (
            np.float32(self.depth_waist)
            + np.float32(self.depth - self.depth_waist) * flare
            + behind / 2
        )
        rim = np.where(z > 0, np.float32(self.width_top), np.float32(self.width_bottom))
        width = np.float32(self.width_waist) + (rim - np.float32(self.width_waist)) * flare
        u, v = np.abs(x + behind / 2) / depth, np.abs(y) / width
        n = np.float32(self.exponent)
        radial = (u**n + v**n) ** np.float32(1 / self.exponent)
        side = (radial - 1) * np.minimum(depth, width)
        dent = np.float32(self.dorsal_hollow) * np.maximum(1 - (y / np.float32(11)) ** 2, 0)
        side = np.maximum(side, dent - x - (depth - behind / 2))
        dish = np.float32(self.hollow) * np.maximum(1 - radial * radial, 0)
        plate = np.abs(z) - (height + lean * x - dish)
        return smooth_max(side, plate, np.float32(1.5))


def smooth_min(a: FloatArray, b: FloatArray, blend: np.float32) -> FloatArray:
    """The union of two solids with a fillet of about `blend` mm (polynomial smooth minimum)."""
    overlap = np.maximum(blend - np.abs(a - b), 0)
    fillet = overlap * overlap * (np.float32(0.25) / blend)
    union: FloatArray = np.minimum(a, b) - fillet
    return union


def smooth_max(a: FloatArray, b: FloatArray, blend: np.float32) -> FloatArray:
    """The intersection of two solids with edges rounded by about `blend` millimetres."""
    return -smooth_min(-a, -b, blend)


def _middle(a: Vector, b: Vector) -> Vector:
    return ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2)


def _length(a: Vector, b: Vector) -> float:
    return hypot(b[0] - a[0], b[1] - a[1], b[2] - a[2])
