"""The best smooth path through a field of directed responses."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.analysis.vascular.ridge import DIRECTIONS, unit_steps
from napari_fluoroinject.compute.kernels.path import NOWHERE, prepend_node
from napari_fluoroinject.model.arrays import FloatArray

NODES = 8
"""Nodes of a path."""
STEP_PX = 6.0
"""Distance between nodes: a path is 42 pixels long, about 25 mm at half size."""
TURN = 1
"""Directions by which a path may turn from node to node, 11.25 degrees each."""

Joining = Literal["mean", "weakest"]
"""How a path is judged: by the mean of its nodes, or by the weakest of them."""


def best_path(
    response: FloatArray, *, by: Joining, nodes: int = NODES, turn: int = TURN
) -> tuple[float, FloatArray]:
    """Find the smooth path that scores best, anywhere in the picture.

    Dynamic programming over (position, direction): each node leads on along its own direction and
    the path may turn a little before the next.

    Parameters
    ----------
    response
        (directions, rows, columns) float32; -inf where no path may stand.
    by
        Judge by the mean or by the weakest node.

    Returns
    -------
    tuple
        The score (-inf where no path fits), and the nodes (nodes, 2) as (row, column).
    """
    first = np.maximum(response, NOWHERE)
    stages = [np.concatenate([first, first])]
    steps = _whole_steps()
    for _ in range(nodes - 1):
        longer = np.empty_like(stages[0])
        prepend_node(first, stages[-1], steps, turn, by == "weakest", longer)
        stages.append(longer)
    best = int(np.argmax(stages[-1]))
    value = float(stages[-1].flat[best])
    if value <= NOWHERE / 2:
        return -np.inf, np.zeros((0, 2), np.float32)
    return value / (nodes if by == "mean" else 1), _trace(stages, best, steps, turn)


def _trace(
    stages: list[FloatArray], best: int, steps: npt.NDArray[np.int64], turn: int
) -> FloatArray:
    """Follow the best path forward: at every node the direction that the next stage preferred."""
    direction, row, column = (int(i) for i in np.unravel_index(best, stages[0].shape))
    nodes = [(row, column)]
    for rest in reversed(stages[:-1]):
        row, column = row + int(steps[direction, 0]), column + int(steps[direction, 1])
        # Straight on wins a draw.
        turns = sorted(range(-turn, turn + 1), key=abs)
        scores = [float(rest[(direction + t) % len(steps), row, column]) for t in turns]
        direction = (direction + turns[int(np.argmax(scores))]) % len(steps)
        nodes.append((row, column))
    return np.array(nodes, np.float32)


def _whole_steps() -> npt.NDArray[np.int64]:
    steps: npt.NDArray[np.int64] = np.rint(STEP_PX * unit_steps()).astype(np.int64)
    return steps
