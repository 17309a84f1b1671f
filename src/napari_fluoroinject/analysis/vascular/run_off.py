"""The run-off search over the whole field and every frame, and what it says."""

from __future__ import annotations

import numpy as np

from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
from napari_fluoroinject.analysis.vascular import detectors
from napari_fluoroinject.analysis.vascular.evidence import Evidence, gather
from napari_fluoroinject.compute.backend import Backend
from napari_fluoroinject.model.needle import Needle, NoNeedle
from napari_fluoroinject.model.spread import RunOff

USUAL_FRAMES_PER_S = 15.0


def find_run_off(
    opacity: Opacity, registered: RegisteredLoop, needle: Needle | NoNeedle, *, on: Backend
) -> RunOff:
    evidence = gather(opacity, registered, needle, on=on)
    if evidence is None:
        return _nothing("too little of the picture is open to hold a path")
    found = list(candidates(evidence, registered))
    if not found:
        return _nothing("too few frames")
    best = max(found, key=lambda c: c.score)
    return RunOff(
        score=max(best.score, 0.0),
        kind=best.kind,
        path_px=(best.path + 0.5) * evidence.factor - 0.5,
        frames=(best.frames[0], min(best.frames[1], evidence.frames) - 1),
        smallest_seen_od=None,
    )


def candidates(evidence: Evidence, registered: RegisteredLoop):
    times = registered.loop.times_s
    rate = USUAL_FRAMES_PER_S
    if times is not None and len(times) > 1:
        rate = 1.0 / float(np.median(np.diff(times)))
    ticks = detectors.clock(rate)
    onset = registered.injection.onset_frame
    mask = registered.injection.mask_frames
    window = (min(mask), max(mask) + 1) if mask else (0, 4)
    first = onset + 2 if onset is not None else ticks.gap + 4
    yield from detectors.transient(evidence, ticks, first=first, mask=window)
    yield from detectors.persistent(evidence, ticks, first=first, mask=window)


def _nothing(reason: str) -> RunOff:
    return RunOff(
        score=0.0,
        kind=None,
        path_px=np.zeros((0, 2)),
        frames=None,
        smallest_seen_od=None,
        reason=reason,
    )
