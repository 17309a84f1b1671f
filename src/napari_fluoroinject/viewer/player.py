"""Plays the shown run on a clock of its own, and counts what the screen really drew."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from psygnal import Signal
from qtpy.QtCore import Qt, QTimer

from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.viewer.clock import Clock, acquired_rate, schedule
from napari_fluoroinject.viewer.wishes import Wishes

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.viewer.session import Session

PATIENCE_S = 1.0
"""A frame that is not drawn within this time is skipped: the window is hidden or far too slow."""
RATE_OVER = 31
"""Drawn frames over which the shown rate is taken."""


class Screen(Protocol):
    """What the player must know of the picture."""

    def on_drawn(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back each time the canvas was drawn; returns what ends that."""
        ...


class Player(Wishes, Closing):
    """Moves the session through the frames of its shown run.

    The next frame is asked for only after the screen drew the last one. Whoever goes to a frame
    by hand stops the playing. Opening another run stops it, too, and shows that run's first frame.

    Parameters
    ----------
    session
        Whose frame is moved.
    screen
        Tells when a frame was drawn.
    now_s
        A clock that never goes back.

    Attributes
    ----------
    changed
        Emitted when playing starts or stops, when a setting changes, and with each frame.
    """

    changed = Signal()

    def __init__(
        self, session: Session, screen: Screen, *, now_s: Callable[[], float] = time.perf_counter
    ) -> None:
        super().__init__()
        self._session, self._now_s = session, now_s
        self._clock: Clock | None = None
        self._playing = self._asking = self._renew = False
        self._drawn_s: deque[float] = deque(maxlen=RATE_OVER)
        self._uid = None if session.run is None else session.run.uid
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._tick)
        session.signals.frame.connect(self._moved)
        session.signals.shown.connect(self._run_shown)
        self._disconnect = screen.on_drawn(self._drawn)

    def close(self) -> None:
        """Stop, and hear nothing more."""
        self._playing, self._clock = False, None
        self._timer.stop()
        self._disconnect()
        self._session.signals.frame.disconnect(self._moved, missing_ok=True)
        self._session.signals.shown.disconnect(self._run_shown, missing_ok=True)

    # What it does

    @property
    def playing(self) -> bool:
        """Whether it plays."""
        return self._playing

    @property
    def last_frame(self) -> int:
        """The last frame of the shown run; 0 where there is none."""
        run = self._session.run
        return 0 if run is None else run.loop.shape[0] - 1

    @property
    def can_play(self) -> bool:
        """Whether there is more than one frame to play."""
        return self.window[1] > self.window[0]

    def play(self) -> None:
        """Go on from the shown frame; does nothing where there is only one."""
        if not self._playing and self.can_play:
            self._playing = True
            self._start()

    def pause(self) -> None:
        """Stop at the frame that was asked for last: it counts as soon as it is drawn."""
        if self._playing:
            self._playing = False
            if self._clock is None or not self._clock.pending:
                self._timer.stop()
            self.changed.emit()

    def toggle(self) -> None:
        """Play, or stop playing."""
        if self._playing:
            self.pause()
        else:
            self.play()

    def step(self, by: int) -> None:
        """Stop, and go some frames on or back; at an end of the window round to the other."""
        first, last = self.window
        if self._session.run is not None:
            place = self._session.frame - first + by
            span = last - first + 1
            self.go_to(first + (place % span if self._loop else min(max(place, 0), span - 1)))

    def go_to(self, frame: int) -> None:
        """Stop, and show this frame."""
        self.pause()
        self._session.go_to(frame)

    def to_first(self) -> None:
        """Stop at the first frame of the window."""
        self.go_to(self.window[0])

    def to_last(self) -> None:
        """Stop at the last frame of the window."""
        self.go_to(self.window[1])

    # What came of it

    @property
    def due(self) -> int:
        """Frames that were due since playing started: all that were shown, skipped or pending."""
        return 0 if self._clock is None else self._clock.due

    @property
    def shown(self) -> int:
        """Frames of those that the screen drew."""
        return 0 if self._clock is None else self._clock.shown

    @property
    def skipped(self) -> int:
        """Frames of those that it did not draw."""
        return 0 if self._clock is None else self._clock.skipped

    @property
    def pending(self) -> bool:
        """Whether a frame was asked for that is not drawn yet."""
        return self._clock is not None and self._clock.pending

    @property
    def shown_rate(self) -> float | None:
        """Frames drawn per second lately; None before there were two."""
        if len(self._drawn_s) < 2 or self._drawn_s[-1] <= self._drawn_s[0]:
            return None
        return (len(self._drawn_s) - 1) / (self._drawn_s[-1] - self._drawn_s[0])

    @property
    def acquired_rate(self) -> float | None:
        """Frames acquired per second; None = the file tells no times, and a rate is assumed."""
        run = self._session.run
        return None if run is None else acquired_rate(run.loop.times_s, run.loop.shape[0])

    # How it comes about

    def _start(self) -> None:
        run = self._session.run
        if run is None:
            return
        passes = schedule(
            run.loop.times_s,
            run.loop.shape[0],
            window=self.window,
            backwards=self._backwards,
            loop=self._loop,
        )
        self._renew = False
        self._drawn_s.clear()
        self._clock = Clock(
            passes, self._now_s(), start=self._session.frame, speed=self._speed, mode=self._mode
        )
        self._wait()
        self.changed.emit()

    def _set(self) -> None:
        """Count anew with the new settings, but not before what was asked for has been drawn."""
        if not self.can_play:
            self.pause()
        if self._playing and self.pending:
            self._renew = True
        elif self._playing:
            self._start()
        self.changed.emit()

    def _tick(self) -> None:
        clock = self._clock
        if clock is None:
            return
        if clock.missed():
            self._settled()
            return
        if clock.over:
            self.pause()
        frame = clock.ask(self._now_s()) if self._playing else None
        if frame is None:
            self._wait()
            return
        if frame == self._session.frame:  # due again, and still on the screen
            clock.drawn()
            self._settled()
        else:
            self._timer.start(int(PATIENCE_S * 1e3))
            self._ask(frame)
        # In the turn of the event loop that moves the picture: the window is painted once.
        self.changed.emit()

    def _ask(self, frame: int) -> None:
        self._asking = True
        try:
            self._session.go_to(frame)
        except BaseException:
            self.pause()  # a frame that cannot be shown is told once, not with every pass
            raise
        finally:
            self._asking = False

    def _drawn(self) -> None:
        # Called within the painting: nothing may be drawn or moved from here.
        if self._clock is not None and self._clock.drawn():
            self._drawn_s.append(self._now_s())
            self._settled()

    def _settled(self) -> None:
        """What was asked for was drawn, or will never be."""
        if self._playing:
            self._wait()
        else:
            self._timer.stop()
            self.changed.emit()

    def _wait(self) -> None:
        clock = self._clock
        if clock is None or not self._playing:
            return
        if self._renew:
            self._start()
        else:
            wait_s = 0.0 if clock.over else clock.wait_s(self._now_s())
            self._timer.start(math.ceil(wait_s * 1e3))

    def _moved(self, _frame: int) -> None:
        if not self._asking and self._clock is not None:
            self._clock.missed()
            self.pause()

    def _run_shown(self) -> None:
        uid = None if self._session.run is None else self._session.run.uid
        if uid == self._uid:
            return
        self._uid, self._clock, self._window = uid, None, None
        self._drawn_s.clear()
        self._timer.stop()
        self._playing = False
        self.changed.emit()
