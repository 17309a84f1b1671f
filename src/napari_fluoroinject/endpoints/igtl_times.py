"""Times and numbers of pictures, by what an OpenIGTLink sender tells and when they came."""

from __future__ import annotations

_LEAP_S = 10.0
"""A clock that runs ahead of ours by more than this, from one picture to the next, was set."""
_LEAST_S = 1e-6
_WALL_S = (946684800.0, 4102444800.0)
"""From 2000 to 2100: times outside count from something else than 1970."""
_IN_ROW = 3
_MOST_LOST = 10_000


class Times:
    """Seconds since the first picture: by the sender's clock as long as that makes sense.

    They rise, also over a connection that was lost. Where the sender tells no time, the same
    again, or an earlier one, times of reception are used until it is connected again.
    """

    def __init__(self) -> None:
        self._time_s: float | None = None
        self._stamp_s: float | None = None
        self._came_s = 0.0
        self._by_sender = True
        self._anew = True

    def begin_anew(self) -> None:
        """Say that it was connected again."""
        self._by_sender = self._anew = True

    def of(self, stamp_s: float | None, now_s: float) -> tuple[float, str | None]:
        """The time of a picture, and a sentence where its sender's clock is left from now on.

        Parameters
        ----------
        stamp_s
            What the sender told; None = nothing.
        now_s
            When it came, in seconds that go on.
        """
        since_s = now_s - self._came_s
        trouble = self._trouble(stamp_s, since_s) if self._by_sender else None
        if trouble:
            self._by_sender = False
        if self._time_s is None:
            time_s = 0.0
        else:
            step_s = self._step_s(stamp_s, since_s) if self._by_sender else None
            time_s = self._time_s + (step_s or max(since_s, _LEAST_S))
        self._time_s, self._stamp_s, self._came_s = time_s, stamp_s, now_s
        self._anew = False
        return time_s, trouble

    def _trouble(self, stamp_s: float | None, since_s: float) -> str | None:
        if stamp_s is None:
            return "the sender tells no times: those of reception are used"
        if self._stamp_s is None or self._anew:
            return None
        step_s = stamp_s - self._stamp_s
        if step_s < 0:
            return "the sender's times run backwards: those of reception are used"
        if step_s == 0:
            return "the sender tells one time twice: those of reception are used"
        if step_s > since_s + _LEAP_S:
            return f"the sender's times leap by {step_s:.0f} s: those of reception are used"
        return None

    def _step_s(self, stamp_s: float | None, since_s: float) -> float | None:
        """Since the last picture, by the sender's clock; None where that does not go on."""
        if stamp_s is None or self._stamp_s is None:
            return None
        step_s = stamp_s - self._stamp_s
        goes_on = step_s > 0 and (not self._anew or abs(step_s - since_s) <= _LEAP_S)
        return step_s if goes_on else None


def wall_time(stamp_s: float | None) -> float | None:
    """When a picture was taken, in seconds since 1970; None where the sender counts otherwise."""
    return stamp_s if stamp_s is not None and _WALL_S[0] < stamp_s < _WALL_S[1] else None


class Numbers:
    """Finds pictures that are missing, where a sender numbers them one by one."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._in_row = 0

    def missing(self, number: int | None) -> int:
        """How many are missing before this one; 0 where its sender numbers in another way."""
        last, self._last = self._last, number
        if number is None or last is None:
            self._in_row = 0
            return 0
        step = number - last
        if step == 1:
            self._in_row += 1
            return 0
        if self._in_row >= _IN_ROW and 1 < step <= _MOST_LOST:
            return step - 1
        self._in_row = 0
        return 0
