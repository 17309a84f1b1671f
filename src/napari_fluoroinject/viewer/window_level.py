"""Window and level by dragging: across for the width, up and down for the middle."""

from __future__ import annotations

from dataclasses import dataclass

PX_OF_RANGE = 400.0
"""Screen pixels over which a drag changes width or middle by the width at its start."""
NARROWEST_SHARE = 0.002
"""Of the first width: a window never closes altogether."""
DOUBLE_S = 0.4
"""Two presses within this time are a double press."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The stored values between which a picture is shown."""

    low: float
    high: float

    @property
    def width(self) -> float:
        """From black to white."""
        return self.high - self.low

    @property
    def level(self) -> float:
        """The middle."""
        return (self.low + self.high) / 2

    def dragged(self, right_px: float, down_px: float) -> Window:
        """Return the window after a drag: to the right wider, upwards a higher middle."""
        share = right_px / PX_OF_RANGE
        width = max(self.width * (1 + share), self.width * NARROWEST_SHARE)
        level = self.level - self.width * down_px / PX_OF_RANGE
        return Window(low=level - width / 2, high=level + width / 2)

    def told(self) -> str:
        """Return its numbers in words."""
        return f"window {self.width:.0f} · level {self.level:.0f}"


class Presses:
    """Tells a double press from two single ones; times are in seconds of any clock."""

    def __init__(self) -> None:
        self._last_s: float | None = None

    def press(self, now_s: float) -> bool:
        """Take a press; returns whether it is the second of a double press."""
        double = self._last_s is not None and now_s - self._last_s <= DOUBLE_S
        self._last_s = None if double else now_s
        return double

    def used(self) -> None:
        """Say that the last press was used for something else: it begins no double press."""
        self._last_s = None
