"""What is said of a feed while it is recorded: lines of JSON beside its frames, only appended."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any, Literal, get_args

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.spool.private import make_private

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE_NAME = "remarks.jsonl"

Said = Literal["run", "run_end", "feed", "seen", "contrast", "recording"]
"""`run` and `run_end`: where a run begins and ends; `feed`: what the feed told; `seen`: what the
picture showed; `contrast`: its onset and warnings; `recording`: frames that could not be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One line, free of patient data.

    Attributes
    ----------
    said
        What kind it is.
    text
        For a person.
    frame, time_s
        Index and time of the frame that it belongs to, by the feed's own count and clock; None =
        no frame had come.
    wall_ns
        When it was written, in nanoseconds since 1970.
    """

    said: Said
    text: str
    frame: int | None = None
    time_s: float | None = None
    wall_ns: int = 0


class RemarkLog(Closing):
    """Appends remarks to the file in the folder of a recording; any thread may write.

    Parameters
    ----------
    folder
        Of the recording; made if absent, for its owner alone.
    wall_ns
        The wall clock.

    Raises
    ------
    StorageError
        The file cannot be opened.
    """

    def __init__(self, folder: Path, *, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._wall_ns, self._lock = wall_ns, threading.Lock()
        self._torn, self._path = False, folder / FILE_NAME
        try:
            make_private(folder)
            self._file: IO[bytes] | None = _opened(self._path)
            self._torn = not _ends_whole(folder / FILE_NAME)
        except OSError as error:
            raise StorageError(
                f"remarks on the recording cannot be kept: {error.strerror or error}; expected a "
                "disk with room"
            ) from error

    def add(
        self, said: Said, text: str, *, frame: int | None = None, time_s: float | None = None
    ) -> bool:
        """Append a remark; whether it was kept: a disk that is full costs remarks, no frames."""
        line = Remark(said=said, text=text, frame=frame, time_s=time_s, wall_ns=self._wall_ns())
        content = json.dumps(asdict(line), ensure_ascii=False).encode() + b"\n"
        with self._lock:
            if self._file is None:
                return False
            try:
                self._had_again(self._file)
                begin = b"\n" if self._torn else b""
                self._torn = True
                written = self._file.write(begin + content)
                self._torn = written != len(begin + content)
            except OSError:
                return False
        return not self._torn

    def close(self) -> None:
        """Bring it to the disk, and let go of it."""
        with self._lock:
            file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                os.fsync(file.fileno())
            file.close()

    def _had_again(self, file: IO[bytes]) -> None:
        """Begin another file where somebody took this one away."""
        if not os.fstat(file.fileno()).st_nlink and self._path.parent.exists():
            self._file, self._torn = _opened(self._path), False
            file.close()


def read_remarks(folder: Path) -> tuple[Remark, ...]:
    """The remarks of a recording, oldest first; lines that are not whole are left out."""
    try:
        lines = (folder / FILE_NAME).read_bytes().split(b"\n")
    except OSError:
        return ()
    return tuple(remark for line in lines if (remark := _remark(line)) is not None)


def _remark(line: bytes) -> Remark | None:
    try:
        told: dict[str, Any] = json.loads(line)
        if told["said"] not in get_args(Said):
            return None
        frame, time_s = told["frame"], told["time_s"]
        return Remark(
            said=told["said"],
            text=str(told["text"]),
            frame=None if frame is None else int(frame),
            time_s=None if time_s is None else float(time_s),
            wall_ns=int(told["wall_ns"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _opened(path: Path) -> IO[bytes]:
    return open(path, "ab", buffering=0, opener=_owned)


def _owned(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o600)
