"""From a shaft in one pose to a needle in every frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.needle.curves import (
    Curves,
    end_present,
    measure_curves,
    rest_from,
)
from napari_fluoroinject.analysis.needle.ends import choose_tip_end
from napari_fluoroinject.analysis.needle.follow import Track, follow
from napari_fluoroinject.analysis.needle.patch import end_patch, fit_patch, point_lengths
from napari_fluoroinject.analysis.needle.refine import Shaft
from napari_fluoroinject.analysis.needle.slide import VisibleEnd, estimate_slide, trace_advance
from napari_fluoroinject.analysis.needle.tip import End, fit_end
from napari_fluoroinject.analysis.registered import RegisteredLoop
from napari_fluoroinject.model.needle import Needle

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.geometry import Point

LAST_FRAMES = 6
ROUNDS = 2
STAINED_WEIGHT = 0.25
"""What a tip's place is worth in a frame in which contrast flows around it."""
BLUNT = np.array([0.5])


def measure_needle(
    registered: RegisteredLoop,
    shaft: Shaft,
    *,
    frames: tuple[int, ...],
    gauge: int | None,
    scale: float,
) -> Needle:
    """Follow a shaft, tell its tip from its hub, and fit both ends.

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
    ends = scene.rough_ends((shaft.start_px, shaft.end_px), last, np.zeros(len(registered.ln)))
    choice = choose_tip_end(registered, track, curves, ends, rest=last, scale=scale)
    outward = choice.outward
    tip_px, hub_px = ends[::-1] if outward > 0 else ends
    rest = rest_from(
        end_present(curves, tip_px, outward=outward, frames=last, scale=scale), last[-1]
    )
    still = tuple(k for k in frames if k >= rest and track.seen[k]) or last[-1:]
    slide = scene.slide(ends, outward, still)
    tip = scene.end(tip_px, outward, still, slide, point_lengths(gauge))
    hub = scene.end(hub_px, -outward, still, slide, BLUNT)
    at_rest = np.isin(np.arange(len(slide)), still).astype(np.float64)
    resting = VisibleEnd(along_px=tip.along_px, outward=outward, weight=at_rest)
    slide = trace_advance(curves, resting, slide, rest=rest, scale=scale)
    tips, hubs = scene.places(tip.along_px + slide), scene.places(hub.along_px + slide)
    frame = still[-1]
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
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scene:
    registered: RegisteredLoop
    shaft: Shaft
    track: Track
    curves: Curves
    scale: float

    def rough_ends(
        self, near: tuple[float, float], frames: tuple[int, ...], slide: DoubleArray
    ) -> tuple[float, float]:
        """Both ends along the axis by the step fit, the one of smaller positions first."""
        mean = self.curves.mean(frames, slide)
        first, last = (
            fit_end(self.curves.along_px, mean, place, outward=outward, scale=self.scale)
            for place, outward in zip(near, (-1, 1), strict=True)
        )
        return first.along_px, last.along_px

    def slide(
        self, ends: tuple[float, float], outward: int, still: tuple[int, ...]
    ) -> DoubleArray:
        """Sliding along the axis, (frames,), zero on average over the frames of rest."""
        shift = self.registered.motion.shift_px
        bone = shift @ np.asarray(self.shaft.line.along)
        slide = np.zeros(len(shift))
        for _ in range(ROUNDS):
            ends = self.rough_ends(ends, still, slide)
            seen = [
                VisibleEnd(
                    along_px=end, outward=side, weight=self._trust(still[0], side == outward)
                )
                for end, side in zip(ends, (-1, 1), strict=True)
            ]
            slide = estimate_slide(self.curves, seen, bone, scale=self.scale)
            slide = slide - slide[list(still)].mean()
        return slide

    def end(
        self,
        near_px: float,
        outward: int,
        frames: tuple[int, ...],
        slide: DoubleArray,
        points: DoubleArray,
    ) -> End:
        """An end in the mean of `frames`, `points` being the lengths its point may have."""
        patch, noise = end_patch(
            self.registered, self.track, near_px,
            outward=outward, frames=frames, slide_px=slide, scale=self.scale,
        )  # fmt: skip
        fitted = fit_patch(
            patch, noise=noise, level=self.shaft.level,
            sigma_px=self.shaft.sigma_px / self.scale, points=points,
        )  # fmt: skip
        return End(
            along_px=near_px + outward * self.scale * fitted.along_px,
            uncertainty_px=self.scale * fitted.uncertainty_px,
        )

    def places(self, along_px: DoubleArray) -> DoubleArray:
        """Positions along the axis of every frame as points of the picture; NaN = not seen."""
        points = [line.at(place) for line, place in zip(self.track.lines, along_px, strict=True)]
        return np.where(self.track.seen[:, None], points, np.nan)

    def _trust(self, rest: int, is_tip: bool) -> DoubleArray:
        frame = np.arange(len(self.registered.ln))
        onset = self.registered.injection.onset_frame
        weight = np.where(frame >= rest, 1.0, 0.0)
        if is_tip and onset is not None:
            weight[frame >= onset] = STAINED_WEIGHT
        return weight


def _point(place: DoubleArray) -> Point:
    return float(place[0]), float(place[1])
