"""The frames of a loop, decoded when they are asked for."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.dicom.decode import decode_frame
from napari_fluoroinject.dicom.grey import native_samples, stored_values
from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from napari_fluoroinject.dicom.pixels import PixelFormat, Span
    from napari_fluoroinject.model.arrays import StoredArray
    from napari_fluoroinject.model.cine import Frames

MOST_THREADS = 8
"""Decoders release the interpreter; beyond this the memory bus is full."""


class FileBytes:
    """Bytes of a file, read when they are needed: no handle stays open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = path.name

    def read(self, offset: int, length: int) -> bytes:
        """Return so many bytes.

        Raises
        ------
        OSError
            The file is gone, or shorter than it was.
        """
        with self.path.open("rb") as file:
            file.seek(offset)
            data = file.read(length)
        if len(data) < length:
            raise OSError(f"{len(data)} of {length} bytes left: the file changed")
        return data

    def array(self, offset: int, dtype: np.dtype[Any], size: int) -> npt.NDArray[Any]:
        """Map so many values into memory, read-only."""
        return np.memmap(self.path, dtype, mode="r", offset=offset, shape=(size,)).view(np.ndarray)


class MemoryBytes:
    """Bytes in memory, of a data set that was inflated."""

    def __init__(self, data: bytes, source: str) -> None:
        self.data = data
        self.source = source

    def read(self, offset: int, length: int) -> bytes:
        """Return so many bytes."""
        return self.data[offset : offset + length]

    def array(self, offset: int, dtype: np.dtype[Any], size: int) -> npt.NDArray[Any]:
        """View so many values, read-only."""
        return np.frombuffer(self.data, dtype, size, offset)


class NativeFrames:
    """Frames of uncompressed pixel data: read one by one, mapped as a whole."""

    def __init__(self, data: FileBytes | MemoryBytes, pixels: PixelFormat, offset: int) -> None:
        self._data, self._pixels, self._offset = data, pixels, offset

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, columns)."""
        return self._pixels.frames, self._pixels.rows, self._pixels.columns

    def frame(self, index: int, /) -> StoredArray:
        """One frame, (rows, columns).

        Raises
        ------
        UnreadableObjectError
            The file changed since it was opened.
        """
        index = range(self._pixels.frames)[index]
        with _named(self._data.source, f"frame number {index + 1}"):
            single: StoredArray = self._values(index, 1)[0]
        return single

    def every(self) -> StoredArray:
        """All frames, (frames, rows, columns); mapped, not copied, where no bit is to be cleared.

        Raises
        ------
        UnreadableObjectError
            The file changed since it was opened.
        """
        with _named(self._data.source, "the frames"):
            return self._values(0, self._pixels.frames)

    def _values(self, first: int, count: int) -> StoredArray:
        pixels = self._pixels
        if pixels.bits_allocated == 1:
            return self._bits(first, count)
        dtype, size = pixels.sample_dtype, pixels.frame_samples
        offset = self._offset + first * size * dtype.itemsize
        if count > 1:
            raw = self._data.array(offset, dtype, count * size)
        else:
            raw = np.frombuffer(self._data.read(offset, size * dtype.itemsize), dtype)
        return stored_values(native_samples(raw, pixels), pixels)

    def _bits(self, first: int, count: int) -> StoredArray:
        """One bit per pixel, lowest first, frames not aligned to bytes (PS3.5 8.1.1)."""
        size = self._pixels.frame_samples
        start, lead = divmod(first * size, 8)
        packed = self._data.read(self._offset + start, (lead + count * size + 7) // 8)
        bits = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")
        samples = bits[lead : lead + count * size].reshape(count, *self.shape[1:])
        return stored_values(samples, self._pixels)


class EncodedFrames:
    """Frames of compressed pixel data; `spans` are the fragments of each frame."""

    def __init__(
        self,
        data: FileBytes | MemoryBytes,
        pixels: PixelFormat,
        spans: Sequence[Sequence[Span]],
        *,
        syntax: str,
    ) -> None:
        self._data, self._pixels, self._spans, self._syntax = data, pixels, spans, syntax

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, columns)."""
        return len(self._spans), self._pixels.rows, self._pixels.columns

    def frame(self, index: int, /) -> StoredArray:
        """One frame, (rows, columns).

        Raises
        ------
        UnreadableObjectError
            The frame cannot be decoded, or the file changed since it was opened.
        """
        index = range(len(self._spans))[index]
        with _named(self._data.source, f"frame number {index + 1}"):
            encoded = b"".join(self._data.read(*span) for span in self._spans[index])
            return stored_values(decode_frame(encoded, self._pixels, self._syntax), self._pixels)

    def every(self) -> StoredArray:
        """All frames, (frames, rows, columns), decoded in parallel.

        Raises
        ------
        UnreadableObjectError
            A frame cannot be decoded, or the file changed since it was opened.
        """
        return _together(self.frame, self.shape)


class JoinedFrames:
    """One frame from each of several objects, as one loop."""

    def __init__(self, parts: Sequence[Frames]) -> None:
        self._parts = tuple(parts)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, columns)."""
        return len(self._parts), *self._parts[0].shape[1:]

    def frame(self, index: int, /) -> StoredArray:
        """One frame, (rows, columns).

        Raises
        ------
        UnreadableObjectError
            The frame cannot be decoded, or its file changed since it was opened.
        """
        return self._parts[index].frame(0)

    def every(self) -> StoredArray:
        """All frames, (frames, rows, columns), decoded in parallel.

        Raises
        ------
        UnreadableObjectError
            A frame cannot be decoded, or its file changed since it was opened.
        """
        return _together(self.frame, self.shape)


def _together(frame: Callable[[int], StoredArray], shape: tuple[int, int, int]) -> StoredArray:
    """Decode all frames into one array, several at a time; the first failure ends it."""
    first = frame(0)
    result = np.empty(shape, first.dtype)
    result[0] = first

    def place(index: int) -> None:
        result[index] = frame(index)

    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as pool:
        for _ in pool.map(place, range(1, shape[0])):
            pass
    result.flags.writeable = False
    return result


@contextmanager
def _named(source: str, what: str) -> Iterator[None]:
    """Make one error, which names the frame, of whatever a decoder or a file raises."""
    try:
        yield
    except Exception as error:
        # a border: decoders raise a kind of their own each (RuntimeError, ValueError, ...)
        raise UnreadableObjectError(
            source,
            seen=f"{what}: {str(error) or type(error).__name__}",
            expected="pixel data that decode to the declared size",
        ) from error
