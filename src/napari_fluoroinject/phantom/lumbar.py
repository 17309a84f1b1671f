"""Lumbar vertebrae as analytic solids, drawn from a table of published dimensions."""

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

LEVELS = ("L1", "L2", "L3", "L4", "L5")


# One row per quantity in the order of Vertebra, one column per level. Sources: mean lumbar surface
# of 87 patients (aclouthier/morphable-lumbar-model, dimensions only; L1 is extrapolated); Cook &
# Baker, Int J Spine Surg 2021;15:1072; facet angles: ranges T12-L2 26-34, L3-L5 40-56 degrees.
_TABLE = np.array(
    [
        (34.0, 35.9, 36.6, 36.8, 36.5),
        (30.0, 30.9, 33.2, 33.9, 33.5),
        (44.0, 47.3, 50.7, 52.6, 55.8),
        (38.0, 40.8, 43.2, 46.1, 50.0),
        (48.0, 51.5, 53.2, 55.2, 55.3),
        (27.0, 28.9, 29.9, 29.9, 30.1),
        (29.0, 29.9, 29.4, 28.3, 25.6),
        (15.0, 14.1, 13.4, 13.5, 14.7),
        (8.0, 9.2, 12.0, 15.9, 16.4),
        (15.0, 16.0, 15.9, 15.4, 15.0),
        (11.0, 11.3, 11.0, 11.4, 12.9),
        (19.0, 20.5, 23.0, 27.3, 29.3),
        (5.0, 5.2, 4.9, 4.5, 5.1),
        (75.0, 83.1, 92.7, 89.8, 94.8),
        (-20.0, -18.6, -17.4, -12.7, -7.3),
        (3.0, 4.2, 5.0, 5.4, 6.3),
        (-50.0, -51.8, -52.9, -50.0, -44.2),
        (-9.0, -8.5, -6.7, -8.1, -8.8),
        (20.0, 19.3, 16.7, 13.8, 12.4),
        (5.0, 5.7, 7.8, 6.8, 6.6),
        (-22.0, -21.9, -20.5, -19.6, -17.4),
        (-17.0, -16.7, -15.5, -13.7, -11.1),
        (14.0, 15.4, 16.2, 17.8, 20.7),
        (20.0, 21.1, 21.6, 20.5, 21.2),
        (-19.0, -19.3, -19.3, -17.8, -16.6),
        (11.0, 11.4, 12.5, 15.7, 20.4),
        (-28.0, -27.7, -26.4, -23.9, -20.1),
        (29.0, 33.0, 41.0, 47.0, 52.0),
        (34.5, 35.6, 36.0, 35.0, 33.5),
    ]
)
_BLEND_Y = {"pedicle_inner", "superior_y", "inferior_y"}
_FACET_GAP_MM = 1.5


def draw_vertebra(index: int, scale: float, random: np.random.Generator) -> Vertebra:
    """Dimensions of vertebra `index` (0 = L1): the table times scale and own factors."""
    column = _TABLE[:, index] * scale
    own = 1 + 0.035 * np.clip(random.standard_normal(len(column)), -2, 2)
    names = [field.name for field in fields(Vertebra)]
    # Where two neighbours must meet (canal, facet joints, stacking) the own factor stays small.
    for row, name in enumerate(names):
        if name in _BLEND_Y or name == "pitch_below":
            own[row] = 1 + (own[row] - 1) * 0.4
    column = column * own
    column[names.index("facet_deg")] = _TABLE[-2, index] + 4 * np.clip(
        random.standard_normal(), -2, 2
    )
    return Vertebra(**dict(zip(names, column.tolist(), strict=True)))


def solids(
    bone: Vertebra, below: Vertebra | None, random: np.random.Generator
) -> tuple[Solid, ...]:
    """The solids whose blended union is the vertebra; `below` is the one whose facets it meets."""
    parts: list[Solid] = [_body(bone, random), *_spinous(bone, random)]
    for side in (1.0, -1.0):
        shift = 0.8 * np.clip(random.standard_normal(3), -1.5, 1.5)
        parts += [_pedicle(bone, side), _transverse(bone, side, shift), _lamina(bone, side)]
        parts += [_pars(bone, side), _superior(bone, side), _inferior(bone, below, side)]
    return tuple(parts)


def canal(bone: Vertebra) -> Solid:
    """The vertebral canal, which is cut out of the arch."""
    half = bone.canal_depth / 2
    x = bone.wall - half
    flat = (1.0, half / bone.pedicle_inner, 1.0)
    return Capsule(
        start=(x, 0.0, -45.0), end=(x, 0.0, 45.0), start_mm=half, end_mm=half, flat=flat
    )


def _body(bone: Vertebra, random: np.random.Generator) -> Solid:
    hollow, exponent = random.uniform(1.0, 2.2), random.uniform(2.3, 2.6)
    return vertebra_parts.body(
        bone, hollow=float(hollow), exponent=float(exponent), dorsal_hollow=1.2
    )


def _pedicle(bone: Vertebra, side: float) -> Solid:
    return Capsule(
        start=(bone.wall + 4, side * (bone.pedicle_y - 1.0), bone.pedicle_z),
        end=(bone.wall - 8, side * (bone.pedicle_y + 0.5), bone.pedicle_z - 0.5),
        start_mm=bone.pedicle_width / 2,
        end_mm=bone.pedicle_width / 2,
        flat=(1.0, 1.0, bone.pedicle_width / bone.pedicle_height),
    )


def _transverse(bone: Vertebra, side: float, shift: DoubleArray) -> Solid:
    return Capsule(
        start=(bone.wall - 7, side * (bone.pedicle_outer - 3), bone.pedicle_z - 1.5),
        end=(
            bone.wall + bone.transverse_x + shift[0],
            side * (bone.transverse_span / 2 - 4.5 + 2 * shift[1]),
            bone.transverse_z + 2 * shift[2],
        ),
        start_mm=6.0,
        end_mm=4.6,
        flat=(1.7, 1.0, 1.0),
    )


def _lamina(bone: Vertebra, side: float) -> Solid:
    midline = np.array([bone.wall - bone.canal_depth - 3.6, 0.0, 0.0])
    lateral = np.array([bone.wall - 11.0, side * (bone.pedicle_inner + 3.0), 0.0])
    return vertebra_parts.lamina(
        (midline, lateral),
        z=(bone.arch_top + bone.arch_bottom) / 2,
        half_mm=(1.5, (bone.arch_top - bone.arch_bottom) / 2 - 1.0, 3.2),
        lean_deg=17.0,
        edge_mm=2.6,
        taper=-0.16,
    )


def _pars(bone: Vertebra, side: float) -> Solid:
    return Capsule(
        start=(bone.wall - 10, side * (bone.pedicle_inner + 4.5), bone.pedicle_z - 1),
        end=(bone.wall - 16, side * (bone.inferior_y + 0.5), bone.arch_bottom * 0.65),
        start_mm=4.6,
        end_mm=5.2,
    )


def _spinous(bone: Vertebra, random: np.random.Generator) -> tuple[Solid, ...]:
    start = np.array(
        [bone.wall - bone.canal_depth - 2.0, 0.0, (bone.arch_top + bone.arch_bottom) / 2 + 1]
    )
    lean = float(np.clip(random.standard_normal(), -1.5, 1.5))
    end = np.array([bone.wall + bone.spinous_x, 1.2 * lean, bone.spinous_z])
    along = (end - start) / np.linalg.norm(end - start)
    up = np.array([0.0, 0.0, 1.0]) - along[2] * along
    up /= np.linalg.norm(up)
    half = float(np.linalg.norm(end - start)) / 2
    thick = float(random.uniform(3.0, 3.8))
    plate = Plate(
        centre=vector((start + end) / 2),
        axes=(vector(along), vector(up), vector(np.cross(along, up))),
        half=(half, bone.spinous_height / 2 + 0.8, thick),
        edge_mm=2.6,
        taper=float(random.uniform(-0.12, 0.12)),
    )
    foot = end - 0.42 * bone.spinous_height * up
    knob = Capsule(
        start=vector(foot + 3 * along - 4 * along),
        end=vector(foot - 16 * along + 1.5 * up),
        start_mm=thick + 1.2,
        end_mm=thick,
    )
    return plate, knob


def _superior(bone: Vertebra, side: float) -> Solid:
    tip = (bone.wall + bone.superior_x, side * bone.superior_y, bone.superior_z - 4.5)
    rod = Capsule(
        start=(bone.wall - 9.5, side * (bone.pedicle_y + 0.3), bone.pedicle_z - 1),
        end=tip,
        start_mm=6.6,
        end_mm=5.2,
    )
    normal = _facet_normal(bone.facet_deg, side)
    point = (tip[0] - 2.0, tip[1] - side * 2.0, tip[2])
    shift = _FACET_GAP_MM / 2
    return Cut(solid=rod, point=vector(np.array(point) - shift * np.array(normal)), normal=normal)


def _inferior(bone: Vertebra, below: Vertebra | None, side: float) -> Solid:
    rod = Capsule(
        start=(bone.wall - 15.5, side * (bone.inferior_y - 0.5), bone.arch_bottom * 0.5),
        end=(bone.wall + bone.inferior_x, side * bone.inferior_y, bone.inferior_z + 5),
        start_mm=5.8,
        end_mm=5.6,
    )
    partner = below or bone
    normal = np.array(_facet_normal(partner.facet_deg, side))
    point = np.array(
        [bone.wall + partner.superior_x - 2.0, side * (partner.superior_y - 2.0), 0.0]
    )
    point += _FACET_GAP_MM / 2 * normal
    return Cut(solid=rod, point=vector(point), normal=vector(-normal))


def _facet_normal(facet_deg: float, side: float) -> Vector:
    angle = radians(facet_deg)
    return (-sin(angle), -side * cos(angle), 0.0)
