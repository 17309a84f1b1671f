"""The one frame that stands for a loop: what is drawn, captured and pointed to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_fluoroinject.model.report import Report


def key_frame(report: Report) -> tuple[int, str]:
    """Choose the frame, counted from 0, and say in words why it is this one.

    The middle of a run-off's event, else the frame that is fullest of contrast, else the last one
    whose registration held.
    """
    if shows_run_off(report) and report.run_off.frames is not None:
        first, last = report.run_off.frames
        return (first + last) // 2, "the middle of the possible vascular run-off"
    if (fullest := fullest_frame(report)) is not None:
        return fullest, "the frame with the most contrast"
    locked = np.flatnonzero(report.motion.locked)
    if not len(locked):
        return report.loop.shape[0] - 1, "the last frame"
    return int(locked[-1]), "the last frame that could be followed"


def fullest_frame(report: Report) -> int | None:
    """The frame with the most contrast, area times opacity; None where none was measured."""
    if report.injection.onset_frame is None or report.measurements is None:
        return None
    load = np.nan_to_num(
        report.measurements.area_by_frame_px * report.measurements.mean_od_by_frame
    )
    load = np.where(report.motion.locked, load, 0.0)
    return int(np.argmax(load)) if load.max() > 0 else None


def shows_run_off(report: Report) -> bool:
    """Whether a run-off is shown: it reached the alarm threshold and has a path."""
    return report.run_off.alarmed and len(report.run_off.path_px) >= 2
