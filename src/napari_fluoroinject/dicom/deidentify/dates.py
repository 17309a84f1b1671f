"""Dates and times of an export: removed, kept, or all moved by the same days."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from napari_fluoroinject.errors import EncodingError

EPOCH = datetime(1900, 1, 1)
"""Where times begin that must stand but must not tell when."""
LONGEST_APART = timedelta(days=1)
"""A run, or a procedure, is over by then; longer intervals would tell of the patient's story."""

_DATE = re.compile(r"\d{8}")
_TIME = re.compile(r"\d{2}(\d{2}){0,2}(\.\d{1,6})?")
_DATE_TIME = re.compile(r"(\d{8})(\d{0,6})((?:\.\d{1,6})?)((?:[+-]\d{4})?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatePolicy:
    """What becomes of dates (PS3.15 E.3.6); `days` of those that are shifted, else 0."""

    deed: Literal["remove", "keep", "shift"] = "remove"
    days: int = 0

    @property
    def told(self) -> str:
        """Longitudinal Temporal Information Modified (PS3.3 C.7.1.2)."""
        return {"remove": "REMOVED", "keep": "UNMODIFIED", "shift": "MODIFIED"}[self.deed]


def shifted(vr: str, text: str, days: int) -> str | None:
    """Return a date moved by whole days; a time stays. None where it is no full date or no time.

    Parameters
    ----------
    vr
        `DA`, `DT` or `TM`.
    text
        The value.
    days
        To add; may be negative.

    Raises
    ------
    EncodingError
        The date would leave the years that DICOM can write.
    """
    plain = text.strip(" \0")
    if not plain:
        return ""
    if vr == "TM":
        return plain if _TIME.fullmatch(plain) else None
    pattern = _DATE if vr == "DA" else _DATE_TIME
    if not pattern.fullmatch(plain):
        return None
    try:
        day = datetime.strptime(plain[:8], "%Y%m%d")
    except ValueError:
        return None
    try:
        moved = day + timedelta(days=days)
    except OverflowError as error:
        raise EncodingError(
            f"a date moved by {days} days would leave the years 1 to 9999; expected fewer days"
        ) from error
    return f"{moved:%Y%m%d}".zfill(8) + plain[8:]


def moment(text: str) -> datetime | None:
    """Return a DT without its zone (PS3.5 table 6.2-1); None where it is no full date and time.

    Parameters
    ----------
    text
        The value.
    """
    found = _DATE_TIME.fullmatch(text.strip(" \0"))
    if found is None:
        return None
    day, clock, fraction, _ = found.groups()
    try:
        whole = datetime.strptime(day + clock.ljust(6, "0"), "%Y%m%d%H%M%S")
    except ValueError:
        return None
    return whole + timedelta(microseconds=int(fraction[1:].ljust(6, "0") or 0))


def since_epoch(text: str, first: datetime | None) -> str:
    """Return a DT that keeps the time since the first of its object and tells no date.

    The time from frame to frame is what a loop shows; when it was taken is what identifies.

    Parameters
    ----------
    text
        The value.
    first
        The earliest of the object, None where there is none.
    """
    seen = moment(text)
    apart = timedelta() if seen is None or first is None else seen - first
    if not timedelta() <= apart <= LONGEST_APART:
        apart = timedelta()
    return (EPOCH + apart).strftime("%Y%m%d%H%M%S.%f")
