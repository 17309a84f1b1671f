"""Notes that are alike and come many in a second: the first have their lines, the rest one."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.spool.audit_entry import Fact

SECOND_S = 1.0
_ALONE = {"association refused": 1}
_USUALLY_ALONE = 5
_MOST_KINDS = 16
"""Sorts of notes that are told apart in a second; what is beyond is counted together."""
_Key = tuple[tuple[str, "Fact"], ...]


@dataclass(slots=True)
class _Sum:
    """How many were alike, and when (seconds since the epoch)."""

    count: int
    first_s: float
    last_s: float


class Many:
    """Counts what is not noted by itself; any thread may call.

    Parameters
    ----------
    now_s
        The clock: seconds since the epoch.
    """

    def __init__(self, *, now_s: Callable[[], float] = time.time) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        self._began: dict[str, tuple[float, int]] = {}
        self._sums: dict[tuple[str, _Key], _Sum] = {}

    def alone(self, event: str, facts: dict[str, Fact]) -> bool:
        """Whether this is to be noted by itself; else it is counted with those that are alike.

        Parameters
        ----------
        event, facts
            As for `Trail.note`; what is alike has the same of both.
        """
        with self._lock:
            began, count = self._began.get(event, (-SECOND_S, 0))
            now = time.monotonic()
            if now - began >= SECOND_S:
                began, count = now, 0
            self._began[event] = (began, count + 1)
            if count < _ALONE.get(event, _USUALLY_ALONE):
                return True
            self._add(event, tuple(sorted(facts.items())))
            return False

    def _add(self, event: str, key: _Key) -> None:
        at_s = self._now_s()
        if (event, key) not in self._sums and len(self._sums) >= _MOST_KINDS:
            key = (("reason", "many at once"),)
        held = self._sums.setdefault((event, key), _Sum(0, at_s, at_s))
        held.count += 1
        held.last_s = at_s

    def taken(self) -> list[tuple[str, dict[str, Fact]]]:
        """Return what was counted, to be noted with `count`, `first_at` and `last_at`."""
        with self._lock:
            sums, self._sums = self._sums, {}
        return [
            (
                event,
                dict(key)
                | {
                    "count": one.count,
                    "first_at": _text(one.first_s),
                    "last_at": _text(one.last_s),
                },
            )
            for (event, key), one in sums.items()
        ]


def _text(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")
