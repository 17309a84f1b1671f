"""Accuracy against truth: phantoms of many seeds and doses through the whole analysis."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

from napari_fluoroinject.benchmark.cases import DOSES_NGY, Case
from napari_fluoroinject.benchmark.scores import Score, score_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_fluoroinject.phantom import Phantom, PhantomSettings


def run_benchmark(
    todo: Sequence[Case],
    *,
    doses_ngy: Sequence[float] = DOSES_NGY,
    jobs: int = 2,
    progress: Callable[[str, float], None] = lambda _step, _fraction: None,
) -> tuple[Score, ...]:
    """Build, expose, analyse and score every case at every dose, `jobs` at a time."""
    scores: list[Score] = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(score_case, case, tuple(doses_ngy)) for case in todo]
        for done, (case, future) in enumerate(zip(todo, futures, strict=True)):
            progress(f"{case.key} {case.twin} seed {case.seed}", done / len(todo))
            scores.extend(future.result())
    progress("done", 1.0)
    return tuple(scores)


def score_case(case: Case, doses_ngy: Sequence[float]) -> tuple[Score, ...]:
    """Build one scene, expose it at each dose, analyse and score each loop."""
    from time import process_time

    from napari_fluoroinject.model.annotation import Annotation
    from napari_fluoroinject.phantom import PhantomSettings
    from napari_fluoroinject.workflow import analyze

    settings = PhantomSettings(
        seed=case.seed,
        twin=case.twin,
        view=case.view,
        needle=case.needle,
        size=case.size,
        frames=case.frames,
    )
    scores = []
    for phantom in exposed(case, settings, doses_ngy):
        gauge = phantom.truth.gauge if case.gauge_given else None
        start_s = process_time()
        report = analyze(phantom.loop, phantom.truth.procedure, Annotation(gauge=gauge))
        cpu_s = process_time() - start_s
        dose_ngy = phantom.truth.dose_ngy
        scores.append(
            score_report(report, phantom.truth, case=case, dose_ngy=dose_ngy, cpu_s=cpu_s)
        )
    return tuple(scores)


def exposed(
    case: Case, settings: PhantomSettings, doses_ngy: Sequence[float]
) -> Iterator[Phantom]:
    """The case's scene, built once, at each dose."""
    from napari_fluoroinject import phantom
    from napari_fluoroinject.phantom import planar

    if case.family == "second":
        drawn = planar.build_scene(case.key, settings=settings)
        yield from (planar.expose(drawn, dose_ngy=dose) for dose in doses_ngy)
    else:
        scene = phantom.build_scene(case.key, settings=settings)
        yield from (phantom.expose(scene, dose_ngy=dose) for dose in doses_ngy)
