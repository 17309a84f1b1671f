"""A segmentation that was read from a file: whose frames it marks, segment by segment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from napari_fluoroinject.model.arrays import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadSegment:
    """One segment.

    Attributes
    ----------
    number
        Of the segment in its file.
    label
        Its name, empty where it has none.
    code
        What it is: (code value, scheme, meaning); None where the file names nothing.
    masks
        By frame of the loop, counted from 0: (rows, columns) bool, or float32 from 0 to 1 where
        the segmentation is fractional; read-only. The segment is empty in every other frame.
    """

    number: int
    label: str
    code: tuple[str, str, str] | None
    masks: Mapping[int, BoolArray | FloatArray]

    def __post_init__(self) -> None:
        for mask in self.masks.values():
            mask.flags.writeable = False
        object.__setattr__(self, "masks", MappingProxyType(dict(self.masks)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadSegmentation:
    """What a segmentation marks in one loop.

    Attributes
    ----------
    label
        What the file calls it, empty where it does not.
    encoding
        How it is stored: in a label map segments cannot overlap.
    fraction
        What the values of a fractional one are, shares or probabilities; None for the others.
    instances
        SOP Instance UIDs of the loop that it refers to, as far as it refers to them; in the order
        of the frames where the loop was given.
    size
        (rows, columns).
    segments
        In the order of the file.
    notes
        What is odd but tolerable, one sentence each, free of patient data.
    """

    label: str
    encoding: Literal["binary", "fractional", "labelmap"]
    fraction: Literal["OCCUPANCY", "PROBABILITY"] | None
    instances: tuple[str, ...]
    size: tuple[int, int]
    segments: tuple[ReadSegment, ...]
    notes: tuple[str, ...] = ()
