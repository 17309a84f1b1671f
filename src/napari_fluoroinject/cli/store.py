"""`fluoroinject store`: objects sent to an archive."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import Annotated

import typer

from napari_fluoroinject.cli.console import (
    ConfigOption,
    finish,
    printable,
    progress,
    settings_from,
    wrong_usage,
)
from napari_fluoroinject.cli.find import (
    Endpoint,  # noqa: TC001 - as above
)
from napari_fluoroinject.errors import SettingsError


def store(
    endpoint: Endpoint,
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="DICOM files, or folders of them.")
    ],
    *,
    config: ConfigOption = None,
) -> None:
    """Send DICOM files to an archive; one that is refused is named, and the rest is sent.

    Files go as they are; only where a PACS does not take their transfer syntax they are
    decompressed on the way.
    """
    from napari_fluoroinject.transfer import store_objects

    with wrong_usage(SettingsError), progress() as tell:
        done = store_objects(endpoint, paths, settings=settings_from(config), progress=tell)
    for receipt in done.receipts:
        warned = f", with warning 0x{receipt.status:04X}" if receipt.status else ""
        typer.echo(printable(f"{receipt.sop_instance_uid} kept by {receipt.destination}{warned}"))
    total = len(done.receipts) + len(done.failures)
    typer.echo(f"{len(done.receipts)} of {total} objects kept")
    if done.skipped:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(done.skipped.items()))
        typer.echo(f"left out, no DICOM: {kinds}", err=True)
    if not total:
        finish([(", ".join(map(str, paths)), "no DICOM file found; expected one or more")])
    finish(done.failures)
