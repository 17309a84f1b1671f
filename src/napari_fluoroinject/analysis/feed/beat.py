"""The rhythm of exposures in a screen's grabs whose lossy coding hides which of them are new."""

from __future__ import annotations

from collections import deque

import numpy as np

PULSES_HZ = (30.0, 25.0, 20.0, 15.0, 12.5, 10.0, 8.0, 7.5, 6.0, 5.0, 4.0, 3.75, 3.0)
"""Exposures a second that C-arms are set to."""
_LEAST_GRABS_HZ = 40.0
"""A feed that is faster than any pulsed exposure repeats; a slower one need not."""
_REMEMBERED, _FEWEST, _EVERY = 120, 48, 8
_SMOOTH = 25
"""Grabs over which slow changes of what is coded are taken off."""
_FLOOR = 0.2
"""Added before the logarithm, as a share of the mean change."""
_TAMED, _MAD = 2.0, 0.6745
"""Sigmas at which a change is cut off: begin and end of exposures are stronger than any rhythm."""
_POWER, _LOST_POWER = 8.0, 4.0
"""Of the changes at a rate, where noise has 1: from here there is a rhythm, below it has ended."""


class Beat:
    """Finds the rate of exposures by which the changes of grabs come and go."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)
        self._count, self._apart_s = 0, 0.0
        self._found: tuple[float, float] | None = None
        self._last_s = -np.inf

    def see(self, change: float, time_s: float) -> bool | None:
        """Whether the next grab ought to show an exposure; None where there is no rhythm."""
        self._seen.append((time_s, change))
        self._count += 1
        if self._count >= _FEWEST and self._count % _EVERY == 0:
            self._fit()
        if self._found is None:
            return None
        period_s, phase_s = self._found
        due_s = phase_s + round((time_s - phase_s) / period_s) * period_s
        if (
            change <= 0
            or time_s < due_s - self._apart_s / 2
            or self._last_s > due_s - period_s / 2
        ):
            return False
        self._last_s = time_s
        return True

    def _fit(self) -> None:
        times_s, changes = np.array(self._seen, np.float64).T
        self._apart_s = float(np.median(np.diff(times_s)))
        if self._apart_s * _LEAST_GRABS_HZ > 1 or not changes.any():
            return
        size = np.log(changes + _FLOOR * changes.mean())
        wide = np.pad(size, _SMOOTH // 2, mode="edge")
        size -= np.convolve(wide, np.full(_SMOOTH, 1 / _SMOOTH), "valid")
        usual = float(np.median(np.abs(size))) / _MAD
        size = np.clip(size, -_TAMED * usual, _TAMED * usual)
        size -= size.mean()
        rates_hz = np.array([rate for rate in PULSES_HZ if rate * self._apart_s < 0.6])
        turns = np.exp(-2j * np.pi * rates_hz[:, None] * (times_s - times_s[0]))
        sums = turns @ size
        power = np.abs(sums) ** 2 / max(1e-12, float(np.square(size).sum()))
        best = int(power.argmax())
        if power[best] < _POWER:
            if self._found is not None and power[best] < _LOST_POWER:
                self._found = None
            return
        period_s = 1.0 / float(rates_hz[best])
        late = -float(np.angle(sums[best])) / (2 * np.pi)
        self._found = period_s, float(times_s[0]) + late * period_s
