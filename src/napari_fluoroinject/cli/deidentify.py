"""`fluoroinject deidentify`: DICOM objects in, objects without identity out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from napari_fluoroinject.errors import IdentityMismatchError, StorageError

if TYPE_CHECKING:
    from napari_fluoroinject.dicom.deidentify.export import Exported

_LONGEST_ID = 64
"""Characters of Patient ID (LO, PS3.5 table 6.2-1)."""


_Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE", help="Files, folders, or names of folders from the settings file."
    ),
]
_Out = Annotated[Path, typer.Option(help="Folder for the new objects, named by new UIDs.")]
_KeepOption = Annotated[
    bool, typer.Option("--keep-dates", help="Keep dates and times; else they are removed.")
]
_ShiftOption = Annotated[
    int | None, typer.Option(metavar="DAYS", help="Move every date by so many days.")
]
_PatientOption = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="ID of the one patient; else derived for each."),
]
_MapOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Secret from which new UIDs and IDs are derived; made where there is none. "
        "Without it, a later run gives the same object another UID.",
    ),
]
_BurnedInOption = Annotated[
    bool,
    typer.Option("--allow-burned-in", help="Write pictures that may show text, too."),
]


def deidentify(  # noqa: PLR0913 - one parameter per option of the command
    sources: _Sources,
    *,
    out: _Out,
    keep_dates: _KeepOption = False,
    shift_dates: _ShiftOption = None,
    patient_id: _PatientOption = None,
    uid_map: _MapOption = None,
    allow_burned_in: _BurnedInOption = False,
    config: ConfigOption = None,
) -> None:
    """Remove identity from DICOM objects for research (PS3.15 Annex E, Basic Profile).

    Loops and results, given together or with one UID map, still refer to one another. Pixels are
    copied as they are: text burned into a picture is not found or removed, only warned about, and
    status 1 says so unless it was allowed.
    """
    from napari_fluoroinject.exchange import Deidentification, deidentify_sources

    check_folder(out)
    _check_out(out, uid_map)
    _check(keep_dates=keep_dates, shift_dates=shift_dates, patient_id=patient_id)
    settings = settings_from(config)
    request = Deidentification(
        keep_dates=keep_dates,
        shift_days=shift_dates,
        patient_id=patient_id,
        uid_map=uid_map,
        allow_burned_in=allow_burned_in,
    )
    with wrong_usage(StorageError, IdentityMismatchError), progress() as tell:
        exported = deidentify_sources(
            [settings.resolve(source) for source in sources], request, out=out, progress=tell
        )
    _tell(exported, out)
    for name, reason in exported.doubts if allow_burned_in else ():
        typer.echo(f"warning: {printable(f'{name}: {reason}')}", err=True)
    doubts = () if allow_burned_in else exported.doubts
    finish([*exported.failures, *((name, _written_but(reason)) for name, reason in doubts)])


def _check_out(out: Path, uid_map: Path | None) -> None:
    if uid_map is None and next(out.glob("*.dcm"), None) is not None:
        raise typer.BadParameter(
            f"{out} holds objects of an earlier export; without its --uid-map the same patient "
            "would get another ID beside them; expected an empty folder, or that --uid-map"
        )


def _check(*, keep_dates: bool, shift_dates: int | None, patient_id: str | None) -> None:
    if keep_dates and shift_dates is not None:
        raise typer.BadParameter("--keep-dates and --shift-dates exclude each other")
    if shift_dates == 0:
        raise typer.BadParameter("--shift-dates 0 moves nothing; expected days, or --keep-dates")
    if patient_id is not None and not (
        0 < len(patient_id.strip()) <= _LONGEST_ID
        and patient_id.isascii()
        and patient_id.isprintable()
        and "\\" not in patient_id
    ):
        raise typer.BadParameter(
            f"--patient-id: expected 1 to {_LONGEST_ID} ASCII characters without a backslash"
        )


def _tell(exported: Exported, out: Path) -> None:
    typer.echo(printable(f"{len(exported.written)} objects de-identified into {out}"))
    for what, count in sorted(exported.skipped.items()):
        typer.echo(f"  {count} files left out: {printable(what)}")


def _written_but(reason: str) -> str:
    return f"written, but its picture may identify the patient: {reason}"
