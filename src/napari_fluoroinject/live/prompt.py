"""Threads that take turns quickly while a feed is received."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TURN_S = 0.0005
"""Python lets a busy thread go on for 5 ms while others wait; a frame needs several turns."""
_LESS_URGENT = 5

_lock = threading.Lock()
_feeds: list[float] = []
"""Of each feed, the length of a turn before it."""


@contextmanager
def prompt_threads() -> Iterator[None]:
    """Shorten the turns of all threads; the usual length comes back with the end of the last."""
    with _lock:
        _feeds.append(sys.getswitchinterval() if not _feeds else _feeds[0])
        sys.setswitchinterval(TURN_S)
    try:
        yield
    finally:
        with _lock:
            usual = _feeds.pop()
            if not _feeds:
                sys.setswitchinterval(usual)


def step_back() -> None:
    """Let this thread wait for the others where the cores are busy, if the system can do that."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LESS_URGENT)
