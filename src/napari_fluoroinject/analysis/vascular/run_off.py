"""The run-off search over the whole field and every frame, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, sqrt
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.vascular.detectors import Candidate, Clock, Sigmas, search
from napari_fluoroinject.analysis.vascular.evidence import Evidence, gather
from napari_fluoroinject.analysis.vascular.forest import load_forest
from napari_fluoroinject.analysis.vascular.judge import judge
from napari_fluoroinject.analysis.vascular.ridge import CROSS_SECTION_PX
from napari_fluoroinject.analysis.vascular.suspicion import suspect
from napari_fluoroinject.analysis.vascular.traits import Traits, describe
from napari_fluoroinject.model.spread import RunOff

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray
    from napari_fluoroinject.model.needle import Needle, NoNeedle

VESSEL_MM = 1.0
"""Width of the vessel that `smallest_seen_od` speaks of."""
USUAL_FRAMES_PER_S = 15.0
"""Rate that is assumed for the windows where the file tells no times: usual pulsed fluoroscopy."""
AFTER_ONSET_FRAMES = 2
"""The search starts so many frames after the onset: before, there is nothing to find."""
LEAST_BEFORE_FRAMES = 4
"""Frames before the first event where no onset is known."""


def find_run_off(
    opacity: Opacity, registered: RegisteredLoop, needle: Needle | NoNeedle, *, on: Backend
) -> RunOff:
    """Search the whole field and every frame for contrast that runs away along a thin path.

    Two kinds: **transient**, darker than before and than after, for about a second or two, and
    **persistent**, darker from a time on than before it. Detectors of both find smooth paths of
    23 mm anywhere in the field, because run-off may be remote from the needle; a path's later part
    may be seen up to two looks after its first, as a front moves on. Where no onset was seen the
    whole loop is searched: a run-off may be the only contrast. A line must be thin against both
    sides (root sleeves, film), must stand out by itself (gaps in film), and counts less along
    edges of the anatomy that move (trailing edges of gas) and in film (methods-contrast 5 of the
    project's reference).

    The strongest paths are then looked at along their whole course and over all frames, and a
    forest of decision trees judges them: how well they fit contrast that runs along them, how thin
    and even they are, how much film is around them. The forest was grown on synthetic loops alone,
    `Forest.grown_on` says which, and its alarm set there for 5 % of loops without run-off.
    `fluoroinject benchmark --vascular` measures both on any seeds. Vessels that run along the
    beam, that dense film covers, or that are hardly above the noise, are missed.

    Parameters
    ----------
    opacity, registered, needle
        What is searched; the needle's corridor, the border and the shutter are left out.
    on
        The compute backend.

    Returns
    -------
    RunOff
        The likeliest path, whether it raises an alarm or not. `kind` and `score` None with a
        reason where nothing could be searched; a reason beside a kind says what could not be.
    """
    found = look_for_paths(opacity, registered, needle, on=on)
    if isinstance(found, str):
        return _unsearched(found)
    forest = load_forest()
    scores = [judge(forest, one.vector()) / forest.alarm for one in found.traits]
    best = int(np.argmax(scores))
    candidate, traits = found.candidates[best], found.traits[best]
    searched = {one.kind for one in found.sigmas}
    passes = "transient" in searched and traits.passing_snr > traits.staying_snr
    return RunOff(
        score=scores[best],
        # Every detector may see either kind first; along the whole path it shows which fits.
        kind="transient" if passes else "persistent",
        path_px=found.in_loop(candidate.path),
        frames=(candidate.window[0], candidate.window[1] - 1),
        smallest_seen_od=_smallest_seen_od(found),
        reason=_partly({"transient", "persistent"} - searched),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Paths:
    """What was searched, the paths that were found (one at least), and what each looks like."""

    evidence: Evidence
    candidates: tuple[Candidate, ...]
    traits: tuple[Traits, ...]
    sigmas: Sigmas

    def in_loop(self, path: FloatArray) -> DoubleArray:
        """A path on the search's grid as (nodes, 2), (row, column) in pixels of the loop."""
        factor = self.evidence.grid.factor
        placed: DoubleArray = (path.astype(np.float64) + 0.5) * factor - 0.5
        return placed


def look_for_paths(
    opacity: Opacity, registered: RegisteredLoop, needle: Needle | NoNeedle, *, on: Backend
) -> Paths | str:
    """Find the paths that may be run-offs, before they are judged; or why none could be sought."""
    evidence = gather(opacity, registered, needle, on=on)
    if evidence is None:
        return "no open part of the picture is large enough, or no frame is aligned"
    ticks = Clock(frames_per_s=_frames_per_s(registered))
    first = _first_frame(registered)
    suspicion = suspect(evidence)
    candidates, sigmas = search(evidence, suspicion, ticks, first=first)
    if not candidates:
        return _too_short(registered, ticks, first)
    traits = describe(evidence, suspicion, candidates, ticks)
    return Paths(evidence=evidence, candidates=candidates, traits=tuple(traits), sigmas=sigmas)


def _frames_per_s(registered: RegisteredLoop) -> float:
    times = registered.loop.times_s
    if times is None or len(times) < 2:
        return USUAL_FRAMES_PER_S
    step = float(np.median(np.diff(times)))
    return 1.0 / step if step > 0 else USUAL_FRAMES_PER_S


def _first_frame(registered: RegisteredLoop) -> int:
    onset = registered.injection.onset_frame
    return LEAST_BEFORE_FRAMES if onset is None else onset + AFTER_ONSET_FRAMES


def _smallest_seen_od(found: Paths) -> float:
    """Opacity at which a 1 mm vessel of a path's length reaches every threshold.

    On plain ground, in the field's median noise; a vessel over gas or bone has to be denser.
    """
    evidence = found.evidence
    half_width = 0.5 * VESSEL_MM / evidence.grid_mm
    # What is left of a bar of that width after the smoothing of the lines.
    gain = erf(half_width / (CROSS_SECTION_PX * sqrt(2.0)))
    noise_od = float(np.median(evidence.sigma_od[evidence.allowed]))
    needed = max(
        detector.threshold * float(np.median(sigma)) for detector, sigma in found.sigmas.items()
    )
    return needed * noise_od / gain


def _too_short(registered: RegisteredLoop, ticks: Clock, first: int) -> str:
    """Why neither detector had frames to compare, in the fewest frames that either can do with."""
    frames, onset = len(registered.ln), registered.injection.onset_frame
    # A front is compared with as long before it, and must still show at the end.
    needed = max(max(first, ticks.pulse) + ticks.pulse, first + ticks.late)
    if frames >= needed:
        return "too few of the frames that are compared could be aligned"
    since = onset or 0
    where = "" if onset is None else " from the onset on"
    there = max(frames - since, 0)
    return f"loop too short: {needed - since} frames{where} are needed, {there} are there"


def _partly(missing: set[str]) -> str | None:
    if "transient" in missing:
        return "the loop ends too early to see whether contrast washes out"
    if "persistent" in missing:
        return "the loop ends too early to see whether contrast stays"
    return None


def _unsearched(reason: str) -> RunOff:
    return RunOff(
        score=None,
        kind=None,
        path_px=np.zeros((0, 2)),
        frames=None,
        smallest_seen_od=None,
        reason=reason,
    )
