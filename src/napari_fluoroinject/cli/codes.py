"""`fluoroinject codes`: the private codes, for a site to put its licensed ones beside."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import Annotated

import typer

from napari_fluoroinject.cli.console import printable, wrong_usage
from napari_fluoroinject.errors import SettingsError, StorageError


def codes(
    *,
    mapping_template: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a TOML file with all of them, to fill in."),
    ] = None,
    check: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Check a file that was filled in.")
    ] = None,
) -> None:
    """Write or check the mapping from private codes to a site's SNOMED CT and LOINC codes.

    Results name by a private code what no standard code was found for. A site with a licence
    fills in its own.
    """
    from napari_fluoroinject.exchange import check_codes, write_mapping_template

    if (mapping_template is None) == (check is None):
        raise typer.BadParameter("expected one of --mapping-template FILE and --check FILE")
    if mapping_template is not None:
        with wrong_usage(StorageError):
            count = write_mapping_template(mapping_template)
        typer.echo(printable(f"{mapping_template}: {count} concepts to fill in"))
    if check is not None:
        with wrong_usage(SettingsError):
            filled, count = check_codes(check)
        typer.echo(printable(f"{check}: valid; {filled} of {count} concepts have a site's code"))
