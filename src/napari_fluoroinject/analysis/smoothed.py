"""Opacity after a blur of the transmitted share, made where and when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.chunks import chunks
from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
from napari_fluoroinject.compute.backend import Backend
from napari_fluoroinject.compute.taps import gaussian_taps
from napari_fluoroinject.model.arrays import BoolArray, FloatArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SMOOTHING_PX = 1.3
"""Sigma of the blur before curves are fitted: wider and thin capsules widen."""
STRIP_VALUES = 1 << 23
"""So many values are held at a time, 32 MiB, and of long or wide loops `FEWEST_ROWS` rows."""
FEWEST_ROWS = 8
_LEAST_SHARE = 0.02
Rectangle = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmoothedOpacity:
    """The smoothed opacity of a loop, which is never held as a whole.

    The mean of a logarithm of few quanta is low; the logarithm of their mean is not. The mask
    frames' mean is 0 in every pixel, and so is what cannot be judged.

    Attributes
    ----------
    opacity
        What is smoothed.
    gain
        (rows, columns), one over the mask frames' mean, 0 where that is not known.
    on
        The compute backend.
    """

    opacity: Opacity
    gain: FloatArray
    on: Backend

    @classmethod
    def of(cls, opacity: Opacity, registered: RegisteredLoop, *, on: Backend) -> SmoothedOpacity:
        """Smooth against the mask frames of a loop."""
        mask = list(registered.injection.mask_frames)
        weight = opacity.valid.astype(np.float32)
        total = np.zeros(opacity.valid.shape, dtype=np.float32)
        for some in chunks(len(mask)):
            total += _shares(opacity.od[mask[some]], weight, on).sum(axis=0)
        known = (total > 0) & opacity.valid
        gain = np.where(known, np.float32(len(mask)) / np.where(known, total, 1), 0)
        return cls(opacity=opacity, gain=gain.astype(np.float32), on=on)

    def frames(self, some: Sequence[int]) -> FloatArray:
        """Some frames, (frames, rows, columns)."""
        weight = self.opacity.valid.astype(np.float32)
        share = _shares(self.opacity.od[list(some)], weight, self.on)
        return _opacity_of(share, self.gain)

    def strips(self, where: BoolArray) -> Iterator[tuple[Rectangle, FloatArray]]:
        """Rectangles that hold every pixel of a mask, with all frames there, one by one.

        What is yielded, (frames, rows, columns), is written over when the next one is made.
        """
        count = len(self.opacity.od)
        rectangles = _rectangles(where, max(STRIP_VALUES // (count * where.shape[1]), FEWEST_ROWS))
        largest = max((where[here].size for here in rectangles), default=0)
        room = np.empty(count * largest, dtype=np.float32)
        for here in rectangles:
            shape = (count, *where[here].shape)
            yield here, self._fill(room[: count * where[here].size].reshape(shape), *here)

    def _fill(self, out: FloatArray, strip: slice, columns: slice) -> FloatArray:
        reach = gaussian_taps(SMOOTHING_PX).size // 2
        down, right = (
            _widened(part, reach, size)
            for part, size in zip((strip, columns), self.opacity.valid.shape, strict=True)
        )
        weight = self.opacity.valid[down.outer, right.outer].astype(np.float32)
        gain = self.gain[strip, columns]
        for some in chunks(len(out)):
            share = _shares(self.opacity.od[some, down.outer, right.outer], weight, self.on)
            out[some] = _opacity_of(share[:, down.inner, right.inner], gain)
        return out


def _rectangles(where: BoolArray, height: int) -> list[Rectangle]:
    """Rectangles of at most so many rows that hold every pixel of a mask."""
    rows = np.flatnonzero(where.any(axis=1))
    if not len(rows):
        return []
    found = []
    for start in range(int(rows[0]), int(rows[-1]) + 1, height):
        strip = slice(start, min(start + height, int(rows[-1]) + 1))
        columns = np.flatnonzero(where[strip].any(axis=0))
        if len(columns):
            found.append((strip, slice(int(columns[0]), int(columns[-1]) + 1)))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Widened:
    """A part with its surroundings, and where the part lies in these."""

    outer: slice
    inner: slice


def _widened(part: slice, reach: int, size: int) -> _Widened:
    start, stop, _ = part.indices(size)
    low = max(start - reach, 0)
    return _Widened(
        outer=slice(low, min(stop + reach, size)), inner=slice(start - low, stop - low)
    )


def _shares(od: FloatArray, weight: FloatArray, on: Backend) -> FloatArray:
    """Transmitted share, smoothed."""
    share = np.negative(od)
    return on.kernels.smooth(np.exp(share, out=share), weight, SMOOTHING_PX)


def _opacity_of(share: FloatArray, gain: FloatArray) -> FloatArray:
    """Opacity of smoothed shares, 0 where there is no gain; changes `share`."""
    share *= gain
    np.maximum(share, np.float32(_LEAST_SHARE), out=share)
    np.log(share, out=share)
    share *= np.where(gain > 0, np.float32(-1), np.float32(0))
    return share
