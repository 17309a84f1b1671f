"""What is fuzzed, and what is promised: typed errors, within 2 s and 512 MB for each input."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_S, MOST_MIB = 2.0, 512
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class BrokenPromiseError(Exception):
    """An input took more than its share."""


def targets(loop_file: Path) -> dict[str, Callable[[bytes], None]]:  # noqa: C901 - a list
    """Every target by its name; each takes the bytes and lets only faults of ours out."""
    from napari_fluoroinject.dicom.find import LoopFiles
    from napari_fluoroinject.dicom.read import find_loops, read_loop
    from napari_fluoroinject.dicom.read_back import read_back
    from napari_fluoroinject.dicom.scan import check_series, scan
    from napari_fluoroinject.errors import FluoroinjectError
    from napari_fluoroinject.settings import parse_settings

    path = _scratch()

    def scanned(content: bytes) -> None:
        path.write_bytes(content)
        with contextlib.suppress(FluoroinjectError):
            check_series(scan(path))

    def read(content: bytes) -> None:
        path.write_bytes(content)
        for found in find_loops([path]):
            if not isinstance(found, LoopFiles):
                continue
            try:
                loop = read_loop(*found.paths)
                for index in sorted({0, loop.shape[0] // 2, loop.shape[0] - 1}):
                    loop.frames.frame(index)
            except FluoroinjectError:
                pass

    loop = read_loop(loop_file)

    def results(content: bytes) -> None:
        path.write_bytes(content)
        for about in (loop, None):
            with contextlib.suppress(FluoroinjectError):
                read_back(path, loop=about)

    def settings(content: bytes) -> None:
        with contextlib.suppress(FluoroinjectError):
            parse_settings(content.decode("utf-8", "replace"), path=path)

    return {"scan": scanned, "read": read, "results": results, "settings": settings}


def measured(target: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """The target, with time of the processor and growth of memory judged for each input."""

    def one(content: bytes) -> None:
        _CLEAR.write_text("5")  # the peak counts from here
        before, began = _memory_mib("VmRSS"), time.process_time()
        target(content)
        took, grew = time.process_time() - began, _memory_mib("VmHWM") - before
        if took > LONGEST_S or grew > MOST_MIB:
            raise BrokenPromiseError(f"{took:.2f} s of {LONGEST_S}, {grew} MiB of {MOST_MIB}")

    return one


def _memory_mib(field: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) // 1024
    raise OSError(f"{_STATUS} has no {field}")


def _scratch() -> Path:
    """One file in memory, written over for each input."""
    folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="fuzz-", dir=folder)) / "input.dcm"
