"""What is subtracted from frames, and what is then read off the curve of every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray, StoredArray, read_only

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Counts = npt.NDArray[np.int64]
_STORED = (np.uint8, np.uint16, np.int16)
_PICTURES = (
    "peak",
    "time_to_peak_s",
    "arrival_s",
    "area_s",
    "transit_s",
    "washout_per_s",
    "last",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subtraction:
    """What stored values mean and what they are compared with.

    Attributes
    ----------
    ln_beam, first_stored
        `ln_beam[v - first_stored]` is the natural log of the beam at stored value v; values
        outside the table count as its ends.
    mask
        (rows, columns) float32, natural log of the beam before contrast, in the reference pose.
    threshold
        Opacity at whose crossing contrast arrives.
    """

    ln_beam: FloatArray
    first_stored: int
    mask: FloatArray
    threshold: float

    def __post_init__(self) -> None:
        for name in ("ln_beam", "mask"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One frame: when it was taken, and what is known of it.

    `shift_px` (row, column): what stands at p in the reference pose stands at p + shift in the
    frame. `offset` is the opacity that the whole frame seems to have gained because it was
    exposed less; it is taken off.
    """

    time_s: float
    shift_px: tuple[float, float] = (0.0, 0.0)
    offset: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exposures:
    """`Exposure` of every frame: (frames,), (frames, 2) and (frames,), all float64.

    Times are finite and rise from frame to frame.
    """

    times_s: DoubleArray
    shift_px: DoubleArray
    offset: DoubleArray

    def __post_init__(self) -> None:
        for name in ("times_s", "shift_px", "offset"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))
        count = len(self.times_s)
        shapes = self.times_s.shape, self.shift_px.shape, self.offset.shape
        if shapes != ((count,), (count, 2), (count,)):
            raise ValueError(f"times, shifts and offsets of shapes {shapes}; expected one a frame")
        if not np.isfinite(self.times_s).all():
            raise ValueError("times that are not finite; expected finite ones")
        if not (np.diff(self.times_s) > 0).all():
            raise ValueError("times that do not rise from frame to frame; expected rising ones")

    @classmethod
    def of(cls, exposures: Sequence[Exposure]) -> Exposures:
        """Of single ones, in order; at least one."""
        return cls(
            times_s=np.array([one.time_s for one in exposures]),
            shift_px=np.array([one.shift_px for one in exposures]),
            offset=np.array([one.offset for one in exposures]),
        )

    def each(self) -> Iterator[Exposure]:
        """One after another."""
        for time_s, (row, column), offset in zip(
            self.times_s, self.shift_px, self.offset, strict=True
        ):
            yield Exposure(
                time_s=float(time_s), shift_px=(float(row), float(column)), offset=float(offset)
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CurveMaps:
    """What `Kernels.curve_maps` reads off; pictures are (rows, columns) float32.

    Attributes
    ----------
    peak, last
        The highest opacity, and that of the last frame, everywhere. The other pictures are NaN
        where contrast never arrives.
    time_to_peak_s
        Time of the first frame with the highest opacity.
    arrival_s
        Time of the crossing, between frames.
    area_s
        Opacity times seconds under the curve from the first frame after arrival to the end.
    transit_s
        Mean time of that opacity, from arrival.
    washout_per_s
        Share of the peak lost per second from the peak to the end; NaN too where the peak is the
        last frame.
    area_px
        (frames,) int64, pixels at or above the threshold.
    """

    peak: FloatArray
    time_to_peak_s: FloatArray
    arrival_s: FloatArray
    area_s: FloatArray
    transit_s: FloatArray
    washout_per_s: FloatArray
    last: FloatArray
    area_px: Counts

    def __post_init__(self) -> None:
        for name in _PICTURES:
            object.__setattr__(self, name, read_only(getattr(self, name), np.float32))
        object.__setattr__(self, "area_px", read_only(self.area_px, np.int64))


class Follower(Protocol):
    """The maps of the frames so far: the one thing in compute that changes as it is used."""

    def add(self, stored: StoredArray, exposure: Exposure, /) -> int:
        """Take in the next frame, (rows, columns).

        Returns how many pixels of the frame before are at or above the threshold, 0 for the
        first: a frame's value needs the one after it.
        """
        ...

    def maps(self) -> CurveMaps:
        """The maps of all frames so far, as `Kernels.curve_maps` of them would give them.

        Raises
        ------
        ValueError
            Before the first frame.
        """
        ...


def curve_weights(times_s: DoubleArray) -> DoubleArray:
    """Seconds that each frame stands for, (frames,), by the trapezoidal rule."""
    edges = np.concatenate([times_s[:1], (times_s[1:] + times_s[:-1]) / 2, times_s[-1:]])
    return np.diff(edges)


def check_frames(stored: StoredArray, count: int, subtraction: Subtraction) -> None:
    """Check that frames (frames, rows, columns) are so many, and of the size of the mask.

    Raises
    ------
    ValueError
        They are not: a kernel would read past an end. Or they are no stored values.
    """
    check_stored(stored)
    expected = (count, *subtraction.mask.shape)
    if stored.shape != expected or count < 1:
        raise ValueError(f"frames of shape {stored.shape}; expected {expected}, one at least")


def check_stored(stored: StoredArray) -> None:
    """Check that values are whole numbers of 8 or 16 bits, in any byte order.

    Raises
    ------
    ValueError
        They are not.
    """
    if stored.dtype.newbyteorder("=") not in _STORED:
        raise ValueError(f"stored values of type {stored.dtype}; expected uint8, uint16 or int16")


def native(stored: StoredArray) -> StoredArray:
    """Stored values in the byte order of this machine; not copied where they are."""
    if stored.dtype.isnative:
        return stored
    return cast("StoredArray", stored.astype(stored.dtype.newbyteorder("=")))


def check_later(time_s: float, times_s: Sequence[float]) -> None:
    """Check that a frame has a time, and is later than those before it.

    Raises
    ------
    ValueError
        It is not.
    """
    if not isfinite(time_s):
        raise ValueError(f"a frame at {time_s} s; expected a finite time")
    if times_s and time_s <= times_s[-1]:
        raise ValueError(
            f"a frame at {time_s} s after one at {times_s[-1]} s; expected a later one"
        )
