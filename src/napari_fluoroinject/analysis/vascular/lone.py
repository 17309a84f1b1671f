"""A run-off that is the only contrast in the loop: it has come when the contrast has come."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.corridor import path_band
from napari_fluoroinject.analysis.motion import re_reference
from napari_fluoroinject.analysis.onset import read_onset

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.model.spread import RunOff

BEFORE_FRAMES = 12
"""The path is seen at its darkest: contrast reached it this much earlier at the most."""
HALF_WIDTH_PX = 3.0
"""On either side of the path: a vessel and the error of where it was found."""


def begin_at_run_off(
    registered: RegisteredLoop, opacity: Opacity, run_off: RunOff
) -> tuple[RegisteredLoop, RunOff]:
    """Take the beginning of an alarmed run-off for the onset that was not seen.

    The mask frames are chosen anew before it, and all poses become relative to theirs; mask frames
    of the header stay.

    Parameters
    ----------
    registered
        A loop in which no onset was seen.
    opacity, run_off
        What was found in it.

    Returns
    -------
    tuple
        The loop with that onset and the run-off in its reference pose; both as they were where
        there was no alarm, or no frame is left before the onset.
    """
    seen = registered.injection.onset_frame is not None
    if seen or not run_off.alarmed or run_off.frames is None or run_off.score is None:
        return registered, run_off
    shape = registered.field.shape
    band = path_band(run_off.path_px, shape, half_width_px=HALF_WIDTH_PX) & opacity.valid
    curve = opacity.od[: run_off.frames[1] + 1, band].mean(axis=1)
    injection = read_onset(
        curve,
        registered.motion,
        score=run_off.score,
        earliest=max(run_off.frames[0] - BEFORE_FRAMES, 0),
    )
    if not injection.mask_frames:
        return registered, run_off
    if registered.mask.source != "found":
        mask = replace(registered.mask, quiet_frames=injection.mask_frames)
        injection = replace(injection, mask_frames=registered.injection.mask_frames)
        return replace(registered, injection=injection, mask=mask), run_off
    motion = re_reference(registered.motion, injection.mask_frames)
    path_px = motion.all_in_reference_pose(registered.motion.all_in_frame(run_off.path_px, 0), 0)
    return (
        replace(registered, injection=injection, motion=motion),
        replace(run_off, path_px=path_px),
    )
