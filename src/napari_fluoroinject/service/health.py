"""What is wrong with a service, and what a person does about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.service.numbers import Numbers, Waiting

UNSENT_S = 86400.0
"""Age of a result that is not sent, or not confirmed, from which on a person is called."""

_DISMISS = "fluoroinject queue --dismiss N --why TEXT where nothing more is to be done."


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something that needs a person.

    `id` is fixed, for counters and programs; `stops` says that the service does not do its work.
    """

    id: str
    text: str
    answer: str
    stops: bool = False


def alarms(numbers: Numbers) -> tuple[Alarm, ...]:
    """Everything that needs a person, the gravest first."""
    found = [*_stops(numbers), *_aged(numbers), *_objects(numbers)]
    return tuple(sorted(found, key=lambda one: not one.stops))


def _stops(numbers: Numbers) -> Iterator[Alarm]:
    if numbers.database_fault is not None:
        yield Alarm(
            id="database",
            text=f"The spool's database cannot be read: {numbers.database_fault}.",
            answer="Nothing can be received or returned. See the disk and the log, then start "
            "the service again; docs/service.md, backup and restore.",
            stops=True,
        )
    if numbers.free_bytes is not None and numbers.free_bytes < numbers.reserve_bytes:
        yield Alarm(
            id="disk",
            text=f"{megabytes(numbers.free_bytes)} are free on the spool's disk; "
            f"{megabytes(numbers.reserve_bytes)} are kept in reserve.",
            answer="Nothing is received; the senders keep their objects. Make room; receiving "
            "goes on by itself, then send again from the C-arm.",
            stops=True,
        )
    if numbers.echoes is False:
        yield Alarm(
            id="receiver",
            text="The receiver does not answer an echo.",
            answer="Nothing can be received. See the log, then start the service again.",
            stops=True,
        )
    for part, runs in sorted(numbers.parts.items()):
        if runs is False:
            yield Alarm(
                id=part,
                text=f"The {part} does not run.",
                answer="See the log, then start the service again; nothing is lost by that.",
                stops=True,
            )


def _aged(numbers: Numbers) -> Iterator[Alarm]:
    if numbers.unknown:
        yield Alarm(
            id="destination",
            text=f"Results wait for {', '.join(numbers.unknown)}, which the settings do not know.",
            answer="Set the endpoint up again under this name in [endpoints], then start the "
            "service again; nothing is lost by that.",
            stops=True,
        )
    unsent, unconfirmed = numbers.oldest_unsent_s, numbers.oldest_uncommitted_s
    if unsent is not None and unsent > UNSENT_S:
        yield Alarm(
            id="unsent",
            text=f"A result has waited to be sent for {duration(unsent)}.",
            answer="See whether the archive runs and takes our AE title; "
            "fluoroinject queue shows the last error.",
            stops=True,
        )
    for one in numbers.waiting:
        if one.oldest_s > numbers.notice_after_s:
            yield _delayed(one)
    if unconfirmed is not None and unconfirmed > UNSENT_S:
        yield Alarm(
            id="uncommitted",
            text=f"For {duration(unconfirmed)} the archive has not said that it keeps a result.",
            answer="Ask whether it answers storage commitment or queries; "
            "fluoroinject queue shows which.",
        )


def _delayed(one: Waiting) -> Alarm:
    wait = "1 result waits" if one.count == 1 else f"{one.count} results wait"
    error = "no failure is known" if one.last_error is None else f"last error: {one.last_error}"
    return Alarm(
        id="delayed",
        text=f"{wait} to be sent to {one.destination}, the oldest for {duration(one.oldest_s)}; "
        f"{error.rstrip('.')}.",
        answer="Nothing is lost: it is tried again and again, at least once an hour. See whether "
        "the archive runs and takes our AE title; fluoroinject queue --retry all tries at once.",
    )


def _objects(numbers: Numbers) -> Iterator[Alarm]:
    if dead := numbers.queue.get("dead", 0):
        yield Alarm(
            id="dead",
            text=f"{counted(dead, 'result')} refused by the archive for good.",
            answer="See fluoroinject queue for the reason, put it right there, then "
            f"fluoroinject queue --retry all; {_DISMISS}",
        )
    if held := numbers.queue.get("held", 0):
        yield Alarm(
            id="held",
            text=f"{counted(held, 'result')} not sent: our own check refused.",
            answer="Its file, or the loop it was made of, is not what it was. Nothing is wrong at "
            "the archive. See fluoroinject queue for the reason, and who changed the spool; "
            "then fluoroinject queue --again UID makes it anew and --retry N sends it; "
            f"{_DISMISS}",
        )
    if failed := numbers.jobs.get("failed", 0):
        yield Alarm(
            id="failed",
            text=f"{counted(failed, 'object')} not analysed: the analysis failed.",
            answer="The run itself is kept. See the reason below; look at the run as usual. Then "
            f"fluoroinject queue --again UID, or {_DISMISS.replace(' N ', ' UID ')}",
        )
    if numbers.quarantined:
        yield Alarm(
            id="quarantine",
            text=f"{counted(numbers.quarantined, 'refused object')} kept in quarantine "
            f"({megabytes(numbers.quarantined_bytes)}).",
            answer="Each was damaged or bore the UID of another object. Read the .txt beside it "
            "in quarantine/: it names the sender. Settle it there, then remove both files.",
        )


def counted(number: int, noun: str) -> str:
    """`1 result was`, `2 results were`."""
    return f"{number} {noun} was" if number == 1 else f"{number} {noun}s were"


def megabytes(size: int) -> str:
    """A size in the unit that is read at a glance: MB, or GB from 10 GB on."""
    return f"{size / 1e9:.0f} GB" if size >= 1e10 else f"{size / 1e6:.0f} MB"


def duration(seconds: float) -> str:
    """A time in its largest unit, rounded down: `40 s`, `12 min`, `5 h`, `2 days`."""
    for unit, length in (("days", 2 * 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // (86400 if unit == 'days' else length))} {unit}"
    return f"{max(0, int(seconds))} s"
