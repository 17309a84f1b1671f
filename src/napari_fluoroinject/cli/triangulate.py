"""`fluoroinject triangulate`: two loops and their marks in, points in space out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fluoroinject.cli.console import check_each_regular, finite, printable, wrong_usage
from napari_fluoroinject.cli.readable import line, section
from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.pose import ZeroSide

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.two_views.shaft import Way
    from napari_fluoroinject.analysis.two_views.together import SeenTwice
    from napari_fluoroinject.analysis.two_views.triangulate import Triangulated

_Loop = Annotated[str, typer.Argument(help="A file, or a folder that holds one loop.")]
_MARK_PX = 1.0
"""As marks are taken elsewhere (analysis.measures.seen), which loads too much for `--help`."""
_FARTHEST_MM, _MOST_PX = 500.0, 1000.0
"""Larger errors leave nothing known: farther than a detector, or than most of a picture."""
_CAUTION = (
    "Research software, never tried on patients. Bounds hold 95 % of the cases if the errors you "
    "stated are the true ones and nothing moved; pictures are taken to stand head up, as seen "
    "from the detector, with the central ray in their middle. A small gap of the rays proves "
    "nothing."
)


_Annotations = Annotated[
    list[Path],
    typer.Option(
        exists=True,
        dir_okay=False,
        callback=check_each_regular,
        help="Marks of the first loop; given again: of the second. Needle, target, "
        "planned_trajectory; five or more other points refine the poses.",
    ),
]
_AngleSigma = Annotated[
    float,
    typer.Option(
        min=0, max=90, callback=finite, help="Error of the C-arm's angles, degrees (1 sigma)."
    ),
]
_IsocentreSigma = Annotated[
    float,
    typer.Option(
        min=0,
        max=_FARTHEST_MM,
        callback=finite,
        help="Error of the isocentre's place, mm per axis (1 sigma).",
    ),
]
_RollSigma = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=90,
        callback=finite,
        help="Error of the picture's turn, degrees; else as the angles'.",
    ),
]
_MarkSigma = Annotated[
    float,
    typer.Option(
        min=0.01,
        max=_MOST_PX,
        callback=finite,
        help="Error of a mark, pixels per axis (1 sigma).",
    ),
]
_Zero = Annotated[
    ZeroSide,
    typer.Option(
        help="Side of the patient on which the detector stands at angle 0. The standard says "
        "ventral; devices that were not told that the patient lies prone count from dorsal."
    ),
]


def triangulate(  # noqa: PLR0913 - one parameter per option of the command
    first: _Loop,
    second: _Loop,
    *,
    annotation: _Annotations,
    angle_sigma: _AngleSigma,
    isocentre_sigma: _IsocentreSigma,
    roll_sigma: _RollSigma = None,
    mark_sigma: _MarkSigma = _MARK_PX,
    zero: _Zero = "ventral",
    table_still: Annotated[
        bool,
        typer.Option("--table-still", help="You say that table and patient did not move."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Find needle, target and plan in space from two views, each with a 95 % bound.

    Errors of the poses must be stated: no file tells them. There is no number where the views
    are less than 30 degrees apart, where the table moved, or where the rays miss each other by
    more than 3 mm; the status is 1 where there is no number at all.
    """
    if len(annotation) != 2:
        raise typer.BadParameter(
            f"--annotation is given {len(annotation)} times; expected twice: the marks of the "
            "first loop, then those of the second"
        )
    from napari_fluoroinject import workflow
    from napari_fluoroinject.analysis.two_views.together import SeenTwice, Stated
    from napari_fluoroinject.model.pose import PoseSigma

    stated = Stated(
        sigma=PoseSigma(angle_deg=angle_sigma, isocentre_mm=isocentre_sigma, roll_deg=roll_sigma),
        mark_px=mark_sigma,
        zero=zero,
        table_still=table_still,
    )
    with wrong_usage(AnnotationError):
        found = workflow.triangulate(
            (first, second), (annotation[0], annotation[1]), stated=stated
        )
    if not isinstance(found, SeenTwice):
        told = json.dumps({"reason": found.reason}) if as_json else _refused(found.reason)
        typer.echo(told)
        raise typer.Exit(1)
    typer.echo(json.dumps(document(found), indent=1) if as_json else _page(found))
    if not found.located.points:
        raise typer.Exit(1)


def document(found: SeenTwice) -> dict[str, Any]:
    """Everything that was found, as plain values; the end of a name is its unit."""
    refined, plan = found.refined, found.against_plan
    return {
        "frame": "mm from the isocentre: to the patient's left, dorsal, to the head",
        "separation_deg": found.loops.separation_deg,
        "apart_s": found.loops.apart_s,
        "table": found.loops.table,
        "points": {name: _point(one) for name, one in found.located.points.items()},
        "refused": {name: one.reason for name, one in found.located.refused.items()},
        "refinement": {"reason": found.not_refined}
        if refined is None
        else {
            "gap_before_mm": refined.gap_before_mm,
            "gap_after_mm": refined.gap_after_mm,
        },
        "needle": _way(found.needle),
        "tip_to_target": _way(found.tip_to_target),
        "against_plan": None
        if plan is None
        else {"angle_deg": plan.value_deg, "sigma_deg": plan.sigma_deg},
    }


def _point(one: Triangulated) -> dict[str, Any]:
    return {
        "point_mm": list(one.point_mm),
        "covariance_mm2": one.covariance.tolist(),
        "bound_95_mm": one.bound_mm,
        "ray_gap_mm": one.ray_gap_mm,
        "ray_gap_sigma_mm": one.ray_gap_sigma_mm,
    }


def _way(one: Way | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "length_mm": one.length_mm,
        "length_sigma_mm": one.length_sigma_mm,
        "bound_95_mm": one.bound_mm,
        "direction": list(one.direction),
        "bound_95_deg": one.bound_deg,
    }


def _refused(reason: str) -> str:
    return section("No point in space", [line("because", printable(reason))])


def _page(found: SeenTwice) -> str:
    points = [
        line(
            name,
            f"left {one.point_mm[0]:.1f}, dorsal {one.point_mm[1]:.1f}, "
            f"head {one.point_mm[2]:.1f} mm, within {one.bound_mm:.1f} mm (95 %); "
            f"the rays miss each other by {one.ray_gap_mm:.1f} mm (errors explain "
            f"{one.ray_gap_sigma_mm:.1f}, 1 sigma)",
        )
        for name, one in found.located.points.items()
    ]
    points += [
        line(name, f"none: {printable(one.reason)}") for name, one in found.located.refused.items()
    ]
    parts = [
        section("Two views", _pose_lines(found)),
        section("Points, from the isocentre", points),
        section("Needle", _needle_lines(found)),
        section("Read this", [line("caution", _CAUTION)]),
    ]
    return "\n\n".join(part for part in parts if part)


def _pose_lines(found: SeenTwice) -> list[str]:
    loops, refined = found.loops, found.refined
    apart = "unknown" if loops.apart_s is None else f"{loops.apart_s:.0f} s"
    table = "not told by the files; you say it stood still"
    return [
        line("separation", f"{loops.separation_deg:.0f} degrees"),
        line("time between", apart),
        line("table", "in the same place" if loops.table == "same" else table),
        line(
            "poses",
            f"as stated: {printable(found.not_refined)}"
            if refined is None
            else "refined by common points, whose rays missed each other by "
            f"{refined.gap_before_mm:.2f} mm before and {refined.gap_after_mm:.2f} mm after",
        ),
    ]


def _needle_lines(found: SeenTwice) -> list[str]:
    needle, target, plan = found.needle, found.tip_to_target, found.against_plan
    lines = []
    if needle is not None:
        told = f"{needle.length_mm:.1f} mm ± {needle.length_sigma_mm:.1f} (1 sigma)"
        lines += [
            line("hub to tip", told),
            line("direction", f"within {needle.bound_deg:.1f} degrees (95 %)"),
        ]
    if target is not None:
        told = f"{target.length_mm:.1f} mm; its end within {target.bound_mm:.1f} mm (95 %)"
        lines.append(line("tip to target", told))
    if plan is not None:
        told = f"{plan.value_deg:.1f} degrees ± {plan.sigma_deg:.1f} (1 sigma)"
        lines.append(line("against the plan", told))
    return lines
