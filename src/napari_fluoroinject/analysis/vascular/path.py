"""The best smooth path through a field of directed responses."""

from __future__ import annotations

from math import cos, pi, sin
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.analysis.vascular.ridge import DIRECTIONS
from napari_fluoroinject.compute.kernels.path import NOWHERE, prepend_node

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import FloatArray

NODES = 8
"""Nodes of a path."""
STEP_PX = 6.0
"""Distance between nodes: a path is 42 pixels long, about 24 mm on the search's grid."""
TURN = 2
"""Directions by which a path may turn from node to node: 22.5 degrees within 3.5 mm."""


def best_path(response: FloatArray) -> tuple[float, FloatArray]:
    """Find the smooth path whose nodes have the highest mean, anywhere in the picture.

    Dynamic programming over (position, direction): each node leads on along its own direction and
    the path may turn a little before the next.

    Parameters
    ----------
    response
        (directions, rows, columns) float32; -inf where no path may stand.

    Returns
    -------
    tuple
        The mean (-inf where no path fits), and the nodes (nodes, 2) as (row, column).
    """
    first = np.maximum(response, NOWHERE)
    stages = [np.concatenate([first, first])]
    steps = _whole_steps()
    for _ in range(NODES - 1):
        longer = np.empty_like(stages[0])
        prepend_node(first, stages[-1], steps, TURN, longer)
        stages.append(longer)
    best = int(np.argmax(stages[-1]))
    total = float(stages[-1].flat[best])
    if total <= NOWHERE / 2:
        return -np.inf, np.zeros((0, 2), np.float32)
    return total / NODES, _trace(stages, best, steps)


def _trace(stages: list[FloatArray], best: int, steps: npt.NDArray[np.int64]) -> FloatArray:
    """Follow the best path forward: at every node the direction that the next stage preferred."""
    direction, row, column = (int(i) for i in np.unravel_index(best, stages[0].shape))
    nodes = [(row, column)]
    # Straight on wins a draw.
    turns = sorted(range(-TURN, TURN + 1), key=abs)
    for rest in reversed(stages[:-1]):
        row, column = row + int(steps[direction, 0]), column + int(steps[direction, 1])
        sums = [float(rest[(direction + turn) % len(steps), row, column]) for turn in turns]
        direction = (direction + turns[int(np.argmax(sums))]) % len(steps)
        nodes.append((row, column))
    return np.array(nodes, np.float32)


def _whole_steps() -> npt.NDArray[np.int64]:
    """Whole pixels (row, column) to the next node, for the directions of a whole turn."""
    angles = [pi * k / DIRECTIONS for k in range(2 * DIRECTIONS)]
    steps = [(round(STEP_PX * sin(a)), round(STEP_PX * cos(a))) for a in angles]
    return np.array(steps, np.int64)
