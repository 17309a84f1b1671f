"""How far a loop shows the pattern that a procedure expects, and what of it was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_fluoroinject.model.measurement import MeasureId

ExpectedState = Literal["shown", "not shown", "not judged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldFeature:
    """One feature of a pattern as it was measured, beside what the pattern takes.

    `of`, `view`, `value` and `sigma` (one standard deviation) are those of the measure, in `unit`
    (UCUM), as `limit` is; `reached` says that the value stands at `least` or at `most` at the
    limit with one standard deviation to spare.
    """

    measure: MeasureId
    of: str | None
    view: str | None
    value: float
    sigma: float | None
    unit: str
    bound: Literal["least", "most"]
    limit: float
    reached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedPattern:
    """Whether the features of one expected pattern were seen in the view of the loop.

    `pattern` is its id and `name` its words. `score` is 1 where the weakest feature reaches its
    limit, None where that was `not judged`, and then `reason` says why. `told` are the features
    of the look that comes nearest. `text` says all that for a person: it never says that nothing
    else is there.
    """

    pattern: str
    name: str
    state: ExpectedState
    score: float | None
    text: str
    told: tuple[ToldFeature, ...] = ()
    reason: str = ""

    def __post_init__(self) -> None:
        judged = self.state != "not judged"
        if judged != (self.score is not None) or judged == bool(self.reason):
            raise ValueError(
                f"expected pattern {self.pattern}: a score, or the reason why it was not judged; "
                f"got {self.state!r} with score {self.score!r} and reason {self.reason!r}"
            )
