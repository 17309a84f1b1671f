"""What stands between the thread that receives frames and those that take them."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shot:
    """One received frame: `pixels` are nobody else's, (rows, columns), and are never changed.

    `time_s` is the feed's own clock, `at_s` ours when it came; `wall_s` is when it was taken, in
    seconds since 1970 by the sender's clock, None = not told.
    """

    index: int
    time_s: float
    at_s: float
    pixels: npt.NDArray[Any]
    wall_s: float | None = None


class Slot:
    """Holds the newest frame, and nothing else: who looks later sees a later frame."""

    def __init__(self) -> None:
        self._newest: deque[Shot] = deque(maxlen=1)

    def put(self, shot: Shot) -> None:
        """Put a frame in the place of the one before; never waits."""
        self._newest.append(shot)

    def take(self) -> Shot | None:
        """Take the newest frame out; None where none came since the last one was taken."""
        try:
            return self._newest.pop()
        except IndexError:
            return None


class Handover:
    """A short row of frames for somebody who needs all of them but may be too slow.

    When the row is full it is emptied but for the newest frame, and what went is counted.

    Parameters
    ----------
    most
        How many frames it holds.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._row: deque[Shot] = deque()
        self._changed = threading.Condition()
        self._missed = 0

    @property
    def missed(self) -> int:
        """Frames that nobody took."""
        return self._missed

    def put(self, shot: Shot) -> None:
        """Add a frame; never waits for the taker."""
        with self._changed:
            if len(self._row) >= self._most:
                self._missed += len(self._row)
                self._row.clear()
            self._row.append(shot)
            self._changed.notify()

    def take(self, *, wait_s: float) -> Shot | None:
        """Take the oldest frame; None where none came within so many seconds."""
        with self._changed:
            if not self._row:
                self._changed.wait(wait_s)
            return self._row.popleft() if self._row else None

    def skip(self) -> None:
        """Leave out all that waits; it counts as missed."""
        with self._changed:
            self._missed += len(self._row)
            self._row.clear()
