"""Values that say nothing, of the type that their place asks for (PS3.5 table 6.2-1)."""

from __future__ import annotations

from typing import Any

REMOVED = "REMOVED"
"""In place of a text that must stand; fits every text representation, and code strings."""
TEXT_VRS = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UT", "AE", "AS", "UR"))
"""Representations that a person's words can stand in."""

_DUMMIES: dict[str, Any] = {
    "AS": "000Y",
    "PN": "REMOVED^",  # a lone component without it is a form that is retired
    "DA": "19000101",
    "DT": "19000101000000",
    "TM": "000000",
    "UR": "urn:removed",
    "DS": "0",
    "IS": "0",
    "AT": 0,
    **dict.fromkeys(("FL", "FD"), 0.0),
    **dict.fromkeys(("SL", "SS", "SV", "UL", "US", "UV"), 0),
    **dict.fromkeys(("OB", "OD", "OF", "OL", "OV", "OW", "UN"), b"\0" * 8),
}


def dummy(vr: str) -> Any:
    """Return a value that is not empty and tells nothing; of sequences there is none.

    Parameters
    ----------
    vr
        Value representation.
    """
    return _DUMMIES.get(vr, REMOVED)
