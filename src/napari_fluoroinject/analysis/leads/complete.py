"""A lead's other contacts: those that were not seen as spots, but stand where the row goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.leads.chains import FEWEST
from napari_fluoroinject.analysis.leads.profile import Curve, Fit, fit_contacts

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

_HEIGHT = 0.5
"""Least height of a further contact, of the median of the others."""
_SIZES = (0.75, 1.33)
"""Its length and its width, of the median of the others."""
_OFF, _OFF_SHORT = 0.15, 0.3
"""How far it may stand from where the row says, of the distance of neighbours; a row of
five or less tells its bend no better."""
_MOVED_PX, _UNEVEN_PX = 0.7, 1.5
"""A contact that is none draws its neighbours off, and stands at another distance."""
_OTHER_STEP = 0.07
_MOST = 16
"""Contacts of the longest lead."""


def completed(opacity: FloatArray, field: BoolArray, fit: Fit, *, mm_per_px: float) -> Fit:
    """Add the contacts of a lead that stand where its row goes on at either end.

    Parameters
    ----------
    opacity
        (rows, columns), rising with opacity.
    field
        (rows, columns), True inside the open field.
    fit
        The contacts that were seen.
    mm_per_px
        Of the picture, or what stands for it.
    """
    for _ in range(2):
        ahead = 1
        while len(fit.at_px) + ahead <= _MOST and ahead <= 2:
            longer = _extended(opacity, field, fit, ahead, mm_per_px)
            if longer is None:
                ahead += 1  # one may be hidden behind an edge; two are the lead's end
            else:
                fit, ahead = longer, 1
        fit = fit.turned()
    return fit


def trimmed(at_px: DoubleArray) -> DoubleArray:
    """A row (contacts, 2) without the ends that stand at another distance than its contacts do."""
    while len(at_px) > FEWEST:
        steps = np.linalg.norm(np.diff(at_px, axis=0), axis=1)
        off = np.abs(steps[[0, -1]] / np.median(steps) - 1)
        if off.max() < _OTHER_STEP:
            break
        at_px = at_px[1:] if off[0] > off[1] else at_px[:-1]
    return at_px


def _extended(
    opacity: FloatArray, field: BoolArray, fit: Fit, ahead: int, mm_per_px: float
) -> Fit | None:
    """The fit with `ahead` more contacts at its end; None where the last of them is none."""
    curve = Curve(fit.at_px)
    pitch = curve.knots[-1] - curve.knots[-2]
    more = curve.at(curve.knots[-1] + pitch * np.arange(1, ahead + 1))
    at = np.rint(more[-1]).astype(int)
    if (at < 0).any() or (at >= field.shape).any() or not field[at[0], at[1]]:
        return None
    longer = fit_contacts(opacity, np.concatenate([fit.at_px, more]), mm_per_px=mm_per_px)
    known = slice(0, len(fit.at_px))
    off = float(np.linalg.norm(longer.at_px[-1] - more[-1]))
    shares = [sizes[-1] / np.median(sizes[known]) for sizes in (longer.half_px, longer.wide_px)]
    like = longer.height[-1] > _HEIGHT * np.median(longer.height[known])
    near = _OFF if len(fit.at_px) > 5 else _OFF_SHORT
    equal = all(_SIZES[0] < share < _SIZES[1] for share in shares)
    fits = like and equal and off < near * ahead * pitch
    return longer if fits and _undisturbed(fit, longer) else None


def _undisturbed(fit: Fit, longer: Fit) -> bool:
    """Whether the contacts stay where they were, and the row as even as it was."""
    moved = np.linalg.norm(longer.at_px[: len(fit.at_px)] - fit.at_px, axis=1)
    uneven = [
        float(np.abs(np.diff(np.linalg.norm(np.diff(one.at_px, axis=0), axis=1), n=2)).max())
        for one in (fit, longer)
    ]
    return bool(moved.max() < _MOVED_PX and uneven[1] < uneven[0] + _UNEVEN_PX)
