"""What surrounds the spine: trunk, muscles, lungs, uneven soft tissue, gas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.interpolate import make_interp_spline

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.beam import Beam

SOFT_G_CM3 = 1.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Muscle:
    """An elliptic cylinder along z, denser than its surroundings by `density` of soft tissue.

    `at_mm` and `half_mm` are its middle and half widths along x and y.
    """

    at_mm: tuple[float, float]
    half_mm: tuple[float, float]
    density: float = 0.055


@dataclass(frozen=True, slots=True, kw_only=True)
class Hollow:
    """An ellipsoid that holds air, of soft tissue only the share `filled`: lung, windpipe.

    A share of 2 puts an ellipsoid of tissue beside the trunk: a shoulder.
    """

    at_mm: tuple[float, float, float]
    half_mm: tuple[float, float, float]
    filled: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trunk:
    """A patient's trunk or neck: an elliptic cylinder along z, with muscles and gas inside.

    `half_depth_mm` is along x, `half_width_mm` along y, `back_mm` the distance of the skin dorsal
    to the vertebral centre. Gas moves by itself: `gas_mm` (n, 3) centres, `gas_half_mm` (n, 2)
    half sizes, `gas_depth_mm` (n,) thickness along the beam. `hollows` move with the skin.
    """

    half_depth_mm: float
    half_width_mm: float
    back_mm: float
    exponent: float
    muscles: tuple[Muscle, ...]
    gas_mm: DoubleArray
    gas_half_mm: DoubleArray
    gas_depth_mm: DoubleArray
    hollows: tuple[Hollow, ...] = ()


_WEDGE = 0.55
_THINNEST_MM = 5.0
_TRUNK_RAYS = 48
_TRUNK_STEP_MM = 3.0
_TRUNK_REACH_MM = 290.0


def draw_lumbar_trunk(random: np.random.Generator) -> Trunk:
    """Draw a patient's trunk: 19 to 25 cm deep, 29 to 36 cm wide (assumed), with psoas."""
    count = int(random.integers(5, 10))
    # Bowel lies ventral to the spine.
    gas = np.stack(
        [
            random.uniform(35, 95, count),
            random.uniform(-95, 95, count),
            random.uniform(-110, 110, count),
        ],
        axis=1,
    )
    size = random.uniform(7, 20, count)
    half_depth, half_width = random.uniform(96, 122), random.uniform(145, 178)
    back, exponent = random.uniform(86, 100), random.uniform(2.2, 3.0)
    psoas = float(random.uniform(17, 25))
    return Trunk(
        half_depth_mm=float(half_depth),
        half_width_mm=float(half_width),
        back_mm=float(back),
        exponent=float(exponent),
        muscles=tuple(
            Muscle(at_mm=(2.0, side * (34.0 + psoas * 0.55)), half_mm=(psoas, psoas * 0.85))
            for side in (1.0, -1.0)
        ),
        gas_mm=gas,
        gas_half_mm=np.stack([size, size * random.uniform(0.6, 1.3, count)], axis=1),
        gas_depth_mm=random.uniform(8, 24, count),
    )


def soft_path(
    trunk: Trunk, beam: Beam, *, pixels: DoubleArray, random: np.random.Generator
) -> FloatArray:
    """Soft tissue along every ray, g/cm2, at rows and columns `pixels`: (n, n) float32."""
    slopes = (pixels - beam.centre_px) * beam.pitch_mm / beam.sid_mm
    ray = (
        beam.depth_axis
        + slopes[:, None, None] * beam.row_axis
        + slopes[None, :, None] * beam.column_axis
    )
    path = _trunk_path(trunk, beam, slopes)
    # A wedge filter or the collimator keeps the thin flank of a lateral view from glaring.
    wedge = _WEDGE * float(path[path.shape[0] // 2].max())
    path = (path**4 + wedge**4) ** 0.25
    for muscle in trunk.muscles:
        at, half = np.array(muscle.at_mm), np.array(muscle.half_mm)
        path += muscle.density * _chord(ray, beam.source, at, half)
    for hollow in trunk.hollows:
        at, half = np.array(hollow.at_mm), np.array(hollow.half_mm)
        path -= (1 - hollow.filled) * _chord(ray, beam.source, at, half)
    path = np.maximum(path, _THINNEST_MM)
    uneven = _unevenness(path.shape, beam.mm_per_px * float(pixels[1] - pixels[0]), random)
    return np.asarray(path * (SOFT_G_CM3 / 10) * (1 + uneven), np.float32)


def _trunk_path(trunk: Trunk, beam: Beam, slopes: DoubleArray) -> DoubleArray:
    """Length of rays inside the trunk, mm: sums over a coarse lattice, refined by splines."""
    coarse = np.linspace(slopes[0], slopes[-1], _TRUNK_RAYS)
    depths = np.arange(
        beam.sod_mm - _TRUNK_REACH_MM, beam.sod_mm + _TRUNK_REACH_MM, _TRUNK_STEP_MM
    )
    x, y = (
        beam.source[axis]
        + depths[:, None, None]
        * (
            beam.depth_axis[axis]
            + coarse[None, :, None] * beam.row_axis[axis]
            + coarse[None, None, :] * beam.column_axis[axis]
        )
        for axis in (0, 1)
    )
    x = (x - (trunk.half_depth_mm - trunk.back_mm)) / trunk.half_depth_mm
    y = y / trunk.half_width_mm
    radius = (np.abs(x) ** trunk.exponent + np.abs(y) ** trunk.exponent) ** (1 / trunk.exponent)
    inside = np.clip((1 - radius) / 0.06 + 0.5, 0, 1).sum(axis=0) * _TRUNK_STEP_MM
    path = inside * np.sqrt(1 + coarse[:, None] ** 2 + coarse[None, :] ** 2)
    weights = make_interp_spline(coarse, np.eye(_TRUNK_RAYS), k=3)(slopes)
    return np.asarray(weights @ path @ weights.T)


def gas_path(
    trunk: Trunk, beam: Beam, *, pixels: DoubleArray, random: np.random.Generator
) -> FloatArray:
    """Soft tissue that bowel gas displaces along every ray, g/cm2, (n, n) float32; soft edges."""
    total = np.zeros((len(pixels), len(pixels)), np.float32)
    centres = beam.project(trunk.gas_mm)
    scale = beam.mm_per_px_at(trunk.gas_mm)
    turns = random.uniform(0, np.pi, len(centres))
    for centre, half, depth, mm_per_px, turn in zip(
        centres, trunk.gas_half_mm, trunk.gas_depth_mm, scale, turns, strict=True
    ):
        rows, columns = pixels[:, None] - centre[0], pixels[None, :] - centre[1]
        along = (rows * np.cos(turn) + columns * np.sin(turn)) * mm_per_px / half[0]
        across = (columns * np.cos(turn) - rows * np.sin(turn)) * mm_per_px / half[1]
        bulge = _bulge(np.arctan2(across, along), turn)
        inside = np.clip(1 - (along**2 + across**2) / bulge, 0, 1)
        total += (depth * SOFT_G_CM3 / 10 * inside**0.8).astype(np.float32)
    soft_edge = 0.9 / (beam.mm_per_px * float(pixels[1] - pixels[0]))
    result: FloatArray = ndimage.gaussian_filter(total, soft_edge)
    return result


def _bulge(angle: DoubleArray, turn: float) -> DoubleArray:
    """The outline of a gas bubble in bowel: no circle, no ellipse."""
    lobes = ((2, 0.13, 3.0), (3, 0.15, 5.0), (5, 0.07, 11.0))
    return np.asarray(1 + sum(size * np.cos(n * angle + k * turn) for n, size, k in lobes))


def _chord(
    ray: DoubleArray, source: DoubleArray, middle: DoubleArray, half: DoubleArray
) -> DoubleArray:
    """Length of rays (..., 3) inside an ellipsoid, millimetres.

    Two half widths instead of three make it an elliptic cylinder along z.
    """
    axes = len(half)
    start = (source[:axes] - middle) / half
    step = ray[..., :axes] / half
    a = (step**2).sum(axis=-1)
    b = (step * start).sum(axis=-1)
    inside = np.maximum(b * b - a * ((start**2).sum() - 1), 0)
    result: DoubleArray = 2 * np.sqrt(inside) / a * np.sqrt((ray**2).sum(axis=-1))
    return result


def _unevenness(
    shape: tuple[int, ...], step_mm: float, random: np.random.Generator
) -> DoubleArray:
    """Relative thickness changes of muscle, fat and organs: about 2 %, up to 11 mm wide."""
    result = np.zeros(shape)
    for width_mm, sigma in ((1.6, 0.003), (3.5, 0.008), (11.5, 0.02)):
        field = ndimage.gaussian_filter(
            random.standard_normal(shape), width_mm / step_mm, mode="reflect"
        )
        result += field * (sigma / field.std())
    return result
