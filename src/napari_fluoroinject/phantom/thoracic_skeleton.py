"""Thoracic vertebrae stacked into a kyphotic column with the ribs of both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom import thoracic
from napari_fluoroinject.phantom.bone import Bone
from napari_fluoroinject.phantom.column import Frames, stacked
from napari_fluoroinject.phantom.skeleton import CanalPoint, Skeleton, spongy_texture

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.vertebra import Vertebra

WINDOW = thoracic.LEVELS[2:]
"""The vertebrae that are drawn: more than any picture of a target at T6 to T8 shows."""
_MIDDLE = WINDOW.index("T7")
_PITCH_MM = 23.5
_KYPHOSIS_DEG = 3.5
"""Tilt of a vertebra against the one above (assumed: about 35 degrees in all)."""
_RIB_MINERAL = 0.8


def draw_thoracic_skeleton(random: np.random.Generator) -> Skeleton:
    """Draw bones from T3 to T12. Origin in T7, x ventral, y left, z cranial, millimetres."""
    scale = float(np.clip(1 + 0.045 * random.standard_normal(), 0.9, 1.1))
    mineral = float(random.uniform(0.55, 1.05))
    first = thoracic.LEVELS.index(WINDOW[0])
    drawn = [thoracic.draw_vertebra(first + i, scale, random) for i in range(len(WINDOW))]
    origins, turns = _stack(drawn, random)
    slope = float(random.uniform(18.0, 28.0))
    bones: list[Bone] = []
    for i, name in enumerate(WINDOW):
        below = drawn[i + 1] if i + 1 < len(drawn) else None
        vertebra = Bone(
            name=name,
            solids=thoracic.solids(drawn[i], below, random),
            holes=(thoracic.canal(drawn[i]),),
            origin=origins[i],
            turn=turns[i],
            mineral=mineral * float(random.uniform(0.93, 1.07)),
        )
        bones += [vertebra, *_ribs(vertebra, drawn[i], slope, random)]
    return Skeleton(
        bones=tuple(bones),
        vertebrae=dict(zip(WINDOW, drawn, strict=True)),
        canal=tuple(
            CanalPoint(bone=name, own_mm=(bone.wall, 0.0, 0.0), depth_mm=bone.canal_depth)
            for name, bone in zip(WINDOW, drawn, strict=True)
        ),
        pitch_mm=_PITCH_MM * scale,
        texture=spongy_texture(random),
    )


def _ribs(
    vertebra: Bone, drawn: Vertebra, slope_deg: float, random: np.random.Generator
) -> list[Bone]:
    return [
        Bone(
            name=f"rib of {vertebra.name}",
            solids=thoracic.rib(drawn, side, slope_deg + float(random.uniform(-2.0, 2.0))),
            origin=vertebra.origin,
            turn=vertebra.turn,
            mineral=vertebra.mineral * _RIB_MINERAL,
        )
        for side in (1.0, -1.0)
    ]


def _stack(drawn: list[Vertebra], random: np.random.Generator) -> Frames:
    """Origins and turns from head to feet: kyphosis, a little scoliosis, a little rotation."""
    count = len(drawn)
    # a positive tilt turns the ventral side down; kyphosis: the upper vertebrae lean forward
    tilt = _KYPHOSIS_DEG * (_MIDDLE - np.arange(count)) + float(random.normal(0.0, 2.0))
    tilt = tilt + 0.8 * random.standard_normal(count)
    bend = np.cumsum(0.8 * random.standard_normal(count))
    bend -= bend[_MIDDLE]
    spin = 1.2 * random.standard_normal(count)
    pitches = [bone.pitch_below for bone in drawn[:-1]]
    return stacked(pitches, tilt_deg=tilt, bend_deg=bend, spin_deg=spin, middle=_MIDDLE)
