"""The one mutable object of the viewer: runs, what was said of them, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal, SignalGroup

from napari_fluoroinject import procedures
from napari_fluoroinject.endpoints.base import Receipt
from napari_fluoroinject.model.annotation import (
    Annotation,
    Mark,
    MaskWish,
    NeedleTrajectory,
    SignOff,
)
from napari_fluoroinject.model.needle import Needle, as_marked
from napari_fluoroinject.model.report import Report
from napari_fluoroinject.viewer.draft import Accepted, Draft, Plan
from napari_fluoroinject.viewer.history import History

if TYPE_CHECKING:
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.motion import Motion
    from napari_fluoroinject.model.procedure import Procedure
    from napari_fluoroinject.model.subtracted import SubtractedLoop
    from napari_fluoroinject.viewer.run import FirstLook, Run


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Analysed:
    """A report, and what it was made of; `annotation` without the sign-off."""

    report: Report
    procedure: str
    annotation: Annotation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """Results of a run in a folder, and what became of them.

    `annotation` is what they were made of, with the sign-off; `receipts` came from destinations,
    at the local times `arrived` (HH:MM:SS); `failures` are (file, message) of the last sending.
    """

    procedure: str
    annotation: Annotation
    folder: Path
    files: tuple[Path, ...]
    receipts: tuple[Receipt, ...] = ()
    arrived: tuple[str, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()


class SessionSignals(SignalGroup):
    """What happens to a session; all are emitted in the main thread, after the change."""

    runs = Signal()
    """Runs were opened or closed."""
    shown = Signal()
    """Another run is the one that is worked on, or stands beside it."""
    draft = Signal()
    """What a person said has changed, also by undo and redo."""
    look = Signal(str)
    """A first look at a run has come."""
    results = Signal(str)
    """A report or a subtraction of a run has come or gone."""
    frame = Signal(int)
    """Another frame of the shown run is due."""
    kept = Signal(str)
    """Results of a run lie in a folder, or were sent."""
    notice = Signal(str)
    """A person is to be told something."""


class Session:
    """What lies open in one viewer.

    Parameters
    ----------
    site_procedures
        Folder of the site's own procedures; None = none.

    Attributes
    ----------
    operator
        Who works here, as they wrote it; empty = not said.
    """

    def __init__(self, *, site_procedures: Path | None = None) -> None:
        self.signals = SessionSignals()
        self.site_procedures = site_procedures
        self.operator = ""
        self._runs: dict[str, Run] = {}
        self._histories: dict[str, History[Draft]] = {}
        self._looks: dict[str, FirstLook] = {}
        self._analysed: dict[str, Analysed] = {}
        self._subtracted: dict[str, SubtractedLoop] = {}
        self._kept: dict[str, Kept] = {}
        self._shown: str | None = None
        self._beside: str | None = None
        self._frame = 0

    # Runs

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every open run, in the order in which they were opened."""
        return tuple(self._runs.values())

    @property
    def run(self) -> Run | None:
        """The run that is worked on."""
        return None if self._shown is None else self._runs[self._shown]

    @property
    def beside(self) -> Run | None:
        """The run of the second view; None = the second view shows the subtraction."""
        return None if self._beside is None else self._runs[self._beside]

    def holds(self, run: Run) -> bool:
        """Whether this very run is open: not another one that was opened under its UID since."""
        return self._runs.get(run.uid) is run

    def open(self, run: Run) -> None:
        """Add a run and show it; one that is open already is only shown."""
        self.add(run)
        self.show(run.uid)

    def add(self, *runs: Run) -> None:
        """Add runs and show none of them; those that are open already stay as they are."""
        new = {run.uid: run for run in runs if run.uid not in self._runs}
        if not new:
            return
        for run in new.values():
            self._histories.setdefault(
                run.study_uid, History(Draft(study_instance_uid=run.study_uid))
            )
        self._runs |= new
        self.signals.runs.emit()

    def close(self, uid: str) -> None:
        """Take a run away; what was said of it stays with its study for as long as we are open."""
        del self._runs[uid]
        for of in (self._looks, self._analysed, self._subtracted, self._kept):
            of.pop(uid, None)
        if self._beside == uid:
            self._beside = None
        if self._shown == uid:
            self._shown = next(iter(self._runs), None)
            self._frame = 0
        if self._beside == self._shown:
            self._beside = None
        self.signals.runs.emit()
        self.signals.shown.emit()

    def show(self, uid: str) -> None:
        """Work on this run."""
        if uid == self._shown:
            return
        if uid == self._beside:
            self._beside = self._shown
        self._shown, self._frame = uid, 0
        shown, beside = self.run, self.beside
        if shown is not None and beside is not None and beside.study_uid != shown.study_uid:
            self._beside = None  # never two patients side by side
        self.signals.shown.emit()
        self.signals.draft.emit()
        self.signals.frame.emit(0)

    def show_beside(self, uid: str | None) -> None:
        """Put another run of the same study into the second view; None = the subtraction."""
        shown = self.run
        if uid is not None and (shown is None or self._runs[uid].study_uid != shown.study_uid):
            self.signals.notice.emit(
                "That run belongs to another study; expected one of the study that is shown: "
                "two patients are never shown side by side."
            )
            return
        self._beside = None if uid == self._shown else uid
        self.signals.shown.emit()

    # Frames

    @property
    def frame(self) -> int:
        """The frame of the shown run, counted from 0."""
        return self._frame

    @property
    def time_s(self) -> float | None:
        """Its time from the first frame; None where the file tells none."""
        run = self.run
        if run is None or run.loop.times_s is None:
            return None
        return float(run.loop.times_s[self._frame])

    def go_to(self, frame: int) -> None:
        """Show this frame, or the nearest that there is."""
        if self.run is None:
            return
        self._frame = int(np.clip(frame, 0, self.run.loop.shape[0] - 1))
        self.signals.frame.emit(self._frame)

    # What a person said

    @property
    def draft(self) -> Draft:
        """What was said of the shown run's study; empty where nothing is shown."""
        history = self._history
        return Draft() if history is None else history.now

    def draft_of(self, study_uid: str) -> Draft:
        """What was said of a study; empty where nothing of it was opened."""
        history = self._histories.get(study_uid)
        return Draft(study_instance_uid=study_uid) if history is None else history.now

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """What was said of every study that was opened."""
        return tuple(history.now for history in self._histories.values())

    @property
    def plan(self) -> Plan:
        """Procedure, level, side, agent and needle."""
        return self.draft.plan

    @property
    def procedure(self) -> Procedure:
        """The procedure that was chosen; `generic` until one is."""
        return procedures.get(self.plan.procedure, site=self.site_procedures)

    @property
    def annotation(self) -> Annotation:
        """What an analysis of the shown run is given."""
        return Annotation() if self.run is None else self.draft.annotation(self.run.uid)

    @property
    def undoes(self) -> str | None:
        """What `undo` takes back; None where there is nothing."""
        return None if self._history is None else self._history.undoes

    @property
    def redoes(self) -> str | None:
        """What `redo` does again; None where there is nothing."""
        return None if self._history is None else self._history.redoes

    def undo(self) -> str | None:
        """Take back the last step; returns what it was."""
        return self._moved(None if self._history is None else self._history.undo())

    def redo(self) -> str | None:
        """Do the last step that was taken back again; returns what it was."""
        return self._moved(None if self._history is None else self._history.redo())

    def change(self, label: str, draft: Draft, *, amend: bool = False) -> None:
        """Take a new draft of the shown study as one step; `amend` goes on with the last step.

        Marks that were signed and have changed are signed no more, and a person is told.
        """
        history = self._history
        if history is None or draft == history.now:
            return
        kept = draft.signed_as(history.now)
        if amend and history.undoes == label:
            history.amend(kept)
        else:
            history.do(label, kept)
        self.signals.draft.emit()
        if kept != draft:
            self.signals.notice.emit(
                "The sign-off was taken back: something was changed after it. Look at the "
                "results again, then sign them."
            )

    def restore(self, draft: Draft) -> None:
        """Take up a draft that was autosaved, as one step that can be undone."""
        history = self._histories.setdefault(
            draft.study_instance_uid, History(Draft(study_instance_uid=draft.study_instance_uid))
        )
        history.do("restore the autosaved draft", draft)
        self.signals.draft.emit()

    def plan_as(self, label: str, plan: Plan) -> None:
        """Take a new plan."""
        self.change(label, replace(self.draft, plan=plan))

    def annotate(self, label: str, annotation: Annotation, *, amend: bool = False) -> None:
        """Take new marks of the shown run; of the plan's fields nothing is taken.

        An accepted needle that is moved is no longer what was proposed, but the person's own.
        """
        if self.run is not None:
            own = replace(
                annotation, level=None, side=None, agent=None, gauge=None, needle_length_mm=None
            )
            marked = self.draft.marked(self.run.uid)
            moved = own.needle != marked.annotation.needle
            accepted = tuple(one for one in marked.accepted if not moved or one.what != "needle")
            said = replace(marked, annotation=own, accepted=accepted)
            self.change(label, self.draft.with_marked(said), amend=amend)

    def place_needle(self, needle: NeedleTrajectory | None, *, amend: bool = False) -> None:
        """Mark the needle as it stands in a frame; None takes the mark away."""
        label = "remove the needle" if needle is None else "place the needle"
        self.annotate(label, replace(self._own, needle=needle), amend=amend)

    def place_target(self, target_px: Point | None, *, amend: bool = False) -> None:
        """Mark the target, in the reference pose; None takes the mark away."""
        label = "remove the target" if target_px is None else "place the target"
        self.annotate(label, replace(self._own, target_px=target_px), amend=amend)

    def place_mark(self, mark: Mark, *, amend: bool = False) -> None:
        """Mark a landmark, in the reference pose, in place of an earlier mark of it."""
        others = tuple(one for one in self._own.marks if one.landmark != mark.landmark)
        marked = replace(self._own, marks=(*others, mark))
        self.annotate(f"mark {mark.landmark.replace('_', ' ')}", marked, amend=amend)

    def remove_mark(self, landmark: str) -> None:
        """Take the mark of a landmark away."""
        others = tuple(one for one in self._own.marks if one.landmark != landmark)
        self.annotate(f"remove {landmark.replace('_', ' ')}", replace(self._own, marks=others))

    def choose_mask(
        self, wish: MaskWish | None, frames: tuple[int, ...] = (), *, amend: bool = False
    ) -> None:
        """Choose whose mask frames are subtracted, or which; None and none = found."""
        chosen = replace(self._own, mask=wish, mask_frames=frames)
        self.annotate("choose mask frames", chosen, amend=amend)

    def sign(self, sign_off: SignOff | None) -> None:
        """Say who confirmed the results; None takes it back."""
        self.annotate("sign off", replace(self._own, sign_off=sign_off))

    def accept_needle(self) -> None:
        """Make the proposed needle the operator's own; without a name, say that it is missing."""
        look, run = self.look, self.run
        if run is None or look is None or not isinstance(look.needle, Needle):
            return
        if not self.operator:
            self.signals.notice.emit(
                "The proposed needle was not accepted: nobody said who accepts it. Write your "
                "name in step 3, then accept it."
            )
            return
        needle = as_marked(look.needle, run.loop.shape[1:])
        marked = self.draft.marked(run.uid)
        accepted = (
            *(one for one in marked.accepted if one.what != "needle"),
            Accepted(what="needle", operator=self.operator),
        )
        annotation = replace(marked.annotation, needle=needle)
        self.change(
            "accept the proposed needle",
            self.draft.with_marked(replace(marked, annotation=annotation, accepted=accepted)),
        )

    def decline_needle(self) -> None:
        """Say that the proposed needle is none."""
        if self.run is not None:
            marked = self.draft.marked(self.run.uid)
            declined = (*(one for one in marked.declined if one != "needle"), "needle")
            self.change(
                "decline the proposed needle",
                self.draft.with_marked(replace(marked, declined=declined)),
            )

    # What came of it

    @property
    def look(self) -> FirstLook | None:
        """The first look at the shown run; None as long as there is none."""
        return None if self._shown is None else self._looks.get(self._shown)

    @property
    def analysed(self) -> Analysed | None:
        """The last analysis of the shown run; it may be out of date."""
        return None if self._shown is None else self._analysed.get(self._shown)

    @property
    def report(self) -> Report | None:
        """The report of the shown run, if it is of what is said now."""
        analysed = self.analysed
        return None if analysed is None or self.out_of_date else analysed.report

    @property
    def out_of_date(self) -> bool:
        """Whether something was said since the shown run was analysed."""
        return self._shown is not None and self.out_of_date_of(self._shown)

    def out_of_date_of(self, uid: str) -> bool:
        """Whether something was said since a run was analysed; False where it was not."""
        analysed, run = self._analysed.get(uid), self._runs.get(uid)
        if analysed is None or run is None:
            return False
        draft = self.draft_of(run.study_uid)
        return (analysed.procedure, analysed.annotation) != (
            draft.plan.procedure,
            replace(draft.annotation(uid), sign_off=None),
        )

    @property
    def subtracted(self) -> SubtractedLoop | None:
        """The subtraction of the shown run; None as long as there is none."""
        return None if self._shown is None else self._subtracted.get(self._shown)

    def subtraction_of(self, uid: str) -> SubtractedLoop | None:
        """The subtraction of a run; None as long as there is none."""
        return self._subtracted.get(uid)

    def look_of(self, uid: str) -> FirstLook | None:
        """The first look at a run; None as long as there is none."""
        return self._looks.get(uid)

    def analysed_of(self, uid: str) -> Analysed | None:
        """The last analysis of a run; it may be out of date."""
        return self._analysed.get(uid)

    def motion_of(self, uid: str) -> Motion | None:
        """How the anatomy of a run moved, as far as anybody has looked."""
        analysed, look = self._analysed.get(uid), self._looks.get(uid)
        if analysed is not None:
            return analysed.report.motion
        return None if look is None else look.motion

    def put_look(self, uid: str, look: FirstLook) -> None:
        """Take in a first look; that at a run which was closed meanwhile is dropped."""
        if uid in self._runs:
            self._looks[uid] = look
            self.signals.look.emit(uid)

    def put_report(self, uid: str, analysed: Analysed) -> None:
        """Take in an analysis, as above."""
        if uid in self._runs:
            self._analysed[uid] = analysed
            self.signals.results.emit(uid)

    def put_subtraction(self, uid: str, made: SubtractedLoop) -> None:
        """Take in a subtraction, as above."""
        if uid in self._runs:
            self._subtracted[uid] = made
            self.signals.results.emit(uid)

    @property
    def kept(self) -> Kept | None:
        """The kept results of the shown run; None as long as there are none."""
        return None if self._shown is None else self._kept.get(self._shown)

    def kept_of(self, uid: str) -> Kept | None:
        """The kept results of a run; None as long as there are none."""
        return self._kept.get(uid)

    def put_kept(self, uid: str, kept: Kept) -> None:
        """Take in where the results of a run are, as above."""
        if uid in self._runs:
            self._kept[uid] = kept
            self.signals.kept.emit(uid)

    @property
    def _history(self) -> History[Draft] | None:
        return None if self.run is None else self._histories[self.run.study_uid]

    @property
    def _own(self) -> Annotation:
        """The marks of the shown run, without the plan."""
        return Annotation() if self.run is None else self.draft.marked(self.run.uid).annotation

    def _moved(self, label: str | None) -> str | None:
        if label is not None:
            self.signals.draft.emit()
        return label
