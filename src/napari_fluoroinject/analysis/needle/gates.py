"""What a refined candidate must show to be called a needle."""

from __future__ import annotations

from math import hypot
from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.needle.line import REFERENCE_MM_PER_PX
from napari_fluoroinject.model.drawing import NEEDLE_DIAMETER_MM

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.needle.refine import Shaft

SHORTEST_PX = 39.0
"""A shaft shorter than that, 11 mm, (a needle seen end-on) cannot be told from a bone edge."""
SHORTEST_STUB_PX = 22.0
"""Nor one shorter than that, 6 mm, with something wide at one end."""
WIDEST_SIGMA_PX = 1.45
"""Up to 20G; motion within a pulse and a needle near the tube widen the thinnest as far."""
BLUR_SIGMA_PX, BOX_SIGMA = 0.72, 12**-0.5
"""A shaft looks like a box as wide as its steel, blurred: of 18 to 25G in synthetic loops that is
the median width to 0.02 px."""
WIDTH_ROOM_PX = 0.25
"""Above that median: 18G was seen up to 0.1 wider, and dark lines of bone from 0.4."""
WIDEST_GAUGE = 18
"""What a needle of unknown gauge may be."""
SMOOTH_PX = 0.15
SMOOTH_NOISE = 0.45
CROOKED_PX = 0.35
"""What a smooth bend leaves of a shaft's course; a wire that wiggles or a bone leaves more."""
MOST_SAG = 0.1
"""Sag over length: steel needles bend by up to 5 mm in 90, and look shorter than they are."""
MOST_CURVED = 6e-3
"""Radians per px, a radius of 47 mm: the steel of a 22G needle yields before (0.8 % of strain)."""
CLUTTER = 0.55
VARIATION = 0.7
FILLED = 0.75
MISFIT = 0.10
SHORT, WIDE, NOT_SMOOTH = "short", "wide", "not smooth"
LONGEST_PIECE = 0.95
PIECE_PX = 4.0
PIECE_SHARES = (0.1, 0.5, 0.9)


def widest_sigma_px(gauge: int | None) -> float:
    """Width (1 sigma at the reference pixel) that a shaft of a gauge may have; None = not said."""
    known = gauge if gauge in NEEDLE_DIAMETER_MM else WIDEST_GAUGE
    steel_px = NEEDLE_DIAMETER_MM[known] / REFERENCE_MM_PER_PX
    return max(WIDEST_SIGMA_PX, hypot(BLUR_SIGMA_PX, BOX_SIGMA * steel_px) + WIDTH_ROOM_PX)


def failed_gates(shaft: Shaft, *, scale: float, gauge: int | None = None) -> tuple[str, ...]:
    """Why a shaft is no needle, the plainest reason first; empty when it is one.

    Parameters
    ----------
    shaft
        The candidate.
    scale
        Growth of the pixel parameters (`pixel_scale`).
    gauge
        The needle's, 18 to 25 when it is known.
    """
    noise = SMOOTH_NOISE * shaft.noise / shaft.level
    smooth = (SMOOTH_PX**2 + noise**2) ** 0.5 * scale
    length = shaft.length_px
    most_sag = length * min(MOST_SAG, MOST_CURVED * length / (8 * scale))
    gates = (
        (length < SHORTEST_PX * scale, SHORT),
        (shaft.sigma_px > widest_sigma_px(gauge) * scale, WIDE),
        (shaft.roughness_px > min(smooth, CROOKED_PX * scale), NOT_SMOOTH),
        (shaft.sag_px > most_sag, "bent too far"),
        (shaft.clutter > CLUTTER, "no clearer than its surroundings"),
        (shaft.variation > VARIATION or shaft.filled < FILLED, "broken"),
        (shaft.misfit > MISFIT, "not the profile of a shaft"),
    )
    return tuple(reason for failed, reason in gates if failed)


def is_stub(shaft: Shaft, failed: tuple[str, ...], *, scale: float) -> bool:
    """Whether all that a shaft lacks is length, as a needle does that points along the beam."""
    return failed == (SHORT,) and shaft.length_px >= SHORTEST_STUB_PX * scale


def is_crooked(failed: tuple[str, ...]) -> bool:
    """Whether a shaft is a wire that winds: its course alone fails, and the width it smears."""
    return NOT_SMOOTH in failed and set(failed) <= {WIDE, NOT_SMOOTH}


def is_piece(shaft: Shaft, of: Shaft, *, scale: float) -> bool:
    """Whether a shaft is mostly a stretch of a longer one: half a wave is smooth, too."""
    if shaft.length_px > LONGEST_PIECE * of.length_px:
        return False
    return sum(_lies_on(shaft, share, of, scale) for share in PIECE_SHARES) >= 2


def is_on(shaft: Shaft, other: Shaft, scale: float) -> bool:
    """Whether the middle of a shaft lies on another one: both are one line, found twice."""
    return _lies_on(shaft, 0.5, other, scale)


def _lies_on(shaft: Shaft, share: float, other: Shaft, scale: float) -> bool:
    place = shaft.line.at(shaft.start_px + share * shaft.length_px)
    along, across = other.line.project(place)
    return abs(across) <= PIECE_PX * scale and other.start_px <= along <= other.end_px
