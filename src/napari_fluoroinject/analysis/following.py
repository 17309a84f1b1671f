"""Frames after the mask: placed one by one, and taken into the maps."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from napari_fluoroinject.analysis.live_mask import (
    REGION_FRAMES,
    REGION_SIGMA,
    MaskFrame,
    make_subtraction,
    region_threshold,
)
from napari_fluoroinject.analysis.placing import Lens, Placed, banded, learned, place
from napari_fluoroinject.analysis.pose import looked_up
from napari_fluoroinject.compute.curves import CurveMaps, Exposure, Exposures, Subtraction
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray, read_only

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.analysis.placing import LaidMask
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import StoredArray
    from napari_fluoroinject.model.cine import IntensityScale

Phase = Literal["settling", "mask", "following"]
"""The first frames have another exposure; then mask frames are gathered, then contrast comes."""

_LOST_IN_A_ROW = 3
"""After so many lost frames the last good pose may be a wrong one."""
_MEAN_SHARE = 0.05
"""Share of a new pose in the mean of the poses: that of about a breath."""
_EVERY = 4
"""A median over every fourth bin of every fourth row is known well enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameStatus:
    """What one frame told.

    Attributes
    ----------
    frame, time_s, phase
        Which frame, counted from 0, when it was taken, and what it was used for.
    shift_px
        (row, column): what stands at p in the reference pose stands at p + shift; None before
        contrast is awaited.
    residual, locked
        What is left over the mask frames' usual, and whether it is the same scene. A frame that
        is not is left out of the maps.
    area_px, mean_opacity
        Extent of `LiveSnapshot.region` in pixels, and the mean opacity in it; None where there is
        none.
    registration_s, maps_s
        Seconds that passed while the frame was placed, and while the maps were updated.
    """

    frame: int
    time_s: float
    phase: Phase
    shift_px: tuple[float, float] | None = None
    residual: float | None = None
    locked: bool = True
    area_px: int = 0
    mean_opacity: float | None = None
    registration_s: float = 0.0
    maps_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LiveSnapshot:
    """The maps so far.

    Attributes
    ----------
    maps
        Of `frames`, exactly what `Kernels.curve_maps` gives for them, `exposures` and
        `subtraction`. Opacity is that of the picture, not corrected for scatter.
    mask_frames, frames, lost_frames
        Frames of the mask without those that were blank or of another scene, frames in the maps,
        and those left out because the registration lost them.
    valid
        (rows, columns), True inside the open field where every frame shows the anatomy.
    region
        (rows, columns), where the last frames are darker than the mask, in whole bins: contrast,
        and just as well gas that went away or a needle that came.
    """

    maps: CurveMaps
    subtraction: Subtraction
    exposures: Exposures
    mask_frames: tuple[int, ...]
    frames: tuple[int, ...]
    lost_frames: tuple[int, ...]
    valid: BoolArray
    region: BoolArray

    def __post_init__(self) -> None:
        for name in ("valid", "region"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.bool_))


class Placer:
    """Lays frames over the mask, one after the other, and finds the region of contrast in them.

    `mask` are the frames that `laid` is made of; the last two of them tell how the anatomy moves
    if it `goes_on` from there. `exposures` are those of `frames`, which were placed; `lost` the
    others. `seen` is the opacity of the last frame's bins in the reference pose, None where it was
    lost, and `inner` (rows, columns) is 1 where motion brings in nothing.
    """

    def __init__(
        self,
        mask: Sequence[MaskFrame],
        laid: LaidMask,
        intensity: IntensityScale,
        lens: Lens,
        *,
        goes_on: bool,
        on: Backend,
    ) -> None:
        kernels = on.kernels
        self._lens, self._kernels = lens, kernels
        self._ground, self._lag, pose = laid.ground, laid.lag, laid.pose
        self._pose = pose[-1]
        self._step = pose[-1] - pose[-2] if goes_on else np.zeros_like(pose[-1])
        self._mean_pose, self._lost_in_a_row = np.zeros_like(pose[-1]), 0
        stored = cast("StoredArray", np.stack([one.stored for one in mask]))
        self._field = _unbinned(self._ground.field, lens.factor, stored.shape[1:])
        self.subtraction = make_subtraction(
            stored, pose[:, :2] * lens.factor, self._field, intensity, on=on
        )
        binned = np.stack([one.binned for one in mask])
        self._threshold = region_threshold(binned, pose, self._ground, kernels=kernels)
        self._mask_frames = tuple(one.frame for one in mask)
        self.frames: list[int] = []
        self.exposures: list[Exposure] = []
        self._lost: list[int] = []
        self._recent: deque[FloatArray] = deque(maxlen=REGION_FRAMES)
        self._region = np.zeros_like(self._ground.field)
        self.seen: FloatArray | None = None

    @property
    def inner(self) -> FloatArray:
        """1 in the bins that motion never brings anything into, else 0."""
        return self._ground.inner

    @property
    def ground_ln(self) -> FloatArray:
        """Mean of the mask frames, natural log of the beam in bins."""
        return self._ground.ln

    @property
    def mask_frames(self) -> tuple[int, ...]:
        """Frames that the mask is made of."""
        return self._mask_frames

    @property
    def lost(self) -> tuple[int, ...]:
        """Frames that were lost."""
        return tuple(self._lost)

    def forget_before(self, frame: int) -> None:
        """Leave out of the maps what came before a frame."""
        kept = [at for at, number in enumerate(self.frames) if number >= frame]
        self.frames = [self.frames[at] for at in kept]
        self.exposures = [self.exposures[at] for at in kept]
        self._lost = [number for number in self._lost if number >= frame]

    def add(
        self, frame: int, time_s: float, binned: FloatArray
    ) -> tuple[FrameStatus, Exposure | None]:
        """Place a frame; `binned` (2, rows, columns) is the one before, and it.

        Returns what it told, and the exposure with which it belongs into the maps; None where it
        was lost.
        """
        band = banded(binned, self._ground, self._lens, kernels=self._kernels)
        placed = self._find(band)
        row, column = (float(step) for step in placed.pose[:2] * self._lens.factor)
        mean = exposure = None
        if placed.locked:
            after = self._lost_in_a_row
            self._step = np.zeros_like(self._pose) if after else placed.pose - self._pose
            self._pose, self._lost_in_a_row = placed.pose, 0
            self._mean_pose = self._mean_pose + _MEAN_SHARE * (placed.pose - self._mean_pose)
            self._lag = learned(self._lag, placed, self._ground, self._lens, kernels=self._kernels)
            opacity, offset = self._opacity(binned[1])
            self.seen = opacity
            mean = self._see(opacity)
            exposure = Exposure(time_s=time_s, shift_px=(row, column), offset=offset)
            self.frames.append(frame)
            self.exposures.append(exposure)
        else:
            self._step = np.zeros_like(self._pose)
            self._lost_in_a_row += 1
            self._lost.append(frame)
            self.seen = None
        return FrameStatus(
            frame=frame,
            time_s=time_s,
            phase="following",
            shift_px=(row, column),
            residual=placed.residual,
            locked=placed.locked,
            area_px=int(self._region.sum()) * self._lens.factor**2,
            mean_opacity=mean,
        ), exposure

    def snapshot(self, maps: CurveMaps, *, count: int | None = None) -> LiveSnapshot:
        """The maps of the first `count` frames (None = of all) with what belongs to them."""
        exposures, shape = Exposures.of(self.exposures[:count]), self._field.shape
        return LiveSnapshot(
            maps=maps,
            subtraction=self.subtraction,
            exposures=exposures,
            mask_frames=self._mask_frames,
            frames=tuple(self.frames[:count]),
            lost_frames=tuple(self._lost),
            valid=self._field & _always_seen(exposures.shift_px, shape),
            region=_unbinned(self._region, self._lens.factor, shape),
        )

    def _find(self, band: FloatArray) -> Placed:
        """Lay a frame over the mask; where frames were lost in a row, from elsewhere too."""
        # What moves goes on moving: from there the way to the true pose is shorter.
        start = self._pose + self._step
        placed = place(band, self._ground, self._lag, start, kernels=self._kernels)
        if placed.locked or self._lost_in_a_row < _LOST_IN_A_ROW:
            return placed
        # one more try a frame, lest lost frames be late
        zero = np.zeros_like(self._pose)
        other = zero if self._lost_in_a_row % 2 else self._mean_pose
        again = place(band, self._ground, self._lag, other, kernels=self._kernels)
        return again if again.residual < placed.residual else placed

    def _opacity(self, binned: FloatArray) -> tuple[FloatArray, float]:
        """Opacity of the frame's bins in the reference pose, and its exposure's share of it."""
        opacity = self._ground.ln - self._kernels.warp(binned[None], self._pose[None])[0]
        some, inside, region = (
            picture[::_EVERY, ::_EVERY]
            for picture in (opacity, self._ground.inner > 0, self._region)
        )
        # contrast fades out around the region
        for where in (inside & ~_grown(region), inside):
            seen = some[where]
            if seen.size:
                offset = float(np.median(seen))
                return opacity - np.float32(offset), offset
        return opacity, 0.0

    def _see(self, opacity: FloatArray) -> float | None:
        """Find the region in the last frames; its mean opacity, None where there is none."""
        self._recent.append(opacity)
        mean = np.stack(self._recent).mean(axis=0, keepdims=True, dtype=np.float32)
        smooth = self._kernels.smooth(mean, self._ground.inner, REGION_SIGMA)[0]
        over = (smooth > self._threshold) & (self._ground.inner > 0)
        enough = len(self._recent) == REGION_FRAMES
        # specks of one bin are noise
        self._region = _grown(~_grown(~over)) if enough else np.zeros_like(over)
        return float(smooth[self._region].mean()) if self._region.any() else None


class Following:
    """The part of `live.LiveMaps` that begins when the mask is complete."""

    def __init__(self, placer: Placer, *, on: Backend) -> None:
        self._placer = placer
        self._follower = on.kernels.follow_curves(placer.subtraction)

    def add(
        self, frame: int, stored: StoredArray, time_s: float, binned: FloatArray
    ) -> FrameStatus:
        """Place a frame and take it into the maps; `binned` as for `Placer.add`."""
        began = perf_counter()
        status, exposure = self._placer.add(frame, time_s, binned)
        placed = perf_counter()
        if exposure is not None:
            self._follower.add(stored, exposure)
        return replace(status, registration_s=placed - began, maps_s=perf_counter() - placed)

    def snapshot(self) -> LiveSnapshot | None:
        """The maps so far; None where every frame was lost."""
        return self._placer.snapshot(self._follower.maps()) if self._placer.frames else None


def _grown(mask: BoolArray) -> BoolArray:
    """The mask and its neighbours along rows and columns."""
    wide = mask.copy()
    if mask.any():
        for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            wide |= looked_up(mask, down, right)
    return wide


def _unbinned(picture: BoolArray, factor: int, shape: tuple[int, ...]) -> BoolArray:
    """Every bin as its pixels; what is left over at the end is in none."""
    wide = np.repeat(np.repeat(picture, factor, axis=0), factor, axis=1)
    whole = np.zeros(shape[-2:], np.bool_)
    whole[: wide.shape[0], : wide.shape[1]] = wide
    return whole


def _always_seen(shift_px: DoubleArray, shape: tuple[int, ...]) -> BoolArray:
    """(rows, columns), True where no shift looks beyond the picture."""
    seen = [
        (np.arange(size) + low >= 0) & (np.arange(size) + high <= size - 1)
        for size, low, high in zip(shape, shift_px.min(axis=0), shift_px.max(axis=0), strict=True)
    ]
    return np.asarray(seen[0][:, None] & seen[1][None, :])
