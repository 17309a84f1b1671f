"""A folder that somebody fills with runs, as a feed: each once, as soon as it is whole."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.scan import scan
from napari_fluoroinject.endpoints.runs_in_turn import Found, RunsInTurn
from napari_fluoroinject.endpoints.video import VideoFeed
from napari_fluoroinject.errors import FluoroinjectError, UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STEADY_S = 1.0
"""A file that has not grown for so long may be whole."""
_GIVEN_UP_S = 30.0
"""A steady file that cannot be read for so long is taken for what it is: no run."""
_FILMS = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".nut"})
_UNFINISHED = frozenset({".part", ".partial", ".tmp", ".crdownload", ".filepart"})
_PREAMBLE_BYTES, _PREFIX = 128, b"DICM"


class FillingFolder(RunsInTurn):
    """Runs that are put into a folder while it is watched: DICOM objects and video files.

    A file is taken once its size has not changed for a second and it can be read to its end;
    hidden files, those that end in `.part` or `.tmp`, and all that is neither DICOM nor named as a
    video are left alone. Folders in it are not looked into. What has other content later under
    the same name is not taken again.

    Parameters
    ----------
    folder
        Which; nothing in it is changed.
    existing
        Whether files that are there already are given first, the oldest first.
    speed, clock
        As `RunsInTurn`.

    Raises
    ------
    UnreadableObjectError
        There is no such folder.
    """

    def __init__(
        self,
        folder: Path,
        *,
        existing: bool = False,
        speed: float = 1.0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if not folder.is_dir():
            raise UnreadableObjectError(
                str(folder), seen="no such folder", expected="a folder that is being filled"
            )
        super().__init__(
            WholeFiles(folder, existing=existing, clock=clock),
            waits="waits for runs in a folder",
            play=lambda path: VideoFeed(path, speed=speed),
            speed=speed,
            clock=clock,
        )


class WholeFiles:
    """Files of a folder that are new and whole, each once.

    Parameters
    ----------
    folder, existing, clock
        As `FillingFolder`.
    """

    def __init__(
        self, folder: Path, *, existing: bool, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._folder, self._clock = folder, clock
        self._seen: dict[Path, tuple[tuple[int, int], float]] = {}
        """Of each file that is not done: its size and time of change, and since when."""
        self._done: set[Path] = set()
        if not existing:
            self._done |= {path for path, _ in self._files()}

    def look(self) -> Found:
        """Return those that became whole since the last look, by their time of change."""
        now_s = self._clock()
        whole: dict[str | None, list[Path]] = {"object": [], "film": [], None: []}
        for path, state in self._files():
            if path in self._done:
                continue
            known = self._seen.get(path)
            if known is None or known[0] != state:
                self._seen[path] = (state, now_s)
            elif now_s - known[1] >= STEADY_S:
                kind = _kind(path)
                if kind is None and now_s - known[1] < _GIVEN_UP_S and _claims(path):
                    continue
                if kind is not None or _claims(path):
                    whole[kind].append(path)
                self._done.add(path)
                self._seen.pop(path, None)
        return Found(
            objects=tuple(whole["object"]), films=tuple(whole["film"]), strange=len(whole[None])
        )

    def _files(self) -> list[tuple[Path, tuple[int, int]]]:
        """Files by time of change, with their size and that time, ns."""
        found = []
        for path in self._folder.iterdir():
            hidden = path.name.startswith(".") or path.suffix.lower() in _UNFINISHED
            try:
                if not hidden and path.is_file():
                    told = path.stat()
                    found.append((path, (told.st_size, told.st_mtime_ns)))
            except OSError:  # gone between the two
                continue
        return sorted(found, key=lambda one: (one[1][1], one[0].name))


def _claims(path: Path) -> bool:
    """Whether it says that it is DICOM or a video."""
    return path.suffix.lower() in _FILMS or _is_dicom(path)


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(_PREAMBLE_BYTES + len(_PREFIX))[_PREAMBLE_BYTES:] == _PREFIX
    except OSError:
        return False


def _kind(path: Path) -> str | None:
    """What a whole file is; None = neither, or not whole."""
    try:
        if _is_dicom(path):
            scan(path)
            return "object"
        if path.suffix.lower() in _FILMS:
            VideoFeed(path).check()
            return "film"
    except FluoroinjectError:
        pass
    return None
