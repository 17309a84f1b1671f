"""Options that `live` and `recordings` share: the order of a run, and what a person adds to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from napari_fluoroinject.cli.console import printable, wrong_usage
from napari_fluoroinject.errors import EndpointError, SettingsError, UncalibratedError
from napari_fluoroinject.model.geometry import Side

if TYPE_CHECKING:
    from napari_fluoroinject.live.desk import Papers
    from napari_fluoroinject.live.ordering import OrderQuery
    from napari_fluoroinject.model.recorded import FeedGeometry, KnownLength
    from napari_fluoroinject.settings import Settings

WorklistOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|URL",
        help="Worklist that knows patient and order (else live.worklist, service.worklist).",
    ),
]
AccessionOption = Annotated[
    str | None, typer.Option(help="Accession number of the order on the worklist.")
]
StudyOption = Annotated[
    str | None, typer.Option("--study", metavar="UID", help="Its Study Instance UID.")
]
StepOption = Annotated[
    str | None, typer.Option(metavar="ID", help="Its scheduled step, where it has several.")
]
ResearchOption = Annotated[
    bool,
    typer.Option(
        "--research", help="Write runs without an order, under a patient that is visibly nobody."
    ),
]
SideOption = Annotated[Side | None, typer.Option(help="Side, for the runs that are written.")]
HandOption = Annotated[
    str | None,
    typer.Option(
        metavar="ENDPOINT|SPOOL",
        help="Finished runs go there, as if they had been pushed (else live.hand_to).",
    ),
]
AnglesOption = Annotated[
    str | None,
    typer.Option(metavar="PRIMARY,SECONDARY", help="Positioner angles in degrees, where known."),
]
LengthOption = Annotated[
    str | None,
    typer.Option(metavar="MM,PX", help="Something known, so many mm, is so many pixels long."),
]
GaugeOption = Annotated[
    str | None,
    typer.Option(metavar="G,PX", help="The needle's gauge, and how many pixels wide it is."),
]
TextOption = Annotated[
    bool, typer.Option("--no-text", help="Somebody looked: no text is burned into the picture.")
]
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was said on the command line about the papers of a run."""

    worklist: str | None = None
    accession: str | None = None
    study: str | None = None
    step: str | None = None
    research: bool = False
    angles: str | None = None
    known_length: str | None = None
    gauge: str | None = None
    no_text: bool = False
    side: Side | None = None


def query_of(wanted: Wanted, settings: Settings) -> OrderQuery | None:
    """Which worklist item is meant; None where none is. Contradictions are wrong usage."""
    from napari_fluoroinject.live.ordering import OrderQuery

    named = wanted.accession or wanted.study
    if wanted.research and (named or wanted.worklist):
        raise typer.BadParameter("--research and an order; expected one of the two")
    if not named:
        if wanted.worklist or wanted.step:
            raise typer.BadParameter("a worklist without --accession or --study; expected one")
        return None
    worklist = wanted.worklist or settings.live.worklist or settings.service.worklist
    if worklist is None:
        raise typer.BadParameter(
            "an order, and no worklist to look it up; expected --worklist, or live.worklist in "
            "the settings"
        )
    check_peer(worklist, settings)
    return OrderQuery(
        worklist=worklist,
        accession=wanted.accession or "",
        study_instance_uid=wanted.study or "",
        step=wanted.step or "",
    )


def check_peer(address: str | None, settings: Settings) -> None:
    """A name that is no endpoint is wrong usage, before a run waits for it; nobody is called."""
    from napari_fluoroinject.live.handing import check_destination

    if address is not None:
        with wrong_usage(EndpointError, SettingsError):
            check_destination(address, settings)


def papers_of(wanted: Wanted, settings: Settings) -> Papers:
    """What a run is written with, its order not yet asked for; wrong usage where it cannot be."""
    from napari_fluoroinject.live.desk import Papers
    from napari_fluoroinject.live.filing import Filing

    with wrong_usage(UncalibratedError):
        return Papers(
            research=wanted.research,
            geometry=_geometry(wanted, settings),
            known=_known(wanted),
            filing=Filing(side=wanted.side, burned_in=not wanted.no_text),
        )


def _geometry(wanted: Wanted, settings: Settings) -> FeedGeometry | None:
    from napari_fluoroinject.model.recorded import FeedGeometry

    angles = _numbers(wanted.angles, "--angles", "PRIMARY,SECONDARY")
    known = settings.live.geometry
    if known is None:
        if angles is not None:
            raise typer.BadParameter(
                "--angles without [live.geometry] in the settings: an X-ray object needs both"
            )
        return None
    return FeedGeometry(
        source_detector_mm=known.source_detector_mm,
        source_patient_mm=known.source_patient_mm,
        detector_mm_per_px=known.detector_mm_per_px,
        radiation=known.radiation,
        primary_angle_deg=None if angles is None else angles[0],
        secondary_angle_deg=None if angles is None else angles[1],
    )


def _known(wanted: Wanted) -> KnownLength | None:
    from napari_fluoroinject.model.drawing import NEEDLE_DIAMETER_MM
    from napari_fluoroinject.model.recorded import KnownLength

    length = _numbers(wanted.known_length, "--known-length", "MM,PX")
    gauge = _numbers(wanted.gauge, "--gauge", "G,PX")
    if length is not None and gauge is not None:
        raise typer.BadParameter("--known-length and --gauge; expected one of the two")
    if length is not None:
        return KnownLength(mm_per_px=_ratio(length[0], length[1]), told="known object")
    if gauge is None:
        return None
    mm = NEEDLE_DIAMETER_MM.get(int(gauge[0])) if gauge[0].is_integer() else None
    if mm is None:
        known = ", ".join(map(str, NEEDLE_DIAMETER_MM))
        raise typer.BadParameter(f"--gauge: seen {gauge[0]:g}; expected one of {known}")
    return KnownLength(mm_per_px=_ratio(mm, gauge[1]), told=f"needle of {gauge[0]:g} gauge")


def _ratio(mm: float, px: float) -> float:
    if not px > 0:
        raise typer.BadParameter(f"seen a length of {px:g} pixels; expected one above 0")
    return mm / px


def _numbers(text: str | None, option: str, form: str) -> tuple[float, float] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(map(_NUMBER.fullmatch, parts)):
        raise typer.BadParameter(f"{option}: seen {printable(text)!r}; expected {form}")
    return float(parts[0]), float(parts[1])
