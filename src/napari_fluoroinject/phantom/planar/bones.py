"""Vertebrae as warped outlines with rims and a grain, projected by their depth."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom.planar.canvas import Canvas, smooth_step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

Grain = tuple["FloatArray", "FloatArray", "FloatArray"]

_LEVELS = range(-4, 5)
_RIM_MM = 0.55
_DENSE = (1.3, 2.1)
"""Brings vertebrae to about 1.3 to 2.3 g/cm2 of cortical bone seen from the front: densitometry
gives 0.75 to 1.2 g/cm2 of mineral (from memory), 56 % of cortical bone (ICRU 44)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Where vertebrae stand: pitch, size, side of the needle (+1 right in the picture), bend.

    `target_mm` is the target in the frame of the vertebra at the middle: (caudal, towards the
    needle's side, dorsal).
    """

    pitch_mm: float
    scale: float
    side: int
    oblique_deg: float
    target_mm: tuple[float, float, float]
    bend_mm: float
    bend_phase: float

    def place(self, level: int, row: float, column: float, depth: float) -> tuple[float, float]:
        """The picture's millimetres from the target of a point in a vertebra's frame."""
        along = level * self.pitch_mm + row * self.scale - self.target_mm[0]
        across = self._across(column * self.scale, depth * self.scale)
        across -= self._across(self.side * self.target_mm[1], self.target_mm[2])
        return along, across + float(self.midline_mm(along) - self.midline_mm(0.0))

    def midline_mm(self, along: float | DoubleArray | FloatArray) -> DoubleArray:
        """How far the column bends sideways, mm, at rows in millimetres from the target."""
        result: DoubleArray = self.bend_mm * np.sin(np.asarray(along) / 60.0 + self.bend_phase)
        return result

    def _across(self, column: float, depth: float) -> float:
        turn = radians(self.oblique_deg * self.side)
        return column * cos(turn) - depth * sin(turn)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A warped super-ellipse: centre and half axes (row, column) mm, tilt, mineral in g/cm2."""

    centre: tuple[float, float]
    half: tuple[float, float]
    tilt_deg: float = 0.0
    power: float = 2.0
    fill: float = 0.3
    rim: float = 0.2


# A vertebra in its own frame: centre (caudal, lateral, dorsal) and half axes in mm, tilt, power,
# fill and rim in g/cm2. Those off the midline are drawn on both sides. Sizes from memory of
# published tables, about L3; the shapes are freehand.
_MIDDLE = (
    ((0.0, 0.0, -18.0), (14.5, 23.5), 0.0, 4.5, 0.78, 0.30),
    ((-14.0, 0.0, -18.0), (1.6, 22.5), 0.0, 3.0, 0.16, 0.18),
    ((14.0, 0.0, -18.0), (1.6, 23.5), 0.0, 3.0, 0.16, 0.18),
    ((11.0, 0.0, 44.0), (10.0, 3.4), 0.0, 2.6, 0.42, 0.38),
)
_PAIRED = (
    ((-5.0, 16.5, 2.0), (7.4, 5.0), 8.0, 2.2, 0.16, 0.44),
    ((6.0, 9.0, 26.0), (9.5, 6.0), 24.0, 2.4, 0.34, 0.20),
    ((-5.0, 33.0, 10.0), (4.0, 15.0), -9.0, 2.3, 0.24, 0.15),
    ((-12.5, 18.5, 16.0), (8.5, 5.0), -10.0, 2.2, 0.34, 0.26),
    ((19.0, 14.5, 22.0), (9.5, 4.6), 12.0, 2.2, 0.32, 0.26),
)


def draw_column(
    target_mm: tuple[float, float, float],
    oblique_deg: tuple[float, float],
    random: np.random.Generator,
) -> Column:
    """Draw size, side, bend and obliquity of a lumbar column about its target."""
    scale = float(random.uniform(0.9, 1.1))
    return Column(
        pitch_mm=35.5 * scale,
        scale=scale,
        side=int(random.choice([-1, 1])),
        oblique_deg=float(random.uniform(*oblique_deg)),
        target_mm=(scale * target_mm[0], scale * target_mm[1], scale * target_mm[2]),
        bend_mm=float(random.uniform(0.0, 6.0)),
        bend_phase=float(random.uniform(0, 2 * np.pi)),
    )


def draw_bones(canvas: Canvas, column: Column, random: np.random.Generator) -> FloatArray:
    """Mineral of the column and, in some, the iliac crests: g/cm2 over the canvas."""
    warp_rows = 1.1 * canvas.field(9.0, random) + 0.3 * canvas.field(2.2, random)
    warp_columns = 1.1 * canvas.field(9.0, random) + 0.3 * canvas.field(2.2, random)
    grain = np.exp(
        0.17 * canvas.field(0.5, random, stretch=2.2, steepness=1.2)
        + 0.20 * canvas.field(5.0, random)
    )
    picture = np.zeros((canvas.cells, canvas.cells), np.float32)
    dense = random.uniform(*_DENSE)
    for part in _parts(column, random):
        _paint(picture, canvas, part, (warp_rows, warp_columns, grain))
    return np.asarray(picture * np.float32(dense), np.float32)


def _parts(column: Column, random: np.random.Generator) -> Iterator[_Part]:
    for level in _LEVELS:
        # Discs differ, vertebrae tilt.
        nudge, lean = 1.2 * random.standard_normal(2), 3.0 * random.standard_normal()
        listed = [(spec, 0) for spec in _MIDDLE]
        listed += [(spec, side) for spec in _PAIRED for side in (-1, 1)]
        for (centre, half, tilt, power, fill, rim), side in listed:
            at = centre[1] * side if side else centre[1]
            row, across = column.place(level, centre[0], at, centre[2])
            size = column.scale * (1 + 0.06 * random.standard_normal(2))
            weight = 1 + 0.15 * random.standard_normal(2)
            yield _Part(
                centre=(row + nudge[0], across + nudge[1]),
                half=(half[0] * size[0], half[1] * size[1]),
                tilt_deg=tilt * (side or 1) + lean + 5.0 * random.standard_normal() * abs(side),
                power=power,
                fill=fill * max(weight[0], 0.4),
                rim=rim * max(weight[1], 0.4),
            )
    if random.uniform() < 0.4:
        low = random.uniform(70, 100)
        for side in (-1, 1):
            crest = (low, side * random.uniform(78, 92))
            yield _Part(centre=crest, half=(52.0, 46.0), tilt_deg=20.0 * side, fill=0.5, rim=0.6)


def _paint(picture: FloatArray, canvas: Canvas, part: _Part, grain: Grain) -> None:
    """Add one part, rim at its edge and filling grained, to the picture."""
    reach = max(part.half) + 6.0
    window = canvas.window(part.centre, (reach, reach))
    rows, columns = canvas.axes_mm()
    y = rows[window[0]] - np.float32(part.centre[0]) + grain[0][window]
    x = columns[:, window[1]] - np.float32(part.centre[1]) + grain[1][window]
    if y.size == 0:
        return
    c, s = np.float32(cos(radians(part.tilt_deg))), np.float32(sin(radians(part.tilt_deg)))
    u = np.abs((y * c + x * s) / np.float32(part.half[0]))
    v = np.abs((x * c - y * s) / np.float32(part.half[1]))
    radius = np.asarray((u**part.power + v**part.power) ** (1 / part.power), np.float32)
    depth_mm = (radius - 1) * np.float32(min(part.half))
    inside = smooth_step(-depth_mm, 0.45)
    dome = 0.55 + 0.45 * np.sqrt(np.maximum(1 - radius * radius, 0))
    rim = np.exp(-0.5 * ((depth_mm + np.float32(1.5 * _RIM_MM)) / np.float32(_RIM_MM)) ** 2)
    picture[window] += np.float32(part.fill) * dome * inside * grain[2][window]
    picture[window] += np.float32(part.rim) * rim * np.sqrt(grain[2][window])
