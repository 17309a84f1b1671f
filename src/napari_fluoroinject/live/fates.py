"""What became of each run of a recording: written beside it, on its way, or acknowledged."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_fluoroinject.errors import EndpointError
from napari_fluoroinject.spool.disk import fsync, write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

OUTGOING = "outgoing"
"""Folder within that of the recordings, of runs that nobody has acknowledged yet."""
Where = Literal["recording", "written", "waiting", "handed"]
"""In its recording alone, written beside it, on its way, or acknowledged by somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where a run goes to, and which it is; None = that is not told."""

    to: str
    recording: str | None = None
    run: int | None = None

    def text(self) -> bytes:
        """Return it as JSON."""
        return json.dumps({"to": self.to, "recording": self.recording, "run": self.run}).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of a run; `to` is whom it goes or went to, else empty."""

    where: Where
    to: str = ""


def beside(folder: Path, number: int) -> Path:
    """Where a run is written that goes nowhere."""
    return folder / f"run-{number:03d}.dcm"


def read_way(order: Path) -> Way:
    """What was written beside a run that waits.

    Raises
    ------
    EndpointError
        It cannot be read, or is something else.
    """
    try:
        told = json.loads(order.read_bytes())
        recording, run = told.get("recording"), told.get("run")
        return Way(
            to=str(told["to"]),
            recording=None if recording is None else Path(str(recording)).name,
            run=None if run is None else int(run),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EndpointError(
            "a run that waits does not say where it goes to; expected the file that was written "
            "with it"
        ) from error


def note_handed(root: Path, way: Way) -> None:
    """Note beside its recording that a run was acknowledged; a recording that is gone says none.

    Parameters
    ----------
    root
        Folder of the recordings.
    way
        Which run, and who has it now.
    """
    if way.recording is None or way.run is None:
        return
    note = _noted(root / way.recording, way.run)
    with suppress(OSError):
        write_whole(note, json.dumps({"to": way.to}).encode(), mode=0o600)
        fsync(note)
        fsync(note.parent)


def waiting_in(root: Path) -> dict[tuple[str, int], str]:
    """Which runs of the recordings in a folder wait to be handed over, and to whom."""
    found: dict[tuple[str, int], str] = {}
    for order in sorted((root / OUTGOING).glob("*.json")):
        with suppress(EndpointError):
            way = read_way(order)
            if way.recording is not None and way.run is not None:
                found[way.recording, way.run] = way.to
    return found


def fate_of(folder: Path, number: int, waiting: Mapping[tuple[str, int], str]) -> Fate:
    """What became of a run.

    Parameters
    ----------
    folder, number
        Its recording, and its number from 1.
    waiting
        Those that wait, as `waiting_in` tells them.
    """
    to = waiting.get((folder.name, number))
    if to is not None:
        return Fate(where="waiting", to=to)
    with suppress(OSError, ValueError, KeyError, TypeError):
        return Fate(where="handed", to=str(json.loads(_noted(folder, number).read_bytes())["to"]))
    return Fate(where="written" if beside(folder, number).exists() else "recording")


def _noted(folder: Path, number: int) -> Path:
    return folder / f"run-{number:03d}.handed"
