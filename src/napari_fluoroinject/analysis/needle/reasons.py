"""Why there is no needle, in words that tell a person what was seen and what to do."""

from __future__ import annotations

from collections import Counter
from math import hypot
from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.needle.gates import NOT_SMOOTH, SHORT, SHORTEST_PX, WIDE
from napari_fluoroinject.model.needle import NoNeedle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.analysis.needle.refine import Shaft
    from napari_fluoroinject.analysis.registered import RegisteredLoop
    from napari_fluoroinject.model.geometry import Point

FADED, PIECE = "faded", "a piece of a wire that winds"
MARK = "mark hub and tip"
END_ON = "a needle seen end-on (pointing along the beam)"
_WORDS = {
    SHORT: "too short",
    WIDE: "too wide",
    NOT_SMOOTH: "not straight or smoothly bent",
    FADED: "lost when followed",
    PIECE: "pieces of a wire that winds",
}
"""Of the gates whose names do not speak for themselves."""


def no_shaft(
    failed: Sequence[str], stubs: Sequence[Shaft], registered: RegisteredLoop, *, scale: float
) -> NoNeedle:
    """No line is a shaft: what was seen, what was expected, and what to do.

    Places and lengths hold for the loop in any size: millimetres and shares of the picture.

    Parameters
    ----------
    failed
        The plainest reason against each line.
    stubs
        Those that lack nothing but length, the strongest first.
    registered
        The loop.
    scale
        Growth of the pixel parameters.
    """
    expected = (
        f"expected a thin smooth shaft of at least {_long(SHORTEST_PX * scale, registered)}, or a "
        "shorter one with its hub in view"
    )
    if stubs:
        length = _long(stubs[0].length_px, registered)
        middle = stubs[0].line.at(0.5 * (stubs[0].start_px + stubs[0].end_px))
        return NoNeedle(
            reason=f"the line most like a needle is {length} long, {_where(middle, registered)}: "
            f"{END_ON} or the edge of a bone; {expected}; if it is the needle, {MARK}"
        )
    seen = "the open field shows no line darker than both its sides"
    if failed:
        # Of equally many the one that the strongest line failed by comes first.
        counted = Counter(_WORDS.get(one, one) for one in failed).most_common()
        several = ", ".join(f"{count} {word}" for word, count in counted)
        seen = f"none of {len(failed)} dark lines is a needle ({several})"
    return NoNeedle(
        reason=f"{seen}; {expected}; {END_ON} is too short to tell from the edge of a bone: if "
        f"there is one, {MARK}"
    )


def undecided(first: Point, last: Point, registered: RegisteredLoop) -> NoNeedle:
    """There is a shaft, but nothing tells its tip from its hub."""
    length = _long(hypot(last[0] - first[0], last[1] - first[1]), registered)
    ends = f"{_where(first, registered)}, and {_where(last, registered)}"
    return NoNeedle(
        reason=f"a shaft of {length} is seen, its ends {ends}, but which is the tip cannot be "
        "told; expected one that moved in, lies in the open field alone, is opposite a hub, has "
        f"contrast to itself or is much nearer to the middle of the picture; {MARK}"
    )


def _where(place: Point, registered: RegisteredLoop) -> str:
    down, across = (
        100 * at / side for at, side in zip(place, registered.field.shape, strict=True)
    )
    return f"{down:.0f} % down and {across:.0f} % across the picture"


def _long(length_px: float, registered: RegisteredLoop) -> str:
    mm_per_px = registered.loop.mm_per_px
    if mm_per_px is not None:
        return f"{length_px * mm_per_px:.0f} mm"
    return f"{100 * length_px / registered.field.shape[1]:.0f} % of the picture's width"
