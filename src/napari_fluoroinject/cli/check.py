"""`fluoroinject check`: DICOM results against the standard's tables and their sources."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fluoroinject.cli.console import printable, wrong_usage
from napari_fluoroinject.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.dicom.check.run import Checked

_MOST_OF_A_RULE = 5
"""Faults of one rule that are told of a file; the rest is counted (`--json` tells all)."""


def check(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", exists=True, help="DICOM files, or folders of them."),
    ],
    *,
    source: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            metavar="FILE_OR_FOLDER",
            help="The loop that they were made from; may be repeated. Else what lies beside them.",
        ),
    ] = None,
    codes: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="FILE",
            help="The site's codes with which they were written.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Check DICOM results: attributes, references to frames, pixels, masks, codes, identity.

    Status 0: no fault; 1: faults, or a file that cannot be read. No fault is no certificate of
    conformance: what is checked stands in the tables of this program.
    """
    from napari_fluoroinject.exchange import check_results

    with wrong_usage(SettingsError):
        checked = check_results(paths, source or (), codes=codes)
    typer.echo(json.dumps(document(checked), indent=1) if as_json else _page(checked))
    if not checked or any(one.faults for one in checked):
        raise typer.Exit(1)


def document(checked: Sequence[Checked]) -> dict[str, Any]:
    """Everything that was found, as plain values."""
    return {
        "files": [
            {
                "file": str(one.path),
                "class": one.title,
                "faults": [asdict(fault) for fault in one.faults],
                "notes": list(one.notes),
            }
            for one in checked
        ],
        "faults": sum(len(one.faults) for one in checked),
    }


def _page(checked: Sequence[Checked]) -> str:
    if not checked:
        return "no DICOM object found; expected files, or folders that hold some"
    lines = [line for one in checked for line in _lines(one)]
    faults = sum(len(one.faults) for one in checked)
    wrong = sum(bool(one.faults) for one in checked)
    lines.append(f"{len(checked)} files checked, {wrong} with faults, {faults} faults")
    return "\n".join(map(printable, lines))


def _lines(one: Checked) -> list[str]:
    """One line for the file and one for each of its faults."""
    said = f"{len(one.faults)} faults" if one.faults else "no fault"
    told: dict[str, int] = {}
    lines = [f"{one.path}: {one.title}: {said}"]
    for fault in one.faults:
        told[fault.rule] = told.get(fault.rule, 0) + 1
        if told[fault.rule] <= _MOST_OF_A_RULE:
            lines.append(f"  {fault}")
    lines += [
        f"  and {count - _MOST_OF_A_RULE} more by {rule}"
        for rule, count in told.items()
        if count > _MOST_OF_A_RULE
    ]
    return lines + [f"  note: {note}" for note in one.notes]
