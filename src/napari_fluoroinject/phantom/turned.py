"""Solids that stand turned in a bone's frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.model.arrays import DoubleArray
from napari_fluoroinject.phantom.solids import Solid, Vector
from napari_fluoroinject.phantom.vertebra_parts import vector

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Turned:
    """A solid whose own frame stands at `origin`, its axes the columns of `turn` (3, 3)."""

    solid: Solid
    origin: Vector
    turn: DoubleArray

    @property
    def centre(self) -> Vector:
        """Centre of the solid's ball."""
        return vector(np.asarray(self.origin) + self.turn @ np.asarray(self.solid.centre))

    @property
    def radius(self) -> float:
        """Radius of the solid's ball."""
        return self.solid.radius

    def distance(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Signed distance, millimetres."""
        px, py, pz = (
            value - np.float32(o) for value, o in zip((x, y, z), self.origin, strict=True)
        )
        axes = self.turn.astype(np.float32).T
        a, b, c = (px * axis[0] + py * axis[1] + pz * axis[2] for axis in axes)
        return self.solid.distance(a, b, c)
