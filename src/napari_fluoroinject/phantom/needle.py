"""The needle: where tip and hub are in every frame, and how much steel the beam meets."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray, read_only
from napari_fluoroinject.model.drawing import NEEDLE_DIAMETER_MM
from napari_fluoroinject.phantom.layers import rotation

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.attenuation import Pixels
    from napari_fluoroinject.phantom.beam import Beam
    from napari_fluoroinject.phantom.motion import Movement
    from napari_fluoroinject.phantom.scenery import Site

INNER_MM = {18: 0.84, 20: 0.603, 22: 0.413, 25: 0.26}
"""Inner diameter by gauge: ISO 9626, regular wall, from memory."""

STEEL_G_CM3 = 8.0
PLASTIC_G_CM3 = 1.1
_GAUGES = (20, 22, 25)
_GAUGE_SHARE = (0.25, 0.5, 0.25)
_LENGTHS_MM = (64.0, 90.0, 100.0, 127.0)
_LENGTH_SHARE = (0.1, 0.55, 0.15, 0.2)
_LONGEST_CHORD_MM = 90.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shaft:
    """A needle as it lies at rest in the reference pose: tip and hub (3,) in patient millimetres.

    `advance_mm` (frames,) is how far the tip still is from its place, along the shaft.
    """

    gauge: int
    stylet: bool
    tip_mm: DoubleArray
    hub_mm: DoubleArray
    advance_mm: DoubleArray
    hub_metal_mm: float
    bevel: float

    @property
    def direction(self) -> DoubleArray:
        """Unit vector from tip to hub."""
        along = self.hub_mm - self.tip_mm
        result: DoubleArray = along / np.linalg.norm(along)
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Rod:
    """A straight tube seen by the beam: ends in pixels (row, column), diameters and density.

    `mm_per_px` holds at the start and the end; `lengthening` is one over the sine of the angle
    between rod and ray; `bevel_px` is over how much of the start the wall is ground away.
    """

    start: DoubleArray
    end: DoubleArray
    outer_mm: float
    inner_mm: float
    g_cm3: float
    mm_per_px: tuple[float, float]
    lengthening: float
    bevel_px: float = 0.0
    end_on: float = 0.0


def draw_shaft(
    site: Site,
    *,
    gauges: tuple[int, ...],
    stylet: bool,
    advance_mm: DoubleArray,
    random: np.random.Generator,
) -> Shaft:
    """A needle of usual length with its tip at rest where the site says.

    `gauges` are those there may be, none = as usual.
    """
    drawn = int(random.choice(_GAUGES, p=_GAUGE_SHARE))
    if gauges:
        drawn = gauges[drawn % len(gauges)]
    length = float(random.choice(_LENGTHS_MM, p=_LENGTH_SHARE))
    return Shaft(
        gauge=drawn,
        stylet=stylet,
        tip_mm=site.tip_mm,
        hub_mm=read_only(site.tip_mm + length * site.approach, np.float64),
        advance_mm=read_only(advance_mm, np.float64),
        hub_metal_mm=float(random.uniform(6.0, 8.0)),
        bevel=float(random.uniform(1.0, 2.0)),
    )


def follow(shaft: Shaft, beam: Beam, movement: Movement) -> tuple[DoubleArray, DoubleArray]:
    """Tip and hub in every frame, each (frames, 2).

    The tip moves with the tissue it is in, the hub with the skin and the hand that holds it.
    """
    back = shaft.advance_mm[:, None] * shaft.direction
    tip = beam.project(shaft.tip_mm + back) - beam.centre_px
    turned = np.stack([rotation(a) @ p for a, p in zip(movement.rot_deg, tip, strict=True)])
    hub = beam.project(shaft.hub_mm + back)
    return turned + beam.centre_px + movement.bone_px, hub + movement.skin_px + movement.sway_px


def rods(
    shaft: Shaft, beam: Beam, *, tip: DoubleArray, hub: DoubleArray, frame: int
) -> tuple[Rod, ...]:
    """Shaft, hub metal and hub plastic for tip and hub at these pixels of one frame."""
    direction = shaft.direction
    back = shaft.advance_mm[frame] * direction
    near, far = (
        float(v) for v in beam.mm_per_px_at(np.stack([shaft.tip_mm + back, shaft.hub_mm + back]))
    )
    # 1/sin of the angle between rod and ray; seen end-on, a rod is no longer than itself.
    sine = max(float(np.linalg.norm(np.cross(direction, beam.depth_axis))), 0.02)
    outer = NEEDLE_DIAMETER_MM[shaft.gauge]
    length_px = float(np.linalg.norm(hub - tip))
    along = (hub - tip) / max(length_px, 1e-6)
    metal = hub + along * shaft.hub_metal_mm * sine / far
    plastic = hub + along * 18.0 * sine / far
    return (
        Rod(
            start=tip,
            end=hub,
            outer_mm=outer,
            inner_mm=0.0 if shaft.stylet else INNER_MM[shaft.gauge],
            g_cm3=STEEL_G_CM3,
            mm_per_px=(near, far),
            lengthening=1 / sine,
            bevel_px=shaft.bevel * outer * sine / near,
        ),
        Rod(
            start=hub,
            end=metal,
            outer_mm=2.4,
            inner_mm=1.7,
            g_cm3=STEEL_G_CM3,
            mm_per_px=(far, far),
            lengthening=1 / sine,
        ),
        Rod(
            start=hub,
            end=plastic,
            outer_mm=6.0,
            inner_mm=2.4,
            g_cm3=PLASTIC_G_CM3,
            mm_per_px=(far, far),
            lengthening=1 / sine,
        ),
    )


def shade(rod: Rod, size: int) -> tuple[tuple[slice, slice], FloatArray] | None:
    """Areal density, g/cm2, on the window a rod shades; None outside a picture of `size`."""
    fine = _fine_density(rod, size)
    return None if fine is None else (fine[0], fine[1].mean(axis=(1, 3)))


def shade_finely(rod: Rod, size: int) -> tuple[Pixels, FloatArray] | None:
    """Pixels that a rod shades and the areal density, g/cm2, in nine parts of each, (n, 9).

    A pixel sees the mean of what its parts let through, which is more than their mean density
    would: an edge of steel is no veil.
    """
    fine = _fine_density(rod, size)
    if fine is None:
        return None
    window, density = fine
    parts = density.transpose(0, 2, 1, 3).reshape(density.shape[0], density.shape[2], -1)
    rows, columns = np.nonzero(parts.any(axis=2))
    return (rows + window[0].start, columns + window[1].start), parts[rows, columns]


def _fine_density(rod: Rod, size: int) -> tuple[tuple[slice, slice], FloatArray] | None:
    """Areal density on a window, (rows, 3, columns, 3): three parts a side of every pixel."""
    reach = rod.outer_mm / 2 / min(rod.mm_per_px) + 2
    low = [max(floor(min(a, b) - reach), 0) for a, b in zip(rod.start, rod.end, strict=True)]
    high = [
        min(ceil(max(a, b) + reach) + 1, size) for a, b in zip(rod.start, rod.end, strict=True)
    ]
    if low[0] >= high[0] or low[1] >= high[1]:
        return None
    fine = (np.arange(3) - 1) / 3
    rows = (np.arange(low[0], high[0])[:, None] + fine).reshape(-1)
    columns = (np.arange(low[1], high[1])[:, None] + fine).reshape(-1)
    density = _chords(rod, rows.astype(np.float32)[:, None], columns.astype(np.float32)[None, :])
    shape = (high[0] - low[0], 3, high[1] - low[1], 3)
    window = (slice(low[0], high[0]), slice(low[1], high[1]))
    return window, density.reshape(shape)


def _chords(rod: Rod, rows: FloatArray, columns: FloatArray) -> FloatArray:
    length = max(float(np.linalg.norm(rod.end - rod.start)), 1e-3)
    r, c = (np.float32(v) for v in (rod.end - rod.start) / length)
    rows, columns = rows - np.float32(rod.start[0]), columns - np.float32(rod.start[1])
    along = rows * r + columns * c
    across = rows * c - columns * r
    share = np.clip(along * np.float32(1 / length), 0, 1)
    across = across * (
        np.float32(rod.mm_per_px[0]) + share * np.float32(rod.mm_per_px[1] - rod.mm_per_px[0])
    )
    across *= across
    metal = _passed(rod, rod.outer_mm, along, across)
    if rod.inner_mm > 0:
        metal -= _passed(rod, rod.inner_mm, along, across)
    if rod.end_on == 0:
        metal *= np.clip(along / np.float32(max(rod.bevel_px, 0.05)), 0, 1) * (along <= length)
    density: FloatArray = metal * np.float32(rod.g_cm3 / 10)
    return density


def _passed(
    rod: Rod, diameter_mm: float, along: FloatArray, across_squared: FloatArray
) -> FloatArray:
    """Millimetres of a cylinder that rays pass `along` px from its start; endless if not round."""
    half = np.sqrt(np.maximum(np.float32(diameter_mm**2 / 4) - across_squared, 0))
    chord = np.minimum(2 * half * np.float32(rod.lengthening), np.float32(_LONGEST_CHORD_MM))
    if rod.end_on == 0:
        return np.asarray(chord)
    # a slice across the cylinder is seen as an ellipse: a ray passes those within its half length
    reach = np.maximum(half * np.float32(rod.end_on / np.mean(rod.mm_per_px)), np.float32(0.05))
    length = np.float32(np.linalg.norm(rod.end - rod.start))
    begun, ended = ((along - end + reach) / (2 * reach) for end in (np.float32(0), length))
    return np.asarray(chord * (np.clip(begun, 0, 1) - np.clip(ended, 0, 1)))
