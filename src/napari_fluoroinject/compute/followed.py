"""The curves of all pixels on the processor: a whole loop at once, or frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.compute.curves import (
    CurveMaps,
    check_frames,
    check_later,
    curve_weights,
    native,
)
from napari_fluoroinject.compute.kernels import curve
from napari_fluoroinject.compute.taps import CURVE_TAPS, curve_taps
from napari_fluoroinject.model.arrays import FloatArray

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.compute.curves import Counts, Exposure, Exposures, Subtraction
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, StoredArray

_NEIGHBOURS = 3
"""Frames whose times say what the middle one stands for."""


def loop_maps(stored: StoredArray, exposures: Exposures, subtraction: Subtraction, /) -> CurveMaps:
    """`Kernels.curve_maps`: some rows through all frames, then the next ones.

    Beside the maps it holds what is known of those rows alone.
    """
    count, rows, columns = stored.shape
    check_frames(stored, len(exposures.times_s), subtraction)
    stored = native(stored)
    codes, table = _codes(stored), _table(stored.dtype, subtraction)
    start, share = _where(exposures.shift_px, exposures.offset, codes.shape)
    clock = _clock(exposures.times_s)
    prepared = _Prepared.of(subtraction)
    maps, area = np.empty((curve.MAPS, rows, columns), np.float32), np.zeros(count + 1, np.int64)
    state, busy = _state(curve.ROWS, columns)
    for first in range(0, rows, curve.ROWS):
        here = min(curve.ROWS, rows - first)
        known = (state[:here], busy[:here])
        busy[:] = False
        rules = (prepared.threshold, first, 0)
        frames = (start, share, clock[:count])
        curve.follow((codes, table), frames, prepared.mask, rules, known, area[:count])
        area[count] += curve.read_off(known, clock[count], prepared.threshold, first, maps)
    return _maps(maps, area[1:])


class FollowedCurves:
    """`curves.Follower` on the processor; see `Kernels.follow_curves`."""

    def __init__(self, subtraction: Subtraction) -> None:
        self._subtraction = subtraction
        self._prepared = _Prepared.of(subtraction)
        self._known = _state(*subtraction.mask.shape)
        self._tables: dict[np.dtype[Any], FloatArray] = {}
        self._times_s: list[float] = []
        self._area: list[int] = []

    def add(self, stored: StoredArray, exposure: Exposure, /) -> int:
        """See `curves.Follower`."""
        check_frames(stored[None], 1, self._subtraction)
        check_later(exposure.time_s, self._times_s)
        stored = native(stored)
        if stored.dtype not in self._tables:
            self._tables[stored.dtype] = _table(stored.dtype, self._subtraction)
        self._times_s = [*self._times_s, exposure.time_s][-_NEIGHBOURS:]
        start, share = _where(
            np.array([exposure.shift_px]), np.array([exposure.offset]), stored.shape
        )
        frames = (start, share, _clock(np.array(self._times_s))[-2:-1])
        area = np.zeros(1, np.int64)
        rules = (self._prepared.threshold, 0, len(self._area))
        coded = (_codes(stored[None]), self._tables[stored.dtype])
        curve.follow(coded, frames, self._prepared.mask, rules, self._known, area)
        self._area.append(int(area[0]))
        return self._area[-1]

    def maps(self) -> CurveMaps:
        """See `curves.Follower`."""
        if not self._area:
            raise ValueError("no frame was added yet; expected one at least")
        maps = np.empty((curve.MAPS, *self._subtraction.mask.shape), np.float32)
        end = _clock(np.array(self._times_s))[-1]
        last = curve.read_off(self._known, end, self._prepared.threshold, 0, maps)
        return _maps(maps, np.array([*self._area[1:], last]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Prepared:
    """The mask in whole strips, and the threshold as the kernel compares it."""

    mask: FloatArray
    threshold: np.float32

    @classmethod
    def of(cls, subtraction: Subtraction) -> _Prepared:
        rows, columns = subtraction.mask.shape
        mask = np.full((rows, _strips(columns) * curve.LANES), curve.NEVER, np.float32)
        mask[:, :columns] = subtraction.mask
        return cls(mask=mask, threshold=np.float32(subtraction.threshold))


def _strips(columns: int) -> int:
    return -(-columns // curve.LANES)


def _state(rows: int, columns: int) -> tuple[FloatArray, BoolArray]:
    strips = _strips(columns)
    state = np.empty((rows, strips, curve.PLANES, curve.LANES), np.float32)
    return state, np.zeros((rows, strips), np.bool_)


def _codes(stored: StoredArray) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Stored values as numbers without a sign, read-only: one kernel is compiled, not two."""
    whole = np.ascontiguousarray(stored)
    codes = whole.view(np.uint8) if whole.dtype.itemsize == 1 else whole.view(np.uint16)
    codes.flags.writeable = False
    return codes


def _table(dtype: np.dtype[Any], subtraction: Subtraction) -> FloatArray:
    """Natural log of the beam at every code of a type, so that there is nothing to clip."""
    codes = np.arange(1 << (8 * dtype.itemsize), dtype=f"u{dtype.itemsize}")
    place = codes.view(dtype).astype(np.int64) - subtraction.first_stored
    return subtraction.ln_beam[np.clip(place, 0, len(subtraction.ln_beam) - 1)]


def _where(
    shift_px: DoubleArray, offset: DoubleArray, shape: tuple[int, ...]
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """First sample and shares of every frame, as `curve.follow` wants them."""
    first, weights = curve_taps(shift_px)
    # farther than the picture is no different
    far = max(shape) + CURVE_TAPS
    share = np.column_stack([weights.reshape(len(weights), -1), offset])
    return np.clip(first, -far, far).astype(np.int64), share.astype(np.float32)


def _clock(times_s: DoubleArray) -> FloatArray:
    """What `curve.follow` must know of the frame before, for every frame that comes and the end.

    Of a longer loop the times of the last three frames are enough for the last two rows.
    """
    before = np.concatenate([times_s[:1], times_s[:1], times_s[:-1]])
    now = np.concatenate([times_s[:1], times_s])
    weight = curve_weights(times_s)
    return np.column_stack([before, now, np.concatenate([weight[:1], weight])]).astype(np.float32)


def _maps(maps: FloatArray, area: Counts) -> CurveMaps:
    maps.flags.writeable = False  # so that nothing is copied
    peak, time_to_peak, arrival, under, transit, washout, last = maps
    return CurveMaps(
        peak=peak,
        time_to_peak_s=time_to_peak,
        arrival_s=arrival,
        area_s=under,
        transit_s=transit,
        washout_per_s=washout,
        last=last,
        area_px=area,
    )
