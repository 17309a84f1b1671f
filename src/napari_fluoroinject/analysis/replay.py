"""A recorded loop fed frame by frame into the live maps, and what each frame took."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.following import FrameStatus, LiveSnapshot
from napari_fluoroinject.analysis.live import MASK_FRAMES, LiveMaps, warm_up
from napari_fluoroinject.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.cine import CineLoop


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedFrame:
    """One frame: what it told, and seconds that its decoding took."""

    status: FrameStatus
    decode_s: float

    @property
    def took_s(self) -> float:
        """Seconds from the encoded frame to the updated maps."""
        return self.decode_s + self.status.registration_s + self.status.maps_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Milliseconds of a frame over a loop."""

    median_ms: float
    p99_ms: float
    largest_ms: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replay:
    """A loop that was replayed.

    Attributes
    ----------
    frames
        Every frame in turn.
    late
        Frames that took longer than the time to the next frame.
    snapshot
        The maps at the end; None where no frame came into them.
    """

    frames: tuple[ReplayedFrame, ...]
    late: tuple[int, ...]
    snapshot: LiveSnapshot | None

    @property
    def lost(self) -> tuple[int, ...]:
        """Frames that the registration lost."""
        return tuple(one.status.frame for one in self.frames if not one.status.locked)

    def spent(self) -> dict[str, Spent]:
        """What frames took as a whole and in parts."""
        parts = {
            "all": [one.took_s for one in self.frames],
            "decoding": [one.decode_s for one in self.frames],
            "registration": [one.status.registration_s for one in self.frames],
            "maps": [one.status.maps_s for one in self.frames],
        }
        return {name: _spent(np.array(seconds)) for name, seconds in parts.items()}


def replay_loop(
    loop: CineLoop,
    *,
    on: Backend,
    mask_frames: int | None = MASK_FRAMES,
    told: Callable[[ReplayedFrame], None] = lambda _: None,
) -> Replay:
    """Feed a loop into `LiveMaps` as fast as it goes, one frame decoded at a time.

    Parameters
    ----------
    loop
        A loop with frame times.
    on
        The compute backend.
    mask_frames
        Frames before contrast that are taken as the mask.
    told
        Called after each frame.

    Raises
    ------
    AnalysisError
        The loop has no frame times, or so many mask frames cannot be.
    UnreadableObjectError
        A frame cannot be decoded.
    """
    if loop.times_s is None:
        raise AnalysisError("this loop has no frame times; expected some: maps are maps of time")
    live = LiveMaps(
        loop.intensity,
        loop.shape[1:],
        on=on,
        mask_frames=mask_frames,
        header_field=loop.open_field,
    )
    warm_up(loop.frames.frame(0), loop.intensity, on=on)
    frames = []
    for index, time_s in enumerate(loop.times_s):
        began = perf_counter()
        stored = loop.frames.frame(index)
        decoded = perf_counter()
        status = live.add(stored, float(time_s))
        frames.append(ReplayedFrame(status=status, decode_s=decoded - began))
        told(frames[-1])
    intervals = np.diff(loop.times_s)
    late = [k for k, interval in enumerate(intervals) if frames[k].took_s > interval]
    return Replay(frames=tuple(frames), late=tuple(late), snapshot=live.maps())


def _spent(seconds: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Spent:
    return Spent(
        median_ms=1e3 * float(np.median(seconds)),
        p99_ms=1e3 * float(np.percentile(seconds, 99)),
        largest_ms=1e3 * float(seconds.max()),
    )
