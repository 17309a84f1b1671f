"""Where source, detector and table stood, and when: what a pair of views asks of a header."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.attributes import stated, text, texts
from napari_fluoroinject.dicom.calibration import GEOMETRY
from napari_fluoroinject.dicom.timing import moment_of
from napari_fluoroinject.model.pose import Setup

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pydicom.dataset import Dataset

_TABLE = "TablePositionSequence"
_POSITIONS = (
    "TableTopVerticalPosition",
    "TableTopLongitudinalPosition",
    "TableTopLateralPosition",
    "TableHorizontalRotationAngle",
    "TableHeadTiltAngle",
    "TableCradleTiltAngle",
)
_FARTHEST = 100
"""Largest magnification by distances: ten times that of any C-arm."""


def setup(header: Dataset) -> Setup:
    """Read where things stood when a loop was taken.

    Distances from XA Positioner (PS3.3 C.8.7.5) or X-Ray Geometry (C.8.19.6.14), that to the
    isocentre from Distance Source to Isocenter, Distance Source to Patient, or the stated
    magnification; the table from X-Ray Table Position (C.8.19.6.11), which other objects may hold
    on top, and Table Motion (C.8.7.4). An attribute that cannot be read is unknown: only a pair
    of views would ask for it.
    """
    detector, isocentre = _distances(header)
    table = [_stated(header, _TABLE, keyword) for keyword in _POSITIONS]
    moving = any(len(values) > 1 for values in table)
    rows = texts(header, "PatientOrientation")
    return Setup(
        started=_started(header),
        source_to_detector_mm=detector,
        source_to_isocentre_mm=isocentre,
        table=tuple(values[0] if len(values) == 1 else None for values in table),
        table_moved=moving or text(header, "TableMotion") == "DYNAMIC",
        rows_towards=(rows[0].strip() or None) if rows else None,
    )


def over_all(setups: Sequence[Setup]) -> Setup:
    """Where things stood over a loop of single frames; distances that differ are unknown."""
    first = setups[0]
    distances = {(one.source_to_detector_mm, one.source_to_isocentre_mm) for one in setups}
    moved = any(one.table_moved or one.table != first.table for one in setups)
    detector, isocentre = distances.pop() if len(distances) == 1 else (None, None)
    return Setup(
        started=first.started,
        source_to_detector_mm=detector,
        source_to_isocentre_mm=isocentre,
        table=first.table,
        table_moved=moved,
        rows_towards=first.rows_towards,
    )


def _distances(header: Dataset) -> tuple[float | None, float | None]:
    """Source to detector and to isocentre; None where unknown, changing or impossible."""
    detector = _one(header, "DistanceSourceToDetector")
    if detector is None or not detector > 0:
        return None, None
    told = [_one(header, "DistanceSourceToIsocenter"), _one(header, "DistanceSourceToPatient")]
    factor = _one(header, "EstimatedRadiographicMagnificationFactor")
    if factor is not None and factor >= 1:
        told.append(detector / factor)
    known = (mm for mm in told if mm is not None and detector / _FARTHEST <= mm <= detector)
    return detector, next(known, None)


def _one(header: Dataset, keyword: str) -> float | None:
    values = _stated(header, GEOMETRY, keyword)
    return values[0] if len(values) == 1 else None


def _stated(header: Dataset, macro: str, keyword: str) -> tuple[float, ...]:
    """Distinct numbers over the frames; none where one of them cannot be read."""
    try:
        values = [first for first, *_ in stated(header, macro, keyword)]
    except (ValueError, TypeError):
        return ()
    return tuple(values) if all(map(isfinite, values)) else ()


def _started(header: Dataset) -> datetime | None:
    try:
        return moment_of(header)
    except (ValueError, TypeError):
        return None
