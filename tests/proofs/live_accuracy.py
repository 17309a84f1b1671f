"""Live against batch on synthetic loops: begin of contrast, vascular warning, and maps.

Run as `python -m tests.proofs.live_accuracy` from the root of the repository. Every loop is
analysed as a whole and followed frame by frame, twice: with all that it has before contrast (2 to
3 s), and with one second of it. Warnings are held against where the run-off is and when. Frames
are counted in exposures. Maps are compared where both see contrast; no figure here says anything
about patients.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np

from napari_fluoroinject.analysis.live_run import LiveRun
from napari_fluoroinject.analysis.live_uptake import Uptake, UptakeWatch
from napari_fluoroinject.analysis.placing import Lens
from napari_fluoroinject.benchmark.growing import VASCULAR, label
from napari_fluoroinject.benchmark.live_growing import cuts
from napari_fluoroinject.benchmark.run import exposed
from napari_fluoroinject.benchmark.vascular import vascular_cases
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.arrays import BoolArray
from napari_fluoroinject.model.cine import ArrayFrames, CineLoop
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.workflow import analyze

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_fluoroinject.benchmark.cases import Case
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.phantom import Truth

SCENES = (
    "esi_tf_lumbar_subpedicular",
    "esi_il_lumbar",
    "mbb_lumbar",
    "midline_sheet",
    "oblique_sleeves",
    "film_on_bone",
)
WARNING = "vascular_uptake"
FEWEST_PX = 200
"""Maps are compared where both see contrast in so many pixels."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """One loop, and what is known: frames count from its first, `vessels` (rows, columns)."""

    case: str
    lead_in: str
    loop: CineLoop
    true_onset: int | None
    run_off: tuple[int, int] | None
    vessels: BoolArray
    procedure: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One loop: numbers of frames, None = not seen; differences of maps are live minus batch.

    Places are of the first warning: 1 = on the run-off while it shows, 0 = elsewhere or at
    another time, -1 = partly.
    """

    case: str
    lead_in: str
    run_off: tuple[int, int] | None
    true_onset: int | None
    batch_onset: int | None
    found_at: int | None
    live_onset: int | None
    batch_warning: int | None
    batch_place: int | None
    live_warning: int | None
    live_place: int | None
    batch_px: int = 0
    live_px: int = 0
    both_px: int = 0
    arrival_s: tuple[float, float] | None = None
    time_to_peak_s: tuple[float, float] | None = None
    peak_ratio: tuple[float, float] | None = None


def made(case: Case) -> Iterator[Made]:
    """Build one scene; give its loop with all its frames before contrast, and with a second."""
    settings = PhantomSettings(
        seed=case.seed, twin=case.twin, view=case.view, size=case.size, frames=case.frames
    )
    phantom = next(iter(exposed(case, settings, (20.0,))))
    truth, stored = phantom.truth, phantom.loop.frames.every()
    for lead_in, cut in zip(("all", "1 s"), cuts(truth, len(stored)), strict=True):
        first, times_s = cut.start, truth.times_s[cut]
        yield Made(
            case=f"{case.key} {case.twin} {case.seed}",
            lead_in=lead_in,
            loop=replace(
                phantom.loop, frames=ArrayFrames(stored[cut]), times_s=times_s - times_s[0]
            ),
            true_onset=None if truth.onset_frame is None else truth.onset_frame - first,
            run_off=_run_off(truth, first),
            vessels=truth.labels == VASCULAR,
            procedure=truth.procedure,
        )


def outcomes_of(case: Case) -> list[Outcome]:
    """Build one scene, analyse its loops whole and follow them."""
    return [outcome(one, analyze(one.loop, one.procedure, Annotation())) for one in made(case)]


def outcome(one: Made, report: Report) -> Outcome:
    """Follow a loop and hold it against the analysis of the whole and the truth."""
    loop, judged = one.loop, list[Uptake]()
    assert loop.times_s is not None
    run = LiveRun(loop.intensity, loop.shape[1:], on=choose("cpu"), mm_per_px=loop.mm_per_px)
    with patch.object(UptakeWatch, "add", _noting(judged)):
        told = [run.add(loop.frames.frame(k), float(t)) for k, t in enumerate(loop.times_s)]
    warned = [found.frames for found in report.findings if found.id == WARNING and found.frames]
    live = told[-1].warnings
    found = [k for k, status in enumerate(told) if status.onset_frame is not None]
    return Outcome(
        case=one.case,
        lead_in=one.lead_in,
        run_off=one.run_off,
        true_onset=one.true_onset,
        batch_onset=report.injection.onset_frame,
        found_at=found[0] if found else None,
        live_onset=told[-1].onset_frame,
        batch_warning=int(warned[0][0]) if warned else None,
        batch_place=_place(one, report.run_off.path_px, warned[0]) if warned else None,
        live_warning=live[0].raised_frame if live else None,
        live_place=_live_place(one, run, live[0].score, judged) if live else None,
        **_maps(run, report),
    )


def prefixes_of(case: Case, *, step: int) -> list[dict[str, Any]]:
    """Loops whose run-off batch warns of: with which frame it does so for the first time.

    Batch is asked with the frames that came so far, every `step` frames, and live follows the
    loop. Frames count from the run-off's first.
    """
    return [found for one in made(case) if (found := _prefixes(one, step)) is not None]


def _prefixes(one: Made, step: int) -> dict[str, Any] | None:
    if one.run_off is None:
        return None
    told = outcome(one, analyze(one.loop, one.procedure, Annotation()))
    if told.batch_place != 1 or told.batch_warning is None:
        return None
    frames, first = one.loop.shape[0], one.run_off[0]
    asked = range(max(told.batch_warning, first) + step, frames, step)
    stop = next((stop for stop in asked if _warns_of_it(one, stop)), frames)
    live = told.live_warning if told.live_place == 1 else None
    return {
        "case": told.case,
        "lead_in": told.lead_in,
        "run_off": one.run_off,
        "frames": frames - first,
        "first_frame_of_batch": told.batch_warning - first,
        "batch_warns_with_frame": stop - 1 - first,
        "live_raised": None if live is None else live - first,
    }


def _warns_of_it(one: Made, stop: int) -> bool:
    """Whether batch warns of the run-off in the first frames of a loop."""
    assert one.loop.times_s is not None
    frames = ArrayFrames(one.loop.frames.every()[:stop])
    loop = replace(one.loop, frames=frames, times_s=one.loop.times_s[:stop])
    report = analyze(loop, one.procedure, Annotation())
    warned = [found.frames for found in report.findings if found.id == WARNING and found.frames]
    return bool(warned) and _place(one, report.run_off.path_px, warned[0]) == 1


def _noting(judged: list[Uptake]) -> Any:
    add = UptakeWatch.add

    def noted(watch: UptakeWatch, *told: Any) -> tuple[Uptake, ...]:
        seen = add(watch, *told)
        judged.extend(seen)
        return seen

    return noted


def _live_place(one: Made, run: LiveRun, score: float, judged: Sequence[Uptake]) -> int | None:
    path = next((each for each in judged if each.score == score), None)
    if path is None or run.area is None:
        return None
    factor = Lens.of(one.loop.intensity, run.area.shape_px).factor
    path_px = path.path_px * factor + (factor - 1) / 2 + np.array(run.area.first_px)
    return _place(one, path_px, (path.first_frame, path.last_frame))


def _place(one: Made, path_px: Any, frames: Sequence[int]) -> int:
    shown = one.run_off
    if shown is None or len(path_px) < 2 or frames[0] > shown[1] or frames[1] < shown[0]:
        return 0
    return label(np.asarray(path_px, np.float64), one.vessels)


def _run_off(truth: Truth, first: int) -> tuple[int, int] | None:
    shown = truth.run_off_frames
    return None if shown is None else (shown[0] - first, shown[1] - first)


def _maps(run: LiveRun, report: Report) -> dict[str, Any]:
    """How the maps of both differ where both see contrast."""
    snapshot, batch = run.snapshot(), report.maps
    if snapshot is None or batch is None or run.area is None:
        return {}
    cut = tuple(
        slice(first, first + size)
        for first, size in zip(run.area.first_px, run.area.shape_px, strict=True)
    )
    live = snapshot.maps
    both = batch.region[cut] & snapshot.region & snapshot.valid
    both &= np.isfinite(batch.arrival_s[cut]) & np.isfinite(live.arrival_s)
    both &= batch.peak_od[cut] > 0
    sizes = {
        "batch_px": int(batch.region[cut].sum()),
        "live_px": int(snapshot.region.sum()),
        "both_px": int(both.sum()),
    }
    if both.sum() < FEWEST_PX:
        return sizes
    return {
        **sizes,
        "arrival_s": _middle_and_most(live.arrival_s[both] - batch.arrival_s[cut][both]),
        "time_to_peak_s": _middle_and_most(
            live.time_to_peak_s[both] - batch.time_to_peak_s[cut][both]
        ),
        "peak_ratio": _middle_and_most(live.peak[both] / batch.peak_od[cut][both]),
    }


def _middle_and_most(values: Any) -> tuple[float, float]:
    """Median, and 95th percentile of the distance from it."""
    middle = float(np.nanmedian(values))
    return round(middle, 3), round(float(np.nanpercentile(np.abs(values - middle), 95)), 3)


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The figures over loops of one lead-in."""
    with_run_off = [one for one in outcomes if one.run_off is not None]
    compared = [one for one in outcomes if one.arrival_s is not None]
    return {
        "loops": len(outcomes),
        "onset": {
            "live": _onsets([(one.true_onset, one.found_at) for one in outcomes]),
            "batch": _onsets([(one.true_onset, one.batch_onset) for one in outcomes]),
        },
        "run_off": {
            "live": _warned([(one.run_off, one.live_warning, one.live_place) for one in outcomes]),
            "batch": _warned(
                [(one.run_off, one.batch_warning, one.batch_place) for one in outcomes]
            ),
            "live_after_first_frame_of_batch": sorted(
                one.live_warning - one.batch_warning
                for one in with_run_off
                if one.live_place == one.batch_place == 1
                and one.live_warning is not None
                and one.batch_warning is not None
            ),
        },
        "maps": {"loops": len(compared), **_spread(compared)},
    }


def _onsets(pairs: Sequence[tuple[int | None, int | None]]) -> dict[str, Any]:
    """Of (true, found): found when, early (contrast is not there yet), missed, and false."""
    none = [found for true, found in pairs if true is None]
    after = [found - true for true, found in pairs if true is not None and found is not None]
    return {
        "with_contrast": len(pairs) - len(none),
        "frames_after": sorted(frames for frames in after if frames >= 0),
        "frames_early": sorted(frames for frames in after if frames < 0),
        "missed": len(pairs) - len(none) - len(after),
        "without_contrast": len(none),
        "false": sum(found is not None for found in none),
    }


def _warned(
    told: Sequence[tuple[tuple[int, int] | None, int | None, int | None]],
) -> dict[str, Any]:
    """Of (run-off, warned, place): how many warn, how many of the run-off, and how long after."""
    running = [(shown, warned, place) for shown, warned, place in told if shown is not None]
    quiet = [warned for shown, warned, _ in told if shown is None]
    return {
        "run_offs": len(running),
        "warned_on_it": sum(place == 1 for _, _, place in running),
        "warned_partly_on_it": sum(place == -1 for _, _, place in running),
        "warned_elsewhere": sum(place == 0 for _, _, place in running),
        "frames_after_its_first": sorted(
            warned - shown[0] for shown, warned, place in running if place == 1 and warned
        ),
        "without": len(quiet),
        "false": sum(warned is not None for warned in quiet),
    }


def _spread(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    if not outcomes:
        return {}
    found: dict[str, Any] = {}
    for name in ("arrival_s", "time_to_peak_s", "peak_ratio"):
        values = np.array([getattr(one, name) for one in outcomes])
        found[name] = {
            "median": round(float(np.median(values[:, 0])), 3),
            "p95_of_medians": round(float(np.percentile(np.abs(values[:, 0]), 95)), 3),
            "median_of_p95": round(float(np.median(values[:, 1])), 3),
        }
    ratios = [one.live_px / max(one.batch_px, 1) for one in outcomes]
    found["area_ratio"] = [round(float(q), 2) for q in np.percentile(ratios, [5, 50, 95])]
    return found


def main() -> None:
    """Print the figures as JSON; `--each` prints every loop, too.

    `--prefixes` prints instead when batch itself would warn with the frames that came so far.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8, help="loops per scene")
    parser.add_argument("--first-seed", type=int, default=9000)
    parser.add_argument("--scenes", nargs="+", default=SCENES)
    parser.add_argument("--size", type=int, default=320, help="rows and columns")
    parser.add_argument("--frames", type=int, default=120, help="more = longer before contrast")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--each", action="store_true")
    parser.add_argument("--prefixes", type=int, metavar="STEP", help="ask batch every STEP frames")
    asked = parser.parse_args()
    cases = vascular_cases(
        asked.scenes,
        seeds=asked.seeds,
        first_seed=asked.first_seed,
        size=asked.size,
        frames=asked.frames,
    )
    if asked.prefixes is not None:
        with ProcessPoolExecutor(asked.jobs, mp_context=get_context("spawn")) as pool:
            for found in pool.map(partial(prefixes_of, step=asked.prefixes), list(cases)):
                print(*(json.dumps(one) for one in found), sep="\n", flush=True)
        return
    outcomes: list[Outcome] = []
    with ProcessPoolExecutor(asked.jobs, mp_context=get_context("spawn")) as pool:
        for both in pool.map(outcomes_of, list(cases)):
            outcomes.extend(both)
            if asked.each:
                print(*(json.dumps(asdict(one)) for one in both), sep="\n", flush=True)
    for lead_in in ("all", "1 s"):
        loops = [one for one in outcomes if one.lead_in == lead_in]
        print(json.dumps({"before_contrast": lead_in, **summary(loops)}, indent=1))


if __name__ == "__main__":
    main()
