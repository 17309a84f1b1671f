"""What a refined candidate must show to be called a needle."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.needle.refine import Shaft

SHORTEST_MM = 11.0
"""A shorter shaft (a needle seen end-on) cannot be told from a bone edge."""
SHORTEST_PX = 39.0
WIDEST_SIGMA_PX = 1.45
STRAIGHT_PX = 0.12
STRAIGHT_NOISE = 0.45
BENT_PX = 0.35
CLUTTER = 0.55
VARIATION = 0.7
FILLED = 0.75
MISFIT = 0.10


def failed_gate(shaft: Shaft, *, scale: float) -> str | None:
    """Why a shaft is no needle, or None when it is one.

    Parameters
    ----------
    shaft
        The candidate.
    scale
        Growth of the pixel parameters (`pixel_scale`).
    """
    noise = STRAIGHT_NOISE * shaft.noise / shaft.level
    straight = (STRAIGHT_PX**2 + noise**2) ** 0.5 * scale
    for failed, reason in (
        (shaft.length_px < SHORTEST_PX * scale, "short"),
        (shaft.sigma_px > WIDEST_SIGMA_PX * scale, "wide"),
        (shaft.straightness_px > min(straight, BENT_PX * scale), "not straight"),
        (shaft.clutter > CLUTTER, "no clearer than its surroundings"),
        (shaft.variation > VARIATION or shaft.filled < FILLED, "broken"),
        (shaft.misfit > MISFIT, "not the profile of a shaft"),
    ):
        if failed:
            return reason
    return None
