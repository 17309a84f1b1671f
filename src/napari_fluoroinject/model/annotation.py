"""What a person says about a loop: needle, target, level, side."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.geometry import Point, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedleTrajectory:
    """A needle as a person marked it, hub and tip in the geometry of `frame`."""

    hub_px: Point
    tip_px: Point
    frame: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """Everything a person gave for a loop; None = not said, and never guessed.

    `target_px` is in the geometry of the mask frames. `gauge` is the needle's (18 to 25).
    """

    needle: NeedleTrajectory | None = None
    target_px: Point | None = None
    gauge: int | None = None
    level: str | None = None
    side: Side | None = None


def parse_annotation(text: str, *, name: str) -> Annotation:
    """Read an annotation from its JSON text.

    Keys, all optional: `needle` (`hub_px`, `tip_px`, `frame`), `target_px`, `gauge`, `level`,
    `side`.

    Raises
    ------
    AnnotationError
        Not JSON, an unknown key, or a wrong value; the message names it.
    """
    try:
        fields = json.loads(text)
    except json.JSONDecodeError as error:
        raise AnnotationError(f"{name}: not valid JSON: {error}") from error
    _check_keys(fields, Annotation, name)
    needle = fields.get("needle")
    if needle is not None:
        _check_keys(needle, NeedleTrajectory, f"{name}: needle")
    side = fields.get("side")
    if side not in (None, "left", "right", "bilateral"):
        raise AnnotationError(f"{name}: side is {side!r}; expected left, right or bilateral")
    try:
        return Annotation(
            needle=None
            if needle is None
            else NeedleTrajectory(
                hub_px=_point(needle["hub_px"]),
                tip_px=_point(needle["tip_px"]),
                frame=int(needle.get("frame", 0)),
            ),
            target_px=None if fields.get("target_px") is None else _point(fields["target_px"]),
            gauge=None if fields.get("gauge") is None else int(fields["gauge"]),
            level=None if fields.get("level") is None else str(fields["level"]),
            side=side,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise AnnotationError(
            f"{name}: {error!r}; expected [row, column] points, whole numbers for gauge and frame"
        ) from error


def _check_keys(fields: Any, kind: type, name: str) -> None:
    known = [field.name for field in dataclasses.fields(kind)]
    if not isinstance(fields, dict):
        raise AnnotationError(f"{name}: a {type(fields).__name__}; expected an object of {known}")
    if unknown := sorted(set(fields) - set(known)):
        raise AnnotationError(f"{name}: unknown key {', '.join(unknown)}; there are {known}")


def _point(values: Any) -> Point:
    row, column = (float(value) for value in values)
    return row, column
