"""Every procedure tried on its synthetic scenes: which loops, and what is kept of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.measures.lines import signed_distance_px
from napari_fluoroinject.analysis.measures.views import shown_view
from napari_fluoroinject.analysis.pattern_rules import resemblance
from napari_fluoroinject.benchmark.scores import tip_error_px, true_tip_px
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.geometry import length_px
from napari_fluoroinject.model.likeness import LIKENESSES
from napari_fluoroinject.phantom import PhantomSettings, build_scene, expose
from napari_fluoroinject.phantom.catalogue import SPECS, scene_spec
from napari_fluoroinject.workflow import analyze

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.phantom import Phantom, Truth

SPREAD_MEASURES = frozenset(
    {
        "levels",
        "cranio_caudal_extent",
        "lateral_extent",
        "side_asymmetry",
        "midline_crossing",
        "medial_to_pedicle",
        "line_contact",
        "filled_joint_length",
        "compactness",
        "persistence",
    }
)
"""Measures of where contrast went; what is measured of needle and lead stands by itself."""
_NEAR_PX = 3.0
"""A contact of a lead was found where one stands so near to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One synthetic loop: a procedure, one of its views, a twin, a seed and a dose."""

    key: str
    view: str
    twin: str
    seed: int
    dose_ngy: float = 20.0
    size: int = 512
    frames: int = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an analysis with true marks made of one loop, beside what is true; errors in pixels.

    `expected` must be warned of, `allowed` may be. `raised` are the warnings with their scores;
    `scores` those of warnings by pattern and run-off whether raised or not, None where they could
    not be judged. `view_told` is the view as the C-arm's angles tell it. `lines_px` are errors of
    the tip's signed distance by line, None where there was no distance. `measured` holds for each
    measure of spread whether it has a value; `pattern` the state of the expected pattern.
    `contacts` are true ones, found ones, and those in the wrong place of their order.
    """

    trial: Trial
    expected: tuple[str, ...]
    allowed: tuple[str, ...]
    raised: dict[str, float]
    scores: dict[str, float | None]
    view_told: str | None
    needle_shown: bool
    tip_px: float | None
    target_px: float | None
    lines_px: dict[str, float | None]
    measured: dict[str, bool]
    pattern: str | None
    contacts: tuple[int, int, int]
    contacts_px: tuple[float, ...]
    run_off_kind: str | None
    remote: bool


def trials(
    keys: Sequence[str],
    *,
    seeds: int,
    first_seed: int,
    dose_ngy: float = 20.0,
    size: int = 512,
    frames: int = 90,
) -> Iterator[Trial]:
    """List each scene as intended in every view, and each of its twins in the view that tells."""
    for key in keys:
        spec = SPECS[key]
        usual = next(iter(spec.views))
        shown = [("none", view) for view in spec.views]
        shown += [
            (name, twin.views[0] if twin.views else usual)
            for name, twin in spec.twins.items()
            if name != "none"
        ]
        for seed in range(first_seed, first_seed + seeds):
            for twin, view in shown:
                yield Trial(
                    key=key,
                    view=view,
                    twin=twin,
                    seed=seed,
                    dose_ngy=dose_ngy,
                    size=size,
                    frames=frames,
                )


def check_keys(keys: Sequence[str] | None) -> tuple[str, ...]:
    """The keys of the scenes that were asked for; None = all.

    Raises
    ------
    PhantomError
        There is no such scene; the message names those that there are.
    """
    for key in keys or ():
        scene_spec(key, twin="none", view=None)
    return tuple(keys or SPECS)


def run_trial(trial: Trial) -> Outcome:
    """Make one loop, analyse it with what a person who sees everything would mark, compare."""
    settings = PhantomSettings(
        seed=trial.seed,
        twin=trial.twin,
        view=trial.view,
        size=trial.size,
        frames=trial.frames,
        dose_ngy=trial.dose_ngy,
    )
    phantom = expose(build_scene(trial.key, settings=settings))
    report = analyze(phantom.loop, trial.key, phantom.truth.annotation)
    return outcome_of(trial, phantom, report)


def outcome_of(trial: Trial, phantom: Phantom, report: Report) -> Outcome:
    """Compare a report with the truth of its loop."""
    truth, twin = phantom.truth, SPECS[trial.key].twins[trial.twin]
    spread = [one for one in report.measured if one.id in SPREAD_MEASURES]
    found, errors, disordered = _contacts(report, truth)
    there = 0 if truth.contacts_px is None else len(truth.contacts_px.reshape(-1, 2))
    side_alone = Annotation(side=truth.side)
    return Outcome(
        trial=trial,
        expected=truth.warnings_expected,
        allowed=(*truth.warnings_expected, *truth.warnings_allowed),
        raised={finding.id: finding.score for finding in report.findings},
        scores=_scores(report),
        view_told=shown_view(phantom.loop.view, side_alone, report.procedure),
        needle_shown=truth.tip_px is not None,
        tip_px=tip_error_px(report, truth),
        target_px=_target_error_px(report, truth),
        lines_px=_line_errors_px(report, truth),
        measured={
            one.id: any(other.value is not None for other in spread if other.id == one.id)
            for one in spread
        },
        pattern=next((one.state for one in report.expected), None),
        contacts=(there, found, disordered),
        contacts_px=errors,
        run_off_kind=twin.run_off,
        remote=twin.remote,
    )


def _scores(report: Report) -> dict[str, float | None]:
    told: dict[str, float | None] = {
        rule.id: resemblance(report.measured, rule, report.procedure).score
        for rule in report.procedure.warnings
        if rule.id in LIKENESSES
    }
    told["vascular_uptake"] = report.run_off.score
    return told


def _target_error_px(report: Report, truth: Truth) -> float | None:
    """Error of the distance from tip to target."""
    tip = true_tip_px(report, truth)
    if report.tip_target_px is None or tip is None or report.annotation.target_px is None:
        return None
    return abs(report.tip_target_px - length_px(tip, report.annotation.target_px))


def _line_errors_px(report: Report, truth: Truth) -> dict[str, float | None]:
    """Errors of the tip's signed distance from the lines that are limits in the loop's view."""
    tip, mm_per_px = true_tip_px(report, truth), report.loop.mm_per_px
    errors: dict[str, float | None] = {}
    for limit in report.procedure.limits:
        mark = report.annotation.mark(limit.landmark)
        if truth.view not in limit.views or mark is None or mark.beyond_px is None or tip is None:
            continue
        said = next(
            (
                one.value
                for one in report.measured
                if one.id == "tip_to_line" and one.of == limit.landmark and one.value is not None
            ),
            None,
        )
        true = signed_distance_px(tip, mark.points_px, mark.beyond_px)
        if said is None or mm_per_px is None:
            errors[limit.landmark] = None
        else:
            errors[limit.landmark] = abs(said / mm_per_px - true)
    return errors


def _contacts(report: Report, truth: Truth) -> tuple[int, tuple[float, ...], int]:
    """Contacts of leads that were found, their errors, and how many stand out of order."""
    if truth.contacts_px is None or not report.leads:
        return 0, (), 0
    errors: list[float] = []
    disordered = 0
    for lead in truth.contacts_px:
        away = [
            np.linalg.norm(lead[:, None] - one.contacts_px[None], axis=2) for one in report.leads
        ]
        best = min(away, key=lambda table: float(table.min(axis=1).sum()))
        near = best.min(axis=1) <= _NEAR_PX
        errors += best.min(axis=1)[near].tolist()
        disordered += int((np.diff(best.argmin(axis=1)[near]) <= 0).sum())
    return len(errors), tuple(errors), disordered
