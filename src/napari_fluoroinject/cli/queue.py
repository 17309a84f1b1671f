"""`fluoroinject queue`: what is on its way to the archive, what failed, and another try."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fluoroinject.cli.console import ConfigOption, printable, settings_from, wrong_usage
from napari_fluoroinject.cli.readable import line, section
from napari_fluoroinject.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_fluoroinject.spool.database import Database
    from napari_fluoroinject.spool.jobs import Job
    from napari_fluoroinject.spool.outgoing import Entry

_MOST_SHOWN = 50
_SpoolOption = Annotated[
    Path | None, typer.Option(help="Folder of the spool (else listen.spool of the settings).")
]
_RetryOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="N|all",
        help="Send this entry at once; all: every one that waits or was given up. "
        "May be repeated.",
    ),
]
_AgainOption = Annotated[
    list[str] | None,
    typer.Option(metavar="UID", help="Analyse this object again. May be repeated."),
]
_DismissOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="N|UID",
        help="Nothing more is to be done for this dead entry or failed object: it stays, and "
        "calls nobody any more. Needs --why. May be repeated.",
    ),
]
_WhyOption = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT", help="Why it is dismissed, for the audit trail; nothing of a patient."
    ),
]


def queue(  # noqa: PLR0913 - one parameter per option of the command
    *,
    spool: _SpoolOption = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only what was given up.")] = False,
    retry: _RetryOption = None,
    again: _AgainOption = None,
    dismiss: _DismissOption = None,
    why: _WhyOption = None,
    every: Annotated[bool, typer.Option("--all", help="Show what was dismissed, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show what is on its way to the archive and what failed; try it again, or dismiss it."""
    from napari_fluoroinject.errors import StorageError
    from napari_fluoroinject.spool.database import Database

    settings = None if spool is not None else settings_from(config)
    root = spool or (settings or Settings()).listen.spool
    _check_spool(root)
    reason = _reason(dismiss or [], why)
    with Database(root) as database:
        with wrong_usage(StorageError):
            did = _try_again(database, root, retry or [], again or [])
            did += _dismiss(database, root, dismiss or [], why=reason)
        told = {"done": did} | _told(database, dead=dead, every=every, settings=settings)
    typer.echo(json.dumps(told, indent=1) if as_json else _text(told))


def _check_spool(root: Path) -> None:
    from napari_fluoroinject.spool.database import FILE_NAME

    if not (root / FILE_NAME).is_file():
        raise typer.BadParameter(
            f"{printable(str(root))} is no spool; expected the folder that `fluoroinject listen` "
            "receives into: name it with --spool"
        )


def _reason(dismiss: Sequence[str], why: str | None) -> str:
    if dismiss and not (why or "").strip():
        raise typer.BadParameter(
            '--dismiss without --why: expected a reason, as --why "sent by CD"'
        )
    if why is not None and not dismiss:
        raise typer.BadParameter("--why without --dismiss: expected what it is the reason for")
    return (why or "").strip()


def _dismiss(database: Database, root: Path, words: Sequence[str], *, why: str) -> list[str]:
    """Note a person's decision on dead entries (numbers) and failed objects (UIDs)."""
    from napari_fluoroinject.spool.audit import Trail
    from napari_fluoroinject.spool.jobs import Jobs
    from napari_fluoroinject.spool.queue import Queue

    if not words:
        return []
    queue, jobs = Queue(database), Jobs(database)
    with Trail(root / "audit") as trail:
        for word in dict.fromkeys(words):
            if word.isascii() and word.isdigit():
                queue.dismiss(int(word), now_s=time.time())
                trail.note("dismissed", number=int(word), reason=why)
            else:
                jobs.dismiss(word, now_s=time.time())
                trail.note("dismissed", sop_instance_uid=word, reason=why)
    return [f"dismissed: {', '.join(dict.fromkeys(words))}"]


def _try_again(
    database: Database, root: Path, retry: Sequence[str], again: Sequence[str]
) -> list[str]:
    """Let entries and objects be tried anew; returns what was done, in words."""
    from napari_fluoroinject.spool.audit import Trail
    from napari_fluoroinject.spool.jobs import Jobs
    from napari_fluoroinject.spool.queue import Queue

    numbers = _numbers(retry)
    did: list[str] = []
    if not retry and not again:
        return did
    queue, jobs = Queue(database), Jobs(database)
    with Trail(root / "audit") as trail:
        for number in numbers:
            queue.retry(number)
            trail.note("retried", number=number)
        if numbers:
            did.append(f"sent now: {', '.join(map(str, numbers))}")
        if "all" in retry:
            entries = queue.retry_all()
            for one in entries:
                trail.note("retried", number=one.number)
            given_up = sum(one.state == "dead" for one in entries)
            did.append(f"sent now: {given_up} given up, {len(entries) - given_up} waiting")
        for uid in again:
            jobs.again(uid)
            trail.note("again", sop_instance_uid=uid)
            did.append(f"analysed again: {uid}")
    return did


def _numbers(words: Sequence[str]) -> list[int]:
    for word in words:
        if word != "all" and not (word.isascii() and word.isdigit()):
            raise typer.BadParameter(
                f"--retry {printable(word)}: expected the number of an entry, or all"
            )
    return [int(word) for word in dict.fromkeys(words) if word != "all"]


def _told(
    database: Database, *, dead: bool, every: bool, settings: Settings | None
) -> dict[str, Any]:
    from napari_fluoroinject.spool.jobs import Jobs
    from napari_fluoroinject.spool.queue import Queue

    queue, jobs = Queue(database), Jobs(database)
    entries = [one for one in queue.every() if one.state == "dead" or not dead]
    failed = jobs.every("failed")
    alarmed = {one.number for one in queue.alarms(now_s=time.time())}
    if settings is not None:
        alarmed |= {one.number for one in entries if not settings.knows(one.destination)}
    return {
        "queue": dict(queue.counts()),
        "jobs": dict(jobs.counts()),
        "dismissed": {
            "entries": sum(one.dismissed_s is not None for one in entries),
            "jobs": sum(one.dismissed_s is not None for one in failed),
        },
        "entries": [
            _entry(one, alarm=one.number in alarmed)
            for one in entries
            if one.state != "committed" and (every or one.dismissed_s is None)
        ],
        "failed_jobs": [_job(one) for one in failed if every or one.dismissed_s is None],
    }


def _entry(one: Entry, *, alarm: bool) -> dict[str, Any]:
    return {
        "number": one.number,
        "state": one.state,
        "sop_instance_uid": one.sop_instance_uid,
        "sop_class_uid": one.sop_class_uid,
        "source_uid": one.source_uid,
        "destination": one.destination,
        "tries": one.tries,
        "next_try_s": one.next_try_s,
        "last_error": one.last_error,
        "last_status": one.last_status,
        "refused_by_our_check": bool(one.held),
        "dismissed": one.dismissed_s is not None,
        "alarm": alarm,
    }


def _job(one: Job) -> dict[str, Any]:
    return {
        "sop_instance_uid": one.sop_instance_uid,
        "tries": one.tries,
        "reason": one.reason,
        "dismissed": one.dismissed_s is not None,
    }


def _text(told: Mapping[str, Any]) -> str:
    counts = [
        line("analyses", _counted(told["jobs"])),
        line("results", _counted(told["queue"])),
    ]
    if any(told["dismissed"].values()):
        some = told["dismissed"]
        shown = f"{some['jobs']} analyses, {some['entries']} results: --all shows them"
        counts.append(line("of these dismissed", shown))
    entries = [_entry_line(one) for one in told["entries"][:_MOST_SHOWN]]
    more = len(told["entries"]) - _MOST_SHOWN
    entries += [line("", f"{more} more: --json shows all")] if more > 0 else []
    failed = [
        line(
            f"after {one['tries']} tries",
            printable(
                f"{one['sop_instance_uid']}{' (dismissed)' if one['dismissed'] else ''}: "
                f"{one['reason']}"
            ),
        )
        for one in told["failed_jobs"][:_MOST_SHOWN]
    ]
    did = [line("", printable(one)) for one in told["done"]]
    parts = [
        section("Done", did) if did else "",
        section("Counts", counts),
        section("Results not yet known to be kept", entries or [line("none", _none(told))]),
        section("Objects that could not be analysed", failed) if failed else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _none(told: Mapping[str, Any]) -> str:
    """Why there is nothing on its way."""
    to_come = told["jobs"]["waiting"] + told["jobs"]["working"]
    after = f"; {to_come} to be analysed" if to_come else ""
    if told["queue"]["dead"]:
        return f"what was not dismissed is kept{after}"
    if told["queue"]["committed"]:
        return f"all results so far are kept{after}"
    return f"no result was to be sent yet{after}"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "none"


def _entry_line(one: Mapping[str, Any]) -> str:
    next_try = f", next try {_when(one['next_try_s'])}" if one["state"] == "new" else ""
    error = f": {one['last_error']}" if one["last_error"] else ""
    mark = " (needs a person)" if one["alarm"] else ""
    if one["state"] == "dead":
        mark = f" ({_whose(one)}{'; dismissed' if one['dismissed'] else '; needs a person'})"
    text = f"{one['sop_instance_uid']} to {one['destination']}, {one['tries']} tries{next_try}"
    return line(f"{one['number']} {one['state']}", printable(f"{text}{mark}{error}"))


def _whose(one: Mapping[str, Any]) -> str:
    """Who has refused an entry: that tells where it is put right."""
    return (
        "refused by our own check, not sent"
        if one["refused_by_our_check"]
        else "refused by its destination"
    )


def _when(at_s: float) -> str:
    """A time of this machine with its zone; `now` where it has come."""
    if at_s <= time.time():
        return "now"
    return datetime.fromtimestamp(at_s).astimezone().isoformat(" ", "seconds")
