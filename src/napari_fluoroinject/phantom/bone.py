"""A bone: analytic solids in their own frame, and where that frame stands in the patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.arrays import DoubleArray, read_only
from napari_fluoroinject.phantom.solids import Solid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bone:
    """Blended `solids` less `holes`, in a frame that stands at world = origin + turn @ own.

    `mineral` is the bone's density as a share of a young healthy one's.
    """

    name: str
    solids: tuple[Solid, ...]
    holes: tuple[Solid, ...] = ()
    origin: DoubleArray
    turn: DoubleArray
    mineral: float

    def __post_init__(self) -> None:
        for name in ("origin", "turn"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))

    def world(self, own: npt.ArrayLike) -> DoubleArray:
        """Points (..., 3) of the bone's own frame in patient millimetres."""
        return self.origin + np.asarray(own, np.float64) @ self.turn.T
