"""Cervical vertebrae as analytic solids, drawn from published and assumed dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom import vertebra_parts
from napari_fluoroinject.phantom.solids import Capsule, Cut, Plate, Solid, Vector
from napari_fluoroinject.phantom.vertebra import Vertebra
from napari_fluoroinject.phantom.vertebra_parts import vector

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray

LEVELS = ("C3", "C4", "C5", "C6", "C7", "T1")
FACET_GAP_MM = 1.6
"""Between the bones of a joint: cartilage and what is between (assumed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CervicalVertebra(Vertebra):
    """Dimensions of a cervical vertebra or of the first thoracic one, millimetres.

    The articular pillar stands about (wall + `pillar_x`, +-`pillar_y`, `pillar_z`). `slope_deg` is
    the angle of its upper facet with the plane of the end plates. `artery_x`, behind the wall,
    and `artery_y` are where the transverse foramen lies, `artery_width` its width, 0 = none.
    `tubercle_y` is how far from the midline the ventral tubercle of the transverse process ends,
    0 = none.
    """

    pillar_x: float
    pillar_y: float
    pillar_z: float
    pillar_width: float
    pillar_depth: float
    pillar_height: float
    slope_deg: float
    artery_x: float
    artery_y: float
    artery_width: float
    uncinate_height: float
    uncinate_length: float
    uncinate_width: float
    tubercle_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """The plane that ends an articular process, in the vertebra's own frame; `normal` outward."""

    point: Vector
    normal: Vector


# One column per level. Bodies: width, depth and ventral height of C3 to C6 from 164 dry vertebrae
# (NW-Indian series, 2022), uncinate processes from 100 bones; pillars C3 to C6: Schroeder 2019,
# 10.1097/BSD.0000000000000772 (width, depth; dorsal wall 11.8 behind the transverse foramen);
# T1: pedicle Kaur 2016, PMC4857161; slopes lie between Jian 2023, 10.1055/a-1739-2488 (40) and a
# CT study of 100 (64 at C6-C7). All else, and C7 and T1, is assumed or between neighbours.
_TABLE: dict[str, tuple[float, ...]] = {
    "depth": (15.2, 15.4, 15.7, 16.0, 16.5, 16.5),
    "depth_waist": (14.0, 14.2, 14.4, 14.7, 15.2, 15.2),
    "width_top": (20.2, 21.4, 22.6, 23.8, 26.0, 28.5),
    "width_waist": (18.2, 18.8, 19.6, 20.8, 23.5, 26.0),
    "width_bottom": (19.4, 20.6, 21.8, 23.0, 26.0, 28.0),
    "height_front": (12.0, 11.4, 10.7, 11.2, 13.6, 15.4),
    "height_back": (12.6, 12.0, 11.8, 12.2, 14.0, 16.2),
    "canal_depth": (13.6, 13.6, 13.8, 14.0, 14.2, 14.6),
    "pedicle_width": (4.8, 4.8, 5.0, 5.2, 6.4, 8.6),
    "pedicle_height": (7.0, 7.0, 6.8, 6.8, 7.4, 9.4),
    "pedicle_inner": (11.6, 12.0, 12.4, 12.6, 12.4, 10.6),
    "pedicle_outer": (16.4, 16.8, 17.4, 17.8, 18.8, 19.2),
    "pedicle_z": (1.2, 1.2, 1.2, 1.4, 1.8, 2.2),
    "transverse_span": (47.0, 48.5, 50.0, 54.0, 70.0, 75.0),
    "transverse_x": (1.0, 1.0, 0.5, 0.0, -7.0, -14.0),
    "transverse_z": (-3.5, -4.0, -4.0, -4.0, -1.0, 1.0),
    "spinous_x": (-33.0, -33.0, -34.5, -39.0, -50.0, -52.0),
    "spinous_z": (-7.5, -7.5, -8.0, -9.0, -12.0, -16.0),
    "spinous_height": (7.0, 6.5, 6.5, 7.0, 9.0, 9.5),
    "arch_top": (3.2, 3.0, 3.0, 3.4, 4.0, 4.6),
    "arch_bottom": (-7.6, -7.4, -7.4, -8.0, -10.0, -12.5),
    "facet_deg": (90.0, 90.0, 90.0, 90.0, 90.0, 90.0),
    "pitch_below": (17.2, 16.8, 16.8, 18.0, 20.0, 21.5),
    "pillar_x": (-6.4, -6.4, -6.4, -6.6, -7.4, -9.5),
    "pillar_y": (18.0, 18.3, 18.7, 19.0, 18.8, 16.5),
    "pillar_z": (-0.8, -0.8, -0.8, -0.6, 0.0, 0.6),
    "pillar_width": (11.8, 12.0, 12.2, 12.2, 11.2, 11.0),
    "pillar_depth": (10.8, 10.8, 10.8, 10.6, 9.4, 8.6),
    "pillar_height": (13.4, 13.2, 13.2, 13.6, 14.6, 15.6),
    "slope_deg": (43.0, 43.0, 45.0, 48.0, 53.0, 58.0),
    "artery_x": (3.4, 3.4, 3.4, 3.2, 2.6, 0.0),
    "artery_y": (15.0, 15.4, 15.9, 16.4, 17.4, 0.0),
    "artery_width": (5.8, 5.8, 6.0, 6.0, 5.0, 0.0),
    "uncinate_height": (5.2, 5.2, 5.2, 5.2, 4.2, 0.0),
    "uncinate_length": (10.5, 10.5, 10.5, 10.5, 9.5, 0.0),
    "uncinate_width": (4.4, 4.4, 4.6, 4.6, 4.6, 0.0),
    "tubercle_y": (18.5, 19.5, 20.5, 22.5, 0.0, 0.0),
}
# Where neighbours must meet (canal, pillars, stacking) the own factor stays small.
_MEET = {"pedicle_inner", "pillar_x", "pillar_y", "pillar_height", "pitch_below", "artery_y"}
_ANGLES = {"facet_deg", "slope_deg"}
_CANAL_HALF_MM = 40.0


def draw_vertebra(index: int, scale: float, random: np.random.Generator) -> CervicalVertebra:
    """Dimensions of vertebra `index` (0 = C3): the table times scale and own factors."""
    own: dict[str, float] = {}
    for name, row in _TABLE.items():
        noise = float(np.clip(random.standard_normal(), -2, 2))
        if name in _ANGLES:
            own[name] = row[index] + (0.0 if name == "facet_deg" else 2.5 * noise)
        else:
            own[name] = row[index] * scale * (1 + noise * (0.014 if name in _MEET else 0.035))
    half = own["pillar_height"] / 2
    return CervicalVertebra(
        superior_x=own["pillar_x"],
        superior_y=own["pillar_y"],
        superior_z=own["pillar_z"] + half,
        inferior_x=own["pillar_x"],
        inferior_y=own["pillar_y"],
        inferior_z=own["pillar_z"] - half,
        **own,
    )


def solids(
    bone: CervicalVertebra,
    above: tuple[Facet, Facet],
    below: tuple[Facet, Facet],
    random: np.random.Generator,
) -> tuple[Solid, ...]:
    """The solids whose blended union is the vertebra; facets of its joints are left, right."""
    parts: list[Solid] = [_body(bone, random), *_spinous(bone, random)]
    for side, upper, lower in zip((1.0, -1.0), above, below, strict=True):
        shift = 0.6 * np.clip(random.standard_normal(3), -1.5, 1.5)
        parts += [_pedicle(bone, side), _lamina(bone, side)]
        parts += [*_pillar(bone, side, upper, lower), *_transverse(bone, side, shift)]
        if bone.uncinate_height > 0:
            parts.append(_uncinate(bone, side))
    return tuple(parts)


def holes(bone: CervicalVertebra) -> tuple[Solid, ...]:
    """The vertebral canal and the transverse foramina, which are cut out."""
    canal = _canal(bone)
    if bone.artery_width == 0:
        return canal
    wide = bone.artery_width / 2
    x = bone.wall + bone.artery_x
    foramina = (
        Capsule(
            start=(x, side * bone.artery_y, -_CANAL_HALF_MM),
            end=(x, side * bone.artery_y, _CANAL_HALF_MM),
            start_mm=wide,
            end_mm=wide,
        )
        for side in (1.0, -1.0)
    )
    return *canal, *foramina


def _canal(bone: CervicalVertebra) -> tuple[Solid, Solid]:
    """A triangle with round corners: wide behind the body, narrow between the laminae."""
    wide, narrow = 0.38 * bone.canal_depth, 0.27 * bone.canal_depth
    return (
        _bore(bone.wall - wide, wide, bone.pedicle_inner),
        _bore(bone.wall - bone.canal_depth + narrow, narrow, 0.62 * bone.pedicle_inner),
    )


def _bore(x: float, deep_mm: float, wide_mm: float) -> Solid:
    """An elliptic hole along the spine in the midline: half sizes along x and y."""
    return Capsule(
        start=(x, 0.0, -_CANAL_HALF_MM),
        end=(x, 0.0, _CANAL_HALF_MM),
        start_mm=deep_mm,
        end_mm=deep_mm,
        flat=(1.0, deep_mm / wide_mm, 1.0),
    )


def _body(bone: CervicalVertebra, random: np.random.Generator) -> Solid:
    hollow, exponent = random.uniform(0.6, 1.2), random.uniform(2.3, 2.6)
    return vertebra_parts.body(
        bone, hollow=float(hollow), exponent=float(exponent), dorsal_hollow=0.5
    )


def _uncinate(bone: CervicalVertebra, side: float) -> Solid:
    """The ridge that the upper end plate bears on its side; it leans outward."""
    lean = radians(18.0)
    height = bone.uncinate_height / 2 + 1.0
    at = (
        -1.0,
        side * (bone.width_top / 2 - bone.uncinate_width / 2 + 0.4),
        (bone.height_front + bone.height_back) / 4 + height - 2.0,
    )
    up = (0.0, side * sin(lean), cos(lean))
    return Plate(
        centre=at,
        axes=((1.0, 0.0, 0.0), up, (0.0, side * cos(lean), -sin(lean))),
        half=(bone.uncinate_length / 2, height, bone.uncinate_width / 2),
        edge_mm=1.6,
    )


def _pedicle(bone: CervicalVertebra, side: float) -> Solid:
    half = bone.pedicle_width / 2
    return Capsule(
        start=(bone.wall + 3.0, side * (bone.pedicle_y - 5.5), bone.pedicle_z),
        end=(bone.wall - 5.0, side * (bone.pedicle_y + 2.0), bone.pedicle_z - 0.5),
        start_mm=half,
        end_mm=half,
        flat=(1.0, 1.0, bone.pedicle_width / bone.pedicle_height),
    )


def _pillar(
    bone: CervicalVertebra, side: float, upper: Facet, lower: Facet
) -> tuple[Solid, Solid]:
    """Both articular processes: a column with a waist that its facets cut off aslant."""
    wide, waist = bone.pillar_width / 2, 0.84
    flat = (bone.pillar_width / bone.pillar_depth, 1.0, 1.0)
    x, y, z = bone.wall + bone.pillar_x, side * bone.pillar_y, bone.pillar_z
    reach = bone.pillar_height / 2 + 4.0
    ends = ((upper, reach), (lower, -reach))
    cut = tuple(
        Cut(
            solid=Capsule(
                start=(x, y - side * (1 - waist) * wide * 0.6, z),
                end=(x, y, z + way),
                start_mm=waist * wide,
                end_mm=wide,
                flat=flat,
            ),
            point=facet.point,
            normal=facet.normal,
        )
        for facet, way in ends
    )
    return cut[0], cut[1]


def _transverse(bone: CervicalVertebra, side: float, shift: DoubleArray) -> list[Solid]:
    """Dorsal bar from the pillar; before it a ventral bar and tubercle, where there are such."""
    tip = (
        bone.wall + bone.transverse_x + float(shift[0]),
        side * (bone.transverse_span / 2 - 2.0 + float(shift[1])),
        bone.transverse_z + float(shift[2]),
    )
    root = (bone.wall + bone.pillar_x + 3.5, side * (bone.pillar_y + 0.5), bone.pillar_z + 0.5)
    parts: list[Solid] = [Capsule(start=root, end=tip, start_mm=3.0, end_mm=2.2)]
    if bone.artery_width == 0:
        return parts
    front = bone.wall + bone.artery_x + bone.artery_width / 2 + 1.2
    knob_y = bone.tubercle_y or bone.artery_y + bone.artery_width / 2 + 1.0
    knob = (front + 0.4, side * knob_y, bone.transverse_z + 0.6)
    parts.append(
        Capsule(
            start=(front, side * (bone.width_waist / 2 - 2.0), -0.6),
            end=knob,
            start_mm=1.6,
            end_mm=2.4 if bone.tubercle_y else 1.4,
        )
    )
    bar = (front - 2.0, side * (knob_y + 1.0), bone.transverse_z + 0.4)
    outer = (tip[0] - 0.5, side * min(abs(tip[1]), bone.artery_y + 6.5), tip[2] + 0.5)
    parts.append(Capsule(start=bar, end=outer, start_mm=1.5, end_mm=1.8))
    return parts


def _lamina(bone: CervicalVertebra, side: float) -> Solid:
    midline = np.array([bone.wall - bone.canal_depth - 2.0, 0.0, 0.0])
    lateral = np.array([bone.wall + bone.pillar_x - 0.5, side * (bone.pillar_y - 3.5), 0.0])
    return vertebra_parts.lamina(
        (midline, lateral),
        z=(bone.arch_top + bone.arch_bottom) / 2,
        half_mm=(1.2, (bone.arch_top - bone.arch_bottom) / 2 - 0.6, 1.7),
        lean_deg=20.0,
        edge_mm=1.5,
        taper=-0.1,
    )


def _spinous(bone: CervicalVertebra, random: np.random.Generator) -> tuple[Solid, ...]:
    """A plate that ends in a fork where the process is short, else in one knob."""
    start = np.array(
        [bone.wall - bone.canal_depth - 1.5, 0.0, (bone.arch_top + bone.arch_bottom) / 2 + 0.5]
    )
    lean = float(np.clip(random.standard_normal(), -1.5, 1.5))
    end = np.array([bone.wall + bone.spinous_x, 0.7 * lean, bone.spinous_z])
    along = (end - start) / np.linalg.norm(end - start)
    up = np.array([0.0, 0.0, 1.0]) - along[2] * along
    up /= np.linalg.norm(up)
    across = np.cross(along, up)
    forked = bone.tubercle_y > 0
    thick = float(random.uniform(1.9, 2.4)) + (0.0 if forked else 0.8)
    plate = Plate(
        centre=vector((start + end) / 2),
        axes=(vector(along), vector(up), vector(across)),
        half=(float(np.linalg.norm(end - start)) / 2, bone.spinous_height / 2, thick),
        edge_mm=thick - 0.2,
        taper=float(random.uniform(-0.15, 0.1)),
    )
    if not forked:
        knob = Capsule(
            start=vector(end - 1.5 * along - 0.2 * bone.spinous_height * up),
            end=vector(end - 10 * along - 0.3 * bone.spinous_height * up),
            start_mm=thick + 1.6,
            end_mm=thick,
        )
        return plate, knob
    apart = float(random.uniform(3.0, 4.5))
    fork = (
        Capsule(
            start=vector(end - 5 * along - 0.2 * bone.spinous_height * up),
            end=vector(
                end + 1.0 * along - 0.35 * bone.spinous_height * up + sign * apart * across
            ),
            start_mm=thick,
            end_mm=2.0,
        )
        for sign in (1.0, -1.0)
    )
    return plate, *fork
