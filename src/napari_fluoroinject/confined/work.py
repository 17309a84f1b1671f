"""What is asked of an analysis in a process of its own, and what it answers."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
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
    asked
        What is asked for, as `asked_of` puts it, in place of all that `config`, `procedure`,
        `level` and `side` say; None = those say it.
    recover
        Whether `out` is first put right where a killed run left something; whoever orders many
        does that once.
    memory_bytes, niceness
        Limits of the process.
    decoded
        A folder of frames that were decoded ahead; None = there is none.
    decode_bytes
        Where it is set, the frames are decoded into `decoded`, so many bytes at most, and no
        more is done.
    limit_names
        What a person sets to change the limits of time and memory, for the reason of a failure.
    """

    paths: tuple[Path, ...]
    beside: tuple[Path, ...] = ()
    out: Path
    procedure: str
    level: str | None = None
    side: Side | None = None
    config: Path | None = None
    asked: dict[str, Any] | None = None
    recover: bool = True
    memory_bytes: int
    niceness: int = 10
    decoded: Path | None = None
    decode_bytes: int | None = None
    limit_names: tuple[str, str] = ("service.time_limit_s", "service.memory_limit_mb")

    def text(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def read(cls, line: str | bytes) -> WorkOrder:
        """Return what `text` gave."""
        told = json.loads(line)
        told |= {name: tuple(map(Path, told[name])) for name in ("paths", "beside")}
        told["limit_names"] = tuple(told["limit_names"])
        places = [name for name in ("out", "config", "decoded") if told[name] is not None]
        told |= {name: Path(told[name]) for name in places}
        return cls(**told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What the work on one loop cost its process; `peak_bytes` None where it cannot be told."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int | None


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
    spent: Spent | None = field(default=None, compare=False)

    def text(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps({"worked": asdict(self)}, default=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotWorked:
    """A loop that was not; `reason` holds nothing of the patient.

    `lost` tells that its process was: it took too long, it crashed, or something killed it.
    """

    fault: Fault
    reason: str
    lost: bool = False
    spent: Spent | None = field(default=None, compare=False)

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
            one = told["not_worked"]
            return NotWorked(**one | {"spent": _spent(one["spent"])})
        one = told["worked"]
        files = tuple(ResultFile(**file | {"path": Path(file["path"])}) for file in one["files"])
        told = {"folder": Path(one["folder"]), "files": files, "spent": _spent(one["spent"])}
        return Worked(**one | told)
    except (ValueError, KeyError, TypeError):
        return None


def _spent(told: dict[str, Any] | None) -> Spent | None:
    return None if told is None else Spent(**told)
