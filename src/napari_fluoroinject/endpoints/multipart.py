"""Multipart messages (RFC 2046, PS3.18 8.6.1.2): read as they come, written from files.

Whoever reads trusts nothing: no more than a chunk and a boundary is ever in memory.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST_HEAD_BYTES = 16 << 10
"""Of the headers of one part, and of what stands before the first one."""
_BLOCK_BYTES = 1 << 20
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
"""RFC 2046 5.1.1."""


def boundary_of(content_type: str, *, peer: str) -> bytes:
    """Return the boundary that a Content-Type names.

    Raises
    ------
    RefusedError
        Another media type, or no boundary that could be one.
    """
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/related":
        raise RefusedError(
            f"{peer} answered with {header.get_content_type()}; expected multipart/related "
            "(PS3.18 8.7.3.3): see that the URL is the root of its DICOMweb service"
        )
    if not isinstance(boundary, str) or not _BOUNDARY.fullmatch(boundary):
        raise RefusedError(
            f"{peer} answered with a multipart message without a usable boundary; expected 1 to "
            "70 characters of RFC 2046"
        )
    return boundary.encode("ascii")


class PartReader:
    """The parts of a multipart message, one after another, in constant memory.

    Parameters
    ----------
    chunks
        The body as it comes; empty chunks are allowed.
    boundary
        As the Content-Type names it, without dashes.
    peer
        Who sends, for errors.
    """

    def __init__(self, chunks: Iterable[bytes], boundary: bytes, *, peer: str) -> None:
        self._chunks = iter(chunks)
        self._delimiter = b"\r\n--" + boundary
        self._peer = peer
        # as if a line ended before the body: its first delimiter may stand at its very start
        self._held = bytearray(b"\r\n")
        self._inside = False

    def parts(self) -> Iterator[Iterator[bytes]]:
        """Yield the content of each part in chunks; what is not read of a part is skipped.

        Raises
        ------
        RefusedError
            The message is cut off, or no multipart message; also while a part is read.
        """
        self._skip_preamble()
        while self._opens_part():
            self._skip_headers()
            self._inside = True
            yield self._content()
            for _ in self._content():
                pass

    def _content(self) -> Iterator[bytes]:
        """Chunks up to the next delimiter, which is taken off; nothing when it was reached."""
        keep = len(self._delimiter) - 1
        while self._inside:
            at = self._held.find(self._delimiter)
            if at >= 0:
                self._inside = False
                chunk = self._take(at)
                del self._held[: len(self._delimiter)]
            elif len(self._held) > keep:
                chunk = self._take(len(self._held) - keep)
            else:
                chunk = b""
            if chunk:
                yield chunk
            elif self._inside:
                self._fill("a part that does not end")

    def _skip_preamble(self) -> None:
        while (at := self._held.find(self._delimiter)) < 0:
            if len(self._held) > LONGEST_HEAD_BYTES:
                raise self._fault("no boundary where the first part should begin")
            self._fill("no boundary")
        del self._held[: at + len(self._delimiter)]

    def _opens_part(self) -> bool:
        """Whether a part follows the delimiter; False after the last one."""
        while len(self._held) < 2:
            self._fill("nothing after a boundary")
        if self._held.startswith(b"--"):
            return False
        while b"\r\n" not in self._held:
            if len(self._held) > LONGEST_HEAD_BYTES:
                raise self._fault("a boundary line that does not end")
            self._fill("a boundary line that does not end")
        padding, _, _ = self._held.partition(b"\r\n")
        if padding.strip(b" \t"):
            raise self._fault("a line that only begins like the boundary")
        del self._held[: len(padding)]  # the line end stays: headers may be none
        return True

    def _skip_headers(self) -> None:
        while (at := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > LONGEST_HEAD_BYTES:
                raise self._fault("headers of a part that do not end")
            self._fill("a part without content")
        if at > LONGEST_HEAD_BYTES:
            raise self._fault("headers of a part that do not end")
        del self._held[: at + 4]

    def _take(self, count: int) -> bytes:
        with memoryview(self._held) as held:
            chunk = bytes(held[:count])
        del self._held[:count]
        return chunk

    def _fill(self, seen: str) -> None:
        chunk = next(self._chunks, None)
        if chunk is None:
            raise self._fault(f"{seen}: the message is cut off")
        self._held += chunk

    def _fault(self, seen: str) -> RefusedError:
        return RefusedError(
            f"{self._peer} sent a damaged multipart message: {seen}; expected parts between "
            "boundaries (RFC 2046): try again"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A multipart/related message of DICOM objects, read from their files while it is sent.

    Can be sent again from its start. The preambles are zeroed: they may hold a program of whoever
    wrote the file (CVE-2019-11687).

    Parameters
    ----------
    objects
        Files, or objects as bytes, each with preamble and file meta information (PS3.10).
    boundary
        Stands in no object.
    """

    objects: Sequence[Path | bytes]
    boundary: str = field(default_factory=lambda: secrets.token_hex(24))

    @property
    def content_type(self) -> str:
        """Value of the header of that name."""
        return f'multipart/related; type="application/dicom"; boundary={self.boundary}'

    def __len__(self) -> int:
        own = len(self.objects) * len(self._opening()) + len(self._end())
        return own + sum(size_bytes(item) for item in self.objects)

    def __iter__(self) -> Iterator[bytes]:
        for item in self.objects:
            yield self._opening()
            yield from _content(item)
        yield self._end()

    def _opening(self) -> bytes:
        return f"\r\n--{self.boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()

    def _end(self) -> bytes:
        return f"\r\n--{self.boundary}--\r\n".encode()


def size_bytes(item: Path | bytes) -> int:
    """Length of an object, which a message adds a few bytes to."""
    return item.stat().st_size if isinstance(item, Path) else len(item)


_PREAMBLE_BYTES = 128


def _content(item: Path | bytes) -> Iterator[bytes]:
    if isinstance(item, bytes):
        yield bytes(_PREAMBLE_BYTES) + item[_PREAMBLE_BYTES:]
        return
    with item.open("rb") as file:
        yield bytes(len(file.read(_PREAMBLE_BYTES)))
        while block := file.read(_BLOCK_BYTES):
            yield block
