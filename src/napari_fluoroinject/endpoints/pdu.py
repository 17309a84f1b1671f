"""The protocol data units of an association: read strictly, written plainly (PS3.8 9.3)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from napari_fluoroinject.dicom.implementation import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
)

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ = 0x01, 0x02, 0x03
P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = 0x04, 0x05, 0x06, 0x07
HEADER_BYTES = 6

NOT_SPECIFIED, UNRECOGNIZED_PDU, UNEXPECTED_PDU, INVALID_PARAMETER = 0, 1, 2, 6
"""Reasons of an abort by the provider (PS3.8 9.3.8)."""
CALLED_UNKNOWN, CALLING_UNKNOWN = (1, 1, 7), (1, 1, 3)
NO_SUCH_APPLICATION, NO_SUCH_VERSION, BUSY = (1, 1, 2), (1, 2, 2), (2, 3, 2)
"""Result, source and reason of a rejection (PS3.8 9.3.4)."""

_APPLICATION = b"1.2.840.10008.3.1.1.1"
_MOST_CONTEXTS = 128  # odd identifiers, one byte
_LONGEST_UID = 64
_TAKEN, _NO_ABSTRACT_SYNTAX, _NO_TRANSFER_SYNTAX = 0, 3, 4

Role = tuple[int, int]
"""Of the requestor: may be SCU, may be SCP (PS3.7 D.3.3.4)."""


class PeerError(Exception):
    """The peer broke the protocol: what was seen, and the reason for its abort."""

    def __init__(self, seen: str, *, reason: int = INVALID_PARAMETER) -> None:
        super().__init__(seen)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """One presentation context of a request."""

    identifier: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateRequest:
    """What a requestor asks for; `titles` are both AE titles and the reserved bytes, as sent."""

    version: int
    titles: bytes
    application: bytes
    contexts: tuple[Proposed, ...]
    longest_pdu_bytes: int
    roles: Mapping[str, Role]

    @property
    def called(self) -> str:
        """Called AE title, without padding."""
        return text_of(self.titles[:16])

    @property
    def calling(self) -> str:
        """Calling AE title, without padding; what would not print is replaced."""
        title = text_of(self.titles[16:32])
        return "".join(one if one.isprintable() else "\ufffd" for one in title)

    @property
    def rejection(self) -> tuple[int, int, int] | None:
        """Why such a request cannot be for a DICOM application; None where it can."""
        if not self.version & 1:
            return NO_SUCH_VERSION
        return None if self.application == _APPLICATION else NO_SUCH_APPLICATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """A presentation context that was accepted."""

    identifier: int
    abstract_syntax: str
    transfer_syntax: str


def text_of(value: bytes) -> str:
    """A UID or AE title without its padding; other letters than ASCII are replaced."""
    return bytes(value).decode("ascii", "replace").strip(" \0")


def read_request(body: bytes) -> AssociateRequest:
    """Read the body of an A-ASSOCIATE-RQ.

    Raises
    ------
    PeerError
        If a length is past its parent, an identifier is even, twice there, or one too many, or
        what should be a UID is longer than one, or not of ASCII.
    """
    if len(body) < 68:
        raise PeerError(f"an association request of {len(body)} bytes")
    items = list(_items(body[68:]))
    contexts = tuple(_proposed(value) for kind, value in items if kind == 0x20)
    identifiers = {context.identifier for context in contexts}
    if not 1 <= len(contexts) <= _MOST_CONTEXTS or len(identifiers) < len(contexts):
        raise PeerError(f"{len(contexts)} presentation contexts, {len(identifiers)} identifiers")
    user = [item for kind, value in items if kind == 0x50 for item in _items(value)]
    lengths = [value for kind, value in user if kind == 0x51 and len(value) == 4]
    return AssociateRequest(
        version=int.from_bytes(body[:2], "big"),
        titles=body[4:68],
        application=next((value.strip(b" \0") for kind, value in items if kind == 0x10), b""),
        contexts=contexts,
        longest_pdu_bytes=int.from_bytes(lengths[0], "big") if lengths else 0,
        roles=dict(_role(value) for kind, value in user if kind == 0x54),
    )


def request_of(called: str, calling: str, abstract_syntax: str, transfer_syntax: str) -> bytes:
    """An A-ASSOCIATE-RQ for one presentation context, numbered 1."""
    titles = called.encode().ljust(16) + calling.encode().ljust(16) + bytes(32)
    syntaxes = _item(0x30, abstract_syntax.encode()) + _item(0x40, transfer_syntax.encode())
    user = _item(0x51, (16_384).to_bytes(4, "big")) + _item(
        0x52, IMPLEMENTATION_CLASS_UID.encode()
    )
    items = _item(0x10, _APPLICATION) + _item(0x20, b"\1\0\0\0" + syntaxes) + _item(0x50, user)
    return framed(ASSOCIATE_RQ, b"\0\1\0\0" + titles + items)


def agree(
    request: AssociateRequest,
    offered: Mapping[str, Sequence[str]],
    *,
    roles: Mapping[str, Role],
    longest_pdu_bytes: int,
) -> tuple[tuple[Agreed, ...], bytes]:
    """Answer a request: the contexts that are accepted, and the A-ASSOCIATE-AC.

    Parameters
    ----------
    request
        What is asked for.
    offered
        Transfer syntaxes by abstract syntax; the first that the requestor names is taken.
    roles
        Abstract syntaxes for which the requestor may have another role than that of SCU alone.
    longest_pdu_bytes
        What is taken in one P-DATA.
    """
    agreed, answers = [], []
    for context in request.contexts:
        known = offered.get(context.abstract_syntax)
        common = [one for one in context.transfer_syntaxes if one in (known or ())]
        result = _NO_ABSTRACT_SYNTAX if known is None else _NO_TRANSFER_SYNTAX
        syntax = common[0] if common else context.transfer_syntaxes[0]
        if common:
            result = _TAKEN
            agreed.append(
                Agreed(
                    identifier=context.identifier,
                    abstract_syntax=context.abstract_syntax,
                    transfer_syntax=syntax,
                )
            )
        head = struct.pack(">BBBB", context.identifier, 0, result, 0)
        answers.append(_item(0x21, head + _item(0x40, syntax.encode())))
    user = [
        _item(0x51, longest_pdu_bytes.to_bytes(4, "big")),
        _item(0x52, IMPLEMENTATION_CLASS_UID.encode()),
        *_role_items(request, roles),
        _item(0x55, IMPLEMENTATION_VERSION_NAME.encode()),
    ]
    body = b"".join((_item(0x10, _APPLICATION), *answers, _item(0x50, b"".join(user))))
    return tuple(agreed), framed(ASSOCIATE_AC, b"\0\1\0\0" + request.titles + body)


def framed(kind: int, body: bytes) -> bytes:
    """A PDU of this type."""
    return struct.pack(">BBI", kind, 0, len(body)) + body


def rejected(result: int, source: int, reason: int) -> bytes:
    """An A-ASSOCIATE-RJ."""
    return framed(ASSOCIATE_RJ, bytes((0, result, source, reason)))


def aborted(reason: int) -> bytes:
    """An A-ABORT by the service provider."""
    return framed(ABORT, bytes((0, 0, 2, reason)))


def p_data(context: int, data: bytes, *, command: bool, longest_bytes: int) -> Iterator[bytes]:
    """A message's command or data set, in PDUs of at most this length (0 = without limit)."""
    room = max(longest_bytes - HEADER_BYTES, 1) if longest_bytes else len(data) or 1
    for start in range(0, max(len(data), 1), room):
        piece = data[start : start + room]
        control = int(command) | 2 * (start + room >= len(data))
        value = struct.pack(">IBB", len(piece) + 2, context, control) + piece
        yield framed(P_DATA, value)


def values(body: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Context, control header and fragment of each value of a P-DATA.

    Raises
    ------
    PeerError
        If there is none, or one is past the end.
    """
    start, end = 0, len(body)
    if not end:
        raise PeerError("a P-DATA without a value")
    while start < end:
        if end - start < HEADER_BYTES:
            raise PeerError(f"{end - start} bytes where a presentation data value was expected")
        length, context, control = struct.unpack_from(">IBB", body, start)
        if length < 2 or length > end - start - 4:
            raise PeerError(f"a presentation data value of {length} bytes")
        yield context, control, body[start + 6 : start + 4 + length]
        start += 4 + length


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    while start < len(data):
        if len(data) - start < 4:
            raise PeerError(f"{len(data) - start} bytes where an item was expected")
        kind, _, length = struct.unpack_from(">BBH", data, start)
        if length > len(data) - start - 4:
            raise PeerError(f"an item of {length} bytes in {len(data) - start - 4}")
        yield kind, data[start + 4 : start + 4 + length]
        start += 4 + length


def _proposed(value: bytes) -> Proposed:
    if len(value) < 4 or not value[0] & 1:
        raise PeerError("a presentation context without an odd identifier")
    items = list(_items(value[4:]))
    abstract = [_uid_of(one) for kind, one in items if kind == 0x30]
    transfer = tuple(_uid_of(one) for kind, one in items if kind == 0x40)
    if len(abstract) != 1 or not transfer:
        raise PeerError("a presentation context without its syntaxes")
    return Proposed(identifier=value[0], abstract_syntax=abstract[0], transfer_syntaxes=transfer)


def _role(value: bytes) -> tuple[str, Role]:
    length = int.from_bytes(value[:2], "big")
    if len(value) != length + 4:
        raise PeerError(f"a role selection of {len(value)} bytes")
    return _uid_of(value[2 : 2 + length]), (value[-2], value[-1])


def _uid_of(value: bytes) -> str:
    text = text_of(value)
    if len(text) > _LONGEST_UID or not (text.isascii() and text.isprintable()):
        raise PeerError(f"{len(value)} bytes that are no UID")
    return text


def _role_items(request: AssociateRequest, roles: Mapping[str, Role]) -> list[bytes]:
    """Answers to proposed roles: where another is not offered, the requestor stays SCU."""
    answers = []
    asked = {context.abstract_syntax for context in request.contexts}
    for syntax, proposed in request.roles.items():
        if syntax not in asked:  # there is no end to others, but to what an answer holds
            continue
        granted = roles.get(syntax, (1, 0))
        uid = syntax.encode("ascii", "replace")
        pair = bytes(one & other & 1 for one, other in zip(proposed, granted, strict=True))
        answers.append(_item(0x54, len(uid).to_bytes(2, "big") + uid + pair))
    return answers


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(value)) + value
