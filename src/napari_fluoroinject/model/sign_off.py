"""Who signed results off, checked and in words; a sign-off changes no number."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.words import LONGEST_TEXT, unwritable

if TYPE_CHECKING:
    from napari_fluoroinject.model.annotation import Confirmed, SignOff

CONFIRMED: dict[Confirmed, str] = {
    "needle_and_target": "needle and target",
    "contrast": "contrast",
    "warnings": "warnings",
}
"""What can be confirmed, in words."""

_MOMENT = re.compile(r"([0-9]{14})(\.[0-9]{1,6})?([+-](?:0[0-9]|1[0-4])[0-5][0-9])?")


def check_sign_off(sign_off: SignOff) -> None:
    """Check that somebody signed, at a time that there is, and nothing twice.

    Raises
    ------
    AnnotationError
        Nobody, more than one line or 64 characters, no date and time of DICOM, or a repetition.
    """
    operator, confirmed = sign_off.operator, sign_off.confirmed
    if not operator.strip() or len(operator) > LONGEST_TEXT or unwritable(operator):
        raise AnnotationError(
            f"sign_off.operator: seen {operator[:20]!r} of {len(operator)} characters; expected "
            f"who it was, one line of 1 to {LONGEST_TEXT} characters"
        )
    if not _is_moment(sign_off.at):
        raise AnnotationError(
            f"sign_off.at: seen {sign_off.at[:30]!r}; expected a date and time as DICOM writes "
            "them, YYYYMMDDHHMMSS with the offset from UTC behind it (+0100) or without"
        )
    if len(set(confirmed)) < len(confirmed):
        raise AnnotationError(f"sign_off.confirmed: seen {list(confirmed)}; expected each once")


def sign_off_text(sign_off: SignOff | None) -> str:
    """Who signed off, when, and what they looked at; or that nobody did."""
    if sign_off is None:
        return "Not signed off."
    at = sign_off.at
    day, clock = f"{at[:4]}-{at[4:6]}-{at[6:8]}", f"{at[8:10]}:{at[10:12]}:{at[12:14]}"
    zone = at[-5:] if at[-5:-4] in ("+", "-") else ""
    when = " ".join(part for part in (day, clock, zone) if part)
    looked_at = ", ".join(CONFIRMED[one] for one in sign_off.confirmed) or "nothing named"
    return f"Signed off by {sign_off.operator}, {when}; looked at: {looked_at}."


def _is_moment(text: str) -> bool:
    """Whether it is a DT (PS3.5 6.2) to the second, of a day that there is."""
    found = _MOMENT.fullmatch(text)
    try:
        return found is not None and bool(datetime.strptime(found[1], "%Y%m%d%H%M%S"))
    except ValueError:
        return False
