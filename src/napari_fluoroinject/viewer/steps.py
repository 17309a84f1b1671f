"""What is done and what is missing in each of the six steps, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.looks import words
from napari_fluoroinject.rendering import statement
from napari_fluoroinject.viewer.landmarks import asked, view_of
from napari_fluoroinject.viewer.marked import needle_said, target_said, tip_to_target
from napari_fluoroinject.viewer.seen import assessable_said, contrast_said, not_analysed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_fluoroinject.model.annotation import Confirmed
    from napari_fluoroinject.viewer.bench import StepKey
    from napari_fluoroinject.viewer.landmarks import Asked
    from napari_fluoroinject.viewer.outcome import Kept
    from napari_fluoroinject.viewer.run import Run
    from napari_fluoroinject.viewer.session import Session

BOXES: dict[Confirmed, str] = {
    "needle_and_target": "Needle and target",
    "contrast": "Contrast",
    "warnings": "Warnings, and what was not assessed",
}
"""What an operator looks at before results are sent, as the screen names it."""
NO_RUN = "Open a run first."
_EVEN_WITHIN_S = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStatus:
    """One step: what a person is told of it, and what is still missing, a sentence each."""

    says: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


def status(session: Session, key: StepKey) -> StepStatus:
    """Tell how far a step has come for the run that is worked on."""
    if session.run is None:
        return StepStatus(missing=("Open a run.",) if key == "load" else (NO_RUN,))
    return _STEPS[key](session, session.run)


def _load(_session: Session, run: Run) -> StepStatus:
    frames, rows, columns = run.loop.shape
    pictures = f"{frames} frame{'s' * (frames != 1)} of {columns} x {rows} px"
    return StepStatus(
        says=(f"{run.name}, from {run.origin}: {pictures}.", _spacing(run), _timing(run))
    )


def _spacing(run: Run) -> str:
    if run.loop.calibration is None:
        return "No millimetres: the loop is uncalibrated, lengths are in pixels."
    return f"Millimetres: {statement.scale(run.loop)}."


def _timing(run: Run) -> str:
    times = run.loop.times_s
    if times is None:
        return "No frame times: seconds cannot be given."
    if len(times) < 2:
        return "One frame: there is no time between frames."
    steps_s = times[1:] - times[:-1]
    even = float(steps_s.max() - steps_s.min()) <= _EVEN_WITHIN_S
    rate = len(steps_s) / float(times[-1] - times[0]) if times[-1] > times[0] else 0.0
    how = "even" if even else f"uneven, {steps_s.min():.3f} to {steps_s.max():.3f} s apart"
    return f"Frame times: from the file, {rate:.3g} frames/s on average, {how}."


def _procedure(session: Session, run: Run) -> StepStatus:
    plan, procedure = session.plan, session.procedure
    side = plan.side or run.loop.laterality
    of_file = " (from the file)" if plan.side is None and side else ""
    says = [
        "Procedure: not chosen." if plan.procedure is None else f"Procedure: {procedure.name}.",
        f"Level: {plan.level or 'not said'}.",
        f"Side: {side or 'not said'}{of_file}.",
    ]
    missing = []
    if plan.procedure is None:
        missing.append("Choose a procedure: until then only the rules for every one are applied.")
    seen = _views(session, run)
    if procedure.views:
        says.append(f"Views of the open runs: {', '.join(view or 'not known' for view in seen)}.")
        missing += [
            f"View {view.name}: no open run shows it."
            for view in procedure.views
            if view.needed and view.name not in seen
        ]
        if None in seen:
            missing.append("The view of an open run is not known: say which it is.")
    return StepStatus(says=tuple(says), missing=tuple(missing))


def _views(session: Session, shown: Run) -> list[str | None]:
    runs = (run for run in session.runs if run.study_uid == shown.study_uid)
    return list(dict.fromkeys(view_of(session, run) for run in runs))


def _needle(session: Session, _run: Run) -> StepStatus:
    says, missing = [], []
    for told, lacks in (needle_said(session), target_said(session)):
        says += [told] if told else []
        missing += [lacks] if lacks else []
    distance = tip_to_target(session)
    says += [f"Tip to target: {distance}."] if distance else []
    landmarks = asked(session)
    marked = [one for one in landmarks if one.done]
    elsewhere = [one for one in landmarks if not one.here and one.mark is None]
    says += [f"Landmarks marked: {_named(marked)}."] if marked else []
    says += [f"Landmarks of other views: {_named(elsewhere)}."] if elsewhere else []
    unmarked = [one for one in landmarks if one.here and one.mark is None]
    missing += [f"Landmarks not marked: {_named(unmarked)}."] if unmarked else []
    missing += [
        f"{one.rule.name}: {one.state}."
        for one in landmarks
        if one.mark is not None and not one.done
    ]
    return StepStatus(says=tuple(says), missing=tuple(missing))


def _named(landmarks: Sequence[Asked]) -> str:
    return ", ".join(words(one.rule.id) for one in landmarks)


def _contrast(session: Session, _run: Run) -> StepStatus:
    return StepStatus(says=contrast_said(session), missing=not_analysed(session))


def _review(session: Session, _run: Run) -> StepStatus:
    report, sign_off = session.report, session.annotation.sign_off
    if report is None:
        return StepStatus(missing=not_analysed(session))
    says = [statement.verdict(report)[1], assessable_said(report)]
    if sign_off is None:
        return StepStatus(says=tuple(says), missing=("Not signed by the operator.",))
    says.append(f"Signed by {sign_off.operator}.")
    left = [name for box, name in BOXES.items() if box not in sign_off.confirmed]
    return StepStatus(says=tuple(says), missing=tuple(f"{name}: not ticked." for name in left))


def _send(session: Session, _run: Run) -> StepStatus:
    kept = session.kept
    if kept is None:
        return StepStatus(missing=("No results were written yet.",))
    says = [f"{len(kept.files)} file{'s' * (len(kept.files) != 1)} in {kept.folder}."]
    says += _received(kept)
    missing = [f"{name}: {message}" for name, message in kept.failures]
    if (kept.procedure, kept.annotation) != (session.plan.procedure, session.annotation):
        missing.insert(
            0, "Something was changed since the results were written: write them again."
        )
    elif not kept.receipts:
        missing.append("Not sent: no destination has confirmed that it holds them.")
    return StepStatus(says=tuple(says), missing=tuple(missing))


def _received(kept: Kept) -> list[str]:
    names = dict.fromkeys(one.destination for one in kept.receipts)
    counts = {name: sum(one.destination == name for one in kept.receipts) for name in names}
    warned = sum(one.status != 0 for one in kept.receipts)
    lines = [f"{name}: {count} receipt{'s' * (count != 1)}." for name, count in counts.items()]
    return [*lines, f"{warned} of them with a warning."] if warned else lines


_STEPS: dict[StepKey, Callable[[Session, Run], StepStatus]] = {
    "load": _load,
    "procedure": _procedure,
    "needle": _needle,
    "contrast": _contrast,
    "review": _review,
    "send": _send,
}
