"""What hostile peers do: wrong openings and objects, and floods of what is never ended."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from napari_fluoroinject.endpoints import pdu
from napari_fluoroinject.endpoints.command import echo_request
from tests.proofs.pictures import ROOT_UID, head, number, text
from tests.proofs.wires import EXPLICIT, VERIFICATION, XA, Caller, element, store_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Opening = Callable[[Caller], None]

REQUEST = pdu.request_of("FLUOROINJECT", "CARM", VERIFICATION, EXPLICIT)
ANSWERED_S = 2.0


def value(context: int, control: int, data: bytes, *, length: int | None = None) -> bytes:
    """A P-DATA of one value; `length` where it is to lie."""
    told = len(data) + 2 if length is None else length
    return pdu.framed(pdu.P_DATA, struct.pack(">IBB", told, context, control) + data)


def openings() -> dict[str, bytes]:
    """First words that are no association request, or a broken one."""
    body = REQUEST[6:]
    context = body.index(b"\x20\0\0", 68)
    user = body.index(b"\x50\0\0", 68)
    return {
        "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
        "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(500),
        "random bytes": b"\x55" + os.urandom(300),
        "request of length 0": pdu.framed(1, b""),
        "request of 10 bytes": pdu.framed(1, body[:10]),
        "request cut in an item": pdu.framed(1, body[:-5]),
        "request with an item past its end": pdu.framed(
            1, body[: user + 2] + b"\xff\xff" + body[user + 4 :]
        ),
        "even context": pdu.framed(1, body[: context + 4] + b"\2" + body[context + 5 :]),
        "no context": pdu.framed(1, body[:context] + body[user:]),
        "context twice": pdu.framed(1, body + body[context:user]),
        "another application context": pdu.framed(
            1, body.replace(b"1.2.840.10008.3.1.1.1", b"1.2.840.10008.3.1.1.9")
        ),
        "another protocol version": pdu.framed(1, b"\0\2" + body[2:]),
        "titles of zeros": pdu.framed(1, body[:4] + bytes(32) + body[36:]),
        "A-ASSOCIATE-AC at first": pdu.framed(2, body),
        "P-DATA at first": value(1, 3, echo_request(1)),
        "length 1 GiB": struct.pack(">BBI", 1, 0, 1 << 30) + bytes(1000),
        "length 4 GiB": struct.pack(">BBI", 1, 0, 0xFFFFFFFF) + bytes(1000),
        "another called title": pdu.request_of("SOMEBODY", "CARM", VERIFICATION, EXPLICIT),
        "a caller not listed": pdu.request_of("FLUOROINJECT", "MALLORY", VERIFICATION, EXPLICIT),
    }


def continuations() -> dict[str, bytes]:
    """What breaks the protocol in an association that stands."""
    store = store_request(f"{ROOT_UID}.9")
    return {
        "request twice": REQUEST,
        "P-DATA of length 0": pdu.framed(4, b""),
        "value of length 0": value(1, 3, b"", length=0),
        "value of length 1": value(1, 3, b"", length=1),
        "value past its end": value(1, 3, b"abc", length=5000),
        "P-DATA of 5 bytes": pdu.framed(4, b"\0\0\0\4\1"),
        "unknown context": value(99, 3, echo_request(1)),
        "even context in P-DATA": value(2, 3, echo_request(1)),
        "garbage for a command": value(1, 3, os.urandom(80)),
        "command cut": value(1, 3, echo_request(1)[:-7]),
        "unknown command": value(1, 3, store_request(f"{ROOT_UID}.9", field=0x0777)),
        "a response": value(1, 3, store_request(f"{ROOT_UID}.9", field=0x8001)),
        "command without SOP instance": value(1, 3, store_request(None)),
        "command without SOP class": value(1, 3, store_request(f"{ROOT_UID}.9", sop_class=None)),
        "empty command": value(1, 3, b""),
        "data set without command": value(1, 2, b"abcd"),
        "command in a data set": value(1, 3, store) + value(1, 0, b"ab") + value(1, 3, store),
        "10 000 empty values": value(1, 1, b"") * 10_000,
        "10 000 empty values of a data set": value(1, 3, store) + value(1, 0, b"") * 10_000,
        "endless command": value(1, 1, element(0x0110, b"\1\0") * 1000) * 20,
        "PDU of type 0": pdu.framed(0, b"x"),
        "PDU of type 200": pdu.framed(200, b"x"),
        "A-ASSOCIATE-AC": pdu.framed(2, REQUEST[6:]),
        "A-RELEASE-RP": pdu.framed(6, bytes(4)),
        "P-DATA of 1 GiB": struct.pack(">BBI", 4, 0, 1 << 30) + bytes(1000),
        "release in a message": value(1, 3, store) + pdu.framed(5, bytes(4)),
    }


def malformed(port: int) -> Iterator[tuple[str, str, float]]:
    """Say all of it, one after another: name, what was answered, and after how long."""
    for name, data in openings().items():
        with Caller(port) as caller:
            yield name, *_answer(caller, data)
    for name, data in continuations().items():
        with Caller(port) as caller:
            caller.associate(XA if "data set" in name or "message" in name else VERIFICATION)
            yield name, *_answer(caller, data)


def _answer(caller: Caller, data: bytes) -> tuple[str, float]:
    begin = time.monotonic()
    with suppress(OSError):
        caller.socket.sendall(data)
    heard = caller.hears(ANSWERED_S * 3)
    return heard, time.monotonic() - begin


def objects() -> dict[str, tuple[str, bytes, int]]:
    """Objects that must not be kept: UID of the command, data set, status."""
    uid, pixels = f"{ROOT_UID}.7", bytes(2 * 64 * 64)
    whole = head(uid, frames=1, size=64) + pixels
    level = b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
    huge = whole.replace(number(0x0010, 64), number(0x0010, 65535)).replace(
        number(0x0011, 64), number(0x0011, 65535)
    )
    huge = huge.replace(
        text(0x0028, 0x0008, b"IS", "1"), text(0x0028, 0x0008, b"IS", "1000000000")
    )
    study = text(0x0020, 0x000D, b"UI", f"{ROOT_UID}.1")
    begun = whole[: whole.index(b"\x28\0\2\0")]
    return {
        "UID ../../x": ("../../escaped", _named("../../escaped") + pixels, 0xA900),
        "UID /tmp/x": ("/tmp/escaped", _named("/tmp/escaped") + pixels, 0xA900),
        "UID of 2 000 letters": ("1." * 1000 + "1", whole, 0xA900),
        "UIDs differ": (f"{ROOT_UID}.8", whole, 0xA900),
        "no study": (
            uid,
            whole.replace(study, b""),
            0xA900,
        ),
        "cut at half": (uid, whole[: len(whole) // 2], 0xC000),
        "cut by 10 bytes": (uid, whole[:-10], 0xC000),
        "random bytes": (uid, os.urandom(5000), 0xC000),
        "100 000 levels": (uid, begun + level * 100_000, 0xC000),
        "65535 x 65535 x 10^9": (uid, huge, 0xA900),
        "pixels too short": (
            uid,
            whole.replace(number(0x0010, 64), number(0x0010, 65)),
            0xA900,
        ),
        "nothing": (uid, b"", 0xC000),
    }


def _named(uid: str) -> bytes:
    return head(uid, frames=1, size=64)


def refused_objects(port: int) -> Iterator[tuple[str, int, int]]:
    """Push all of them: name, status, and the status it should be."""
    for name, (uid, data, expected) in objects().items():
        with Caller(port) as caller:
            yield name, caller.associate(XA, EXPLICIT).store(uid, data), expected


def flood(port: int, kind: str, seconds: float, count: int = 300) -> None:
    """Hold `count` connections of one kind, again where they are closed, for some time."""
    ended = time.monotonic() + seconds
    begin, associated = _FLOODS[kind]
    with ExitStack() as stack:
        while time.monotonic() < ended:
            for _ in range(count):
                if time.monotonic() >= ended:
                    return
                with suppress(OSError):
                    caller = stack.enter_context(Caller(port, patience_s=5.0))
                    if associated:
                        caller.associate(XA, EXPLICIT)
                    caller.socket.sendall(begin)
            time.sleep(0.5)
            stack.close()


_FLOODS: dict[str, tuple[bytes, bool]] = {
    "half headers": (b"\1\0\0", False),
    "half requests": (REQUEST[:90], False),
    "silent connections": (b"", False),
    "idle associations": (b"", True),
    "half data": (value(1, 3, store_request(f"{ROOT_UID}.5")) + b"\4\0\0\0", True),
    "half objects": (
        value(1, 3, store_request(f"{ROOT_UID}.5")) + value(1, 0, bytes(9000)),
        True,
    ),
    "long requests": (struct.pack(">BBI", 1, 0, 262_144) + bytes(200_000), False),
}
FLOODS = tuple(_FLOODS)


def churn(port: int, count: int) -> None:
    """Connect, begin, and reset."""
    for k in range(count):
        with suppress(OSError), Caller(port, patience_s=5.0) as caller:
            if k % 2:
                caller.associate(XA, EXPLICIT)
                caller.say(store_request(f"{ROOT_UID}.6"), command=True)
                caller.socket.sendall(value(1, 0, bytes(5000)))
            caller.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def drip(port: int, seconds: float) -> float | None:
    """Complete PDUs of one byte each; after how long that was ended (None: it was not)."""
    begin = time.monotonic()
    with Caller(port, patience_s=2.0) as caller:
        caller.associate(XA, EXPLICIT).say(store_request(f"{ROOT_UID}.5"), command=True)
        while time.monotonic() - begin < seconds:
            try:
                caller.socket.sendall(value(1, 0, b"x"))
            except OSError:
                return time.monotonic() - begin
            time.sleep(0.05)
    return None


def together(*steps: Callable[[], object]) -> None:
    """Run all of them at once, each in a thread."""
    threads = [threading.Thread(target=step) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
