"""Write a cine loop as the DICOM object that a C-arm would send: for the phantom and for tests."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    UID,
    EnhancedXAImageStorage,
    EnhancedXRFImageStorage,
    ExplicitVRLittleEndian,
    JPEGLSLossless,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameSingleBitSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    XRayAngiographicImageStorage,
    XRayRadiofluoroscopicImageStorage,
)

from napari_fluoroinject.dicom import cine_attributes as attributes
from napari_fluoroinject.dicom.cine_groups import add_functional_groups
from napari_fluoroinject.dicom.cine_pixels import Layout, add_pixels, layout_of
from napari_fluoroinject.dicom.header import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
)
from napari_fluoroinject.dicom.identity import derived_uid
from napari_fluoroinject.dicom.implementation import SOFTWARE, SYNTHETIC_MODEL
from napari_fluoroinject.errors import EncodingError
from napari_fluoroinject.model.cine import ArrayFrames

if TYPE_CHECKING:
    from pathlib import Path

    from napari_fluoroinject.model.cine import CineLoop

Packing = Literal["uncompressed", "jpeg_ls"]
PACKINGS: dict[Packing, str] = {
    "uncompressed": ExplicitVRLittleEndian,
    "jpeg_ls": JPEGLSLossless,
}
"""Transfer syntaxes that a synthetic loop is written in, none with loss."""

Kind = Literal[
    "xa", "rf", "enhanced_xa", "enhanced_xrf", "sc", "sc_bit", "sc_byte", "sc_word", "sc_color"
]
"""SOP class of a cine object, by the name that the command line uses."""

_CLASSES: dict[str, UID] = {
    "xa": XRayAngiographicImageStorage,
    "rf": XRayRadiofluoroscopicImageStorage,
    "enhanced_xa": EnhancedXAImageStorage,
    "enhanced_xrf": EnhancedXRFImageStorage,
    "sc": SecondaryCaptureImageStorage,
    "sc_bit": MultiFrameSingleBitSecondaryCaptureImageStorage,
    "sc_byte": MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    "sc_word": MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    "sc_color": MultiFrameTrueColorSecondaryCaptureImageStorage,
}
_RF = ("rf", "enhanced_xrf")
_BITS: dict[str, tuple[int, ...]] = {
    "xa": (8, 10, 12, 16),
    "rf": (8, 10, 12, 16),
    "sc_bit": (1,),
    "sc_byte": (8,),
    "sc_color": (8,),
    "sc_word": tuple(range(9, 17)),
}
_ANY_BITS = tuple(range(8, 17))
"""Bits stored that a SOP class allows (PS3.3 C.8.7.1 and A.8.3 to A.8.5)."""
_SINGLE = ("xa", "rf", "sc")
_BIRTH_DATE = "19000101"
_FORMAT_VERSION = "1"
"""Of the synthetic C-arm: its objects do not change with the version of this package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CineIdentity:
    """Whose loop it is said to be, and when it was taken; nobody's, for a synthetic one.

    `start` is the moment of the first frame in local time. `agent` is the contrast agent, None
    where none is named.
    """

    patient_name: str
    patient_id: str
    study_id: str
    start: datetime
    accession_number: str = ""
    study_description: str = ""
    series_description: str = ""
    series_number: int = 1
    instance_number: int = 1
    agent: str | None = None


def phantom_identity(key: str, seed: int) -> CineIdentity:
    """Return the identity of a synthetic loop: the same scene and seed, the same identity."""
    return CineIdentity(
        patient_name=f"Phantom^{key[:60]}",
        patient_id=f"PHANTOM-{seed}",
        study_id=str(seed)[-16:],
        start=datetime(2026, 1, 1, 10, 15) + timedelta(minutes=seed % (24 * 60)),
        study_description="Synthetic loop of a phantom, no patient",
        series_description=key[:64],
        agent="Iohexol",
    )


def encode_cine(
    loop: CineLoop,
    *,
    kind: Kind | str = "xa",
    identity: CineIdentity,
    transfer_syntax: str = ExplicitVRLittleEndian,
) -> Dataset:
    """Return the loop as one object; the same loop and arguments give the same bytes.

    Parameters
    ----------
    loop
        Its UIDs are kept, the instance's only where its class is that of `kind`.
    kind
        SOP class.
    identity
        Patient, study and moment.
    transfer_syntax
        Uncompressed, deflated, JPEG baseline, extended or lossless, JPEG-LS, JPEG 2000, HTJ2K or
        RLE. Lossy ones are marked as such.

    Raises
    ------
    EncodingError
        No such kind, or one that cannot hold this loop.
    """
    if kind not in get_args(Kind):
        raise EncodingError(f"kind is {kind!r}; expected one of {', '.join(get_args(Kind))}")
    frames = loop.shape[0]
    if kind == "sc" and frames > 1:
        raise EncodingError(f"a secondary capture (sc) holds one frame; this loop has {frames}")
    layout = _layout(loop, kind)
    dataset = _common(loop, kind, identity)
    add_pixels(dataset, loop.frames.every(), layout, transfer_syntax)
    if kind.startswith("enhanced"):
        _add_enhanced(dataset, loop, identity, fluoroscopy=kind == "enhanced_xrf")
    elif kind.startswith("sc"):
        _add_capture(dataset, loop, kind, layout)
    else:
        _add_classic(dataset, loop, kind)
        if identity.agent is not None:
            dataset.ContrastBolusAgent = identity.agent
    return dataset


def encode_series(
    loop: CineLoop,
    *,
    kind: Kind | str = "xa",
    identity: CineIdentity,
    transfer_syntax: str = ExplicitVRLittleEndian,
) -> tuple[Dataset, ...]:
    """Return the loop as one object per frame, as C-arms without multi-frame objects store it.

    Parameters
    ----------
    loop, kind, identity, transfer_syntax
        As for `encode_cine`; `kind` is xa, rf or sc.

    Raises
    ------
    EncodingError
        No such kind, or one that cannot hold this loop, or a loop whose times are unknown.
    """
    if kind not in _SINGLE:
        raise EncodingError(f"kind is {kind!r}; single frames are one of {', '.join(_SINGLE)}")
    if loop.times_s is None:
        raise EncodingError("single frames need times; this loop has none")
    reference = loop.reference
    uids = reference.frame_instance_uids or tuple(
        str(derived_uid(reference.sop_instance_uid, "frame", str(k))) for k in range(loop.shape[0])
    )
    datasets = []
    for k, (uid, time_s) in enumerate(zip(uids, loop.times_s, strict=True)):
        one = replace(
            loop,
            frames=ArrayFrames(loop.frames.frame(k)[None]),
            times_s=np.zeros(1),
            reference=replace(
                reference,
                sop_instance_uid=uid,
                sop_class_uid=str(_CLASSES[kind]),
                frame_instance_uids=(),
            ),
        )
        moment = replace(
            identity,
            start=identity.start + timedelta(seconds=float(time_s)),
            instance_number=k + 1,
        )
        dataset = encode_cine(one, kind=kind, identity=moment, transfer_syntax=transfer_syntax)
        dataset.StudyTime = _time(identity.start)
        dataset.SeriesTime = _time(identity.start)
        datasets.append(dataset)
    return tuple(datasets)


def write_cine(dataset: Dataset, path: Path) -> None:
    """Write an object as a DICOM file, whole or not at all; same data set, same bytes."""
    # into memory first: what pydicom says of a full disk is a stack of its own calls
    content = BytesIO()
    dcmwrite(content, dataset, enforce_file_format=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content.getbuffer())
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        error.filename = str(path)
        raise


def _layout(loop: CineLoop, kind: str) -> Layout:
    falls = attributes.falls(loop.intensity)
    shown_backwards = falls and loop.intensity.relationship in ("display", "unknown")
    photometric = "MONOCHROME1" if shown_backwards else "MONOCHROME2"
    if kind == "sc_color":
        photometric = "RGB"
    layout = layout_of(
        loop.frames.every(),
        loop.intensity,
        photometric=photometric,
        allowed=_BITS.get(kind, _ANY_BITS),
    )
    if layout.signed and kind != "sc":
        raise EncodingError(f"signed pixel values; {kind} holds unsigned ones only")
    return layout


def _common(loop: CineLoop, kind: str, identity: CineIdentity) -> Dataset:
    """Patient, study, series, equipment, image and SOP common modules."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    reference = loop.reference
    own = reference.sop_class_uid == _CLASSES[kind]
    uid = UID(reference.sop_instance_uid)
    dataset.SOPClassUID = _CLASSES[kind]
    dataset.SOPInstanceUID = uid if own else derived_uid(reference.sop_instance_uid, kind)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    dataset.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName, dataset.PatientID = identity.patient_name, identity.patient_id
    dataset.PatientBirthDate, dataset.PatientSex = _BIRTH_DATE, "O"
    dataset.StudyInstanceUID = reference.study_instance_uid
    dataset.SeriesInstanceUID = reference.series_instance_uid
    dataset.StudyID, dataset.AccessionNumber = identity.study_id, identity.accession_number
    dataset.ReferringPhysicianName = ""
    if identity.study_description:
        dataset.StudyDescription = identity.study_description
    if identity.series_description:
        dataset.SeriesDescription = identity.series_description
    dataset.Modality = "RF" if kind in _RF else "XA"
    dataset.SeriesNumber = identity.series_number
    dataset.InstanceNumber = identity.instance_number
    dataset.BurnedInAnnotation = "NO"
    _stamp(dataset, identity.start)
    _equip(dataset)
    if not kind.startswith("enhanced"):  # there it is each frame's
        attributes.add_region(dataset, loop)
    return dataset


def _stamp(dataset: Dataset, start: datetime) -> None:
    date, time = start.strftime("%Y%m%d"), _time(start)
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = date
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = time


def _time(moment: datetime) -> str:
    return moment.strftime("%H%M%S.%f")


def _equip(dataset: Dataset) -> None:
    dataset.Manufacturer, dataset.ManufacturerModelName = SOFTWARE, SYNTHETIC_MODEL
    dataset.DeviceSerialNumber = "0"
    dataset.SoftwareVersions = _FORMAT_VERSION


def _add_classic(dataset: Dataset, loop: CineLoop, kind: str) -> None:
    """Image, cine, X-ray image, acquisition, positioner and shutter modules of XA and RF."""
    frames = loop.shape[0]
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "SINGLE PLANE"]
    dataset.PatientOrientation = ["", ""]
    dataset.AcquisitionNumber = dataset.InstanceNumber
    dataset.AcquisitionDate, dataset.AcquisitionTime = dataset.ContentDate, dataset.ContentTime
    if frames > 1:
        attributes.add_times(dataset, loop.times_s, frames)
    attributes.add_intensity(dataset, loop.intensity)
    attributes.add_spacing(dataset, loop)
    dataset.RadiationSetting, dataset.RadiationMode = "SC", "PULSED"
    dataset.KVP = None if loop.kvp is None else attributes.decimal(loop.kvp)
    dataset.Exposure = dataset.ExposureTime = dataset.XRayTubeCurrent = None
    if kind == "xa":
        dataset.PositionerMotion = "STATIC"
        for keyword, angle in (
            ("PositionerPrimaryAngle", loop.view.primary_angle_deg),
            ("PositionerSecondaryAngle", loop.view.secondary_angle_deg),
        ):
            setattr(dataset, keyword, None if angle is None else attributes.decimal(angle))
    if loop.open_field is not None:
        dataset.update(attributes.shutter_of(loop.open_field))
    _add_window(dataset)


def _add_capture(dataset: Dataset, loop: CineLoop, kind: str, layout: Layout) -> None:
    """Secondary capture: it says when and what, not what its values mean or where it is open."""
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.ConversionType = "WSD"
    dataset.PatientOrientation = []
    if kind != "sc":
        if loop.times_s is None:
            _number_pages(dataset, loop.shape[0])
        else:
            attributes.add_times(dataset, loop.times_s, loop.shape[0])
    if layout.colour or layout.bits_allocated == 1:
        return
    if kind != "sc":
        backwards = layout.photometric == "MONOCHROME1"
        dataset.PresentationLUTShape = "INVERSE" if backwards else "IDENTITY"
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    _add_window(dataset)


def _number_pages(dataset: Dataset, frames: int) -> None:
    """Frames without times differ in their number (PS3.3 C.8.6.3)."""
    dataset.NumberOfFrames = frames
    dataset.PageNumberVector = list(range(1, frames + 1))
    dataset.FrameIncrementPointer = _PAGE_NUMBER_VECTOR


def _add_window(dataset: Dataset) -> None:
    bits = int(dataset.BitsStored)
    lowest = -(2.0 ** (bits - 1)) if dataset.PixelRepresentation else 0.0
    dataset.WindowWidth = attributes.decimal(2.0**bits)
    dataset.WindowCenter = attributes.decimal(lowest + 2.0 ** (bits - 1))


_PAGE_NUMBER_VECTOR = 0x00182001


def _add_enhanced(
    dataset: Dataset, loop: CineLoop, identity: CineIdentity, *, fluoroscopy: bool
) -> None:
    """Image, acquisition, detector and positioner modules of the enhanced classes."""
    frames = loop.shape[0]
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "FLUOROSCOPY" if fluoroscopy else "ANGIO", "NONE"]
    dataset.AcquisitionDateTime = identity.start.strftime("%Y%m%d%H%M%S.%f")
    dataset.AcquisitionNumber = 1
    dataset.PlaneIdentification = dataset.PlanesInAcquisition = "MONOPLANE"
    dataset.ContentQualification, dataset.PresentationLUTShape = "RESEARCH", "IDENTITY"
    dataset.AcquisitionContextSequence = []
    dataset.KVP = attributes.decimal(loop.kvp or _NOMINAL_KVP)
    dataset.RadiationSetting, dataset.RadiationMode = "SC", "PULSED"
    dataset.AveragePulseWidth = attributes.decimal(_NOMINAL_PULSE_MS)
    dataset.AcquisitionDuration = float(loop.times_s[-1]) if loop.times_s is not None else 0.0
    dataset.ExposureInmAs = _NOMINAL_MAS * frames
    dataset.XRayReceptorType = "DIGITAL_DETECTOR"
    dataset.DistanceReceptorPlaneToDetectorHousing = 10.0
    dataset.PositionerType, dataset.CArmPositionerTabletopRelationship = "CARM", "NO"
    dataset.AcquiredImageAreaDoseProduct = None
    dataset.DetectorType, dataset.DetectorActiveShape = "SCINTILLATOR", "RECTANGLE"
    dataset.DetectorID = dataset.DetectorDescription = dataset.DetectorMode = ""
    size = (loop.detector_mm_per_px or _NOMINAL_DETECTOR_MM_PER_PX) * loop.shape[2]
    dataset.PhysicalDetectorSize = [size, size]
    dataset.DetectorConditionsNominalFlag, dataset.DetectorTemperature = "YES", None
    dataset.DateOfLastDetectorCalibration = dataset.TimeOfLastDetectorCalibration = ""
    add_functional_groups(dataset, loop, start=identity.start)


_NOMINAL_KVP, _NOMINAL_PULSE_MS, _NOMINAL_MAS, _NOMINAL_DETECTOR_MM_PER_PX = 75.0, 8.0, 0.05, 0.4
"""Written where an enhanced object requires a value and a synthetic loop has none."""
