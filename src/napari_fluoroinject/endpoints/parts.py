"""Objects that are arriving: files of our own in the spool, and never a peer's text in a name."""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING

from napari_fluoroinject.dicom.implementation import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.endpoints.limits import Limits

_BUFFER_BYTES = 16 << 10
_SYNTAX = 0x0010
_GRANT_BYTES = 1 << 20
"""How much an object may write between two looks at the free space."""


class Ledger:
    """What the objects that are arriving may still write, all together.

    Parameters
    ----------
    least_free_bytes
        Free space that must stay when all of them have written what they were granted.
    """

    def __init__(self, least_free_bytes: int) -> None:
        self._least_free_bytes = least_free_bytes
        self._lock = threading.Lock()
        self._granted_bytes = 0

    def grant(self, folder: Path, *, held_bytes: int) -> int:
        """Bytes that may be written now, in place of those held before; 0 where there is no room.

        Raises
        ------
        OSError
            The free space cannot be told.
        """
        with self._lock:
            others = self._granted_bytes - held_bytes
            free = shutil.disk_usage(folder).free
            if free - others - _GRANT_BYTES < self._least_free_bytes:
                return 0
            self._granted_bytes = others + _GRANT_BYTES
        return _GRANT_BYTES

    def give_back(self, held_bytes: int) -> None:
        """Nothing more is written of what was granted."""
        with self._lock:
            self._granted_bytes -= held_bytes


class Part:
    """A data set that is arriving; what goes wrong is kept in `failure`, and nothing raises.

    After a failure the rest of the object is swallowed, so that the peer gets a status.

    Parameters
    ----------
    folder
        Of the spool, on the file system of its objects.
    limits
        Longest object.
    ledger
        Of all that is arriving there.
    """

    def __init__(self, folder: Path, limits: Limits, ledger: Ledger) -> None:
        self.failure: str | None = None
        self.size_bytes = 0
        self.path = folder / "none.part"
        self._limits = limits
        self._ledger = ledger
        self._held_bytes = self._left_bytes = 0
        self._open: IO[bytes] | None = None
        self._try(self._create)

    def write(self, data: bytes | memoryview) -> None:
        """Append."""
        self.size_bytes += len(data)
        if self.failure is not None:
            return
        if self.size_bytes > self._limits.longest_object_bytes:
            self._fail(f"longer than {self._limits.longest_object_bytes} bytes")
            return
        if len(data) > self._left_bytes:
            self._try(self._require_space)
        self._left_bytes -= len(data)
        if self.failure is None:
            self._try(lambda: self._file().write(data))

    def complete(self) -> None:
        """Bring everything that came into the file; `failure` tells whether that worked."""
        if self.failure is None:
            self._try(self._file().flush)

    def discard(self) -> None:
        """Close and remove the file; once more does nothing."""
        self._ledger.give_back(self._held_bytes)
        self._held_bytes = 0
        if self._open is None:
            return
        file, self._open = self._open, None
        self._try(file.close)
        self._try(lambda: self.path.unlink(missing_ok=True))

    def _create(self) -> None:
        descriptor, name = tempfile.mkstemp(suffix=".part", dir=self.path.parent)
        self._open = os.fdopen(descriptor, "wb", buffering=_BUFFER_BYTES)
        self.path = Path(name)

    def _file(self) -> IO[bytes]:
        if self._open is None:
            raise OSError("closed")
        return self._open

    def _require_space(self) -> None:
        granted = self._ledger.grant(self.path.parent, held_bytes=self._held_bytes)
        if not granted:
            free, least = shutil.disk_usage(self.path.parent).free, self._limits.least_free_bytes
            self._fail(f"too little space: {free >> 20} MB free, {least >> 20} MB needed")
            return
        self._held_bytes = self._left_bytes = granted

    def _try(self, step: Callable[[], object]) -> None:
        try:
            step()
        except OSError as error:
            self._fail(error.strerror or type(error).__name__)

    def _fail(self, why: str) -> None:
        if self.failure is None:
            self.failure = why
            self.discard()


def meta_information(
    sop_class_uid: str, sop_instance_uid: str, transfer_syntax: str, *, caller: str
) -> bytes:
    """Preamble of zeros, prefix, and file meta information (PS3.10 7.1).

    A C-STORE carries no preamble, and none comes from a peer: some are programs.
    """
    elements = b"".join(
        (
            struct.pack("<HH2sHI", 2, 0x0001, b"OB", 0, 2) + b"\0\1",
            _short(0x0002, b"UI", sop_class_uid.encode("ascii", "replace")),
            _short(0x0003, b"UI", sop_instance_uid.encode("ascii", "replace")),
            _short(_SYNTAX, b"UI", transfer_syntax.encode("ascii", "replace")),
            _short(0x0012, b"UI", IMPLEMENTATION_CLASS_UID.encode()),
            _short(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME.encode()),
            _short(0x0016, b"AE", caller.encode("ascii", "replace")),
        )
    )
    length = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(elements))
    return bytes(128) + b"DICM" + length + elements


def dataset_start(head: bytes) -> int:
    """Offset of the data set, from the first 144 bytes of a file that begins as ours do."""
    return 144 + int.from_bytes(head[140:144], "little")


def named_syntax(head: bytes) -> bytes:
    """Transfer syntax in a file that begins as ours do, as it is written; empty without one."""
    position = 144
    while position + 8 <= len(head):
        element, vr, length = struct.unpack_from("<2xH2sH", head, position)
        position += 8
        if vr == b"OB":
            length = int.from_bytes(head[position : position + 4], "little")
            position += 4
        if element == _SYNTAX:
            return head[position : position + length]
        position += length
    return b""


def _short(element: int, vr: bytes, value: bytes) -> bytes:
    value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
    return struct.pack("<HH2sH", 2, element, vr, len(value)) + value
