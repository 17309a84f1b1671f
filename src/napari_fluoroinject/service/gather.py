"""Which received objects make the loop of a job, and what else came of its study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_fluoroinject.spool.index import Arrival, Index
    from napari_fluoroinject.spool.jobs import Jobs

MOST_BESIDE = 200
"""Other objects of the study that are looked at, the latest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Single pictures that make one loop: their files and UIDs, in the order of the frames."""

    paths: tuple[Path, ...]
    uids: tuple[str, ...]


def settled_s(fellows: Iterable[Arrival], *, settle_s: float) -> float:
    """When a series of single pictures is taken to be whole, in seconds since the epoch.

    Parameters
    ----------
    fellows
        Every object of the series, one at least.
    settle_s
        How long nothing more may have come.
    """
    return max(one.received_s for one in fellows) + settle_s


def frames_with(arrival: Arrival, fellows: Iterable[Arrival]) -> Frames:
    """Return the pictures that make one loop with this one; alone, where there are no others.

    Raises
    ------
    UnreadableObjectError
        The picture cannot be read, or not be put in order with its fellows.
    """
    from napari_fluoroinject.dicom.find import find_loops
    from napari_fluoroinject.errors import UnreadableObjectError

    uids = {one.path: one.sop_instance_uid for one in fellows if one.path.is_file()}
    fault: UnreadableObjectError | None = None
    for found in find_loops([*uids]):
        if isinstance(found, UnreadableObjectError):
            fault = fault or found
        elif arrival.path in found.paths:
            return Frames(paths=found.paths, uids=tuple(uids[path] for path in found.paths))
    raise fault or UnreadableObjectError(
        arrival.path.name, seen="a single picture", expected="a frame of a run"
    )


def already_analysed(frames: Frames, jobs: Jobs, *, since_s: float) -> str | None:
    """Return the UID of the frame under which these frames were analysed; None = not yet.

    Parameters
    ----------
    frames
        Of one loop.
    jobs
        Of the spool.
    since_s
        When the series was whole: an analysis that was begun before had fewer frames.
    """
    for uid in frames.uids:
        job = jobs.get(uid)
        over = job is not None and job.state in ("done", "failed")
        if over and job is not None and (job.begun_s or 0.0) >= since_s:
            return uid
    return None


def beside(arrival: Arrival, own: Iterable[str], index: Index) -> tuple[Path, ...]:
    """Return loops and dose reports of the same study that are not this loop, and still there.

    Parameters
    ----------
    arrival
        An object of the loop.
    own
        UIDs of all objects of the loop.
    index
        Of the spool.
    """
    from napari_fluoroinject.dicom.find import FETCHED_CLASSES

    mine = set(own)
    others = [
        one.path
        for one in index.study(arrival.study_instance_uid)
        if one.sop_class_uid in FETCHED_CLASSES
        and one.sop_instance_uid not in mine
        and one.path.is_file()
    ]
    return tuple(others[-MOST_BESIDE:])
