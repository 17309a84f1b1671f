"""A slightly bent needle with a pencil point or a slanted cut, drawn on the pixels it touches."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray
from napari_fluoroinject.model.drawing import NEEDLE_DIAMETER_MM
from napari_fluoroinject.phantom.layers import rotation

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.phantom.planar.movement import Movement

Pixels = tuple["npt.NDArray[np.intp]", "npt.NDArray[np.intp]"]

_STEEL_G_CM3 = 8.0
# Share of the outer diameter that the bore takes: about what regular walls have.
_BORE = 0.6
_GAUGES = (20, 22, 25)
_BENDING = {18: 0.3, 20: 0.5, 22: 1.0, 25: 1.4}
_FINE = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Needle:
    """A needle in the picture; tip and hub are (frames, 2) pixels.

    `bow_px` is how far its middle lies off the chord, `lengthening` one over the sine of the angle
    between needle and beam, `point_mm` how long the point is. A pixel at the tip is `mm_per_px`
    wide and one at the hub, which is nearer to the detector, `widening` times as much.
    """

    gauge: int
    stylet: bool
    tip_px: DoubleArray
    hub_px: DoubleArray
    bow_px: float
    lengthening: float
    point: Literal["pencil", "slant"]
    point_mm: float
    mm_per_px: float
    widening: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Approach:
    """How the needle comes: tip at rest in the reference pose, direction from tip to hub.

    `short_of_px` (frames,) is how far the tip still has to go along the shaft, `source_mm` how far
    the tip is from the focal spot.
    """

    tip_px: tuple[float, float]
    away: DoubleArray
    short_of_px: DoubleArray
    mm_per_px: float
    source_mm: float


def draw_needle(
    approach: Approach,
    movement: Movement,
    *,
    size: int,
    gauge: int | None,
    stylet: bool,
    random: np.random.Generator,
) -> Needle:
    """A needle whose tip moves with bone, its hub with skin and hand; None draws the gauge."""
    drawn = int(random.choice(_GAUGES, p=(0.25, 0.5, 0.25)))
    chosen = gauge or drawn
    full_mm, seen_mm = float(random.choice([90.0, 120.0])), float(random.uniform(34.0, 80.0))
    held = random.uniform(0.85, 1.0)
    centre = (size - 1) / 2
    back = approach.short_of_px[:, None] * approach.away
    at = np.array(approach.tip_px) - centre
    turned = np.stack([rotation(angle) @ at for angle in movement.rot_deg]) + centre
    widening = 1.0 + sqrt(full_mm**2 - seen_mm**2) / approach.source_mm
    hub = np.array(approach.tip_px) + approach.away * seen_mm / (approach.mm_per_px * widening)
    bend = _BENDING[chosen] * random.uniform(0.0, 1.1) * random.choice([-1.0, 1.0])
    point = str(random.choice(["pencil", "slant"]))
    return Needle(
        gauge=chosen,
        stylet=stylet,
        tip_px=turned + held * movement.bone_px + (1 - held) * movement.soft_px + back,
        hub_px=hub + movement.hub_px + back,
        bow_px=float(bend / approach.mm_per_px),
        lengthening=full_mm / seen_mm,
        point="pencil" if point == "pencil" else "slant",
        point_mm=float(random.uniform(1.5, 3.0)) * NEEDLE_DIAMETER_MM[chosen],
        mm_per_px=approach.mm_per_px,
        widening=widening,
    )


def steel(needle: Needle, frame: int, *, size: int) -> tuple[Pixels, FloatArray]:
    """Pixels that steel touches in a frame, and in (n, 16) parts of each its density, g/cm2.

    What a pixel sees is the mean of what its parts let through.
    """
    tip, hub = needle.tip_px[frame], needle.hub_px[frame]
    length = float(np.linalg.norm(hub - tip))
    along = (hub - tip) / length
    hub_end = hub + along * 7.0 / needle.lengthening / needle.mm_per_px
    reach = 1.8 / needle.mm_per_px + abs(needle.bow_px)
    pixels = _near(tip, hub_end, reach, size)
    step = (np.arange(_FINE) - (_FINE - 1) / 2) / _FINE
    rows = pixels[0][:, None, None] + step[:, None] - tip[0]
    columns = pixels[1][:, None, None] + step[None, :] - tip[1]
    s = rows * along[0] + columns * along[1]
    t = rows * along[1] - columns * along[0]
    t = t - needle.bow_px * 4 * np.clip(s / length, 0, 1) * np.clip(1 - s / length, 0, 1)
    chord = _shaft(needle, s, t, length)
    # The hub's metal is a short wide tube.
    chord += ((s > length) & (s < length + 7.0 / needle.lengthening / needle.mm_per_px)) * (
        _tube(t * needle.mm_per_px * needle.widening, np.float64(1.3), np.float64(0.9))
    )
    grams = chord.reshape(len(chord), -1) * min(needle.lengthening, 4.0) * _STEEL_G_CM3 / 10
    touched = grams.mean(axis=1) > 1e-4
    return (pixels[0][touched], pixels[1][touched]), grams[touched].astype(np.float32)


def _shaft(needle: Needle, s: DoubleArray, t: DoubleArray, length: float) -> DoubleArray:
    """Steel along the beam, mm, at `s` behind the tip and `t` beside the shaft, pixels."""
    radius = NEEDLE_DIAMETER_MM[needle.gauge] / 2
    point_px = needle.point_mm / needle.lengthening / needle.mm_per_px
    across = t * needle.mm_per_px * (1.0 + (needle.widening - 1.0) * np.clip(s / length, 0, 1))
    bore = 0.0 if needle.stylet else _BORE * radius
    if needle.point == "pencil":
        outer = radius * np.sqrt(np.clip(s / point_px, 0, 1))
        chord = _tube(across, outer, np.minimum(bore, outer))
    else:
        cut = s > point_px * (across + radius) / (2 * radius)
        chord = cut * _tube(across, np.float64(radius), np.float64(bore))
    result: DoubleArray = chord * ((s > 0) & (s <= length))
    return result


def _tube(
    across: DoubleArray, outer: DoubleArray | np.float64, inner: DoubleArray | np.float64
) -> DoubleArray:
    wall = np.sqrt(np.maximum(outer**2 - across**2, 0))
    result: DoubleArray = 2 * (wall - np.sqrt(np.maximum(inner**2 - across**2, 0)))
    return result


def _near(tip: DoubleArray, end: DoubleArray, reach: float, size: int) -> Pixels:
    """Pixels (rows, columns) within reach of the line from tip to end."""
    low = np.clip(np.floor(np.minimum(tip, end) - reach), 0, size).astype(int)
    high = np.clip(np.ceil(np.maximum(tip, end) + reach) + 1, 0, size).astype(int)
    rows, columns = np.mgrid[low[0] : high[0], low[1] : high[1]]
    along = (end - tip) / np.linalg.norm(end - tip)
    beside = (rows - tip[0]) * along[1] - (columns - tip[1]) * along[0]
    close = np.abs(beside) <= reach
    return rows[close], columns[close]
