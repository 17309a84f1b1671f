"""What a person says about a loop: needle, target, landmarks, level, side, agent, events."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.flags import check_flags
from napari_fluoroinject.model.geometry import Point, Side
from napari_fluoroinject.model.levels import check_ladder, check_level
from napari_fluoroinject.model.marks import why_unfit
from napari_fluoroinject.model.measurement import LANDMARK_OF
from napari_fluoroinject.model.plain import PlainError, plain, typed
from napari_fluoroinject.model.sign_off import check_sign_off
from napari_fluoroinject.model.words import LONGEST_TEXT, unwritable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.model.procedure import Procedure

MaskWish = Literal["auto", "header"]
"""Whose mask frames are subtracted: those found in the picture, or those of the header."""
MaskSource = Literal["header", "found"]
"""The same where it must be said: the masks that the header defines, or frames before contrast."""
AgentKind = Literal["iodinated", "gadolinium", "other"]
EventKind = Literal["aspiration", "contrast", "test_dose", "medication"]
Confirmed = Literal["needle_and_target", "contrast", "warnings"]
"""What an operator looks at and confirms before results are sent."""
FlagKind = Literal["vascular_uptake"]

_LARGEST_PRIMARY_DEG, _LARGEST_SECONDARY_DEG = 180.0, 90.0
"""PS3.3 C.8.7.5: longitude and latitude of the beam."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedleTrajectory:
    """A needle as a person marked it, hub and tip in the geometry of `frame`, counted from 0."""

    hub_px: Point
    tip_px: Point
    frame: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A landmark of the procedure as a person marked it, in the geometry of the mask frames.

    `landmark` is its id in the procedure; `points_px` one point, the two or more of a line, or
    the three or more corners of an area. `beyond_px` is any point on the far side of a line, the
    side on which the tip must not be: it is never guessed from the picture. `level` names the
    vertebra of the first point where points count levels (end plates).
    """

    landmark: str
    points_px: tuple[Point, ...]
    beyond_px: Point | None = None
    level: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastAgent:
    """What was injected to be seen. None = not said; gadolinium is no iodine."""

    name: str | None = None
    kind: AgentKind | None = None
    iodine_mg_ml: float | None = None
    volume_ml: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something done, in seconds from the first frame's time; before the run it is negative."""

    kind: EventKind
    time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CArm:
    """Angles of the C-arm as a person read them off; they count where the file has none.

    As PositionerPrimaryAngle and PositionerSecondaryAngle (PS3.3 C.8.7.5): towards the patient's
    left and head positive.
    """

    primary_angle_deg: float
    secondary_angle_deg: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """What a person saw in `frame`, counted from 0; never a finding of the software."""

    kind: FlagKind
    frame: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """Who looked at the results, when (DT of DICOM, PS3.5 6.2), and what was confirmed."""

    operator: str
    at: str
    confirmed: tuple[Confirmed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """Everything a person gave for a loop; None = not said, and never guessed.

    `target_px` is in the geometry of the mask frames, those before the contrast. `gauge` is the
    needle's, a key of `NEEDLE_DIAMETER_MM`; `needle_length_mm` from its hub to its tip; `level` a
    level of the spine, see `check_level`; `view` the name of the view; `mask` whose mask frames
    are subtracted, None as `auto`; `mask_frames` those that a person chose, rising, in place of
    both. `flags` are what the person saw, and `sign_off` is said of the results of all the rest:
    neither changes a number.
    """

    needle: NeedleTrajectory | None = None
    target_px: Point | None = None
    gauge: int | None = None
    needle_length_mm: float | None = None
    level: str | None = None
    side: Side | None = None
    view: str | None = None
    c_arm: CArm | None = None
    marks: tuple[Mark, ...] = ()
    agent: ContrastAgent | None = None
    events: tuple[Event, ...] = ()
    mask: MaskWish | None = None
    mask_frames: tuple[int, ...] = ()
    flags: tuple[Flag, ...] = ()
    sign_off: SignOff | None = None

    @property
    def inputs(self) -> Annotation:
        """What an analysis goes by: the same without flags and sign-off."""
        return replace(self, flags=(), sign_off=None)

    def mark(self, landmark: str) -> Mark | None:
        """The mark of a landmark; None where it was not marked."""
        return next((mark for mark in self.marks if mark.landmark == landmark), None)


def check_annotation(
    annotation: Annotation,
    *,
    region: str | None = None,
    picture: tuple[int, int] | None = None,
) -> None:
    """Check what a person said against what there is.

    Parameters
    ----------
    annotation
        The marks.
    region
        Of the procedure; None = not known, then every level will do.
    picture
        (rows, columns) of the loop; None = not known, then marks may lie anywhere.

    Raises
    ------
    AnnotationError
        A gauge without a known diameter, a level that does not exist or belongs to another
        region, a point outside the picture, a landmark that is marked twice, a length or volume
        that is none, an angle that no C-arm has, a text with control characters, mask frames that
        do not rise or stand beside another wish, flags that repeat, a sign-off by nobody or at no
        time.
    """
    # drawing needs NumPy, and the command line loads this module before it knows what is asked
    from napari_fluoroinject.model.drawing import NEEDLE_DIAMETER_MM

    if annotation.gauge is not None and annotation.gauge not in NEEDLE_DIAMETER_MM:
        raise AnnotationError(
            f"the diameter of a needle of gauge {annotation.gauge} is not known; expected one of "
            f"{', '.join(map(str, NEEDLE_DIAMETER_MM))}, or no gauge"
        )
    _check_texts(annotation)
    _check_amounts(annotation)
    if annotation.c_arm is not None:
        _check_c_arm(annotation.c_arm)
    if annotation.level is not None:
        check_level(annotation.level, region=region)
    _check_marks(annotation.marks)
    _check_mask(annotation)
    check_flags(annotation.flags)
    if annotation.sign_off is not None:
        check_sign_off(annotation.sign_off)
    if picture is not None:
        for name, point in _points(annotation):
            _check_inside(name, point, picture)


def parse_annotation(text: str, *, name: str) -> Annotation:
    """Read an annotation from its JSON text; its keys are the fields of `Annotation`.

    Raises
    ------
    AnnotationError
        Not JSON, an unknown key, or a wrong value, see `check_annotation`; the message names it.
    """
    try:
        fields = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits
        raise AnnotationError(f"{name}: not valid JSON: {error}") from error
    try:
        annotation: Annotation = typed(Annotation, fields)
        check_annotation(annotation)
    except (PlainError, AnnotationError) as error:
        raise AnnotationError(f"{name}: {error}") from error
    return annotation


def annotation_text(annotation: Annotation) -> str:
    """Write an annotation as JSON that `parse_annotation` reads back exactly."""
    return json.dumps(plain(annotation), indent=1, ensure_ascii=False) + "\n"


def _check_c_arm(c_arm: CArm) -> None:
    for what, seen, most in (
        ("primary_angle_deg", c_arm.primary_angle_deg, _LARGEST_PRIMARY_DEG),
        ("secondary_angle_deg", c_arm.secondary_angle_deg, _LARGEST_SECONDARY_DEG),
    ):
        if not abs(seen) <= most:
            raise AnnotationError(
                f"c_arm.{what}: seen {seen:g}; expected -{most:g} to {most:g} degrees, as the "
                "C-arm's display has it"
            )


def _check_amounts(annotation: Annotation) -> None:
    agent = annotation.agent or ContrastAgent()
    for what, amount in (
        ("needle_length_mm", annotation.needle_length_mm),
        ("agent.iodine_mg_ml", agent.iodine_mg_ml),
        ("agent.volume_ml", agent.volume_ml),
    ):
        if amount is not None and amount <= 0:
            raise AnnotationError(f"{what}: seen {amount:g}; expected more than nothing")
    if agent.kind == "gadolinium" and agent.iodine_mg_ml is not None:
        raise AnnotationError(
            f"agent: seen gadolinium with {agent.iodine_mg_ml:g} mg of iodine per mL; expected "
            "one or the other"
        )


def _check_texts(annotation: Annotation) -> None:
    agent = annotation.agent or ContrastAgent()
    for what, text in (
        ("level", annotation.level),
        ("view", annotation.view),
        ("agent.name", agent.name),
    ):
        if text is not None and len(text) > LONGEST_TEXT:
            seen = f"{text[:20]!r} of {len(text)} characters"
            raise AnnotationError(f"{what}: seen {seen}; expected {LONGEST_TEXT} at most")
        if text is not None and (bad := unwritable(text)):
            raise AnnotationError(
                f"{what}: seen the character {bad!r}; expected one line of text without control "
                "characters or lone surrogates, which a report cannot hold exactly"
            )


def check_landmarks(annotation: Annotation, procedure: Procedure) -> None:
    """Check that marks are landmarks of a procedure and of the kind that it asks for.

    Raises
    ------
    AnnotationError
        The procedure has no such landmark or view, or nothing can be measured against a mark, see
        `why_unfit`.
    """
    known = {landmark.id: landmark for landmark in procedure.landmarks}
    for mark in annotation.marks:
        rule = known.get(mark.landmark)
        if rule is None:
            raise AnnotationError(
                f"{procedure.key} has no landmark {mark.landmark!r}; there are: "
                f"{', '.join(known) or 'none'}"
            )
        if (why := why_unfit(mark, rule.kind)) is not None:
            raise AnnotationError(f"marks: {mark.landmark!r} {why}")
        if mark.landmark == LANDMARK_OF["levels"]:
            _check_ladder(mark, procedure.region)
    views = [view.name for view in procedure.views]
    if annotation.view is not None and views and annotation.view not in views:
        raise AnnotationError(
            f"{procedure.key} has no view {annotation.view!r}; there are: {', '.join(views)}"
        )


def _check_ladder(mark: Mark, region: str) -> None:
    try:
        check_ladder(mark.level, len(mark.points_px), region=region)
    except AnnotationError as error:
        raise AnnotationError(f"marks: {mark.landmark!r}: {error}") from error


def _check_marks(marks: tuple[Mark, ...]) -> None:
    names = [mark.landmark for mark in marks]
    for mark in marks:
        if names.count(mark.landmark) > 1:
            raise AnnotationError(f"marks: {mark.landmark!r} is marked more than once")
        if not mark.points_px:
            raise AnnotationError(f"marks: {mark.landmark!r} has no point; expected one or more")
        if mark.level is not None:
            check_level(mark.level)


def _check_mask(annotation: Annotation) -> None:
    frames = annotation.mask_frames
    if frames and annotation.mask is not None:
        raise AnnotationError(
            f"seen mask {annotation.mask!r} and mask_frames; expected one or the other"
        )
    if list(frames) != sorted(set(frames)) or min(frames, default=0) < 0:
        raise AnnotationError(
            f"mask_frames: seen {', '.join(map(str, frames[:10]))}; expected frames counted from "
            "0, rising, each once"
        )


def _points(annotation: Annotation) -> Iterator[tuple[str, Point]]:
    """Every point, with what it is called."""
    if annotation.needle is not None:
        yield "the hub of the needle", annotation.needle.hub_px
        yield "the tip of the needle", annotation.needle.tip_px
    if annotation.target_px is not None:
        yield "the target", annotation.target_px
    for mark in annotation.marks:
        for point in mark.points_px:
            yield f"{mark.landmark!r}", point
        if mark.beyond_px is not None:
            yield f"the far side of {mark.landmark!r}", mark.beyond_px


def _check_inside(name: str, point: Point, picture: tuple[int, int]) -> None:
    (row, column), (rows, columns) = point, picture
    if not (-0.5 <= row <= rows - 0.5 and -0.5 <= column <= columns - 0.5):
        raise AnnotationError(
            f"{name} was marked at (row, column) = ({row:g}, {column:g}), outside the "
            f"picture; expected rows 0 to {rows - 1} and columns 0 to {columns - 1}"
        )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, each of its keys said once: of left and right, neither is what was meant."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError(f"a key of {list(fields)} stands there twice")
    return fields
