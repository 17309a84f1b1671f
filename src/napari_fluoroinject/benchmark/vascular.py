"""How many run-offs are warned of, at how many false alarms: synthetic loops of many seeds."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from math import sqrt
from multiprocessing import get_context
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_fluoroinject.benchmark.cases import Case, Family
from napari_fluoroinject.benchmark.figures import DENSE_RUN_OFF_OD
from napari_fluoroinject.benchmark.operating import (
    CAVEAT,
    FALSE_ALARM_RATES,
    comparable,
    sensitivity_at,
)
from napari_fluoroinject.benchmark.run import exposed
from napari_fluoroinject.benchmark.scores import run_off_od
from napari_fluoroinject.benchmark.visibility import matched_snr
from napari_fluoroinject.phantom import PhantomSettings, planar, scenes
from napari_fluoroinject.phantom.catalogue import SPECS
from napari_fluoroinject.phantom.planar.catalogue import TWINS
from napari_fluoroinject.phantom.scenes.common import INJECTION_TWINS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.phantom import Phantom

DOSES_NGY = (20.0, 5.0)
"""Detector doses per frame at which every scene is exposed."""

WARNING = "vascular_uptake"
"""What is warned of."""

WELL_SEEN_SNR = 30.0
"""From here on a run-off is told apart in the table: a path is about a third of it."""

Lasting = Literal["transient", "persistent"]
_Z_95 = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class VascularScore:
    """What the run-off search said of one loop, and what was there.

    `score` is None where nothing could be searched. `lasting` None = no run-off; one that still
    shows in the last frame is persistent. `opacity_od` is what its vessels truly come to,
    `visible_snr` what an observer who knows it beforehand could use (`matched_snr`).
    """

    case: Case
    dose_ngy: float
    score: float | None
    alarm: bool
    lasting: Lasting | None
    opacity_od: float | None
    visible_snr: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: run-offs of one sort against loops without any.

    `found`, `false` of `run_offs`, `quiet` loops raised an alarm. `sensitivity` (one per
    `FALSE_ALARM_RATES`) and `area` under the ROC are None without either sort of loop.
    """

    name: str
    dose_ngy: float
    run_offs: int
    found: int
    quiet: int
    false: int
    sensitivity: tuple[float, ...] | None
    area: float | None


def scene_keys(family: Family | Literal["both"]) -> tuple[str, ...]:
    """Every scene of the phantom's catalogues in which contrast may run off."""
    keys: dict[Family | Literal["both"], tuple[str, ...]] = {
        "first": tuple(key for key in scenes() if _turns(key)[1]),
        "second": tuple(planar.SPECS),
    }
    keys["both"] = keys["first"] + keys["second"]
    return keys[family]


def vascular_cases(
    keys: Sequence[str], *, seeds: int, first_seed: int, size: int = 512, frames: int = 90
) -> Iterator[Case]:
    """List `seeds` loops per scene, by turns without and with a run-off.

    Its twins take turns, and so do its views; a twin that one view alone tells is shown in that.
    """
    for key in keys:
        turns = _turns(key)
        for index in range(seeds):
            twins = turns[index % 2]
            twin = twins[index // 2 % len(twins)]
            yield Case(
                key=key,
                seed=first_seed + index,
                twin=twin,
                needle=True,
                size=size,
                frames=frames,
                family="second" if key in planar.SPECS else "first",
                view=_view(key, twin, index // 2),
            )


def _view(key: str, twin: str, turn: int) -> str | None:
    if key in planar.SPECS:
        return None
    views = SPECS[key].twins[twin].views or tuple(SPECS[key].views)
    return views[turn % len(views)]


def run_vascular(
    todo: Sequence[Case],
    *,
    doses_ngy: Sequence[float] = DOSES_NGY,
    jobs: int = 2,
    progress: Callable[[str, float], None] = lambda _step, _fraction: None,
) -> tuple[VascularScore, ...]:
    """Build, expose and analyse every case at every dose, `jobs` at a time."""
    scores: list[VascularScore] = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(vascular_scores, case, tuple(doses_ngy)) for case in todo]
        for done, (case, future) in enumerate(zip(todo, futures, strict=True)):
            progress(f"{case.key} {case.twin} seed {case.seed}", done / len(todo))
            scores.extend(future.result())
    progress("done", 1.0)
    return tuple(scores)


def vascular_scores(case: Case, doses_ngy: Sequence[float]) -> tuple[VascularScore, ...]:
    """Build one scene, expose it at each dose, analyse each loop and note what was said."""
    from napari_fluoroinject.model.annotation import Annotation
    from napari_fluoroinject.workflow import analyze

    settings = PhantomSettings(
        seed=case.seed,
        twin=case.twin,
        view=case.view,
        size=case.size,
        frames=case.frames,
        needle=case.needle,
    )
    scores = []
    for phantom in exposed(case, settings, doses_ngy):
        gauge = phantom.truth.gauge if case.gauge_given else None
        report = analyze(phantom.loop, phantom.truth.procedure, Annotation(gauge=gauge))
        scores.append(_score(report, phantom, case))
    return tuple(scores)


def rows(scores: Sequence[VascularScore]) -> list[Row]:
    """The table: at each dose all loops, each scene, and each sort of run-off.

    A scene is compared with its own loops without run-off, a sort of run-off with all of them.
    """
    table = []
    for dose in dict.fromkeys(score.dose_ngy for score in scores):
        of_dose = [score for score in scores if score.dose_ngy == dose]
        quiet = [score for score in of_dose if score.lasting is None]
        table.append(_row("all", of_dose, quiet))
        for key in dict.fromkeys(score.case.key for score in of_dose):
            here = [score for score in of_dose if score.case.key == key]
            table.append(_row(key, here, [score for score in here if score.lasting is None]))
        table += [
            _row(name, [score for score in of_dose if belongs(score)], quiet)
            for name, belongs in _SORTS.items()
        ]
    return table


def printed(table: Sequence[Row]) -> str:
    """The table in Markdown, with the sentence that says what it is not."""
    rates = [f"at {100 * rate:g} % false" for rate in FALSE_ALARM_RATES]
    names = ["dose nGy", "loops", "found", "95 %", "false alarms", "95 %", *rates, "ROC area"]
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    lines += [f"| {' | '.join(_cells(row))} |" for row in table]
    return "\n".join([*lines, "", CAVEAT])


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a rate (Wilson 1927): honest, too, where 0 of few were seen."""
    if trials == 0:
        return 0.0, 1.0
    share, z2 = successes / trials, _Z_95**2 / trials
    middle = share + z2 / 2
    reach = sqrt(z2 * share * (1 - share) + (z2 / 2) ** 2)
    return (middle - reach) / (1 + z2), (middle + reach) / (1 + z2)


_SORTS: Mapping[str, Callable[[VascularScore], bool]] = {
    "transient": lambda score: score.lasting == "transient",
    "persistent": lambda score: score.lasting == "persistent",
    "near, no film": lambda score: score.case.twin in ("vascular", "vascular_persistent"),
    "near, mixed with film": lambda score: score.case.twin == "vascular_mixed",
    "remote, beside film": lambda score: score.case.twin == "vascular_remote",
    f"dense ({DENSE_RUN_OFF_OD:g} and more)": lambda score: (
        score.opacity_od is not None and score.opacity_od >= DENSE_RUN_OFF_OD
    ),
    f"matched signal-to-noise {WELL_SEEN_SNR:g} and more": lambda score: (
        score.visible_snr is not None and score.visible_snr >= WELL_SEEN_SNR
    ),
    f"matched signal-to-noise below {WELL_SEEN_SNR:g}": lambda score: (
        score.visible_snr is not None and score.visible_snr < WELL_SEEN_SNR
    ),
}


_RECORD_ALONE = ("order", "wrong_side", "unfit")
"""Twins whose picture shows nothing of their own, or cannot be judged."""


def _turns(key: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Twins of a scene without and with run-off; the usual spread takes every other turn."""
    twins = INJECTION_TWINS if key in planar.SPECS else SPECS[key].twins
    shown = [twin for twin in (TWINS if key in planar.SPECS else twins) if twin in twins]
    running = tuple(twin for twin in shown if twins[twin].run_off is not None)
    quiet = (*running, *_RECORD_ALONE, "none")
    others = [twin for twin in shown if twin not in quiet]
    return tuple(twin for other in others for twin in ("none", other)), running


def _score(report: Report, phantom: Phantom, case: Case) -> VascularScore:
    truth = phantom.truth
    lasting: Lasting | None = None
    if truth.run_off_frames is not None:
        stays = truth.run_off_frames[1] == len(truth.times_s) - 1
        lasting = "persistent" if stays else "transient"
    return VascularScore(
        case=case,
        dose_ngy=truth.dose_ngy,
        score=report.run_off.score,
        alarm=any(finding.id == WARNING for finding in report.findings),
        lasting=lasting,
        opacity_od=run_off_od(truth),
        visible_snr=matched_snr(phantom),
    )


def _row(name: str, loops: Sequence[VascularScore], quiet: Sequence[VascularScore]) -> Row:
    running = [score for score in loops if score.lasting is not None]
    ours, theirs = (comparable([one.score for one in part]) for part in (running, quiet))
    both = bool(running) and bool(quiet)
    return Row(
        name=name,
        dose_ngy=(*loops, *quiet)[0].dose_ngy,
        run_offs=len(running),
        found=sum(score.alarm for score in running),
        quiet=len(quiet),
        false=sum(score.alarm for score in quiet),
        sensitivity=tuple(sensitivity_at(ours, theirs, rate)[0] for rate in FALSE_ALARM_RATES)
        if both
        else None,
        area=_area(ours, theirs) if both else None,
    )


def _area(found: Sequence[float], quiet: Sequence[float]) -> float:
    """Area under the ROC: how often a run-off scores more than a loop without, draws half."""
    ours, theirs = np.asarray(found)[:, None], np.asarray(quiet)[None]
    return float(np.mean((ours > theirs) + 0.5 * (ours == theirs)))


def _cells(row: Row) -> list[str]:
    return [
        f"{row.dose_ngy:g}",
        row.name,
        f"{row.found} of {row.run_offs}",
        _interval(row.found, row.run_offs),
        f"{row.false} of {row.quiet}",
        _interval(row.false, row.quiet),
        *(
            ["-"] * len(FALSE_ALARM_RATES)
            if row.sensitivity is None
            else [f"{share:.2f}" for share in row.sensitivity]
        ),
        "-" if row.area is None else f"{row.area:.2f}",
    ]


def _interval(successes: int, trials: int) -> str:
    return "-" if trials == 0 else "{:.2f} to {:.2f}".format(*wilson(successes, trials))
