"""`fluoroinject read`: what a DICOM object of results says, as values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import Annotated, Any

import typer

from napari_fluoroinject.cli.console import printable, wrong_usage
from napari_fluoroinject.errors import SettingsError


def read(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A DICOM file.")],
    *,
    codes: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The site's codes with which it was written."),
    ] = None,
    loop: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help="File or folder of the loop that it is about."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Tell what a result says, ours or another's.

    Measurement reports, segmentations, presentation states (with --loop), procedure logs and
    radiation dose reports are read.

    Points are (row, column) from 0, frames count from 0; what is not told is unknown.
    """
    from napari_fluoroinject.exchange import read_result

    with wrong_usage(SettingsError):
        found = read_result(path, codes=codes, loop=loop)
    told = asdict(found) | {"values": dict(found.values)}
    if as_json:
        typer.echo(json.dumps(told, indent=1, allow_nan=False))
        return
    typer.echo(printable(f"{path}: {found.kind}"))
    for line in _lines(found.values, depth=1):
        typer.echo(printable(line))


def _lines(values: Mapping[str, Any], *, depth: int) -> Iterator[str]:
    """Keys and values, one a line; what is below something stands further to the right."""
    indent = "  " * depth
    for key, value in values.items():
        name = key.replace("_", " ")
        if isinstance(value, Mapping):
            yield f"{indent}{name}:"
            yield from _lines(value, depth=depth + 1)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            yield f"{indent}{name}: {len(value)}"
            for one in value:
                yield f"{indent}  - {_row(one)}"
        else:
            yield f"{indent}{name}: {_word(value)}"


def _row(entry: Mapping[str, Any]) -> str:
    """One entry of a list; what is not known is left out of it."""
    known = {key: value for key, value in entry.items() if value not in (None, [])}
    return "; ".join(f"{key.replace('_', ' ')} {_word(value)}" for key, value in known.items())


def _word(value: Any) -> str:
    if value is None or value == []:
        return "unknown"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(_word(one) for one in value)
    return str(value)
