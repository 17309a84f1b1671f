"""Paths through a field of directed responses: one step of their dynamic programming."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba as nb
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import FloatArray

NOWHERE = np.float32(-1e9)
"""Stands for minus infinity: sums of it stay ordered."""


@nb.njit(cache=True)
def prepend_node(
    first: FloatArray,
    rest: FloatArray,
    steps: npt.NDArray[np.int64],
    turn: int,
    out: FloatArray,
) -> None:
    """Sum of the best path that is one node longer, by its first node and that node's direction.

    Parameters
    ----------
    first
        (half, rows, columns) responses; direction k and k + half are one line seen both ways.
    rest
        (2 * half, rows, columns) sums of the best paths that start in a node with a direction.
    steps
        (2 * half, 2) whole pixels (row, column) from a node to the next, by the node's direction.
    turn
        A path may turn by so many directions from node to node.
    out
        Shape of `rest`; `NOWHERE` where the next node would lie outside.
    """
    half, rows, columns = first.shape
    whole = 2 * half
    onward = np.empty(columns, np.float32)
    for k in range(whole):
        row_step, column_step = steps[k]
        start, stop = max(0, -column_step), columns - max(0, column_step)
        response = first[k % half]
        for row in range(rows):
            line = out[k, row]
            there = row + row_step
            if there < 0 or there >= rows:
                line[:] = NOWHERE
                continue
            onward[:] = rest[k, there]
            for change in range(1, turn + 1):
                _raise_to(onward, rest[(k - change) % whole, there])
                _raise_to(onward, rest[(k + change) % whole, there])
            line[:start] = NOWHERE
            line[stop:] = NOWHERE
            ahead = onward[start + column_step : stop + column_step]
            _add(response[row, start:stop], ahead, line[start:stop])


# Loops that run from 0 over whole lines, and a maximum that need not mind NaN, become vectors.
@nb.njit(cache=True, fastmath={"nnan"})
def _raise_to(least: FloatArray, other: FloatArray) -> None:
    for i in range(least.size):
        least[i] = max(least[i], other[i])


@nb.njit(cache=True)
def _add(one: FloatArray, other: FloatArray, out: FloatArray) -> None:
    for i in range(out.size):
        out[i] = one[i] + other[i]
