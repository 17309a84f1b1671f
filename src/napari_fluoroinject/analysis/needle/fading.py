"""Whether a shaft plainly ends at its tip, or may go on beyond: it fades, or goes on later."""

from __future__ import annotations

from dataclasses import replace
from math import hypot
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.needle.tip import fit_end, step_misfit

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.needle.tip import End
    from napari_fluoroinject.model.arrays import DoubleArray

WINDOW_PX, SEARCH_PX, SEARCH_STEP_PX = 70.0, 62.0, 0.5
"""Much more of the axis than the fit of the end looks at: bone hides 60 px of a thin shaft."""
MARGIN_PX = 4.0
CLUTTER_LENGTH_PX = 8.0
"""Length over which anatomy along the axis repeats itself."""
PLAIN_PX = 5.0
"""Ends told less plainly than this by the far surroundings are in doubt: in synthetic
loops most that were short by more than 3 sigma are among them, and one in eight of the others."""
LEAST_SAMPLES = 40
BEYOND_PX, SIGMAS = 3.0, 2.0
"""A shaft that the next frames show to end so far beyond, in px and in sigma of both, went on."""


def doubted(
    end: End, along: DoubleArray, curve: DoubleArray, *, length_px: float, scale: float
) -> End:
    """The same end, its uncertainty grown where the shaft's opacity fades instead of ending.

    Behind thick bone a thin shaft is as faint as the anatomy around it, and the fit near the end
    takes the first bone edge for the tip and is sure of it. How well one step explains the
    opacity along a much longer stretch tells.

    Parameters
    ----------
    end
        As it was fitted.
    along, curve
        (samples,) positions and mean opacity along the axis; NaN where unknown.
    length_px
        Of the shaft that is seen: beyond its other end nothing is asked.
    scale
        Growth of the pixel parameters.
    """
    x = (along - end.along_px) * end.outward
    far = WINDOW_PX * scale
    used = (x >= -min(far, length_px)) & (x <= far) & np.isfinite(curve)
    if used.sum() < LEAST_SAMPLES:
        return end
    x, y = x[used], curve[used]
    tried = np.arange(-SEARCH_PX * scale, SEARCH_PX * scale, SEARCH_STEP_PX)
    tried = tried[(tried > x.min() + MARGIN_PX) & (tried < x.max() - MARGIN_PX)]
    if not len(tried):
        return end
    cost = step_misfit(x, y, tried, scale=scale)
    variance = max(float(cost.min()) / len(x) * CLUTTER_LENGTH_PX, 1e-12)
    likely = np.exp(-0.5 * (cost - cost.min()) / variance)
    spread = float(np.sqrt(likely @ tried**2 / likely.sum()))
    if spread <= PLAIN_PX * scale:
        return end
    return replace(end, uncertainty_px=hypot(end.uncertainty_px, spread))


def overtaken(end: End, along: DoubleArray, later: DoubleArray, *, scale: float) -> End:
    """The same end, its uncertainty grown to where the shaft ends in the next frames.

    A needle that moved in until contrast came, or contrast that runs on along it: either way its
    tip may not have been where few frames showed it.

    Parameters
    ----------
    end
        As it was fitted.
    along, later
        (samples,) positions and mean opacity along the axis in the frames that follow those of
        the fit; NaN where unknown.
    scale
        Growth of the pixel parameters.
    """
    now = fit_end(along, later, end, scale=scale)
    beyond = (now.along_px - end.along_px) * end.outward
    doubt = SIGMAS * hypot(now.uncertainty_px, end.uncertainty_px)
    if beyond <= max(BEYOND_PX * scale, doubt):
        return end
    return replace(end, uncertainty_px=hypot(end.uncertainty_px, beyond))
