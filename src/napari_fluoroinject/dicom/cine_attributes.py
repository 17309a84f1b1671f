"""What a written cine object says about its loop: time, beam, millimetres, shutter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydicom.tag import Tag
from pydicom.valuerep import DSfloat

from napari_fluoroinject.dicom.items import item
from napari_fluoroinject.dicom.shutter import circle, rectangle
from napari_fluoroinject.errors import EncodingError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray
    from napari_fluoroinject.model.cine import CineLoop, IntensityScale

NOMINAL_SID_MM = 1000.0
"""Source-to-detector distance that is written; a loop keeps only what follows from distances."""

RELATIONSHIPS = {"linear": "LIN", "log": "LOG", "display": "DISP"}
_EVEN_S = 1e-7
"""Steps that differ by less are one Frame Time: a decimal string holds no more anyway."""
_LUT_TOP = 65535
SIDES = {"left": "L", "right": "R", "bilateral": "B"}


def decimal(value: float) -> DSfloat:
    """Return a decimal string of at most 16 characters."""
    return DSfloat(value, auto_format=True)


def add_times(dataset: Dataset, times_s: DoubleArray | None, frames: int) -> None:
    """Write the cine module: Frame Time for even steps, else Frame Time Vector.

    Raises
    ------
    EncodingError
        The times are unknown: a multi-frame object has to name what its frames differ in.
    """
    dataset.NumberOfFrames = frames
    if times_s is None:
        raise EncodingError(
            "a multi-frame object of this kind needs the times of its frames; this loop has none"
        )
    steps_ms = np.diff(times_s) * 1e3
    if frames > 1 and float(np.ptp(steps_ms)) * 1e-3 > _EVEN_S:
        dataset.FrameTimeVector = [decimal(0.0), *(decimal(float(step)) for step in steps_ms)]
        dataset.FrameIncrementPointer = Tag("FrameTimeVector")
        return
    step = float(steps_ms.mean()) if frames > 1 else 0.0
    dataset.FrameTime = decimal(step)
    dataset.FrameIncrementPointer = Tag("FrameTime")


def add_intensity(dataset: Dataset, intensity: IntensityScale) -> None:
    """Write what stored values mean (PS3.3 C.8.7.1), with the Modality LUT that LOG requires.

    Raises
    ------
    EncodingError
        The meaning is unknown, which these objects cannot say.
    """
    dataset.PixelIntensityRelationship = relationship_term(intensity)
    if falls(intensity) and intensity.relationship != "display":
        dataset.PixelIntensityRelationshipSign = -1
    if intensity.relationship == "log":
        lut = linearization(intensity)
        lut.ModalityLUTType = "US"
        dataset.ModalityLUTSequence = [lut]


def relationship_term(intensity: IntensityScale) -> str:
    """Pixel Intensity Relationship.

    Raises
    ------
    EncodingError
        The meaning is unknown, which these objects cannot say.
    """
    if intensity.relationship not in RELATIONSHIPS:
        raise EncodingError(
            "an X-ray object has to say what its pixel values mean; write a loop of unknown "
            "intensity as a secondary capture"
        )
    return RELATIONSHIPS[intensity.relationship]


def falls(intensity: IntensityScale) -> bool:
    """Whether larger stored values mean less beam."""
    return bool(intensity.ln_beam[0] > intensity.ln_beam[-1])


def linearization(intensity: IntensityScale) -> Dataset:
    """Table from LOG values to values proportional to the beam, full scale 65535."""
    entries = len(intensity.ln_beam)
    table = np.exp(np.asarray(intensity.ln_beam, np.float64) - float(intensity.ln_beam.max()))
    first = intensity.first_stored % (1 << 16)
    lut = item(LUTDescriptor=[entries % (1 << 16), first, 16])
    lut.LUTData = np.rint(_LUT_TOP * table).astype("<u2").tobytes()
    lut["LUTData"].VR, lut["LUTDescriptor"].VR = "OW", "US"
    return lut


def add_spacing(dataset: Dataset, loop: CineLoop) -> None:
    """Write detector spacing and magnification, so that a reader comes to the same millimetres."""
    detector = loop.detector_mm_per_px
    if detector is not None:
        dataset.ImagerPixelSpacing = [decimal(detector)] * 2
    calibration = loop.calibration
    if calibration is None:
        return
    if calibration.basis == "pixel_spacing_fiducial":
        dataset.PixelSpacing = [decimal(calibration.mm_per_px)] * 2
        dataset.PixelSpacingCalibrationType = "FIDUCIAL"
        dataset.PixelSpacingCalibrationDescription = "known object"
        return
    distances = source_distances(loop)
    if distances is None or detector is None:
        return
    dataset.DistanceSourceToDetector, dataset.DistanceSourceToPatient = map(decimal, distances)
    if calibration.basis == "iso_ermf":
        factor = detector / calibration.mm_per_px
        dataset.EstimatedRadiographicMagnificationFactor = decimal(factor)


def source_distances(loop: CineLoop) -> tuple[float, float] | None:
    """Source-to-detector and source-to-isocentre distance in mm that give the loop's millimetres.

    None where the loop's calibration does not come from the geometry.
    """
    calibration, detector = loop.calibration, loop.detector_mm_per_px
    if calibration is None or detector is None or not calibration.basis.startswith("iso_"):
        return None
    return NOMINAL_SID_MM, NOMINAL_SID_MM * calibration.mm_per_px / detector


def add_region(dataset: Dataset, loop: CineLoop) -> None:
    """Write body part and side; an unknown side of an unknown part is empty, not left out."""
    if loop.body_part is not None:
        dataset.BodyPartExamined = loop.body_part
    if loop.laterality is not None or loop.body_part is None:
        dataset.Laterality = SIDES.get(loop.laterality or "", "")


def shutter_of(open_field: BoolArray) -> Dataset:
    """Shutter attributes that leave exactly these pixels open: rectangle, circle, or both.

    Raises
    ------
    EncodingError
        The field is neither.
    """
    rows, columns = open_field.shape
    at = np.argwhere(open_field) + 1
    edges = tuple(float(value) for value in (*at[:, 0][[0, -1]], at[:, 1].min(), at[:, 1].max()))
    upper, lower, left, right = edges
    shutter = item(
        ShutterShape="RECTANGULAR",
        ShutterUpperHorizontalEdge=int(upper),
        ShutterLowerHorizontalEdge=int(lower),
        ShutterLeftVerticalEdge=int(left),
        ShutterRightVerticalEdge=int(right),
    )
    box = rectangle(rows, columns, edges)
    if np.array_equal(box, open_field):
        return shutter
    centre = (round((upper + lower) / 2), round((left + right) / 2))
    reach = int(np.ceil(np.hypot(rows, columns)))
    for radius in range(1, reach):
        disc = circle(rows, columns, (float(centre[0]), float(centre[1])), float(radius))
        if np.array_equal(disc & box, open_field):
            shutter.ShutterShape = ["RECTANGULAR", "CIRCULAR"]
            shutter.CenterOfCircularShutter = list(centre)
            shutter.RadiusOfCircularShutter = radius
            return shutter
    raise EncodingError(
        "the open field is neither a rectangle nor a circle about its middle; no shutter says it"
    )
