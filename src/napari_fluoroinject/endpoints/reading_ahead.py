"""What a slow or stuck maker gives, taken without being stuck: a thread, and few items between."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from napari_fluoroinject.model.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Item = TypeVar("Item")


class ReadingAhead(Closing, Generic[Item]):
    """Makes items in a thread of its own, at most `depth` ahead of whoever takes them.

    Closing ends the taker's wait at once; a maker that hangs is left behind and ends by itself.

    Parameters
    ----------
    make
        Called once, in the thread: what it gives is handed over in order, and so is its error.
    depth
        Items that may wait; then the maker does.
    name
        Of the thread.
    """

    def __init__(self, make: Callable[[], Iterable[Item]], *, depth: int, name: str) -> None:
        self._make, self._depth = make, depth
        self._waiting: deque[Item] = deque()
        self._changed = threading.Condition()
        self._closed = self._ended = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def take(self, timeout_s: float | None = None) -> Item | None:
        """Return the next item; None at the end, when it was closed, or after `timeout_s`.

        Raises
        ------
        Exception
            What the maker raised, once all before it was taken.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._waiting or self._ended or self._closed, timeout=timeout_s
            )
            if self._closed:
                return None
            if self._waiting:
                self._changed.notify_all()
                return self._waiting.popleft()
            if self._error is not None:
                raise self._error
            return None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        with self._changed:
            return self._closed or (self._ended and not self._waiting)

    def close(self) -> None:
        """End it for both sides, and wait for neither."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            for item in self._make():
                if not self._put(item):
                    break
        except Exception as error:  # the edge of the thread: the taker gets it
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _put(self, item: Item) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < self._depth or self._closed)
            if not self._closed:
                self._waiting.append(item)
                self._changed.notify_all()
            return not self._closed
