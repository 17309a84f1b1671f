"""Single keys from a terminal while a command goes on; where there is none, none is pressed."""

from __future__ import annotations

import os
import select
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST_BYTES = 64


@contextmanager
def keys() -> Iterator[Callable[[], str] | None]:
    """Yield what returns the keys pressed since it was last called; None without a terminal.

    Ctrl-C stays what it is, and the terminal is as it was afterwards. In the background nothing
    is read: a shell would stop the command for it.
    """
    try:
        import termios
        import tty

        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal) if _in_front(terminal) else None
    except (ImportError, OSError, ValueError, AttributeError):
        before = None
    if before is None:
        yield None
        return
    tty.setcbreak(terminal, termios.TCSANOW)
    try:
        yield lambda: _pressed(terminal)
    finally:
        with suppress(termios.error):  # it was closed
            if _in_front(terminal):
                termios.tcsetattr(terminal, termios.TCSANOW, before)


def _in_front(terminal: int) -> bool:
    """Whether this is a terminal, and what is typed there is meant for this program."""
    try:
        return os.isatty(terminal) and os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False


def _pressed(terminal: int) -> str:
    if not _in_front(terminal):
        return ""
    ready, _, _ = select.select([terminal], [], [], 0)
    try:
        return os.read(terminal, _MOST_BYTES).decode(errors="replace") if ready else ""
    except OSError:  # it was closed
        return ""
