"""OpenIGTLink messages for tests, by pyigtl or by hand, and a server that says them."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

import numpy as np
import pyigtl
from pyigtl.messages import CRC64

from napari_fluoroinject.endpoints.base import Frame
from napari_fluoroinject.endpoints.igtl_pictures import Pictures
from napari_fluoroinject.endpoints.igtl_reading import Reading

WALL_S = 1_700_000_000.0


def asymmetric(rows=5, columns=7, kind=np.uint16):
    """No two rows, columns or corners are alike."""
    return (np.arange(rows * columns).reshape(rows, columns) * 321 % 251 + 3).astype(kind)


def by_pyigtl(pixels, *, name="Image", stamp_s=WALL_S, version=1, number=0, metadata=None):
    """The bytes that pyigtl packs for one slice."""
    message = pyigtl.ImageMessage(pixels[np.newaxis], timestamp=stamp_s, device_name=name)
    message.header_version, message.message_id = version, number
    message.metadata = metadata or {}
    return message.pack()


def by_hand(body, *, kind=b"IMAGE", name=b"Image", stamp_s=WALL_S, version=1, crc=None):
    """A message with any body."""
    whole = int(stamp_s)
    return (
        struct.pack(">H12s20sII", version, kind, name, whole, int((stamp_s - whole) * 2**32))
        + struct.pack(">QQ", len(body), CRC64(body) if crc is None else crc)
        + body
    )


def image_body(data, size, *, components=1, scalar=3, endian=2, offset=(0, 0, 0), part=None):
    """The body of an IMAGE, size and part as (columns, rows, slices)."""
    head = struct.pack(">HBBBB3H", 1, components, scalar, endian, 1, *size)
    return head + struct.pack(">12f3H3H", *range(12), *offset, *(part or size)) + bytes(data)


def numbered(count, *, shape=(4, 6), first=1, step_s=0.1):
    """Messages of version 2, numbered one by one, each picture filled with its number."""
    return [
        by_pyigtl(
            np.full(shape, first + k, np.uint8),
            version=2,
            number=first + k,
            stamp_s=WALL_S + (first + k) * step_s,
        )
        for k in range(count)
    ]


def read(data, *, cuts=(), device=None, said=None, step_s=0.1, items=None):
    """All that a stream gives when it comes in pieces that end at `cuts`, added to `items`."""
    pictures, items = Pictures(device, said), [] if items is None else items
    reading, now_s = Reading(pictures.wants), 100.0
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    begin = 0
    for end in ends:
        while begin < end:
            room = reading.room
            count = min(len(room), end - begin)
            room[:count] = data[begin : begin + count]
            begin += count
            message = reading.took(count)
            if message is not None:
                now_s += step_s
                items += pictures.take(message, now_s)
    return items


def frames_of(items):
    return [item for item in items if isinstance(item, Frame)]


def notes_of(items):
    return [item for item in items if not isinstance(item, Frame)]


class Speaker:
    """A server that says a script to each caller, bytes or seconds of silence, then hangs up."""

    def __init__(self, *scripts, port=0):
        self._scripts = scripts
        self._server = socket.create_server(("127.0.0.1", port))
        self.port = self._server.getsockname()[1]
        self.calls = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._ending.is_set():
            try:
                caller, _ = self._server.accept()
            except OSError:
                return
            script = self._scripts[min(self.calls, len(self._scripts) - 1)]
            self.calls += 1
            with caller, contextlib.suppress(OSError):
                for part in script:
                    if isinstance(part, bytes):
                        caller.sendall(part)
                    elif self._ending.wait(part):
                        return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ending.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


HOLD = 60.0
"""A silence that only the end of the test breaks."""


def take(feed, enough, *, within_s=60.0):
    """Iterate a feed until `enough(items)`, then close it; what it gave."""
    items, until_s = [], time.monotonic() + within_s
    timer = threading.Timer(within_s, feed.close)
    timer.start()
    try:
        for item in feed:
            items.append(item)
            if enough(items):
                feed.close()
    finally:
        timer.cancel()
        feed.close()
    assert time.monotonic() < until_s, items
    return items
