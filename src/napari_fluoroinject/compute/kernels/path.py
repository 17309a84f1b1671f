"""Paths through a field of directed responses: one step of their dynamic programming."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.arrays import FloatArray

NOWHERE = np.float32(-1e9)
"""Stands for minus infinity: sums of it stay ordered."""


@nb.njit(cache=True)  # type: ignore[untyped-decorator]  # numba ships no types
def prepend_node(
    first: FloatArray,
    rest: FloatArray,
    steps: npt.NDArray[np.int64],
    turn: int,
    weakest: bool,
    out: FloatArray,
) -> None:
    """Score of every path that is one node longer, by its first node and that node's direction.

    Parameters
    ----------
    first
        (half, rows, columns) responses; direction k and k + half are one line seen both ways.
    rest
        (2 * half, rows, columns) scores of the best paths that start in a node with a direction.
    steps
        (2 * half, 2) whole pixels (row, column) from a node to the next, by the node's direction.
    turn
        A path may turn by so many directions from node to node.
    weakest
        True: a path is worth its weakest node, else the sum of its nodes.
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
            line[:] = NOWHERE
            there = row + row_step
            if there < 0 or there >= rows:
                continue
            onward[:] = rest[k, there]
            for change in range(1, turn + 1):
                left, right = rest[(k - change) % whole, there], rest[(k + change) % whole, there]
                for column in range(columns):
                    onward[column] = max(onward[column], max(left[column], right[column]))
            here = response[row]
            if weakest:
                for column in range(start, stop):
                    line[column] = min(here[column], onward[column + column_step])
            else:
                for column in range(start, stop):
                    line[column] = here[column] + onward[column + column_step]
