"""`fluoroinject subtract`: loops in, subtracted loops out."""

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
from napari_fluoroinject.cli.frames import MaskFramesOption, parse_frames
from napari_fluoroinject.errors import AnnotationError, PresentationError, StorageError
from napari_fluoroinject.model.annotation import MaskSource
from napari_fluoroinject.settings import (  # noqa: TC001 - typer reads these, too
    Decoder,
    Device,
)

if TYPE_CHECKING:
    from napari_fluoroinject.results import SubtractionResult


_Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE", help="Files, folders, or names of folders from the settings file."
    ),
]
_Out = Annotated[Path, typer.Option(help="Folder for the results, one folder per loop.")]
_MaskOption = Annotated[
    MaskSource | None,
    typer.Option(
        help="Masks: those that the header defines, or frames found before contrast. "
        "Without it: found; with --as-stored: header."
    ),
]
_AsStoredOption = Annotated[
    bool,
    typer.Option(
        "--as-stored",
        help="Correct no motion: frames stay where they stand, masks move by the header's "
        "shifts alone.",
    ),
]
_PresentationOption = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="A presentation state (GSPS or XA/XRF) of the loop: its masks, frame ranges and "
        "shifts are used, and no motion is corrected.",
    ),
]


def subtract(  # noqa: PLR0913 - one parameter per option of the command
    sources: _Sources,
    *,
    out: _Out,
    mask: _MaskOption = None,
    mask_frames: MaskFramesOption = None,
    as_stored: _AsStoredOption = False,
    presentation: _PresentationOption = None,
    on: Annotated[Device | None, typer.Option(help="Where the array work runs.")] = None,
    decoder: Annotated[Decoder | None, typer.Option(help="As for `analyze`.")] = None,
    config: ConfigOption = None,
) -> None:
    """Subtract the mask from cine loops: frames before contrast, or what the header defines.

    Frames are moved onto their mask unless asked otherwise. Nothing is measured or judged.
    """
    from napari_fluoroinject.subtraction import SubtractionRequest, subtract_sources

    check_folder(out)
    settings = settings_from(config)
    request = SubtractionRequest(
        mask=mask,
        mask_frames=parse_frames(mask_frames) or (),
        as_stored=as_stored,
        presentation=presentation,
        on=on or settings.defaults.on,
        decoder=decoder or settings.defaults.decoder,
    )
    with wrong_usage(StorageError, PresentationError, AnnotationError), progress() as tell:
        outcome = subtract_sources(
            [settings.resolve(source) for source in sources], request, out=out, progress=tell
        )
    for result in outcome.results:
        typer.echo(_told(result))
    if not outcome.results and not outcome.failures:
        finish([(", ".join(sources), "no cine loop found; expected DICOM files of a cine loop")])
    finish(outcome.failures)


def _told(result: SubtractionResult) -> str:
    first, *others = result.sources
    more = f" and {len(others)} more files" if others else ""
    files = (result.file, result.masks, result.picture)
    lines = [f"{first}{more}: subtracted {result.told}"]
    lines += [f"  {file}" for file in files if file is not None]
    return "\n".join(map(printable, lines))
