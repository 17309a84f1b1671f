"""What a presentation state draws and subtracts, whoever wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.arrays import DoubleArray, read_only
from napari_fluoroinject.model.masks import HeaderMask

DrawnKind = Literal["point", "polyline", "curve", "circle", "ellipse", "text"]
"""A `curve` runs smoothly through its points."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnShape:
    """One shape or text on some frames of a loop.

    Attributes
    ----------
    kind
        What the points mean.
    points_px
        (points, 2) float64, (row, column): of a circle its centre and a point on it, of an ellipse
        the ends of its long, then of its short axis, of a text where it stands.
    frames
        On which it is drawn, from 0, rising.
    text
        Of a text; else None. Whoever wrote it may have named the patient.
    layer
        The layer that it belongs to; None = none is named.
    closed
        Whether the line ends where it began.
    name
        By which its writer follows it (Tracking ID); None = none.
    """

    kind: DrawnKind
    points_px: DoubleArray
    frames: tuple[int, ...]
    text: str | None = None
    layer: str | None = None
    closed: bool = False
    name: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "points_px", read_only(self.points_px, np.float64))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Presentation:
    """A presentation state that was read.

    Attributes
    ----------
    sop_instance_uid
        Its own.
    annotation
        What a person marked, where this software wrote it; its numbers are 32-bit floats.
    shapes
        Everything that is drawn, those of the annotation included.
    masks
        What is to be subtracted, none where nothing is.
    notes
        What could not be used, one sentence each, free of patient data.
    """

    sop_instance_uid: str
    annotation: Annotation
    shapes: tuple[DrawnShape, ...]
    masks: tuple[HeaderMask, ...]
    notes: tuple[str, ...] = ()
