"""What a person has said so far: one frozen value, that is undone, autosaved and recovered."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.annotation import Annotation, ContrastAgent
from napari_fluoroinject.model.geometry import Side
from napari_fluoroinject.model.plain import PlainError, plain, typed


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What holds for all runs of a study; None = not said, and never guessed.

    A run without a procedure is analysed by the rules of `generic`, which may also be chosen.
    """

    procedure: str | None = None
    level: str | None = None
    side: Side | None = None
    agent: ContrastAgent | None = None
    gauge: int | None = None
    needle_length_mm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A proposal that a person made their own: `what` is `needle`, `operator` who it was."""

    what: str
    operator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What was marked in one run; `annotation` holds none of the plan's fields."""

    sop_instance_uid: str = ""
    annotation: Annotation = field(default_factory=Annotation)
    accepted: tuple[Accepted, ...] = ()
    declined: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The plan of one study, and what was marked in each of its runs."""

    study_instance_uid: str = ""
    plan: Plan = field(default_factory=Plan)
    runs: tuple[Marked, ...] = ()

    def marked(self, uid: str) -> Marked:
        """What was marked in a run; nothing, where nobody marked anything."""
        found = (one for one in self.runs if one.sop_instance_uid == uid)
        return next(found, Marked(sop_instance_uid=uid))

    def annotation(self, uid: str) -> Annotation:
        """What an analysis of the run is given: its marks and the plan."""
        plan = self.plan
        return replace(
            self.marked(uid).annotation,
            level=plan.level,
            side=plan.side,
            agent=plan.agent,
            gauge=plan.gauge,
            needle_length_mm=plan.needle_length_mm,
        )

    def with_marked(self, marked: Marked) -> Draft:
        """The same, with this said of one run."""
        uid = marked.sop_instance_uid
        if any(one.sop_instance_uid == uid for one in self.runs):
            runs = tuple(marked if one.sop_instance_uid == uid else one for one in self.runs)
        else:
            runs = (*self.runs, marked)
        return replace(self, runs=runs)

    def signed_as(self, before: Draft) -> Draft:
        """The same, less every sign-off of what now differs from what stood there before.

        A sign-off that came with the change stands: it is said of what stands there now.
        """
        draft = self
        for one in self.runs:
            sign_off, uid = one.annotation.sign_off, one.sop_instance_uid
            if sign_off is None or sign_off != before.marked(uid).annotation.sign_off:
                continue
            said, was = (replace(of.annotation(uid), sign_off=None) for of in (self, before))
            if (self.plan, said) != (before.plan, was):
                draft = draft.with_annotation(uid, replace(one.annotation, sign_off=None))
        return draft

    def with_annotation(self, uid: str, annotation: Annotation) -> Draft:
        """The same, with the marks of one run replaced."""
        return self.with_marked(replace(self.marked(uid), annotation=annotation))


def draft_text(draft: Draft) -> str:
    """Write a draft as JSON that `parse_draft` reads back exactly; it names no patient."""
    return json.dumps(plain(draft), ensure_ascii=False) + "\n"


def parse_draft(text: str) -> Draft:
    """Read a draft.

    Raises
    ------
    AnnotationError
        It is not one that was written whole.
    """
    try:
        draft: Draft = typed(Draft, json.loads(text))
    except (ValueError, PlainError, RecursionError) as error:
        raise AnnotationError(
            f"an autosaved draft cannot be read: {error}; expected one that this version wrote"
        ) from error
    return draft
