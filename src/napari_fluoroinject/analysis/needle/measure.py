"""From a shaft in one pose to a needle in every frame."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, hypot, sin
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.needle.curves import (
    Curves,
    end_present,
    measure_curves,
    rest_from,
)
from napari_fluoroinject.analysis.needle.ends import TipEnd, choose_tip_end, only_end
from napari_fluoroinject.analysis.needle.fading import doubted, overtaken
from napari_fluoroinject.analysis.needle.follow import Track, follow
from napari_fluoroinject.analysis.needle.patch import end_patch, fit_patch, point_lengths
from napari_fluoroinject.analysis.needle.reasons import undecided
from napari_fluoroinject.analysis.needle.refine import Shaft
from napari_fluoroinject.analysis.needle.slide import estimate_slide, trace_advance
from napari_fluoroinject.analysis.needle.tip import End, fit_end
from napari_fluoroinject.analysis.registered import RegisteredLoop
from napari_fluoroinject.model.needle import Needle, NoNeedle

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.geometry import Point

LAST_FRAMES = 6
ROUNDS = 2
FILLING_FRAMES = 3
"""So few frames after the onset contrast hardly changes what is seen of the shaft."""
STAINED_WEIGHT = 0.25
"""What a tip's place is worth in a frame in which contrast flows around it."""
BLUNT = np.array([0.5])
SIGMA_FACTOR, SIGMA_FLOOR_PX = 1.1, 0.25
"""What the fit's own sigma leaves out (edges are not Gaussian, motion is not exact), so that on
synthetic loops other than those reported on 2 sigma cover 95 % of the errors."""


def measure_needle(
    registered: RegisteredLoop,
    shaft: Shaft,
    *,
    frames: tuple[int, ...],
    gauge: int | None,
    scale: float,
) -> Needle | NoNeedle:
    """Follow a shaft, tell its tip from its hub, and fit both ends.

    Where nothing tells its tip from its hub there is no needle: half of the tips would be wrong.

    Parameters
    ----------
    registered
        The loop.
    shaft
        In the reference pose, as it stands in the last of `frames`.
    frames
        Frames without contrast, rising.
    gauge
        18 to 25 when known.
    scale
        Growth of the pixel parameters (`pixel_scale`).
    """
    last = frames[-LAST_FRAMES:]
    track = follow(registered, shaft, start=last[-1], scale=scale)
    curves = measure_curves(registered, shaft, track, scale=scale)
    scene = _Scene(registered=registered, shaft=shaft, track=track, curves=curves, scale=scale)
    ends = End(along_px=shaft.start_px, outward=-1), End(along_px=shaft.end_px, outward=1)
    rough = scene.rough_ends(ends, last, np.zeros(len(registered.ln)))
    choice = only_end(shaft, scale=scale) or choose_tip_end(
        registered, track, curves, rough, rest=last, scale=scale
    )
    if choice is None:
        line = track.lines[last[-1]]
        return undecided(line.at(rough[0].along_px), line.at(rough[1].along_px), registered)
    return _fitted(scene, rough, choice, frames=frames, gauge=gauge)


def _fitted(
    scene: _Scene,
    ends: tuple[End, End],
    choice: TipEnd,
    *,
    frames: tuple[int, ...],
    gauge: int | None,
) -> Needle:
    """Fit both ends, of which one is known to be the tip, and follow them over all frames."""
    registered, curves, scale = scene.registered, scene.curves, scene.scale
    tip, hub = ends[::-1] if choice.outward > 0 else ends
    last = frames[-LAST_FRAMES:]
    rest = rest_from(end_present(curves, tip, frames=last, scale=scale), last[-1])
    still = tuple(k for k in frames if k >= rest and scene.track.seen[k]) or last[-1:]
    tip, tip_slide = scene.locate(tip, still, scene.clear(), point_lengths(gauge))
    mean = curves.mean(still, tip_slide)
    tip = overtaken(tip, curves.along_px, scene.just_after(frames), scale=scale)
    tip = doubted(tip, curves.along_px, mean, length_px=scene.shaft.length_px, scale=scale)
    hub, hub_slide = scene.locate(hub, still, np.ones(len(registered.ln)), BLUNT)
    tip_slide = trace_advance(curves, tip, tip_slide, rest=rest, still=still, scale=scale)
    hub_slide[:rest] = tip_slide[:rest]
    tips = scene.places(tip.along_px + tip_slide)
    hubs = scene.places(hub.along_px + hub_slide)
    frame, length_px = still[-1], tip.along_px - hub.along_px
    return Needle(
        tip_px=_point(tips[frame]),
        hub_px=_point(hubs[frame]),
        frame=frame,
        tip_uncertainty_px=tip.uncertainty_px,
        hub_uncertainty_px=hub.uncertainty_px,
        tip_by_frame_px=tips,
        hub_by_frame_px=hubs,
        source="detected",
        tip_end_by=choice.by,
        at_rest_from_frame=rest,
        # A curve that turns towards the normal has its middle on the other side of the chord.
        sag_px=-choice.outward * scene.shaft.line.curvature * length_px**2 / 8,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scene:
    registered: RegisteredLoop
    shaft: Shaft
    track: Track
    curves: Curves
    scale: float

    def rough_ends(
        self, near: tuple[End, End], frames: tuple[int, ...], slide: DoubleArray
    ) -> tuple[End, End]:
        """Both ends by the step fit to the mean curve of some frames."""
        mean = self.curves.mean(frames, slide)
        first, last = (fit_end(self.curves.along_px, mean, end, scale=self.scale) for end in near)
        return first, last

    def locate(
        self, end: End, still: tuple[int, ...], clear: DoubleArray, points: DoubleArray
    ) -> tuple[End, DoubleArray]:
        """An end at rest, and its sliding along the axis (frames,), zero on average at rest.

        `clear` (frames,) is what each frame is worth, `points` the lengths its point may have.
        """
        place = np.array(self.shaft.line.at(end.along_px))
        moved = self.registered.motion.all_in_frame(place) - place
        angle = self.shaft.line.angle_at(end.along_px)
        bone = moved @ np.array([sin(angle), cos(angle)])
        weight = clear * (np.arange(len(moved)) >= still[0])
        slide = np.zeros(len(moved))
        for _ in range(ROUNDS):
            mean = self.curves.mean(still, slide)
            end = fit_end(self.curves.along_px, mean, end, scale=self.scale)
            slide = estimate_slide(self.curves, end, weight, bone, scale=self.scale)
            slide -= slide[list(still)].mean()
        return self._polished(end, still, slide, points), slide

    def just_after(self, frames: tuple[int, ...]) -> DoubleArray:
        """Mean curve of the frames that follow, until contrast has had time to spread."""
        onset = self.registered.injection.onset_frame
        after = range(frames[-1] + 1, 0 if onset is None else onset + FILLING_FRAMES)
        seen = [k for k in after if k < len(self.track.seen) and self.track.seen[k]]
        if not seen:
            return np.full(len(self.curves.along_px), np.nan)
        return self.curves.mean(seen, np.zeros(len(self.track.seen)))

    def clear(self) -> DoubleArray:
        """What the tip's place is worth in each frame: less where contrast flows around it."""
        weight = np.ones(len(self.registered.ln))
        if self.registered.injection.onset_frame is not None:
            weight[self.registered.injection.onset_frame :] = STAINED_WEIGHT
        return weight

    def places(self, along_px: DoubleArray) -> DoubleArray:
        """Positions along the axis of every frame as points of the picture; NaN = not seen."""
        points = [line.at(place) for line, place in zip(self.track.lines, along_px, strict=True)]
        return np.where(self.track.seen[:, None], points, np.nan)

    def _polished(
        self, near: End, frames: tuple[int, ...], slide: DoubleArray, points: DoubleArray
    ) -> End:
        # Twice: the second patch is centred on the end, wherever the rough one was.
        for _ in range(ROUNDS):
            patch, noise = end_patch(
                self.registered, self.track, near, frames=frames, slide_px=slide, scale=self.scale
            )
            beyond, sigma = fit_patch(
                patch,
                noise=noise,
                level=self.shaft.level,
                sigma_px=self.shaft.sigma_px / self.scale,
                points=points,
            )
            near = End(
                along_px=near.along_px + near.outward * self.scale * beyond,
                outward=near.outward,
                uncertainty_px=self.scale * hypot(SIGMA_FACTOR * sigma, SIGMA_FLOOR_PX),
            )
        return near


def _point(place: DoubleArray) -> Point:
    return float(place[0]), float(place[1])
