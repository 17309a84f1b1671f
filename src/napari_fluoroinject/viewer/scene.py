"""Everything that is known of one run and can stand in its picture, taken from the session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.model.annotation import Annotation, NeedleTrajectory
from napari_fluoroinject.model.geometry import Point
from napari_fluoroinject.model.motion import Motion
from napari_fluoroinject.model.needle import Needle
from napari_fluoroinject.model.procedure import Procedure
from napari_fluoroinject.model.report import Report
from napari_fluoroinject.model.subtracted import SubtractedLoop
from napari_fluoroinject.viewer.run import FirstLook, Run

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaft:
    """A needle as it stands in a picture; `proposed` until a person has accepted it."""

    hub_px: Point
    tip_px: Point
    sag_px: float | None
    proposed: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """One run as it is shown.

    Attributes
    ----------
    report
        Of the last analysis, None where there is none; `out_of_date` says that something was
        marked since.
    declined
        Proposals that a person declined.
    subtraction_shown
        Whether the subtraction is shown in place of the frames.
    """

    run: Run
    procedure: Procedure
    annotation: Annotation
    motion: Motion | None
    look: FirstLook | None
    report: Report | None
    analysed_needle: NeedleTrajectory | None
    out_of_date: bool
    subtracted: SubtractedLoop | None
    declined: tuple[str, ...]
    subtraction_shown: bool = False

    @property
    def still(self) -> bool:
        """Whether frames stand in the reference pose.

        Those of a subtraction do whose motion was undone; else each stands as it was taken.
        """
        made = self.subtracted
        return self.subtraction_shown and made is not None and made.motion is not None

    @property
    def prefix(self) -> str:
        """What stands before the names of its layers: the name that it has in lists, too."""
        return self.run.name

    def to_picture(self, point: Point, frame: int) -> Point:
        """Where a point of the reference pose stands in the picture of a frame."""
        if self.still or self.motion is None:
            return point
        return self.motion.in_frame(point, frame)

    def to_reference(self, point: Point, frame: int) -> Point:
        """Where a point of the picture of a frame stands in the reference pose."""
        if self.still or self.motion is None:
            return point
        return self.motion.in_reference_pose(point, frame)

    def to_frame(self, point: Point, frame: int) -> Point:
        """Where a point of the picture stands in the frame as it was taken."""
        if self.still and self.motion is not None:
            return self.motion.in_frame(point, frame)
        return point

    def shaft(self, frame: int) -> Shaft | None:
        """The needle in the picture of a frame: as it was followed, or with the anatomy."""
        given = self.annotation.needle
        needle = self._needle()
        if given is None and needle is None:
            return None
        if needle is not None:
            followed = needle.hub_by_frame_px[frame], needle.tip_by_frame_px[frame]
            if np.isfinite(followed).all():
                hub, tip = ((float(row), float(column)) for row, column in followed)
                return self._shaft(hub, tip, frame, needle.sag_px)
        place = given or needle
        assert place is not None  # noqa: S101 - one of both was found above, for the type alone
        hub, tip = (
            self._elsewhere(point, place.frame, frame) for point in (place.hub_px, place.tip_px)
        )
        return self._shaft(hub, tip, frame, None if needle is None else needle.sag_px)

    def _needle(self) -> Needle | None:
        """The needle that was followed: that of what was marked, or else a proposal."""
        given = self.annotation.needle
        found = [] if self.look is None else [self.look.needle]
        if self.report is not None and self.analysed_needle == given:
            found.insert(0, self.report.needle)
        needles = [one for one in found if isinstance(one, Needle)]
        if given is None:
            return None if "needle" in self.declined else next(iter(needles), None)
        return next((one for one in needles if _is_of(one, given)), None)

    def _elsewhere(self, point: Point, taken: int, frame: int) -> Point:
        if self.motion is None or taken == frame:
            return point
        return self.motion.in_frame(self.motion.in_reference_pose(point, taken), frame)

    def _shaft(self, hub: Point, tip: Point, frame: int, sag_px: float | None) -> Shaft:
        """Of points in the frame as it was taken."""
        if self.still and self.motion is not None:
            hub, tip = (self.motion.in_reference_pose(one, frame) for one in (hub, tip))
        return Shaft(
            hub_px=hub, tip_px=tip, sag_px=sag_px, proposed=self.annotation.needle is None
        )


def scene_of(session: Session, uid: str) -> Scene:
    """Take from the session what is known of a run, each frame as it was taken."""
    run = next(run for run in session.runs if run.uid == uid)
    analysed = session.outcome_of(uid).analysed
    shown = session.run is not None and session.run.uid == uid
    return Scene(
        run=run,
        procedure=session.procedure,
        annotation=session.draft.annotation(uid),
        motion=session.motion_of(uid),
        look=session.outcome_of(uid).look,
        report=None if analysed is None else analysed.report,
        analysed_needle=None if analysed is None else analysed.annotation.needle,
        out_of_date=shown and session.out_of_date,
        subtracted=session.outcome_of(uid).subtracted,
        declined=session.draft.marked(uid).declined,
    )


def _is_of(needle: Needle, given: NeedleTrajectory) -> bool:
    """Whether a needle was followed from what a person marked or accepted."""
    return (needle.hub_px, needle.tip_px, needle.frame) == (
        given.hub_px,
        given.tip_px,
        given.frame,
    ) or needle.source == "given"
