"""What a person says about a loop: needle, target, level, side."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, get_args

from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.geometry import Point, Side
from napari_fluoroinject.model.levels import check_level

MaskWish = Literal["auto", "header"]
"""Whose mask frames are subtracted: those found in the picture, or those of the header."""

_LONGEST_TEXT = 64
"""Characters of a level: LO of DICOM, where it ends up, holds no more (PS3.5 table 6.2-1)."""
_MOST_TOLD = 200
"""Characters of a wrong value in an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedleTrajectory:
    """A needle as a person marked it, hub and tip in the geometry of `frame`, counted from 0."""

    hub_px: Point
    tip_px: Point
    frame: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """Everything a person gave for a loop; None = not said, and never guessed.

    `target_px` is in the geometry of the mask frames, those before the contrast. `gauge` is the
    needle's, a key of `NEEDLE_DIAMETER_MM`; `level` a level of the spine, see `check_level`;
    `mask` whose mask frames are subtracted, None as `auto`.
    """

    needle: NeedleTrajectory | None = None
    target_px: Point | None = None
    gauge: int | None = None
    level: str | None = None
    side: Side | None = None
    mask: MaskWish | None = None


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
        (rows, columns) of the loop; None = not known, then the target may lie anywhere.

    Raises
    ------
    AnnotationError
        A gauge without a known diameter, a level that does not exist or belongs to another
        region, a target outside the picture.
    """
    # drawing needs NumPy, and the command line loads this module before it knows what is asked
    from napari_fluoroinject.model.drawing import NEEDLE_DIAMETER_MM

    if annotation.gauge is not None and annotation.gauge not in NEEDLE_DIAMETER_MM:
        raise AnnotationError(
            f"the diameter of a needle of gauge {annotation.gauge} is not known; expected one of "
            f"{', '.join(map(str, NEEDLE_DIAMETER_MM))}, or no gauge"
        )
    if annotation.level is not None:
        check_level(annotation.level, region=region)
    if annotation.target_px is not None and picture is not None:
        row, column = annotation.target_px
        rows, columns = picture
        if not (-0.5 <= row <= rows - 0.5 and -0.5 <= column <= columns - 0.5):
            raise AnnotationError(
                f"the target was marked at (row, column) = ({row:g}, {column:g}), outside the "
                f"picture; expected rows 0 to {rows - 1} and columns 0 to {columns - 1}"
            )


def parse_annotation(text: str, *, name: str) -> Annotation:
    """Read an annotation from its JSON text.

    Keys, all optional: `needle` (`hub_px`, `tip_px`, `frame`), `target_px`, `gauge`, `level`,
    `side`, `mask`.

    Raises
    ------
    AnnotationError
        Not JSON, an unknown key, or a wrong value, see `check_annotation`; the message names it.
    """
    try:
        fields = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits
        raise AnnotationError(f"{name}: not valid JSON: {error}") from error
    _check_keys(fields, Annotation, name)
    needle = fields.get("needle")
    if needle is not None:
        _check_keys(needle, NeedleTrajectory, f"{name}: needle")
    side = fields.get("side")
    if side not in (None, "left", "right", "bilateral"):
        raise AnnotationError(f"{name}: side is {side!r}; expected left, right or bilateral")
    mask = fields.get("mask")
    if mask not in (None, *get_args(MaskWish)):
        raise AnnotationError(f"{name}: mask is {mask!r}; expected auto or header")
    annotation = _annotation(fields, name)
    try:
        check_annotation(annotation)
    except AnnotationError as error:
        raise AnnotationError(f"{name}: {error}") from error
    return annotation


def _annotation(fields: dict[str, Any], name: str) -> Annotation:
    needle = fields.get("needle")
    try:
        return Annotation(
            needle=None
            if needle is None
            else NeedleTrajectory(
                hub_px=_point(needle["hub_px"]),
                tip_px=_point(needle["tip_px"]),
                frame=_whole(needle.get("frame")) or 0,
            ),
            target_px=None if fields.get("target_px") is None else _point(fields["target_px"]),
            gauge=_whole(fields.get("gauge")),
            level=_short_text(fields.get("level")),
            side=fields.get("side"),
            mask=fields.get("mask"),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise AnnotationError(
            f"{name}: {f'{error!r}':.{_MOST_TOLD}}; expected [row, column] points of finite "
            "numbers, whole numbers for gauge and frame, a text for level"
        ) from error


def _check_keys(fields: Any, kind: type, name: str) -> None:
    known = [field.name for field in dataclasses.fields(kind)]
    if not isinstance(fields, dict):
        raise AnnotationError(f"{name}: a {type(fields).__name__}; expected an object of {known}")
    if unknown := sorted(set(fields) - set(known)):
        raise AnnotationError(f"{name}: unknown key {', '.join(unknown)}; there are {known}")


def _whole(value: Any) -> int | None:
    """A whole number, or None; never a rounded one."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise TypeError(value)
    return value


def _short_text(value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or len(value) > _LONGEST_TEXT):
        raise TypeError(value)
    return value


def _point(values: Any) -> Point:
    if not isinstance(values, list) or any(type(value) not in (int, float) for value in values):
        raise TypeError(values)
    row, column = (float(value) for value in values)
    if not (isfinite(row) and isfinite(column)):
        raise ValueError(values)
    return row, column


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, each of its keys said once: of left and right, neither is what was meant."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError(f"a key of {list(fields)} stands there twice")
    return fields
