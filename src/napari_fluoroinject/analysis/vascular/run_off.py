"""The run-off search over the whole field and every frame, and what it says."""

from __future__ import annotations

from math import erf, sqrt
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.vascular.detectors import Clock, Sigmas, search
from napari_fluoroinject.analysis.vascular.evidence import Evidence, gather
from napari_fluoroinject.analysis.vascular.ridge import CROSS_SECTION_PX
from napari_fluoroinject.analysis.vascular.suspicion import suspect
from napari_fluoroinject.model.spread import RunOff

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.compute.backend import Backend
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

    Two kinds: a **transient** line that is darker than before and than after, for about a second
    or two, and a **persistent** one, darker in all frames from a time on than in all before it.
    Both judge smooth paths of 23 mm anywhere in the field, because run-off may be remote from the
    needle; a path's later part may be seen up to two looks after its first, as a front moves on.
    Where no onset was seen the whole loop is searched: a run-off may be the only contrast.

    After methods-contrast 5 of the project's reference, changed where synthetic loops asked for
    it: a line must be thin against both sides (root sleeves, film), must stand out by itself
    (gaps in film), counts less along edges of the anatomy that move (trailing edges of gas), less
    in film, and less the wider it is beyond a vessel. A wide vein, and a vessel that dense film
    covers, are therefore missed.

    The thresholds were set for a false-alarm rate of 5 % on 79 synthetic loops of both families
    (seeds 5200 to 5204, 6000 to 6004 and 7000 to 7003, 20 nGy per frame): 2 alarms in 40 loops
    without run-off, which says only that the rate is probably between 1 and 17 % (95 %
    confidence), and 26 of 39 run-offs found. They were chosen on these very loops and measure
    nothing on new ones; `fluoroinject benchmark --vascular` does, on any seeds. One threshold
    serves all procedures.

    Parameters
    ----------
    opacity, registered, needle
        What is searched; the needle's corridor, the border and the shutter are left out.
    on
        The compute backend.

    Returns
    -------
    RunOff
        The strongest path, whether it reaches the threshold or not. `kind` and `score` None with
        a reason where nothing could be searched; a reason beside a kind says what could not be.
    """
    evidence = gather(opacity, registered, needle, on=on)
    if evidence is None:
        return _unsearched("no open part of the picture is large enough, or no frame is aligned")
    ticks = Clock(frames_per_s=_frames_per_s(registered))
    first = _first_frame(registered)
    best, sigmas = search(evidence, suspect(evidence), ticks, first=first)
    if best is None:
        return _unsearched(_too_short(registered, ticks, first))
    return RunOff(
        score=best.score,
        kind=best.kind,
        path_px=(best.path.astype(np.float64) + 0.5) * evidence.grid.factor - 0.5,
        frames=(best.window[0], best.window[1] - 1),
        smallest_seen_od=_smallest_seen_od(evidence, sigmas),
        reason=_partly({"transient", "persistent"} - {detector.kind for detector in sigmas}),
    )


def _frames_per_s(registered: RegisteredLoop) -> float:
    times = registered.loop.times_s
    if times is None or len(times) < 2:
        return USUAL_FRAMES_PER_S
    step = float(np.median(np.diff(times)))
    return 1.0 / step if step > 0 else USUAL_FRAMES_PER_S


def _first_frame(registered: RegisteredLoop) -> int:
    onset = registered.injection.onset_frame
    return LEAST_BEFORE_FRAMES if onset is None else onset + AFTER_ONSET_FRAMES


def _smallest_seen_od(evidence: Evidence, sigmas: Sigmas) -> float:
    """Opacity at which a 1 mm vessel of a path's length reaches every threshold.

    On plain ground, in the field's median noise; a vessel over gas or bone has to be denser.
    """
    half_width = 0.5 * VESSEL_MM / evidence.grid_mm
    # What is left of a bar of that width after the smoothing of the lines.
    gain = erf(half_width / (CROSS_SECTION_PX * sqrt(2.0)))
    noise_od = float(np.median(evidence.sigma_od[evidence.allowed]))
    needed = max(
        detector.threshold * float(np.median(sigma)) for detector, sigma in sigmas.items()
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
