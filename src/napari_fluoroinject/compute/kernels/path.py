"""Paths through a field of directed responses: one step of their dynamic programming."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.model.arrays import FloatArray

_NOWHERE = np.float32(-np.inf)
_BLOCK = 4096
"""Places that are worked on together: all directions of a block stay in the cache."""
_NO_NAN = {"nnan"}
"""A maximum that need not mind NaN becomes vectors."""


@njit(cache=True, nogil=True, fastmath=_NO_NAN)
def prepend_node(
    first: FloatArray, rest: FloatArray, shifts: npt.NDArray[np.int64], out: FloatArray
) -> None:
    """Sum of the best path that is one node longer, by its first node and that node's direction.

    Each node leads on along its own direction, and the next may turn by two directions.

    Parameters
    ----------
    first
        (half, places) responses; direction k and k + half are one line seen both ways. Places are
        the picture's pixels row by row, -inf in a margin as wide as the steps, so that no
        path leaves the picture to come back on its other side.
    rest
        (2 * half, places) sums of the best paths that start in a node with a direction; `first`
        itself for paths of one node.
    shifts
        (2 * half,) places from a node to the next, by the node's direction.
    out
        (2 * half, places).
    """
    half, places = first.shape
    whole, known = 2 * half, rest.shape[0]
    pair = np.empty((whole, _BLOCK), np.float32)
    for begin in range(0, places, _BLOCK):
        end = min(begin + _BLOCK, places)
        for k in range(whole):
            _larger(rest[k % known, begin:end], rest[(k + 1) % known, begin:end], pair[k])
        for k in range(whole):
            # The next node lies in [low, high); this one lies a shift before.
            low, high = max(begin, shifts[k]), min(end, places + min(shifts[k], 0))
            if low < high:
                _largest_added(
                    first[k % half, low - shifts[k] : high - shifts[k]],
                    pair[(k - 2) % whole, low - begin : high - begin],
                    pair[k, low - begin : high - begin],
                    rest[(k + 2) % known, low:high],
                    out[k, low - shifts[k] : high - shifts[k]],
                )
    for k in range(whole):
        out[k, : max(-shifts[k], 0)] = _NOWHERE
        out[k, places - max(shifts[k], 0) :] = _NOWHERE


@njit(cache=True, nogil=True, fastmath=_NO_NAN)
def _larger(one: FloatArray, other: FloatArray, out: FloatArray) -> None:
    for i in range(one.size):
        out[i] = max(one[i], other[i])


@njit(cache=True, nogil=True, fastmath=_NO_NAN)
def _largest_added(
    own: FloatArray, a: FloatArray, b: FloatArray, c: FloatArray, out: FloatArray
) -> None:
    for i in range(out.size):
        out[i] = own[i] + max(a[i], b[i], c[i])
