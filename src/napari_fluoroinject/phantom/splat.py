"""Iodine on the detector: mass at points of the patient becomes density in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from napari_fluoroinject.phantom.layers import Layer

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray
    from napari_fluoroinject.phantom.beam import Beam
    from napari_fluoroinject.phantom.film import Film


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Splat:
    """A linear map from mass of cells (mg) to areal density (mg/cm2) as a layer's coefficients.

    Coefficients that are not negative give a picture that is not negative, wherever the layer
    moves.
    """

    matrix: sparse.csr_matrix
    margin_px: int
    size: int

    def layer(self, mass_mg: FloatArray) -> Layer:
        """The layer of areal density of these masses (cells,)."""
        return self.as_layer(self.matrix @ mass_mg)

    def as_layer(self, coefficients: FloatArray) -> Layer:
        """Coefficients in the order of this map's rows as a layer."""
        side = self.size + 2 * self.margin_px
        return Layer(coefficients.reshape(side, side), margin_px=self.margin_px)


def film_splat(film: Film, beam: Beam, *, margin_px: int) -> Splat:
    """How the cells of a film fall on the detector."""
    rows, columns = film.cells
    points = film.points_mm[rows, columns]
    thick = (film.gap_mm[rows, columns, None] * film.normal[rows, columns])[:, None, :]
    down, across = (
        _sides(film.points_mm, axis, film.cell_mm)[rows, columns][:, None, :] for axis in (0, 1)
    )
    thirds = np.array([-1 / 3, 0.0, 1 / 3])
    a, b, c = (
        v.reshape(-1)[None, :, None]
        for v in np.meshgrid(thirds, thirds, [-0.25, 0.25], indexing="ij")
    )
    samples = points[:, None, :] + a * down + b * across + c * thick
    weights = np.full(samples.shape[:2], 1 / samples.shape[1])
    return splat(samples, weights, beam, margin_px=margin_px)


def _sides(points_mm: DoubleArray, axis: int, cell_mm: float) -> DoubleArray:
    """The sides of cells; where film passes over film its depth jumps, a cell must not."""
    return np.clip(np.gradient(points_mm, axis=axis), -1.5 * cell_mm, 1.5 * cell_mm)


def splat(samples: DoubleArray, weights: DoubleArray, beam: Beam, *, margin_px: int) -> Splat:
    """The splat of cells made of `samples` (cells, n, 3) with `weights` (cells, n)."""
    side = beam.size + 2 * margin_px
    pixels = beam.project(samples) + margin_px
    pixel_cm2 = (beam.mm_per_px_at(samples) / 10) ** 2
    base = np.floor(pixels).astype(np.int64)
    part = pixels - base
    cell = np.broadcast_to(np.arange(len(samples))[:, None], weights.shape)
    entries = []
    for down in (0, 1):
        for across in (0, 1):
            row, column = base[..., 0] + down, base[..., 1] + across
            share = np.abs(1 - down - part[..., 0]) * np.abs(1 - across - part[..., 1])
            inside = (row >= 0) & (row < side) & (column >= 0) & (column < side)
            value = (weights * share / pixel_cm2)[inside]
            entries.append((value, (row * side + column)[inside], cell[inside]))
    values, rows, columns = (np.concatenate([entry[i] for entry in entries]) for i in range(3))
    matrix = sparse.coo_matrix(
        (values, (rows, columns)), shape=(side * side, len(samples))
    ).tocsr()
    return Splat(matrix=matrix.astype(np.float32), margin_px=margin_px, size=beam.size)
