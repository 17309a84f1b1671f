"""The array operations as launches of the CUDA kernels, on a device that is handed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.compute import launched_curves
from napari_fluoroinject.compute.cuda_source import kernel_constant
from napari_fluoroinject.compute.device import Buffer
from napari_fluoroinject.compute.ramps import ramp_tables
from napari_fluoroinject.compute.taps import gaussian_taps, sample_taps, warp_taps
from napari_fluoroinject.model.arrays import FloatArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_fluoroinject.compute.curves import CurveMaps, Exposures, Subtraction
    from napari_fluoroinject.compute.device import Argument, Device, Lane
    from napari_fluoroinject.compute.launched_curves import LaunchedFollower
    from napari_fluoroinject.compute.ramps import RampFamily, RampTables
    from napari_fluoroinject.compute.taps import WarpTaps
    from napari_fluoroinject.model.arrays import DoubleArray, StoredArray

_LEAST_WEIGHT = 1e-3
"""As in `reference`: less data than this under a Gaussian is an extrapolation."""
_FLOAT, _DOUBLE = 4, 8
_UPPER = np.triu_indices(4)
AnyArray = TypeVar("AnyArray", bound=npt.NDArray[np.generic])


class LaunchedKernels:
    """`backend.Kernels` on a `Device`: arrays come from the host and go back to it.

    An operation takes its turns on the lanes one after another, so one lane copies while the
    other computes, and device memory stays bounded however long a loop is. Turns are frames or,
    where all frames of a pixel are needed, rows; results do not depend on where they are cut.
    """

    def __init__(self, device: Device) -> None:
        self._device = device

    def bin_frames(self, frames: FloatArray, field: FloatArray, factor: int, /) -> FloatArray:
        """See `backend.Kernels`."""
        count, rows, columns = frames.shape
        out = np.empty((count, rows // factor, columns // factor), dtype=np.float32)
        with self._device.work() as lanes:
            open_ = lanes[0].put(_of_shape(field, (rows, columns)))
            lanes[0].finish()
            picture = rows * columns * _FLOAT
            for lane, part in self._turns(lanes, count, staged=2 * picture, held=2 * picture):
                source, binned = lane.put(frames[part]), lane.empty(out[part].shape)
                size = (columns // factor, rows // factor, len(frames[part]))
                shape = source.shape
                lane.launch("bin_frames", size, source, open_, factor, *shape, binned)
                lane.fetch(binned, out[part])
        return out

    def binned_ln(
        self, stored: StoredArray, beam: FloatArray, first_stored: int, factor: int, /
    ) -> FloatArray:
        """See `backend.Kernels`."""
        rows, columns = stored.shape
        out = np.empty((rows // factor, columns // factor), dtype=np.float32)
        with self._device.work() as lanes:
            lane = lanes[0]
            kind = stored.dtype.name
            source, table = lane.put(stored, kind), lane.put(beam)
            given: tuple[Argument, ...] = (
                source,
                table,
                first_stored,
                beam.size,
                factor,
                rows,
                columns,
            )
            logs = lane.empty(out.shape)
            lane.launch(f"binned_ln_{kind}", _size(out.shape), *given, logs)
            lane.fetch(logs, out)
            lane.finish()
        return out

    def smooth(self, frames: FloatArray, weight: FloatArray, sigma_px: float, /) -> FloatArray:
        """See `backend.Kernels`."""
        count, rows, columns = frames.shape
        out = np.empty(frames.shape, dtype=np.float32)
        with self._device.work() as lanes:
            window = _window(lanes[0], _of_shape(weight, (rows, columns)), sigma_px)
            lanes[0].finish()
            picture = rows * columns * _FLOAT
            for lane, part in self._turns(lanes, count, staged=2 * picture, held=3 * picture):
                lane.fetch(window.mean(lane, lane.put(frames[part])), out[part])
        return out

    def band_pass(
        self, frames: FloatArray, field: FloatArray, fine_px: float, coarse_px: float, /
    ) -> FloatArray:
        """See `backend.Kernels`."""
        count, rows, columns = frames.shape
        out = np.empty(frames.shape, dtype=np.float32)
        with self._device.work() as lanes:
            open_ = _of_shape(field, (rows, columns))
            narrow = _window(lanes[0], open_, fine_px)
            wide = _window(lanes[0], open_, coarse_px)
            lanes[0].finish()
            picture = rows * columns * _FLOAT
            for lane, part in self._turns(lanes, count, staged=2 * picture, held=4 * picture):
                source = lane.put(frames[part])
                fine, coarse = narrow.mean(lane, source), wide.mean(lane, source)
                shape = source.shape
                lane.launch("subtract_inside", _size(shape), fine, coarse, narrow.weight, *shape)
                lane.fetch(fine, out[part])
        return out

    def warp(self, frames: FloatArray, pose: DoubleArray, /) -> FloatArray:
        """See `backend.Kernels`."""
        count, rows, columns = frames.shape
        _of_shape(pose, (count, 3))
        out = np.empty(frames.shape, dtype=np.float32)
        with self._device.work() as lanes:
            picture = rows * columns * _FLOAT
            for lane, part in self._turns(lanes, count, staged=2 * picture, held=3 * picture):
                source = lane.put(frames[part])
                taps = [warp_taps(one, rows, columns) for one in pose[part]]
                lane.fetch(_sheared(lane, source, taps), out[part])
        return out

    def sample(
        self, frames: FloatArray, place: DoubleArray, step: float, shape: tuple[int, int], /
    ) -> FloatArray:
        """See `backend.Kernels`."""
        given, rows, columns = frames.shape
        _of_shape(frames, (1 if given == 1 else len(place), rows, columns))
        out = np.empty((len(place), *shape), dtype=np.float32)
        taps = [
            sample_taps(place[:, axis], step, shape[axis], frames.shape[1 + axis])
            for axis in (0, 1)
        ]
        with self._device.work() as lanes:
            picture = (rows * columns + 2 * (sum(shape) + shape[0] * shape[1])) * _FLOAT
            for lane, part in self._turns(lanes, len(out), staged=picture, held=picture):
                source = lane.put(frames if given == 1 else frames[part])
                on_device: list[Argument] = []
                for first, share in taps:
                    on_device += [lane.put(first[part], np.int32), lane.put(share[part])]
                sampled = lane.empty(out[part].shape)
                sizes = (*source.shape, *sampled.shape)
                lane.launch("sample", _size(sampled.shape), source, *on_device, *sizes, sampled)
                lane.fetch(sampled, out[part])
        return out

    def motion_equations(
        self,
        aligned: FloatArray,
        template: FloatArray,
        gradient: FloatArray,
        weight: FloatArray,
        /,
    ) -> tuple[DoubleArray, DoubleArray]:
        """See `backend.Kernels`; the columns of a frame are added up here."""
        count, rows, columns = aligned.shape
        _of_shape(weight, aligned.shape)
        lists, strips = kernel_constant("SUMS"), -(-rows // kernel_constant("STRIP"))
        sums = np.empty((count, lists, columns), dtype=np.float64)
        with self._device.work() as lanes:
            picture = lanes[0].put(_of_shape(template, (rows, columns)))
            slopes = lanes[0].put(_of_shape(gradient, (2, rows, columns)))
            lanes[0].finish()
            staged = 2 * rows * columns * _FLOAT
            held = staged + lists * columns * (strips * _FLOAT + _DOUBLE)
            for lane, part in self._turns(lanes, count, staged=staged, held=held):
                source, weights = lane.put(aligned[part]), lane.put(weight[part])
                here = source.shape[0]
                pieces = lane.empty((here, lists, strips, columns))
                total = lane.empty((here, lists, columns), np.float64)
                given: tuple[Argument, ...] = (
                    source,
                    picture,
                    slopes,
                    weights,
                    *source.shape,
                    strips,
                )
                lane.launch("motion_strips", (columns, strips, here), *given, pieces)
                size = (columns, here * lists, 1)
                lane.launch("add_strips", size, pieces, here * lists, strips, columns, total)
                lane.fetch(total, sums[part])
        return _equations(sums.sum(axis=2))

    def weighted_mean(self, frames: FloatArray, weight: FloatArray, /) -> FloatArray:
        """See `backend.Kernels`."""
        count, rows, columns = frames.shape
        _of_shape(weight, frames.shape)
        out = np.empty((rows, columns), dtype=np.float32)
        with self._device.work() as lanes:
            row = (2 * count + 1) * columns * _FLOAT
            for lane, part in self._turns(lanes, rows, staged=row, held=row):
                source, weights = lane.put(frames[:, part]), lane.put(weight[:, part])
                mean = lane.empty(out[part].shape)
                shape = source.shape
                lane.launch("weighted_mean", _size(shape[1:]), source, weights, *shape, mean)
                lane.fetch(mean, out[part])
        return out

    def best_curve(
        self, frames: FloatArray, curves: FloatArray, /
    ) -> tuple[npt.NDArray[np.int32], FloatArray, FloatArray]:
        """See `backend.Kernels`."""
        count, rows, columns = frames.shape
        together = kernel_constant("TOGETHER")
        groups = -(-len(curves) // together)
        length = np.sqrt(np.square(curves).sum(axis=1))
        unit = np.zeros((count, groups * together), dtype=np.float32)
        unit[:, : len(curves)] = (curves / length[:, None]).T
        found = _Best.of((rows, columns))
        with self._device.work() as lanes:
            candidates = lanes[0].put(unit)
            lanes[0].finish()
            row = (count + 2) * columns * _FLOAT
            for lane, part in self._turns(lanes, rows, staged=row, held=row):
                source = lane.put(frames[:, part])
                best, score = found.empty(lane, part)
                given: tuple[Argument, ...] = (source, candidates, groups, *source.shape)
                lane.launch("best_curve", _size(source.shape[1:]), *given, best, score)
                found.fetch(lane, part, best, score)
        return found.index, found.score / length[found.index], np.square(found.score)

    def best_ramp(
        self, frames: FloatArray, family: RampFamily, /
    ) -> tuple[npt.NDArray[np.int32], FloatArray, FloatArray]:
        """See `backend.Kernels`; by running sums, as `cpu` does it."""
        count, rows, columns = frames.shape
        _of_shape(family.positions, (count,))
        tables = ramp_tables(family)
        ramps, decays = tables.after.shape
        found = _Best.of((rows, columns))
        with self._device.work() as lanes:
            at, fade = (
                lanes[0].put(family.positions, np.float64),
                lanes[0].put(tables.fade, np.float64),
            )
            laid_out = _laid_out(lanes[0], family, tables)
            lanes[0].finish()
            row = (count + 2) * columns * _FLOAT
            held = row + (2 + decays) * (count + 1) * columns * _DOUBLE
            for lane, part in self._turns(lanes, rows, staged=row, held=held):
                source = lane.put(frames[:, part])
                here, size = source.shape[1:], _size(source.shape[1:])
                rising = lane.empty((2, count + 1, *here), np.float64)
                falling = lane.empty((decays, count + 1, *here), np.float64)
                given: tuple[Argument, ...] = (source, at, fade, decays, *source.shape)
                lane.launch("running_sums", size, *given, rising, falling)
                best, score = found.empty(lane, part)
                sums: tuple[Argument, ...] = (
                    rising,
                    falling,
                    *laid_out,
                    ramps,
                    decays,
                    *source.shape,
                )
                lane.launch("best_ramp", size, *sums, best, score)
                found.fetch(lane, part, best, score)
        norm = tables.norm.astype(np.float32).ravel()
        return found.index, found.score * norm[found.index], np.square(found.score)

    def curve_maps(
        self, stored: StoredArray, exposures: Exposures, subtraction: Subtraction, /
    ) -> CurveMaps:
        """See `backend.Kernels`."""
        return launched_curves.curve_maps(self._device, stored, exposures, subtraction)

    def follow_curves(self, subtraction: Subtraction, /) -> LaunchedFollower:
        """See `backend.Kernels`."""
        return launched_curves.LaunchedFollower(self._device, subtraction)

    def _turns(
        self, lanes: Sequence[Lane], count: int, *, staged: int, held: int
    ) -> Iterator[tuple[Lane, slice]]:
        """Parts of `count` things, each with a lane that is free for it.

        One thing carries `staged` bytes over the bus and takes up `held` bytes on the device.
        After the last turn every lane has finished.
        """
        device = self._device
        fitting = min(device.staged_bytes // max(staged, 1), device.held_bytes // max(held, 1))
        step = max(1, fitting)
        for turn, start in enumerate(range(0, count, step)):
            lane = lanes[turn % len(lanes)]
            lane.finish()
            yield lane, slice(start, min(start + step, count))
        for lane in lanes:
            lane.finish()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Window:
    """A Gaussian over a picture's open pixels, and the share of it that has data, on a device."""

    weight: Buffer
    taps: Buffer
    reach: int
    share: Buffer

    def mean(self, lane: Lane, frames: Buffer) -> Buffer:
        """The weighted mean of frames under the window."""
        shape = frames.shape
        across, out = lane.empty(shape), lane.empty(shape)
        given: tuple[Argument, ...] = (frames, self.weight, self.taps, self.reach, *shape)
        lane.launch("sum_across", _size(shape), *given, across)
        given = (across, self.share, self.taps, self.reach, _LEAST_WEIGHT, *shape)
        lane.launch("mean_down", _size(shape), *given, out)
        return out


def _window(lane: Lane, weight: FloatArray, sigma_px: float) -> _Window:
    shape = (1, *weight.shape)
    taps = gaussian_taps(sigma_px)
    reach = taps.size // 2
    on_device, on_device_taps = lane.put(weight), lane.put(taps)
    across, share = lane.empty(shape), lane.empty(shape)
    ones = lane.put(np.ones(shape))
    given: tuple[Argument, ...] = (ones, on_device, on_device_taps, reach, *shape)
    lane.launch("sum_across", _size(shape), *given, across)
    lane.launch("sum_down", _size(shape), across, on_device_taps, reach, *shape, share)
    return _Window(weight=on_device, taps=on_device_taps, reach=reach, share=share)


def _sheared(lane: Lane, frames: Buffer, taps: Sequence[WarpTaps]) -> Buffer:
    shape = frames.shape
    standing, out = lane.empty(shape), lane.empty(shape)
    start = lane.put(np.stack([one.row_start for one in taps]), np.int32)
    weights = lane.put(np.stack([one.row_taps for one in taps]))
    lane.launch("shear_down", _size(shape), frames, start, weights, *shape, standing)
    start = lane.put(np.stack([one.column_start for one in taps]), np.int32)
    weights = lane.put(np.stack([one.column_taps for one in taps]))
    lane.launch("shear_across", _size(shape), standing, start, weights, *shape, out)
    return out


def _equations(sums: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Sums (frames, 14) as matrices (frames, 4, 4) and vectors (frames, 4)."""
    matrix = np.empty((len(sums), 4, 4))
    row, column = _UPPER
    matrix[:, row, column] = matrix[:, column, row] = sums[:, : len(row)]
    return matrix, sums[:, len(row) :]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Best:
    """Which candidate fits each pixel best, and its score, (rows, columns) both."""

    index: npt.NDArray[np.int32]
    score: FloatArray

    @classmethod
    def of(cls, shape: tuple[int, int]) -> _Best:
        """Room for a picture."""
        return cls(index=np.empty(shape, dtype=np.int32), score=np.empty(shape, dtype=np.float32))

    def empty(self, lane: Lane, part: slice) -> tuple[Buffer, Buffer]:
        """Room for some rows on the device."""
        shape = self.index[part].shape
        return lane.empty(shape, np.int32), lane.empty(shape)

    def fetch(self, lane: Lane, part: slice, index: Buffer, score: Buffer) -> None:
        """Bring some rows home."""
        lane.fetch(index, self.index[part])
        lane.fetch(score, self.score[part])


def _laid_out(lane: Lane, family: RampFamily, tables: RampTables) -> tuple[Buffer, Buffer, Buffer]:
    """Tables of a family of ramps as the kernel wants them."""
    return (
        lane.put(np.stack([tables.first, tables.full]), np.int32),
        lane.put(np.stack([family.start, family.rise]), np.float64),
        lane.put(np.stack([tables.after, tables.share, tables.norm]), np.float64),
    )


def _size(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Threads for an array, one each: (columns, rows, layers)."""
    layers, rows, columns = (1, 1, 1, *shape)[-3:]
    return columns, rows, layers


def _of_shape(array: AnyArray, shape: tuple[int, ...]) -> AnyArray:
    """Return the array, or raise: a kernel would read past the end of one that is too small."""
    if array.shape != shape:
        raise ValueError(f"an array of shape {array.shape} where {shape} was expected")
    return array
