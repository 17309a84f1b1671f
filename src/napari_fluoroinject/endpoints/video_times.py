"""Times of a video's frames that always rise, also where those it comes with do not."""

from __future__ import annotations

from dataclasses import dataclass

_JUMP_S = 10.0
"""A live picture cannot come so much later by its own clock than by ours."""
_LEAST_S = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Seconds since the first frame, and what was wrong with the frame's own time, if anything."""

    time_s: float
    fault: str = ""


class RisingTimes:
    """Frame times by the video's own clock; by that of arrival where this one is of no use.

    Parameters
    ----------
    live
        Whether frames come as they are taken, so that both clocks must go alike.
    """

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._last_s: float | None = None
        self._arrived_s = 0.0
        self._offset_s: float | None = None
        self._step_s = 1 / 30

    def restart(self) -> None:
        """The video's clock starts anew with the next frame."""
        self._offset_s = None

    def of(self, own_s: float | None, arrived_s: float) -> Timed:
        """Time of the next frame; `own_s` None = it came without."""
        if self._last_s is None:
            time_s, fault = 0.0, "" if own_s is not None else "they come without times"
        else:
            time_s, fault = self._later(own_s, arrived_s, self._last_s)
            self._step_s = max(time_s - self._last_s, _LEAST_S)
        if own_s is not None and (self._offset_s is None or fault):
            self._offset_s = time_s - own_s
        self._last_s, self._arrived_s = time_s, arrived_s
        return Timed(time_s=time_s, fault=fault)

    def _later(self, own_s: float | None, arrived_s: float, last_s: float) -> tuple[float, str]:
        waited_s = max(arrived_s - self._arrived_s, _LEAST_S) if self._live else self._step_s
        by_arrival = last_s + waited_s
        if own_s is None:
            return by_arrival, "they come without times"
        if self._offset_s is None:
            return by_arrival, ""
        own_s += self._offset_s
        if own_s <= last_s:
            return by_arrival, "its times go back"
        if self._live and own_s - last_s > waited_s + _JUMP_S:
            return by_arrival, "its times jump ahead"
        return own_s, ""
