"""What one frame of a feed is."""

from __future__ import annotations

from dataclasses import dataclass

from napari_fluoroinject.analysis.feed.area import PictureArea


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one frame of a feed is.

    Attributes
    ----------
    frame, time_s
        Which frame, counted from 0, and when it came.
    area
        Where the X-ray picture is; None until that is known.
    area_changed
        Whether `area` is another from this frame on, also where it has just become known: what is
        cut out of this frame and of the one before does not fit together.
    fresh
        Whether this frame is the first to show an exposure; False for a repeat, and as long as
        there is no area.
    held
        Whether no exposure has come for longer than usual while the picture stays: the last image
        is held.
    gap_s
        Seconds since the exposure before, on a fresh frame that came later than the rhythm of the
        exposures has it; None where none is missing, or no rhythm is known.
    step_ln
        By how much ln of the whole picture is brighter than before (automatic brightness), where
        one factor tells it and it can be undone by it; None where nothing changed.
    curve_changed
        Whether brightness changed so that no factor undoes it: another display curve, or pixels
        that reached its end.
    moved
        Whether the table or the C-arm moved, or another scene is shown: a mask from before no
        longer fits.
    blank
        Whether there is no X-ray picture in the area: the beam is off, and nothing is held.
    said
        What is new with this frame, in sentences for a person.
    """

    frame: int
    time_s: float
    area: PictureArea | None = None
    area_changed: bool = False
    fresh: bool = False
    held: bool = False
    gap_s: float | None = None
    step_ln: float | None = None
    curve_changed: bool = False
    moved: bool = False
    blank: bool = False
    said: tuple[str, ...] = ()
