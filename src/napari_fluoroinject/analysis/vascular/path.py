"""The best smooth path through a field of directed responses."""

from __future__ import annotations

from functools import cache
from math import cos, pi, sin
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import maximum_filter

from napari_fluoroinject.analysis.vascular.ridge import DIRECTIONS
from napari_fluoroinject.compute.kernels.path import prepend_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from napari_fluoroinject.model.arrays import FloatArray

NODES = 8
"""Nodes of a path."""
STEP_PX = 6.0
"""Distance between nodes: a path is 42 pixels long, about 24 mm on the search's grid. The nodes
of a path turn by two directions at most from one to the next: 22.5 degrees within 3.5 mm."""
_TURNS = (0, -1, 1, -2, 2)
"""Turns in the order of preference: straight on wins a draw."""
_STEP = round(STEP_PX)
_TILE_PX = 32
"""Not less than half a path: it begins in the tile of its second half or beside that."""

Path = tuple[float, "FloatArray"]


def best_path(response: FloatArray, *, above: float = -np.inf) -> Path | None:
    """Find the smooth path whose nodes have the highest mean, anywhere in the picture.

    Dynamic programming over (position, direction): each node leads on along its own direction and
    the path may turn a little before the next.

    Parameters
    ----------
    response
        (directions, rows, columns) float32; -inf where no path may stand. The outermost
        `STEP_PX` pixels are made so: no path comes that near to the border.
    above
        Only paths with a higher mean are sought, which may end the search early.

    Returns
    -------
    tuple or None
        The mean, and the nodes (nodes, 2) as (row, column). None where no path fits, or none has
        a higher mean than `above`.
    """
    _, rows, columns = response.shape
    _close_margin(response)
    sums = np.empty((0, 0), np.float32)
    for nodes, sums in enumerate(_longer_paths(response), start=2):
        # A path of eight nodes is four of two, and two of four.
        if nodes == 2 and sums.max() / nodes <= above:
            return None
        if nodes == NODES // 2 and _bound(sums.reshape(-1, rows, columns)) <= above:
            return None
    best = int(np.argmax(sums))
    mean = float(sums.flat[best]) / NODES
    if mean <= above:
        return None
    direction, place = divmod(best, rows * columns)
    return mean, _trace(response, direction, *divmod(place, columns))


def _close_margin(response: FloatArray) -> None:
    response[:, :_STEP] = response[:, -_STEP:] = -np.inf
    response[:, :, :_STEP] = response[:, :, -_STEP:] = -np.inf


def _longer_paths(response: FloatArray) -> Iterator[FloatArray]:
    """Sums of the best paths of 2, 3, ... nodes, (whole turn, places) by their first node.

    Each is overwritten by the next but one.
    """
    directions, _, columns = response.shape
    first, shifts = response.reshape(directions, -1), _steps() @ np.array([columns, 1])
    rest = first
    spare, sums = (np.empty((len(shifts), first.shape[1]), np.float32) for _ in range(2))
    for _ in range(NODES - 1):
        prepend_node(first, rest, shifts, sums)
        yield sums
        rest, sums, spare = sums, spare, sums


def _bound(halves: FloatArray) -> float:
    """Mean that no path exceeds: it has two halves, which begin in one or in adjoining tiles."""
    _, rows, columns = halves.shape
    best = halves.max(axis=0)
    best = np.maximum.reduceat(best, range(0, rows, _TILE_PX), axis=0)
    best = np.maximum.reduceat(best, range(0, columns, _TILE_PX), axis=1)
    return float((best + maximum_filter(best, 3)).max()) / NODES


def _trace(response: FloatArray, direction: int, row: int, column: int) -> FloatArray:
    """Follow the best path from its first node: at every node the best direction for the rest.

    All stages of its neighbourhood are made once more, so that not all of all need be kept.
    """
    reach = NODES * _STEP
    top, left = max(row - reach, 0), max(column - reach, 0)
    near = np.ascontiguousarray(response[:, top : row + reach + 1, left : column + reach + 1])
    # A path does not come as far as the margin that is closed here.
    _close_margin(near)
    stages = [near.reshape(len(near), -1), *(sums.copy() for sums in _longer_paths(near))]
    nodes = [(row, column)]
    for rest in reversed(stages[:-1]):
        row, column = row + int(_steps()[direction, 0]), column + int(_steps()[direction, 1])
        place = (row - top) * near.shape[2] + column - left
        sums = [float(rest[(direction + turn) % len(rest), place]) for turn in _TURNS]
        direction = (direction + _TURNS[int(np.argmax(sums))]) % (2 * DIRECTIONS)
        nodes.append((row, column))
    return np.array(nodes, np.float32)


@cache
def _steps() -> npt.NDArray[np.int64]:
    """Whole pixels (row, column) to the next node, for the directions of a whole turn."""
    angles = [pi * k / DIRECTIONS for k in range(2 * DIRECTIONS)]
    steps = [(round(STEP_PX * sin(a)), round(STEP_PX * cos(a))) for a in angles]
    return np.array(steps, np.int64)
