"""How the plunger is pushed: a ramp, an uneven hand, an end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi, sin
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from napari_fluoroinject.phantom.scenery import SceneSpec

_STRENGTHS_MG_ML = (180.0, 240.0, 300.0)
_STOP_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """An injection from `onset_s` to `end_s`: mean rate, its unevenness, what is injected."""

    onset_s: float
    end_s: float
    mean_mm3_s: float
    uneven: float
    beat_s: float
    phase: float
    ramp_s: float
    iodine_mg_ml: float

    @property
    def peak_mm3_s(self) -> float:
        """A rate that is never exceeded."""
        return self.mean_mm3_s * (1 + self.uneven)

    def part(self, share: float) -> Injection:
        """The same injection with a share of its volume."""
        return replace(self, mean_mm3_s=self.mean_mm3_s * share)

    def rate_mm3_s(self, time_s: float) -> float:
        """The rate at a time."""
        since = time_s - self.onset_s
        if since <= 0 or time_s >= self.end_s:
            return 0.0
        ramp = min(since / self.ramp_s, (self.end_s - time_s) / _STOP_S, 1.0)
        swing = 1 + self.uneven * sin(2 * pi * since / self.beat_s + self.phase)
        return self.mean_mm3_s * ramp * swing


def draw_injection(spec: SceneSpec, onset_s: float, random: np.random.Generator) -> Injection:
    """Draw volume, rate, hand and strength (up to a quarter diluted) of an injection."""
    volume, rate = (
        1000 * float(random.uniform(*ends)) for ends in (spec.volume_ml, spec.rate_ml_s)
    )
    return Injection(
        onset_s=onset_s,
        end_s=onset_s + volume / rate,
        mean_mm3_s=rate,
        uneven=float(random.uniform(0.0, 0.4)),
        beat_s=float(random.uniform(0.6, 1.6)),
        phase=float(random.uniform(0.0, 2 * pi)),
        ramp_s=float(random.uniform(0.08, 0.35)),
        iodine_mg_ml=float(random.choice(_STRENGTHS_MG_ML)) * float(random.uniform(0.75, 1.0)),
    )
