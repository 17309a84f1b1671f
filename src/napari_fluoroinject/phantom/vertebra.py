"""The dimensions of one vertebra, whatever its region."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Vertebra:
    """Dimensions of one vertebra, millimetres; `x` of a process is from the body's dorsal wall.

    Vertebra frame: origin at the centre of the body, x ventral, y left, z cranial. `facet_deg` is
    the angle of the joint below with the mid-sagittal plane.
    """

    depth: float
    depth_waist: float
    width_top: float
    width_waist: float
    width_bottom: float
    height_front: float
    height_back: float
    canal_depth: float
    pedicle_width: float
    pedicle_height: float
    pedicle_inner: float
    pedicle_outer: float
    pedicle_z: float
    transverse_span: float
    transverse_x: float
    transverse_z: float
    spinous_x: float
    spinous_z: float
    spinous_height: float
    arch_top: float
    arch_bottom: float
    superior_x: float
    superior_y: float
    superior_z: float
    inferior_x: float
    inferior_y: float
    inferior_z: float
    facet_deg: float
    pitch_below: float

    @property
    def wall(self) -> float:
        """The x of the dorsal wall of the body."""
        return -self.depth / 2

    @property
    def pedicle_y(self) -> float:
        """Distance of the pedicle's axis from the midline."""
        return (self.pedicle_inner + self.pedicle_outer) / 2
