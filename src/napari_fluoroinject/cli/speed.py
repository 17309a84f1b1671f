"""`fluoroinject speed`: what an analysis costs, stage by stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from napari_fluoroinject.speed import Cost


def speed(
    *,
    size: Annotated[int, typer.Option(min=160, help="Rows and columns.")] = 512,
    frames: Annotated[int, typer.Option(min=40, help="Frames.")] = 90,
    on: Annotated[
        Literal["auto", "cpu", "cuda", "reference"], typer.Option(help="Backend.")
    ] = "auto",
) -> None:
    """Print what the analysis of a synthetic loop costs: processor time and memory.

    Building a loop of 1024 x 1024 x 300 takes a minute or two.
    """
    from napari_fluoroinject.compute.backend import choose
    from napari_fluoroinject.speed import measure_cost, synthetic_loop

    backend = choose(on)
    typer.echo(f"Building {size} x {size} x {frames} ...", err=True)
    loop = synthetic_loop(size, frames)
    typer.echo(_printed(measure_cost(loop, on=backend), f"{backend.name}, {backend.device}"))


def _printed(cost: Cost, backend: str) -> str:
    """The table in Markdown."""
    lines = [
        f"{cost.rows} x {cost.columns} x {cost.frames} on {backend}",
        "",
        "| stage | CPU s | ns per pixel and frame |",
        "|---|---|---|",
    ]
    lines += [
        f"| {stage.name} | {stage.cpu_s:.2f} | {stage.ns_per_px:.2f} |" for stage in cost.stages
    ]
    whole = 1e9 * cost.cpu_s / (cost.frames * cost.rows * cost.columns)
    memory = "not known" if cost.peak_mib is None else f"{cost.peak_mib:.0f} MiB"
    lines += [
        f"| all | {cost.cpu_s:.2f} | {whole:.2f} |",
        "",
        f"Touching every stored value once: {cost.read_s:.3f} CPU s; all stages "
        f"{cost.cpu_s / cost.read_s:.0f} x as much.",
        f"Most memory above what was held before: {memory}.",
        "The definition in plain NumPy takes longer by: "
        + ", ".join(f"{name} {ratio:.1f} x" for name, ratio in cost.reference_ratio)
        + ".",
    ]
    return "\n".join(lines)
