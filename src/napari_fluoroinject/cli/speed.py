"""`fluoroinject speed`: what an analysis costs, stage by stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from napari_fluoroinject.speed import Cost, MapsCost, ReadOnly

_SHORTEST_S = 1e-3
"""Less processor time than this is not measured well."""


def speed(
    *,
    size: Annotated[int, typer.Option(min=160, help="Rows and columns.")] = 512,
    frames: Annotated[int, typer.Option(min=40, help="Frames.")] = 90,
    on: Annotated[
        Literal["auto", "cpu", "cuda", "reference"], typer.Option(help="Backend.")
    ] = "auto",
    decode: Annotated[
        bool, typer.Option("--decode", help="Decoding alone: a frame in every transfer syntax.")
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Writing alone: a segmentation in every encoding.")
    ] = False,
) -> None:
    """Print what the analysis of a synthetic loop costs: processor time and memory.

    Building a loop of 1024 x 1024 x 300 takes a minute or two.
    """
    if decode:
        from napari_fluoroinject.decode_speed import few_frames, measure_decoding, printed

        typer.echo(printed(measure_decoding(few_frames(size))))
        return
    if write:
        from napari_fluoroinject.write_speed import measure_writing, table

        typer.echo(table(measure_writing(size, frames), size, frames))
        return
    from napari_fluoroinject.compute.backend import choose
    from napari_fluoroinject.speed import measure_cost, measure_maps, synthetic_loop

    backend = choose(on)
    typer.echo(f"Building {size} x {size} x {frames} ...", err=True)
    loop = synthetic_loop(size, frames)
    typer.echo(_printed(measure_cost(loop, on=backend), f"{backend.name}, {backend.device}"))
    typer.echo(_printed_maps(measure_maps(loop, on=backend), frames))


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
        f"Touching every stored value once: read-only sum {cost.read.sum_s:.4f} CPU s, "
        f"read-only max {cost.read.max_s:.4f} CPU s; all stages "
        f"{_times(cost.cpu_s, cost.read)}.",
        f"Most memory above what was held before: {memory}.",
        "The definition in plain NumPy takes longer by: "
        + ", ".join(f"{name} {ratio:.1f} x" for name, ratio in cost.reference_ratio)
        + ".",
    ]
    return "\n".join(lines)


def _printed_maps(cost: MapsCost, frames: int) -> str:
    """The direct maps, as a second table."""

    def memory(mib: float | None) -> str:
        return "not known" if mib is None else f"{mib:.0f}"

    return "\n".join(
        [
            "",
            "| direct maps, not part of an analysis | CPU s | MiB above the loop |",
            "|---|---|---|",
            f"| all maps in one pass | {cost.fused_s:.2f} | {memory(cost.fused_mib)} |",
            f"| every frame placed, then one pass | {cost.whole_s:.2f} | "
            f"{memory(cost.whole_mib)} |",
            f"| frame by frame, as live | {cost.live_s:.2f} | |",
            "",
            f"One pass takes {_times(cost.fused_s, cost.read)}; its definition in plain NumPy "
            f"takes {cost.reference_ratio:.1f} x as long as it.",
            f"Live, a frame takes {1e3 * cost.live_s / frames:.1f} ms on average, 99 of 100 at "
            f"most {cost.live_p99_ms:.1f} ms.",
        ]
    )


def _times(cost_s: float, read: ReadOnly) -> str:
    """A cost over that of reading; a small loop is read in less time than can be measured."""
    return " and ".join(
        f"{cost_s / read_s:.1f} x the read-only {name}"
        if read_s >= _SHORTEST_S
        else f"an unknown number of times the read-only {name}"
        for name, read_s in (("sum", read.sum_s), ("max", read.max_s))
    )
