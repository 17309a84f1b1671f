"""What has begun in a run: the maps since contrast came, and the vascular warning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.live_filling import Filling
from napari_fluoroinject.analysis.live_scene import KEPT_EXPOSURES
from napari_fluoroinject.analysis.live_told import UPTAKE_TEXT, LiveWarning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.analysis.live_scene import Kept, Masked
    from napari_fluoroinject.analysis.live_uptake import Uptake
    from napari_fluoroinject.compute.backend import Backend

BEFORE_FRAMES = 3
"""Frames before the begin that was found that go into the maps, too: it may err."""
BACK_FRAMES = 8
"""When a person says that contrast begins, so many frames before that go into the maps."""
AT_ONCE_FRAMES = 3
"""Frames that go into the maps with each that comes, where many wait since contrast began."""


class Course:
    """Nothing has begun yet; then contrast, by what was seen or a person's word, or a run-off.

    Parameters
    ----------
    on
        The compute backend.
    at_once
        Whether all frames since the begin go into the maps with the next one, however long that
        takes; else a few with each.

    Attributes
    ----------
    maps
        None until contrast has begun.
    onset_frame, onset_time_s
        Number and time of the frame in which it began; None before.
    warnings
        So far.
    """

    def __init__(self, *, on: Backend, at_once: bool) -> None:
        self._on, self._most = on, KEPT_EXPOSURES if at_once else AT_ONCE_FRAMES
        self.maps: Filling | None = None
        self.onset_frame: int | None = None
        self.onset_time_s: float | None = None
        self.warnings: tuple[LiveWarning, ...] = ()

    def start(self, masked: Masked, kept: Sequence[Kept], frame: int) -> None:
        """Begin the maps with the frames since contrast began in `frame`.

        Parameters
        ----------
        masked
            The mask over which the frames were placed.
        kept
            The last frames, oldest first.
        frame
            The first of them that is later is not before the begin.
        """
        at = max((number for number, one in enumerate(kept) if one.frame <= frame), default=0)
        self.onset_frame, self.onset_time_s = frame, kept[at].time_s
        self._follow(masked, kept, kept[max(at - BEFORE_FRAMES, 0)].frame)

    def start_by_word(self, masked: Masked, kept: Sequence[Kept], newest: Kept) -> None:
        """Begin the maps by a person's word, which was given when `newest` was the newest."""
        self.onset_frame, self.onset_time_s = newest.frame, newest.time_s
        before = [one for one in kept if one.frame <= newest.frame][-BACK_FRAMES:]
        self._follow(masked, kept, before[0].frame if before else newest.frame)

    def warn(self, uptakes: Sequence[Uptake], kept: Kept) -> LiveWarning | None:
        """Raise the warning with this frame if the likeliest path reaches the alarm, once."""
        if self.warnings or not uptakes or uptakes[0].score < 1.0:
            return None
        warning = LiveWarning(
            id="vascular_uptake",
            text=UPTAKE_TEXT,
            first_frame=uptakes[0].first_frame,
            raised_frame=kept.frame,
            score=uptakes[0].score,
        )
        self.warnings = (warning,)
        return warning

    def _follow(self, masked: Masked, kept: Sequence[Kept], frame: int) -> None:
        """Lay the frames from one on, which are placed, into new maps."""
        since = max(frame, masked.placer.mask_frames[-1] + 1)
        masked.placer.forget_before(since)
        self.maps = Filling(masked.placer, most=self._most, on=self._on)
        for one in kept:
            exposure = masked.exposures.get(one.frame)
            if one.frame >= since and exposure is not None:
                self.maps.put(one, exposure)
        self.maps.go_on()
