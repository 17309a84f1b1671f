"""`fluoroinject phantom`: a synthetic loop with its truth."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import Annotated, Literal

import typer

from napari_fluoroinject.cli.console import wrong_usage
from napari_fluoroinject.errors import PhantomError

Kind = Literal[
    "xa", "rf", "enhanced_xa", "enhanced_xrf", "sc", "sc_bit", "sc_byte", "sc_word", "sc_color"
]
Packing = Literal["uncompressed", "jpeg_ls"]
"""As `dicom.cine_object` names them; spelled again, since help comes before heavy imports."""


def phantom(  # noqa: PLR0913 - one parameter per option of the command
    key: Annotated[str, typer.Argument(help="Scene, for example esi_il_lumbar.")],
    *,
    out: Annotated[
        Path, typer.Option(help="Folder for the loop, truth.json, truth.npz and annotation.json.")
    ],
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 0,
    twin: Annotated[
        str, typer.Option(help="What goes wrong in the scene; a wrong name lists those there are.")
    ] = "none",
    view: Annotated[
        str | None,
        typer.Option(help="View; without it the usual one. A wrong name lists those there are."),
    ] = None,
    dose: Annotated[float, typer.Option(help="Dose in nGy per frame.")] = 20.0,
    frames: Annotated[int, typer.Option(help="Number of frames.")] = 90,
    size: Annotated[int, typer.Option(help="Rows and columns.")] = 512,
    intensity: Annotated[
        Literal["linear", "log", "display"] | None,
        typer.Option(
            help="What stored values mean; without it linear, or display where the kind keeps "
            "8 bits."
        ),
    ] = None,
    kind: Annotated[Kind, typer.Option(help="SOP class.")] = "xa",
    packing: Annotated[Packing, typer.Option(help="How pixels are stored.")] = "uncompressed",
) -> None:
    """Write a synthetic cine loop as DICOM, with everything that is true of it beside it.

    `annotation.json` holds what a person who sees everything would mark: try it with
    `fluoroinject analyze LOOP --annotation annotation.json`.
    """
    from napari_fluoroinject.phantom import PhantomSettings
    from napari_fluoroinject.workflow import make_phantom_files

    with wrong_usage(PhantomError):
        settings = PhantomSettings(
            seed=seed,
            twin=twin,
            view=view,
            dose_ngy=dose,
            frames=frames,
            size=size,
            intensity=intensity or _usual_intensity(kind),
        )
        paths = make_phantom_files(key, settings, out=out, kind=kind, packing=packing)
    for path in paths:
        typer.echo(path)


def _usual_intensity(kind: Kind) -> Literal["linear", "display"]:
    """What an 8 bit capture can hold is a picture as displayed."""
    return "display" if kind in ("sc_byte", "sc_color") else "linear"
