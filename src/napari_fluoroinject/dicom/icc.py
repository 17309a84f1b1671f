"""A colour profile: sRGB as an input device, the same bytes everywhere and always."""

from __future__ import annotations

import struct

# IEC 61966-2-1, adapted to the profile connection space's white, D50 (ICC.1:2004-10, annex E).
_WHITE = (0.9642, 1.0, 0.8249)
_COLOURANTS = {
    b"rXYZ": (0.4360747, 0.2225045, 0.0139322),
    b"gXYZ": (0.3850649, 0.7168786, 0.0971045),
    b"bXYZ": (0.1430804, 0.0606169, 0.7141733),
}
# From the D65 of sRGB to D50 (Bradford).
_ADAPTATION = (
    *(1.0478112, 0.0228866, -0.0501270),
    *(0.0295424, 0.9904844, -0.0170491),
    *(-0.0092345, 0.0150436, 0.7521316),
)
# Y = (a X + b)^g from d on, c X below: g, a, b, c, d (ICC.1:2004-10, 10.15, function type 3).
_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_CURVE_TYPE = 3

_VERSION = 0x04200000
_MADE = (2026, 1, 1, 0, 0, 0)
"""A date is required; this one is that of the definition, not of a file."""
_HEADER_BYTES, _TAG_BYTES = 128, 12


def srgb_input_profile() -> bytes:
    """Return sRGB as an ICC input device profile, as presentation states want it.

    Class `scnr`, colour space RGB, connection space XYZ, perceptual (PS3.3 C.11.15.1.1); a matrix
    and curves (ICC.1:2004-10, 8.3.3).
    """
    curve = b"para" + bytes(4) + struct.pack(">HH", _CURVE_TYPE, 0) + _fixed(*_CURVE)
    tags = {
        b"desc": _text("sRGB"),
        b"cprt": _text("No copyright, use freely"),
        b"wtpt": _xyz(_WHITE),
        b"chad": b"sf32" + bytes(4) + _fixed(*_ADAPTATION),
        **{name: _xyz(colour) for name, colour in _COLOURANTS.items()},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    start = _HEADER_BYTES + 4 + _TAG_BYTES * len(tags)
    table, content = [struct.pack(">I", len(tags))], b""
    placed: dict[bytes, int] = {}
    for name, value in tags.items():
        if value not in placed:
            placed[value] = start + len(content)
            content += value + bytes(-len(value) % 4)
        table.append(struct.pack(">4sII", name, placed[value], len(value)))
    return _header(start + len(content)) + b"".join(table) + content


def _header(size: int) -> bytes:
    """ICC.1:2004-10, 7.2."""
    head = struct.pack(">I4sI", size, bytes(4), _VERSION) + b"scnrRGB XYZ "
    head += struct.pack(">6H", *_MADE) + b"acsp" + bytes(28) + _fixed(*_WHITE)
    return head + bytes(_HEADER_BYTES - len(head))


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 0x10000) for value in values))


def _xyz(colour: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*colour)


def _text(words: str) -> bytes:
    """Multi-localized text of one language (ICC.1:2004-10, 10.13)."""
    encoded = words.encode("utf-16-be")
    return (
        b"mluc"
        + bytes(4)
        + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(encoded), 28)
        + encoded
    )
