"""What is known of a synthetic monitor's grabs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, read_only

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.screen_layout import Layout
    from napari_fluoroinject.phantom.screen_settings import ScreenSettings
    from napari_fluoroinject.phantom.screen_times import Timetable


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScreenTruth:
    """What is known of a screen; the first index counts grabs, pixels are the monitor's.

    Attributes
    ----------
    exposure
        (grabs,), number of the exposure that is on the screen, from 0 over all runs; -1 = none.
    frame, run
        (grabs,), the exposure's frame in the loop, and its run; -1 = none.
    fresh
        (grabs,), whether it is the first grab of its exposure.
    held
        (grabs,), whether the X-ray was off and the last image stayed.
    blank
        (grabs,), whether nothing was shown in the field.
    gap_s
        (grabs,), time that is missing before this grab since the one before; 0 = none.
    gain_ln
        (grabs,), by how much automatic brightness control brightened the picture.
    shift_px
        (grabs, 2), how far the scene has moved, (row, column).
    field
        (rows, columns), where the X-ray is shown, text over it included.
    first_px, side_px
        First (row, column) of the square picture, and its side.
    text
        First (row, column) and (rows, columns) of each text that is burned into that square.
    onsets
        Grabs that first show a frame with injected contrast, one for each injection; empty when
        the loop does not tell.
    scale
        Pixels of the monitor for one of the loop.
    """

    exposure: npt.NDArray[np.intp]
    frame: npt.NDArray[np.intp]
    run: npt.NDArray[np.intp]
    fresh: BoolArray
    held: BoolArray
    blank: BoolArray
    gap_s: DoubleArray
    gain_ln: DoubleArray
    shift_px: DoubleArray
    field: BoolArray
    first_px: tuple[int, int]
    side_px: int
    text: tuple[tuple[tuple[int, int], tuple[int, int]], ...]
    onsets: tuple[int, ...]
    scale: float

    def on_screen(self, point_px: tuple[float, float]) -> tuple[float, float]:
        """Where a (row, column) of the loop stands on the monitor, nothing moved."""
        row, column = ((place + 0.5) * self.scale - 0.5 for place in point_px)
        return row + self.first_px[0], column + self.first_px[1]


class Steps:
    """Brightness and place of each exposure: `gain_ln` (exposures,), `shift_px` (exposures, 2)."""

    def __init__(self, table: Timetable, settings: ScreenSettings, *, scale: float) -> None:
        number = np.arange(len(table.frame))
        self.scale = scale
        self.gain_ln = np.zeros(len(number))
        for step in settings.brightness:
            self.gain_ln += step.ln * _ramp(number, step.frame, step.over_frames)
        self.shift_px = np.zeros((len(number), 2))
        if settings.move is not None:
            share = _ramp(number, settings.move.frame, settings.move.over_frames)
            self.shift_px += share[:, None] * np.asarray(settings.move.shift_px)


def screen_truth(
    table: Timetable, layout: Layout, steps: Steps, onset_frame: int | None
) -> ScreenTruth:
    """Return what is known of the grabs; `onset_frame` None = of contrast nothing is known."""
    shown = table.shown
    blank = shown < 0
    at = np.maximum(shown, 0)
    fresh = ~blank & ~table.held & (np.diff(shown, prepend=-1) != 0)
    onsets = []
    if onset_frame is not None:
        injections = 2 * table.run + table.again
        for one in np.unique(injections):
            seen = fresh & (injections[at] == one) & (table.frame[at] >= onset_frame)
            onsets += np.flatnonzero(seen)[:1].tolist()
    return ScreenTruth(
        exposure=read_only(shown, np.intp),
        frame=read_only(np.where(blank, -1, table.frame[at]), np.intp),
        run=read_only(np.where(blank, -1, table.run[at]), np.intp),
        fresh=read_only(fresh, np.bool_),
        held=read_only(table.held, np.bool_),
        blank=read_only(blank, np.bool_),
        gap_s=read_only(table.gaps_s, np.float64),
        gain_ln=read_only(np.where(blank, 0.0, steps.gain_ln[at]), np.float64),
        shift_px=read_only(
            np.where(blank[:, None], 0.0, steps.scale * steps.shift_px[at]), np.float64
        ),
        field=layout.field,
        first_px=layout.first_px,
        side_px=layout.side_px,
        text=tuple((text.first_px, text.shape_px) for text in layout.burned_in),
        onsets=tuple(onsets),
        scale=steps.scale,
    )


def _ramp(number: npt.NDArray[np.intp], begin: int, over: int) -> DoubleArray:
    share: DoubleArray = np.clip((number - begin + 1) / max(over, 1), 0.0, 1.0)
    return share
