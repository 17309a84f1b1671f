"""Smooth paths through fields of directed responses, which contrast may run along over time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from functools import cache
from math import cos, pi, sin
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.vascular.ridge import DIRECTIONS
from napari_fluoroinject.compute.kernels.path import prepend_node
from napari_fluoroinject.model.arrays import FloatArray

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt


CELL_PX = 2
"""Pixels of the search's grid in a place where a node may stand: the best of 2 x 2 counts."""
STEP_PX = 8.0
"""Distance between nodes. The nodes of a path turn by two directions at most from one to the next:
22.5 degrees within 4.6 mm."""
NODES = 6
"""Nodes of a path: 40 pixels, 23 mm on the search's grid. In synthetic loops, paths of 8 to 12
nodes told run-offs no better from noise, and rims of films worse."""
STRETCH = 4
"""After so many nodes contrast may be seen later than before."""
LAGS = 2
"""Looks by which it may be later: 4 nodes are 19 mm, so that contrast runs at 35 mm/s or more."""
_TURNS = (0, -1, 1, -2, 2)
"""Turns in the order of preference: straight on wins a draw."""
_STEP = round(STEP_PX / CELL_PX)
_APART = 5
"""Cells, 6 mm, around a path's nodes in which no other path of the same look may end."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What is kept of one look.

    `number` counts the looks; `response` is (directions, places), `sums` those of paths that are
    whole stretches, by their nodes; the places have so many `columns`.
    """

    number: int
    response: FloatArray
    sums: dict[int, FloatArray]
    columns: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Best:
    """The best path that ends at one look.

    Attributes
    ----------
    mean
        Of its nodes' responses.
    looks
        The look at which it ends, and those before it that it may have begun at.
    start
        Its last node as an index into `sums`.
    sums
        (whole turn, places) of the best paths that end at each place.
    """

    mean: float
    looks: tuple[Seen, ...]
    start: int
    sums: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Way:
    """A path that was traced: its mean, its nodes (nodes, 2) on the grid, the look of each."""

    mean: float
    nodes: FloatArray
    looks: tuple[int, ...]


@dataclass(slots=True)
class Chain:
    """The looks of one detector in the order of time, as far back as a path may reach.

    A path is built from its far end: each node that is put before it stands at the same look, or,
    where a stretch ends, at one up to `LAGS` later. Which way contrast runs is not asked: a path
    may be followed from either end.
    """

    seen: deque[Seen] = field(
        default_factory=lambda: deque(maxlen=LAGS * ((NODES - 1) // STRETCH) + 1)
    )
    count: int = 0

    def follow(self, response: FloatArray) -> Best | None:
        """Add a look and find the best path that ends at it, None where none fits.

        Parameters
        ----------
        response
            (directions, rows, columns) float32 of the search's grid; -inf where no path may stand.
            No path comes nearer to the border than `STEP_PX`.
        """
        cells = _cells(response)
        look = Seen(
            number=self.count,
            response=cells.reshape(len(cells), -1),
            sums={},
            columns=cells.shape[2],
        )
        self.count += 1
        self.seen.append(look)
        sums = look.response
        for nodes, sums in enumerate(_sums(tuple(self.seen), NODES), start=1):
            if nodes % STRETCH == 0:
                look.sums[nodes] = sums
        start = int(np.argmax(sums))
        if not np.isfinite(sums.flat[start]):
            return None
        mean = float(sums.flat[start]) / NODES
        return Best(mean=mean, looks=tuple(self.seen), start=start, sums=sums)


def several(best: Best, *, most: int, least: float) -> Iterator[Way]:
    """Trace the best path of a look, then the best that end elsewhere.

    Parameters
    ----------
    best
        Where to begin.
    most
        How many at most.
    least
        No path with a lower mean.
    """
    sums = best.sums.copy()
    columns = best.looks[-1].columns
    row, column = np.divmod(np.arange(sums.shape[1]), columns)
    for _ in range(most):
        start = int(np.argmax(sums))
        mean = float(sums.flat[start]) / NODES
        if not mean >= least or not np.isfinite(mean):
            return
        nodes, looks = trace(replace(best, mean=mean, start=start))
        yield Way(mean=mean, nodes=nodes, looks=looks)
        for middle_row, middle_column in nodes / CELL_PX:
            near = np.abs(row - middle_row) <= _APART
            sums[:, near & (np.abs(column - middle_column) <= _APART)] = -np.inf


def trace(best: Best) -> tuple[FloatArray, tuple[int, ...]]:
    """Nodes (nodes, 2), (row, column) on the search's grid, and the look at which each stands."""
    looks, columns = best.looks, best.looks[-1].columns
    direction, place = divmod(best.start, best.looks[-1].response.shape[1])
    shifts = _shifts(columns)
    stages = list(_sums(looks, NODES))
    nodes, numbers = [place], [looks[-1].number]
    for left in range(NODES - 1, 0, -1):
        place += int(shifts[direction])
        if left % STRETCH == 0:
            back = _lag(looks, left, direction, place)
            looks = looks[: len(looks) - back]
            stages = list(_sums(looks, left))
        direction = _turned(stages[left - 1], direction, place)
        nodes.append(place)
        numbers.append(looks[-1].number)
    cells = np.stack(np.divmod(np.array(nodes), columns), axis=1)
    return (cells * CELL_PX + (CELL_PX - 1) / 2).astype(np.float32), tuple(numbers)


def _cells(response: FloatArray) -> FloatArray:
    """The best of each cell, with a margin that is closed."""
    rows, columns = (side - side % CELL_PX for side in response.shape[1:])
    whole = response[:, :rows, :columns]
    best = np.maximum(whole[:, ::CELL_PX], whole[:, 1::CELL_PX])
    cells: FloatArray = np.maximum(best[:, :, ::CELL_PX], best[:, :, 1::CELL_PX])
    cells[:, :_STEP] = cells[:, -_STEP:] = -np.inf
    cells[:, :, :_STEP] = cells[:, :, -_STEP:] = -np.inf
    return cells


def _sums(looks: tuple[Seen, ...], nodes: int) -> Iterator[FloatArray]:
    """Sums of the best paths of 1, 2, ... nodes that end at the last look, by their last node.

    (directions or whole turn, places). Those of whole stretches are taken from earlier looks too.
    """
    look = looks[-1]
    shifts = _shifts(look.columns)
    rest = look.response
    yield rest
    for count in range(1, nodes):
        if count % STRETCH == 0:
            for earlier in looks[-1 - LAGS : -1]:
                rest = np.maximum(rest, earlier.sums[count])
        out = np.empty((len(shifts), rest.shape[1]), np.float32)
        prepend_node(look.response, rest, shifts, out)
        rest = out
        yield rest


def _lag(looks: tuple[Seen, ...], nodes: int, direction: int, place: int) -> int:
    """How many looks ago the path's rest was seen best, when it goes on at this place."""
    sums = [look.sums[nodes] for look in looks[-1 : -2 - LAGS : -1]]
    values = [one[_turned(one, direction, place) % len(one), place] for one in sums]
    return int(np.argmax(values))


def _turned(sums: FloatArray, direction: int, place: int) -> int:
    """The direction, of those that a path may turn to, in which the rest is best."""
    values = [float(sums[(direction + turn) % len(sums), place]) for turn in _TURNS]
    return (direction + _TURNS[int(np.argmax(values))]) % (2 * DIRECTIONS)


@cache
def _shifts(columns: int) -> npt.NDArray[np.int64]:
    """Places to the next node, for the directions of a whole turn."""
    angles = [pi * k / DIRECTIONS for k in range(2 * DIRECTIONS)]
    steps = [(round(_STEP * sin(a)), round(_STEP * cos(a))) for a in angles]
    return np.array([row * columns + column for row, column in steps], np.int64)
