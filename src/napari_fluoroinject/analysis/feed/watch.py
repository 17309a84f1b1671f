"""What each frame of a screen's or a grabber's feed is, before any map is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.feed.area import PictureArea
    from napari_fluoroinject.model.arrays import StoredArray
    from napari_fluoroinject.model.cine import IntensityScale


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


class Watch:
    """Looks at every frame of a feed, in order, before anything else is done with it.

    Parameters
    ----------
    intensity
        What stored values mean.
    shape
        (rows, columns) of the frames as the feed delivers them.
    """

    def __init__(self, intensity: IntensityScale, shape: tuple[int, int]) -> None:
        raise NotImplementedError

    @property
    def area(self) -> PictureArea | None:
        """Where the X-ray picture is, after the last frame; None until that is known."""
        raise NotImplementedError

    def look(self, stored: StoredArray, time_s: float, *, index: int | None = None) -> Look:
        """Tell what the next frame is.

        Parameters
        ----------
        stored
            (rows, columns), as the feed delivers it; not kept.
        time_s
            When it came, later than the one before.
        index
            The feed's own number of it, which tells how many frames are missing; None = not told.

        Raises
        ------
        ValueError
            It is not of the expected size, or not later than the one before. Nothing has changed
            then.
        """
        raise NotImplementedError

    def cut(self, stored: StoredArray) -> StoredArray:
        """The X-ray picture within a frame, a view of `area.shape_px`.

        Raises
        ------
        ValueError
            The area is not known yet.
        """
        raise NotImplementedError
