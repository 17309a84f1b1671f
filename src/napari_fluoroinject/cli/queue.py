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
        help="Send this entry again at once; all: every dead one. May be repeated.",
    ),
]
_AgainOption = Annotated[
    list[str] | None,
    typer.Option(metavar="UID", help="Analyse this object again. May be repeated."),
]


def queue(
    *,
    spool: _SpoolOption = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only what was given up.")] = False,
    retry: _RetryOption = None,
    again: _AgainOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show what is on its way to the archive and what failed; try some of it again."""
    from napari_fluoroinject.errors import StorageError
    from napari_fluoroinject.spool.database import Database

    settings = None if spool is not None else settings_from(config)
    root = spool or (settings or Settings()).listen.spool
    _check_spool(root)
    with Database(root) as database:
        with wrong_usage(StorageError):
            _try_again(database, root, retry or [], again or [])
        told = _told(database, dead=dead, settings=settings)
    typer.echo(json.dumps(told, indent=1) if as_json else _text(told))


def _check_spool(root: Path) -> None:
    from napari_fluoroinject.spool.database import FILE_NAME

    if not (root / FILE_NAME).is_file():
        raise typer.BadParameter(
            f"{printable(str(root))} is no spool; expected the folder that `fluoroinject listen` "
            "receives into: name it with --spool"
        )


def _try_again(database: Database, root: Path, retry: Sequence[str], again: Sequence[str]) -> None:
    from napari_fluoroinject.spool.audit import Trail
    from napari_fluoroinject.spool.jobs import Jobs
    from napari_fluoroinject.spool.queue import Queue

    if not retry and not again:
        return
    queue, jobs = Queue(database), Jobs(database)
    with Trail(root / "audit") as trail:
        for number in _numbers(retry, queue.every("dead")):
            queue.retry(number)
            trail.note("retried", number=number)
        for uid in again:
            jobs.again(uid)
            trail.note("again", sop_instance_uid=uid)


def _numbers(words: Sequence[str], dead: Sequence[Entry]) -> list[int]:
    numbers: list[int] = []
    for word in words:
        if word == "all":
            numbers += [one.number for one in dead]
        elif word.isascii() and word.isdigit():
            numbers.append(int(word))
        else:
            raise typer.BadParameter(
                f"--retry {printable(word)}: expected the number of an entry, or all"
            )
    return list(dict.fromkeys(numbers))


def _told(database: Database, *, dead: bool, settings: Settings | None) -> dict[str, Any]:
    from napari_fluoroinject.spool.jobs import Jobs
    from napari_fluoroinject.spool.queue import Queue

    queue, jobs = Queue(database), Jobs(database)
    open_ = [one for one in queue.every() if one.state == "dead" or not dead]
    alarmed = {one.number for one in queue.alarms(now_s=time.time())}
    if settings is not None:
        alarmed |= {one.number for one in open_ if not settings.knows(one.destination)}
    return {
        "queue": dict(queue.counts()),
        "jobs": dict(jobs.counts()),
        "entries": [
            _entry(one, alarm=one.number in alarmed) for one in open_ if one.state != "committed"
        ],
        "failed_jobs": [_job(one) for one in jobs.every("failed")],
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
        "alarm": alarm,
    }


def _job(one: Job) -> dict[str, Any]:
    return {"sop_instance_uid": one.sop_instance_uid, "tries": one.tries, "reason": one.reason}


def _text(told: Mapping[str, Any]) -> str:
    counts = [
        line("analyses", _counted(told["jobs"])),
        line("results", _counted(told["queue"])),
    ]
    entries = [_entry_line(one) for one in told["entries"][:_MOST_SHOWN]]
    more = len(told["entries"]) - _MOST_SHOWN
    entries += [line("", f"{more} more: --json shows all")] if more > 0 else []
    failed = [
        line(
            f"after {one['tries']} tries", printable(f"{one['sop_instance_uid']}: {one['reason']}")
        )
        for one in told["failed_jobs"][:_MOST_SHOWN]
    ]
    parts = [
        section("Counts", counts),
        section("Results not yet known to be kept", entries or [line("none", "all are kept")]),
        section("Objects that could not be analysed", failed) if failed else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "none"


def _entry_line(one: Mapping[str, Any]) -> str:
    when = datetime.fromtimestamp(one["next_try_s"]).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    next_try = f", next try {when}" if one["state"] == "new" else ""
    error = f": {one['last_error']}" if one["last_error"] else ""
    mark = " (needs a person)" if one["alarm"] else ""
    text = f"{one['sop_instance_uid']} to {one['destination']}, {one['tries']} tries{next_try}"
    return line(f"{one['number']} {one['state']}", printable(f"{text}{mark}{error}"))
