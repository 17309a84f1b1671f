"""`fluoroinject procedures`: what is known about a procedure, each fact with its source."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - typer reads it off the option
from typing import TYPE_CHECKING, Annotated

import typer

from napari_fluoroinject.cli.console import (
    ConfigOption,
    check_folder,
    printable,
    settings_from,
    wrong_usage,
)
from napari_fluoroinject.cli.readable import line, section
from napari_fluoroinject.errors import ProcedureError

if TYPE_CHECKING:
    from napari_fluoroinject.model.procedure import Procedure


def procedures(
    key: Annotated[str | None, typer.Argument(help="One procedure in full.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    pages: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write every procedure as Markdown there.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """List the procedures, or show one in full with its sources."""
    from napari_fluoroinject.procedures import every, get, whose

    site = settings_from(config).site_procedures
    if pages is not None:
        with wrong_usage(ProcedureError):
            count = _write(every(site=site), pages)
        typer.echo(f"{count} procedures and an index in {printable(str(pages))}")
        return
    if key is None:
        with wrong_usage(ProcedureError):
            listed = every(site=site)
        typer.echo(
            _json([asdict(one) for one in listed])
            if as_json
            else _list(listed, {one.key: whose(one.key, site=site) for one in listed})
        )
        return
    with wrong_usage(ProcedureError):
        procedure = get(key, site=site)
    if as_json:
        typer.echo(_json(asdict(procedure)))
        return
    origin = whose(key, site=site)
    typer.echo((f"{line('origin', origin)}\n\n" if origin else "") + page(procedure))


def page(procedure: Procedure) -> str:
    """One procedure as a page that a clinician can check: every number with grade and source."""
    from napari_fluoroinject.procedures.page import sections

    return "\n\n".join(
        section(
            printable(block.title),
            [line(printable(label), printable(text)) for label, text in block.lines],
        )
        for block in sections(procedure)
    )


def _write(listed: tuple[Procedure, ...], folder: Path) -> int:
    """Write the pages and an index of them; returns how many."""
    from napari_fluoroinject.procedures.page import index, markdown
    from napari_fluoroinject.spool.disk import write_whole

    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for procedure in listed:
        write_whole(folder / f"{procedure.key}.md", markdown(procedure).encode())
    write_whole(folder / "README.md", index(listed).encode())
    return len(listed)


def _list(listed: tuple[Procedure, ...], origins: dict[str, str]) -> str:
    width = max(len(one.key) for one in listed)
    lines = [f"  {one.key:<{width}}  {one.name}{_told(one, origins[one.key])}" for one in listed]
    return section("Procedures", lines) + "\n\nOne in full: fluoroinject procedures KEY"


def _told(procedure: Procedure, origin: str) -> str:
    unsigned = "" if procedure.clinician_signed_off else "not reviewed by a clinician"
    told = "; ".join(one for one in (origin, unsigned) if one)
    return f" ({told})" if told else ""


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
