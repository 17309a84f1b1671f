"""Sacrum and coccyx as solids in the frame of S1, and the canal and foramina cut out of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.model.arrays import DoubleArray
from napari_fluoroinject.phantom.sacroiliac import Beside, Joint, bearing_plate
from napari_fluoroinject.phantom.sacrum import SEGMENTS, Frame, Sacrum, tilted
from napari_fluoroinject.phantom.solids import Capsule, Cut, Plate, Solid, Vector, VertebralBody
from napari_fluoroinject.phantom.turned import Turned
from napari_fluoroinject.phantom.vertebra_parts import vector

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import FloatArray
    from napari_fluoroinject.phantom.vertebra import Vertebra

_AXES: tuple[Vector, Vector, Vector] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_DISC_MM = (1.3, 0.7, 0.2, 0.0)
"""Half of what is left of the discs between the segments (assumed)."""
# Lateral mass: (x, y, z) in the frame of each segment, and its radius (assumed; 104 mm wide).
_LATERAL = (
    ((8.0, 43.0, -8.0), 13.0),
    ((1.0, 37.0, 0.0), 11.0),
    ((0.0, 26.0, 0.0), 9.0),
    ((0.0, 20.5, 0.0), 6.5),
    ((-0.5, 14.0, 3.0), 5.0),
)
_CORNUA_MM = 11.8
"""Between the horns of the hiatus (dry bones)."""
# Coccyx: half depth, half width, height and tilt against S1 of its pieces (assumed).
_COCCYX = ((4.2, 9.0, 13.0, -66.0), (3.4, 6.0, 10.0, -80.0), (2.8, 4.5, 8.0, -92.0))
_BEARING_MM = 5.0
_BEHIND_MM = 40.0


def sacral_solids(
    sacrum: Sacrum, joints: tuple[Joint, ...], l5: Vertebra, scale: float
) -> tuple[Solid, ...]:
    """Everything that the sacrum consists of; its upper facets meet those of the fifth lumbar."""
    parts: list[Solid] = [*_bodies(sacrum), *_coccyx(sacrum, scale), *_median_crest(sacrum)]
    parts += [bearing_plate(joint, -_BEARING_MM) for joint in joints]
    for side in (1.0, -1.0):
        parts += [*_lateral_mass(sacrum, side, scale), *_dorsum(sacrum, side)]
        parts += [*_horns(sacrum, side), _superior(sacrum, l5, side)]
    return tuple(parts)


def sacral_holes(sacrum: Sacrum, joints: tuple[Joint, ...]) -> tuple[Solid, ...]:
    """The canal with the hiatus, the foramina, and what lies beyond the joints."""
    holes: list[Solid] = [canal_hole(sacrum)]
    for number in (1, 2, 3, 4):
        holes += [hole for side in (1, -1) for hole in _foramen(sacrum, number, side)]
    return *holes, *(Beside(joint=joint, lateral=True) for joint in joints)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CanalHole:
    """A triangular canal along a curve, open behind below `open_z`.

    Columns of `stations` (n, 5) rise in z: z, x of the wall, depth, half width at the wall, cosine
    of the tilt. Below `open_z` it is `open_half` wide on either side.
    """

    stations: DoubleArray
    open_z: float
    open_half: float

    @property
    def centre(self) -> Vector:
        """The middle of the curve."""
        return vector((self.stations[:, 1].mean(), 0.0, self.stations[:, 0].mean()))

    @property
    def radius(self) -> float:
        """Half its length and what is open behind."""
        return float(np.ptp(self.stations[:, 0])) / 2 + _BEHIND_MM

    def distance(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Signed distance, millimetres, to first order near the surface."""
        stations = self.stations
        wall, depth, half, cosine = (
            np.interp(z, stations[:, 0], column).astype(np.float32) for column in stations.T[1:]
        )
        behind = (wall - x) * cosine
        is_open = z < self.open_z
        arch = np.where(is_open, np.float32(_BEHIND_MM), depth)
        narrow = np.where(is_open, np.float32(self.open_half), half * (1 - 0.7 * behind / depth))
        across = (np.abs(y) - narrow) * np.float32(0.85)
        shut = np.maximum(np.maximum(-behind, behind - arch), across)
        foot = np.float32(stations[0, 0]) - z
        return np.asarray(np.maximum(shut, foot), np.float32)


def canal_hole(sacrum: Sacrum) -> CanalHole:
    """The canal of a sacrum and its hiatus; above S1 it goes on as wide as it is there."""
    rows = [
        (wall[2], wall[0], depth, half, np.cos(np.radians(tilt)))
        for wall, depth, half, tilt in sacrum.canal_stations()
    ]
    first = np.array(rows[0])
    above = first + np.array([40.0, 0.0, 4.0, 0.0, 0.0])
    apex = sacrum.frames["S4"].out((-sacrum.segments["S4"].canal_depth, 0.0, sacrum.hiatus_z()))
    return CanalHole(
        stations=np.array([above, *rows])[::-1],
        open_z=float(apex[2]),
        open_half=_CORNUA_MM / 2 - 2.0,
    )


def _bodies(sacrum: Sacrum) -> list[Solid]:
    parts: list[Solid] = []
    for number, name in enumerate(SEGMENTS):
        one = sacrum.segments[name]
        gaps = [_DISC_MM[k] for k in (number - 1, number) if 0 <= k < len(_DISC_MM)]
        back = one.height / 2 - sum(gaps) / 2
        turns = [
            abs(one.tilt_deg - sacrum.segments[SEGMENTS[k]].tilt_deg) / 2
            for k in (number - 1, number + 1)
            if 0 <= k < len(SEGMENTS)
        ]
        lean = float(np.tan(np.radians(sum(turns) / 2))) * one.depth
        body = VertebralBody(
            middle=(one.depth / 2, 0.0, 0.0),
            depth=one.depth / 2,
            depth_waist=one.depth / 2 * 0.94,
            width_top=one.half_width,
            width_waist=one.half_width * 0.93,
            width_bottom=one.half_width * 0.93,
            height_front=back - min(lean, 0.3 * back),
            height_back=back,
            hollow=0.8 if number == 0 else 0.3,
            dorsal_hollow=0.0,
        )
        parts.append(_in(sacrum.frames[name], body))
    return parts


def _coccyx(sacrum: Sacrum, scale: float) -> list[Solid]:
    last = sacrum.segments["S5"]
    foot = sacrum.frames["S5"].out((0.0, 0.0, -last.height / 2))
    parts: list[Solid] = []
    for half_depth, half_width, height, tilt in _COCCYX:
        turn, size = tilted(tilt), scale * height
        middle = foot - turn[:, 2] * (size / 2 + 0.8)
        body = VertebralBody(
            middle=(half_depth * scale, 0.0, 0.0),
            depth=half_depth * scale,
            depth_waist=half_depth * scale * 0.9,
            width_top=half_width * scale,
            width_waist=half_width * scale * 0.8,
            width_bottom=half_width * scale * 0.75,
            height_front=size / 2,
            height_back=size / 2,
            hollow=0.0,
            dorsal_hollow=0.0,
        )
        parts.append(_in(Frame(origin=middle, turn=turn), body))
        foot = foot - turn[:, 2] * (size + 1.6)
    return parts


def _lateral_mass(sacrum: Sacrum, side: float, scale: float) -> list[Solid]:
    """The fused transverse processes: bars from the bodies to a flank that joins them."""
    parts: list[Solid] = []
    flanks = [
        sacrum.frames[name].out(scale * np.array([x, side * y, z]))
        for name, ((x, y, z), _) in zip(SEGMENTS, _LATERAL, strict=True)
    ]
    radii = [scale * radius for _, radius in _LATERAL]
    for number, name in enumerate(SEGMENTS):
        one = sacrum.segments[name]
        thick = 0.36 * one.height
        root = sacrum.frames[name].out((0.35 * one.depth, side * (one.half_width - 4.0), 1.0))
        parts.append(_rod(root, flanks[number], thick, min(radii[number], 0.42 * one.height)))
        if number:
            parts.append(
                _rod(flanks[number - 1], flanks[number], radii[number - 1], radii[number])
            )
    top = Capsule(
        start=(-4.0, side * 20 * scale, 2.0),
        end=(-9.0, side * 43 * scale, -7.0),
        start_mm=12.5,
        end_mm=11.0,
        flat=(0.9, 1.0, 1.0),
    )
    return [*parts, top]


def _median_crest(sacrum: Sacrum) -> list[Solid]:
    """The spinous tubercles of S1 to S4."""
    parts: list[Solid] = []
    for name, high, long in zip(
        SEGMENTS[:4], (7.0, 7.5, 5.5, 3.0), (0.3, 0.4, 0.38, 0.2), strict=True
    ):
        one = sacrum.segments[name]
        tubercle = Plate(
            centre=(-one.canal_depth - 3.5 - high / 2, 0.0, -1.0),
            axes=_AXES,
            half=(high / 2 + 2.5, 2.6, long * one.height),
            edge_mm=2.2,
        )
        parts.append(_in(sacrum.frames[name], tubercle))
    return parts


def _dorsum(sacrum: Sacrum, side: float) -> list[Solid]:
    """The fused laminae of one side with the tubercles of the intermediate and lateral crests."""
    parts: list[Solid] = []
    for number, name in enumerate(SEGMENTS[:4]):
        one, frame = sacrum.segments[name], sacrum.frames[name]
        surface, reach = -one.canal_depth - 2.6, one.foramen_y + 11.0 - number
        lower = sacrum.hiatus_z() if name == "S4" else -one.height / 2 - 1.0
        upper = 0.18 * one.height if name == "S1" else one.height / 2 + 1.0
        across = np.array([0.12, side, 0.0]) / np.hypot(0.12, 1.0)
        normal = np.cross(across, (0.0, 0.0, 1.0))
        middle = np.array([surface, 0.0, (upper + lower) / 2]) + across * reach / 2
        lamina = Plate(
            centre=vector(middle),
            axes=(vector(across), (0.0, 0.0, 1.0), vector(normal)),
            half=(reach / 2 + 1.0, (upper - lower) / 2, 2.6),
            edge_mm=2.0,
        )
        parts.append(_in(frame, lamina))
        tubercle = _rod(
            frame.out((surface - 1.0, side * (one.foramen_y + 9.0), 3.0)),
            frame.out((surface - 0.5, side * (one.foramen_y + 9.0), -3.0)),
            4.2,
            3.6,
        )
        inner = _rod(
            frame.out((surface - 1.5, side * (one.foramen_y - 6.5), -0.3 * one.height)),
            frame.out((surface - 1.0, side * (one.foramen_y - 6.5), -0.5 * one.height)),
            2.8,
            2.4,
        )
        parts += [tubercle, inner]
    return parts


def _horns(sacrum: Sacrum, side: float) -> list[Solid]:
    """The cornu of one side, from the lamina of S4 to the lower end of S5."""
    s4, s5, half = sacrum.frames["S4"], sacrum.frames["S5"], side * _CORNUA_MM / 2
    root = s4.out((-7.0, half * 1.1, sacrum.hiatus_z()))
    tip = s5.out((-7.5, half, -4.0))
    foot = s5.out((-1.0, half * 1.1, -6.0))
    return [_rod(root, tip, 3.0, 2.4), _rod(tip, foot, 2.4, 2.6)]


def _superior(sacrum: Sacrum, l5: Vertebra, side: float) -> Solid:
    """The upper articular process of one side, cut by the plane of the lumbosacral facet."""
    frame = sacrum.frames["S1"]
    tip = frame.out((-11.0, side * (l5.inferior_y + 7.5), 17.0))
    angle = np.radians(l5.facet_deg)
    normal = np.array([-np.sin(angle), -side * np.cos(angle), 0.0])
    rod = _rod(frame.out((-8.0, side * 23.0, 2.0)), tip, 7.0, 5.5)
    point = tip + np.array([-1.5, -side * 3.0, 0.0])
    return Cut(solid=rod, point=vector(point), normal=vector(normal))


def _foramen(sacrum: Sacrum, number: int, side: int) -> list[Solid]:
    """The dorsal and the ventral mouth of a foramen and its way to the canal."""
    one, frame = sacrum.segments[SEGMENTS[number - 1]], sacrum.junction(number)
    back = sacrum.at_foramen(number, side, "dorsal")
    front = sacrum.at_foramen(number, side, "ventral")
    deep = np.array([-1.0, back[1] - side * 1.5, 0.0])
    dorsal = Capsule(
        start=vector(deep),
        end=vector(back + np.array([-16.0, side * 4.0, 0.0])),
        start_mm=one.dorsal_width / 2,
        end_mm=one.dorsal_width / 2 + 0.5,
        flat=(1.0, 1.0, one.dorsal_width / one.dorsal_height),
    )
    ventral = Capsule(
        start=(-2.0, float(back[1]), 0.5),
        end=vector(front + np.array([one.depth + 8.0, side * 3.0, 1.0])),
        start_mm=one.ventral_width * 0.38,
        end_mm=one.ventral_width / 2 + 0.5,
        flat=(1.0, 1.0, one.ventral_width / one.ventral_height),
    )
    depth = -0.4 * one.canal_depth
    inner = Capsule(
        start=(depth, side * 2.0, 0.0),
        end=(depth, float(back[1]), 0.0),
        start_mm=0.36 * one.canal_depth,
        end_mm=0.36 * one.canal_depth,
    )
    return [_in(frame, hole) for hole in (dorsal, ventral, inner)]


def _in(frame: Frame, solid: Solid) -> Turned:
    return Turned(solid=solid, origin=vector(frame.origin), turn=frame.turn)


def _rod(start: DoubleArray, end: DoubleArray, start_mm: float, end_mm: float) -> Capsule:
    return Capsule(start=vector(start), end=vector(end), start_mm=start_mm, end_mm=end_mm)
