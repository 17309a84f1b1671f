"""All trials of the matrix, several at a time."""

from __future__ import annotations

from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, TypeVar

from napari_fluoroinject.benchmark import matrix, rates
from napari_fluoroinject.benchmark.trials import Outcome, Trial, run_trial
from napari_fluoroinject.benchmark.written import Written, write_and_validate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """What came of all loops, and of writing one of each procedure."""

    outcomes: tuple[Outcome, ...]
    written: tuple[Written, ...]

    def markdown(self) -> str:
        """The matrix and the rates of warnings."""
        by_key = {one.key: one for one in self.written}
        keys = dict.fromkeys(one.trial.key for one in self.outcomes)
        rows = [matrix.row(key, self.outcomes, by_key.get(key)) for key in keys]
        return "\n\n".join(
            [
                "# Every procedure on its synthetic scenes",
                self._told(),
                matrix.markdown(rows),
                "## Warnings",
                rates.markdown(rates.rates(self.outcomes)),
            ]
        )

    def _told(self) -> str:
        first = self.outcomes[0].trial
        seeds = sorted({one.trial.seed for one in self.outcomes})
        return (
            f"`fluoroinject matrix --seeds {len(seeds)} --first-seed {seeds[0]}`: "
            f"{len(self.outcomes)} loops of {first.size} x {first.size} x {first.frames} at "
            f"{first.dose_ngy:g} nGy, marks exact. Errors are medians and worst. In italics: "
            "something is missing, or did not come out."
        )


def run_matrix(
    todo: Sequence[Trial],
    *,
    jobs: int = 2,
    progress: Callable[[str, float], None] = lambda _step, _fraction: None,
) -> Matrix:
    """Run every trial, and write the results of one loop of each procedure."""
    outcomes: list[Outcome] = []
    keys = dict.fromkeys(trial.key for trial in todo)
    first = {key: next(trial for trial in todo if trial.key == key) for key in keys}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(run_trial, trial) for trial in todo]
        papers = [
            pool.submit(write_and_validate, key, one.seed, one.size, one.frames)
            for key, one in first.items()
        ]
        for done, (trial, future) in enumerate(zip(todo, futures, strict=True)):
            name = f"{trial.key} {trial.view} {trial.twin} seed {trial.seed}"
            progress(name, done / len(todo))
            outcomes.append(_result(future, name, pool))
        progress("results as DICOM", 0.99)
        written = tuple(
            _result(paper, f"results of {key}", pool)
            for paper, key in zip(papers, first, strict=True)
        )
    progress("done", 1.0)
    return Matrix(outcomes=tuple(outcomes), written=written)


def _result(future: Future[_T], name: str, pool: ProcessPoolExecutor) -> _T:
    """The result; a failure ends the whole run at once and says which loop it was."""
    try:
        return future.result()
    except Exception as error:
        pool.shutdown(wait=False, cancel_futures=True)
        error.add_note(f"in {name}")
        raise
