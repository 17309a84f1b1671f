"""Thoracic vertebrae and ribs as analytic solids, drawn from a table of dimensions."""

from __future__ import annotations

from dataclasses import fields
from math import cos, radians, sin
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom import vertebra_parts
from napari_fluoroinject.phantom.solids import Capsule, Cut, Plate, Solid, Vector
from napari_fluoroinject.phantom.vertebra import Vertebra
from napari_fluoroinject.phantom.vertebra_parts import vector

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray

LEVELS = ("T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "T12")

# One row per quantity in the order of Vertebra, one column per level. Sources: heights of bodies
# T2 to T9, Egwu 2019 (10.4103/JASI.JASI_8_19, 26 sets); widths of pedicles T1, T4 and T12, Kaur
# 2016 (PMC4857161, 600 vertebrae). Levels between are interpolated. All else is assumed: bodies
# 16 x 28 (T1) to 29 x 38 (T12), canal 15-17 deep and 16-20 wide, spinous processes 32-45 long
# that fall by 20 degrees (T1, T12) to 60 (T5 to T8), transverse processes swept back by 30-45
# degrees, facets 18 degrees off the coronal plane, discs of 4 to 6.
_TABLE = np.array(
    [
        (16.0, 17.0, 18.0, 19.0, 20.5, 22.0, 23.5, 25.0, 26.0, 27.0, 28.0, 29.0),
        (15.0, 16.0, 16.9, 17.8, 19.2, 20.6, 22.0, 23.4, 24.3, 25.2, 26.1, 27.0),
        (27.5, 26.8, 26.2, 25.5, 26.0, 26.7, 27.5, 28.5, 30.5, 32.5, 35.0, 37.0),
        (25.0, 24.4, 23.8, 23.2, 23.6, 24.2, 25.0, 26.0, 27.6, 29.4, 31.6, 33.5),
        (28.5, 27.8, 27.2, 26.5, 27.2, 28.0, 29.0, 30.2, 32.3, 34.5, 37.0, 39.5),
        (16.5, 16.9, 17.2, 17.5, 17.7, 18.0, 18.3, 18.5, 18.8, 19.8, 21.0, 22.5),
        (17.2, 17.6, 18.0, 18.4, 18.8, 19.2, 19.6, 20.0, 20.5, 21.5, 22.8, 24.5),
        (16.0, 15.7, 15.5, 15.5, 15.5, 15.5, 15.5, 15.5, 15.7, 16.0, 16.5, 17.0),
        (9.3, 7.0, 5.4, 4.5, 4.7, 5.0, 5.4, 5.8, 6.3, 7.0, 7.8, 8.3),
        (10.0, 10.5, 11.0, 11.3, 11.6, 11.9, 12.2, 12.6, 13.2, 14.2, 15.2, 16.0),
        (9.8, 9.0, 8.5, 8.2, 8.0, 8.0, 8.0, 8.1, 8.3, 8.7, 9.3, 10.0),
        (19.1, 16.0, 13.9, 12.7, 12.7, 13.0, 13.4, 13.9, 14.6, 15.7, 17.1, 18.3),
        (3.4, 3.4, 3.4, 3.4, 3.4, 3.4, 3.4, 3.4, 3.4, 3.5, 3.6, 3.7),
        (75.0, 71.0, 68.0, 66.0, 65.0, 64.0, 63.0, 62.0, 60.0, 57.0, 51.0, 45.0),
        (-16.0, -18.0, -20.0, -21.5, -22.5, -23.0, -23.0, -23.0, -22.5, -21.5, -20.0, -17.0),
        (3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 2.5, 1.5, 0.0),
        (-53.7, -51.6, -47.2, -42.8, -39.5, -40.0, -40.0, -39.5, -45.1, -47.9, -48.4, -49.1),
        (-17.0, -25.2, -33.7, -38.8, -42.1, -43.0, -43.0, -42.1, -34.5, -25.7, -17.9, -14.9),
        (10.0, 9.5, 9.0, 9.0, 9.0, 9.0, 9.0, 9.5, 11.0, 13.0, 16.0, 18.0),
        (4.5, 4.5, 4.5, 4.5, 4.5, 4.5, 4.5, 4.5, 4.5, 4.7, 4.8, 5.0),
        (-13.3, -13.6, -14.1, -14.5, -15.0, -15.5, -16.0, -16.6, -17.5, -18.2, -19.0, -21.5),
        (-10.0, -10.0, -10.0, -10.0, -10.0, -10.0, -10.0, -10.0, -10.3, -10.7, -11.5, -12.0),
        (14.5, 13.0, 12.0, 11.5, 11.0, 11.0, 11.0, 11.0, 11.3, 11.8, 12.5, 13.5),
        (15.0, 15.0, 15.2, 15.4, 15.6, 15.8, 16.0, 16.3, 16.8, 17.6, 18.4, 19.0),
        (-16.0, -16.0, -16.0, -16.0, -16.0, -16.0, -16.0, -16.0, -16.3, -16.7, -17.5, -18.0),
        (13.0, 12.0, 11.5, 11.0, 11.0, 11.0, 11.0, 11.3, 11.8, 12.5, 13.5, 12.0),
        (-17.0, -17.1, -17.4, -17.6, -17.9, -18.2, -18.5, -18.8, -19.4, -19.6, -20.0, -26.0),
        (72.0, 72.0, 72.0, 72.0, 72.0, 72.0, 72.0, 72.0, 72.0, 72.0, 72.0, 72.0),
        (20.8, 21.1, 21.6, 22.0, 22.5, 23.0, 23.5, 24.1, 25.0, 26.0, 27.0, 31.0),
    ]
)
_STACKED = {"pedicle_inner", "superior_y", "inferior_y", "superior_z", "inferior_z", "pitch_below"}
_FACET_GAP_MM = 1.5
FACET_LEAN_DEG = 17.0
"""Facets face as much cranially (assumed: 70 to 75 degrees to the horizontal plane)."""
_RIB_MM = 4.2
_RIB_CAGE = (33.0, 80.0, 116.0)
"""Middle's x and half depth and half width of the rib cage at the height of T7 (assumed)."""
_RIB_TURNS_DEG = (26.0, 34.0, 43.0, 53.0, 63.0, 74.0, 85.0, 97.0, 110.0)


def draw_vertebra(index: int, scale: float, random: np.random.Generator) -> Vertebra:
    """Dimensions of vertebra `index` (0 = T1): the table times scale and own factors."""
    column = _TABLE[:, index] * scale
    own = 1 + 0.035 * np.clip(random.standard_normal(len(column)), -2, 2)
    names = [field.name for field in fields(Vertebra)]
    # Where two neighbours must meet (canal, facet joints, stacking) the own factor stays small.
    for row, name in enumerate(names):
        if name in _STACKED:
            own[row] = 1 + (own[row] - 1) * 0.3
    column = column * own
    column[names.index("facet_deg")] = _TABLE[-2, index] + 3 * np.clip(
        random.standard_normal(), -2, 2
    )
    return Vertebra(**dict(zip(names, column.tolist(), strict=True)))


def solids(
    bone: Vertebra, below: Vertebra | None, random: np.random.Generator
) -> tuple[Solid, ...]:
    """The solids whose blended union is the vertebra; `below` is the one whose facets it meets."""
    parts: list[Solid] = [_body(bone, random), *_spinous(bone, random)]
    for side in (1.0, -1.0):
        shift = 0.6 * np.clip(random.standard_normal(3), -1.5, 1.5)
        parts += [_pedicle(bone, side), _transverse(bone, side, shift), _superior(bone, side)]
        arch = (_lamina(bone, side), _pars(bone, side), _inferior(bone, side))
        parts += [_before_joint(solid, bone, below or bone, side) for solid in arch]
    return tuple(parts)


def canal(bone: Vertebra) -> Solid:
    """The vertebral canal, nearly round, which is cut out of the arch."""
    half = bone.canal_depth / 2
    x = bone.wall - half
    flat = (1.0, half / bone.pedicle_inner, 1.0)
    return Capsule(
        start=(x, 0.0, -45.0), end=(x, 0.0, 45.0), start_mm=half, end_mm=half, flat=flat
    )


def facet_normal(bone: Vertebra, side: float) -> Vector:
    """Where a superior articular process faces: dorsally, a little laterally and cranially."""
    turn, lean = radians(bone.facet_deg), radians(FACET_LEAN_DEG)
    return (-sin(turn) * cos(lean), side * cos(turn) * cos(lean), sin(lean))


def facet_middle(bone: Vertebra, side: float) -> Vector:
    """The middle of the joint on top of a vertebra, in its own frame."""
    return (bone.wall + bone.superior_x - 2.0, side * bone.superior_y, bone.superior_z - 6.0)


def rib(bone: Vertebra, side: float, slope_deg: float) -> tuple[Solid, ...]:
    """The rib of a vertebra and a side: head, neck, and an arc that falls by `slope_deg`."""
    head = (bone.wall + 3.0, side * (bone.width_top / 2 + 1.5), bone.height_back / 2 + 0.5)
    tubercle = (
        bone.wall + bone.transverse_x + 8.5,
        side * (bone.transverse_span / 2 - 5.0),
        bone.transverse_z - 0.5,
    )
    middle, deep, wide = _RIB_CAGE
    turns = np.radians(_RIB_TURNS_DEG)
    fall = np.tan(np.radians(slope_deg)) * wide * (turns - turns[0] + 0.16)
    points = [
        head,
        tubercle,
        *(
            (middle - deep * cos(turn), side * wide * sin(turn), bone.transverse_z - float(drop))
            for turn, drop in zip(turns, fall, strict=True)
        ),
    ]
    thick = [_RIB_MM + 0.8, _RIB_MM - 0.2, *[_RIB_MM] * len(turns)]
    return tuple(
        Capsule(start=points[i], end=points[i + 1], start_mm=thick[i], end_mm=thick[i + 1])
        for i in range(len(points) - 1)
    )


def _body(bone: Vertebra, random: np.random.Generator) -> Solid:
    hollow, exponent = random.uniform(0.5, 1.2), random.uniform(2.1, 2.3)
    return vertebra_parts.body(
        bone, hollow=float(hollow), exponent=float(exponent), dorsal_hollow=1.0
    )


def _pedicle(bone: Vertebra, side: float) -> Solid:
    return Capsule(
        start=(bone.wall + 3, side * (bone.pedicle_y - 0.4), bone.pedicle_z),
        end=(bone.wall - 8, side * (bone.pedicle_y + 0.4), bone.pedicle_z - 0.5),
        start_mm=bone.pedicle_width / 2,
        end_mm=bone.pedicle_width / 2,
        flat=(1.0, 1.0, bone.pedicle_width / bone.pedicle_height),
    )


def _transverse(bone: Vertebra, side: float, shift: DoubleArray) -> Solid:
    return Capsule(
        start=(bone.wall - 11, side * (bone.pedicle_outer - 1.0), bone.pedicle_z - 2.0),
        end=(
            bone.wall + bone.transverse_x + shift[0],
            side * (bone.transverse_span / 2 - 5.0 + shift[1]),
            bone.transverse_z + shift[2],
        ),
        start_mm=4.6,
        end_mm=5.0,
        flat=(1.25, 1.0, 1.0),
    )


def _lamina(bone: Vertebra, side: float) -> Solid:
    midline = np.array([bone.wall - bone.canal_depth - 3.2, 0.0, 0.0])
    lateral = np.array([bone.wall - 10.5, side * (bone.pedicle_inner + 2.5), 0.0])
    return vertebra_parts.lamina(
        (midline, lateral),
        z=(bone.arch_top + bone.arch_bottom) / 2,
        half_mm=(1.5, (bone.arch_top - bone.arch_bottom) / 2 - 0.5, 3.2),
        lean_deg=16.0,
        edge_mm=2.4,
    )


def _pars(bone: Vertebra, side: float) -> Solid:
    return Capsule(
        start=(bone.wall - 9.5, side * (bone.pedicle_inner + 3.0), bone.pedicle_z - 1),
        end=(bone.wall - 15.5, side * bone.inferior_y, bone.arch_bottom * 0.6),
        start_mm=3.8,
        end_mm=3.8,
    )


def _spinous(bone: Vertebra, random: np.random.Generator) -> tuple[Solid, ...]:
    start = np.array(
        [bone.wall - bone.canal_depth - 2.5, 0.0, (bone.arch_top + bone.arch_bottom) / 2 + 1]
    )
    lean = float(np.clip(random.standard_normal(), -1.5, 1.5))
    end = np.array([bone.wall + bone.spinous_x, 1.2 * lean, bone.spinous_z])
    along = (end - start) / np.linalg.norm(end - start)
    up = np.array([0.0, 0.0, 1.0]) - along[2] * along
    up /= np.linalg.norm(up)
    thick = float(random.uniform(2.2, 2.8))
    plate = Plate(
        centre=vector((start + end) / 2),
        axes=(vector(along), vector(up), vector(np.cross(along, up))),
        half=(float(np.linalg.norm(end - start)) / 2, bone.spinous_height / 2 + 0.5, thick),
        edge_mm=2.0,
        taper=float(random.uniform(-0.2, -0.05)),
    )
    knob = Capsule(
        start=vector(end - 3.0 * along),
        end=vector(end - 12.0 * along),
        start_mm=thick + 1.0,
        end_mm=thick,
    )
    return plate, knob


def _superior(bone: Vertebra, side: float) -> Solid:
    rod = Capsule(
        start=(bone.wall - 9.5, side * (bone.pedicle_y + 0.5), bone.pedicle_z),
        end=(bone.wall + bone.superior_x, side * bone.superior_y, bone.superior_z - 4.0),
        start_mm=5.0,
        end_mm=4.6,
        flat=(1.3, 0.85, 1.0),
    )
    normal = np.array(facet_normal(bone, side))
    point = np.array(facet_middle(bone, side)) - _FACET_GAP_MM / 2 * normal
    return Cut(solid=rod, point=vector(point), normal=vector(normal))


def _inferior(bone: Vertebra, side: float) -> Solid:
    return Capsule(
        start=(bone.wall - 15.5, side * bone.inferior_y, bone.arch_bottom * 0.5),
        end=(bone.wall + bone.inferior_x, side * bone.inferior_y, bone.inferior_z + 4.2),
        start_mm=4.6,
        end_mm=4.6,
        flat=(1.2, 0.9, 1.0),
    )


def _before_joint(solid: Solid, bone: Vertebra, below: Vertebra, side: float) -> Solid:
    """What of an arch lies dorsal of the joint with the next vertebra."""
    normal = np.array(facet_normal(below, side))
    middle = np.array(facet_middle(below, side))
    # the joint as it stands in this vertebra's frame: the walls are in line
    middle += (bone.wall - below.wall, 0.0, -bone.pitch_below)
    point = middle + _FACET_GAP_MM / 2 * normal
    return Cut(solid=solid, point=vector(point), normal=vector(-normal))
