"""Where received objects are judged, some at once, and compared beside that, one at a time."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_JUDGED_AT_ONCE = 4
"""Objects that are scanned, hashed and synced side by side: more take memory, not less time."""
_MOST_TO_COMPARE = 3
"""Of which one is being compared: the last waits longer than most peers would."""


class Places:
    """Who is judged now, and who is compared with what is kept: none of these holds up those."""

    def __init__(self) -> None:
        self._judging = threading.BoundedSemaphore(_JUDGED_AT_ONCE)
        self._room = threading.BoundedSemaphore(_MOST_TO_COMPARE)
        self._comparing = threading.Lock()

    @contextmanager
    def judging(self) -> Iterator[None]:
        """Hold a place while the context lasts."""
        with self._judging:
            yield

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Give one's place to others and compare, alone, while the context lasts.

        Raises
        ------
        StorageError
            Too many wait for that already.
        """
        if not self._room.acquire(blocking=False):
            raise StorageError(
                "too many objects wait to be compared with others of their UID; expected to be "
                "sent once more"
            )
        self._judging.release()
        try:
            with self._comparing:
                yield
        finally:
            self._room.release()
            self._judging.acquire()
