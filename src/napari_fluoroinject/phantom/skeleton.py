"""The bones of one patient: vertebrae stacked into a lordotic column, sacrum and pelvis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import radians

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray, read_only
from napari_fluoroinject.phantom import lumbar
from napari_fluoroinject.phantom.solids import (
    Capsule,
    Ellipsoid,
    Plate,
    Solid,
    Vector,
    VertebralBody,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bone:
    """Solids in the bone's own frame, which stands at world = origin + turn @ own."""

    name: str
    solids: tuple[Solid, ...]
    holes: tuple[Solid, ...]
    origin: DoubleArray
    turn: DoubleArray
    mineral: float

    def world(self, own: npt.ArrayLike) -> DoubleArray:
        """Points (..., 3) of the bone's own frame in patient millimetres."""
        return self.origin + np.asarray(own, np.float64) @ self.turn.T


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Skeleton:
    """All bones, the lumbar vertebrae's dimensions by level, the texture of spongy bone.

    `texture` is a periodic cube of density factors, (n, n, n) float32, one cell a `TEXTURE_MM`.
    """

    bones: tuple[Bone, ...]
    vertebrae: dict[str, lumbar.Vertebra]
    texture: FloatArray

    def bone(self, name: str) -> Bone:
        """The bone of that name."""
        return next(bone for bone in self.bones if bone.name == name)


TEXTURE_MM = 0.8
_TEXTURE_CELLS = 72
_TEXTURE_SIGMA = 0.35
# Tilt of a vertebra against the one above, degrees (mean lumbar surface of 87 patients; L5-S1 from
# memory).
_LORDOSIS_DEG = (3.0, 3.0, 9.0, 12.0, 17.0)


def draw_skeleton(random: np.random.Generator) -> Skeleton:
    """Draw one patient's bones. Origin near L3, x ventral, y left, z cranial, millimetres."""
    scale = float(np.clip(1 + 0.045 * random.standard_normal(), 0.9, 1.1))
    drawn = [lumbar.draw_vertebra(i, scale, random) for i in range(5)]
    mineral = float(random.uniform(0.55, 1.05))
    origins, turns = _stack(drawn, random)
    bones = []
    for i, name in enumerate(lumbar.LEVELS):
        below = drawn[i + 1] if i < 4 else None
        solids = lumbar.solids(drawn[i], below, random)
        own = mineral * float(random.uniform(0.93, 1.07))
        bones.append(_bone(name, solids, (lumbar.canal(drawn[i]),), origins[i], turns[i], own))
    bones += _thoracic(drawn[0], bones[0], mineral, random)
    bones += _pelvis(drawn[4], scale, origins[5], turns[5], mineral, random)
    return Skeleton(
        bones=tuple(bones),
        vertebrae=dict(zip(lumbar.LEVELS, drawn, strict=True)),
        texture=_texture(random),
    )


def _bone(
    name: str,
    solids: tuple[Solid, ...],
    holes: tuple[Solid, ...],
    origin: DoubleArray,
    turn: DoubleArray,
    mineral: float,
) -> Bone:
    return Bone(
        name=name,
        solids=solids,
        holes=holes,
        origin=read_only(origin, np.float64),
        turn=read_only(turn, np.float64),
        mineral=mineral,
    )


def _stack(
    drawn: list[lumbar.Vertebra], random: np.random.Generator
) -> tuple[list[DoubleArray], list[DoubleArray]]:
    """Origins and turns of L1 to S1, L3 near the origin."""
    tilt = float(random.normal(-6.0, 2.5)) + np.concatenate(
        [[0.0], np.cumsum(np.array(_LORDOSIS_DEG) + 1.2 * random.standard_normal(5))]
    )
    bend = np.cumsum(1.1 * random.standard_normal(6))
    bend -= bend[2]
    spin = 1.5 * random.standard_normal(6)
    turns = [
        Rotation.from_euler("xyz", [radians(b), radians(t), radians(s)]).as_matrix()
        for b, t, s in zip(bend, tilt, spin, strict=True)
    ]
    origins = [np.zeros(3)]
    for i in range(5):
        axis = turns[i][:, 2] + turns[i + 1][:, 2]
        origins.append(origins[-1] - drawn[i].pitch_below * axis / np.linalg.norm(axis))
    return [origin - origins[2] for origin in origins], turns


def _thoracic(
    l1: lumbar.Vertebra, above: Bone, mineral: float, random: np.random.Generator
) -> list[Bone]:
    """The lowest thoracic vertebra, drawn like the first lumbar one, and its short ribs."""
    t12 = replace(l1, transverse_span=46.0, transverse_x=-14.0, width_top=l1.width_top * 0.93)
    origin = above.world((0.8, 0.0, l1.pitch_below * 0.96))
    solids = lumbar.solids(t12, l1, random)
    vertebra = _bone("T12", solids, (lumbar.canal(t12),), origin, above.turn, mineral)
    length = float(random.uniform(0.5, 1.2))
    drop = float(random.uniform(0.35, 0.8))
    x = t12.wall - 9.0
    parts: list[Solid] = []
    for side in (1.0, -1.0):
        bend = (x - 20.0, side * (22.0 + 36.0 * length), -2.0 - 38.0 * length * drop)
        tip = (x - 12.0, side * (22.0 + 72.0 * length), -2.0 - 80.0 * length * drop)
        root = (x + 4.0, side * 20.0, 3.0)
        parts += [
            Capsule(start=root, end=bend, start_mm=4.5, end_mm=4.3, flat=(1.4, 1.0, 1.0)),
            Capsule(start=bend, end=tip, start_mm=4.3, end_mm=3.0, flat=(1.4, 1.0, 1.0)),
        ]
    return [vertebra, _bone("ribs", tuple(parts), (), origin, above.turn, mineral * 0.9)]


def _pelvis(
    l5: lumbar.Vertebra,
    scale: float,
    origin: DoubleArray,
    turn: DoubleArray,
    mineral: float,
    random: np.random.Generator,
) -> list[Bone]:
    solids: list[Solid] = [
        _sacral_body(0.0, 25.0, 16.5, 13.5, scale),
        _sacral_body(-27.0, 18.0, 11.5, 12.0, scale),
        _sacral_body(-52.0, 13.0, 8.5, 11.0, scale),
    ]
    wall = -16.0 * scale
    for side in (1.0, -1.0):
        solids += [
            Capsule(
                start=(-6.0, side * 22 * scale, 3.0),
                end=(-12.0, side * 48 * scale, -8.0),
                start_mm=13.0,
                end_mm=14.0,
                flat=(1.15, 1.0, 1.0),
            ),
            Capsule(
                start=(-14.0, side * 45 * scale, -12.0),
                end=(-22.0, side * 20 * scale, -60.0),
                start_mm=13.0,
                end_mm=8.0,
                flat=(1.5, 1.0, 1.0),
            ),
            Capsule(
                start=(wall - 6, side * 22 * scale, 4.0),
                end=(wall - 8, side * (l5.inferior_y + 4.5), 15.0),
                start_mm=6.5,
                end_mm=5.0,
            ),
            Capsule(
                start=(wall - 16, side * 14, -6.0),
                end=(wall - 14, side * 9, -60.0),
                start_mm=4.5,
                end_mm=3.5,
            ),
        ]
    solids.append(
        Capsule(
            start=(wall - 21, 0.0, -10.0), end=(wall - 16, 0.0, -58.0), start_mm=4.0, end_mm=3.0
        )
    )
    holes: list[Solid] = [
        Capsule(
            start=(wall - 8.0, 0.0, 30.0),
            end=(wall - 6.0, 0.0, -70.0),
            start_mm=7.0,
            end_mm=3.5,
            flat=(1.0, 0.5, 1.0),
        )
    ]
    for side in (1.0, -1.0):
        for z, y in ((-13.0, 22.0), (-38.0, 17.5), (-60.0, 13.0)):
            holes.append(
                Capsule(
                    start=(wall - 30, side * (y - 3) * scale, z),
                    end=(wall + 45, side * (y + 3) * scale, z + 3),
                    start_mm=4.2,
                    end_mm=6.0,
                )
            )
    sacrum = _bone("S1", tuple(solids), tuple(holes), origin, turn, mineral * 0.85)
    return [sacrum, *(_ilium(side, origin, scale, mineral, random) for side in (1.0, -1.0))]


def _sacral_body(
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


def _ilium(
    side: float, origin: DoubleArray, scale: float, mineral: float, random: np.random.Generator
) -> Bone:
    """The wing of the ilium: a thin disc that flares from the sacroiliac joint to the crest."""
    lean = float(random.normal(-24.0, 3.0))
    turn = Rotation.from_euler("xz", [side * lean, side * -48.0], degrees=True).as_matrix()
    middle = origin + np.array([6.0, side * 88.0 * scale, -8.0 + float(random.normal(0.0, 6.0))])
    wing = Ellipsoid(centre=(0.0, 0.0, 0.0), axes=_UNIT, half=(66.0 * scale, 4.6, 54.0 * scale))
    rim = Plate(centre=(-52.0 * scale, 0.0, -4.0), axes=_UNIT, half=(9.0, 7.0, 22.0), edge_mm=5.0)
    return _bone("ilium", (wing, rim), (), middle, turn, mineral)


def _texture(random: np.random.Generator) -> FloatArray:
    """Log-normal density factors, longer cranio-caudally, periodic."""
    cells = _TEXTURE_CELLS
    frequency = np.fft.fftfreq(cells)
    x, y, z = np.meshgrid(frequency, frequency, frequency[: cells // 2 + 1], indexing="ij")
    spectrum = np.fft.rfftn(random.standard_normal((cells,) * 3))
    spectrum *= np.exp(-2 * np.pi**2 * (0.9**2 * (x * x + y * y) + 2.2**2 * z * z))
    field = np.fft.irfftn(spectrum, s=(cells,) * 3, axes=(0, 1, 2))
    field *= _TEXTURE_SIGMA / field.std()
    return read_only(np.exp(field - _TEXTURE_SIGMA**2 / 2), np.float32)


_UNIT: tuple[Vector, Vector, Vector] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
