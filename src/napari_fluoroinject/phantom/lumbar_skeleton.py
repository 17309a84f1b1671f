"""Lumbar vertebrae stacked into a lordotic column on sacrum and pelvis."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom import lumbar, pelvis
from napari_fluoroinject.phantom.bone import Bone
from napari_fluoroinject.phantom.column import Frames, stacked
from napari_fluoroinject.phantom.skeleton import CanalPoint, Skeleton, spongy_texture
from napari_fluoroinject.phantom.solids import Capsule, Solid

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.vertebra import Vertebra

_PITCH_MM = 36.0
_SACRAL_CANAL = ((-16.0, 0.0, 0.0), (-13.0, 0.0, -45.0))
# Tilt of a vertebra against the one above, degrees (mean lumbar surface of 87 patients; the last,
# lumbosacral one from memory).
_LORDOSIS_DEG = (3.0, 3.0, 9.0, 12.0, 17.0)


def draw_lumbar_skeleton(random: np.random.Generator) -> Skeleton:
    """Draw bones from T12 to the pelvis. Origin in L3, x ventral, y left, z cranial, mm."""
    scale = float(np.clip(1 + 0.045 * random.standard_normal(), 0.9, 1.1))
    mineral = float(random.uniform(0.55, 1.05))
    drawn = [lumbar.draw_vertebra(i, scale, random) for i in range(5)]
    origins, turns = _stack(drawn, random)
    spine = [
        Bone(
            name=name,
            solids=lumbar.solids(drawn[i], drawn[i + 1] if i < 4 else None, random),
            holes=(lumbar.canal(drawn[i]),),
            origin=origins[i],
            turn=turns[i],
            mineral=mineral * float(random.uniform(0.93, 1.07)),
        )
        for i, name in enumerate(lumbar.LEVELS)
    ]
    solids, holes = pelvis.sacrum(drawn[4], scale)
    rest = [
        *_thoracic(drawn[0], spine[0], random),
        Bone(
            name="S1",
            solids=solids,
            holes=holes,
            origin=origins[5],
            turn=turns[5],
            mineral=mineral * 0.85,
        ),
        *(
            pelvis.draw_ilium(side, origins[5], scale, mineral=mineral, random=random)
            for side in (1.0, -1.0)
        ),
    ]
    return Skeleton(
        bones=(*spine, *rest),
        vertebrae=dict(zip(lumbar.LEVELS, drawn, strict=True)),
        canal=_canal(drawn),
        pitch_mm=_PITCH_MM,
        texture=spongy_texture(random),
    )


def _canal(drawn: list[Vertebra]) -> tuple[CanalPoint, ...]:
    walls = [
        CanalPoint(bone=name, own_mm=(bone.wall, 0.0, 0.0), depth_mm=bone.canal_depth)
        for name, bone in zip(lumbar.LEVELS, drawn, strict=True)
    ]
    depth = drawn[-1].canal_depth
    sacral = [
        CanalPoint(bone="S1", own_mm=own, depth_mm=share * depth)
        for own, share in zip(_SACRAL_CANAL, (1.0, 0.6), strict=True)
    ]
    return (replace(walls[0], bone="T12"), *walls, *sacral)


def _stack(drawn: list[Vertebra], random: np.random.Generator) -> Frames:
    """Origins and turns of L1 to S1: lordosis, a little scoliosis, a little rotation."""
    tilt = float(random.normal(-6.0, 2.5)) + np.concatenate(
        [[0.0], np.cumsum(np.array(_LORDOSIS_DEG) + 1.2 * random.standard_normal(5))]
    )
    bend = np.cumsum(1.1 * random.standard_normal(6))
    bend -= bend[2]
    spin = 1.5 * random.standard_normal(6)
    pitches = [bone.pitch_below for bone in drawn]
    return stacked(pitches, tilt_deg=tilt, bend_deg=bend, spin_deg=spin, middle=2)


def _thoracic(l1: Vertebra, above: Bone, random: np.random.Generator) -> list[Bone]:
    """The lowest thoracic vertebra, drawn like the first lumbar one, and its short ribs."""
    t12 = replace(l1, transverse_span=46.0, transverse_x=-14.0, width_top=l1.width_top * 0.93)
    vertebra = Bone(
        name="T12",
        solids=lumbar.solids(t12, l1, random),
        holes=(lumbar.canal(t12),),
        origin=above.world((0.8, 0.0, l1.pitch_below * 0.96)),
        turn=above.turn,
        mineral=above.mineral,
    )
    ribs = _ribs(t12.wall - 9.0, random)
    return [vertebra, replace(vertebra, name="ribs", solids=ribs, holes=())]


def _ribs(x: float, random: np.random.Generator) -> tuple[Solid, ...]:
    length, drop = float(random.uniform(0.5, 1.2)), float(random.uniform(0.35, 0.8))
    parts: list[Solid] = []
    for side in (1.0, -1.0):
        root = (x + 4.0, side * 20.0, 3.0)
        bend = (x - 20.0, side * (22.0 + 36.0 * length), -2.0 - 38.0 * length * drop)
        tip = (x - 12.0, side * (22.0 + 72.0 * length), -2.0 - 80.0 * length * drop)
        for start, end, start_mm, end_mm in ((root, bend, 4.5, 4.3), (bend, tip, 4.3, 3.0)):
            flat = (1.4, 1.0, 1.0)
            rib = Capsule(start=start, end=end, start_mm=start_mm, end_mm=end_mm, flat=flat)
            parts.append(rib)
    return tuple(parts)
