"""What the text of each value representation may look like (PS3.5 table 6.2-1)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.moments import is_offset

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = {
    "AE": 16,
    "AS": 4,
    "CS": 16,
    "DA": 8,
    "DS": 16,
    "DT": 26,
    "IS": 12,
    "LO": 64,
    "LT": 10240,
    "SH": 16,
    "ST": 1024,
    "TM": 14,
    "UI": 64,
}
"""Characters of one value."""
LONGEST_NAME_GROUP = 64
UNDIVIDED = frozenset(("LT", "ST", "UT", "UR"))
"""Value representations in which a backslash is a letter."""
TEXT = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UT"))
"""Those in the specific character set."""
ASCII = frozenset(("AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"))
"""Those in the default repertoire."""

_DECIMAL = re.compile(r" *[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)? *")
_INTEGER = re.compile(r" *[+-]?\d+ *")
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))*")
_CODE_STRING = re.compile(r"[A-Z0-9 _]*")
_AGE = re.compile(r"\d{3}[DWMY]")
_TIME = re.compile(r"(\d{2})(\d{2})?(\d{2})?(\.\d{1,6})? *")
_ZONE = re.compile(r"[+-]\d{4}$")
_LINE_VRS = frozenset(("AE", "CS", "LO", "PN", "SH", "UC"))


def format_fault(vr: str, text: str) -> str | None:
    """Tell what would be right where one value breaks the format of its representation.

    Parameters
    ----------
    vr
        Value representation.
    text
        One value, decoded, as it stands; empty values are always right.
    """
    if not text.strip(" \0"):
        return None
    longest = LONGEST.get(vr)
    bare = text.rstrip(" ") if vr not in ("UI", "DS", "IS") else text.rstrip("\0")
    if longest is not None and len(bare) > longest:
        return f"at most {longest} characters in {vr}"
    if vr == "PN":
        return _name_fault(text)
    judge = _FORMATS.get(vr)
    if judge is not None:
        return None if judge(text) else _EXPECTED[vr]
    return _control_fault(vr, text)


def zone_fault(text: str) -> str | None:
    """Tell what would be right where a Timezone Offset From UTC is none (PS3.3 C.12.1.1.8)."""
    bare = text.strip(" \0")
    return None if not bare or is_offset(bare) else "a time zone &ZZXX, -1200 to +1400"


def _name_fault(text: str) -> str | None:
    groups = text.rstrip(" ").split("=")
    if len(groups) > 3 or any(len(group) > LONGEST_NAME_GROUP for group in groups):
        return f"at most 3 component groups of {LONGEST_NAME_GROUP} characters in PN"
    if any(group.count("^") > 4 for group in groups):
        return "at most 5 components in PN"
    return _control_fault("PN", text)


def _control_fault(vr: str, text: str) -> str | None:
    allowed = "" if vr in _LINE_VRS else "\r\n\f\t"
    if any(ord(c) < 32 and c not in f"{allowed}\x1b" for c in text):
        return f"no control characters in {vr}"
    return None


def _is_date(text: str) -> bool:
    try:
        datetime.strptime(text.strip(" "), "%Y%m%d")
    except ValueError:
        return False
    return text.strip(" ").isdigit()


def _is_time(text: str) -> bool:
    match = _TIME.fullmatch(text)
    if match is None or (match[3] is None and match[4] is not None):
        return False
    hours, minutes, seconds = (int(part or 0) for part in match.group(1, 2, 3))
    return hours < 24 and minutes < 60 and seconds <= 60


def _is_moment(text: str) -> bool:
    zone = _ZONE.search(text.strip(" "))
    if zone is not None and not is_offset(zone[0]):
        return False
    bare = _ZONE.sub("", text.strip(" "))
    date, clock = bare[:8], bare[8:]
    if len(date) < 8:
        return date.isdigit() and len(date) in (4, 6) and not clock
    return _is_date(date) and (not clock or _is_time(clock))


def _is_decimal(text: str) -> bool:
    return _DECIMAL.fullmatch(text) is not None


def _is_integer(text: str) -> bool:
    return _INTEGER.fullmatch(text) is not None and -(2**31) <= int(text) < 2**31


def _is_uid(text: str) -> bool:
    return _UID.fullmatch(text.rstrip("\0")) is not None


_FORMATS: dict[str, Callable[[str], bool]] = {
    "AS": lambda text: _AGE.fullmatch(text.strip(" ")) is not None,
    "CS": lambda text: _CODE_STRING.fullmatch(text) is not None,
    "DA": _is_date,
    "DS": _is_decimal,
    "DT": _is_moment,
    "IS": _is_integer,
    "TM": _is_time,
    "UI": _is_uid,
}
_EXPECTED = {
    "AS": "nnnD, nnnW, nnnM or nnnY",
    "CS": "capital letters, digits, blanks and _",
    "DA": "a date YYYYMMDD",
    "DS": "a decimal number",
    "DT": "a moment YYYYMMDDHHMMSS.FFFFFF&ZZXX",
    "IS": "a whole number of 32 bits",
    "TM": "a time HHMMSS.FFFFFF",
    "UI": "digits and dots, no component with a leading zero",
}
