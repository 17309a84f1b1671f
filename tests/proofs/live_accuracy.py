"""Live against batch on synthetic loops: begin of contrast, vascular warning, and maps.

Run as `python -m tests.proofs.live_accuracy` from the root of the repository. Every loop is
analysed as a whole and followed frame by frame, without a pause before contrast but what the loop
has. Frames are counted in exposures. Maps are compared where both see contrast; no figure here
says anything about patients.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.analysis.live_run import LiveRun
from napari_fluoroinject.benchmark.run import exposed
from napari_fluoroinject.benchmark.vascular import vascular_cases
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.workflow import analyze

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.benchmark.cases import Case
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.phantom import Phantom

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
class Outcome:
    """One loop: numbers of frames, None = not seen; differences of maps are live minus batch."""

    case: str
    runs_off: bool
    true_onset: int | None
    batch_onset: int | None
    found_at: int | None
    live_onset: int | None
    batch_warning: int | None
    live_warning: int | None
    live_first: int | None
    batch_px: int = 0
    live_px: int = 0
    both_px: int = 0
    arrival_s: tuple[float, float] | None = None
    time_to_peak_s: tuple[float, float] | None = None
    peak_ratio: tuple[float, float] | None = None


def outcome(case: Case) -> Outcome:
    """Build one scene, analyse it whole and follow it."""
    settings = PhantomSettings(
        seed=case.seed, twin=case.twin, view=case.view, size=case.size, frames=case.frames
    )
    phantom = next(iter(exposed(case, settings, (20.0,))))
    report = analyze(phantom.loop, phantom.truth.procedure, Annotation())
    return _followed(case, phantom, report)


def _followed(case: Case, phantom: Phantom, report: Report) -> Outcome:
    loop = phantom.loop
    run = LiveRun(loop.intensity, loop.shape[1:], on=choose("cpu"), mm_per_px=loop.mm_per_px)
    told = [run.add(loop.frames.frame(k), float(t)) for k, t in enumerate(loop.times_s)]
    warned = [one.frames[0] for one in report.findings if one.id == WARNING and one.frames]
    live = told[-1].warnings
    found = [k for k, one in enumerate(told) if one.onset_frame is not None]
    return Outcome(
        case=f"{case.key} {case.twin} {case.seed}",
        runs_off=phantom.truth.run_off_frames is not None,
        true_onset=phantom.truth.onset_frame,
        batch_onset=report.injection.onset_frame,
        found_at=found[0] if found else None,
        live_onset=told[-1].onset_frame,
        batch_warning=int(warned[0]) if warned else None,
        live_warning=live[0].raised_frame if live else None,
        live_first=live[0].first_frame if live else None,
        **_maps(run, report),
    )


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
    """The figures over all loops."""
    injected = [one for one in outcomes if one.true_onset is not None]
    none = [one for one in outcomes if one.true_onset is None]
    delays = [
        one.found_at - one.true_onset
        for one in injected
        if one.found_at is not None and one.true_onset is not None
    ]
    compared = [one for one in outcomes if one.arrival_s is not None]
    return {
        "loops": len(outcomes),
        "onset": {
            "with_contrast": len(injected),
            "delay_frames": sorted(delay for delay in delays if delay >= 0),
            "early_frames": sorted(delay for delay in delays if delay < 0),
            "missed": len(injected) - len(delays),
            "without_contrast": len(none),
            "false_begins": sum(one.found_at is not None for one in none),
            "batch_missed": sum(one.batch_onset is None for one in injected),
            "batch_false": sum(one.batch_onset is not None for one in none),
        },
        "uptake_with_run_off": _agreement([one for one in outcomes if one.runs_off]),
        "uptake_without": _agreement([one for one in outcomes if not one.runs_off]),
        "maps": {"loops": len(compared), **_spread(compared)},
    }


def _agreement(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    batch = [one.batch_warning is not None for one in outcomes]
    live = [one.live_warning is not None for one in outcomes]
    pairs = list(zip(batch, live, strict=True))
    return {
        "loops": len(outcomes),
        "both": pairs.count((True, True)),
        "only_batch": pairs.count((True, False)),
        "only_live": pairs.count((False, True)),
        "raised_after_first_frame_of_batch": sorted(
            one.live_warning - one.batch_warning
            for one in outcomes
            if one.live_warning is not None and one.batch_warning is not None
        ),
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
    """Print the figures as JSON; `--each` prints every loop, too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8, help="loops per scene")
    parser.add_argument("--first-seed", type=int, default=9000)
    parser.add_argument("--scenes", nargs="+", default=SCENES)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--each", action="store_true")
    asked = parser.parse_args()
    cases = list(vascular_cases(asked.scenes, seeds=asked.seeds, first_seed=asked.first_seed))
    outcomes = []
    with ProcessPoolExecutor(asked.jobs, mp_context=get_context("spawn")) as pool:
        for one in pool.map(outcome, cases):
            outcomes.append(one)
            if asked.each:
                print(json.dumps(asdict(one)), flush=True)
    print(json.dumps(summary(outcomes), indent=1))


if __name__ == "__main__":
    main()
