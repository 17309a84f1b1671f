"""The frames of a loop, decoded when they are asked for."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.dicom.decoder import processor_decoder
from napari_fluoroinject.dicom.grey import are_stored_values, native_samples, stored_values
from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from napari_fluoroinject.dicom.decoder import Decoder
    from napari_fluoroinject.dicom.pixels import PixelFormat, Span
    from napari_fluoroinject.model.arrays import StoredArray
    from napari_fluoroinject.model.cine import Frames

THREADS = "FLUOROINJECT_THREADS"
MOST_THREADS = 8
"""Decoders release the interpreter; beyond this the memory bus is full."""


def thread_count() -> int:
    """Threads that decode a loop: the processors that this process may use, up to a few.

    The variable FLUOROINJECT_THREADS says fewer, where many processes share the processors.
    """
    told = os.environ.get(THREADS, "")
    if told.isdecimal() and int(told):
        return min(MOST_THREADS, int(told))
    try:
        usable = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Windows and macOS
        usable = os.cpu_count() or 1
    return min(MOST_THREADS, usable)


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
            return self._values(index)

    def every(self) -> StoredArray:
        """All frames, (frames, rows, columns); mapped, not copied, where they are stored values.

        Raises
        ------
        UnreadableObjectError
            The file changed since it was opened.
        """
        pixels = self._pixels
        if pixels.bits_allocated > 1 and pixels.samples == 1:
            with _named(self._data.source, "the frames"):
                size = pixels.frames * pixels.frame_samples
                samples = self._data.array(self._offset, pixels.sample_dtype, size)
                if are_stored_values(samples, pixels):
                    mapped: StoredArray = native_samples(samples, pixels)
                    return mapped
        return _together(partial(_one_by_one, self), self.shape)

    def _values(self, index: int) -> StoredArray:
        pixels = self._pixels
        if pixels.bits_allocated == 1:
            return stored_values(self._bits(index), pixels)
        size = pixels.frame_samples * pixels.sample_dtype.itemsize
        raw = np.frombuffer(
            self._data.read(self._offset + index * size, size), pixels.sample_dtype
        )
        single: StoredArray = stored_values(native_samples(raw, pixels), pixels)[0]
        return single

    def _bits(self, index: int) -> npt.NDArray[np.uint8]:
        """One bit per pixel, lowest first, frames not aligned to bytes (PS3.5 8.1.1)."""
        size = self._pixels.frame_samples
        start, lead = divmod(index * size, 8)
        packed = self._data.read(self._offset + start, (lead + size + 7) // 8)
        bits = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")
        return bits[lead : lead + size].reshape(self.shape[1:])


class EncodedFrames:
    """Frames of compressed pixel data; `spans` are the fragments of each frame.

    Without a decoder the processor decodes.
    """

    def __init__(
        self,
        data: FileBytes | MemoryBytes,
        pixels: PixelFormat,
        spans: Sequence[Sequence[Span]],
        *,
        syntax: str,
        decoder: Decoder | None = None,
    ) -> None:
        self._data, self._pixels, self._spans, self._syntax = data, pixels, spans, syntax
        self._decoder = decoder or processor_decoder()

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
            return self._decoded(range(index, index + 1))[0]

    def every(self) -> StoredArray:
        """All frames, (frames, rows, columns), decoded in parallel.

        Raises
        ------
        UnreadableObjectError
            A frame cannot be decoded, or the file changed since it was opened.
        """
        return _together(self._some, self.shape, batch=self._decoder.batch)

    def _some(self, indices: range) -> list[StoredArray]:
        if len(indices) == 1:
            return _one_by_one(self, indices)
        try:
            return self._decoded(indices)
        except Exception:
            # a border: one of them is at fault, and decoding them one by one names it
            return _one_by_one(self, indices)

    def _decoded(self, indices: range) -> list[StoredArray]:
        encoded = [
            b"".join(self._data.read(*span) for span in self._spans[index]) for index in indices
        ]
        samples = self._decoder.decode(encoded, self._pixels, self._syntax)
        return [stored_values(one, self._pixels) for one in samples]


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
        return _together(partial(_one_by_one, self), self.shape)


def _one_by_one(frames: Frames, indices: range) -> list[StoredArray]:
    return [frames.frame(index) for index in indices]


def _together(
    some: Callable[[range], list[StoredArray]], shape: tuple[int, int, int], *, batch: int = 1
) -> StoredArray:
    """Decode all frames into one array, several at a time; the first failure ends it.

    Beside the array no more frames are held than there are threads times frames of a batch. The
    failure that is told is that of the lowest frame, whichever thread came first.
    """
    parts = [range(k, min(k + batch, shape[0])) for k in range(0, shape[0], batch)]
    first = some(parts[0])
    result = np.empty(shape, first[0].dtype)
    result[: len(first)] = first
    del first

    def place(part: range) -> None:
        for index, frame in zip(part, some(part), strict=True):
            result[index] = frame

    with ThreadPoolExecutor(thread_count()) as pool:
        for _ in pool.map(place, parts[1:]):
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
