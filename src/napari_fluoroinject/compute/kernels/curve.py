"""Compiled loops that read kinetics off the curve of every pixel, a few rows at a time.

Pixels stand in strips of `LANES`, the `PLANES` numbers known of each beside one another: the
compiler then sees that they do not overlap and makes vectors. Nothing is reordered or contracted,
so results do not depend on how many frames are handed over at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from napari_fluoroinject.compute.taps import CURVE_TAPS

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.model.arrays import FloatArray

    Index = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]
    Codes = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

LANES = 256
"""Pixels of a strip: where nothing happens a whole strip is passed over."""
PLANES = 10
"""What is known of a pixel: the opacities of the frame before the last and of the last, the value
before the last known one and that one, the peak and its time, when contrast may have arrived and
when it has, area and moment since."""
ROWS = 8
"""Rows worth following together through a loop: what is known of them stays in the second cache,
and of the rows that are looked up three in eleven are looked up again."""
MAPS = 7
"""Pictures that are read off."""
NEVER = np.float32(-1e30)
"""Stands for what has not happened; what is above half of it has."""

_Place = np.uintp
_LANES = _Place(LANES)
_STRIP = _Place(PLANES * LANES)
_EARLIER, _LATEST, _PREVIOUS, _VALUE, _PEAK, _PEAK_TIME, _CANDIDATE, _ARRIVAL, _AREA, _MOMENT = (
    _Place(plane * LANES) for plane in range(PLANES)
)
_NEXT, _SECOND, _THIRD = _Place(1), _Place(2), _Place(3)
_QUARTER, _HALF, _ZERO = np.float32(0.25), np.float32(0.5), np.float32(0)
_SEEN = np.float32(-0.5e30)


@njit(cache=True, nogil=True)
def follow(
    coded: tuple[Codes, FloatArray],
    exposures: tuple[Index, FloatArray, FloatArray],
    mask: FloatArray,
    rules: tuple[np.float32, int, int],
    known: tuple[FloatArray, Flags],
    area: Index,
) -> None:
    """Take frames (frames, rows, columns) into what is known of some rows.

    Parameters
    ----------
    coded
        Codes, and a table: the natural log of the beam at each of them.
    exposures
        Of every frame: the first sample (frames, 2); shares (frames, 9) of the four samples along
        columns and of the four along rows, and the opacity to take off; a clock (frames, 3): time
        of the frame two before, time and weight of the one before.
    mask
        (rows, strips * LANES), padded with `NEVER`.
    rules
        Threshold, first of the rows, how many frames there were before.
    known
        State (rows here, strips, PLANES, LANES), and where (rows here, strips) contrast may be;
        both are changed.
    area
        (frames,); how many pixels of the frame before are above the threshold is added.
    """
    stored, table = coded
    start, share, clock = exposures
    threshold, first_row, before = rules
    state, busy = known
    here, strips = busy.shape
    columns, last = stored.shape[2], stored.shape[1] - 1
    flat = state.reshape(-1)
    line = np.empty(columns + CURVE_TAPS - 1, dtype=np.float32)
    rows = np.zeros((CURVE_TAPS, strips * LANES), dtype=np.float32)
    opacity = np.empty(strips * LANES, dtype=np.float32)
    for k in range(stored.shape[0]):
        down, right = start[k]
        for looked_up in range(here + CURVE_TAPS - 1):
            source = min(max(first_row + looked_up + down, 0), last)
            _look_up(stored[k, source], table, right, line)
            _across(line, share[k, CURVE_TAPS:], rows[looked_up % CURVE_TAPS])
            y = looked_up - (CURVE_TAPS - 1)
            if y >= 0:
                _subtract(mask[first_row + y], rows, y, share[k], opacity)
                first = _Place(y * strips)
                if before + k == 0:
                    _begin(flat, first, opacity)
                else:
                    area[k] += _row(flat, busy[y], first, opacity, clock[k], threshold)


@njit(cache=True, nogil=True, error_model="numpy")
def read_off(
    known: tuple[FloatArray, Flags],
    clock: FloatArray,
    threshold: np.float32,
    first_row: int,
    maps: FloatArray,
) -> np.int64:
    """Give the last frame its value and write what is then known of some rows into maps.

    What is known is left as it is: frames may follow. `clock` (3,) is that of the last frame,
    `maps` (7, rows, columns) are the pictures of `curves.CurveMaps` in order. Returns how many
    values of the last frame are at or above the threshold.
    """
    state, busy = known
    total = np.int64(0)
    one = np.empty(state.shape[1:], dtype=np.float32)
    last = np.empty(busy.shape[1] * LANES, dtype=np.float32)
    for row in range(busy.shape[0]):
        one[:] = state[row]
        for strip in range(busy.shape[1]):
            last[strip * LANES : (strip + 1) * LANES] = one[strip, 1]
        total += _row(one.reshape(-1), busy[row].copy(), _Place(0), last, clock, threshold)
        for strip in range(busy.shape[1]):
            end = min((strip + 1) * LANES, maps.shape[2])
            _write(one[strip], clock[1], maps[:, first_row + row, strip * LANES : end])
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _write(one: FloatArray, now: np.float32, out: FloatArray) -> None:
    """The maps (7, pixels) of one strip (PLANES, LANES)."""
    unknown = np.float32(np.nan)
    for i in range(out.shape[1]):
        value, peak, peak_time, arrival = one[3, i], one[4, i], one[5, i], one[7, i]
        area, arrived = one[8, i], arrival > _SEEN
        fades = arrived & (peak_time < now) & (peak > _ZERO)
        out[0, i] = peak
        out[1, i] = peak_time if arrived else unknown
        out[2, i] = arrival if arrived else unknown
        out[3, i] = area if arrived else unknown
        out[4, i] = one[9, i] / area if arrived & (area > _ZERO) else unknown
        out[5, i] = (np.float32(1) - value / peak) / (now - peak_time) if fades else unknown
        out[6, i] = value


@njit(cache=True, nogil=True)
def _look_up(codes: Codes, table: FloatArray, right: int, line: FloatArray) -> None:
    """Log of the beam along a row, from sample `right` on; edges are repeated."""
    size = codes.size
    low = min(max(-right, 0), line.size)
    high = max(min(size - right, line.size), low)
    into, source = _Place(low), _Place(low + right)
    for i in range(_Place(high - low)):
        line[into + i] = table[codes[source + i]]
    line[:low] = table[codes[0]]
    line[high:] = table[codes[size - 1]]


@njit(cache=True, nogil=True)
def _across(line: FloatArray, share: FloatArray, out: FloatArray) -> None:
    """Of every pixel the sum of four neighbours by their shares."""
    s0, s1, s2, s3 = share[0], share[1], share[2], share[3]
    for i in range(_Place(line.size - CURVE_TAPS + 1)):
        near = s1 * line[i + _NEXT] + s2 * line[i + _SECOND]
        out[i] = (s0 * line[i] + s3 * line[i + _THIRD]) + near


@njit(cache=True, nogil=True)
def _subtract(
    mask: FloatArray, rows: FloatArray, y: int, share: FloatArray, out: FloatArray
) -> None:
    """What the mask has over the sum of four rows by their shares; `y` of a ring is the first."""
    r0, r1 = rows[y % CURVE_TAPS], rows[(y + 1) % CURVE_TAPS]
    r2, r3 = rows[(y + 2) % CURVE_TAPS], rows[(y + 3) % CURVE_TAPS]
    s0, s1, s2, s3, offset = share[0], share[1], share[2], share[3], share[2 * CURVE_TAPS]
    for i in range(_Place(out.size)):
        ln = (s0 * r0[i] + s3 * r3[i]) + (s1 * r1[i] + s2 * r2[i])
        out[i] = mask[i] - ln - offset


@njit(cache=True, nogil=True)
def _row(
    flat: FloatArray,
    busy: Flags,
    first: np.uintp,
    opacity: FloatArray,
    clock: FloatArray,
    threshold: np.float32,
) -> np.int64:
    """Take a row's opacity into its strips, from strip `first` of the state on.

    Returns how many values of the frame before are at or above the threshold.
    """
    total = np.int64(0)
    for strip in range(busy.size):
        at, column = (first + _Place(strip)) * _STRIP, _Place(strip) * _LANES
        above, higher = _value(flat, at, opacity, column, threshold)
        if higher:
            _climb(flat, at, clock[1])
        if above or busy[strip]:
            busy[strip] = _arrive(flat, at, clock, threshold)
        total += above
    return total


@njit(cache=True, nogil=True)
def _begin(flat: FloatArray, first: np.uintp, opacity: FloatArray) -> None:
    """The first frame; the one before it is like it."""
    for start in range(_Place(0), _Place(opacity.size), _LANES):
        at = first * _STRIP + _Place(PLANES) * start
        for i in range(_LANES):
            flat[at + _EARLIER + i] = flat[at + _LATEST + i] = opacity[start + i]
        for i in range(_PREVIOUS, _STRIP):
            flat[at + i] = NEVER


@njit(cache=True, nogil=True)
def _value(
    flat: FloatArray,
    at: np.uintp,
    opacity: FloatArray,
    column: np.uintp,
    threshold: np.float32,
) -> tuple[np.int32, np.int32]:
    """The value of the frame before; how many are above the threshold, and above the peak."""
    above = higher = np.int32(0)
    for i in range(_LANES):
        now, latest, last = opacity[column + i], flat[at + _LATEST + i], flat[at + _VALUE + i]
        value = _QUARTER * flat[at + _EARLIER + i] + _HALF * latest + _QUARTER * now
        flat[at + _EARLIER + i] = latest
        flat[at + _LATEST + i] = now
        flat[at + _PREVIOUS + i] = last
        flat[at + _VALUE + i] = value
        above += np.int32(value >= threshold)
        higher += np.int32(value > flat[at + _PEAK + i])
    return above, higher


@njit(cache=True, nogil=True)
def _climb(flat: FloatArray, at: np.uintp, time: np.float32) -> None:
    for i in range(_LANES):
        value, peak = flat[at + _VALUE + i], flat[at + _PEAK + i]
        higher = value > peak
        flat[at + _PEAK + i] = value if higher else peak
        flat[at + _PEAK_TIME + i] = time if higher else flat[at + _PEAK_TIME + i]


@njit(cache=True, nogil=True, error_model="numpy")
def _arrive(flat: FloatArray, at: np.uintp, clock: FloatArray, threshold: np.float32) -> np.bool_:
    """Note crossings, confirm them, sum what comes after; False where nothing is left to wait for.

    A candidate that is not confirmed at once is void: the next crossing replaces it.
    """
    before, now, weight = clock[0], clock[1], clock[2]
    held = np.int32(0)
    for i in range(_LANES):
        value, last = flat[at + _VALUE + i], flat[at + _PREVIOUS + i]
        candidate, arrival = flat[at + _CANDIDATE + i], flat[at + _ARRIVAL + i]
        waits, above, was = arrival < _SEEN, value >= threshold, last >= threshold
        crosses = waits & above & (not was)
        crossing = before + (threshold - last) / (value - last) * (now - before)
        candidate = crossing if crosses else candidate
        flat[at + _CANDIDATE + i] = candidate
        flat[at + _ARRIVAL + i] = candidate if waits & above & was else arrival
        area = _ZERO if crosses else flat[at + _AREA + i]
        moment = _ZERO if crosses else flat[at + _MOMENT + i]
        part = weight * (value if value > _ZERO else _ZERO)  # noqa: FURB136 - as vectors
        flat[at + _AREA + i] = area + part
        flat[at + _MOMENT + i] = moment + part * (now - candidate)
        held += np.int32(above | (not waits))
    return held > 0
