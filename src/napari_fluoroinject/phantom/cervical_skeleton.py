"""Cervical vertebrae stacked into a lordotic column, with the bones above and below."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom import cervical
from napari_fluoroinject.phantom.bone import Bone
from napari_fluoroinject.phantom.cervical_places import joint_between
from napari_fluoroinject.phantom.column import Frames, stacked
from napari_fluoroinject.phantom.skeleton import CanalPoint, Skeleton, spongy_texture
from napari_fluoroinject.phantom.solids import Capsule, Solid

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.cervical import CervicalVertebra, Facet

_PITCH_MM = 17.5
# Tilt of a vertebra against the one above, degrees, from C3 on to T3: 15 to 25 from C3 to C7
# (assumed).
_LORDOSIS_DEG = (3.0, 5.0, 5.0, 5.0, 5.0, 5.0, 2.0, -2.0)
_NAMES = ("C2", *cervical.LEVELS, "T2", "T3")
_MIDDLE = _NAMES.index("C5")


def draw_cervical_skeleton(random: np.random.Generator) -> Skeleton:
    """Draw bones from the atlas to T3, first ribs and collar bones.

    Origin in C5, x ventral, y left, z cranial, millimetres.
    """
    scale = float(np.clip(1 + 0.045 * random.standard_normal(), 0.9, 1.1))
    mineral = float(random.uniform(0.6, 1.05))
    drawn = _draw(scale, random)
    origins, turns = _stack(drawn, random)
    bare = [
        Bone(
            name=name,
            solids=(),
            origin=origins[i],
            turn=turns[i],
            mineral=mineral * float(random.uniform(0.93, 1.07)),
        )
        for i, name in enumerate(_NAMES)
    ]
    spine = [
        replace(
            bone,
            solids=cervical.solids(
                drawn[i], _facets(drawn, bare, i - 1, i), _facets(drawn, bare, i, i), random
            ),
            holes=cervical.holes(drawn[i]),
        )
        for i, bone in enumerate(bare)
    ]
    spine[0] = replace(spine[0], solids=(*spine[0].solids, *_dens(drawn[0])))
    return Skeleton(
        bones=(*spine, *_girdle(spine[_NAMES.index("T1")], random), _atlas(spine[0], scale)),
        vertebrae=dict(zip(cervical.LEVELS, drawn[1:], strict=False)),
        canal=tuple(
            CanalPoint(bone=name, own_mm=(one.wall, 0.0, 0.0), depth_mm=one.canal_depth)
            for name, one in zip(_NAMES, drawn, strict=True)
        ),
        pitch_mm=_PITCH_MM,
        texture=spongy_texture(random),
    )


def _draw(scale: float, random: np.random.Generator) -> list[CervicalVertebra]:
    """C2 to T3: the outer ones like their neighbours."""
    known = [cervical.draw_vertebra(i, scale, random) for i in range(len(cervical.LEVELS))]
    c2 = replace(
        known[0],
        height_front=known[0].height_front * 1.5,
        height_back=known[0].height_back * 1.25,
        spinous_height=known[0].spinous_height * 1.7,
        spinous_x=known[0].spinous_x * 1.05,
        arch_top=known[0].arch_top + 2.0,
        uncinate_height=0.0,
        pitch_below=known[0].pitch_below * 1.12,
    )
    return [c2, *known, known[-1], known[-1]]


def _stack(drawn: list[CervicalVertebra], random: np.random.Generator) -> Frames:
    """Origins and turns of C2 to T3: lordosis, a little scoliosis, a little rotation."""
    count = len(drawn)
    steps = np.array(_LORDOSIS_DEG) + 1.2 * random.standard_normal(count - 1)
    tilt = float(random.normal(-7.0, 3.0)) + np.concatenate([[0.0], np.cumsum(steps)])
    bend = np.cumsum(0.8 * random.standard_normal(count))
    bend -= bend[_MIDDLE]
    spin = 1.2 * random.standard_normal(count)
    pitches = [bone.pitch_below for bone in drawn[:-1]]
    return stacked(pitches, tilt_deg=tilt, bend_deg=bend, spin_deg=spin, middle=_MIDDLE)


def _facets(
    drawn: list[CervicalVertebra], bare: list[Bone], upper: int, of: int
) -> tuple[Facet, Facet]:
    """The facets of bone number `of` in its joints with the neighbour, left then right.

    `upper` is the number of the joint's upper bone; beyond the column's ends the joint is that of
    the next pair, moved along.
    """
    pair = min(max(upper, 0), len(drawn) - 2)
    facets = []
    for side in (1, -1):
        joint = joint_between((drawn[pair], bare[pair]), (drawn[pair + 1], bare[pair + 1]), side)
        moved = (bare[pair].origin - bare[pair + 1].origin) * (pair - upper)
        outward = joint.axes[2] * (1.0 if of == upper + 1 else -1.0)
        point = joint.centre_mm + moved - outward * (cervical.FACET_GAP_MM / 2)
        own = (point - bare[of].origin) @ bare[of].turn
        normal = outward @ bare[of].turn
        facets.append(
            cervical.Facet(
                point=(float(own[0]), float(own[1]), float(own[2])),
                normal=(float(normal[0]), float(normal[1]), float(normal[2])),
            )
        )
    return facets[0], facets[1]


def _dens(c2: CervicalVertebra) -> tuple[Solid, ...]:
    """The dens and the shoulders that bear the atlas."""
    top = c2.height_front / 2
    dens = Capsule(start=(-0.5, 0.0, 0.0), end=(1.5, 0.0, top + 13.0), start_mm=5.0, end_mm=4.2)
    shoulders = (
        Capsule(
            start=(-2.0, side * 7.0, 2.0),
            end=(-2.0, side * 14.0, 4.0),
            start_mm=5.5,
            end_mm=5.0,
        )
        for side in (1.0, -1.0)
    )
    return dens, *shoulders


def _atlas(axis: Bone, scale: float) -> Bone:
    """The first vertebra, a ring about the dens, in the frame of the second (assumed)."""
    ring = (
        ((9.0, -9.0, 17.0), (9.0, 9.0, 17.0), 3.6),
        *(
            piece
            for side in (1.0, -1.0)
            for piece in (
                ((-1.0, side * 18.0, 12.0), (0.0, side * 21.0, 19.0), 6.5),
                ((9.0, side * 9.0, 17.0), (1.0, side * 17.0, 16.0), 3.6),
                ((-8.0, side * 19.0, 17.0), (-30.0, side * 3.0, 15.0), 3.0),
                ((-2.0, side * 24.0, 15.0), (-4.0, side * 37.0, 13.0), 3.6),
            )
        ),
    )
    solids = tuple(
        Capsule(
            start=(scale * start[0], scale * start[1], scale * start[2]),
            end=(scale * end[0], scale * end[1], scale * end[2]),
            start_mm=scale * half,
            end_mm=scale * half,
        )
        for start, end, half in ring
    )
    return replace(axis, name="C1", solids=solids, holes=())


def _girdle(t1: Bone, random: np.random.Generator) -> list[Bone]:
    """The first ribs and the collar bones, in the frame of the first thoracic vertebra."""
    drop = float(random.uniform(0.8, 1.2))
    ribs: list[Solid] = []
    collar: list[Solid] = []
    for side in (1.0, -1.0):
        way = [
            (-9.0, side * 17.0, 2.0),
            (-20.0, side * 38.0, 0.0),
            (-6.0, side * 56.0, -10.0 * drop),
            (24.0, side * 52.0, -24.0 * drop),
            (48.0, side * 30.0, -38.0 * drop),
        ]
        for start, end in pairwise(way):
            ribs.append(
                Capsule(start=start, end=end, start_mm=4.6, end_mm=4.6, flat=(1.0, 1.0, 1.6))
            )
        bend = (44.0, side * 62.0, -22.0 * drop)
        ends = (
            ((54.0, side * 12.0, -40.0 * drop), bend, 6.5, 5.0),
            (bend, (14.0, side * 135.0, -4.0), 5.0, 5.5),
        )
        for start, end, start_mm, end_mm in ends:
            collar.append(Capsule(start=start, end=end, start_mm=start_mm, end_mm=end_mm))
    return [
        replace(t1, name="ribs", solids=tuple(ribs), holes=()),
        replace(t1, name="clavicles", solids=tuple(collar), holes=()),
    ]
