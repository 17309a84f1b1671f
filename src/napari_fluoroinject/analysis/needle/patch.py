"""The end of a shaft to a fraction of a pixel, its background taken as a random field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg
import scipy.special

from napari_fluoroinject.analysis.needle.line import REFERENCE_MM_PER_PX, strip
from napari_fluoroinject.analysis.needle.tip import BLUR_PX, End
from napari_fluoroinject.analysis.robust import MAD_TO_SIGMA
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray
from napari_fluoroinject.model.drawing import NEEDLE_DIAMETER_MM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.analysis.needle.follow import Track
    from napari_fluoroinject.analysis.registered import RegisteredLoop

INSIDE_PX, OUTSIDE_PX, HALF_WIDTH_PX = 34, 18, 9
SEARCH_PX = 12.0
COARSE_PX, FINE_PX, FINE_REACH_PX = 0.5, 0.1, 2.0
LONGEST_POINT = 2.0
"""Length of a ground point in diameters from the side; foreshortened it is anything below."""
USUAL_MM = 0.75
"""Diameter that is taken where the gauge is unknown."""
POINT_STEPS = 6
BLUNT = 0.5
"""A point shorter than this, in samples, looks like a square end."""
CLUTTER = ((0.7, 8.0), (0.15, 3.0))
"""Standard deviation of the background over the shaft's opacity, and its length in px:
soft tissue and bone edges, and the finer grain of bone. Lengths are those of anatomy at 0.28
mm per px."""
NOISE_LENGTH_PX = 0.8
WHITE_SHARE = 0.05
OFFSET = 10.0
LEAST_NOISE = 0.02
"""Over the shaft's opacity: what an imperfect model leaves in a picture without noise."""


def end_patch(
    registered: RegisteredLoop,
    track: Track,
    end: End,
    *,
    frames: Sequence[int],
    slide_px: DoubleArray,
    scale: float,
) -> tuple[DoubleArray, float]:
    """Mean opacity around an end in the needle's geometry, and its noise (1 sigma).

    The patch is (along, across), outward. Samples are `scale` px apart; the noise is that of the
    mean, from the frames' scatter.
    """
    along, across = (scale * axis for axis in patch_axes())
    stack = np.stack(
        [
            -strip(
                registered.ln[k],
                track.lines[k],
                end.along_px + slide_px[k] + end.outward * along,
                across,
            )
            for k in frames
        ]
    ).astype(np.float64)
    stack -= np.nanmean(stack, axis=(1, 2), keepdims=True)
    mean = stack.mean(axis=0)
    if len(frames) > 2:
        return mean, float(np.nanmean(stack.std(axis=0, ddof=1)) / np.sqrt(len(frames)))
    rough = np.diff(mean, n=2, axis=0)
    return mean, MAD_TO_SIGMA * float(np.nanmedian(np.abs(rough))) / 6**0.5


def patch_axes() -> tuple[DoubleArray, DoubleArray]:
    """Positions outward along and across of a patch, in units of the scale."""
    return (
        np.arange(-INSIDE_PX, OUTSIDE_PX + 1, dtype=np.float64),
        np.arange(-HALF_WIDTH_PX, HALF_WIDTH_PX + 1, dtype=np.float64),
    )


def point_lengths(gauge: int | None) -> DoubleArray:
    """Lengths that a point may have in the picture, in samples of a patch, all equally likely."""
    outer_mm = USUAL_MM if gauge is None else NEEDLE_DIAMETER_MM.get(gauge, USUAL_MM)
    return np.linspace(BLUNT, LONGEST_POINT * outer_mm / REFERENCE_MM_PER_PX, POINT_STEPS)


def fit_patch(
    patch: DoubleArray,
    *,
    noise: float,
    level: float,
    sigma_px: float,
    points: DoubleArray,
) -> tuple[float, float]:
    """Where a shaft ends in a patch, by generalised least squares.

    The background is a random field of known covariance (kriging; Cressie 1993), so that an
    oblique bone edge
    near the end is explained by the background and does not pull the step, and the uncertainty
    knows of it.
    The length of the point is unknown within `points`, all equally likely.

    Parameters
    ----------
    patch
        (along, across) mean opacity as `end_patch` makes it; NaN where unknown.
    noise, level
        Noise of the patch and opacity of the shaft, natural-log units.
    sigma_px
        Width of the shaft in samples of the patch.
    points
        (lengths,) over which the point may rise to the full shaft, in samples of the patch.

    Returns
    -------
    tuple
        The end's distance from the patch's origin, outward, and 1 sigma, in samples.
    """
    field = _Background.of(patch / level, noise / level, sigma_px)
    coarse = np.arange(-SEARCH_PX, SEARCH_PX + COARSE_PX / 2, COARSE_PX)
    cost = field.cost(coarse, points)
    near = coarse[int(np.argmin(cost.min(axis=0)))]
    fine = np.arange(near - FINE_REACH_PX, near + FINE_REACH_PX + FINE_PX / 2, FINE_PX)
    likely = np.exp(-0.5 * (field.cost(fine, points) - cost.min()))
    likely = likely.sum(axis=0) / likely.sum()
    place = float(likely @ fine)
    spread = float(np.sqrt(likely @ (fine - place) ** 2))
    return place, spread


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Background:
    """A patch whitened by the covariance of its background."""

    factor: DoubleArray
    white: DoubleArray
    known: BoolArray
    sigma_px: float

    @staticmethod
    def of(values: DoubleArray, noise: float, sigma_px: float) -> _Background:
        along, across = patch_axes()
        known = np.isfinite(values)
        row, column = (grid[known] for grid in np.meshgrid(along, across, indexing="ij"))
        apart = (row[:, None] - row[None, :]) ** 2 + (column[:, None] - column[None, :]) ** 2
        power = noise**2 + LEAST_NOISE**2
        covariance = power * np.exp(-0.5 * apart / NOISE_LENGTH_PX**2) + OFFSET**2
        for size, length in CLUTTER:
            covariance += size**2 * np.exp(-0.5 * apart / length**2)
        covariance[np.diag_indices_from(covariance)] += WHITE_SHARE * power
        factor = np.linalg.cholesky(covariance).astype(np.float64, copy=False)
        white = scipy.linalg.solve_triangular(factor, values[known], lower=True)
        return _Background(factor=factor, white=white, known=known, sigma_px=sigma_px)

    def cost(self, ends: DoubleArray, points: DoubleArray) -> DoubleArray:
        """Generalised sum of squares left with the end at each place, (points, ends)."""
        along, across = patch_axes()
        rise = _rise(ends[None, :, None] - along[None, None, :], points[:, None, None])
        shape = rise[..., None] * np.exp(-0.5 * (across / self.sigma_px) ** 2)
        shapes = shape.reshape(-1, along.size * across.size)[:, self.known.ravel()]
        white = scipy.linalg.solve_triangular(self.factor, shapes.T, lower=True)
        height = np.maximum(self.white @ white, 0.0)
        taken = height**2 / np.maximum((white**2).sum(axis=0), 1e-12)
        left: DoubleArray = float(self.white @ self.white) - taken
        return left.reshape(len(points), len(ends))


def _rise(depth: DoubleArray, point: DoubleArray) -> DoubleArray:
    """Opacity at a depth behind the tip, for a point ground evenly over its length, blurred.

    The integral of the normal distribution is x Phi(x) + phi(x).
    """

    def ramp(x: DoubleArray) -> DoubleArray:
        area: DoubleArray = x * scipy.special.ndtr(x) + np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)
        return area

    return (ramp(depth / BLUR_PX) - ramp((depth - point) / BLUR_PX)) * BLUR_PX / point
