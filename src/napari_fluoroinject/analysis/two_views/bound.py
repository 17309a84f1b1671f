"""The sphere that holds 95 % of a Gaussian in space."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, special

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray

COVERAGE = 0.95
"""Share of the cases in which a bound holds, if the stated errors are the true ones."""
_HEIGHTS, _TURNS = 32, 24
"""Nodes over an eighth of the sphere: the radius is right to ten digits, even where one or two of
three directions have no error, the hardest case."""


def radius_mm(covariance: DoubleArray, *, share: float = COVERAGE) -> float:
    """Radius of the sphere about the mean that holds a share of a Gaussian, (3, 3) or (2, 2).

    It is exact for every shape of the ellipsoid, no matter how long: a direction u of a standard
    Gaussian is even over the sphere and its squared length is chi-squared, so that the share
    within r is the mean over u of chi-squared's at r^2 / (u' L u), with L the eigenvalues.
    """
    spread = np.zeros(3)
    values = np.maximum(np.linalg.eigvalsh(covariance), 0.0)
    spread[: len(values)] = values
    largest = float(spread.max())
    if largest == 0:
        return 0.0
    squares, weights = _sphere()
    stretch = squares @ (spread / largest)

    def missing(radius: float) -> float:
        return float(weights @ special.gammainc(1.5, radius**2 / (2 * stretch))) - share

    # the largest direction alone is less, three like it are more
    most = np.sqrt(2 * special.gammaincinv(1.5, share))
    return float(np.sqrt(largest) * optimize.brentq(missing, 0.0, most + 1e-6, xtol=1e-9))


@cache
def _sphere() -> tuple[DoubleArray, DoubleArray]:
    """Squared components of directions over an eighth of the sphere (n, 3), and weights (n,)."""
    nodes, weights = np.polynomial.legendre.leggauss(_HEIGHTS)
    height = (nodes + 1) / 2
    turn = (np.arange(_TURNS) + 0.5) * (np.pi / 2 / _TURNS)
    flat = 1 - height[:, np.newaxis] ** 2
    squares = np.stack(
        np.broadcast_arrays(
            flat * np.cos(turn) ** 2, flat * np.sin(turn) ** 2, height[:, np.newaxis] ** 2
        ),
        axis=-1,
    ).reshape(-1, 3)
    return squares, np.repeat(weights / 2 / _TURNS, _TURNS)
