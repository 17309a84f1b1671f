"""Writes every frame of a feed to disk as it comes."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import threading
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.recording.scale import unknown_scale
from napari_fluoroinject.recording.segment import (
    STORED_TYPES,
    SUFFIX,
    SegmentHead,
    encode_head,
    frame_head,
)
from napari_fluoroinject.spool.private import make_private

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from napari_fluoroinject.model.cine import IntensityScale

log = logging.getLogger(__name__)

RESERVE_BYTES = 512 << 20
"""Recording stops while less is free: the host goes on working."""
SYNC_EVERY_S = 1.0
_LOOK_EVERY_BYTES = 32 << 20
"""How much is written between two looks at the free space."""


def new_folder(root: Path) -> Path:
    """Name of a folder that is not there yet: the moment in UTC, and a random end."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return root / f"{moment}-{secrets.token_hex(3)}"


class Recorder(Closing):
    """Appends frames to segments in a private folder: lossless, in order, each with its times.

    When `add` returns, the frame is the system's: it survives the end of this program by whatever
    signal. Once a second a thread has it brought to the disk itself: a loss of power costs what
    came since, a second or two. A frame of another size or type begins a new segment, and so does
    the first one after a failure, of which nothing but whole frames is left behind.

    Parameters
    ----------
    folder
        Made for its owner alone; files in it are its owner's alone.
    intensity
        What stored values mean; None = unknown.
    source
        The kind of feed, free of patient data: it is written down.
    synthetic
        Whether the pictures are made up.
    lossy
        Tells whether pixels were compressed with loss on their way, None = unknown; asked at each
        frame, and another answer begins a new segment.
    reserve_bytes
        So much is left free on the disk.
    wall_ns
        The wall clock, in nanoseconds since 1970.

    Raises
    ------
    StorageError
        The folder cannot be made.
    """

    def __init__(  # noqa: PLR0913 - what is written in the head of a segment
        self,
        folder: Path,
        *,
        intensity: IntensityScale | None = None,
        source: str = "feed",
        synthetic: bool = False,
        lossy: Callable[[], bool | None] = lambda: None,
        reserve_bytes: int = RESERVE_BYTES,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.folder = folder
        self.recorded = 0
        self._intensity, self._source, self._synthetic = intensity, source, synthetic
        self._lossy = lossy
        self._reserve_bytes, self._wall_ns = reserve_bytes, wall_ns
        self._file: IO[bytes] | None = None
        self._kind: tuple[tuple[int, ...], str, bool | None] | None = None
        self._whole_bytes = self._unlooked_bytes = self._segments = 0
        self._lock, self._closed = threading.Lock(), threading.Event()
        try:
            make_private(folder)
        except OSError as error:
            raise _failed(error) from error
        self._syncing = threading.Thread(target=self._sync, name="fluoroinject-sync", daemon=True)
        self._syncing.start()

    def add(
        self,
        pixels: npt.NDArray[Any],
        *,
        index: int,
        time_s: float,
        wall_s: float | None = None,
    ) -> None:
        """Append a frame, (rows, columns), uint8, uint16 or int16.

        `wall_s` is when it was taken by the sender's clock, in seconds since 1970.

        Raises
        ------
        ValueError
            It is no picture that can be recorded.
        StorageError
            It could not be written: the disk is full or broken. What was recorded stays readable,
            and the next frame is tried anew, in a new segment.
        """
        if pixels.ndim != 2 or pixels.dtype.name not in STORED_TYPES:
            raise ValueError(
                f"a frame of shape {pixels.shape} and type {pixels.dtype}; expected two "
                f"dimensions and one of {', '.join(STORED_TYPES)}"
            )
        kind = (pixels.shape, pixels.dtype.name, self._lossy())
        little = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
        try:
            self._require_room(little.nbytes)
            if self._file is None or kind != self._kind:
                self._begin(pixels, kind)
            head = frame_head(
                little,
                index=index,
                time_s=time_s,
                wall_ns=self._wall_ns(),
                sent_ns=None if wall_s is None else round(wall_s * 1e9),
            )
            self._append(head, little)
        except OSError as error:
            self._give_up()
            raise _failed(error) from error
        self.recorded += 1

    def close(self) -> None:
        """Bring everything to disk, and let go of it."""
        self._closed.set()
        self._syncing.join()
        self._end()

    def _begin(
        self, pixels: npt.NDArray[Any], kind: tuple[tuple[int, ...], str, bool | None]
    ) -> None:
        self._end()
        _, dtype, lossy = kind
        head = SegmentHead(
            shape=(pixels.shape[0], pixels.shape[1]),
            dtype=dtype,
            intensity=self._intensity or unknown_scale(dtype),
            source=self._source,
            synthetic=self._synthetic,
            wall_ns=self._wall_ns(),
            lossy=lossy,
        )
        path = self.folder / f"{self._segments:04d}{SUFFIX}"
        file = open(path, "xb", buffering=0, opener=_owned)  # noqa: SIM115 - Path.open takes no opener; the recorder closes it
        with self._lock:
            self._file, self._kind = file, kind
        self._segments += 1
        self._whole_bytes = 0
        self._write(encode_head(head))

    def _append(self, *parts: bytes | npt.NDArray[Any]) -> None:
        for part in parts:
            self._write(part if isinstance(part, bytes) else part.data)
        self._whole_bytes = self._written

    def _write(self, part: bytes | memoryview) -> None:
        assert self._file is not None  # noqa: S101 - `_begin` opened it
        left = memoryview(part).cast("B")
        while left:
            count = self._file.write(left)
            self._unlooked_bytes += count
            left = left[count:]

    @property
    def _written(self) -> int:
        return 0 if self._file is None else self._file.tell()

    def _require_room(self, more_bytes: int) -> None:
        if self._file is not None and not os.fstat(self._file.fileno()).st_nlink:
            raise OSError(None, "its file was taken away, with all that was in it")
        if self._unlooked_bytes and self._unlooked_bytes < _LOOK_EVERY_BYTES:
            return
        if not self.folder.exists() and self.folder.parent.exists():
            make_private(self.folder)  # somebody took it away
        free = shutil.disk_usage(self.folder).free
        if free - more_bytes < self._reserve_bytes:
            raise OSError(
                None,
                f"{free >> 20} MB are free on the disk, and {self._reserve_bytes >> 20} MB are "
                "kept in reserve",
            )
        self._unlooked_bytes = 0

    def _give_up(self) -> None:
        """Leave whole frames behind, nothing else."""
        self._unlooked_bytes = 0
        if self._file is None:
            return
        path, whole = self.folder / self._file.name, self._whole_bytes
        with suppress(OSError):
            self._file.truncate(whole)
        self._end()
        if not whole:
            path.unlink(missing_ok=True)

    def _end(self) -> None:
        with self._lock:
            file, self._file, self._kind = self._file, None, None
        if file is None:
            return
        try:
            os.fsync(file.fileno())
        except OSError as error:
            log.warning("a recording may not be on the disk: %s", error.strerror)
        with suppress(OSError):
            file.close()

    def _sync(self) -> None:
        while not self._closed.wait(SYNC_EVERY_S):
            with self._lock:
                copy = None if self._file is None else os.dup(self._file.fileno())
            if copy is None:
                continue
            try:
                os.fsync(copy)
            except OSError as error:
                log.warning("a recording may not be on the disk: %s", error.strerror)
            finally:
                os.close(copy)


def _owned(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o600)


def _failed(error: OSError) -> StorageError:
    return StorageError(
        f"the recording cannot be written: {error.strerror or error}; expected a disk with room: "
        "free some, recording then goes on by itself"
    )
