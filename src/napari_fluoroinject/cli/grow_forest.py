"""`fluoroinject grow-forest`: teach the run-off search, on synthetic loops, what a run-off is."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import Annotated

import typer

from napari_fluoroinject.cli.console import progress


def grow_forest(  # noqa: PLR0913 - one parameter per option of the command
    out: Annotated[Path, typer.Argument(help="Write the forest here, .npz.")],
    *,
    scene: Annotated[
        list[str] | None, typer.Option(help="A scene of these; may be repeated. Else all.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Loops per scene.")] = 32,
    first_seed: Annotated[
        int, typer.Option(min=0, help="The first of them; never one that figures are told of.")
    ] = 5600,
    dose: Annotated[
        list[float] | None, typer.Option(help="Dose in nGy per frame; may be repeated.")
    ] = None,
    size: Annotated[int, typer.Option(help="Rows and columns.")] = 384,
    frames: Annotated[int, typer.Option(help="Number of frames.")] = 75,
    jobs: Annotated[int, typer.Option(min=1, help="Processes at a time.")] = 2,
    live: Annotated[
        bool, typer.Option("--live", help="The forest that judges while frames come.")
    ] = False,
) -> None:
    """Grow the forest of decision trees that judges run-off, on synthetic loops.

    The package comes with one; this makes another, from all scenes with and without run-off. Put
    it in the place of analysis/vascular/forest.npz (with `--live`: live_forest.npz) to use it, and
    measure it on other seeds: `fluoroinject benchmark --vascular` (with `--live`:
    `python -m tests.proofs.live_accuracy`). Needs scikit-learn (the extra `train`), and about an
    hour on two processors. A quick try, of no use but to see that it works:
    `--seeds 1 --dose 20 --size 96 --frames 24`.
    """
    from napari_fluoroinject.benchmark.growing import examples_of, gather_examples, grow
    from napari_fluoroinject.benchmark.live_growing import grow_live, live_examples_of
    from napari_fluoroinject.benchmark.vascular import DOSES_NGY, scene_keys, vascular_cases

    out.touch()  # fail before the work and not after it
    doses, scenes = tuple(dose or DOSES_NGY), tuple(scene or scene_keys("both"))
    todo = tuple(
        vascular_cases(scenes, seeds=seeds, first_seed=first_seed, size=size, frames=frames)
    )
    with progress() as tell:
        look = live_examples_of if live else examples_of
        loops = gather_examples(todo, doses_ngy=doses, look=look, jobs=jobs, progress=tell)
    told = ", ".join(f"{one:g}" for one in doses)
    forest = (grow_live if live else grow)(
        loops,
        grown_on=f"{len(loops)} synthetic loops of {size} x {size} x {frames}, seeds {first_seed} "
        f"to {first_seed + seeds - 1} of {len(scenes)} scenes, {told} nGy per frame",
    )
    forest.save(out)
    typer.echo(f"{out}: {len(forest.roots)} trees; alarm from {forest.alarm:.2f}")
