"""When, by the clock, the first frame of a loop was taken, as far as its header tells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.attributes import macro_items, text

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_DATE_TIME = re.compile(r"(\d{14})(?:\.(\d{1,6}))?([+-]\d{4})?")
"""DT to the second or finer (PS3.5 table 6.2-1): a log takes no less (PS3.3 A.35.7.3.1.2)."""
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})")
_EARLIEST_MIN, _LATEST_MIN = -12 * 60, 14 * 60
"""Time zones that there are (PS3.5 table 6.2-1)."""
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_WHOLE_ACQUISITION = ("AcquisitionDate", "AcquisitionTime")
_CONTENT = ("ContentDate", "ContentTime")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A date and time; `offset` is the time zone as DICOM writes it, empty where unknown."""

    at: datetime
    offset: str = ""

    def text(self, after_s: float = 0.0) -> str:
        """Return the moment so many seconds later as a DT, to the microsecond."""
        later = self.at + timedelta(seconds=after_s)
        return f"{later.year:04d}{later:%m%d%H%M%S.%f}{self.offset}"


def first_frame_moment(header: Dataset) -> Moment | None:
    """Return when the first frame of this object was taken; None where that is not told.

    An enhanced object tells the moment of each frame; others that of their acquisition, or of
    their content. The content of a Secondary Capture was made when it was captured, which may be
    another day, and does not count. The zone is the moment's own, else that of the object.

    Parameters
    ----------
    header
        The data set of a multi-frame loop, or of the first of its single frames.
    """
    zone = zone_of(header)
    for told in _told(header):
        if (moment := parsed(told, zone)) is not None:
            return moment
    return None


def zone_of(header: Dataset) -> str:
    """Return the time zone of an object as DICOM writes it (PS3.3 C.12.1.1.8), empty if unknown.

    What is written in another way, or is no zone of this earth, is unknown.
    """
    told = str(header.get("TimezoneOffsetFromUTC") or "").strip(" \0")
    return told if is_offset(told) else ""


def is_offset(told: str) -> bool:
    """Tell whether a text is &ZZXX from -1200 to +1400; -0000 is none (PS3.5 table 6.2-1)."""
    found = _OFFSET.fullmatch(told)
    if found is None or told == "-0000" or int(found[3]) > 59:
        return False
    minutes = int(found[2]) * 60 + int(found[3])
    return _EARLIEST_MIN <= (minutes if found[1] == "+" else -minutes) <= _LATEST_MIN


def parsed(told: str, zone: str = "") -> Moment | None:
    """Read a DT of a second or finer; None where it is less or no moment.

    Parameters
    ----------
    told
        The value.
    zone
        Time zone of a value that tells none, empty where unknown.
    """
    found = _DATE_TIME.fullmatch(told.strip())
    if found is None:
        return None
    digits, fraction, offset = found.groups()
    try:
        at = datetime.strptime(f"{digits}{(fraction or '').ljust(6, '0')}", "%Y%m%d%H%M%S%f")
    except ValueError:
        return None
    known = next((one for one in (offset or "", zone) if is_offset(one)), "")
    return Moment(at=at, offset=known)


def seconds_between(earlier: Moment, later: Moment) -> float:
    """Return the seconds from one moment to another, over time zones where both are known."""
    if earlier.offset and later.offset:
        return (_aware(later) - _aware(earlier)).total_seconds()
    return (later.at - earlier.at).total_seconds()


def _aware(moment: Moment) -> datetime:
    sign = -1 if moment.offset[0] == "-" else 1
    shift = sign * timedelta(hours=int(moment.offset[1:3]), minutes=int(moment.offset[3:]))
    return moment.at.replace(tzinfo=timezone(shift))


def _told(header: Dataset) -> list[str]:
    """What may tell the moment, the most specific first."""
    told = []
    for frame in macro_items(header, "FrameContentSequence")[:1]:
        told += [
            text(frame, keyword) or ""
            for keyword in ("FrameReferenceDateTime", "FrameAcquisitionDateTime")
        ]
    told.append(text(header, "AcquisitionDateTime") or "")
    captured = f"{header.SOPClassUID}.".startswith(f"{_SECONDARY_CAPTURE}.")
    for date, time in (_WHOLE_ACQUISITION, *(() if captured else (_CONTENT,))):
        told.append(f"{text(header, date) or ''}{text(header, time) or ''}")
    return told
