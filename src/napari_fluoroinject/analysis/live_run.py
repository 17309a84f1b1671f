"""A feed followed by itself: mask, begin of contrast, maps and the vascular warning."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.analysis.feed.watch import Watch
from napari_fluoroinject.analysis.live import warm_up
from napari_fluoroinject.analysis.live_mask import FEWEST_MASK_FRAMES
from napari_fluoroinject.analysis.live_scene import (
    KEPT_EXPOSURES,
    MASK_FRAMES,
    SETTLING_FRAMES,
    YOUNG_FRAMES,
    Kept,
    Masked,
    Scene,
    Seen,
)
from napari_fluoroinject.analysis.live_told import LiveWarning, RunPhase, RunStatus
from napari_fluoroinject.analysis.live_uptake import WARM_FRAMES, UptakeWatch
from napari_fluoroinject.errors import AnalysisError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from napari_fluoroinject.analysis.feed.area import PictureArea
    from napari_fluoroinject.analysis.feed.watch import Look
    from napari_fluoroinject.analysis.following import LiveSnapshot
    from napari_fluoroinject.analysis.live_uptake import Uptake
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.compute.curves import Follower
    from napari_fluoroinject.model.arrays import StoredArray
    from napari_fluoroinject.model.cine import IntensityScale

__all__ = ["LiveRun", "LiveWarning", "RunPhase", "RunStatus"]

NEW_RUN_S = 2.0
"""After a longer pause between exposures a run is another: it has a mask of its own."""
RENEW_S = 6.0
"""A mask this old is laid anew while contrast is awaited."""
BEFORE_FRAMES = 3
"""Frames before the begin that was found that go into the maps, too: it may err."""
BACK_FRAMES = 8
"""When a person says that contrast begins, so many frames before that go into the maps."""
LOST_FRAMES = 10
"""After so many lost frames in a row the mask no longer fits."""
RESTLESS = 0.5
"""Share of the alarm of onset from which on no mask is renewed: contrast may be beginning."""
_WARM_PX = 128
UPTAKE_TEXT = (
    "A tubular run-off reached the alarm threshold in the last frames; look at the run. What the "
    "analysis of the whole run says may differ, and no warning would not mean that there is none."
)
RELATIVE_TEXT = (
    "The pictures were processed for display: opacity is relative, not quantitative, and times "
    "and places hold as far as brightness stays the same."
)


class LiveRun:
    """Follows a feed of any pictures; the one object that changes while it goes on.

    `Watch` tells which frames are fresh exposures and where in them the picture is. After the
    first, which settle, a mask is laid of six, of twelve as soon as there are as many, and anew
    every `RENEW_S` as long as nothing begins, and when table, C-arm, size or area changed or a run
    begins. Contrast that begins, a run-off, or `begin` start the maps; the frames since then,
    which are kept, go into them at once. They go on until the next run or `begin`: a second
    injection in the same run is not told from the first, unless `begin` says so.

    Parameters
    ----------
    intensity, shape
        Scale of the stored values, and (rows, columns) of the frames as they are delivered.
    on
        The compute backend.
    automatic
        Whether the begin of contrast is found; else maps begin when `begin` is called.
    mm_per_px
        What a pixel of the feed measures; None = not known.
    beside
        Lays masks while frames go on; None = `add` lays them, and takes some tenths of a second.

    Attributes
    ----------
    shape
        (rows, columns) of the frames.
    """

    def __init__(
        self,
        intensity: IntensityScale,
        shape: tuple[int, int],
        *,
        on: Backend,
        automatic: bool = True,
        mm_per_px: float | None = None,
        beside: Executor | None = None,
    ) -> None:
        self._intensity, self._on, self._automatic = intensity, on, automatic
        self._mm_per_px, self._beside = mm_per_px, beside
        self.shape = shape
        self._watch = Watch(intensity, shape)
        self._count = -1
        self._scene: Scene | None = None
        self._said_relative = intensity.relationship != "display"
        self._remarks: list[str] = []
        self._masked: Masked | None = None
        self._follower: Follower | None = None
        self._laying: Future[Masked] | None = None
        self._laid_at_s = 0.0
        self._onset_frame: int | None = None
        self._onset_time_s: float | None = None
        self._warnings: list[LiveWarning] = []
        self._lost_in_a_row = 0
        self._renewed = False

    def add(self, stored: StoredArray, time_s: float, *, index: int | None = None) -> RunStatus:
        """Take in the next frame, (rows, columns), taken at `time_s`.

        Parameters
        ----------
        stored, time_s
            The frame as the feed delivers it, and when it came, later than the one before.
        index
            The feed's own number of it; None = counted here.

        Raises
        ------
        ValueError
            It is not of the expected size or type, or not later than the one before. Nothing has
            changed then.
        """
        look = self._watch.look(stored, time_s, index=index)
        self._count = self._count + 1 if index is None else index
        self._renewed, self._remarks, seen = False, [], None
        self._begin_anew_if_needed(look)
        if look.fresh and self._scene is not None:
            seen = self._exposure(self._watch.cut(stored), time_s)
        return RunStatus(
            look=look,
            phase=self._phase,
            status=None if seen is None else seen.status,
            onset_frame=self._onset_frame,
            onset_time_s=self._onset_time_s,
            mask_frames=() if self._masked is None else self._masked.placer.mask_frames,
            mask_renewed=self._renewed,
            warnings=tuple(self._warnings),
            remarks=tuple(self._remarks),
        )

    def begin(self) -> None:
        """Say that contrast begins now, also for another injection.

        Raises
        ------
        AnalysisError
            There are too few frames for a mask.
        """
        scene = self._scene
        if scene is None or not scene.kept:
            raise AnalysisError("no picture has come yet; expected some before contrast")
        if self._masked is None or self._follower is not None:
            masked = scene.lay(scene.chosen())
            self._forget()
            self._take(masked)
        self._laying = None
        newest = scene.kept[-1]
        self._onset_frame, self._onset_time_s = newest.frame, newest.time_s
        back = [*scene.kept][-BACK_FRAMES:]
        self._follow_since(back[0].frame)

    def snapshot(self) -> LiveSnapshot | None:
        """The maps so far, of the picture area; None as long as no frame is in them."""
        if self._masked is None or self._follower is None or not self._masked.placer.frames:
            return None
        return self._masked.placer.snapshot(self._follower.maps())

    @property
    def area(self) -> PictureArea | None:
        """Where the picture is that `snapshot` is of; None until it is known."""
        return self._watch.area

    @property
    def mapped(self) -> tuple[int, int]:
        """How many frames are in the maps, and how many were left out because they were lost."""
        if self._masked is None or self._follower is None:
            return 0, 0
        return len(self._masked.placer.frames), len(self._masked.placer.lost)

    @property
    def _phase(self) -> RunPhase:
        if self._scene is None:
            return "searching"
        if self._follower is not None:
            return "following"
        return "settling" if self._masked is None else "waiting"

    def _forget(self) -> None:
        """Let go of mask and maps."""
        self._masked = self._follower = self._laying = None
        self._onset_frame = self._onset_time_s = None
        self._warnings, self._lost_in_a_row = [], 0
        self._renewed = False

    def _begin_anew_if_needed(self, look: Look) -> None:
        """Let go of what no longer fits, and say why."""
        another_run = look.gap_s is not None and look.gap_s >= NEW_RUN_S
        dull = look.curve_changed and self._follower is None
        if look.area is None or not (look.area_changed or look.moved or another_run or dull):
            return
        had, first = self._masked is not None, self._scene is None
        self._forget()
        settling = 0 if first and self._count >= SETTLING_FRAMES else SETTLING_FRAMES
        self._scene = Scene(
            self._intensity,
            look.area,
            on=self._on,
            mm_per_px=self._mm_per_px,
            settling=settling,
        )
        if had:
            self._remarks.append("A new mask is gathered: the one before no longer fits.")
        if not self._said_relative:
            self._said_relative = True
            self._remarks.append(RELATIVE_TEXT)

    def _exposure(self, cut: StoredArray, time_s: float) -> Seen | None:
        """Take in a fresh exposure."""
        scene = self._known_scene()
        kept = scene.keep(cut, self._count, time_s)
        if kept is None:
            return None
        self._take_laid()
        self._lay_if_needed(scene, time_s)
        seen: Seen | None = None
        for one in [*scene.kept]:
            masked = self._masked
            if masked is not None and one.frame > masked.placed:
                seen = self._placed(masked, one)
        return seen

    def _placed(self, masked: Masked, kept: Kept) -> Seen:
        """Place a frame, take it into the maps, and see what begins with it."""
        waiting = self._follower is None
        seen = masked.add(kept, onset=waiting, uptake=not self._warnings)
        if self._follower is not None and kept.exposure is not None:
            self._follower.add(kept.stored, kept.exposure)
        if waiting:
            masked.placer.forget_before(kept.frame - KEPT_EXPOSURES)
        self._warn(seen.uptakes, kept)
        if self._follower is None and self._automatic and seen.begin is not None:
            self._start(self._frames_ago(seen.begin.frames_ago))
        self._lost_in_a_row = 0 if seen.status.locked else self._lost_in_a_row + 1
        if self._lost_in_a_row == LOST_FRAMES:
            self._lost(waiting)
        return seen

    def _warn(self, uptakes: tuple[Uptake, ...], kept: Kept) -> None:
        if self._warnings or not uptakes or uptakes[0].score < 1.0:
            return
        first = uptakes[0].first_frame
        self._warnings.append(
            LiveWarning(
                id="vascular_uptake",
                text=UPTAKE_TEXT,
                first_frame=first,
                raised_frame=kept.frame,
                score=uptakes[0].score,
            )
        )
        self._remarks.append(UPTAKE_TEXT)
        if self._follower is None and self._automatic:
            self._start(first)

    def _start(self, frame: int) -> None:
        """Begin the maps with the frames since contrast began in `frame`."""
        scene = self._known_scene()
        at = max(number for number, one in enumerate(scene.kept) if one.frame <= frame)
        self._onset_frame, self._onset_time_s = frame, scene.kept[at].time_s
        self._follow_since(scene.kept[max(at - BEFORE_FRAMES, 0)].frame)
        self._remarks.append("Contrast began: the maps are made.")

    def _follow_since(self, frame: int) -> None:
        """Lay the frames from one on, which are placed, into new maps."""
        assert self._masked is not None  # noqa: S101 - asked by those who call
        placer = self._masked.placer
        since = max(frame, placer.mask_frames[-1] + 1)
        placer.forget_before(since)
        self._follower = self._on.kernels.follow_curves(placer.subtraction)
        for one in self._known_scene().kept:
            if since <= one.frame <= self._masked.placed and one.exposure is not None:
                self._follower.add(one.stored, one.exposure)
        self._laying = None

    def _frames_ago(self, count: int) -> int:
        kept = [*self._known_scene().kept]
        return kept[max(len(kept) - 1 - count, 0)].frame

    def _lay_if_needed(self, scene: Scene, time_s: float) -> None:
        """Have a mask laid: the first, or one in the place of one that is old."""
        if self._laying is not None or self._follower is not None:
            return
        count = len(scene.kept)
        if self._masked is None:
            if count < FEWEST_MASK_FRAMES or count % 2:
                return
            mask = scene.chosen()
        else:
            few = len(self._masked.placer.mask_frames) < MASK_FRAMES <= count - YOUNG_FRAMES
            old = time_s - self._laid_at_s >= RENEW_S
            if self._masked.onset.strength >= RESTLESS or not (few or old):
                return
            mask = scene.chosen(young=YOUNG_FRAMES)
        then = tuple(scene.kept)[:-1]  # the newest is placed as any other
        self._laid_at_s = time_s
        if self._beside is None:
            self._laying = _done(scene, mask, then)
            self._take_laid()
        else:
            self._laying = self._beside.submit(scene.lay, mask, then)

    def _take_laid(self) -> None:
        """Take over a mask that has been laid meanwhile."""
        if self._laying is None or not self._laying.done():
            return
        laying, self._laying = self._laying, None
        try:
            self._take(laying.result())
        except AnalysisError as error:
            self._remarks.append(f"No mask yet: {error}.")

    def _take(self, masked: Masked) -> None:
        first = self._masked is None
        self._masked, self._renewed = masked, not first
        masked.placed = max(masked.placed, masked.placer.mask_frames[-1])

    def _lost(self, waiting: bool) -> None:
        """Say that frames no longer fit the mask; while contrast is awaited have another."""
        if waiting and self._scene is not None:
            self._scene.kept.clear()
            self._forget()
            self._remarks.append("The picture no longer fits the mask: a new one is gathered.")
        else:
            self._remarks.append(
                "The picture no longer fits the mask: these frames are in no map."
            )

    def _known_scene(self) -> Scene:
        assert self._scene is not None  # noqa: S101 - there is one as soon as there is an area
        return self._scene


def warm_up_run(intensity: IntensityScale, dtype: np.dtype[Any], *, on: Backend) -> None:
    """Have all kernels that a run needs compiled and loaded before the first frame comes."""
    rng = np.random.default_rng(0)
    level = intensity.first_stored + len(intensity.ln_beam) // 2
    pictures = rng.normal(level, 1.0 + level / 64, (2, _WARM_PX, _WARM_PX))
    warm_up(np.clip(pictures[0], 0, np.iinfo(dtype).max).astype(dtype), intensity, on=on)
    bins = rng.normal(0.0, 0.1, (WARM_FRAMES, _WARM_PX, _WARM_PX)).astype(np.float32)
    watch = UptakeWatch(np.ones_like(bins[0]), bins[0], on=on)
    for frame, opacity in enumerate(bins):
        watch.add(opacity, frame, frame / 15.0)


def _done(scene: Scene, mask: tuple[Kept, ...], then: tuple[Kept, ...]) -> Future[Masked]:
    """Lay a mask at once."""
    laying: Future[Masked] = Future()
    try:
        laying.set_result(scene.lay(mask, then))
    except AnalysisError as error:
        laying.set_exception(error)
    return laying
