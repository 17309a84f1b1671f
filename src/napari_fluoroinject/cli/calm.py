"""A log that nobody can fill from outside."""

from __future__ import annotations

import logging
import time

_WINDOW_S = 10.0
_MOST = 20


class Calm(logging.Filter):
    """Lets at most 20 lines of one kind pass in ten seconds; the next one tells how many did not.

    A kind is the text of a line before its values are filled in.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        now = time.monotonic()
        begin, count = self._seen.get(str(record.msg), (now, 0))
        missed = 0
        if now - begin > _WINDOW_S:
            missed, begin, count = max(0, count - _MOST), now, 0
        self._seen[str(record.msg)] = begin, count + 1
        if missed:
            record.msg = f"{record.msg} ({missed} more of this kind were left out)"
        return count < _MOST
