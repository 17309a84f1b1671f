"""How a run is to be played: speed, mode, direction, and between which frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from napari_fluoroinject.viewer.clock import FASTEST, SLOWEST

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.clock import Mode


class Wishes(ABC):
    """What a person sets; whoever plays is told of each change through `_set`."""

    def __init__(self) -> None:
        self._mode: Mode = "time"
        self._speed, self._loop, self._backwards = 1.0, True, False
        self._window: tuple[int, int] | None = None

    @abstractmethod
    def _set(self) -> None:
        """Play as is wished now."""

    @property
    @abstractmethod
    def last_frame(self) -> int:
        """The last frame of the shown run; 0 where there is none."""

    @property
    def mode(self) -> Mode:
        """Whether late frames are left out (`time`) or all are shown (`every`)."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        self._set()

    @property
    def speed(self) -> float:
        """How much faster than acquired, 0.1 to 4."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._speed = min(max(speed, SLOWEST), FASTEST)
        self._set()

    @property
    def loop(self) -> bool:
        """Whether it starts again at the end."""
        return self._loop

    @loop.setter
    def loop(self, loop: bool) -> None:
        self._loop = loop
        self._set()

    @property
    def backwards(self) -> bool:
        """Whether time runs back."""
        return self._backwards

    @backwards.setter
    def backwards(self, backwards: bool) -> None:
        self._backwards = backwards
        self._set()

    @property
    def window(self) -> tuple[int, int]:
        """First and last frame that are played, counted from 0."""
        last = self.last_frame
        if self._window is None:
            return 0, last
        return min(self._window[0], last), min(self._window[1], last)

    @window.setter
    def window(self, window: tuple[int, int] | None) -> None:
        if window is not None:
            first, last = max(window[0], 0), max(window[1], 0)
            window = (min(first, last), max(first, last))
        self._window = window
        self._set()
