"""`fluoroinject matrix`: every procedure on its synthetic scenes, from data to warning and SR."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import Annotated

import typer

from napari_fluoroinject.cli.console import progress, wrong_usage
from napari_fluoroinject.errors import PhantomError


def matrix(  # noqa: PLR0913 - one parameter per option of the command
    *,
    procedure: Annotated[
        list[str] | None, typer.Option(help="One of them; may be repeated. Default: all.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Patients per procedure.")] = 1,
    first_seed: Annotated[int, typer.Option(min=0, help="The first of them.")] = 1000,
    dose: Annotated[float, typer.Option(help="Dose in nGy per frame.")] = 20.0,
    size: Annotated[int, typer.Option(help="Rows and columns.")] = 512,
    frames: Annotated[int, typer.Option(help="Number of frames.")] = 90,
    jobs: Annotated[int, typer.Option(min=1, help="Processes at a time.")] = 2,
    out: Annotated[
        Path | None, typer.Option(help="Write every loop's outcome here, JSON.")
    ] = None,
    page: Annotated[Path | None, typer.Option(help="Write the tables here, Markdown.")] = None,
) -> None:
    """Try every procedure on its synthetic scenes, and print what is there and what is missing.

    Each scene is analysed as intended in every view and with everything that can go wrong, with
    the marks of a person who sees everything. About 350 loops for each seed: an hour on two
    processors. A first look: --procedure mbb_lumbar --size 256 --frames 40.
    """
    from napari_fluoroinject.benchmark.every import run_matrix
    from napari_fluoroinject.benchmark.trials import check_keys, trials

    with wrong_usage(PhantomError):
        keys = check_keys(procedure)
    for path in (out, page):
        if path is not None:  # fail before the work and not after it
            path.touch()
    todo = tuple(
        trials(keys, seeds=seeds, first_seed=first_seed, dose_ngy=dose, size=size, frames=frames)
    )
    with progress() as tell:
        done = run_matrix(todo, jobs=jobs, progress=tell)
    if out is not None:
        out.write_text(json.dumps([asdict(one) for one in done.outcomes], indent=1), "utf-8")
    text = done.markdown()
    if page is not None:
        page.write_text(text + "\n", "utf-8")
    typer.echo(text)
