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
                left, right = rest[(k - change) % whole, there], rest[(k + change) % whole, there]
                for column in range(columns):
                    # Comparisons, not max(): NaN has no place here and max() would mind it.
                    better = max(right[column], left[column])
                    onward[column] = max(onward[column], better)
            here = response[row]
            line[:start] = NOWHERE
            line[stop:] = NOWHERE
            for column in range(start, stop):
                line[column] = here[column] + onward[column + column_step]
