"""The landmarks that a procedure asks for: what each is for, and how far it is marked."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.measures.views import shown_view
from napari_fluoroinject.model.annotation import Mark
from napari_fluoroinject.model.geometry import Point, length_px
from napari_fluoroinject.model.marks import why_unfit
from napari_fluoroinject.model.measurement import CONTACT_LINES, LANDMARK_OF, MEASURES
from napari_fluoroinject.model.procedure import LandmarkRule

if TYPE_CHECKING:
    from napari_fluoroinject.model.measurement import MeasureId
    from napari_fluoroinject.model.procedure import Procedure
    from napari_fluoroinject.viewer.run import Run
    from napari_fluoroinject.viewer.session import Session

_OFF_THE_LINE_PX = 5.0
HOW = {
    "point": "one click",
    "line": "two clicks or more, double-click ends it",
    "area": "three clicks or more round it, double-click ends it",
}
"""How each kind of landmark is marked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One landmark of the procedure in the run that is worked on.

    `purposes` say what it is for, one phrase each; `here` whether the run's view can show it (an
    unknown view might); `unfit` why its mark cannot be used, empty where it can;
    `far_side_missing` that a far side is needed and was not said; `marked_in` names the views of
    the study's open runs in which it is marked.
    """

    rule: LandmarkRule
    purposes: tuple[str, ...]
    mark: Mark | None
    here: bool
    unfit: str
    far_side_missing: bool
    marked_in: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether it is marked as it is asked for."""
        return self.mark is not None and not self.unfit and not self.far_side_missing

    @property
    def state(self) -> str:
        """How far it is marked, in words."""
        if self.mark is None:
            return "missing" if self.here else "not in this view"
        if self.unfit:
            return f"marked, but it {self.unfit}"
        if self.far_side_missing:
            return "marked; the far side is missing"
        count = len(self.mark.points_px)
        return f"marked, {count} point{'s' * (count != 1)}"


def asked(session: Session) -> tuple[Asked, ...]:
    """Every landmark of the chosen procedure, in its order; none where no run is shown."""
    if session.run is None:
        return ()
    procedure, view = session.procedure, view_of(session, session.run)
    return tuple(_asked(session, procedure, rule, view) for rule in procedure.landmarks)


def view_of(session: Session, run: Run) -> str | None:
    """The name of a run's view in the chosen procedure, or its own; None where it is not known."""
    annotation = session.draft.annotation(run.uid)
    named = shown_view(run.loop.view, annotation, session.procedure)
    return run.loop.view.name if named is None else named


def purposes(rule: LandmarkRule, procedure: Procedure) -> tuple[str, ...]:
    """What a landmark is for in a procedure, one phrase each; its note where no rule names it."""
    told = [
        f"the tip is measured against it: how far {limit.beyond}"
        for limit in procedure.limits
        if limit.landmark == rule.id
    ]
    if procedure.target is not None and procedure.target.within == rule.id:
        told.append("the area in which the tip belongs")
    wanted = _measures(procedure)
    told += [MEASURES[one] for one, of in LANDMARK_OF.items() if of == rule.id and one in wanted]
    if rule.id in CONTACT_LINES and "line_contact" in wanted:
        told.append(MEASURES["line_contact"])
    if rule.kind == "area" and "area_overlap" in wanted:
        told.append(MEASURES["area_overlap"])
    return tuple(dict.fromkeys(told)) or ((rule.note,) if rule.note else ())


def needs_far_side(rule: LandmarkRule, procedure: Procedure) -> bool:
    """Whether something asks on which side of a line a thing lies."""
    if rule.kind != "line":
        return False
    wanted = _measures(procedure)
    return (
        any(limit.landmark == rule.id for limit in procedure.limits)
        or (rule.id == LANDMARK_OF["medial_to_pedicle"] and "medial_to_pedicle" in wanted)
        or (rule.id in CONTACT_LINES and "beyond_line" in wanted)
    )


def far_sides(mark: Mark, picture: tuple[int, int]) -> tuple[tuple[str, Point], ...]:
    """The two sides of a line as a person sees them in the picture, each with a point on it.

    Parameters
    ----------
    mark
        Of a line; of anything else there are no sides.
    picture
        (rows, columns), which the points do not leave.
    """
    if len(mark.points_px) < 2:
        return ()
    at = (len(mark.points_px) - 1) // 2
    (row, column), (below, beside) = mark.points_px[at : at + 2]
    down, right = below - row, beside - column
    length = hypot(down, right)
    if length == 0:
        return ()
    words = ("left", "right") if abs(down) >= abs(right) else ("above", "below")
    turn = 1.0 if (down if abs(down) >= abs(right) else -right) >= 0 else -1.0
    found = []
    for word, sign in zip(words, (-turn, turn), strict=True):
        step = sign * _OFF_THE_LINE_PX / length
        # a quarter turn of the line's direction: right of a line that runs down the picture
        point = ((row + below) / 2 - step * right, (column + beside) / 2 + step * down)
        found.append((word, (_within(point[0], picture[0]), _within(point[1], picture[1]))))
    return tuple(found)


def far_side(mark: Mark, picture: tuple[int, int]) -> str | None:
    """Which of the two sides was said to be the far one; None where none was, or no near one."""
    said = mark.beyond_px
    if said is None:
        return None
    sides = far_sides(mark, picture)
    return min(sides, key=lambda one: length_px(one[1], said))[0] if sides else None


def _within(value: float, count: int) -> float:
    return min(max(value, 0.0), count - 1.0)


def _asked(session: Session, procedure: Procedure, rule: LandmarkRule, view: str | None) -> Asked:
    mark = session.annotation.mark(rule.id)
    far = needs_far_side(rule, procedure)
    return Asked(
        rule=rule,
        purposes=purposes(rule, procedure),
        mark=mark,
        here=view is None or view in rule.views,
        unfit="" if mark is None else why_unfit(mark, rule.kind) or "",
        far_side_missing=far and mark is not None and mark.beyond_px is None,
        marked_in=_marked_in(session, rule.id),
    )


def _marked_in(session: Session, landmark: str) -> tuple[str, ...]:
    shown = session.run
    views = [
        view_of(session, run) or "a run of unknown view"
        for run in session.runs
        if shown is not None
        and run.study_uid == shown.study_uid
        and session.draft.marked(run.uid).annotation.mark(landmark) is not None
    ]
    return tuple(dict.fromkeys(views))


def _measures(procedure: Procedure) -> frozenset[MeasureId]:
    patterns = (*procedure.expected, *procedure.abnormal)
    return frozenset([*procedure.measures, *(one for of in patterns for one in of.measures)])
