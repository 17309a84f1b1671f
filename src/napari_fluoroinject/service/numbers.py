"""What is known of a service at one moment, for the counters, the health and the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What only the running service knows; all else is read from its spool.

    Attributes
    ----------
    reserve_bytes
        Free space of the spool below which nothing is taken.
    notice_after_s
        How long results wait for a destination until a person is told.
    associations
        How many are open now.
    echoes
        Whether the receiver answers a C-ECHO; asked every ten seconds at most, may take seconds.
    parts
        The parts that must run (`receiver`, `worker`, `sender`), and whether each does.
    flush
        Writes what was counted and not yet kept; called before the numbers are read.
    knows
        Whether the settings know a destination that results are queued for.
    """

    reserve_bytes: int = 64 << 20
    notice_after_s: float = 300.0
    associations: Callable[[], int] | None = None
    echoes: Callable[[], bool] | None = None
    parts: Callable[[], Mapping[str, bool]] | None = None
    flush: Callable[[], None] | None = None
    knows: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """One object that came lately; `warnings` is None before its analysis."""

    sop_instance_uid: str
    received_s: float
    caller: str
    state: str
    procedure: str | None = None
    basis: str | None = None
    warnings: int | None = None
    results: int = 0
    returned: int = 0
    kept: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Results that wait for one destination: how many, the oldest one's age, the last failure.

    `last_error` is in our words, not in the destination's; None where none is known.
    """

    destination: str
    count: int
    oldest_s: float
    last_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Counts, sizes and ages at `now_s`; what is unknown is None.

    Attributes
    ----------
    received, received_bytes, duplicates
        Objects that were acknowledged, their size, and how often one came again.
    refused, associations_refused
        By DIMSE status (`0xA700`), and by cause.
    jobs, queue
        By state, as `spool.overview.Overview` has them.
    waiting, notice_after_s
        Results that wait, by destination; from which age on a person is told.
    oldest_unsent_s, oldest_uncommitted_s
        Age of the oldest result that was not sent, or whose keeping is not confirmed.
    unknown
        Destinations that results wait for, and that the settings do not know.
    parts
        Which parts of the service run; None = it is just starting.
    echoes
        Whether the receiver answers.
    database_fault
        Why the database cannot be read; the counts are then empty.
    latest
        Newest first.
    """

    now_s: float
    version: str
    started_s: float
    received: int = 0
    received_bytes: int = 0
    duplicates: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    associations: int | None = None
    associations_accepted: int = 0
    associations_refused: Mapping[str, int] = field(default_factory=dict)
    jobs: Mapping[str, int] = field(default_factory=dict)
    queue: Mapping[str, int] = field(default_factory=dict)
    waiting: tuple[Waiting, ...] = ()
    notice_after_s: float = 300.0
    oldest_unsent_s: float | None = None
    oldest_uncommitted_s: float | None = None
    free_bytes: int | None = None
    reserve_bytes: int = 0
    quarantined: int = 0
    quarantined_bytes: int = 0
    resident_bytes: int | None = None
    last_analysis_s: float | None = None
    unknown: tuple[str, ...] = ()
    parts: Mapping[str, bool | None] = field(default_factory=dict)
    echoes: bool | None = None
    database_fault: str | None = None
    latest: tuple[Latest, ...] = ()
