"""One measurement group: numbers, and the shape on a frame from which they are inferred."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import TYPE_CHECKING, Literal

import highdicom.sr as hd
import numpy as np
import numpy.typing as npt
from pydicom.sr.coding import Code

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.graphic import graphic_data
from napari_fluoroinject.dicom.header import algorithm_parameters, anatomic_region
from napari_fluoroinject.dicom.items import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_fluoroinject.dicom.identity import Identity, ImageReference
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.report import Report

Group = hd.MeasurementsAndQualitativeEvaluations
"""A measurement group, TID 1501."""

_TOOL = "Cornerstone3DTools@^0.1.0"
"""Tracking identifiers begin with it where Cornerstone's adapters restore the shape as a tool."""


MOST_POINTS = 8191
"""As many 32-bit pairs as a 16-bit length holds (PS3.5 7.1.2, VR FL)."""


Tool = Literal["Length", "Probe", "PlanarFreehandROI"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One measured value; None = could not be had, and then nothing is written."""

    name: Code
    value: float | None
    unit: Code


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """A shape on one frame, points (row, column), and the viewer's tool that shows it.

    Where all that is told of it is `by_person`, no algorithm is named.
    """

    tool: Tool
    points_px: npt.ArrayLike
    frame: int
    by_person: bool = False

    @property
    def closed(self) -> bool:
        """Whether it ends where it began, and encloses something (PS3.3 C.18.6.1.2)."""
        points = np.asarray(self.points_px, np.float64)
        return len(points) > 3 and bool((points[0] == points[-1]).all())


def thinned(points_px: DoubleArray) -> DoubleArray:
    """Leave out every other point of a closed shape until it fits; it stays closed."""
    ring = points_px[:-1]
    while len(ring) > MOST_POINTS - 1:
        ring = ring[::2]
    return np.concatenate([ring, ring[:1]])


def noted(group: Group | None, notes: Iterable[tuple[Code, str]]) -> Group | None:
    """Add words to a group under coded headings; highdicom has no class for them."""
    if group is not None:
        for heading, words in notes:
            group[0].ContentSequence.append(
                hd.TextContentItem(heading, plain(words), hd.RelationshipTypeValues.CONTAINS)
            )
    return group


class GroupWriter:
    """Writes numbers and shapes of one report as TID 1501 groups."""

    def __init__(self, report: Report, identity: Identity) -> None:
        self.report = report
        self.identity = identity
        region = anatomic_region(identity, report.procedure.anatomic_region)
        self._sites = None if region is None else [hd.FindingSite(region)]

    def length(self, name: Code, px: float | None, mm: float | None = None) -> Number:
        """Return a length in mm where there are mm, else in pixels."""
        scale = self.report.loop.mm_per_px
        if mm is None and px is not None and scale is not None:
            mm = px * scale
        if scale is None or mm is None:
            return Number(name=name, value=px, unit=codes.PIXELS)
        return Number(name=name, value=mm, unit=codes.MM)

    def area(self, name: Code, px: float) -> Number:
        """Return an area in mm2 where there are mm, else in pixels."""
        scale = self.report.loop.mm_per_px
        if scale is None:
            return Number(name=name, value=px, unit=codes.PIXELS)
        return Number(name=name, value=px * scale**2, unit=codes.MM2)

    def group(
        self,
        label: str,
        finding: Code,
        numbers: Iterable[Number],
        *,
        shape: Shape | None = None,
        frames: tuple[int, int] | None = None,
        answers: Sequence[tuple[Code, Code]] = (),
    ) -> Group | None:
        """Return a group, or None when it would hold neither a number nor an answer."""
        measured = [
            self._measurement(number.name, number.value, number.unit, shape)
            for number in numbers
            if number.value is not None and isfinite(number.value)
        ]
        if not measured and not answers:
            return None
        shown = label if shape is None else f"{_TOOL}:{shape.tool}"
        return hd.MeasurementsAndQualitativeEvaluations(
            hd.TrackingIdentifier(self.identity.tracking_uid("group", label), plain(shown)),
            finding_type=finding,
            finding_sites=self._sites,
            algorithm_id=None if shape and shape.by_person else self._algorithm(finding),
            source_images=None if shape is not None else self._sources(frames),
            measurements=measured,
            qualitative_evaluations=[hd.QualitativeEvaluation(*answer) for answer in answers],
        )

    def _algorithm(self, finding: Code) -> hd.AlgorithmIdentification:
        """Name and version; the parameters, the same for all, only with the assessment."""
        made = self.report.provenance
        told = algorithm_parameters(made) if finding == codes.private("assessment") else None
        return hd.AlgorithmIdentification(plain(made.software), plain(made.version), told)

    def _measurement(
        self, name: Code, value: float, unit: Code, shape: Shape | None
    ) -> hd.Measurement:
        rounded = _rounded(value)
        measurement = hd.Measurement(
            name,
            rounded,
            unit,
            referenced_coordinates=None if shape is None else [self._coordinates(shape)],
        )
        # highdicom writes a count of eleven as 11.0.
        measurement[0].MeasuredValueSequence[0].NumericValue = f"{rounded:.10g}"
        return measurement

    def _coordinates(self, shape: Shape) -> hd.CoordinatesForMeasurement:
        data = graphic_data(shape.points_px)
        image = self.identity.frame(shape.frame)
        return hd.CoordinatesForMeasurement(
            hd.GraphicTypeValues.POINT if len(data) == 1 else hd.GraphicTypeValues.POLYLINE,
            data,
            hd.SourceImageForRegion(*_reference(image)),
        )

    def _sources(self, frames: tuple[int, int] | None) -> list[hd.SourceImageForMeasurementGroup]:
        """Refer to these frames, or to the whole loop where one reference can do that."""
        if frames is not None:
            images = [self.identity.frame(k) for k in range(frames[0], frames[1] + 1)]
        elif len(self.identity.headers) == 1:
            images = list(self.identity.whole())
        else:
            images = []
        numbers = [image.frame_number for image in images if image.frame_number is not None]
        if numbers:
            uids = (images[0].sop_class_uid, images[0].sop_instance_uid)
            return [hd.SourceImageForMeasurementGroup(*uids, numbers)]
        return [hd.SourceImageForMeasurementGroup(*_reference(image)) for image in images]


def _reference(image: ImageReference) -> tuple[str, str, list[int] | None]:
    number = image.frame_number
    return image.sop_class_uid, image.sop_instance_uid, None if number is None else [number]


def _rounded(value: float) -> float:
    """Four significant digits, three below 1, counts whole: more would be false precision."""
    if value == int(value):
        return int(value)
    digits = 4 if abs(value) >= 1 else 3
    return round(value, max(0, digits - 1 - floor(log10(abs(value)))))
