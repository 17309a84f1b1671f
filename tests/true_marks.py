"""Landmarks of a synthetic loop where they truly are, as a person would mark them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import ConvexHull

from napari_fluoroinject.model.annotation import Annotation, Mark
from napari_fluoroinject.procedures import get

if TYPE_CHECKING:
    from napari_fluoroinject.phantom import Phantom

LINES = {
    "ventral_interlaminar_line": "end_plates",
    "medial_pedicle_line": "midline",
    "midline": None,
}
"""Lines, and what lies beyond them."""
MOST_POINTS = 12


def truly_marked(phantom: Phantom) -> Annotation:
    """Everything that the truth of a loop tells of its procedure's landmarks in its view."""
    truth, shape = phantom.truth, phantom.loop.shape[1:]
    true = truth.landmarks_px
    rules = {rule.id: rule for rule in get(truth.procedure).landmarks}
    here = {name for name, rule in rules.items() if truth.view in rule.views}
    marks = []
    for name in here & LINES.keys():
        beside = LINES[name]
        points = _within(true[name], shape)
        beyond = None if beside is None else _within(true[beside], shape)[MOST_POINTS // 2]
        marks.append(Mark(landmark=name, points_px=points, beyond_px=beyond))
    if "end_plates" in here:
        inside = [_point(p) for p in true["end_plates"] if _is_within(p, shape)]
        if len(inside) > 1:
            marks.append(Mark(landmark="end_plates", points_px=tuple(inside)))
    marks += [
        Mark(landmark=name, points_px=_hull(true[f"{name}_box"], shape))
        for name in sorted(here & {"disc", "facet_joint"})
    ]
    ordered = tuple(sorted(marks, key=lambda mark: mark.landmark))
    return Annotation(marks=ordered, view=truth.view, side=truth.side)


def _within(line: Any, shape: tuple[int, ...]) -> tuple[tuple[float, float], ...]:
    """The part of a line that lies in the picture, as a few points."""
    at = np.linspace(0, len(line) - 1, 400)
    dense = np.stack([np.interp(at, np.arange(len(line)), line[:, axis]) for axis in (0, 1)], 1)
    seen = [p for p in dense if _is_within(p, shape)]
    places = np.linspace(0, len(seen) - 1, MOST_POINTS).round().astype(int)
    return tuple(_point(seen[place]) for place in places)


def _hull(corners: Any, shape: tuple[int, ...]) -> tuple[tuple[float, float], ...]:
    outline = np.clip(corners[ConvexHull(corners).vertices], 0, np.array(shape) - 1)
    apart = np.hypot(*(outline - np.roll(outline, 1, axis=0)).T) > 2.0
    return tuple(_point(p) for p in outline[apart])


def _is_within(point: Any, shape: tuple[int, ...]) -> bool:
    return bool(np.all(point >= 0) and np.all(point <= np.array(shape) - 1))


def _point(point: Any) -> tuple[float, float]:
    return float(point[0]), float(point[1])
