"""A feed followed by itself: mask, begin of contrast, maps and the vascular warning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.feed.watch import Watch
from napari_fluoroinject.analysis.live_course import Course
from napari_fluoroinject.analysis.live_laying import RENEW_S, Laying, Watched, wanted_mask
from napari_fluoroinject.analysis.live_mask import FEWEST_MASK_FRAMES
from napari_fluoroinject.analysis.live_scene import (
    SETTLING_FRAMES,
    Kept,
    Masked,
    Scene,
    Seen,
)
from napari_fluoroinject.analysis.live_told import (
    RELATIVE_TEXT,
    STEP_TEXT,
    LiveWarning,
    RunPhase,
    RunStatus,
)
from napari_fluoroinject.errors import AnalysisError

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.feed.area import PictureArea
    from napari_fluoroinject.analysis.feed.watch import Look
    from napari_fluoroinject.analysis.following import LiveSnapshot
    from napari_fluoroinject.analysis.live_looks import Beside
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import StoredArray
    from napari_fluoroinject.model.cine import IntensityScale

__all__ = ["RENEW_S", "LiveRun", "LiveWarning", "RunPhase", "RunStatus"]

NEW_RUN_S = 2.0
"""After a longer pause between exposures a run is another: it has a mask of its own."""
STEP_LN = 0.05
"""A step of the brightness by so much shows in the maps of pictures that were made for display; of
values that go with the dose the frame's own offset takes it off."""
LOST_FRAMES = 10
"""After so many lost frames in a row the mask no longer fits."""


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
        Who lays masks and looks for run-off while frames go on; None = `add` does it all, and
        takes some tenths of a second at times.

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
        beside: Beside | None = None,
    ) -> None:
        self._intensity, self._on, self._automatic = intensity, on, automatic
        self._mm_per_px = mm_per_px
        self._beside = None if beside is None else beside.masks
        self._looks_beside = None if beside is None else beside.looks
        self.shape = shape
        self._watch = Watch(intensity, shape)
        self._count = -1
        self._scene: Scene | None = None
        self._said_relative = intensity.relationship != "display"
        self._remarks: list[str] = []
        self._masked: Masked | None = None
        self._course = self._nothing()
        self._laying: Laying | None = None
        self._laid_at_s = 0.0
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
        self._doubt_stepped(look)
        if look.fresh and self._scene is not None:
            seen = self._exposure(self._watch.cut(stored), time_s)
        return RunStatus(
            look=look,
            phase=self._phase,
            status=None if seen is None else seen.status,
            onset_frame=self._course.onset_frame,
            onset_time_s=self._course.onset_time_s,
            mask_frames=() if self._masked is None else self._masked.placer.mask_frames,
            mask_renewed=self._renewed,
            warnings=self._course.warnings,
            remarks=tuple(self._remarks),
        )

    def begin(self) -> None:
        """Say that contrast begins now, also for another injection.

        Where frames lack a mask, or maps are made already, a mask is laid of the last frames;
        until it is there, what there is goes on.

        Raises
        ------
        AnalysisError
            There are too few frames for a mask.
        """
        scene = self._scene
        if scene is None or not scene.kept:
            raise AnalysisError("no picture has come yet; expected some before contrast")
        newest = scene.kept[-1]
        if self._masked is not None and self._course.maps is None:
            self._begin_at(self._masked, newest)
            return
        if len(scene.kept) < FEWEST_MASK_FRAMES:
            raise AnalysisError(
                f"{len(scene.kept)} frames so far that show the same scene; expected at least "
                f"{FEWEST_MASK_FRAMES} before contrast"
            )
        laying = Laying(scene, scene.chosen(), (), beside=self._beside, begun=newest)
        if self._beside is not None:
            self._laying = laying
        elif (laid := laying.ready(scene.kept)) is not None:
            self._take(laying, *laid)

    def snapshot(self) -> LiveSnapshot | None:
        """The maps so far, of the picture area; None as long as no frame is in them."""
        return None if self._course.maps is None else self._course.maps.snapshot()

    @property
    def area(self) -> PictureArea | None:
        """Where the picture is that `snapshot` is of; None until it is known."""
        return self._watch.area

    @property
    def mapped(self) -> tuple[int, int]:
        """How many frames are in the maps, and how many were left out because they were lost."""
        return (0, 0) if self._course.maps is None else self._course.maps.mapped

    @property
    def _phase(self) -> RunPhase:
        if self._scene is None:
            return "searching"
        if self._course.maps is not None:
            return "following"
        return "settling" if self._masked is None else "waiting"

    def _forget(self) -> None:
        """Let go of mask and maps."""
        if self._masked is not None:
            self._masked.looks.close()
        self._masked = self._laying = None
        self._course, self._lost_in_a_row = self._nothing(), 0
        self._renewed = False

    def _begin_anew_if_needed(self, look: Look) -> None:
        """Let go of what no longer fits, and say why."""
        another_run = look.gap_s is not None and look.gap_s >= NEW_RUN_S
        dull = look.curve_changed and self._course.maps is None
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
            looks_beside=self._looks_beside,
        )
        if had:
            self._remarks.append("A new mask is gathered: the one before no longer fits.")
        if not self._said_relative:
            self._said_relative = True
            self._remarks.append(RELATIVE_TEXT)

    def _doubt_stepped(self, look: Look) -> None:
        """Say that maps do not hold over a step of the brightness of processed pictures."""
        stepped = look.step_ln is not None and abs(look.step_ln) >= STEP_LN
        shown = self._intensity.relationship == "display"
        if stepped and shown and self._course.maps is not None:
            self._remarks.append(STEP_TEXT)

    def _exposure(self, cut: StoredArray, time_s: float) -> Seen | None:
        """Take in a fresh exposure."""
        scene = self._known_scene()
        kept = scene.keep(cut, self._count, time_s)
        if kept is None:
            return None
        self._take_laid(scene)
        self._lay_if_needed(scene, time_s)
        seen: Seen | None = None
        for one in [*scene.kept]:
            masked = self._masked
            if masked is not None and one.frame > masked.placed:
                course = self._course
                seen = masked.add(one, onset=course.maps is None, uptake=not course.warnings)
                self._judge(masked, one, seen)
        if self._course.maps is not None:
            self._course.maps.go_on()
        return seen

    def _judge(self, masked: Masked, kept: Kept, seen: Seen) -> None:
        """Take a frame that was placed into the maps, and see what begins with it."""
        maps, exposure = self._course.maps, masked.exposures.get(kept.frame)
        if maps is None:
            masked.placer.forget_before(self._known_scene().kept[0].frame)
        elif exposure is not None:
            maps.put(kept, exposure)
        warning = self._course.warn(seen.uptakes, kept)
        if warning is not None:
            self._remarks.append(warning.text)
            self._start(masked, warning.first_frame)
        if seen.begin is not None:
            self._start(masked, self._frames_before(kept, seen.begin.frames_ago))
        self._lost_in_a_row = 0 if seen.status.locked else self._lost_in_a_row + 1
        if self._lost_in_a_row == LOST_FRAMES:
            self._lost(waiting=maps is None)

    def _start(self, masked: Masked, frame: int) -> None:
        """Begin the maps where they have not begun and may by themselves."""
        if self._course.maps is not None or not self._automatic:
            return
        self._course.start(masked, self._known_scene().kept, frame)
        self._laying = None
        self._remarks.append("Contrast began: the maps are made.")

    def _begin_at(self, masked: Masked, newest: Kept) -> None:
        self._course.start_by_word(masked, self._known_scene().kept, newest)
        self._laying = None

    def _nothing(self) -> Course:
        return Course(on=self._on, at_once=self._beside is None)

    def _frames_before(self, kept: Kept, count: int) -> int:
        """Number of the exposure so many before one, or of the oldest that is kept by then.

        Where a mask was laid for long, none is: then of the one itself.
        """
        by_then = [one.frame for one in self._known_scene().kept if one.frame <= kept.frame]
        by_then = by_then or [kept.frame]
        return by_then[max(len(by_then) - 1 - count, 0)]

    def _lay_if_needed(self, scene: Scene, time_s: float) -> None:
        """Have a mask laid: the first, or one in the place of one that is old."""
        if self._laying is not None or self._course.maps is not None:
            return
        wanted = wanted_mask(scene, self._masked, age_s=time_s - self._laid_at_s)
        if wanted is None:
            return
        self._laid_at_s = time_s
        self._laying = Laying(scene, *wanted, beside=self._beside)
        if self._beside is None:
            self._take_laid(scene)

    def _take_laid(self, scene: Scene) -> None:
        """Take over a mask that has been laid meanwhile."""
        laying = self._laying
        if laying is None:
            return
        try:
            laid = laying.ready([*scene.kept][:-1])
        except AnalysisError as error:
            self._laying = None
            self._remarks.append(f"No mask yet: {error}.")
            return
        if laid is not None:
            self._laying = None
            self._take(laying, *laid)

    def _take(self, laying: Laying, masked: Masked, told: list[Watched]) -> None:
        """Go on over a mask, and see what began in the frames that it was told beside."""
        if laying.begun is not None:
            self._forget()
        self._renewed = self._masked is not None
        if self._masked is not None:
            self._masked.looks.close()
        self._masked = masked
        if laying.begun is not None:
            self._begin_at(masked, laying.begun)
        for kept, seen in told:
            if self._masked is masked:
                self._judge(masked, kept, seen)

    def _lost(self, *, waiting: bool) -> None:
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
