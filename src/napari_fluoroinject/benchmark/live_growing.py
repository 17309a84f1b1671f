"""Examples for the forest that judges while frames come: what a live run sees of loops."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.live_moment import LIVE_TRAITS
from napari_fluoroinject.analysis.live_run import LiveRun
from napari_fluoroinject.analysis.placing import Lens
from napari_fluoroinject.analysis.vascular.forest import Forest
from napari_fluoroinject.benchmark.growing import VASCULAR, Examples, grow, label
from napari_fluoroinject.benchmark.run import exposed
from napari_fluoroinject.compute.backend import choose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.analysis.live_scene import Kept, Masked, Seen
    from napari_fluoroinject.analysis.live_uptake import Uptake
    from napari_fluoroinject.benchmark.cases import Case
    from napari_fluoroinject.model.arrays import FloatArray
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.phantom import Phantom, Truth

_SHORT_FRAMES, _AFTER_FRAMES, _NO_ONSET = 15, 45, 32
"""Frames before contrast in the shorter loop, after its begin in both; where it is cut without."""


def live_examples_of(case: Case, doses_ngy: Sequence[float]) -> tuple[Examples, ...]:
    """Build one scene, expose it at each dose, and follow it as a feed is followed.

    Twice: with all frames before contrast, and with one second of them.
    """
    from napari_fluoroinject.phantom import PhantomSettings

    settings = PhantomSettings(
        seed=case.seed,
        twin=case.twin,
        view=case.view,
        size=case.size,
        frames=case.frames,
        needle=case.needle,
    )
    return tuple(
        _followed(phantom, case, cut)
        for phantom in exposed(case, settings, doses_ngy)
        for cut in cuts(phantom.truth, phantom.loop.shape[0])
    )


def cuts(truth: Truth, frames: int) -> tuple[slice, slice]:
    """Frames of a loop as it is followed: with all before contrast, and with a second of them."""
    onset = _NO_ONSET if truth.onset_frame is None else truth.onset_frame
    stop = min(onset + _AFTER_FRAMES, frames)
    return slice(0, stop), slice(max(onset - _SHORT_FRAMES, 0), stop)


def grow_live(loops: Sequence[Examples], *, grown_on: str) -> Forest:
    """Grow the forest that judges while frames come; as `growing.grow` otherwise."""
    return grow(loops, grown_on=grown_on, traits=LIVE_TRAITS, judged=Forest.judge)


class _Gathering(LiveRun):
    """A run in which every path that is judged is kept, and none is warned of."""

    def __init__(self, loop: CineLoop) -> None:
        super().__init__(
            loop.intensity, loop.shape[1:], on=choose("cpu"), mm_per_px=loop.mm_per_px
        )
        self.found: list[tuple[Uptake, FloatArray]] = []

    def _judge(self, masked: Masked, kept: Kept, seen: Seen) -> None:
        assert self.area is not None  # noqa: S101 - where something was placed there is one
        factor = Lens.of(self._intensity, self.area.shape_px).factor
        middle = (factor - 1) / 2 + np.array(self.area.first_px, np.float32)
        self.found += [(one, one.path_px * np.float32(factor) + middle) for one in seen.uptakes]
        super()._judge(masked, kept, replace(seen, uptakes=()))


def _followed(phantom: Phantom, case: Case, cut: slice) -> Examples:
    truth, loop = phantom.truth, phantom.loop
    times = np.arange(loop.shape[0]) / 15.0 if loop.times_s is None else loop.times_s
    run, first = _Gathering(loop), cut.start
    for frame in range(first, cut.stop):
        run.add(loop.frames.frame(frame), float(times[frame]))
    vessels, shown = truth.labels == VASCULAR, truth.run_off_frames
    labels = []
    for uptake, path_px in run.found:
        seen = label(path_px, vessels) if shown is not None else 0
        meanwhile = (
            shown is not None
            and uptake.first_frame + first <= shown[1]
            and uptake.last_frame + first >= shown[0]
        )
        # A path on the vessel before contrast is in it is neither.
        labels.append(seen if meanwhile else min(-abs(seen), 0))
    vectors = [uptake.vector() for uptake, _ in run.found]
    return Examples(
        scene=f"{case.key} {case.seed}",
        vectors=np.array(vectors, np.float32).reshape(len(vectors), len(LIVE_TRAITS)),
        run_off=np.array(labels, np.int8),
        vascular=shown is not None,
    )
