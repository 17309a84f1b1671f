"""The opacity of a shaft along its axis, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.ndimage as ndi

from napari_fluoroinject.analysis.needle.line import strip
from napari_fluoroinject.analysis.needle.profile import across_px, amplitude, gaussian_profile
from napari_fluoroinject.model.arrays import DoubleArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.analysis.needle.follow import Track
    from napari_fluoroinject.analysis.needle.refine import Shaft
    from napari_fluoroinject.analysis.needle.tip import End
    from napari_fluoroinject.analysis.registered import RegisteredLoop

MARGIN_PX = 70.0
"""How far beyond the ends the curves reach: an advancing needle's early tip must be in them."""
END_PX = 12.0
"""The piece of an end whose presence tells whether the needle is there yet."""
PRESENT = 0.75
"""Share of the final opacity from which an end part counts as there."""
REST_MEAN_FRAMES = 3
REST_MARGIN_FRAMES = 2
"""An end that is nearly there still moves."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curves:
    """Opacity along the tracked axis: `values` (frames, samples) at `along_px`, NaN = unknown."""

    along_px: DoubleArray
    values: DoubleArray

    def mean(self, frames: Sequence[int], slide_px: DoubleArray) -> DoubleArray:
        """Mean over frames with each frame's sliding along the axis taken out; (samples,)."""
        moved = [
            np.interp(self.along_px + slide_px[k], self.along_px, self.values[k], np.nan, np.nan)
            for k in frames
        ]
        known = np.isfinite(moved)
        total = np.where(known, moved, 0.0).sum(axis=0)
        count = known.sum(axis=0)
        return np.where(count > 0.5 * len(moved), total / np.maximum(count, 1), np.nan)


def measure_curves(
    registered: RegisteredLoop, shaft: Shaft, track: Track, *, scale: float
) -> Curves:
    """Sample every frame along its own axis with the shaft's matched filter."""
    margin = MARGIN_PX * scale
    near = (shaft.along_px >= shaft.start_px - margin) & (shaft.along_px <= shaft.end_px + margin)
    along = shaft.along_px[near]
    across = across_px(scale)
    model = gaussian_profile(across, np.zeros(1), shaft.sigma_px)
    values = np.full((len(registered.ln), len(along)), np.nan)
    for k, line in enumerate(track.lines):
        if track.seen[k]:
            sampled = -strip(registered.ln[k], line, along, across)
            values[k] = amplitude(sampled.astype(np.float64), model)
    return Curves(along_px=along, values=values)


def end_present(curves: Curves, end: End, *, frames: Sequence[int], scale: float) -> DoubleArray:
    """Opacity of an end's last piece over its median in `frames`, 3-frame mean; (frames,)."""
    x = (curves.along_px - end.along_px) * end.outward
    piece = (x >= -END_PX * scale) & (x <= -1.0 * scale)
    if not piece.any():
        return np.ones(len(curves.values))
    known = np.where(np.isfinite(curves.values[:, piece]), curves.values[:, piece], 0.0)
    here = known.mean(axis=1)
    smooth: DoubleArray = ndi.uniform_filter1d(here, REST_MEAN_FRAMES, mode="nearest")
    final = float(np.median(here[list(frames)]))
    return smooth / final if final > 0 else np.ones(len(here))


def rest_from(present: DoubleArray, last: int) -> int:
    """First frame from which an end stays there until `last`; 0 when it always stood."""
    missing = np.flatnonzero(present[: last + 1] < PRESENT)
    return min(int(missing[-1]) + 1 + REST_MARGIN_FRAMES, last) if len(missing) else 0
