"""The exposures of one scene that were kept last, and the mask that is laid of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.analysis.following import FrameStatus, Placer
from napari_fluoroinject.analysis.live_looks import Looks
from napari_fluoroinject.analysis.live_mask import FEWEST_MASK_FRAMES, MaskFrame, lay_mask
from napari_fluoroinject.analysis.live_onset import Begin, OnsetWatch
from napari_fluoroinject.analysis.live_uptake import Uptake, UptakeWatch
from napari_fluoroinject.analysis.placing import Lens
from napari_fluoroinject.compute.curves import Exposure, check_stored, native
from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.model.arrays import FloatArray, StoredArray

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from napari_fluoroinject.analysis.feed.area import PictureArea
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import BoolArray
    from napari_fluoroinject.model.cine import IntensityScale

MASK_FRAMES = 12
"""Usual number of mask frames, as in the analysis of whole loops."""
SETTLING_FRAMES = 3
"""Frames whose exposure is not yet that of the run."""
YOUNG_FRAMES = 12
"""Of the newest frames no mask is laid when it is renewed: they may hold contrast unseen."""
KEPT_EXPOSURES = 40
"""For the mask, for what is told before the begin is seen, and for what comes while it is laid."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """One exposure: number and time in the feed, stored values, log in bins and that before it."""

    frame: int
    time_s: float
    stored: StoredArray
    binned: FloatArray
    before: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What a placed frame told: its place, whether contrast began, and paths that may run off."""

    status: FrameStatus
    begin: Begin | None
    uptakes: tuple[Uptake, ...]


class Masked:
    """A mask that is laid, and what watches the frames over it.

    Attributes
    ----------
    placed
        The newest frame that was told; those of the mask need not be.
    exposures
        Places in the maps of the last frames that were told and not lost, by their numbers.
    looks
        For run-off.
    """

    def __init__(
        self,
        placer: Placer,
        *,
        on: Backend,
        mm_per_bin: float | None,
        looks_beside: Executor | None = None,
    ) -> None:
        self.placer = placer
        self.onset = OnsetWatch(placer.inner)
        self.looks = Looks(
            UptakeWatch(placer.inner, placer.ground_ln, on=on, mm_per_bin=mm_per_bin),
            beside=looks_beside,
        )
        self.placed = placer.mask_frames[-1]
        self.exposures: dict[int, Exposure] = {}

    def add(self, kept: Kept, *, onset: bool = True, uptake: bool = True) -> Seen:
        """Place a frame, and look for what begins, as far as that is asked for."""
        pair = np.stack([kept.before, kept.binned])
        status, exposure = self.placer.add(kept.frame, kept.time_s, pair)
        self.placed = max(self.placed, kept.frame)
        if exposure is not None:
            self.exposures[kept.frame] = exposure
            if len(self.exposures) > KEPT_EXPOSURES:
                del self.exposures[next(iter(self.exposures))]
        seen = self.placer.seen
        uptakes = self.looks.add(seen, kept.frame, kept.time_s) if uptake else ()
        begin = self.onset.add(seen) if onset else None
        return Seen(status=status, begin=begin, uptakes=uptakes)


class Scene:
    """One picture area of one size and type, from one place of the apparatus.

    Parameters
    ----------
    intensity, area
        Scale of the stored values, and where the picture is.
    on
        The compute backend.
    mm_per_px
        What a pixel measures; None = not known.
    settling
        First exposures that are left out.
    looks_beside
        Where run-off is looked for, as `Looks` takes it.
    """

    def __init__(
        self,
        intensity: IntensityScale,
        area: PictureArea,
        *,
        on: Backend,
        mm_per_px: float | None = None,
        settling: int = SETTLING_FRAMES,
        looks_beside: Executor | None = None,
    ) -> None:
        self._intensity, self._on, self._looks_beside = intensity, on, looks_beside
        self._lens = Lens.of(intensity, area.shape_px)
        self._mm_per_bin = None if mm_per_px is None else mm_per_px * self._lens.factor
        self._field = self._binned_field(area.field)
        self._dtype: np.dtype[Any] | None = None
        self._last: FloatArray | None = None
        self._settling = settling
        self.kept: deque[Kept] = deque(maxlen=KEPT_EXPOSURES)

    def keep(self, stored: StoredArray, frame: int, time_s: float) -> Kept | None:
        """Keep an exposure, (rows, columns) of the picture; None while exposures settle.

        Raises
        ------
        ValueError
            It is not of the type of those before.
        """
        check_stored(stored)
        own = native(stored).copy()
        if self._dtype not in (None, own.dtype):
            raise ValueError(
                f"a frame of type {own.dtype} after frames of type {self._dtype}; expected one"
            )
        self._dtype = own.dtype
        binned = self._lens.binned(own, self._on.kernels)
        before = binned if self._last is None else self._last
        self._last = binned
        if self._settling > 0:
            self._settling -= 1
            return None
        kept = Kept(frame=frame, time_s=time_s, stored=own, binned=binned, before=before)
        self.kept.append(kept)
        return kept

    def chosen(self, *, young: int = 0) -> tuple[Kept, ...]:
        """Frames for a mask: the last of those kept, but for so many `young` ones."""
        old = [*self.kept][: len(self.kept) - young]
        return tuple(old[-MASK_FRAMES:])

    def lay(self, mask: Sequence[Kept], then: Sequence[Kept] = ()) -> Masked:
        """Lay a mask, and tell it the frames `then`; takes some tenths of a second.

        Those of the mask may be among them: of them noise is learned, and what wanders.

        Raises
        ------
        AnalysisError
            Too few of the frames show the same scene.
        """
        frames = [
            MaskFrame(frame=k.frame, stored=k.stored, binned=k.binned, before=k.before)
            for k in mask
        ]
        good: list[int] = []
        laid = None
        if len(frames) >= FEWEST_MASK_FRAMES:
            good, laid = lay_mask(frames, self._field, self._lens, kernels=self._on.kernels)
        if laid is None:
            raise AnalysisError(
                f"{len(good) or len(frames)} frames so far that show the same scene; expected at "
                f"least {FEWEST_MASK_FRAMES} before contrast"
            )
        placer = Placer(
            [frames[index] for index in good],
            laid,
            self._intensity,
            self._lens,
            goes_on=False,
            on=self._on,
        )
        masked = Masked(
            placer, on=self._on, mm_per_bin=self._mm_per_bin, looks_beside=self._looks_beside
        )
        for kept in then:
            masked.add(kept)
        masked.onset.doubt()
        return masked

    def _binned_field(self, field: BoolArray) -> BoolArray:
        share = self._on.kernels.bin_frames(
            field[None].astype(np.float32), np.ones(field.shape, np.float32), self._lens.factor
        )
        return np.asarray(share[0] >= 1.0)
