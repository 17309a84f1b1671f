"""How a batch is run, how it stands, and what it did."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path

from napari_fluoroinject.batch.task import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a batch is run.

    Attributes
    ----------
    out
        Folder of the results.
    limits
        Of one loop.
    retry
        Whether loops that failed, or were set aside, are tried again.
    ahead
        How many loops are planned before they can be worked on.
    token
        Stands in a file of `out`, by which workers elsewhere know it again.
    """

    out: Path
    limits: Limits = field(default_factory=Limits)
    retry: bool = False
    ahead: int = 10_000
    token: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A loop without results, or a source that could not be planned; `key` None for that.

    `state` is `failed`, `set_aside`, or `unplanned`; `before` tells that it ended in an earlier
    run and was not tried again.
    """

    key: str | None
    source: str
    state: str
    reason: str
    before: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a batch stands: loops by what became of them.

    `failed` counts those of earlier runs, too, and sources; `worked` the loops on which the work
    has ended in this run. `left` is None until all is planned.
    """

    done: int
    kept: int
    failed: int
    worked: int
    working: int
    left: int | None
    seconds: float

    @property
    def loops_per_hour(self) -> float | None:
        """How many are worked on in an hour at this rate; None before the first."""
        return 3600 * self.worked / self.seconds if self.worked and self.seconds else None

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the end at this rate; None until that can be estimated."""
        if self.left is None or not self.worked:
            return None
        return self.seconds / self.worked * self.left


@dataclass(slots=True, kw_only=True)
class BatchOutcome:
    """What a batch did.

    Attributes
    ----------
    done, kept, copies
        Loops with results: of this run, of earlier ones; and how many orders were copies of them.
    anew
        Loops of this run that had results before: they, their files, the request or the program
        had changed.
    failures
        All that has no results.
    stopped
        Whether it was stopped before the end.
    seconds, cpu_seconds, peak_bytes
        What this run took; processor time of the analyses, and the most memory of one.
    damaged
        Lines of the journal that could not be read.
    """

    done: int = 0
    kept: int = 0
    copies: int = 0
    anew: int = 0
    failures: list[Failure] = field(default_factory=list)
    stopped: bool = False
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    damaged: int = 0

    @property
    def complete(self) -> bool:
        """Whether every loop has its results."""
        return not (self.failures or self.stopped)
