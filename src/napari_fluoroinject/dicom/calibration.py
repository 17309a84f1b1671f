"""What a pixel measures, and where that is known from (PS3.3 10.7, C.8.7.5)."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.attributes import numbers, only, only_text, stated
from napari_fluoroinject.errors import UnreadableObjectError
from napari_fluoroinject.model.geometry import Calibration, CalibrationBasis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

PIXELS, GEOMETRY, OBJECT = (
    "FramePixelDataPropertiesSequence",
    "XRayGeometrySequence",
    "ProjectionPixelCalibrationSequence",
)
_FARTHEST = 100
"""Largest magnification by distances: ten times that of any C-arm."""
_ANISOTROPY = 1e-3
"""Row and column spacing that differ by more make a length depend on its direction."""
_PLAUSIBLE_MM = (0.01, 5.0)
"""Of a pixel: a tenth of the finest detector's, and 64 of them across the largest field."""
_CONFLICT = 0.05
"""Two ways to the same number that differ by more are worth a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spacing:
    """Millimetres per pixel in the patient and at the detector, None where unknown, with notes."""

    calibration: Calibration | None
    detector_mm_per_px: float | None
    notes: tuple[str, ...]


def calibrate(header: Dataset, *, source: str) -> Spacing:
    r"""Go down the ladder: ERMF, distances, calibrated Pixel Spacing, nothing.

    Imager Pixel Spacing lies at the detector: divided by the Estimated Radiographic Magnification
    Factor, or multiplied by source-to-patient over source-to-detector distance, it holds in the
    plane of the isocentre. Pixel Spacing counts only with a Pixel Spacing Calibration Type.

    Raises
    ------
    UnreadableObjectError
        A spacing that is no length (0\0).
    ValueError
        An attribute holds something that is no number.
    """
    spacing = _spacing(header, "PixelSpacing", "", source)
    detector = _spacing(header, "ImagerPixelSpacing", PIXELS, source)
    if detector.changes:
        return _uncalibrated("Imager Pixel Spacing changes during the run.")
    if detector.skew:
        return _uncalibrated("Imager Pixel Spacing differs between rows and columns.")
    if detector.mm is not None:
        if not _plausible(detector.mm):
            return _uncalibrated(f"Imager Pixel Spacing {detector.mm:g} mm is not plausible.")
        found = _at_isocentre(header, detector.mm)
        if found is not None:
            return found
    found = _at_object(header, detector.mm) or _fiducial(header, spacing, detector.mm)
    if found is not None:
        return found
    missing = "Imager Pixel Spacing" if detector.mm is None else "magnification"
    said = f"The file gives no {missing}: pixels only, no millimetres."
    if spacing.mm is not None:
        said = f"Pixel Spacing without a calibration type is not used. {said}"
    return Spacing(calibration=None, detector_mm_per_px=detector.mm, notes=(said,))


def over_all(spacings: Sequence[Spacing]) -> Spacing:
    """Spacing of a loop of single frames: that of each of them, if it is the same."""
    first = spacings[0]
    sizes = [s.calibration.mm_per_px if s.calibration else 0.0 for s in spacings]
    if max(sizes) - min(sizes) > _ANISOTROPY * max(sizes):
        return _uncalibrated("The calibration differs from frame to frame.")
    return first


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A spacing attribute: its millimetres, or why there are none."""

    mm: float | None = None
    skew: bool = False
    changes: bool = False


def _spacing(header: Dataset, keyword: str, macro: str, source: str) -> _Found:
    values = stated(header, macro, keyword) if macro else _own(header, keyword)
    for pair in values:
        if not all(isfinite(value) and value > 0 for value in pair):
            raise UnreadableObjectError(
                source,
                seen=f"{keyword} {'x'.join(f'{value:g}' for value in pair)} mm",
                expected="two lengths above 0, or no such attribute",
            )
    if not values:
        return _Found()
    if len(values) > 1:
        return _Found(changes=True)
    row, column = values[0][0], values[0][-1]
    if abs(row - column) > _ANISOTROPY * row:
        return _Found(skew=True)
    return _Found(mm=row)


def _own(header: Dataset, keyword: str) -> tuple[tuple[float, ...], ...]:
    values = numbers(header, keyword)
    return (values,) if values else ()


def _at_isocentre(header: Dataset, detector_mm: float) -> Spacing | None:
    factor = only(header, GEOMETRY, "EstimatedRadiographicMagnificationFactor")
    ratio, fault = _distance_ratio(header)
    notes = []
    if factor is not None and factor >= 1:
        if ratio is not None and abs(ratio * factor - 1) > _CONFLICT:
            notes.append(
                f"The stated magnification {factor:g} and that of the distances "
                f"{1 / ratio:.4g} contradict each other; the stated one is used."
            )
        return _known(detector_mm / factor, "iso_ermf", detector_mm, notes)
    if factor is not None:
        notes.append(f"A magnification of {factor:g} is none and is not used.")
    if fault:
        return _uncalibrated(fault, detector_mm)
    if ratio is None:
        return None
    return _known(detector_mm * ratio, "iso_sid_sod", detector_mm, notes)


def _distance_ratio(header: Dataset) -> tuple[float | None, str]:
    """Source-to-patient over source-to-detector distance, or what speaks against having one."""
    detector = stated(header, GEOMETRY, "DistanceSourceToDetector")
    patient = stated(header, GEOMETRY, "DistanceSourceToPatient") or stated(
        header, GEOMETRY, "DistanceSourceToIsocenter"
    )
    if len(detector) > 1 or len(patient) > 1:
        return None, "A distance of the X-ray source changes during the run."
    if not detector or not patient:
        return None, ""
    sid, sod = detector[0][0], patient[0][0]
    for distance, to in ((sid, "Detector"), (sod, "Patient")):
        if not isfinite(distance):
            return None, f"Distance Source to {to} {distance:g} mm is no distance."
    # a patient in front of the source and not behind the detector
    return (sod / sid if 0 < sod <= sid <= _FARTHEST * sod else None), ""


def _at_object(header: Dataset, detector_mm: float | None) -> Spacing | None:
    """Enhanced objects may state the spacing in the plane of the object (C.8.19.6.9)."""
    values = stated(header, OBJECT, "ObjectPixelSpacingInCenterOfBeam")
    if len(values) != 1 or abs(values[0][0] - values[0][-1]) > _ANISOTROPY * abs(values[0][0]):
        return None
    spacing = values[0][0]
    if not (isfinite(spacing) and spacing > 0):
        return None
    said = "The device states the pixel spacing in the plane of the object, at the beam's centre."
    return _known(spacing, "iso_ermf", detector_mm, [said])


def _fiducial(header: Dataset, spacing: _Found, detector_mm: float | None) -> Spacing | None:
    kind = only_text(header, PIXELS, "PixelSpacingCalibrationType")
    if kind not in ("GEOMETRY", "FIDUCIAL"):
        return None
    if spacing.skew:
        return _uncalibrated("Pixel Spacing differs between rows and columns.", detector_mm)
    if spacing.mm is None:
        return None
    return _known(spacing.mm, "pixel_spacing_fiducial", detector_mm, [])


def _known(
    mm: float, basis: CalibrationBasis, detector_mm: float | None, notes: list[str]
) -> Spacing:
    if not _plausible(mm):
        return _uncalibrated(f"A scale of {mm:g} mm per pixel is not plausible.", detector_mm)
    calibration = Calibration(mm_per_px=mm, basis=basis)
    return Spacing(calibration=calibration, detector_mm_per_px=detector_mm, notes=tuple(notes))


def _plausible(mm: float) -> bool:
    low, high = _PLAUSIBLE_MM
    return low <= mm <= high


def _uncalibrated(why: str, detector_mm: float | None = None) -> Spacing:
    said = f"{why} Pixels only, no millimetres."
    return Spacing(calibration=None, detector_mm_per_px=detector_mm, notes=(said,))
