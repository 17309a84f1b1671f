"""What one task of a batch gets, and what it answers: JSON, never arrays."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

JOB_FOLDER = ".fluoroinject-batch"
"""Below OUT: the journal and whatever else a batch keeps for itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopOrder:
    """One loop that is to be analysed.

    Attributes
    ----------
    key
        Its SOP Instance UID, of the first frame: the name of its folder below OUT, and of its
        lines in the journal. It is worked on once in a batch.
    source
        As a person knows it (a file, an endpoint), for messages; never kept.
    paths
        Its files.
    beside
        Files of other loops and of dose reports of its study. They are read only.
    study_uid
        Study Instance UID, as far as it is known.
    asked
        What is asked for, as `confined.asked.asked_of` puts it.
    origin
        Names the state of what was fetched, for instance a hash of what an archive tells of the
        study: where the journal holds the same, the loop is done and its files are not looked at.
        None = judge by the files.
    """

    key: str
    source: str
    paths: tuple[Path, ...]
    beside: tuple[Path, ...] = ()
    study_uid: str | None = None
    asked: dict[str, Any] = field(default_factory=dict)
    origin: str | None = None

    def text(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def read(cls, line: str | bytes) -> LoopOrder:
        """Return what `text` gave."""
        told = json.loads(line)
        return cls(**told | {name: tuple(map(Path, told[name])) for name in ("paths", "beside")})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplanned:
    """A source, or part of one, that could not be read or fetched: a failure of the batch.

    `source` and `reason` are told to the person and kept nowhere; a further run tries again.
    """

    source: str
    reason: str
