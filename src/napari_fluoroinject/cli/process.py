"""What the process of a command asks of Python and of the C library: to do less on the side."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from pathlib import Path

_NEW_OBJECTS = 50_000
"""Made between two searches for cycles, of which an analysis makes few: at Python's own 700 a
twentieth of all processor time goes into searching, most of it while modules are imported."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MOST_ARENAS = -1, -3, -8
"""Parameters of mallopt(3), as the header of glibc numbers them."""
_LARGEST_KEPT_BYTES = 32 << 20
"""The most that glibc takes; an array larger than this is given back as soon as it is freed."""
_MOST_KEPT_BYTES = 512 << 20
_ARENAS_OF_MANY_THREADS = 2


def settle() -> None:
    """Search for cycles seldom, and let freed arrays be used again.

    The system clears every page that it hands out, which takes as long as a pass of arithmetic
    over it. This holds for the whole process: a library must not ask for it, a command may.
    """
    gc.set_threshold(_NEW_OBJECTS)
    _ask_of_malloc(_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
    _ask_of_malloc(_TRIM_THRESHOLD, _MOST_KEPT_BYTES)


def share_arenas() -> None:
    """Have all threads allocate from a few arenas: to be asked for before they are started.

    Each arena keeps what its threads freed. With a hundred callers at once there are as many as
    the system allows, and how full each gets depends on what else the machine does.
    """
    _ask_of_malloc(_MOST_ARENAS, _ARENAS_OF_MANY_THREADS)


def keep_loaded() -> None:
    """Never search again what is loaded by now: a search through all of it takes too long."""
    gc.freeze()


def hold_streams() -> None:
    """Open nothing in the place of standard streams that are closed.

    To be called before any file is opened: the first one would take their number, and what a
    library prints would go into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nothing = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - it stays open
            setattr(sys, name, nothing)


def _ask_of_malloc(parameter: int, value: int) -> None:
    """Set a parameter of mallopt(3); other C libraries than glibc have none."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(parameter, value)
