"""The cone beam of a C-arm: where a point of the patient falls on the detector."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.arrays import DoubleArray, read_only


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Beam:
    """Source, detector and patient in one geometry.

    Patient millimetres: x ventral, y left, z cranial. `depth_axis` points from the source to the
    detector; at angle 0 the detector is dorsal (prone patient), rows run caudally and columns to
    the patient's right; of a supine patient it is ventral, and columns run to the left. A positive
    oblique angle turns the detector to the patient's left, a positive tilt towards the head.
    """

    sid_mm: float
    sod_mm: float
    pitch_mm: float
    size: int
    isocentre: DoubleArray
    column_axis: DoubleArray
    row_axis: DoubleArray
    depth_axis: DoubleArray

    def __post_init__(self) -> None:
        for name in ("isocentre", "column_axis", "row_axis", "depth_axis"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))

    @property
    def centre_px(self) -> float:
        """Row and column of the central ray."""
        return (self.size - 1) / 2

    @property
    def mm_per_px(self) -> float:
        """Millimetres per pixel at the isocentre."""
        return self.pitch_mm * self.sod_mm / self.sid_mm

    @property
    def source(self) -> DoubleArray:
        """The focal spot in patient millimetres."""
        return self.isocentre - self.sod_mm * self.depth_axis

    def depth_mm(self, points: npt.ArrayLike) -> DoubleArray:
        """Distance of points (..., 3) from the source along the central ray."""
        return (np.asarray(points, np.float64) - self.source) @ self.depth_axis

    def mm_per_px_at(self, points: npt.ArrayLike) -> DoubleArray:
        """Millimetres per pixel in the plane of each point (..., 3)."""
        return self.pitch_mm * self.depth_mm(points) / self.sid_mm

    def project(self, points: npt.ArrayLike) -> DoubleArray:
        """(row, column) of points (..., 3), shape (..., 2)."""
        relative = np.asarray(points, np.float64) - self.source
        scale = self.sid_mm / (relative @ self.depth_axis) / self.pitch_mm
        rows = relative @ self.row_axis * scale
        columns = relative @ self.column_axis * scale
        return np.stack([rows, columns], axis=-1) + self.centre_px


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """How the C-arm stands: distances, detector pixel, rows and columns, angles.

    `supine` puts the detector before the patient, who lies on the back, instead of behind.
    """

    sid_mm: float
    sod_mm: float
    pitch_mm: float
    size: int
    oblique_deg: float
    tilt_deg: float
    supine: bool = False


def aim(stand: Stand, isocentre: npt.ArrayLike) -> Beam:
    """The beam of a C-arm whose isocentre stands at a point of the patient."""
    turn, tilt = radians(stand.oblique_deg), radians(stand.tilt_deg)
    front = 1.0 if stand.supine else -1.0
    level = np.array([front * cos(turn), sin(turn), 0.0])
    up = np.array([0.0, 0.0, 1.0])
    return Beam(
        sid_mm=stand.sid_mm,
        sod_mm=stand.sod_mm,
        pitch_mm=stand.pitch_mm,
        size=stand.size,
        isocentre=np.asarray(isocentre, np.float64),
        column_axis=np.array([-sin(turn), front * cos(turn), 0.0]),
        row_axis=-cos(tilt) * up + sin(tilt) * level,
        depth_axis=cos(tilt) * level + sin(tilt) * up,
    )
