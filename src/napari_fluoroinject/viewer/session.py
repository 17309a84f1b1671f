"""The one mutable object of the viewer: runs, what was said of them, and what came of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_fluoroinject import procedures
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.needle import Needle, as_marked
from napari_fluoroinject.viewer import marking
from napari_fluoroinject.viewer.draft import Draft, Marked, Plan
from napari_fluoroinject.viewer.history import History
from napari_fluoroinject.viewer.opened import Opened
from napari_fluoroinject.viewer.outcome import Outcome
from napari_fluoroinject.viewer.signals import SessionSignals

if TYPE_CHECKING:
    from pathlib import Path

    from psygnal import SignalInstance

    from napari_fluoroinject.model.annotation import (
        Mark,
        MaskWish,
        NeedleTrajectory,
        SignOff,
    )
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.motion import Motion
    from napari_fluoroinject.model.procedure import Procedure
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.model.subtracted import SubtractedLoop
    from napari_fluoroinject.viewer.outcome import Analysed, Kept
    from napari_fluoroinject.viewer.run import FirstLook, Run

NOBODY_ACCEPTS = (
    "The proposed needle was not accepted: nobody said who accepts it. Write your name in step 3, "
    "then accept it."
)


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
        self._opened = Opened()
        self._histories: dict[str, History[Draft]] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._frame = 0

    # Runs

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every open run, in the order in which they were opened."""
        return tuple(self._opened.runs.values())

    @property
    def run(self) -> Run | None:
        """The run that is worked on."""
        return None if self._opened.shown is None else self._opened.runs[self._opened.shown]

    @property
    def beside(self) -> Run | None:
        """The run of the second view; None = the second view shows the subtraction."""
        return None if self._opened.beside is None else self._opened.runs[self._opened.beside]

    def holds(self, run: Run) -> bool:
        """Whether this very run is open: not another one that was opened under its UID since."""
        return self._opened.runs.get(run.uid) is run

    def open(self, run: Run) -> None:
        """Add a run and show it; one that is open already is only shown."""
        self.add(run)
        self.show(run.uid)

    def add(self, *runs: Run) -> None:
        """Add runs and show none of them; those that are open already stay as they are."""
        new = {run.uid: run for run in runs if run.uid not in self._opened.runs}
        if new:
            for run in new.values():
                self._history_of(run.study_uid)
            self._opened = self._opened.plus(new)
            self.signals.runs.emit()

    def close(self, uid: str) -> None:
        """Take a run away; what was said of it stays with its study for as long as we are open."""
        self._outcomes.pop(uid, None)
        self._frame = 0 if uid == self._opened.shown else self._frame
        self._opened = self._opened.less(uid)
        self.signals.runs.emit()
        self.signals.shown.emit()

    def show(self, uid: str) -> None:
        """Work on this run."""
        if uid != self._opened.shown:
            self._opened, self._frame = self._opened.showing(uid), 0
            self.signals.shown.emit()
            self.signals.draft.emit()
            self.signals.frame.emit(0)

    def show_beside(self, uid: str | None) -> None:
        """Put another run of the same study into the second view; None = the subtraction."""
        if uid is not None and not self._opened.may_stand_beside(uid):
            self.signals.notice.emit(
                "That run belongs to another study; expected one of the study that is shown: "
                "two patients are never shown side by side."
            )
            return
        self._opened = self._opened.with_beside(uid)
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
        self._frame = min(max(int(frame), 0), self.run.loop.shape[0] - 1)
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
        return procedures.get(self.plan.procedure or procedures.GENERIC, site=self.site_procedures)

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
        self._history_of(draft.study_instance_uid).do("restore the autosaved draft", draft)
        self.signals.draft.emit()

    def plan_as(self, label: str, plan: Plan) -> None:
        """Take a new plan."""
        self.change(label, replace(self.draft, plan=plan))

    def annotate(self, label: str, annotation: Annotation, *, amend: bool = False) -> None:
        """Take new marks of the shown run; of the plan's fields nothing is taken."""
        self._take(marking.annotate(self._marked, label, annotation), amend=amend)

    def place_needle(self, needle: NeedleTrajectory | None, *, amend: bool = False) -> None:
        """Mark the needle as it stands in a frame; None takes the mark away."""
        self._take(marking.place_needle(self._marked, needle), amend=amend)

    def place_target(self, target_px: Point | None, *, amend: bool = False) -> None:
        """Mark the target, in the reference pose; None takes the mark away."""
        self._take(marking.place_target(self._marked, target_px), amend=amend)

    def place_mark(self, mark: Mark, *, amend: bool = False) -> None:
        """Mark a landmark, in the reference pose, in place of an earlier mark of it."""
        self._take(marking.place_mark(self._marked, mark), amend=amend)

    def remove_mark(self, landmark: str) -> None:
        """Take the mark of a landmark away."""
        self._take(marking.remove_mark(self._marked, landmark))

    def choose_mask(
        self, wish: MaskWish | None, frames: tuple[int, ...] = (), *, amend: bool = False
    ) -> None:
        """Choose whose mask frames are subtracted, or which; None and none = found."""
        self._take(marking.choose_mask(self._marked, wish, frames), amend=amend)

    def flag(self, frame: int) -> None:
        """Flag vascular uptake in a frame of the shown run, or take the flag away."""
        if reason := marking.why_not_flagged(self.run, self._marked, frame):
            self.signals.notice.emit(reason)
        else:
            self._take(marking.flag(self._marked, frame))

    def sign(self, sign_off: SignOff | None) -> None:
        """Say who confirmed the results; None takes it back."""
        self._take(marking.sign(self._marked, sign_off))

    def accept_needle(self) -> None:
        """Make the proposed needle the operator's own; without a name, say that it is missing."""
        look, run = self.look, self.run
        if run is None or look is None or not isinstance(look.needle, Needle):
            return
        if not self.operator:
            self.signals.notice.emit(NOBODY_ACCEPTS)
            return
        needle = as_marked(look.needle, run.loop.shape[1:])
        self._take(marking.accept_needle(self._marked, needle, self.operator))
        self.signals.answered.emit(NOBODY_ACCEPTS)

    def decline_needle(self) -> None:
        """Say that the proposed needle is none."""
        self._take(marking.decline_needle(self._marked))

    # What came of it

    def outcome_of(self, uid: str) -> Outcome:
        """What came of a run so far; an empty one where nothing did."""
        return self._outcomes.get(uid, Outcome())

    @property
    def outcome(self) -> Outcome:
        """What came of the shown run so far."""
        return self.outcome_of(self._opened.shown or "")

    @property
    def look(self) -> FirstLook | None:
        """The first look at the shown run; None as long as there is none."""
        return self.outcome.look

    @property
    def analysed(self) -> Analysed | None:
        """The last analysis of the shown run; it may be out of date."""
        return self.outcome.analysed

    @property
    def report(self) -> Report | None:
        """The report of the shown run, if it is of what is said now."""
        analysed = self.analysed
        return None if analysed is None or self.out_of_date else analysed.report

    @property
    def subtracted(self) -> SubtractedLoop | None:
        """The subtraction of the shown run; None as long as there is none."""
        return self.outcome.subtracted

    @property
    def kept(self) -> Kept | None:
        """The kept results of the shown run; None as long as there are none."""
        return self.outcome.kept

    @property
    def out_of_date(self) -> bool:
        """Whether something was said since the shown run was analysed."""
        return self.out_of_date_of(self._opened.shown or "")

    def out_of_date_of(self, uid: str) -> bool:
        """Whether something was said since a run was analysed; False where it was not."""
        analysed, run = self.outcome_of(uid).analysed, self._opened.runs.get(uid)
        if analysed is None or run is None:
            return False
        return not analysed.is_of(self.draft_of(run.study_uid), uid)

    def motion_of(self, uid: str) -> Motion | None:
        """How the anatomy of a run moved, as far as anybody has looked."""
        return self.outcome_of(uid).motion

    def put_look(self, uid: str, look: FirstLook) -> None:
        """Take in a first look; that at a run which was closed meanwhile is dropped."""
        self._put(uid, self.signals.look, look=look)

    def put_report(self, uid: str, analysed: Analysed) -> None:
        """Take in an analysis, as above."""
        self._put(uid, self.signals.results, analysed=analysed)

    def put_subtraction(self, uid: str, made: SubtractedLoop) -> None:
        """Take in a subtraction, as above."""
        self._put(uid, self.signals.results, subtracted=made)

    def put_kept(self, uid: str, kept: Kept) -> None:
        """Take in where the results of a run are, as above."""
        self._put(uid, self.signals.kept, kept=kept)

    def _put(self, uid: str, told: SignalInstance, **came: Any) -> None:
        if uid in self._opened.runs:
            self._outcomes[uid] = replace(self.outcome_of(uid), **came)
            told.emit(uid)

    @property
    def _history(self) -> History[Draft] | None:
        return None if self.run is None else self._histories[self.run.study_uid]

    def _history_of(self, study_uid: str) -> History[Draft]:
        """The history of a study's draft; the first time, an empty one."""
        return self._histories.setdefault(study_uid, History(Draft(study_instance_uid=study_uid)))

    @property
    def _marked(self) -> Marked:
        return Marked() if self.run is None else self.draft.marked(self.run.uid)

    def _take(self, step: marking.Step, *, amend: bool = False) -> None:
        """Take what was said of the shown run; where none is shown, there is nothing to say."""
        if self.run is not None:
            self.change(step.label, self.draft.with_marked(step.marked), amend=amend)

    def _moved(self, label: str | None) -> str | None:
        if label is not None:
            self.signals.draft.emit()
        return label
