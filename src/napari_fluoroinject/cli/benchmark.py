"""`fluoroinject benchmark`: accuracy against truth, over seeds and doses."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_fluoroinject.cli.console import progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_fluoroinject.benchmark import Case

_SIZE, _FRAMES = 512, 90
"""Of the loops of `--vascular`; those of the other tables are as their scenes are."""
Families = Literal["first", "second", "both"]


def benchmark(  # noqa: PLR0913 - one parameter per option of the command
    *,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds per scene; twins take turns.")] = 20,
    first_seed: Annotated[int, typer.Option(min=0, help="The first of them.")] = 1000,
    scene: Annotated[
        list[str] | None,
        typer.Option(help="Scene of either family; may be repeated. Default: the family's."),
    ] = None,
    family: Annotated[
        Families, typer.Option(help="The scenes: two families share no model of what they show.")
    ] = "first",
    dose: Annotated[
        list[float] | None,
        typer.Option(
            help="nGy per frame; may be repeated. Default: 5, 20, 50; with --vascular 20, 5."
        ),
    ] = None,
    size: Annotated[int, typer.Option(help="With --vascular: rows and columns.")] = _SIZE,
    frames: Annotated[int, typer.Option(help="With --vascular: number of frames.")] = _FRAMES,
    jobs: Annotated[int, typer.Option(min=1, help="Processes at a time.")] = 2,
    out: Annotated[Path | None, typer.Option(help="Write every loop's errors here, JSON.")] = None,
    two_views: Annotated[
        bool,
        typer.Option("--two-views", help="Instead: errors of points in space, simulated views."),
    ] = False,
    leads: Annotated[
        bool,
        typer.Option("--leads", help="Instead: contacts, order, place and migration of leads."),
    ] = False,
    vascular: Annotated[
        bool,
        typer.Option("--vascular", help="Instead: run-offs found, at how many false alarms."),
    ] = False,
) -> None:
    """Print the errors of the whole analysis against the truth of synthetic loops.

    A loop takes about 5 s of one processor, and a scene the time to build it.
    The defaults are 225 loops: about half an hour on two processors.
    A first look: --seeds 2 --dose 20.
    """
    if not vascular and (size, frames) != (_SIZE, _FRAMES):
        raise typer.BadParameter("--size and --frames apply with --vascular only")
    if two_views:
        typer.echo(_two_views(first_seed))
        return
    if leads:
        typer.echo(_leads(tuple(scene or ()), seeds, first_seed, dose=dose, jobs=jobs, out=out))
        return
    if vascular:
        from napari_fluoroinject.benchmark.vascular import scene_keys, vascular_cases

        listed = tuple(scene or scene_keys(family))
        cases = vascular_cases(
            listed, seeds=seeds, first_seed=first_seed, size=size, frames=frames
        )
        chosen = tuple(cases)
        typer.echo(_vascular(chosen, tuple(dose or ()), jobs, out))
        return
    chosen_scenes = tuple(scene or ())
    typer.echo(_accuracy(chosen_scenes, family, seeds, first_seed, dose=dose, jobs=jobs, out=out))


def _accuracy(  # noqa: PLR0913 - the options of the command that this table takes
    scenes: tuple[str, ...],
    family: Families,
    seeds: int,
    first_seed: int,
    *,
    dose: list[float] | None,
    jobs: int,
    out: Path | None,
) -> str:
    """The table of errors of the whole analysis, in Markdown."""
    from napari_fluoroinject.benchmark import DOSES_NGY, SCENES, cases, run_benchmark, table

    doses = tuple(dose or DOSES_NGY)
    if out is not None:  # fail before the work and not after it
        out.touch()
    keys = [key for name, listed in SCENES.items() if family in (name, "both") for key in listed]
    todo = tuple(cases(tuple(scenes or keys), seeds=seeds, first_seed=first_seed))
    with progress() as tell:
        scores = run_benchmark(todo, doses_ngy=doses, jobs=jobs, progress=tell)
    if out is not None:
        out.write_text(json.dumps([asdict(score) for score in scores], indent=1), "utf-8")
    return _printed(table(scores, doses_ngy=doses))


def _leads(
    scenes: tuple[str, ...],
    seeds: int,
    first_seed: int,
    *,
    dose: list[float] | None,
    jobs: int,
    out: Path | None,
) -> str:
    """Print figures by scene and view of leads; about 20 s of one processor per scene and seed."""
    from napari_fluoroinject.benchmark.leads import SCENES, lead_table, run_lead_benchmark

    if out is not None:
        out.touch()
    with progress() as tell:
        scores = run_lead_benchmark(
            scenes or SCENES,
            seeds=seeds,
            first_seed=first_seed,
            dose_ngy=(dose or [20.0])[0],
            jobs=jobs,
            progress=tell,
        )
    if out is not None:
        out.write_text(json.dumps([asdict(score) for score in scores], indent=1), "utf-8")
    return _printed(lead_table(scores))


def _vascular(
    todo: tuple[Case, ...], doses_ngy: tuple[float, ...], jobs: int, out: Path | None
) -> str:
    """The table of run-offs found and false alarms, in Markdown."""
    from napari_fluoroinject.benchmark.vascular import DOSES_NGY, printed, rows, run_vascular

    if out is not None:
        out.touch()
    with progress() as tell:
        scores = run_vascular(todo, doses_ngy=doses_ngy or DOSES_NGY, jobs=jobs, progress=tell)
    if out is not None:
        out.write_text(json.dumps([asdict(score) for score in scores], indent=1), "utf-8")
    return printed(rows(scores))


def _two_views(seed: int, *, pairs: int = 1500, drawn: int = 1000) -> str:
    """Tables in Markdown: errors by separation, and how often the 95 % bound holds."""
    from napari_fluoroinject.analysis.two_views.simulation import (
        POSE_SIGMAS,
        SEPARATIONS_DEG,
        error_table,
        simulated_errors,
    )

    table, sizes = error_table(pairs=pairs, seed=seed), [sigma.angle_deg for sigma in POSE_SIGMAS]
    lines = [
        f"Error of a tip in mm, mean / p95, of {pairs:,} simulated pairs; pose error as many mm "
        "as degrees, marked to 2 px. Simulated, not measured on a C-arm.",
        "",
        f"| separation deg | {' | '.join(f'{size:g} deg + {size:g} mm' for size in sizes)} |",
        f"|---{'|---' * len(sizes)}|",
    ]
    for separation in SEPARATIONS_DEG:
        cells = (table[separation, size] for size in sizes)
        told = " | ".join(f"{one.mean_mm:.1f} / {one.p95_mm:.1f}" for one in cells)
        lines.append(f"| {separation:g} | {told} |")
    lines += [
        "",
        f"Views 30 to 90 degrees apart, {drawn:,} pairs:",
        "",
        "| pose error | within the 95 % bound | mean bound, mm | gap of 3 mm or less | of these |",
        "|---|---|---|---|---|",
    ]
    for sigma in POSE_SIGMAS:
        one = simulated_errors(sigma, pairs=drawn, seed=seed)
        lines.append(
            f"| {sigma.angle_deg:g} deg + {sigma.isocentre_mm:g} mm | {one.coverage:.3f} | "
            f"{one.bound_mm:.1f} | {one.given} | {one.coverage_given:.3f} |"
        )
    return "\n".join(lines)


def _printed(columns: Mapping[str, Mapping[str, float | int | None]]) -> str:
    """The table in Markdown: a figure a row, a dose a column."""
    names = list(next(iter(columns.values())))
    lines = [f"| figure | {' | '.join(columns)} |", f"|---{'|---' * len(columns)}|"]
    for name in names:
        cells = " | ".join(_cell(figures[name]) for figures in columns.values())
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"
