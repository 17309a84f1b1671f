"""What is asked of an analysis in a process of its own, and what it answers."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from napari_fluoroinject.model.geometry import Side

Fault = Literal["refused", "storage", "broken", "killed"]
"""Of the loop for good; of the disk for now; of the process; of somebody who ended it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrder:
    """One loop that is to be analysed.

    Attributes
    ----------
    paths
        Its files.
    beside
        What else is known of its study: other loops and dose reports. They are read only.
    out
        Folder for the results.
    procedure, level, side
        As decided.
    config
        The settings file; None = there is none.
    memory_bytes, niceness
        Limits of the process.
    """

    paths: tuple[Path, ...]
    beside: tuple[Path, ...] = ()
    out: Path
    procedure: str
    level: str | None = None
    side: Side | None = None
    config: Path | None = None
    memory_bytes: int
    niceness: int = 10

    def text(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def read(cls, line: str | bytes) -> WorkOrder:
        """Return what `text` gave."""
        told = json.loads(line)
        told |= {name: tuple(map(Path, told[name])) for name in ("paths", "beside")}
        told |= {name: Path(told[name]) for name in ("out", "config") if told[name] is not None}
        return cls(**told)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFile:
    """A DICOM object among the results; `sha256` is that of the whole file."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """A loop that was analysed.

    `source_uid` is its SOP Instance UID, of the first frame; `warnings` is how many were raised.
    """

    source_uid: str
    folder: Path
    warnings: int
    files: tuple[ResultFile, ...]

    def text(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps({"worked": asdict(self)}, default=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotWorked:
    """A loop that was not; `reason` holds nothing of the patient."""

    fault: Fault
    reason: str

    def text(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps({"not_worked": asdict(self)})


def read_answer(line: str | bytes) -> Worked | NotWorked | None:
    """Read what an analysis answered; None where that is no answer.

    Parameters
    ----------
    line
        What `text` gave, or what a broken process left of it.
    """
    try:
        told: dict[str, Any] = json.loads(line)
        if "not_worked" in told:
            return NotWorked(**told["not_worked"])
        one = told["worked"]
        files = tuple(ResultFile(**file | {"path": Path(file["path"])}) for file in one["files"])
        return Worked(**one | {"folder": Path(one["folder"]), "files": files})
    except (ValueError, KeyError, TypeError):
        return None
