"""What a stretch of work costs this process: seconds, processor time, most memory."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.confined.work import Spent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_RESET_PEAK = "5"
"""Written to clear_refs, it lets the kernel forget the highest memory so far (proc(5))."""
_SELF = Path("/proc/self")


@contextmanager
def measured() -> Iterator[Callable[[], Spent]]:
    """Measure the work inside, of all threads; yields what tells its cost afterwards.

    The most memory is that of this stretch alone, and known on Linux only.
    """
    reset = False
    with suppress(OSError):
        (_SELF / "clear_refs").write_text(_RESET_PEAK)
        reset = True
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    yield lambda: Spent(
        seconds=round(time.monotonic() - began_s, 3),
        cpu_seconds=round(time.process_time() - began_cpu_s, 3),
        peak_bytes=_peak_bytes() if reset else None,
    )


def _peak_bytes() -> int | None:
    with suppress(OSError, ValueError):
        for line in (_SELF / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return None
