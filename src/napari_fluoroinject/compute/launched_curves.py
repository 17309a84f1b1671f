"""`curve_maps` and its online form as launches of the CUDA kernels that follow curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.compute.cuda_source import kernel_constant
from napari_fluoroinject.compute.curves import CurveMaps, Exposures, check_frames, check_later
from napari_fluoroinject.compute.device import Buffer
from napari_fluoroinject.compute.taps import curve_taps
from napari_fluoroinject.errors import BackendFailedError
from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_fluoroinject.compute.curves import Exposure, Subtraction
    from napari_fluoroinject.compute.device import Argument, Device, Lane
    from napari_fluoroinject.model.arrays import StoredArray

_KINDS = ("uint8", "uint16", "int16")
_MAPS = 7
_STEP = 16
"""Numbers of `struct Step`."""
_FLAG = 4
"""Bytes of a word of flags."""


def curve_maps(
    device: Device, stored: StoredArray, exposures: Exposures, subtraction: Subtraction
) -> CurveMaps:
    """See `backend.Kernels`.

    The frames cross the bus once. Turns are as long as device memory allows, for what is known of
    the pixels is read and written once a turn; while one is followed the next is on its way.
    """
    check_frames(stored, len(exposures.times_s), subtraction)
    kind = _kind(stored)
    steps, area = _steps(exposures), np.zeros(len(stored), dtype=np.int64)
    with device.work() as lanes:
        curves = _Curves.on(lanes[0], kind, subtraction)
        lanes[0].finish()
        last, counts = lanes[-1], []
        for lane, part in _turns(device, lanes, stored):
            chunk = _sent(device, lane, stored[part], curves.kind)
            last.finish()  # what is known lies in one place: the turn before must be done
            counts.append(curves.follow(lane, chunk, steps[part], before=part.start))
            last = lane
        last.finish()
        maps, at_end = curves.read(last, steps[-1])
        last.finish()
    # Each frame settles the value of the one before it.
    above = np.concatenate([one.total() for one in counts])
    area[:-1], area[-1] = above[1:], at_end.total()[0]
    return _maps(maps, area)


class LaunchedFollower:
    """See `curves.Follower`; what is known of the pixels stays on the device."""

    def __init__(self, device: Device, subtraction: Subtraction) -> None:
        self._device, self._subtraction = device, subtraction
        self._curves: _Curves | None = None
        self._latest: list[Exposure] = []
        self._area: list[int] = []
        self._failed = False

    def add(self, stored: StoredArray, exposure: Exposure, /) -> int:
        """See `curves.Follower`.

        Raises
        ------
        BackendFailedError
            The device fails, or failed at an earlier frame: what is known is not whole.
        """
        self._check()
        one = stored[None]
        check_frames(one, 1, self._subtraction)
        check_later(exposure.time_s, [before.time_s for before in self._latest])
        kind = _kind(stored)
        if self._curves is not None and kind != self._curves.kind:
            raise ValueError(f"a frame of {kind} after frames of {self._curves.kind}")
        latest = [*self._latest, exposure]
        step = _steps(Exposures.of(latest))[-2:-1]
        with self._device.work() as lanes:
            lane = lanes[0]
            if self._curves is None:
                self._curves = _Curves.on(lane, kind, self._subtraction)
            self._failed = True  # until it has come to its end
            chunk = lane.put(one, kind)
            counts = self._curves.follow(lane, chunk, step, before=len(self._area))
            lane.finish()
        self._failed = False
        self._latest = latest[-2:]
        self._area.append(int(counts.total()[0]))
        return self._area[-1]

    def maps(self) -> CurveMaps:
        """See `curves.Follower`.

        Raises
        ------
        BackendFailedError
            As `add`.
        """
        self._check()
        if self._curves is None:
            raise ValueError("no frame was followed; expected one at least")
        step = _steps(Exposures.of(self._latest))[-1]
        with self._device.work() as lanes:
            maps, at_end = self._curves.read(lanes[0], step)
            lanes[0].finish()
        return _maps(maps, np.array([*self._area[1:], at_end.total()[0]]))

    def _check(self) -> None:
        if self._failed:
            raise BackendFailedError(
                "an earlier frame failed, and what was known of the frames before it is lost; "
                "begin anew, or run with --on cpu, which computes the same"
            )


def _kind(stored: StoredArray) -> str:
    """The type of stored values, for which there must be a kernel."""
    kind = stored.dtype.name
    if kind not in _KINDS:
        raise ValueError(f"stored values of {kind}; expected {', '.join(_KINDS)}")
    return kind


def _steps(exposures: Exposures) -> FloatArray:
    """What the kernel is told of consecutive frames, and of one after them, (frames + 1, 16).

    In the order of `struct Step` in follow.cu; the weights are those of `curves.curve_weights`.
    """
    times = exposures.times_s
    # Before the first frame and after the last time stands still.
    around = np.concatenate([times[:1], times[:1], times, times[-1:]])
    first, weights = curve_taps(exposures.shift_px)
    steps = np.zeros((len(times) + 1, _STEP), dtype=np.float32)
    steps[:-1, :2] = first
    steps[:-1, 2:10] = weights.reshape(len(times), -1)
    steps[:-1, 10] = exposures.offset
    steps[:, 11:14] = np.column_stack([around[:-2], around[1:-1], (around[2:] - around[:-2]) / 2])
    return steps


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Counts:
    """Flags of `frames` frames counted by column; they are here once the lane has finished."""

    frames: int
    columns: DoubleArray

    def total(self) -> npt.NDArray[np.int64]:
        """Of every frame, (frames,)."""
        total: npt.NDArray[np.int64] = self.columns[: self.frames].sum(axis=1).astype(np.int64)
        return total


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Curves:
    """What is known of every pixel, on a device; `kind` is the type of the stored values."""

    kind: str
    shape: tuple[int, int]
    threshold: float
    table: Buffer
    mask: Buffer
    state: Buffer

    @classmethod
    def on(cls, lane: Lane, kind: str, subtraction: Subtraction) -> _Curves:
        """Nothing yet."""
        rows, columns = subtraction.mask.shape
        limits = np.iinfo(kind)
        entry = np.arange(limits.min, limits.max + 1) - subtraction.first_stored
        return cls(
            kind=kind,
            shape=(rows, columns),
            threshold=subtraction.threshold,
            table=lane.put(subtraction.ln_beam.take(entry, mode="clip")),
            mask=lane.put(subtraction.mask),
            state=lane.empty((kernel_constant("PLANES"), rows, columns)),
        )

    def follow(self, lane: Lane, frames: Buffer, steps: FloatArray, *, before: int) -> _Counts:
        """Take in frames after `before` others; returns the flags of the frame before each."""
        count, rows, columns = frames.shape
        words = -(-count // kernel_constant("WORD"))
        above = lane.empty((words, rows, columns), np.uint32)
        given: tuple[Argument, ...] = (
            frames,
            self.table,
            self.mask,
            lane.put(steps),
            self.threshold,
        )
        size = (columns, -(-rows // kernel_constant("EACH")), 1)
        sizes = (before, *frames.shape)
        lane.launch(f"follow_{self.kind}", size, *given, *sizes, self.state, above)
        return _counted(lane, above, count)

    def read(self, lane: Lane, step: FloatArray) -> tuple[FloatArray, _Counts]:
        """The maps (7, rows, columns), and the flags of the last frame."""
        rows, columns = self.shape
        maps = np.empty((_MAPS, rows, columns), dtype=np.float32)
        on_device = lane.empty(maps.shape)
        above = lane.empty((1, rows, columns), np.uint32)
        given: tuple[Argument, ...] = (self.state, lane.put(step), self.threshold, rows, columns)
        lane.launch("read_curves", (columns, rows, 1), *given, on_device, above)
        lane.fetch(on_device, maps)
        return maps, _counted(lane, above, 1)


def _counted(lane: Lane, above: Buffer, frames: int) -> _Counts:
    words, rows, columns = above.shape
    lists, strips = words * kernel_constant("WORD"), -(-rows // kernel_constant("COUNTED"))
    pieces, total = lane.empty((lists, strips, columns)), lane.empty((lists, columns), np.float64)
    size = (columns, strips, words)
    lane.launch("count_above", size, above, words, rows, columns, strips, pieces)
    lane.launch("add_strips", (columns, lists, 1), pieces, lists, strips, columns, total)
    home = np.empty((lists, columns))
    lane.fetch(total, home)
    return _Counts(frames=frames, columns=home)


def _turns(
    device: Device, lanes: Sequence[Lane], stored: StoredArray
) -> Iterator[tuple[Lane, slice]]:
    """As many frames at a time as may be held, each with a lane that is free for them."""
    frame = stored[0].nbytes + stored[0].size * _FLAG // kernel_constant("WORD")
    step = max(1, device.held_bytes // frame)
    for turn, start in enumerate(range(0, len(stored), step)):
        lane = lanes[turn % len(lanes)]
        lane.finish()
        yield lane, slice(start, min(start + step, len(stored)))


def _sent(device: Device, lane: Lane, stored: StoredArray, kind: str) -> Buffer:
    """Frames on their way to the device, in pieces that may be page-locked."""
    chunk = lane.empty(stored.shape, kind)
    step = max(1, device.staged_bytes // stored[0].nbytes)
    for first in range(0, len(stored), step):
        lane.fill(chunk, first, stored[first : first + step])
    return chunk


def _maps(maps: FloatArray, area: npt.NDArray[np.int64]) -> CurveMaps:
    peak, time_to_peak, arrival, seconds, transit, washout, last = maps
    return CurveMaps(
        peak=peak,
        time_to_peak_s=time_to_peak,
        arrival_s=arrival,
        area_s=seconds,
        transit_s=transit,
        washout_per_s=washout,
        last=last,
        area_px=area,
    )
