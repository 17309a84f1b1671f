"""`fluoroinject checklist`: what to ask before a procedure, with what headers tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from napari_fluoroinject.cli.console import ConfigOption, printable, settings_from, wrong_usage
from napari_fluoroinject.cli.readable import line, section
from napari_fluoroinject.errors import ProcedureError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_fluoroinject.model.study import Recorded


def checklist(
    key: Annotated[
        str | None, typer.Argument(help="The procedure; without it what holds for every one.")
    ] = None,
    loop: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help="Loops: shows what their headers record of it."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Show what to ask before a procedure: reminders with their sources, which block nothing."""
    from napari_fluoroinject.procedures import GENERIC, get, whose
    from napari_fluoroinject.procedures.checklist import checklist as every
    from napari_fluoroinject.procedures.checklist import sections
    from napari_fluoroinject.workflow import recorded_in

    settings = settings_from(config)
    site = settings.site_procedures
    with wrong_usage(ProcedureError):
        blocks = sections(every(site=site), get(key or GENERIC, site=site))
        origin = whose(key or GENERIC, site=site)
    told = [section(one.title, [line(*labelled) for labelled in one.lines]) for one in blocks]
    if origin:
        told.insert(0, line("origin of the procedure", origin))
    if loop is not None:
        told.insert(1, _headers(recorded_in(settings.resolve(loop))))
    typer.echo("\n\n".join(told))


def _headers(loops: tuple[Recorded, ...]) -> str:
    """What is recorded of the patient; what is not is unknown, never absent."""
    lines = [
        line("allergies", _distinct(loop.allergies for loop in loops)),
        line("pregnancy", _distinct(loop.pregnancy for loop in loops)),
    ]
    return section("Recorded in the headers", lines)


def _distinct(values: Iterable[str | None]) -> str:
    said = dict.fromkeys(value for value in values if value is not None)
    return printable("; ".join(said)) or "unknown"
