"""`fluoroinject write-matrix`: every result of every kind of source, validated and read back."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import Annotated

import typer

from napari_fluoroinject.cli.console import finish, progress


def write_matrix(
    *,
    seed: Annotated[int, typer.Option(min=0, help="Of the synthetic loop.")] = 1000,
    size: Annotated[int, typer.Option(min=128, help="Rows and columns.")] = 192,
    frames: Annotated[int, typer.Option(min=30, help="Number of frames.")] = 40,
    jobs: Annotated[int, typer.Option(min=1, help="Processes at a time.")] = 2,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Slow validators, too: PixelMed, ten minutes more.")
    ] = False,
    page: Annotated[Path | None, typer.Option(help="Write the matrix here, Markdown.")] = None,
) -> None:
    """Write one synthetic loop as every kind of source, with all results of each, and check them.

    Outside validators look at every object where they are installed (dicom3tools, dcmtk,
    PixelMed), `fluoroinject check` does always; what can be read back is compared with what was
    to be written. Exit status 1 with any fault.
    """
    from napari_fluoroinject.benchmark.write_back import run_write_matrix

    if page is not None:  # fail before the work and not after it
        page.touch()
    with progress() as tell:
        done = run_write_matrix(
            seed=seed, size=size, frames=frames, jobs=jobs, thorough=thorough, told=tell
        )
    text = done.markdown()
    if page is not None:
        how = f"`fluoroinject write-matrix --seed {seed} --size {size} --frames {frames}"
        how += f"{' --thorough' if thorough else ''}`"
        page.write_text(f"# Every result of every kind of source\n\n{how}\n\n{text}\n", "utf-8")
    typer.echo(text)
    finish([(fault.partition(":")[0], fault.partition(": ")[2]) for fault in done.faults])
