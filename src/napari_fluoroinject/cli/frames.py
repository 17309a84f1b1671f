"""Frames as they are written on the command line: `0-7` or `0,2,5-8`, counted from 0."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_fluoroinject.cli.console import wrong_usage
from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.written import frames_of

MaskFramesOption = Annotated[
    str | None,
    typer.Option(
        metavar="FIRST-LAST[,...]",
        help="Mask frames themselves, for example 0-7 or 0,2,5-8, counted from 0 as for --needle, "
        "in place of --mask. One loop only.",
    ),
]


def parse_frames(text: str | None) -> tuple[int, ...] | None:
    """Read frames, rising; None = nothing was written. Wrong usage where they are none."""
    if text is None:
        return None
    with wrong_usage(AnnotationError):
        return frames_of(text)
