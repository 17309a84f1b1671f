"""Leads with short contacts: dots of metal that nothing else in the picture is as sharp as."""

from __future__ import annotations

from itertools import pairwise, permutations
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.sparse.csgraph import connected_components

from napari_fluoroinject.analysis.leads.blobs import fit_blobs, split_blob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.analysis.leads.profile import Fit
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

FEWEST = 4
"""Contacts of a lead; three are one where a fourth could hide behind them."""
_SCALE_MM = 0.38
"""Sigma at which a disc of a contact's width, 1.0 to 1.3 mm, answers most."""
_NEAR_MM = 0.5
_FAINTEST = 0.1
"""Least answer, natural-log units: bone reaches half of that where scatter is as strong."""
_LIKE = 0.42
"""A lead's contacts answer with at least this share of the median of the strongest."""
_STRONGEST = 4
_ROUND = 0.4
"""Least median ratio of the two curvatures: longer contacts are bars, and not looked for here."""
_EDGE = 0.1
"""Below this ratio a peak lies on an edge."""
_AS_DARK = 0.6
"""The contacts of a patient's other leads are at least this share as dark."""
_FARTHEST_MM = 10.0
_MOST_IN_ROW = 7
"""More dots than these in one cluster are not told apart by the shortest way through them."""
_FAINT = 0.6
_STANDS_OUT = 1.2
"""Three dots are a lead where they answer so much more than anything else."""


def dotted_leads(opacity: FloatArray, field: BoolArray, *, mm_per_px: float) -> tuple[Fit, ...]:
    """Find the leads of short contacts of one picture, the strongest first.

    The picture is filtered with the Laplacian of a Gaussian of a contact's size. Platinum answers
    far more than bone, so that what is about as strong as the strongest are contacts; the shortest
    way through those that lie together orders them.

    Parameters
    ----------
    opacity
        (rows, columns) float32, rising with opacity, natural-log units.
    field
        (rows, columns), True inside the open field.
    mm_per_px
        Of the picture, or what stands for it.
    """
    answer, roundness = _answers(opacity, field, _SCALE_MM / mm_per_px)
    size = 2 * max(round(_NEAR_MM / mm_per_px), 1) + 1
    peaks = (answer == ndimage.maximum_filter(answer, size=size)) & (answer > _FAINTEST)
    at = np.argwhere(peaks & (roundness > _EDGE))
    if len(at) < FEWEST - 1:
        return ()
    strength = answer[tuple(at.T)].astype(np.float64)
    order = np.argsort(-strength)
    at, strength = at[order], strength[order]
    strong = strength > _LIKE * np.median(strength[:_STRONGEST])
    rest = float(strength[~strong].max(initial=_FAINTEST))
    rows = _rows(at[strong].astype(np.float64), _FARTHEST_MM / mm_per_px)
    fits = [
        fit_blobs(opacity, whole, mm_per_px=mm_per_px)
        for row in rows
        if (whole := _whole(opacity, row, answer, roundness, rest=rest, mm_per_px=mm_per_px))
        is not None
    ]
    fits.sort(key=lambda fit: -float(np.median(fit.height)))
    least = _AS_DARK * max((float(np.median(fit.height)) for fit in fits), default=0.0)
    return tuple(fit for fit in fits if float(np.median(fit.height)) > least)


def _whole(
    opacity: FloatArray,
    row: DoubleArray,
    answer: FloatArray,
    roundness: FloatArray,
    *,
    rest: float,
    mm_per_px: float,
) -> DoubleArray | None:
    """A row without faint ends, and with contacts that are seen as one; None where it is none.

    `rest` is how strongly anything else in the picture answers.
    """
    row = _without_faint_ends(row, answer)
    at = tuple(row.astype(int).T)
    if np.median(roundness[at]) < _ROUND:
        return None
    if len(row) >= FEWEST:
        return row
    whole = split_blob(opacity, row, roundness[at], mm_per_px=mm_per_px)
    sure = len(whole) >= FEWEST or float(answer[at].min()) >= _STANDS_OUT * rest
    return whole if sure else None


def _answers(opacity: FloatArray, field: BoolArray, sigma: float) -> tuple[FloatArray, FloatArray]:
    """The filter's answer and the ratio of the two curvatures, both (rows, columns)."""
    rows, mixed, columns = (
        -(sigma**2) * ndimage.gaussian_filter(opacity, sigma, order=order)
        for order in ((2, 0), (1, 1), (0, 2))
    )
    inside = ndimage.binary_erosion(field, iterations=max(round(3 * sigma), 1))
    total = np.where(inside, rows + columns, 0.0)
    apart = np.hypot(rows - columns, 2 * mixed)
    least, most = (total - apart) / 2, (total + apart) / 2
    return total, np.divide(least, most, out=np.zeros_like(total), where=most > 0)


def _without_faint_ends(row: DoubleArray, answer: FloatArray) -> DoubleArray:
    """A row (n, 2) of more dots than need be without ends that answer less than the others."""
    while len(row) > FEWEST:
        strength = answer[tuple(row.astype(int).T)]
        faint = strength[[0, -1]] / np.median(strength)
        if faint.min() > _FAINT:
            break
        row = row[1:] if faint[0] < faint[1] else row[:-1]
    return row


def _rows(at: DoubleArray, farthest: float) -> Iterator[DoubleArray]:
    """Dots (n, 2) that lie together, in the order of the shortest way through them."""
    away = np.linalg.norm(at[:, None] - at[None], axis=2)
    count, together = connected_components(away < farthest, directed=False)
    for one in range(count):
        members = np.flatnonzero(together == one)
        if FEWEST - 1 <= len(members) <= _MOST_IN_ROW:
            yield at[_shortest(away, members)]


def _shortest(away: DoubleArray, members: np.ndarray) -> list[int]:
    """The order of members with the shortest way through all of them."""
    ways = (way for way in permutations(members.tolist()) if way[0] < way[-1])
    return list(min(ways, key=lambda way: sum(float(away[pair]) for pair in pairwise(way))))
