"""Rows of equal spots at equal distances along a smooth curve: what a lead's contacts are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.analysis.leads.spots import Spots
    from napari_fluoroinject.model.arrays import DoubleArray

FEWEST = 4
"""Spots of a row that could be a lead; three alike in a row are seen in bone, too."""
PITCHES_MM = (2.2, 16.0)
"""Distances of neighbouring contacts that are looked for."""
_OFF = 0.45
"""How far a contact may stand from where the two before it point, of their distance."""
_STEADY = 0.14
"""Largest spread of the distances along a lead: the view foreshortens a curve's ends."""
_LIKE_OD, _LIKE_LENGTH = 2.2, 2.3
"""Contacts of a lead differ by no more than these factors."""
_LONG = 1.6
"""A spot this much longer than wide has a heading, along which the next one lies."""
_ASIDE = 0.5
"""Least cosine of the angle between that heading and the way to the next one."""
_EVEN_OD = 0.35
_BETWEEN = 0.55
"""Between two contacts there is no more than this share of their opacity."""
_NEIGHBOURS = 12


def find_chains(spots: Spots, *, mm_per_px: float) -> tuple[tuple[int, ...], ...]:
    """Rows of spots that could be a lead each, the strongest first; rows may share spots.

    Parameters
    ----------
    spots
        What was found in the picture.
    mm_per_px
        Of the picture, or what stands for it.
    """
    grown = {_grown(spots, i, j) for i, j in _pairs(spots, mm_per_px)}
    # a spot of bone at one end is no reason to lose the row
    shorter = {part for chain in grown for part in (chain[1:], chain[:-1])}
    good = [chain for chain in grown | shorter if is_regular(spots, chain)]
    return tuple(sorted(good, key=lambda chain: (_strength(spots, chain), chain), reverse=True))


def is_regular(spots: Spots, chain: tuple[int, ...]) -> bool:
    """Whether spots are a lead: enough of them, alike, at equal distances, nothing between."""
    if len(chain) < FEWEST:
        return False
    at, od = spots.at_px[list(chain)], spots.od[list(chain)]
    steps = np.linalg.norm(np.diff(at, axis=0), axis=1)
    order = np.arange(len(steps))
    trend = np.polyval(np.polyfit(order, steps, 1), order)
    uneven = float((steps - trend).std() / steps.mean())
    if uneven > _STEADY or od.std() > _EVEN_OD * od.mean():
        return False
    return bool(np.median(_between(spots, at)) < _BETWEEN * np.median(od))


def _between(spots: Spots, at: DoubleArray) -> DoubleArray:
    """How dark it is half-way between neighbours, (spots - 1,)."""
    middles = np.rint((at[:-1] + at[1:]) / 2).astype(int)
    result: DoubleArray = spots.hat[middles[:, 0], middles[:, 1]].astype(np.float64)
    return result


def _strength(spots: Spots, chain: tuple[int, ...]) -> float:
    return float(len(chain) * np.median(spots.od[list(chain)]))


def _pairs(spots: Spots, mm_per_px: float) -> Iterator[tuple[int, int]]:
    """Neighbours that could be the first two of a lead."""
    low, high = (pitch / mm_per_px for pitch in PITCHES_MM)
    for i in range(len(spots)):
        away = np.linalg.norm(spots.at_px - spots.at_px[i], axis=1)
        near = np.argsort(away)
        tried = [int(j) for j in near if low <= away[j] <= high and j != i][:_NEIGHBOURS]
        for j in tried:
            if _alike(spots, i, j) and _in_line(spots, i, j):
                yield i, j


def _alike(spots: Spots, i: int, j: int) -> bool:
    od, length = spots.od[[i, j]], spots.length_px[[i, j]]
    return bool(od.max() < _LIKE_OD * od.min() and length.max() < _LIKE_LENGTH * length.min())


def _in_line(spots: Spots, i: int, j: int) -> bool:
    """Whether bars that have a heading point at one another."""
    way = spots.at_px[j] - spots.at_px[i]
    way = way / np.linalg.norm(way)
    for one in (i, j):
        long = spots.length_px[one] > _LONG * spots.width_px[one]
        if long and abs(float(spots.heading[one] @ way)) < _ASIDE:
            return False
    return True


def _grown(spots: Spots, i: int, j: int) -> tuple[int, ...]:
    """The row that begins with two neighbours, grown at both ends; its smaller end first."""
    chain = [i, j]
    for _ in range(2):
        while (after := _next(spots, chain)) is not None:
            chain.append(after)
        chain.reverse()
    return tuple(chain) if chain[0] < chain[-1] else tuple(reversed(chain))


def _next(spots: Spots, chain: list[int]) -> int | None:
    """The spot that follows the last two, if one stands where they point."""
    last, before = spots.at_px[chain[-1]], spots.at_px[chain[-2]]
    step = last - before
    pitch = float(np.linalg.norm(step))
    expected = last + step
    if len(chain) > 2:  # a bend goes on
        turn = step - (before - spots.at_px[chain[-3]])
        expected = expected + 0.5 * turn
    off = np.linalg.norm(spots.at_px - expected, axis=1)
    for one in np.argsort(off):
        if off[one] > _OFF * pitch:
            return None
        near = int(one)
        if near in chain or not np.linalg.norm(spots.at_px[near] - last) > 1:
            continue
        if _alike(spots, chain[-1], near) and _in_line(spots, chain[-1], near):
            return near
    return None
