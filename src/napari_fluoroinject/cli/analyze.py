"""`fluoroinject analyze`: loops in, results out."""

from __future__ import annotations

from math import isfinite
from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import TYPE_CHECKING, Annotated

import typer

from napari_fluoroinject.cli.console import finish, progress, settings_from, wrong_usage
from napari_fluoroinject.errors import AnnotationError, ProcedureError
from napari_fluoroinject.model.annotation import NeedleTrajectory
from napari_fluoroinject.model.geometry import (
    Side,  # noqa: TC001 - typer reads annotations when it runs
)
from napari_fluoroinject.settings import (
    Device,  # noqa: TC001 - typer reads annotations when it runs
    SegProfile,  # noqa: TC001 - likewise
)

if TYPE_CHECKING:
    from napari_fluoroinject.model.geometry import Point


def parse_point(text: str | None) -> Point | None:
    """Read `R,C`, row and column; wrong usage where it is none."""
    if text is None:
        return None
    row, column = _numbers(text, 2, "R,C")
    return row, column


def parse_needle(text: str | None) -> NeedleTrajectory | None:
    """Read `R,C,R,C`, hub, then tip; wrong usage where it is none."""
    if text is None:
        return None
    hub_row, hub_column, tip_row, tip_column = _numbers(text, 4, "R,C,R,C (hub, then tip)")
    return NeedleTrajectory(hub_px=(hub_row, hub_column), tip_px=(tip_row, tip_column))


def _numbers(text: str, count: int, form: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != count or not all(isfinite(value) for value in values):
        raise typer.BadParameter(
            f"{text!r} is not {form}: expected {count} numbers with commas between"
        )
    return values


def analyze(  # noqa: PLR0913 - one parameter per option of the command
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...", help="Files, folders, or names from the configuration."
        ),
    ],
    *,
    out: Annotated[Path, typer.Option(help="Folder for the results, one folder per loop.")],
    procedure: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="See `procedures`; without it: generic, no rules."),
    ] = None,
    level: Annotated[str | None, typer.Option(help="Level, for example L4-L5.")] = None,
    side: Annotated[Side | None, typer.Option(help="Side.")] = None,
    needle: Annotated[
        str | None,
        typer.Option(metavar="R,C,R,C", help="Hub, then tip, in pixels: replaces detection."),
    ] = None,
    target: Annotated[str | None, typer.Option(metavar="R,C", help="Target, in pixels.")] = None,
    gauge: Annotated[int | None, typer.Option(min=10, max=30, help="Needle gauge.")] = None,
    annotation: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="What a person marked, as JSON."),
    ] = None,
    on: Annotated[Device | None, typer.Option(help="Where the array work runs.")] = None,
    seg_profile: Annotated[
        SegProfile | None,
        typer.Option(help="Segmentation without invented geometry, or with nominal geometry."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings file (else FLUOROINJECT_CONFIG, or this folder).")
    ] = None,
) -> None:
    """Measure needle and contrast spread in cine loops; write pictures, numbers and DICOM."""
    given_needle, target_px = parse_needle(needle), parse_point(target)
    from napari_fluoroinject.cli.readable import statement
    from napari_fluoroinject.procedures import get
    from napari_fluoroinject.workflow import AnalysisRequest, analyze_sources

    settings = settings_from(config)
    request = AnalysisRequest(
        procedure=procedure or settings.defaults.procedure,
        level=level,
        side=side,
        needle=given_needle,
        target_px=target_px,
        gauge=gauge,
        annotation_file=annotation,
        on=on or settings.defaults.on,
        seg_profile=seg_profile or settings.defaults.seg_profile,
    )
    with wrong_usage(ProcedureError, AnnotationError), progress() as tell:
        outcome = analyze_sources(
            [settings.resolve(source) for source in sources], request, out=out, progress=tell
        )
    for result in outcome.results:
        typer.echo(statement(result.summary, title=get(result.summary["procedure"]).name))
        typer.echo(f"\n  Results: {result.folder}\n")
    if not outcome.results and not outcome.failures:
        finish([(", ".join(sources), "no cine loop found; expected DICOM files of a cine loop")])
    finish(outcome.failures)
