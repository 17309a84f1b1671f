"""Contrast in a thin film between tissues: Darcy flow and transport on a map of gap widths."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse
from scipy.sparse.linalg import splu

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray, read_only

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.injection import Injection

IndexArray = npt.NDArray[np.intp]

DIFFUSION_MM2_S = 0.6
_CFL = 0.45
_CLEARANCE_PER_S = 0.008
_CLOSED_LEAK = 1e-3
"""How freely every cell of a space without outlet drains."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Film:
    """A film as cells of a square grid of `cell_mm`.

    Maps are (rows, columns): `gap_mm` its thickness (0 = no film), `ease` the permeability factor,
    `drain` how freely a cell drains beyond the map, `source` the share of the injection each cell
    takes (sum 1), `points_mm` (rows, columns, 3) where the cells lie in the patient and `normal`
    (rows, columns, 3) the unit direction of the thickness.
    """

    cell_mm: float
    gap_mm: DoubleArray
    ease: DoubleArray
    drain: DoubleArray
    source: DoubleArray
    points_mm: DoubleArray
    normal: DoubleArray

    @property
    def cells(self) -> tuple[IndexArray, IndexArray]:
        """Row and column numbers of the cells that hold film."""
        rows, columns = np.nonzero(self.gap_mm > 0)
        return rows, columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filling:
    """How a film filled: `mass_mg` (frames, cells) is the iodine in each cell.

    `injected_mg`, `left_mg` (frames,) is what came and what left, `injected_mm3` (frames,) is the
    volume.
    """

    mass_mg: FloatArray
    injected_mg: DoubleArray
    left_mg: DoubleArray
    injected_mm3: DoubleArray


def fill(film: Film, times_s: DoubleArray, injection: Injection) -> Filling:
    """Inject and read a film that is all `reached`: upwind finite volumes, mass kept."""
    system = _System(film)
    step = system.longest_step_s(injection.peak_mm3_s)
    concentration = np.zeros(system.count)
    injected = left = volume = 0.0
    now = min(float(times_s[0]), injection.onset_s)
    masses = np.zeros((len(times_s), system.count), np.float32)
    sums = np.zeros((3, len(times_s)))
    for frame, until in enumerate(times_s):
        steps = max(1, int(np.ceil((until - now) / step - 1e-9)))
        dt = (until - now) / steps
        for i in range(steps if dt > 0 else 0):
            rate = injection.rate_mm3_s(now + (i + 0.5) * dt)
            if rate == 0.0 and injected == 0.0:
                continue
            change, lost = system.change(concentration, rate, injection.iodine_mg_ml)
            concentration += dt * change
            left += dt * lost
            volume += dt * rate
            injected += dt * rate * injection.iodine_mg_ml / 1000
        now = float(until)
        masses[frame] = concentration * system.volume_mm3 / 1000
        sums[:, frame] = injected, left, volume
    return Filling(
        mass_mg=masses,
        injected_mg=read_only(sums[0], np.float64),
        left_mg=read_only(sums[1], np.float64),
        injected_mm3=read_only(sums[2], np.float64),
    )


def reached(film: Film) -> Film:
    """The film without parts that nothing flows to, and never without a way out."""
    parts, count = ndimage.label(film.gap_mm > 0)
    fed = np.unique(parts[film.source > 0])
    kept = np.isin(parts, fed[fed > 0])
    if count == 1 and film.drain[kept].any():
        return film
    drain = film.drain
    for part in fed[fed > 0]:
        if not drain[parts == part].any():
            drain = np.where(parts == part, _CLOSED_LEAK, drain)
    return replace(film, gap_mm=np.where(kept, film.gap_mm, 0.0), drain=drain)


class _System:
    """The film's linear equations; flow is solved once, because velocities scale with the rate."""

    def __init__(self, film: Film) -> None:
        rows, columns = film.cells
        self.count = len(rows)
        number = np.full(film.gap_mm.shape, -1)
        number[rows, columns] = np.arange(self.count)
        gap = film.gap_mm[rows, columns]
        ease = gap**3 * film.ease[rows, columns]
        first, second = _faces(number)
        conductance = 2 * ease[first] * ease[second] / (ease[first] + ease[second])
        drain = film.drain[rows, columns] * ease
        self.source = film.source[rows, columns]
        self.volume_mm3 = gap * film.cell_mm**2
        pressure = self._pressure(first, second, conductance, drain)
        flow = conductance * (pressure[first] - pressure[second])
        self.outflow = drain * pressure
        self.advection = self._upwind(first, second, flow)
        spread = DIFFUSION_MM2_S * 0.5 * (gap[first] + gap[second])
        self.diffusion = self._exchange(first, second, spread)
        self.fastest = float((-self.advection.diagonal() / self.volume_mm3).max())
        self.slowest = float((-self.diffusion.diagonal() / self.volume_mm3).max())

    def longest_step_s(self, peak_rate_mm3_s: float) -> float:
        """The longest stable time step."""
        return _CFL / (self.fastest * peak_rate_mm3_s + self.slowest + _CLEARANCE_PER_S)

    def change(
        self, concentration: DoubleArray, rate: float, iodine_mg_ml: float
    ) -> tuple[DoubleArray, float]:
        """Rate of change of concentration (mgI/mL per s), and the iodine that leaves (mg/s)."""
        flux = self.diffusion @ concentration - _CLEARANCE_PER_S * self.volume_mm3 * concentration
        if rate:
            flux += rate * (self.advection @ concentration + iodine_mg_ml * self.source)
        lost = rate * float((self.outflow * concentration).sum())
        lost += _CLEARANCE_PER_S * float((self.volume_mm3 * concentration).sum())
        return flux / self.volume_mm3, lost / 1000

    def _pressure(
        self, first: IndexArray, second: IndexArray, conductance: DoubleArray, drain: DoubleArray
    ) -> DoubleArray:
        matrix = -self._exchange(first, second, conductance) + sparse.diags(drain)
        result: DoubleArray = splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A").solve(self.source)
        return result

    def _exchange(
        self, first: IndexArray, second: IndexArray, weight: DoubleArray
    ) -> sparse.csr_matrix:
        """Two-way exchange across faces: each cell loses what its neighbour gains."""
        rows = np.concatenate([first, second, first, second])
        columns = np.concatenate([second, first, first, second])
        values = np.concatenate([weight, weight, -weight, -weight])
        return sparse.coo_matrix((values, (rows, columns)), shape=(self.count, self.count)).tocsr()

    def _upwind(
        self, first: IndexArray, second: IndexArray, flow: DoubleArray
    ) -> sparse.csr_matrix:
        giver = np.where(flow > 0, first, second)
        taker = np.where(flow > 0, second, first)
        size = np.abs(flow)
        everyone = np.arange(self.count)
        rows = np.concatenate([taker, giver, everyone])
        columns = np.concatenate([giver, giver, everyone])
        values = np.concatenate([size, -size, -self.outflow])
        return sparse.coo_matrix((values, (rows, columns)), shape=(self.count, self.count)).tocsr()


def _faces(number: IndexArray) -> tuple[IndexArray, IndexArray]:
    """Pairs of neighbouring cells."""
    down = (number[:-1] >= 0) & (number[1:] >= 0)
    across = (number[:, :-1] >= 0) & (number[:, 1:] >= 0)
    first = np.concatenate([number[:-1][down], number[:, :-1][across]])
    second = np.concatenate([number[1:][down], number[:, 1:][across]])
    return first, second
