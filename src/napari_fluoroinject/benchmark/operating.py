"""Operating points: how much is found at a rate of false alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

FALSE_ALARM_RATES = (0.0, 0.02, 0.05, 0.10)
"""At which the sensitivity is told, beside that of the analysis' own threshold."""

CAVEAT = (
    "Synthetic loops: these figures are not clinical ones, and say nothing of patients, of real "
    "vessels or of a C-arm. The thresholds of the stated false-alarm rates are read from the very "
    "loops of the row."
)


def sensitivity_at(
    found: Sequence[float], quiet: Sequence[float], rate: float
) -> tuple[float, float]:
    """Share of `found` above the lowest threshold that at most `rate` of `quiet` exceed.

    Returns
    -------
    tuple
        The share and the threshold; a score counts as an alarm if it is greater.
    """
    allowed = int(rate * len(quiet) + 1e-9)
    threshold = sorted(quiet, reverse=True)[allowed] if allowed < len(quiet) else -np.inf
    return float(np.mean(np.asarray(found) > threshold)), float(threshold)


def comparable(scores: Sequence[float | None]) -> list[float]:
    """Scores; a loop that could not be judged raises no alarm and stands below all others."""
    return [-np.inf if score is None else score for score in scores]
