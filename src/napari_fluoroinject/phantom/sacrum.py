"""The sacrum of one patient in numbers: segments that curve ventrally, and places on them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import cos, radians, sin
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_fluoroinject.model.arrays import DoubleArray, read_only

if TYPE_CHECKING:
    import numpy.typing as npt

SEGMENTS = ("S1", "S2", "S3", "S4", "S5")

# One row a quantity in the order of Segment, one column a segment. Canal 12 to 15 mm deep and 30
# wide at S1, 4 to 6 and 12 at the hiatus (assumed); foramina: Saluja 2018 (S1, S2), distance from
# the midline of S2 10.1007/s00276-010-0735-0, others assumed. Heights give 97 mm from promontory
# to tip (98.0 +- 9.2 in women, PMC5799488; 106.7 +- 10.2 in 30 dry bones); the width of S1 is
# about a deviation above 40.3 +- 7.0 (PMC5799488); the rest is assumed.
_TABLE = (
    (33.0, 22.0, 16.0, 12.0, 9.5),
    (24.0, 17.5, 13.5, 12.0, 11.0),
    (28.0, 25.0, 22.0, 19.0, 17.0),
    (13.5, 11.0, 8.5, 6.5, 5.0),
    (15.0, 12.0, 9.0, 7.0, 6.0),
    (0.0, -6.0, -18.0, -33.0, -48.0),
    (21.0, 15.0, 13.0, 11.0, 11.0),
    (10.4, 7.1, 6.5, 5.5, 5.5),
    (7.7, 7.3, 6.5, 5.5, 5.5),
    (13.0, 12.9, 11.0, 9.0, 9.0),
    (12.2, 13.1, 11.0, 9.0, 9.0),
)
_VENTRAL_LATERAL_MM = 3.5
"""The ventral foramen reaches 10 mm farther laterally and 3 medially (Spine 1996;21:407)."""
_VENTRAL_CRANIAL_MM = 1.5
"""And 6 mm farther cranially, 3 caudally (as above)."""
_LAMINA_MM = 5.0
_APEX = 0.15
"""The hiatus opens so far below the middle of S4, as a share of its height: apex at S4 in 80 %."""
_LATERAL_FALL = 0.12
"""How much farther ventrally the dorsal surface lies for every millimetre from the midline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One sacral segment, millimetres; `tilt_deg` is against S1, negative = the head goes dorsal.

    Its frame stands in the middle of the dorsal wall of its body, x ventral, y left, z cranial.
    `height` is that of this wall, `canal_half` half the width of the canal at the wall. Foramina
    are those below the segment: `foramen_y` from the midline, heights and widths of its two ends.
    """

    depth: float
    half_width: float
    height: float
    canal_depth: float
    canal_half: float
    tilt_deg: float
    foramen_y: float
    dorsal_height: float
    dorsal_width: float
    ventral_height: float
    ventral_width: float


def draw_segments(scale: float, random: np.random.Generator) -> tuple[Segment, ...]:
    """Draw the five segments: the table times scale and own factors, more or less kyphosis."""
    curve = float(np.clip(random.normal(1.0, 0.12), 0.75, 1.25))
    names = [field.name for field in fields(Segment)]
    columns = []
    for column in np.array(_TABLE).T:
        own = scale * (1 + 0.035 * np.clip(random.standard_normal(len(column)), -2, 2))
        own[3:5] = scale  # the canal has no steps
        own[5] = curve
        columns.append(Segment(**dict(zip(names, (column * own).tolist(), strict=True))))
    return tuple(columns)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """A frame in that of S1: where it stands, its axes as the columns of `turn`."""

    origin: DoubleArray
    turn: DoubleArray

    def out(self, own: npt.ArrayLike) -> DoubleArray:
        """Points (..., 3) of this frame in that of S1."""
        placed: DoubleArray = self.origin + np.asarray(own, np.float64) @ self.turn.T
        return placed


class Sacrum:
    """Segments and places of one sacrum; points are patient millimetres.

    `origin` (3,) and `turn` (3, 3) are where the frame of S1 stands, in the middle of its body.
    """

    def __init__(
        self, segments: tuple[Segment, ...], *, origin: DoubleArray, turn: DoubleArray
    ) -> None:
        self.segments = dict(zip(SEGMENTS, segments, strict=True))
        self.origin = read_only(origin, np.float64)
        self.turn = read_only(turn, np.float64)
        self.frames = dict(zip(SEGMENTS, _chain(segments), strict=True))

    def place(self, own: npt.ArrayLike) -> DoubleArray:
        """Points (..., 3) of the frame of S1 in patient millimetres."""
        placed: DoubleArray = self.origin + np.asarray(own, np.float64) @ self.turn.T
        return placed

    def world(self, level: str, own: npt.ArrayLike) -> DoubleArray:
        """Points (..., 3) of a segment's frame in patient millimetres."""
        return self.place(self.frames[level].out(own))

    def way(self, level: str, own: npt.ArrayLike) -> DoubleArray:
        """Directions (..., 3) of a segment's frame in the patient."""
        turn = self.turn @ self.frames[level].turn
        return np.asarray(np.asarray(own, np.float64) @ turn.T)

    def junction(self, number: int) -> Frame:
        """The frame, in that of S1, between segment `number` and the next, at the dorsal wall."""
        upper, lower = (self.segments[SEGMENTS[i]] for i in (number - 1, number))
        foot = self.frames[SEGMENTS[number - 1]].out((0.0, 0.0, -upper.height / 2))
        return Frame(origin=foot, turn=tilted((upper.tilt_deg + lower.tilt_deg) / 2))

    def at_foramen(self, number: int, side: int, end: Literal["dorsal", "ventral"]) -> DoubleArray:
        """The middle of a foramen's dorsal or ventral mouth in its junction's frame."""
        one, depth = self.segments[SEGMENTS[number - 1]], self._canal_depth_at(number)
        if end == "dorsal":
            surface = -depth - _LAMINA_MM + _LATERAL_FALL * one.foramen_y
            return np.array([surface, side * one.foramen_y, 0.0])
        y = side * (one.foramen_y + _VENTRAL_LATERAL_MM)
        return np.array([0.6 * one.depth, y, _VENTRAL_CRANIAL_MM])

    def foramen(
        self, number: int, side: int, end: Literal["dorsal", "ventral"] = "dorsal"
    ) -> DoubleArray:
        """The middle of the mouth of foramen S1 to S4, (3,)."""
        own = self.at_foramen(number, side, end)
        return self.place(self.junction(number).out(own))

    def foramen_rim(
        self, number: int, side: int, *, corners: int = 12, deep_mm: float = 0.0
    ) -> DoubleArray:
        """The rim of a dorsal foramen, (corners, 3), or its wall so far ventrally of it."""
        one = self.segments[SEGMENTS[number - 1]]
        angle = np.linspace(0.0, 2 * np.pi, corners, endpoint=False)
        rim = self.at_foramen(number, side, "dorsal") + np.stack(
            [
                np.full(corners, deep_mm),
                one.dorsal_width / 2 * np.cos(angle),
                one.dorsal_height / 2 * np.sin(angle),
            ],
            axis=-1,
        )
        return self.place(self.junction(number).out(rim))

    def dorsal(self, level: str, y: float, z: float = 0.0, *, above: float = 0.0) -> DoubleArray:
        """A point of the dorsal surface, (3,), lifted off it by `above` millimetres."""
        one = self.segments[level]
        x = -one.canal_depth - _LAMINA_MM + _LATERAL_FALL * abs(y) - above
        return self.world(level, (x, y, z))

    def dorsal_way(self, level: str) -> DoubleArray:
        """The unit vector square to the dorsal surface of a segment, out of the patient."""
        return self.way(level, (-1.0, 0.0, 0.0))

    def hiatus_z(self) -> float:
        """The height of the hiatus' apex in the frame of S4."""
        return -_APEX * self.segments["S4"].height

    def hiatus(self) -> DoubleArray:
        """The apex of the hiatus at the middle of the canal, (3,)."""
        depth = self.segments["S4"].canal_depth
        return self.world("S4", (-0.55 * depth, 0.0, self.hiatus_z()))

    def upper_border(self, level: str, share: float = 0.0) -> DoubleArray:
        """The upper border of a segment in the midline, (3,).

        `share` leads from the wall dorsally through the canal's depth, negative ventrally.
        """
        one = self.segments[level]
        return self.world(level, (-share * one.canal_depth, 0.0, one.height / 2))

    def canal_wall(self) -> DoubleArray:
        """The canal's ventral wall in the frame of S1, in the midline, head to feet (n, 3)."""
        return np.array([place for place, _, _, _ in self.canal_stations()])

    def canal_stations(self) -> list[tuple[DoubleArray, float, float, float]]:
        """Canal, head to feet: wall in the frame of S1, depth, half width at it, tilt."""
        stations = []
        for number, name in enumerate(SEGMENTS):
            one, frame = self.segments[name], self.frames[name]
            if number == 0:
                top = frame.out((0.0, 0.0, one.height / 2))
                stations.append((top, 1.08 * one.canal_depth, 1.08 * one.canal_half, 0.0))
            stations.append((frame.origin, one.canal_depth, one.canal_half, one.tilt_deg))
        last, frame = self.segments["S5"], self.frames["S5"]
        foot = frame.out((0.0, 0.0, -last.height / 2))
        stations.append((foot, 0.9 * last.canal_depth, last.canal_half, last.tilt_deg))
        return stations

    def _canal_depth_at(self, number: int) -> float:
        pair = (self.segments[SEGMENTS[i]].canal_depth for i in (number - 1, number))
        return sum(pair) / 2


def tilted(deg: float) -> DoubleArray:
    """The axes (3, 3) of what leans, its head ventrally where positive."""
    c, s = cos(radians(deg)), sin(radians(deg))
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def _chain(segments: tuple[Segment, ...]) -> list[Frame]:
    """Where the segments stand in the frame of S1: wall above wall."""
    wall = np.array([-segments[0].depth / 2, 0.0, 0.0])
    frames: list[Frame] = []
    for number, one in enumerate(segments):
        turn = tilted(one.tilt_deg)
        if number:
            above = segments[number - 1]
            wall = wall - frames[-1].turn[:, 2] * above.height / 2 - turn[:, 2] * one.height / 2
        frames.append(Frame(origin=wall, turn=turn))
    return frames
