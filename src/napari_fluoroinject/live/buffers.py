"""Memory of received frames, used again as soon as nobody holds a frame: it does not grow."""

from __future__ import annotations

import ctypes
import mmap
import weakref
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

SPARE_BYTES = 32 << 20
"""So much is kept for the next frames; what a slow disk needed beyond goes back to the system."""


class Buffers:
    """Copies frames into memory of its own.

    Fresh memory costs a frame of 2 MiB milliseconds on some systems, and the allocator of the C
    library never gives all of it back. A copy may be held, and views of it, for any time and by
    any thread.
    """

    def __init__(self) -> None:
        self._spare: deque[mmap.mmap] = deque()
        self._block_bytes = 0

    def copy(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return a copy that nobody can write to; frames come from one thread."""
        if pixels.nbytes != self._block_bytes:
            self._block_bytes = pixels.nbytes
            self._spare.clear()
        try:
            block = self._spare.popleft()
        except IndexError:
            block = mmap.mmap(-1, self._block_bytes)
        owner = (ctypes.c_char * self._block_bytes).from_buffer(block)
        # every view keeps the owner alive, though not the arrays between
        weakref.finalize(owner, self._take_back, block).atexit = False
        lying: npt.NDArray[Any] = np.frombuffer(memoryview(owner), pixels.dtype)
        copy = lying.reshape(pixels.shape)
        copy[...] = pixels
        copy.flags.writeable = False
        return copy

    def _take_back(self, block: mmap.mmap) -> None:
        room = SPARE_BYTES // max(1, self._block_bytes)
        if len(block) == self._block_bytes and len(self._spare) < room:
            self._spare.append(block)
