"""A run recorded from a live feed as an object that a C-arm could have sent.

X-Ray Angiographic Image where a person set up how the X-rays were taken and stored values mean
what that class can say; else Multi-frame Grayscale Byte or Word Secondary Capture.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydicom.dataset import FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    XRayAngiographicImageStorage,
)

from napari_fluoroinject.dicom import cine_attributes as attributes
from napari_fluoroinject.dicom.cine_pixels import add_pixels, layout_of
from napari_fluoroinject.dicom.identity import derived_uid
from napari_fluoroinject.dicom.implementation import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    SOFTWARE,
    SYNTHETIC_MODEL,
)
from napari_fluoroinject.dicom.items import plain
from napari_fluoroinject.dicom.ordered import nobody, under
from napari_fluoroinject.dicom.write import EncodedObject, sealed
from napari_fluoroinject.errors import EncodingError

if TYPE_CHECKING:
    import numpy.typing as npt
    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.ordered import Order
    from napari_fluoroinject.model.cine import IntensityScale
    from napari_fluoroinject.model.recorded import FeedGeometry, KnownLength, RecordedRun

MODEL = "recorded live feed"
"""Model name by which a run of a feed is known."""
MOST_BYTES = 2 << 30
"""Of the pixels of one object: peers that take more are rare."""
_NO_SERIAL_NUMBER = "none (software)"
_FORMAT_VERSION = "1"
"""A run has the same bytes whatever the version of this package."""

Kind = Literal["xa", "sc_byte", "sc_word"]
_CLASSES: dict[Kind, UID] = {
    "xa": XRayAngiographicImageStorage,
    "sc_byte": MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    "sc_word": MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
}
_BITS: dict[Kind, tuple[int, ...]] = {
    "xa": (8, 10, 12, 16),
    "sc_byte": (8,),
    "sc_word": tuple(range(9, 17)),
}


def encode_recorded(
    run: RecordedRun,
    order: Order | None,
    *,
    geometry: FeedGeometry | None = None,
    known: KnownLength | None = None,
) -> EncodedObject:
    """Encode a run; the same run, order and geometry give the same bytes and UIDs.

    Parameters
    ----------
    run
        What was recorded.
    order
        The worklist item that it was made for; None = it stays with nobody, and says so.
    geometry
        How the X-rays were taken; None = unknown.
    known
        A scale that a person gave; it goes before that of the geometry.

    Raises
    ------
    EncodingError
        There are fewer than two frames, or more pixels than one object should hold.
    """
    _check(run)
    run, offset = _unsigned(run)
    kind = _kind(run, geometry, offset)
    if kind != "xa":
        run = _upright(run)
    dataset = nobody(run.sha256) if order is None else under(order)
    _identify(dataset, run, kind)
    _stamp(dataset, run)
    _equip(dataset, run)
    dataset.Laterality = attributes.SIDES.get(run.side or "", "")
    dataset.BurnedInAnnotation = "YES" if run.burned_in else "NO"
    shown_backwards = attributes.falls(run.intensity) and run.intensity.relationship == "display"
    layout = layout_of(
        run.stored,
        run.intensity,
        photometric="MONOCHROME1" if shown_backwards else "MONOCHROME2",
        allowed=_BITS[kind],
    )
    add_pixels(dataset, run.stored, layout, ExplicitVRLittleEndian)
    _say_loss(dataset, run)
    _add_times(dataset, run)
    _say_what_it_is(dataset, run)
    if kind == "xa" and geometry is not None:
        _add_xray(dataset, run.intensity, geometry)
    else:
        _add_capture(dataset, offset)
    _add_scale(dataset, known)
    _add_window(dataset, run)
    return sealed("run", dataset)


def _check(run: RecordedRun) -> None:
    if len(run.stored) < 2:
        raise EncodingError(
            f"a run of {len(run.stored)} fresh exposures; expected two or more: a single picture "
            "stays in the recording"
        )
    if run.stored.nbytes > MOST_BYTES:
        raise EncodingError(
            f"a run of {run.stored.nbytes >> 20} MB; one object holds {MOST_BYTES >> 20}: it "
            "stays in the recording; end runs more often"
        )


def _unsigned(run: RecordedRun) -> tuple[RecordedRun, int]:
    """Stored values without sign, which the classes ask for, and what was added to them."""
    if run.stored.dtype.kind == "u":
        return run, 0
    offset = -min(0, run.intensity.first_stored)
    intensity = replace(run.intensity, first_stored=run.intensity.first_stored + offset)
    raised = (run.stored.astype(np.int32) + offset).astype(np.uint16)
    return replace(run, stored=raised, intensity=intensity), offset


def _upright(run: RecordedRun) -> RecordedRun:
    """Larger values brighter: captured grey frames know no other way (PS3.3 A.8.3.4, A.8.4.4)."""
    scale = run.intensity
    if not attributes.falls(scale):
        return run
    top = 2 * scale.first_stored + len(scale.ln_beam) - 1
    turned: npt.NDArray[Any] = (top - run.stored.astype(np.int32)).astype(run.stored.dtype)
    words = "stored values turned over, so that larger ones are brighter"
    return replace(
        run,
        stored=turned,
        intensity=replace(scale, ln_beam=scale.ln_beam[::-1]),
        cut="; ".join(one for one in (run.cut, words) if one),
    )


def _kind(run: RecordedRun, geometry: FeedGeometry | None, offset: int) -> Kind:
    meant = run.intensity.relationship in attributes.RELATIONSHIPS
    if geometry is not None and meant and not offset:
        return "xa"
    return "sc_byte" if run.stored.dtype.itemsize == 1 else "sc_word"


def _identify(dataset: Dataset, run: RecordedRun, kind: Kind) -> None:
    study = str(dataset.StudyInstanceUID)
    dataset.SOPClassUID = _CLASSES[kind]
    dataset.SOPInstanceUID = derived_uid(run.sha256, "recorded run", study)
    dataset.SeriesInstanceUID = derived_uid(run.sha256, "recorded series", study)
    dataset.SeriesNumber, dataset.InstanceNumber = run.number, 1
    dataset.Modality = "XA"
    dataset.SeriesDescription = "Recorded from a live feed"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    dataset.file_meta = meta


def _stamp(dataset: Dataset, run: RecordedRun) -> None:
    """When it was taken; the study keeps the moment of its order, where it has one."""
    date, time = run.began.strftime("%Y%m%d"), run.began.strftime("%H%M%S.%f")
    dataset.SeriesDate = dataset.ContentDate = dataset.AcquisitionDate = date
    dataset.SeriesTime = dataset.ContentTime = dataset.AcquisitionTime = time
    if not dataset.get("StudyDate"):
        dataset.StudyDate, dataset.StudyTime = date, time
    zone = run.began.strftime("%z")
    if zone:
        dataset.TimezoneOffsetFromUTC = zone[:5]


def _equip(dataset: Dataset, run: RecordedRun) -> None:
    dataset.Manufacturer = SOFTWARE
    dataset.ManufacturerModelName = SYNTHETIC_MODEL if run.synthetic else MODEL
    dataset.DeviceSerialNumber = _NO_SERIAL_NUMBER
    dataset.SoftwareVersions = _FORMAT_VERSION


def _say_loss(dataset: Dataset, run: RecordedRun) -> None:
    """`add_pixels` says of its own work alone that nothing was lost."""
    if run.lossy is None:
        del dataset.LossyImageCompression
    else:
        dataset.LossyImageCompression = "01" if run.lossy else "00"


def _add_times(dataset: Dataset, run: RecordedRun) -> None:
    """Each step to the nanosecond; no clock of a feed is better."""
    dataset.NumberOfFrames = len(run.stored)
    steps_ms = np.diff(np.round(run.times_s, 9), prepend=0.0) * 1e3
    dataset.FrameTimeVector = [attributes.decimal(round(float(one), 6)) for one in steps_ms]
    dataset.FrameIncrementPointer = Tag("FrameTimeVector")


def _say_what_it_is(dataset: Dataset, run: RecordedRun) -> None:
    frames = len(run.stored)
    loss = {
        None: "whether it was compressed with loss on its way is not known",
        True: "it was compressed with loss on its way",
        False: "it came without loss",
    }[run.lossy]
    said = [
        f"Recorded from a live feed ({run.source}), every frame as it came; {loss}",
        f"{frames} exposures; {run.left_out} repeated, held or blank pictures left out",
        f"times by the feed's clock, begin by the {run.clock}'s",
        *([run.cut] if run.cut else []),
    ]
    if not run.intensity.quantitative:
        said.append("NOT QUANTITATIVE: processed for display or of unknown scale")
    if run.burned_in:
        said.append("text may be burned in")
    text = plain("; ".join(said), limit=1024)
    dataset.DerivationDescription = text
    dataset.ImageComments = plain(f"{text}; research software, not for clinical decisions")


def _add_xray(dataset: Dataset, intensity: IntensityScale, geometry: FeedGeometry) -> None:
    """X-Ray Image, Acquisition and Positioner modules (PS3.3 C.8.7.1 to C.8.7.5)."""
    dataset.ImageType = ["DERIVED", "PRIMARY", "SINGLE PLANE"]
    dataset.PatientOrientation = []
    attributes.add_intensity(dataset, intensity)
    dataset.RadiationSetting = geometry.radiation
    dataset.KVP = dataset.Exposure = dataset.ExposureTime = dataset.XRayTubeCurrent = None
    dataset.PositionerMotion = None
    for keyword, angle in (
        ("PositionerPrimaryAngle", geometry.primary_angle_deg),
        ("PositionerSecondaryAngle", geometry.secondary_angle_deg),
    ):
        setattr(dataset, keyword, None if angle is None else attributes.decimal(angle))
    dataset.DistanceSourceToDetector = attributes.decimal(geometry.source_detector_mm)
    dataset.DistanceSourceToPatient = attributes.decimal(geometry.source_patient_mm)
    dataset.ImagerPixelSpacing = [attributes.decimal(geometry.detector_mm_per_px)] * 2


def _add_capture(dataset: Dataset, offset: int) -> None:
    """SC Equipment and SC Multi-frame Image modules (PS3.3 C.8.6.1, C.8.6.3)."""
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.ConversionType = "DV"
    dataset.PatientOrientation = []
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.RescaleIntercept, dataset.RescaleSlope = str(-offset), "1"
    dataset.RescaleType = "US"


def _add_scale(dataset: Dataset, known: KnownLength | None) -> None:
    """What a person measured holds in the plane of what was measured, and goes before the rest."""
    if known is None:
        return
    for keyword in ("DistanceSourceToPatient", "ImagerPixelSpacing"):
        dataset.pop(keyword, None)
    dataset.PixelSpacing = [attributes.decimal(known.mm_per_px)] * 2
    dataset.PixelSpacingCalibrationType = "FIDUCIAL"
    dataset.PixelSpacingCalibrationDescription = plain(known.told, limit=64)


def _add_window(dataset: Dataset, run: RecordedRun) -> None:
    low, high = int(run.stored.min()), int(run.stored.max())
    intercept = int(dataset.get("RescaleIntercept") or 0)
    dataset.WindowCenter = attributes.decimal((low + high + 1) / 2 + intercept)
    dataset.WindowWidth = attributes.decimal(float(max(2, high - low + 1)))
