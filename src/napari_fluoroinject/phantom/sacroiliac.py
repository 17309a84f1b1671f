"""The sacroiliac joint: a curved cleft in two planes, and the ilium on its other side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.transform import Rotation

from napari_fluoroinject.phantom.bone import Bone
from napari_fluoroinject.phantom.solids import Capsule, Ellipsoid, Plate, Solid, Vector
from napari_fluoroinject.phantom.turned import Turned
from napari_fluoroinject.phantom.vertebra_parts import vector

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray
    from napari_fluoroinject.phantom.sacrum import Sacrum

# Middle lines of the two limbs of the auricular surface in the frame of S1, (x, z): from the
# corner, 93 degrees apart, 44 and 56 mm long with their round ends, 20 wide (Waldrop 1993).
CORNER = (2.0, -8.0)
CRANIAL_END = (-20.0, 0.5)
CAUDAL_END = (-14.0, -52.0)
LIMB_HALF_MM = 10.0
_AT_X = -10.0
_AT_Y = 46.0
_FALL = 0.28
"""How much farther medially the joint lies for every millimetre caudally (assumed)."""
_RETRO_X = -24.0
_RETRO_SLOPE = 0.2
"""Dorsal of the joint, sacrum and ilium part: there are ligaments."""
_AXES: tuple[Vector, Vector, Vector] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """The joint of one side in the frame of S1: how far laterally it lies at (x, z).

    Its plane opens ventro-laterally by `cranial_deg` at S1 and `caudal_deg` at its lower end (20
    to 30, assumed) and is wavy by `wave_mm`; `gap_mm` is its width (1 to 3, assumed).
    """

    side: int
    scale: float
    cranial_deg: float
    caudal_deg: float
    wave_mm: float
    wave_phase: float
    gap_mm: float

    def lateral(self, x: DoubleArray, z: DoubleArray) -> DoubleArray:
        """Distance of the joint from the midline, mm."""
        x, z = np.asarray(x) / self.scale, np.asarray(z) / self.scale
        steep = np.interp(
            z,
            (CAUDAL_END[1], 0.0),
            (np.tan(np.radians(self.caudal_deg)), np.tan(np.radians(self.cranial_deg))),
        )
        fall = np.where(z < 0, _FALL, 0.1) * z
        wave = self.wave_mm * np.sin(2 * np.pi * z / 45.0 + self.wave_phase)
        return np.asarray(self.scale * (_AT_Y + fall + steep * (x - _AT_X)) + wave)

    def point(self, x: DoubleArray, z: DoubleArray) -> DoubleArray:
        """Points of the joint in the frame of S1, (..., 3)."""
        x, z = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(z, np.float64))
        return np.stack([x, self.side * self.lateral(x, z), z], axis=-1)

    def normal(self, x: DoubleArray, z: DoubleArray) -> DoubleArray:
        """Unit vectors square to the joint, (..., 3)."""
        step = 0.5
        along = self.point(x + step, z) - self.point(x - step, z)
        up = self.point(x, z + step) - self.point(x, z - step)
        normal = np.cross(along, up)
        return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True))

    def limb(self, share: float, across: float) -> DoubleArray:
        """A point of the caudal limb in the frame of S1, (3,).

        `share` leads from the corner to the lower end, `across` from the ventral margin (-1) to
        the dorsal one (1).
        """
        start, end = np.array(CORNER), np.array(CAUDAL_END)
        along = (end - start) / np.linalg.norm(end - start)
        dorsal = np.array([along[1], -along[0]])
        x, z = self.scale * (start + share * (end - start) + across * LIMB_HALF_MM * dorsal)
        return self.point(x, z)

    def depth(self, x: DoubleArray, z: DoubleArray) -> DoubleArray:
        """How far (x, z) lies within the border of the auricular surface, mm, below 0 outside."""
        x, z = np.asarray(x) / self.scale, np.asarray(z) / self.scale
        limbs = (_from_limb(x, z, end) for end in (CRANIAL_END, CAUDAL_END))
        return np.asarray(self.scale * (LIMB_HALF_MM - np.minimum(*limbs)))


def draw_joint(side: int, scale: float, random: np.random.Generator) -> Joint:
    """Draw the joint of one side."""
    return Joint(
        side=side,
        scale=scale,
        cranial_deg=float(np.clip(random.normal(27.0, 2.0), 23.0, 31.0)),
        caudal_deg=float(np.clip(random.normal(20.0, 2.0), 16.0, 24.0)),
        wave_mm=float(random.uniform(0.5, 1.5)),
        wave_phase=float(random.uniform(0.0, 2 * np.pi)),
        gap_mm=float(random.uniform(1.7, 2.4)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What lies laterally of a joint, or medially of it; a hole that the other bone leaves."""

    joint: Joint
    lateral: bool

    @property
    def centre(self) -> Vector:
        """The middle of the joint."""
        return vector(self.joint.limb(0.5, 0.0))

    @property
    def radius(self) -> float:
        """It has no end."""
        return 1e3

    def distance(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Signed distance, millimetres, to first order."""
        joint = self.joint
        surface = joint.lateral(np.asarray(x), np.asarray(z)).astype(np.float32)
        out = np.float32(joint.side) * y - surface
        half = np.float32(joint.gap_mm / 2)
        if self.lateral:
            return np.asarray((half * np.float32(-1.0) - out) * np.float32(0.9), np.float32)
        apart = np.maximum(np.float32(_RETRO_X * joint.scale) - x, 0) * np.float32(_RETRO_SLOPE)
        return np.asarray((out - half - apart) * np.float32(0.9), np.float32)


def ilium(
    joint: Joint, sacrum: Sacrum, scale: float, *, mineral: float, random: np.random.Generator
) -> Bone:
    """The ilium of one side in the frame of S1: wing, articular part, posterior spines."""
    return Bone(
        name="ilium",
        solids=(*_wing(joint, sacrum, scale, random), *_posterior(joint, sacrum, scale)),
        holes=(Beside(joint=joint, lateral=False),),
        origin=sacrum.origin,
        turn=sacrum.turn,
        mineral=mineral,
    )


def _wing(
    joint: Joint, sacrum: Sacrum, scale: float, random: np.random.Generator
) -> tuple[Solid, ...]:
    """The wing flares from dorsal and medial to ventral and lateral; its crest is at L4-L5."""
    side, back = joint.side, sacrum.turn.T
    lean, yaw = float(random.normal(18.0, 3.0)), float(random.normal(38.0, 3.0))
    turn = Rotation.from_euler("xz", [-side * lean, side * yaw], degrees=True).as_matrix()
    disc = Ellipsoid(centre=(0.0, 0.0, 0.0), axes=_AXES, half=(66.0 * scale, 5.0, 52.0 * scale))
    centre = np.array([30.0, side * 90.0, 6.0 + float(random.normal(0.0, 5.0))]) * scale
    body = Capsule(
        start=vector(back @ (scale * np.array([-4.0, side * 56.0, -30.0]))),
        end=vector(back @ (scale * np.array([34.0, side * 92.0, -92.0]))),
        start_mm=7.0,
        end_mm=20.0,
    )
    return Turned(solid=disc, origin=vector(back @ centre), turn=back @ turn), body


def _posterior(joint: Joint, sacrum: Sacrum, scale: float) -> tuple[Solid, ...]:
    """What bears the joint, and the posterior superior and inferior spines."""
    side, back = joint.side, sacrum.turn.T
    # The superior spine stands 22 mm at 46 degrees from the second foramen
    # (10.1007/s00276-010-0735-0), the inferior one at the joint's lower end (assumed).
    upper = np.array([-46.0, side * 36.0, -18.0]) * scale
    lower = np.array([-36.0, side * 33.0, -42.0]) * scale
    bearing = np.array([-16.0, side * 54.0, -12.0]) * scale
    caudal = np.array([-18.0, side * 42.0, -42.0]) * scale
    crest = back @ (np.array([-6.0, side * 68.0, 32.0]) * scale)
    rods = (
        (upper, lower, 6.0, 4.5),
        (upper, bearing, 7.5, 9.0),
        (lower, caudal, 4.5, 6.5),
        (upper, crest, 6.5, 5.0),
    )
    return bearing_plate(joint, 6.0), *(
        Capsule(start=vector(start), end=vector(end), start_mm=start_mm, end_mm=end_mm)
        for start, end, start_mm, end_mm in rods
    )


def bearing_plate(joint: Joint, off_mm: float) -> Plate:
    """Bone that bears the joint, its middle `off_mm` laterally of it (negative = medially)."""
    x, z = np.array(-9.0 * joint.scale), np.array(-27.0 * joint.scale)
    normal = joint.normal(x, z)
    normal *= np.sign(normal[1]) * joint.side
    along = np.array([CAUDAL_END[0] - CORNER[0], 0.0, CAUDAL_END[1] - CORNER[1]])
    along -= (along @ normal) * normal
    along /= np.linalg.norm(along)
    return Plate(
        centre=vector(joint.point(x, z) + off_mm * normal),
        axes=(vector(along), vector(np.cross(normal, along)), vector(normal)),
        half=(32.0 * joint.scale, 13.0 * joint.scale, abs(off_mm) + 1.0),
        edge_mm=4.0,
    )


def _from_limb(x: DoubleArray, z: DoubleArray, end: tuple[float, float]) -> DoubleArray:
    """Distance of (x, z) from the middle line of a limb."""
    dx, dz = end[0] - CORNER[0], end[1] - CORNER[1]
    px, pz = x - CORNER[0], z - CORNER[1]
    t = np.clip((px * dx + pz * dz) / (dx * dx + dz * dz), 0, 1)
    return np.asarray(np.hypot(px - t * dx, pz - t * dz))
