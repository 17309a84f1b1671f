"""Frames of a loop in order, decoded by several threads a little ahead of who takes them."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.frames import thread_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.model.arrays import StoredArray
    from napari_fluoroinject.model.cine import Frames


def frames_ahead(frames: Frames, *, threads: int | None = None) -> Iterator[StoredArray]:
    """Yield every frame, (rows, columns), the first first.

    However long the loop, twice as many frames are held as there are threads; whoever wants all
    of them at once asks `frames.every()`.

    Parameters
    ----------
    frames
        Of a loop.
    threads
        How many decode; as many as the process has processors, up to a few, where it is None.

    Raises
    ------
    UnreadableObjectError
        A frame cannot be decoded: when its turn comes, after all frames before it.
    """
    wanted = thread_count() if threads is None else threads
    with ThreadPoolExecutor(wanted) as pool:
        waiting = deque(
            pool.submit(frames.frame, index) for index in range(min(2 * wanted, frames.shape[0]))
        )
        try:
            for index in range(len(waiting), frames.shape[0] + len(waiting)):
                frame = waiting.popleft().result()
                if index < frames.shape[0]:
                    waiting.append(pool.submit(frames.frame, index))
                yield frame
        finally:  # whoever takes no more waits for what is being decoded only
            for one in waiting:
                one.cancel()
