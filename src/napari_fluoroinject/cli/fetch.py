"""`fluoroinject fetch`: objects of an archive into a folder."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import Annotated

import typer

from napari_fluoroinject.cli.console import (
    ConfigOption,
    check_folder,
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


def fetch(
    endpoint: Endpoint,
    uids: Annotated[
        list[str] | None,
        typer.Argument(metavar="UID...", help="Of studies, series or objects."),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(help="Folder for the files, <SOPInstanceUID>.dcm.")],
    config: ConfigOption = None,
) -> None:
    """Bring studies, series or objects into a folder; what is there already is kept.

    A PACS is asked by C-GET; where it takes none, by C-MOVE, for which it must know our AE title,
    address and port ([listen] in the settings file). `retrieve` of an endpoint there decides it.
    """
    from napari_fluoroinject.transfer import fetch_objects

    check_folder(out)
    asked = [uid for one in uids or () for uid in one.split("\\")]
    if not asked and "?" not in endpoint:
        raise typer.BadParameter("expected the UID of a study, series or object")
    with wrong_usage(SettingsError), progress() as tell:
        done = fetch_objects(
            endpoint, asked, out=out, settings=settings_from(config), progress=tell
        )
    typer.echo(printable(f"{len(done.files)} objects in {out}"))
    finish(done.failures)
