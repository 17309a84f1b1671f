"""The bar under the picture: play, step, and what is on the screen in seconds and frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, QSize, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_fluoroinject.rendering import palette
from napari_fluoroinject.viewer import timeline
from napari_fluoroinject.viewer.clock import ASSUMED_RATE, FASTEST, SLOWEST
from napari_fluoroinject.viewer.frame_slider import FrameSlider
from napari_fluoroinject.viewer.glyphs import Glyph, icon
from napari_fluoroinject.viewer.keys import tip

if TYPE_CHECKING:
    from collections.abc import Callable

    from psygnal import SignalInstance

    from napari_fluoroinject.viewer.player import Player
    from napari_fluoroinject.viewer.session import Session

ROW_PX = 20
"""Height of a row; there are two."""
_SMALL = (
    f"Transport {{ background: {palette.PANEL}; }} QLabel {{ color: {palette.TEXT}; }}"
    "QToolButton { background: transparent; border: none; }"
    "QAbstractSpinBox, QComboBox { min-width: 0px; padding: 0px 2px; margin: 0px; }"
    "QSpinBox { min-width: 54px; }"  # without buttons Qt 6.11 leaves a styled field one pixel
    "QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 14px; }"
    "QComboBox::drop-down { width: 14px; }"
)
"""napari's style makes every field wide enough for a dock of its own; signs are light."""


def told(player: Player, session: Session) -> str:
    """What is on the screen: time, frame, the rates, and how many frames were left out."""
    run = session.run
    if run is None:
        return "no run is open"
    frames, time_s = run.loop.shape[0], session.time_s
    parts = [] if time_s is None else [f"t = {time_s:.3f} s"]
    parts.append(f"frame {session.frame + 1}/{frames}")
    if frames == 1:
        return " · ".join([*parts, "one frame: nothing to play"])
    acquired, times = player.acquired_rate, f" x {player.speed:g}" if player.speed != 1 else ""
    if acquired is None:
        parts.append(f"frame times unknown: {ASSUMED_RATE:g} frames/s assumed for playback{times}")
    else:
        parts.append(f"acquired {acquired:.1f}/s{times}")
    if player.shown_rate is not None:
        parts.append(f"shown {player.shown_rate:.1f}/s")
    if player.due > 1:
        parts.append(f"skipped {player.skipped}")
    return " · ".join(parts)


class Transport(QWidget):
    """Buttons, slider and settings of a player, 40 pixels high.

    Parameters
    ----------
    player
        What it steers.
    session
        Whose frame it shows.
    """

    def __init__(self, player: Player, session: Session) -> None:
        super().__init__()
        self._player, self._session = player, session
        self._heard: list[tuple[SignalInstance, Callable[..., Any]]] = []
        self.play = _button("play", tip("Play", "play"), player.toggle)
        self.first = _button("first", tip("First frame", "first_frame"), player.to_first)
        self.back = _button("back", tip("One frame back", "frame_back"), lambda: player.step(-1))
        self.on = _button("on", tip("One frame on", "frame_on"), lambda: player.step(1))
        self.last = _button("last", tip("Last frame", "last_frame"), player.to_last)
        self.slider = FrameSlider()
        self.loop = _button("loop", "Start again at the end", self._set_loop)
        self.speed = _speed_box()
        self.mode = _mode_box()
        self.from_frame = _frame_box("First frame that is played")
        self.to_frame = _frame_box("Last frame that is played")
        self.label = QLabel()
        self._lay_out()
        self._connect()
        self._run_shown()

    def release(self) -> None:
        """Hear nothing more: to be called before it is deleted."""
        for signal, slot in self._heard:
            signal.disconnect(slot, missing_ok=True)
        self._heard.clear()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(2)
        buttons = (self.first, self.back, self.play, self.on, self.last)
        for part in (*buttons, self.slider, self.loop, self.speed, self.mode):
            row.addWidget(part, 1 if part is self.slider else 0)
        to = QLabel("-")
        row.addWidget(self.from_frame)
        row.addWidget(to)
        row.addWidget(self.to_frame)
        self.slider.setAccessibleName("Frame of the run")
        self.slider.setFixedHeight(ROW_PX)
        self.slider.setMinimumWidth(80)
        self.label.setFixedHeight(ROW_PX - 2)
        self.label.setMinimumWidth(0)
        self.label.setAccessibleName("Time, frame and rates")
        self.label.setToolTip(
            "Time from the first frame, frame, frames acquired and drawn per second, and frames "
            "that were due but not drawn since playing started"
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 0, 4, 0)
        column.setSpacing(0)
        column.addLayout(row)
        self._words = QHBoxLayout()
        self._words.addWidget(self.label, 1)
        column.addLayout(self._words)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setStyleSheet(_SMALL)
        self.setFixedHeight(2 * ROW_PX)

    def add_beside_words(self, widget: QWidget) -> None:
        """Put a control of the curves at the end of the second row: they need all their height."""
        widget.setMaximumHeight(ROW_PX)
        self._words.addWidget(widget)

    def _connect(self) -> None:
        self.slider.valueChanged.connect(self._player.go_to)
        self.speed.valueChanged.connect(self._set_speed)
        self.mode.currentIndexChanged.connect(self._set_mode)
        self.from_frame.editingFinished.connect(self._set_window)
        self.to_frame.editingFinished.connect(self._set_window)
        signals = self._session.signals
        self._listen(signals.frame, self._frame_due)
        self._listen(signals.shown, self._run_shown)
        for signal in (signals.draft, signals.look, signals.results):
            self._listen(signal, self._mark)
        self._listen(self._player.changed, self._tell)

    def _listen(self, signal: SignalInstance, slot: Callable[..., Any]) -> None:
        signal.connect(slot)
        self._heard.append((signal, slot))

    # What a person sets

    def _set_loop(self) -> None:
        self._player.loop = not self._player.loop

    def _set_speed(self, speed: float) -> None:
        self._player.speed = speed

    def _set_mode(self, index: int) -> None:
        self._player.mode = "every" if index else "time"

    def _set_window(self) -> None:
        window = self.from_frame.value() - 1, self.to_frame.value() - 1
        if (min(window), max(window)) != self._player.window:
            self._player.window = window

    # What it shows

    def _run_shown(self) -> None:
        run = self._session.run
        frames = 1 if run is None else run.loop.shape[0]
        with QSignalBlocker(self.slider):
            self.slider.setRange(0, frames - 1)
            self.slider.setValue(self._session.frame)
        for box in (self.from_frame, self.to_frame):
            with QSignalBlocker(box):
                box.setRange(1, frames)
        several: tuple[QWidget, ...] = (
            *(self.first, self.back, self.on, self.last, self.slider, self.loop),
            *(self.speed, self.mode, self.from_frame, self.to_frame),
        )
        for part in several:
            part.setEnabled(frames > 1)
        self._mark()
        self._tell()

    def _frame_due(self, frame: int) -> None:
        with QSignalBlocker(self.slider):
            self.slider.setValue(frame)
        if not self._player.playing:  # while it plays, the player tells of each frame itself
            self.label.setText(told(self._player, self._session))

    def _mark(self, _uid: str = "") -> None:
        onset = timeline.onset(self._session)
        masks = timeline.masks(self._session)
        self.slider.mark(masks.frames, onset)
        flagged = timeline.flagged(self._session)
        self.slider.flag(flagged)
        parts = [tip("Frame", "frame_on")]
        if masks.frames:
            parts.append(f"Bar: mask frames ({masks.whose})")
        if onset is not None:
            parts.append(f"Wedge: contrast from frame {onset + 1}")
        if flagged:
            frames = ", ".join(str(frame + 1) for frame in flagged)
            parts.append(f"Pennant: flagged by the operator, frame {frames}")
        self.slider.setToolTip("\n".join(parts))

    def _tell(self) -> None:
        player = self._player
        self.label.setText(told(player, self._session))
        doing: Glyph = "pause" if player.playing else "play"
        if self.play.property("doing") != doing:
            self.play.setProperty("doing", doing)
            self.play.setIcon(icon(doing))
            self.play.setToolTip(tip("Stop" if player.playing else "Play", "play"))
            self.play.setAccessibleName("Stop" if player.playing else "Play")
        self.play.setEnabled(player.can_play or player.playing)
        self._show_settings()

    def _show_settings(self) -> None:
        player = self._player
        first, last = player.window
        at_end: Glyph = "loop" if player.loop else "once"
        if self.loop.property("doing") != at_end:
            self.loop.setProperty("doing", at_end)
            self.loop.setIcon(icon(at_end))
            doing = "Starts again at the end" if player.loop else "Stops at the end"
            self.loop.setToolTip(f"{doing}; click to change")
        _show_value(self.speed, player.speed)
        _show_value(self.from_frame, first + 1)
        _show_value(self.to_frame, last + 1)
        with QSignalBlocker(self.mode):
            self.mode.setCurrentIndex(int(player.mode == "every"))


def _button(glyph: Glyph, told_as: str, call: Callable[[], Any]) -> QToolButton:
    button = QToolButton()
    button.setIcon(icon(glyph))
    button.setIconSize(QSize(14, 14))
    button.setFixedSize(24, ROW_PX)
    button.setToolTip(told_as)
    button.setAccessibleName(told_as.split(" (")[0])
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the picture
    button.clicked.connect(lambda _checked=False: call())
    return button


def _speed_box() -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(SLOWEST, FASTEST)
    box.setDecimals(1)
    box.setSingleStep(0.1)
    box.setValue(1.0)
    box.setSuffix("x")
    box.setKeyboardTracking(False)
    _small(box, 70, "Speed: how much faster than acquired, 0.1 to 4")
    return box


def _mode_box() -> QComboBox:
    box = QComboBox()
    box.addItems(["true time", "every frame"])
    _small(
        box,
        92,
        "True time: late frames are left out and counted\n"
        "Every frame: none is left out, playing takes longer",
    )
    return box


def _frame_box(told_as: str) -> QSpinBox:
    box = QSpinBox()
    box.setKeyboardTracking(False)
    _small(box, 66, told_as)
    return box


def _show_value(box: Any, value: float) -> None:
    """Show what holds, but not under the fingers of somebody who is typing."""
    if box.value() != value and not box.hasFocus():
        with QSignalBlocker(box):
            box.setValue(value)


def _small(widget: QWidget, width: int, told_as: str) -> None:
    widget.setFixedSize(width, ROW_PX)
    widget.setToolTip(told_as)
    widget.setAccessibleName(told_as.split(":")[0])
