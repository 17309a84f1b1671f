"""`fluoroinject audit`: read the audit trail of a spool, and check it against its hashes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import TYPE_CHECKING, Annotated

import typer

from napari_fluoroinject.cli.console import ConfigOption, printable, settings_from

if TYPE_CHECKING:
    from napari_fluoroinject.spool.audit_check import Checked
    from napari_fluoroinject.spool.audit_entry import Entry


def audit(
    *,
    spool: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the spool (else the settings').")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check every line and link; status 1 when broken.")
    ] = False,
    reached: Annotated[
        str | None,
        typer.Option(
            metavar="HASH", help="With --verify: a last hash noted before must be there."
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Lines from then on, as 2026-11-22[T13:05].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show who sent what, what was made of it, and where it went; or check the trail.

    The trail names objects by UID and machines by AE title and address, never a patient.
    """
    from napari_fluoroinject.spool.audit_check import entries
    from napari_fluoroinject.spool.audit_check import verify as check

    if reached and not verify:
        raise typer.BadParameter("--reached is for --verify")
    begin = _begin(since)
    folder = (spool or settings_from(config).listen.spool) / "audit"
    if not folder.is_dir():
        raise typer.BadParameter(
            printable(f"{folder} is not there; expected the spool of a listener (--spool DIR)")
        )
    if verify:
        _tell(check(folder, reached=reached), as_json=as_json)
        return
    shown = (one for one in entries(folder) if begin is None or _at(one) >= begin)
    if as_json:
        typer.echo(json.dumps([_plain(one) for one in shown], indent=1))
        return
    for one in shown:
        facts = "  ".join(f"{name}={value}" for name, value in one.facts.items())
        typer.echo(printable(f"{one.at}  {one.event}  {facts}"))


def _tell(checked: Checked, *, as_json: bool) -> None:
    if as_json:
        told = {name: getattr(checked, name) for name in type(checked).__slots__}
        typer.echo(json.dumps(told, indent=1))
    else:
        lines = [f"{checked.lines} lines hold together; last hash {checked.last_hash}"]
        if checked.repairs:
            lines.append(f"{checked.repairs} torn lines were moved aside and noted")
        if checked.torn_bytes:
            lines.append(f"{checked.torn_bytes} bytes of a half line at the end: being written")
        typer.echo("\n".join(lines))
    if checked.broken_at is not None:
        typer.echo(f"broken at {printable(checked.broken_at)}", err=True)
        raise typer.Exit(1)


def _begin(since: str | None) -> datetime | None:
    """The time asked for; without a zone it is this machine's."""
    if since is None:
        return None
    try:
        return datetime.fromisoformat(since).astimezone(UTC)
    except ValueError as error:
        raise typer.BadParameter(
            f"--since {printable(since)}: expected a time such as 2026-11-22 or 2026-11-22T13:05"
        ) from error


def _at(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry.at)


def _plain(entry: Entry) -> dict[str, object]:
    return {
        "n": entry.number,
        "at": entry.at,
        "event": entry.event,
        "facts": dict(entry.facts),
        "hash": entry.hash,
    }
