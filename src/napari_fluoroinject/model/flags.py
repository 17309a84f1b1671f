"""What a person flagged in frames of a loop, checked and in words; a flag changes no number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.errors import AnnotationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.model.annotation import Flag, FlagKind
    from napari_fluoroinject.model.arrays import DoubleArray

MOST_FLAGS = 100
"""More are no flags: a person points at moments, not at every frame."""
FLAGGED: dict[FlagKind, str] = {"vascular_uptake": "vascular uptake"}
"""What can be flagged, in words."""


def check_flags(flags: tuple[Flag, ...]) -> None:
    """Check that flags stand in frames, each once, and that there are not too many.

    Raises
    ------
    AnnotationError
        A frame before the first, a flag twice, or more than `MOST_FLAGS`.
    """
    if len(flags) > MOST_FLAGS:
        raise AnnotationError(f"flags: seen {len(flags)}; expected {MOST_FLAGS} at most")
    for flag in flags:
        if flag.frame < 0:
            raise AnnotationError(
                f"flags: seen frame {flag.frame}; expected a frame of the loop, counted from 0"
            )
        if flags.count(flag) > 1:
            raise AnnotationError(
                f"flags: {FLAGGED[flag.kind]} is flagged more than once in frame {flag.frame}; "
                "expected each flag once"
            )


def flags_text(flags: Sequence[Flag], times_s: DoubleArray | None) -> str:
    """What the operator flagged, frames as a person counts them; empty where there is nothing."""
    moments: dict[FlagKind, list[str]] = {}
    for flag in sorted(flags, key=lambda one: one.frame):
        moments.setdefault(flag.kind, []).append(moment_text(flag.frame, times_s))
    return " ".join(
        f"The operator flagged {FLAGGED[kind]} in frame{'s' * (len(where) != 1)} "
        f"{', '.join(where)}."
        for kind, where in moments.items()
    )


def moment_text(frame: int, times_s: DoubleArray | None) -> str:
    """A frame from 1, with its time to a millisecond where there is one: `14 (0.867 s)`."""
    return f"{frame + 1}" if times_s is None else f"{frame + 1} ({times_s[frame]:.3f} s)"
