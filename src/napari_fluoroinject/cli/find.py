"""`fluoroinject find` and `echo`: what an archive holds, and whether it answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_fluoroinject.cli.console import (
    ConfigOption,
    printable,
    settings_from,
    wrong_usage,
)
from napari_fluoroinject.errors import EndpointError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_fluoroinject.endpoints.base import Level

LevelName = Literal["study", "series", "image"]
Endpoint = Annotated[
    str,
    typer.Argument(
        metavar="ENDPOINT",
        help="pacs://CALLING:CALLED@host:port, dicomweb+https://host/root, a folder, or a name "
        "from the settings file; UIDs may follow: ?StudyInstanceUID=...",
    ),
]
_LONGEST_CELL = 64


def echo(endpoint: Endpoint, *, config: ConfigOption = None) -> None:
    """Ask whether an archive answers, and takes our AE title."""
    from napari_fluoroinject import transfer

    with wrong_usage(SettingsError):
        name = transfer.echo(endpoint, settings=settings_from(config))
    typer.echo(printable(f"{name} answers"))


def find(
    endpoint: Endpoint,
    keys: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[Keyword=value ...]",
            help="DICOM keywords, for example PatientID=P1 StudyDate=20260101-; without a value "
            "the keyword is asked for. * and ? match any text.",
        ),
    ] = None,
    *,
    level: Annotated[
        LevelName | None,
        typer.Option(help="Else objects with --json or a UID, and studies without."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    config: ConfigOption = None,
) -> None:
    """Say what an archive holds: studies, series or objects."""
    from napari_fluoroinject import transfer

    wanted = _keys(keys or [])
    with wrong_usage(EndpointError):
        transfer.check_keywords(wanted)
    chosen = transfer.LEVELS[level or "image"] if level or as_json else None
    with wrong_usage(SettingsError):
        at, found = transfer.find_objects(
            endpoint, wanted, level=chosen, settings=settings_from(config)
        )
    if as_json:
        told = [{name: text or None for name, text in one.items()} for one in found]
        typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        typer.echo(_table(found, at, also=tuple(wanted)))


def _keys(texts: Sequence[str]) -> dict[str, str]:
    keys = {}
    for text in texts:
        keyword, _, value = text.partition("=")
        if not keyword.isidentifier():
            raise typer.BadParameter(f"{printable(text)!r} is not Keyword=value")
        keys[keyword] = value
    return keys


def _table(found: Sequence[Mapping[str, str]], level: Level, *, also: tuple[str, ...]) -> str:
    """Columns that hold anything, UIDs last."""
    from napari_fluoroinject.transfer import COLUMNS

    columns = dict.fromkeys((*(k for k in also if not k.endswith("UID")), *COLUMNS[level]))
    shown = [name for name in columns if any(one.get(name) for one in found)]
    rows = [shown, *([_cell(one.get(name, "")) for name in shown] for one in found)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(shown))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    count = f"{len(found)} {_NAMES[level][len(found) != 1]}"
    return "\n".join([*lines, "", count] if found else [count])


_NAMES: dict[Level, tuple[str, str]] = {
    "STUDY": ("study", "studies"),
    "SERIES": ("series", "series"),
    "IMAGE": ("object", "objects"),
}


def _cell(text: str) -> str:
    plain = printable(text)
    return plain if len(plain) <= _LONGEST_CELL else f"{plain[: _LONGEST_CELL - 3]}..."
