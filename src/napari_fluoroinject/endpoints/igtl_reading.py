"""Messages of OpenIGTLink out of a stream of bytes, however the stream is cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.endpoints.igtl_wire import (
    HEAD_BYTES,
    Bytes,
    Head,
    check_body,
    parse_head,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_SCRATCH_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Message:
    """A whole message; `body` None = it was passed over, and its CRC not looked at."""

    head: Head
    body: Bytes | None


class Reading:
    """Where a stream of bytes stands: what comes next belongs into `room`.

    A body that is wanted is read into memory of its own, which nobody writes to afterwards; one
    that is not wanted takes none.

    Parameters
    ----------
    wants
        Whether the body of a message is wanted.
    """

    def __init__(self, wants: Callable[[Head], bool]) -> None:
        self._wants = wants
        self._head_bytes = bytearray(HEAD_BYTES)
        self._scratch = bytearray(_SCRATCH_BYTES)
        self._head: Head | None = None
        self._body: Bytes | None = None
        self._came = 0

    @property
    def room(self) -> memoryview:
        """Where the next bytes belong; at least one."""
        if self._head is None:
            return memoryview(self._head_bytes)[self._came :]
        if self._body is None:
            return memoryview(self._scratch)[: self._head.body_bytes - self._came]
        return self._body.data[self._came :]

    @property
    def within(self) -> bool:
        """Whether a message has begun and is not whole."""
        return self._head is not None or self._came > 0

    def took(self, count: int) -> Message | None:
        """Go on after so many bytes were put into `room`; the message that is whole by them.

        Raises
        ------
        GarbledError
            What came is no message, or a damaged one: this stream is of no use any more.
        """
        self._came += count
        if self._head is None:
            if self._came < HEAD_BYTES:
                return None
            self._head, self._came = parse_head(bytes(self._head_bytes)), 0
            if self._wants(self._head):
                self._body = np.empty(self._head.body_bytes, np.uint8)
        if self._came < self._head.body_bytes:
            return None
        message = Message(head=self._head, body=self._body)
        if message.body is not None:
            check_body(message.head, message.body)
        self._begin()
        return message

    def _begin(self) -> None:
        self._head = self._body = None
        self._came = 0
