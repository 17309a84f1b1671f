"""`fluoroinject migration`: how far leads moved between two examinations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fluoroinject.cli.console import wrong_usage
from napari_fluoroinject.errors import AnalysisError

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.leads.migration import Depth, Examination, Migration

_First = Annotated[Path, typer.Argument(help="summary.json of the first examination.")]
_Second = Annotated[Path, typer.Argument(help="summary.json of the later one.")]
_Lateral = Annotated[
    Path | None,
    typer.Option(
        help="For AP: summary.json of a lateral view of either, to tell how far dorsal of the "
        "end plates the leads lie. Else what is usual is taken, and it is less certain."
    ),
]


_EXPECTED = (
    "expected the summary.json that `fluoroinject analyze` wrote of a loop with leads and marked "
    "end plates"
)


def migration(
    first: _First,
    second: _Second,
    *,
    lateral: _Lateral = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Compare the leads of two examinations: way along the spine in mm and levels.

    Both must have been analysed with end plates marked, from the same vertebra on, in the same
    view. Research software: no migration told is not a clearance.
    """
    from dataclasses import asdict

    from napari_fluoroinject.analysis.leads.migration import migration as compared

    with wrong_usage(AnalysisError):
        if first.resolve() == second.resolve():
            raise AnalysisError(
                f"{first} was given twice; expected the summaries of two examinations"
            )
        depth = _depth(lateral)
        pairs = zip(_examinations(first), _examinations(second), strict=False)
        moved = [compared(one, other, depth=depth) for one, other in pairs]
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in moved], indent=1))
        return
    for number, one in enumerate(moved, start=1):
        typer.echo(f"lead {number}: {_told(one)}")


def _told(moved: Migration) -> str:
    way = "towards the feet" if moved.mm >= 0 else "towards the head"
    reached = "half a level or more" if moved.half_a_level else "less than half a level"
    unsure = "" if moved.sure else ", but within twice the uncertainty of half a level"
    return (
        f"{abs(moved.mm):.1f} +- {moved.sigma_mm:.1f} mm {way} (1 sigma), "
        f"{abs(moved.levels):.2f} +- {moved.sigma_levels:.2f} levels: {reached}{unsure}"
    )


def _depth(lateral: Path | None) -> Depth | None:
    """As the first lead of a lateral view shows it: beside one another they lie equally deep."""
    from napari_fluoroinject.analysis.leads.migration import depth_seen

    return None if lateral is None else depth_seen(_examinations(lateral)[0])


def _examinations(path: Path) -> list[Examination]:
    """The leads of a summary, from left to right; the end plates and the scale are theirs all."""
    try:
        summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        source, plates, leads = summary["source"], summary["end_plates"], summary["leads"]
    except OSError as error:
        raise AnalysisError(f"{path}: {error.strerror}; {_EXPECTED}") from error
    except KeyError as error:
        raise AnalysisError(f"{path}: seen no {error.args[0]!r} in it; {_EXPECTED}") from error
    except (ValueError, RecursionError, TypeError) as error:
        raise AnalysisError(f"{path}: seen no JSON object; {_EXPECTED}") from error
    if not leads or plates is None or source["mm_per_px"] is None:
        missing = (
            ("no lead was found", not leads),
            ("no end plates were marked", plates is None),
            ("there are no millimetres", source["mm_per_px"] is None),
        )
        raise AnalysisError(f"{path}: {', '.join(what for what, lacks in missing if lacks)}")
    views = {one["view"] for one in summary["measured"] if one["id"] == "contact_positions"}
    view = next(iter(views), None)
    found = [_examination(lead, plates, source, view) for lead in leads]
    return sorted(found, key=lambda one: float(one.contacts_px[:, 1].mean()))


def _examination(
    lead: dict[str, Any], plates: dict[str, Any], source: dict[str, Any], view: str | None
) -> Examination:
    import numpy as np

    from napari_fluoroinject.analysis.leads.migration import Examination

    return Examination(
        contacts_px=np.array(lead["contacts_px"], np.float64),
        order=lead["order"],
        sigma_px=lead["sigma_px"],
        plates_px=np.array(plates["points_px"], np.float64),
        first_level=plates["first_level"],
        mm_per_px=source["mm_per_px"],
        mm_sigma=source["mm_per_px_relative_uncertainty"],
        view=view,
        tilt_deg=source["view"]["secondary_angle_deg"],
        centre_px=((source["rows"] - 1) / 2, (source["columns"] - 1) / 2),
    )
