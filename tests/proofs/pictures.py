"""Pictures of zeros as bytes, right or wrong."""

from __future__ import annotations

import struct

from tests.proofs.wires import XA

ROOT_UID = "1.2.826.0.1.3680043.8.498"


def head(instance: str, *, frames: int, size: int) -> bytes:
    """An XA image without its pixels, explicit VR, little endian."""
    return b"".join(
        (
            text(0x0008, 0x0016, b"UI", XA),
            text(0x0008, 0x0018, b"UI", instance),
            text(0x0008, 0x0060, b"CS", "XA"),
            text(0x0010, 0x0020, b"LO", "SYNTH-1"),
            text(0x0020, 0x000D, b"UI", f"{ROOT_UID}.1"),
            text(0x0020, 0x000E, b"UI", f"{ROOT_UID}.1.1"),
            number(0x0002, 1),
            text(0x0028, 0x0004, b"CS", "MONOCHROME2"),
            text(0x0028, 0x0008, b"IS", str(frames)),
            *(number(*one) for one in ((0x0010, size), (0x0011, size), (0x0100, 16))),
            *(number(*one) for one in ((0x0101, 12), (0x0102, 11), (0x0103, 0))),
            struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 2 * frames * size * size),
        )
    )


def text(group: int, element: int, vr: bytes, value: str) -> bytes:
    """An element of text."""
    data = value.encode() + (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
    return struct.pack("<HH2sH", group, element, vr, len(data)) + data


def number(element: int, value: int) -> bytes:
    """An unsigned short of group 0028."""
    return struct.pack("<HH2sHH", 0x0028, element, b"US", 2, value)
