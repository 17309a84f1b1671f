"""Pictures that napari asks for one frame at a time: nothing is ever read whole."""

from __future__ import annotations

import time
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.model.subtracted import UNDEFINED

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.model.arrays import StoredArray
    from napari_fluoroinject.model.cine import CineLoop, Frames

    Picture = StoredArray | npt.NDArray[np.float32]

MOST_BYTES = 96 * 1024 * 1024
"""Decoded frames that are kept of one picture: a run of 512 x 512 x 90 fits in whole."""
SLOW_S = 0.004
"""A frame that takes longer to decode is fetched ahead."""
PERCENTILES = (0.5, 99.5)
"""Window of the first picture: clips direct beam and dead pixels, not bone."""
CENTRE = 0.6
"""Share of rows and columns whose middle sets the window: blades stand at the border."""


class LazyFrames(Closing):
    """Looks like an array of (frames, rows, columns), and decodes the frames that are shown.

    Parameters
    ----------
    decode
        Returns one frame, (rows, columns); may be called from another thread.
    shape
        (frames, rows, columns).
    first
        Frame 0, decoded: it tells the type.

    Attributes
    ----------
    decoded
        How many frames were decoded so far.
    """

    ndim = 3

    def __init__(
        self, decode: Callable[[int], Picture], shape: tuple[int, int, int], first: Picture
    ) -> None:
        self.shape = shape
        self.dtype = first.dtype
        self.size = int(np.prod(shape))
        self.decoded = 1
        self._decode = decode
        self._most = max(MOST_BYTES // max(first.nbytes, 1), 3)
        self._kept: OrderedDict[int, Picture] = OrderedDict({0: first})
        self._coming: dict[int, Future[Picture]] = {}
        self._lock = Lock()
        self._ahead: ThreadPoolExecutor | None = None
        self._closed = False

    def __len__(self) -> int:
        """Return the number of frames."""
        return self.shape[0]

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        """Return what an array would; of the first axis only what is asked for is decoded."""
        first, *rest = index if isinstance(index, tuple) else (index,)
        if first is Ellipsis:
            first, rest = slice(None), [Ellipsis, *rest]
        if isinstance(first, slice | list | np.ndarray):
            chosen = np.arange(len(self))[first]
            frames = np.stack([self.frame(int(one)) for one in chosen])
            return frames[(slice(None), *rest)]
        frame: npt.NDArray[Any] = self.frame(int(first))[tuple(rest)]
        return frame

    def __array__(self, *_args: Any, **_named: Any) -> NoReturn:
        """Refuse.

        Raises
        ------
        TypeError
            Always: somebody would read every frame.
        """
        raise TypeError(
            f"a picture of {self.shape} was asked for whole; expected one frame at a time"
        )

    def frame(self, index: int) -> Picture:
        """Return one frame, decoded now or kept; a negative index counts from the end."""
        index = index + len(self) if index < 0 else index
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        with self._lock:
            kept = self._kept.get(index)
            coming = self._coming.pop(index, None)
            if kept is not None:
                self._kept.move_to_end(index)
                return kept
        started = time.perf_counter()
        frame = self._decode(index) if coming is None else coming.result()
        self._keep(index, frame)
        if coming is not None or time.perf_counter() - started > SLOW_S:
            self._fetch_ahead(index + 1)
        return frame

    def close(self) -> None:
        """Fetch nothing ahead any more, and let the frames go."""
        self._closed = True
        if self._ahead is not None:
            self._ahead.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            self._kept.clear()
            self._coming.clear()

    def _keep(self, index: int, frame: Picture) -> None:
        with self._lock:
            self.decoded += 1
            self._kept[index] = frame
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def _fetch_ahead(self, index: int) -> None:
        """Start on the next frame; what was fetched for nothing is dropped."""
        if self._closed:
            return
        with self._lock:
            index %= len(self)
            if index in self._kept or index in self._coming:
                return
            for other in [one for one, future in self._coming.items() if future.cancel()]:
                del self._coming[other]
            while len(self._coming) > 2:
                self._coming.pop(next(iter(self._coming)))
            if self._ahead is None:
                self._ahead = ThreadPoolExecutor(1, thread_name_prefix="frames")
            self._coming[index] = self._ahead.submit(self._decode, index)


def of_frames(frames: Frames) -> LazyFrames:
    """The stored values of a loop."""
    return LazyFrames(frames.frame, frames.shape, frames.frame(0))


def of_differences(stored: npt.NDArray[np.uint16]) -> LazyFrames:
    """Stored differences of a subtraction, one frame at a time; NaN where nothing is known."""

    def one(index: int) -> npt.NDArray[np.float32]:
        frame: npt.NDArray[np.float32] = stored[index].astype(np.float32)
        frame[stored[index] == UNDEFINED] = np.nan
        return frame

    return LazyFrames(one, stored.shape, one(0))


def first_window(frame: Picture, loop: CineLoop) -> tuple[float, float]:
    """Return the stored values between which one frame is shown: what most of its field holds."""
    field = loop.open_field
    middle = tuple(
        slice(round(0.5 * (1 - CENTRE) * side), side - round(0.5 * (1 - CENTRE) * side))
        for side in frame.shape
    )
    inside = frame[middle]
    if field is not None and field[middle].any():
        inside = inside[field[middle]]
    low, high = np.percentile(inside, PERCENTILES)
    return float(low), float(max(high, low + 1))
