"""The command set of a message: what a peer asks, and our answer (PS3.7 6.3 and annex E)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from napari_fluoroinject.endpoints.pdu import PeerError, text_of

C_STORE, C_FIND, C_ECHO, C_CANCEL, N_EVENT_REPORT = 0x0001, 0x0020, 0x0030, 0x0FFF, 0x0100
LONGEST_COMMAND_BYTES = 16_384
"""A C-STORE request has some 200."""

_KNOWN = frozenset({C_STORE, C_FIND, C_ECHO, C_CANCEL, N_EVENT_REPORT})
_RESPONSE = 0x8000
_NO_DATA_SET, _DATA_SET = 0x0101, 0x0001
_SOP_CLASS, _FIELD, _MESSAGE, _ANSWERED = 0x0002, 0x0100, 0x0110, 0x0120
_DATA_SET_TYPE, _STATUS, _COMMENT, _INSTANCE, _EVENT_TYPE = 0x0800, 0x0900, 0x0902, 0x1000, 0x1002
_MOVE_ORIGINATOR = 0x1030
_LONGEST_COMMENT = 64  # VR LO


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A request; UIDs are empty and `event_type` is None where it names none.

    `move_originator` is the AE title that asked for an object over C-MOVE (PS3.7 9.1.1.1.7), empty
    where the object was pushed.
    """

    field: int
    message: int
    sop_class_uid: str
    sop_instance_uid: str
    event_type: int | None
    has_data_set: bool
    move_originator: str = ""


def read_command(data: bytes) -> Command:
    """Read a command set (implicit VR, little endian).

    Raises
    ------
    PeerError
        If it is not one, no request that can be served, or lacks what every request has.
    """
    values = _elements(data)
    field = _number(values, _FIELD)
    message = _number(values, _ANSWERED if field == C_CANCEL else _MESSAGE)
    kind = _number(values, _DATA_SET_TYPE)
    if field not in _KNOWN or message is None or kind is None:
        raise PeerError("a command that is no request")
    return Command(
        field=field,
        message=message,
        sop_class_uid=text_of(values.get(_SOP_CLASS, b"")),
        sop_instance_uid=text_of(values.get(_INSTANCE, b"")),
        event_type=_number(values, _EVENT_TYPE),
        has_data_set=kind != _NO_DATA_SET,
        move_originator=text_of(values.get(_MOVE_ORIGINATOR, b"")),
    )


def echo_request(message: int) -> bytes:
    """The command set of a C-ECHO."""
    body = b"".join(
        (
            _element(_SOP_CLASS, _uid("1.2.840.10008.1.1")),
            _element(_FIELD, struct.pack("<H", C_ECHO)),
            _element(_MESSAGE, struct.pack("<H", message)),
            _element(_DATA_SET_TYPE, struct.pack("<H", _NO_DATA_SET)),
        )
    )
    return _element(0x0000, struct.pack("<I", len(body))) + body


def response(command: Command, status: int, *, comment: str = "", data_set: bool = False) -> bytes:
    """The command set that answers a request."""
    elements = [
        _element(_SOP_CLASS, _uid(command.sop_class_uid)),
        _element(_FIELD, struct.pack("<H", command.field | _RESPONSE)),
        _element(_ANSWERED, struct.pack("<H", command.message)),
        _element(_DATA_SET_TYPE, struct.pack("<H", _DATA_SET if data_set else _NO_DATA_SET)),
        _element(_STATUS, struct.pack("<H", status)),
    ]
    if comment:
        text = comment[:_LONGEST_COMMENT].encode("ascii", "replace")
        elements.append(_element(_COMMENT, text + b" " * (len(text) % 2)))
    if command.sop_instance_uid:
        elements.append(_element(_INSTANCE, _uid(command.sop_instance_uid)))
    if command.event_type is not None:
        elements.append(_element(_EVENT_TYPE, struct.pack("<H", command.event_type)))
    body = b"".join(elements)
    return _element(0x0000, struct.pack("<I", len(body))) + body


def _elements(data: bytes) -> dict[int, bytes]:
    values, start = {}, 0
    while start < len(data):
        if len(data) - start < 8:
            raise PeerError(f"{len(data) - start} bytes where a command element was expected")
        group, element, length = struct.unpack_from("<HHI", data, start)
        if group or length > len(data) - start - 8:
            raise PeerError("a command set that is none")
        values[element] = data[start + 8 : start + 8 + length]
        start += 8 + length
    return values


def _number(values: dict[int, bytes], element: int) -> int | None:
    value = values.get(element, b"")
    return int.from_bytes(value, "little") if len(value) == 2 else None


def _element(element: int, value: bytes) -> bytes:
    return struct.pack("<HHI", 0, element, len(value)) + value


def _uid(text: str) -> bytes:
    value = text.encode("ascii", "replace")
    return value + b"\0" * (len(value) % 2)
