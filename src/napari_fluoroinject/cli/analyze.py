"""`fluoroinject analyze`: loops in, results out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_fluoroinject.cli.console import (
    ConfigOption,
    check_folder,
    check_regular,
    finish,
    printable,
    progress,
    settings_from,
    wrong_usage,
)
from napari_fluoroinject.cli.frames import MaskFramesOption, parse_frames
from napari_fluoroinject.errors import (
    AnnotationError,
    ProcedureError,
    SettingsError,
    StorageError,
)
from napari_fluoroinject.model.annotation import (
    MaskWish,
)
from napari_fluoroinject.model.geometry import (
    Side,  # noqa: TC001 - typer reads annotations when it runs
)
from napari_fluoroinject.model.written import needle_of, point_of
from napari_fluoroinject.settings import (
    Decoder,
    Device,
    ReportClass,
    SegProfile,
    Settings,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_fluoroinject.dicom.outputs import Extra
    from napari_fluoroinject.model.annotation import NeedleTrajectory
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.results import LoopResult
    from napari_fluoroinject.workflow import Outcome


_MOST_FAILED = 20
"""Failures that the list of all sources names; the rest is counted."""
_Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE",
        help="Files, folders, endpoints (pacs://..., dicomweb+https://..., names of the settings "
        "file); an endpoint may be followed by ?StudyInstanceUID=...",
    ),
]
_Out = Annotated[Path, typer.Option(help="Folder for the results, one folder per loop.")]
_ProcedureOption = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="See `procedures`; without it: generic, no rules."),
]
_NeedleOption = Annotated[
    str | None,
    typer.Option(
        metavar="R,C,R,C[,FRAME]",
        help="Hub, then tip, (row, column) in pixels: replaces detection. As they stand in "
        "FRAME, counted from 0; without it in frame 0, the first. One loop only.",
    ),
]
_TargetOption = Annotated[
    str | None,
    typer.Option(
        metavar="R,C",
        help="Target, (row, column) in pixels, as it stands before the contrast. One loop only.",
    ),
]
_MaskOption = Annotated[
    MaskWish | None,
    typer.Option(help="Mask frames: found in the picture (auto), or those of the header."),
]
_AnnotationOption = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        callback=check_regular,
        help="What a person marked, as JSON: needle (hub_px, tip_px, frame), target_px, marks, "
        "gauge, level, side, mask, mask_frames, sign_off and more; or a report.dcm of the same "
        "loop, which holds what was marked for it. An option goes before what stands there.",
    ),
]
_DecoderOption = Annotated[
    Decoder | None,
    typer.Option(
        help="What decodes compressed frames; auto: the processor, and on a CUDA device "
        "nvImageCodec where it is installed."
    ),
]
_ProfileOption = Annotated[
    SegProfile | None,
    typer.Option(help="Segmentation without invented geometry, or with nominal geometry."),
]
_ReportOption = Annotated[
    ReportClass | None,
    typer.Option(help="SOP class of the measurement report; archives know the first longest."),
]
_AlsoOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME|all",
        help="Write this too; may be repeated: segmentation_fractional, segmentation_labelmap, "
        "parametric_maps, key_objects, document (PDF).",
    ),
]
_CodesOption = Annotated[
    Path | None,
    typer.Option(
        exists=True, dir_okay=False, help="The site's codes, as `codes --mapping-template` makes."
    ),
]


def parse_also(names: Iterable[str]) -> frozenset[Extra]:
    """Read which objects are written beside the usual ones; wrong usage where there is no such."""
    from napari_fluoroinject.dicom.outputs import EXTRAS

    asked = set(names)
    unknown = sorted(asked - {*EXTRAS, "all"})
    if unknown:
        raise typer.BadParameter(
            f"--also {unknown[0]!r}: no such object; expected all, or one of {', '.join(EXTRAS)}"
        )
    return frozenset(name for name in EXTRAS if "all" in asked or name in asked)


def parse_point(text: str | None) -> Point | None:
    """Read `R,C`, row and column; wrong usage where it is none."""
    if text is None:
        return None
    with wrong_usage(AnnotationError):
        return point_of(text)


def parse_needle(text: str | None) -> NeedleTrajectory | None:
    """Read `R,C,R,C` or `R,C,R,C,FRAME`, hub, then tip; wrong usage where it is none."""
    if text is None:
        return None
    with wrong_usage(AnnotationError):
        return needle_of(text)


def analyze(  # noqa: PLR0913 - one parameter per option of the command
    sources: _Sources,
    *,
    out: _Out,
    procedure: _ProcedureOption = None,
    level: Annotated[str | None, typer.Option(help="Level, for example L4 or L4-L5.")] = None,
    side: Annotated[Side | None, typer.Option(help="Side.")] = None,
    needle: _NeedleOption = None,
    target: _TargetOption = None,
    gauge: Annotated[int | None, typer.Option(help="Needle gauge, for example 22.")] = None,
    mask: _MaskOption = None,
    mask_frames: MaskFramesOption = None,
    annotation: _AnnotationOption = None,
    on: Annotated[Device | None, typer.Option(help="Where the array work runs.")] = None,
    decoder: _DecoderOption = None,
    seg_profile: _ProfileOption = None,
    report_class: _ReportOption = None,
    also: _AlsoOption = None,
    codes: _CodesOption = None,
    config: ConfigOption = None,
) -> None:
    """Measure needle and contrast spread in cine loops; write pictures, numbers and DICOM."""
    given_needle, target_px = parse_needle(needle), parse_point(target)
    from napari_fluoroinject.workflow import AnalysisRequest, analyze_sources

    check_folder(out)
    settings = settings_from(config)
    _check_doses(settings)
    site = AnalysisRequest.by(settings, procedure)
    request = replace(
        site,
        level=level,
        side=side,
        needle=given_needle,
        target_px=target_px,
        gauge=gauge,
        mask=mask,
        mask_frames=parse_frames(mask_frames),
        annotation_file=annotation,
        on=on or site.on,
        decoder=decoder or site.decoder,
        seg_profile=seg_profile or site.seg_profile,
        report_class=report_class or site.report_class,
        also=parse_also(also or settings.defaults.also.split()),
        codes_file=codes or site.codes_file,
    )
    with (
        wrong_usage(ProcedureError, AnnotationError, SettingsError, StorageError),
        progress() as tell,
    ):
        outcome = analyze_sources(sources, request, out=out, settings=settings, progress=tell)
    _tell(outcome, site=settings.site_procedures)
    if not outcome.results and not outcome.failures:
        finish([(", ".join(sources), "no cine loop found; expected DICOM files of a cine loop")])
    finish(outcome.failures)


def _check_doses(settings: Settings) -> None:
    """The site's own 75th percentiles of a procedure that there is not are wrong usage."""
    from napari_fluoroinject.procedures import all_keys

    with wrong_usage(ProcedureError):
        known = all_keys(site=settings.site_procedures)
    unknown = sorted(set(settings.dose) - set(known))
    if unknown:
        raise typer.BadParameter(
            printable(f"{settings.path}: dose.{unknown[0]}: no procedure has this key")
        )


def _tell(outcome: Outcome, *, site: Path | None) -> None:
    """Print every loop's summary, and after several what led to what."""
    from napari_fluoroinject.cli.readable import statement
    from napari_fluoroinject.procedures import get

    for result in outcome.results:
        title = get(result.summary["procedure"], site=site).name
        typer.echo(statement(result.summary, title=title, source=_source(result)))
        typer.echo(f"\n  Results: {printable(str(result.folder))}{_replaced(result)}\n")
    if outcome.results and len(outcome.results) + len(outcome.failures) > 1:
        typer.echo(_index(outcome))


def _source(result: LoopResult) -> str:
    if result.endpoint is not None:
        return printable(f"{result.endpoint}, {result.summary['source']['sop_instance_uid']}")
    first, *others = result.sources
    return printable(f"{first} and {len(others)} more files" if others else str(first))


def _replaced(result: LoopResult) -> str:
    """That results of another procedure stood there: they are gone."""
    if result.replaced in (None, result.summary["procedure"]):
        return ""
    return f"\n  These replaced earlier results, of procedure {printable(str(result.replaced))}."


def _index(outcome: Outcome) -> str:
    """Which file led to what, one after the other: results are named by UID alone."""
    from napari_fluoroinject.cli.readable import vascular_unassessed

    lines = []
    for result in outcome.results:
        raised = ", ".join(one["id"].replace("_", " ") for one in result.summary["warnings"])
        unassessed = vascular_unassessed(result.summary)
        lines += [
            f"  {_source(result)}",
            f"    warnings: {raised or 'none raised (not a clearance)'}",
            *([f"    vascular uptake: {unassessed}"] if unassessed else []),
            f"    results:  {printable(str(result.folder))}",
        ]
    for name, _ in outcome.failures[:_MOST_FAILED]:
        lines += [f"  {printable(name)}", "    failed"]
    more = len(outcome.failures) - _MOST_FAILED
    lines += [f"  {more} more failed"] if more > 0 else []
    return "\n".join(["All sources", *lines])
