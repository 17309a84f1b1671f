"""Whether there is a picture at all: what holds nothing must not count as looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_fluoroinject.errors import AnalysisError

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray
    from napari_fluoroinject.model.cine import CineLoop

LEAST_SIDE_PX = 16
"""No filter of the analysis fits into a smaller picture."""
LEAST_OPEN_SHARE = 0.02
"""Of the picture: the narrowest slit that a collimator makes of it."""
LEAST_COMMON = 0.2
"""Correlation of the anatomy in the odd and the even frames; real and synthetic loops have 0.9 and
more, noise alone has 0."""
LEAST_IN_TURNS = 0.5
"""The same of runs of frames that take turns: ordinary loops have 0.9 and more, a spine and its
mirror image 0.3."""
_TURN_STEP = 2
"""Every second row and column tells what takes turns."""
_FEWEST_TURNS, _LONGEST_TURN = 4, 12
"""Runs must come so often to be turns, and longer ones than this are scenes of their own."""
_BAND_PX = (1.5, 12.0)
"""Sigmas between which anatomy is looked for."""


def check_size(loop: CineLoop) -> None:
    """Refuse a picture that is too small for any measurement.

    Raises
    ------
    AnalysisError
        A side is shorter than `LEAST_SIDE_PX`.
    """
    _, rows, columns = loop.shape
    if min(rows, columns) < LEAST_SIDE_PX:
        raise AnalysisError(
            f"the picture is too small to analyse: seen {rows} x {columns} pixels; "
            f"expected at least {LEAST_SIDE_PX} x {LEAST_SIDE_PX}"
        )


def why_illegible(ln: FloatArray, field: BoolArray) -> str | None:
    """Say why no frame can be judged, None where there is a picture.

    Parameters
    ----------
    ln
        (frames, rows, columns), log intensity.
    field
        (rows, columns), the open field.
    """
    if float(field.mean()) < LEAST_OPEN_SHARE:
        return "no part of the picture is open"
    if float(np.ptp(ln[0][field])) == 0.0 and float(np.ptp(ln[-1][field])) == 0.0:
        return "the picture is empty"
    if len(ln) == 1:
        return None
    if all(np.array_equal(frame, ln[0]) for frame in ln[1:]):
        return "all frames are the same picture"
    if _common(ln, field) < LEAST_COMMON:
        return "the frames have no anatomy in common: noise, or a picture that comes and goes"
    turns = "pictures with little anatomy in common take turns, as two views of a biplane would"
    return turns if _common_in_turns(ln, field) < LEAST_IN_TURNS else None


def _common(ln: FloatArray, field: BoolArray) -> float:
    """Correlation of the band-passed means of the odd and the even frames; 0 for a flat one."""
    odd, even = (_band(ln[start::2].mean(axis=0))[field] for start in (1, 0))
    return _correlation(odd, even)


def _common_in_turns(ln: FloatArray, field: BoolArray) -> float:
    """Least correlation of what takes turns: of frames in runs of 2, 3 and more, every other run.

    Two views that take turns, as of a biplane, have little in common in runs of their own length.
    """
    coarse, seen = ln[:, ::_TURN_STEP, ::_TURN_STEP], field[::_TURN_STEP, ::_TURN_STEP]
    number, least = np.arange(len(ln)), 1.0
    for length in range(2, min(len(ln) // _FEWEST_TURNS, _LONGEST_TURN) + 1):
        turn = (number // length) % 2 == 1
        one, other = (_band(coarse[chosen].mean(axis=0))[seen] for chosen in (turn, ~turn))
        least = min(least, _correlation(one, other))
    return least


def _correlation(one: FloatArray, other: FloatArray) -> float:
    one, other = one - one.mean(), other - other.mean()
    power = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    return float((one * other).sum()) / power if power > 0 else 0.0


def _band(picture: FloatArray) -> FloatArray:
    fine, coarse = (gaussian_filter(picture, sigma) for sigma in _BAND_PX)
    band: FloatArray = fine - coarse
    return band
