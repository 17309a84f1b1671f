"""The maps of a loop that is still being made: one frame in, its place and the maps so far out."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.analysis.following import Following, FrameStatus, LiveSnapshot, Placer
from napari_fluoroinject.analysis.live_mask import FEWEST_MASK_FRAMES, MaskFrame, lay_mask
from napari_fluoroinject.analysis.placing import Lens
from napari_fluoroinject.compute.curves import Exposures, check_later, check_stored, native
from napari_fluoroinject.errors import AnalysisError

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.following import Phase
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray, StoredArray
    from napari_fluoroinject.model.cine import CineLoop, IntensityScale

__all__ = ["FrameStatus", "LiveMaps", "LiveSnapshot", "direct_maps", "warm_up"]

SETTLING_FRAMES = 3
"""Frames whose exposure is not yet that of the loop."""
MASK_FRAMES = 12
"""Usual number of mask frames, as in the analysis of whole loops."""
MOST_MASK_FRAMES = 16
"""Of more mask frames the last so many are kept: memory stays bounded."""

_WARM_PX = 128


class LiveMaps:
    """Maps that follow a loop frame by frame: the one object of the analysis that changes.

    After the first frames, which settle, mask frames are gathered until there are `mask_frames`
    of them or `begin` is called; that moment takes some tenths of a second. From then on each
    frame is laid over the mean of the mask frames and goes into the maps at its shift. A turn is
    solved for, lest it look like a shift, but not undone in the maps; a vendor's recursive filter
    is undone for the registration alone. The onset of contrast is not found here: whoever finds
    it calls `begin`. Mask frames that are blank or show another scene are left out; if too few are
    left, gathering goes on.

    These are maps of the picture's own pixels, blurred by less than one of them. Their noise asks
    for a threshold two to three times that of the analysis of a whole loop, so that arrival comes
    1 to 3 frames later, and peaks, which are the highest of noisy values, are higher.

    Memory does not grow with the loop but by a few numbers a frame. At any time the maps are
    those that the whole loop's kernel gives for the same frames, poses and mask, bit by bit.

    Parameters
    ----------
    intensity, shape
        Scale of the stored values, and (rows, columns).
    mask_frames
        Mask frames to gather; None = until `begin` is called.
    header_field
        (rows, columns), what the header's shutter leaves open; None = nothing is known.
    on
        The compute backend.

    Raises
    ------
    AnalysisError
        Too few or too many mask frames are asked for.
    """

    def __init__(
        self,
        intensity: IntensityScale,
        shape: tuple[int, int],
        *,
        on: Backend,
        mask_frames: int | None = MASK_FRAMES,
        header_field: BoolArray | None = None,
    ) -> None:
        self._gathering = _Gathering(
            intensity, shape, on=on, wanted=mask_frames, header_field=header_field
        )
        self._on = on
        self._following: Following | None = None
        self._times_s: list[float] = []  # of the last frame alone

    def add(self, stored: StoredArray, time_s: float) -> FrameStatus:
        """Take in the next frame, (rows, columns), taken at `time_s`.

        Raises
        ------
        ValueError
            It is not of the expected size or type, or not later than the one before. Nothing has
            changed then: the next frame can be added.
        """
        began = perf_counter()
        gathering = self._gathering
        check_later(time_s, self._times_s)
        stored = gathering.checked(stored)
        self._times_s = [time_s]
        binned = gathering.look(stored)
        took = perf_counter() - began
        if self._following is not None:
            status = self._following.add(gathering.frame, stored, time_s, binned)
            return replace(status, registration_s=status.registration_s + took)
        phase = gathering.gather(stored, binned)
        placer = gathering.placer_if_complete()
        if placer is not None:
            self._following = Following(placer, on=self._on)
        took = perf_counter() - began
        return FrameStatus(frame=gathering.frame, time_s=time_s, phase=phase, registration_s=took)

    def begin(self) -> None:
        """Say that the next frame may hold contrast: those before are the mask.

        Raises
        ------
        AnalysisError
            Too few of them show the same scene. More can be added, and `begin` called again.
        """
        if self._following is None:
            self._following = Following(self._gathering.placer(), on=self._on)

    def maps(self) -> LiveSnapshot | None:
        """The maps so far; None as long as no frame is in them."""
        return None if self._following is None else self._following.snapshot()


def direct_maps(
    loop: CineLoop, *, on: Backend, mask_frames: int = MASK_FRAMES
) -> LiveSnapshot | None:
    """What `LiveMaps` gives at the end of a loop: frames placed one by one, mapped in one pass.

    Raises
    ------
    AnalysisError
        The loop has no frame times, or so many mask frames cannot be.
    ValueError
        Its frames are not all of one type that stored values have.
    """
    if loop.times_s is None:
        raise AnalysisError("this loop has no frame times; expected some: maps are maps of time")
    gathering = _Gathering(
        loop.intensity, loop.shape[1:], on=on, wanted=mask_frames, header_field=loop.open_field
    )
    placer: Placer | None = None
    for frame, time_s in enumerate(loop.times_s):
        stored = gathering.checked(loop.frames.frame(frame))
        binned = gathering.look(stored)
        if placer is not None:
            placer.add(frame, float(time_s), binned)
            continue
        gathering.gather(stored, binned)
        placer = gathering.placer_if_complete()
    if placer is None or not placer.frames:
        return None
    every, first, last = loop.frames.every(), placer.frames[0], placer.frames[-1]
    whole = last - first + 1 == len(placer.frames)
    stored = every[first : last + 1] if whole else every[placer.frames]
    exposures = Exposures.of(placer.exposures)
    return placer.snapshot(on.kernels.curve_maps(native(stored), exposures, placer.subtraction))


class _Gathering:
    """Looks at frames, and keeps the last mask frames until they are enough."""

    def __init__(
        self,
        intensity: IntensityScale,
        shape: tuple[int, int],
        *,
        on: Backend,
        wanted: int | None,
        header_field: BoolArray | None,
    ) -> None:
        if wanted is not None and not FEWEST_MASK_FRAMES <= wanted <= MOST_MASK_FRAMES:
            raise AnalysisError(
                f"{wanted} mask frames asked for; expected {FEWEST_MASK_FRAMES} to "
                f"{MOST_MASK_FRAMES}"
            )
        self._intensity, self._shape, self._on, self._wanted = intensity, shape, on, wanted
        self._lens = Lens.of(intensity, shape)
        self._header_field = None if header_field is None else self._binned_field(header_field)
        self.frame = -1
        self._dtype: np.dtype[Any] | None = None
        self._last: FloatArray | None = None
        self._mask: deque[MaskFrame] = deque(maxlen=MOST_MASK_FRAMES)

    def checked(self, stored: StoredArray) -> StoredArray:
        """The frame in native byte order, if it is of the size and type of the loop."""
        if stored.shape != self._shape:
            raise ValueError(f"a frame of {stored.shape} pixels; expected {self._shape}")
        check_stored(stored)
        frame = native(stored)
        if self._dtype not in (None, frame.dtype):
            raise ValueError(
                f"a frame of type {stored.dtype} after frames of type {self._dtype}; expected "
                f"one type"
            )
        return frame

    def look(self, stored: StoredArray) -> FloatArray:
        """The next frame in bins behind the one before it, (2, rows, columns)."""
        self.frame += 1
        self._dtype = stored.dtype
        binned = self._lens.binned(stored, self._on.kernels)
        pair = np.stack([binned if self._last is None else self._last, binned])
        self._last = binned
        return pair

    def gather(self, stored: StoredArray, binned: FloatArray) -> Phase:
        """Keep the frame if it is one of the mask; `binned` is what `look` gave."""
        if self.frame < SETTLING_FRAMES:
            return "settling"
        before, now = binned
        # whoever grabs frames may write the next one into the same buffer
        self._mask.append(
            MaskFrame(frame=self.frame, stored=stored.copy(), binned=now, before=before)
        )
        return "mask"

    def placer_if_complete(self) -> Placer | None:
        """`placer` as soon as there are as many mask frames as were wanted, and enough good."""
        if self._wanted is None or len(self._mask) < self._wanted:
            return None
        return self._laid()[1]

    def placer(self) -> Placer:
        """Lay the mask frames over each other; they are no longer kept then."""
        if len(self._mask) < FEWEST_MASK_FRAMES:
            raise AnalysisError(
                f"{len(self._mask)} mask frames so far; expected at least {FEWEST_MASK_FRAMES} "
                f"after the first {SETTLING_FRAMES} frames of a loop"
            )
        good, placer = self._laid()
        if placer is None:
            raise AnalysisError(
                f"{good} of {len(self._mask)} mask frames so far show the same scene; expected "
                f"at least {FEWEST_MASK_FRAMES}"
            )
        return placer

    def _laid(self) -> tuple[int, Placer | None]:
        """How many mask frames are good, and what they make; None where they are too few."""
        mask = list(self._mask)
        kept, laid = lay_mask(mask, self._header_field, self._lens, kernels=self._on.kernels)
        if laid is None:
            return len(kept), None
        self._mask.clear()
        good = [mask[index] for index in kept]
        # the last two were one after the other, and nothing came since
        goes_on = kept[-2:] == [len(mask) - 2, len(mask) - 1]
        placer = Placer(good, laid, self._intensity, self._lens, goes_on=goes_on, on=self._on)
        return len(good), placer

    def _binned_field(self, field: BoolArray) -> BoolArray:
        share = self._on.kernels.bin_frames(
            field[None].astype(np.float32), np.ones(field.shape, np.float32), self._lens.factor
        )
        return np.asarray(share[0] >= 1.0)


def warm_up(stored: StoredArray, intensity: IntensityScale, *, on: Backend) -> None:
    """Have the kernels compiled and loaded before the first frame comes, by a corner of one."""
    corner = stored[:_WARM_PX, :_WARM_PX].copy()
    # compilers tell apart what may be written to
    corner.flags.writeable = stored.flags.writeable
    live = LiveMaps(intensity, corner.shape, on=on, mask_frames=FEWEST_MASK_FRAMES)
    for frame in range(SETTLING_FRAMES + FEWEST_MASK_FRAMES + 2):
        live.add(corner, float(frame))
    live.maps()
