"""The curves under the picture: opacity and area over time, with the shown frame as a cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from napari_fluoroinject.viewer import timeline
from napari_fluoroinject.viewer.time_plot import TimePlot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psygnal import SignalInstance

    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.viewer.session import Session


class CurvesPanel(QWidget):
    """Shows the session over time; a click or a drag goes to a time.

    The ends of the mask frames are dragged; one drag is one step to undo.

    Parameters
    ----------
    session
        What is shown.
    ask
        Lets the next click in the picture choose a place, which comes to `show_point`; None =
        there is no picture.
    """

    def __init__(self, session: Session, *, ask: Callable[[], None] | None = None) -> None:
        super().__init__()
        self._session, self._ask = session, ask
        self._heard: list[tuple[SignalInstance, Callable[..., Any]]] = []
        self._point_px: Point | None = None
        self._dragging = False
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.at_click = QToolButton(self)
        self.at_click.clicked.connect(lambda _checked=False: self._place())
        self.opacity = TimePlot(self._went, self._masked)
        self.area = TimePlot(self._went, self._masked, words=False)
        self.opacity.setAccessibleName("Opacity over time")
        self.area.setAccessibleName("Area of the spread over time")
        self._plots = (self.opacity, self.area)
        self._lay_out()
        signals = session.signals
        self._listen(signals.frame, self._frame_due)
        self._listen(signals.shown, self._run_shown)
        for signal in (signals.draft, signals.look, signals.results):
            self._listen(signal, self._update)
        self._update()

    def release(self) -> None:
        """Hear nothing more: to be called before it is deleted."""
        for signal, slot in self._heard:
            signal.disconnect(slot, missing_ok=True)
        self._heard.clear()
        for plot in self._plots:
            plot.release()

    def show_point(self, point_px: Point | None) -> None:
        """Show the opacity at a place of the picture, in the reference pose; None = at none."""
        self._point_px = point_px
        self._update()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(4)
        for plot, share in zip(self._plots, (3, 2), strict=True):
            plot.setMinimumHeight(110)
            plot.setToolTip(
                "Click or drag: go to that time\n"
                "Drag an end of the mask frames, or drag with Shift: choose mask frames\n"
                "Opacity at a place: mean over 3 mm, not corrected for scatter"
            )
            row.addWidget(plot, share)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 4, 2)
        column.setSpacing(2)
        column.addWidget(self.note)
        column.addLayout(row, 1)
        self.setMinimumHeight(140)

    def _listen(self, signal: SignalInstance, slot: Callable[..., Any]) -> None:
        signal.connect(slot)
        self._heard.append((signal, slot))

    # What a person does

    def _place(self) -> None:
        if self._point_px is not None:
            self.show_point(None)
        elif self._ask is not None:
            self._ask()

    def _went(self, at: float) -> None:
        run = self._session.run
        if run is not None:
            self._session.go_to(timeline.nearest_frame(run.loop, at))

    def _masked(self, low: float, high: float, done: bool) -> None:
        run = self._session.run
        if run is None:
            return
        first, last = (timeline.nearest_frame(run.loop, at) for at in (low, high))
        frames = tuple(range(first, last + 1))
        if frames != self._session.annotation.mask_frames:
            amend, self._dragging = self._dragging, True
            self._session.choose_mask(None, frames, amend=amend)
        if done:
            self._dragging = False
        self._show_masks(timeline.abscissa(run.loop))

    # What it shows

    def _run_shown(self) -> None:
        self._point_px = None
        self._update()

    def _frame_due(self, frame: int) -> None:
        run = self._session.run
        if run is not None:
            at = float(run.loop.times_s[frame] if run.loop.times_s is not None else frame + 1)
            for plot in self._plots:
                plot.show_cursor(at)

    def _update(self, _uid: str = "") -> None:
        if self._dragging:
            return  # the ends stay under the mouse, and nothing else depends on them yet
        session, run = self._session, self._session.run
        note = timeline.note(session)
        self.note.setText(note)
        self.note.setVisible(bool(note))
        self._tell_button()
        for plot in self._plots:
            plot.setVisible(run is not None)
        if run is None:
            return
        x = timeline.abscissa(run.loop)
        bottom = "frame (times unknown)" if run.loop.times_s is None else "time (s)"
        lines = [
            line
            for line in timeline.lines(session, self._point_px)
            if np.isfinite(line.values).any()
        ]
        self.area.setVisible(any(line.kind == "area" for line in lines))
        lefts = (timeline.opacity_name(session), timeline.area_name(session))
        onset, spans = timeline.onset(session), _spans(x, timeline.not_judged(session))
        if spans:
            bottom += " · hatched: not judged"
        for plot, kind, left in zip(self._plots, ("opacity", "area"), lefts, strict=True):
            plot.show_axes(x, bottom=bottom, left=left)
            plot.show_lines([line for line in lines if line.kind == kind])
            plot.show_spans(spans)
            plot.show_onset(None if onset is None else float(x[onset]))
            plot.show_flags([float(x[frame]) for frame in timeline.flagged(session)])
        self._show_masks(x)
        self._frame_due(session.frame)

    def _tell_button(self) -> None:
        shown, made = self._point_px is not None, self._session.subtracted
        words = "Remove this curve" if shown else "Curve at a click"
        told = (
            "Show no curve of the clicked place any more"
            if shown
            else "Click a place in the picture: its opacity over time is shown here"
        )
        self.at_click.setText(words)
        self.at_click.setAccessibleName(words)
        self.at_click.setToolTip(told if made is not None else f"{told}. Subtract the run first.")
        self.at_click.setEnabled(made is not None)
        self.at_click.setVisible(self._ask is not None and self._session.run is not None)

    def _show_masks(self, x: DoubleArray) -> None:
        masks = timeline.masks(self._session)
        frames = [frame for frame in masks.frames if frame < len(x)]
        ends = (float(x[frames[0]]), float(x[frames[-1]])) if frames else None
        for plot in self._plots:
            plot.show_masks(ends, f"mask ({masks.whose})")


def _spans(x: DoubleArray, frames: Sequence[int]) -> list[tuple[float, float]]:
    """Stretches of the axis that neighbouring frames cover, half way to the next on each side."""
    if not len(frames):
        return []
    edges = np.concatenate([x[:1], (x[1:] + x[:-1]) / 2, x[-1:]])
    spans: list[tuple[float, float]] = []
    for frame in frames:
        start, end = float(edges[frame]), float(edges[frame + 1])
        if spans and spans[-1][1] == start:
            spans[-1] = spans[-1][0], end
        else:
            spans.append((start, end))
    return spans
