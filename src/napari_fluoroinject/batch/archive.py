"""Which studies an archive has, however many: a range of dates is halved until it tells all."""

from __future__ import annotations

import logging
import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from napari_fluoroinject.errors import EndpointError, RefusedError, TooManyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Answer = Mapping[str, str]
    Ask = Callable[[Mapping[str, str]], Sequence[Answer]]

log = logging.getLogger(__name__)

_EARLIEST = date(1970, 1, 1)
"""Older than every archive of digital fluoroscopy."""
_RANGE = re.compile(r"(\d{8})?(-)?(\d{8})?")
_CAPS_BEGIN_AT = 100
_FOR_WANT_OF_RESOURCES = (0xA700, 413)
"""Refusals of C-FIND (PS3.4 table C.4-1) and of HTTP to what would have too many answers."""


class Days(NamedTuple):
    """Two days, both of them included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first:%Y%m%d}-{self.last:%Y%m%d}"

    def halves(self) -> tuple[Days, Days]:
        """Return the earlier half and the later one; of one day neither is less."""
        middle = self.first + (self.last - self.first) // 2
        return Days(self.first, middle), Days(middle + timedelta(days=1), self.last)


def studies_at(ask: Ask, keys: Mapping[str, str], *, today: date) -> Iterator[Answer]:
    """Yield what an archive tells of each study, the earlier days first.

    An archive that caps its answers mostly says nothing of it. Therefore an answer that has the
    size of a cap (100, 500, 1024) is not believed where it can be asked for in two halves.

    Parameters
    ----------
    ask
        Asks at study level.
    keys
        What is asked for.
    today
        No study is taken to be later than the day after it.

    Raises
    ------
    EndpointError
        A range of dates that is none, or as `ask`.
    """
    stated = keys.get("StudyDate", "")
    seen: set[str] = set()
    if not stated:
        answers = _asked(ask, keys)
        if answers is None:
            log.info("the archive has too many studies for one answer: they are asked for by date")
        elif not _like_a_cap(len(answers)):
            yield from _in_order(answers)
            return
        else:  # of those without a date no range of dates tells
            undated = [one for one in answers if not one.get("StudyDate")]
            seen = {one["StudyInstanceUID"] for one in undated}
            yield from _in_order(undated)
    for one in _by_days(ask, keys, _days(stated, today)):
        if one["StudyInstanceUID"] not in seen:
            yield one


def _by_days(ask: Ask, keys: Mapping[str, str], whole: Days) -> Iterator[Answer]:
    waiting = [whole]
    while waiting:
        days = waiting.pop()
        one_day = days.first == days.last
        asked = {**keys, "StudyDate": f"{days.first:%Y%m%d}" if one_day else str(days)}
        answers = ask(asked) if one_day else _asked(ask, asked)
        if answers is None:
            waiting += reversed(days.halves())
            continue
        if _like_a_cap(len(answers)):
            if not one_day:
                waiting += reversed(days.halves())
                continue
            log.warning(
                "the archive told %d studies of one day, which may be the most that it tells",
                len(answers),
            )
        yield from _in_order(answers)


def _asked(ask: Ask, keys: Mapping[str, str]) -> Sequence[Answer] | None:
    """Return the answers; None where there are too many of them."""
    try:
        return ask(keys)
    except TooManyError:
        return None
    except RefusedError as error:
        if error.status in _FOR_WANT_OF_RESOURCES:
            return None
        raise


def _days(stated: str, today: date) -> Days:
    found = _RANGE.fullmatch(stated.strip())
    if found is None:
        raise _no_range(stated)
    first, through, last = found.groups()
    tomorrow = today + timedelta(days=1)
    days = Days(
        _day(first, stated) if first else _EARLIEST,
        _day(last, stated) if last else tomorrow if through or not first else _day(first, stated),
    )
    if days.last < days.first:
        raise _no_range(stated)
    return days


def _day(text: str, stated: str) -> date:
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError as error:
        raise _no_range(stated) from error


def _no_range(stated: str) -> EndpointError:
    return EndpointError(
        f"StudyDate={stated}: seen no range of dates; expected YYYYMMDD, YYYYMMDD-YYYYMMDD, "
        "YYYYMMDD- or -YYYYMMDD, the earlier day first"
    )


def _like_a_cap(count: int) -> bool:
    """Whether somebody may have chosen this number as the most that is told."""
    return count >= _CAPS_BEGIN_AT and (count % 100 == 0 or count & (count - 1) == 0)


def _in_order(answers: Sequence[Answer]) -> Iterator[Answer]:
    told = [one for one in answers if one.get("StudyInstanceUID")]
    yield from sorted(told, key=lambda one: (one.get("StudyDate", ""), one["StudyInstanceUID"]))
