"""Small valid cine objects of every kind that results are written for; a pattern, no phantom.

UIDs are derived from names, so that two processes build the same bytes.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian

if TYPE_CHECKING:
    from pathlib import Path

FRAMES, ROWS, COLUMNS = 12, 48, 64

XA = "1.2.840.10008.5.1.4.1.1.12.1"
XRF = "1.2.840.10008.5.1.4.1.1.12.2"
ENHANCED_XA = "1.2.840.10008.5.1.4.1.1.12.1.1"
ENHANCED_XRF = "1.2.840.10008.5.1.4.1.1.12.2.1"
SC = "1.2.840.10008.5.1.4.1.1.7"
SC_BYTE = "1.2.840.10008.5.1.4.1.1.7.2"
SC_WORD = "1.2.840.10008.5.1.4.1.1.7.3"
SC_COLOR = "1.2.840.10008.5.1.4.1.1.7.4"


def uid(*names: object) -> str:
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, repr(names)).int}"


def item(**attributes: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def code(value: str, scheme: str, meaning: str) -> Dataset:
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


LUMBAR = ("122496007", "SCT", "Lumbar spine")


def common(sop_class: str, modality: str, *, bits: int, frames: int | None, key: str) -> Dataset:
    ds, meta = Dataset(), FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(uid(key))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta = meta
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    ds.SpecificCharacterSet, ds.TimezoneOffsetFromUTC = "ISO_IR 192", "+0100"
    ds.PatientName, ds.PatientID = "Synthétique^Fluoro", "FLUORO01"
    ds.PatientBirthDate, ds.PatientSex = "19600101", "O"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid("study"), uid("series", key.split("#")[0])
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = ds.AcquisitionDate = "20260101"
    ds.StudyTime = ds.SeriesTime = ds.ContentTime = ds.AcquisitionTime = "101500.123"
    ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = "1", "A1", ""
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber, ds.AcquisitionNumber = modality, 5, 1, 1
    ds.PatientOrientation = ["", ""]
    ds.Manufacturer, ds.ManufacturerModelName = "Synthetic", "CARM-0"
    ds.DeviceSerialNumber, ds.SoftwareVersions = "0", "0"
    if frames is not None:
        ds.NumberOfFrames = frames
    ds.Rows, ds.Columns, ds.SamplesPerPixel = ROWS, COLUMNS, 1
    ds.PhotometricInterpretation, ds.PixelRepresentation = "MONOCHROME2", 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = (16 if bits > 8 else 8), bits, bits - 1
    ds.BurnedInAnnotation, ds.LossyImageCompression = "NO", "00"
    values = np.arange((frames or 1) * ROWS * COLUMNS) % (2**bits)
    ds.PixelData = values.astype("u1" if bits <= 8 else "<u2").tobytes()
    ds["PixelData"].VR = "OB" if bits <= 8 else "OW"
    block = ds.private_block(0x0009, "SYNTHETIC SECRET", create=True)
    block.add_new(0x01, "LO", "private text")
    return ds


def add_cine(ds: Dataset) -> None:
    ds.FrameTime, ds.FrameIncrementPointer, ds.CineRate = "66.667", Tag("FrameTime"), 15


def xa(
    key: str = "xa",
    *,
    sop_class: str = XA,
    bits: int = 12,
    relation: str = "LIN",
    frames: int | None = FRAMES,
    plane: str = "SINGLE PLANE",
) -> Dataset:
    modality = "XA" if sop_class == XA else "RF"
    ds = common(sop_class, modality, bits=bits, frames=frames, key=key)
    ds.ImageType = ["ORIGINAL", "PRIMARY", plane]
    if frames is not None:
        add_cine(ds)
    ds.PixelIntensityRelationship = relation
    if relation == "LOG":
        lut = item(LUTDescriptor=[2**bits, 0, 16], ModalityLUTType="US")
        levels = np.clip(65535 * np.exp(np.linspace(-5, 0, 2**bits)), 0, 65535)
        lut.LUTData = levels.astype("<u2").tobytes()
        lut["LUTData"].VR, lut["LUTDescriptor"].VR = "OW", "US"
        ds.ModalityLUTSequence = [lut]
    ds.AnatomicRegionSequence = [code(*LUMBAR)]
    ds.KVP, ds.RadiationSetting, ds.RadiationMode = "78", "SC", "PULSED"
    ds.Exposure, ds.ExposureTime, ds.XRayTubeCurrent = 2, 400, 5
    ds.ImagerPixelSpacing, ds.ImageAndFluoroscopyAreaDoseProduct = ["0.84", "0.84"], "0.12"
    ds.DistanceSourceToDetector, ds.DistanceSourceToPatient = "1000", "700"
    ds.EstimatedRadiographicMagnificationFactor = "1.4286"
    if sop_class == XA:
        ds.PositionerMotion = "STATIC"
        ds.PositionerPrimaryAngle, ds.PositionerSecondaryAngle = "-25", "5"
    else:
        ds.ColumnAngulation = "0"
    ds.ShutterShape, ds.RadiusOfCircularShutter = "CIRCULAR", 22
    ds.CenterOfCircularShutter = [24, 32]
    ds.WindowCenter, ds.WindowWidth = str(2 ** (bits - 1)), str(2**bits)
    return ds


def biplane() -> Dataset:
    ds = xa("biplane", plane="BIPLANE A")
    ds.ReferencedImageSequence = [
        item(
            ReferencedSOPClassUID=XA,
            ReferencedSOPInstanceUID=uid("other plane"),
            PurposeOfReferenceCodeSequence=[code("121314", "DCM", "Other image of biplane pair")],
        )
    ]
    return ds


def secondary_capture(sop_class: str, *, bits: int, key: str) -> Dataset:
    multi = sop_class != SC
    ds = common(sop_class, "XA", bits=bits, frames=FRAMES if multi else None, key=key)
    ds.ImageType, ds.ConversionType = ["DERIVED", "SECONDARY"], "WSD"
    ds.BodyPartExamined = "LSPINE"
    ds.PatientOrientation = []
    if multi:
        ds.FrameTime, ds.FrameIncrementPointer = "66.667", Tag("FrameTime")
        ds.PresentationLUTShape = "IDENTITY"
        ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "US"
    ds.WindowCenter, ds.WindowWidth = str(2 ** (bits - 1)), str(2**bits)
    return ds


def colour_capture(key: str = "sc_color") -> Dataset:
    """A true colour capture whose red, green and blue differ."""
    ds = common(SC_COLOR, "XA", bits=8, frames=FRAMES, key=key)
    ds.ImageType, ds.ConversionType = ["DERIVED", "SECONDARY"], "WSD"
    ds.BodyPartExamined = "LSPINE"
    ds.PatientOrientation = []
    ds.FrameTime, ds.FrameIncrementPointer = "66.667", Tag("FrameTime")
    ds.SamplesPerPixel, ds.PlanarConfiguration = 3, 0
    ds.PhotometricInterpretation = "RGB"
    ds.PixelData = (np.arange(FRAMES * ROWS * COLUMNS * 3) * 7 % 256).astype("u1").tobytes()
    return ds


def single_frame_series() -> list[Dataset]:
    """A loop stored as one single-frame XA per frame; listed out of order on purpose."""
    frames = []
    for k in range(FRAMES):
        ds = xa(f"series#{k}", frames=None)
        ds.InstanceNumber = k + 1
        ds.AcquisitionTime = ds.ContentTime = f"1015{k / 15:09.6f}"
        frames.append(ds)
    return frames


def enhanced(sop_class: str = ENHANCED_XA) -> Dataset:
    fluoro = sop_class == ENHANCED_XRF
    ds = common(
        sop_class,
        "RF" if fluoro else "XA",
        bits=12,
        frames=FRAMES,
        key=f"enhanced {sop_class}",
    )
    for keyword in ("AcquisitionDate", "AcquisitionTime", "PatientOrientation"):
        ds.pop(keyword)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "ANGIO" if not fluoro else "FLUOROSCOPY", "NONE"]
    ds.AcquisitionDateTime, ds.PlaneIdentification = "20260101101500.123", "MONOPLANE"
    ds.ContentQualification, ds.PresentationLUTShape = "RESEARCH", "IDENTITY"
    ds.AcquisitionContextSequence = []
    ds.KVP, ds.RadiationSetting, ds.RadiationMode = "78", "SC", "PULSED"
    ds.AveragePulseWidth, ds.AcquisitionDuration = "8", FRAMES / 15
    ds.ExposureInmAs, ds.PlanesInAcquisition = 2.0, "MONOPLANE"
    ds.XRayReceptorType, ds.DistanceReceptorPlaneToDetectorHousing = "DIGITAL_DETECTOR", 10.0
    ds.PositionerType, ds.CArmPositionerTabletopRelationship = "CARM", "NO"
    ds.AcquiredImageAreaDoseProduct = None
    ds.DetectorType, ds.DetectorID, ds.DetectorDescription = "SCINTILLATOR", "", ""
    ds.DetectorActiveShape, ds.PhysicalDetectorSize = "RECTANGLE", [215.0, 215.0]
    ds.DetectorConditionsNominalFlag, ds.DetectorTemperature, ds.DetectorMode = "YES", None, ""
    ds.DateOfLastDetectorCalibration = ds.TimeOfLastDetectorCalibration = ""
    ds.SharedFunctionalGroupsSequence = [_shared_groups(ds)]
    organization = uid("dimensions", sop_class)
    ds.DimensionOrganizationSequence = [item(DimensionOrganizationUID=organization)]
    ds.DimensionIndexSequence = [
        item(
            DimensionIndexPointer=Tag("TemporalPositionIndex"),
            FunctionalGroupPointer=Tag("FrameContentSequence"),
            DimensionOrganizationUID=organization,
        )
    ]
    ds.PerFrameFunctionalGroupsSequence = [_frame_groups(k) for k in range(FRAMES)]
    return ds


def _shared_groups(ds: Dataset) -> Dataset:
    shared = Dataset()
    shared.FrameAnatomySequence = [
        item(FrameLaterality="U", AnatomicRegionSequence=[code(*LUMBAR)])
    ]
    shared.FrameVOILUTSequence = [item(WindowCenter="2048", WindowWidth="4096")]
    shared.FramePixelDataPropertiesSequence = [
        item(
            FrameType=ds.ImageType,
            PixelIntensityRelationship="LIN",
            PixelIntensityRelationshipSign=1,
            GeometricalProperties="UNIFORM",
            ImageProcessingApplied="NONE",
            ImagerPixelSpacing=["0.84", "0.84"],
        )
    ]
    shared.FrameDetectorParametersSequence = [item(DetectorActiveTime="8")]
    shared.CollimatorShapeSequence = [
        item(
            CollimatorShape="RECTANGULAR",
            CollimatorLeftVerticalEdge=1,
            CollimatorRightVerticalEdge=COLUMNS,
            CollimatorUpperHorizontalEdge=1,
            CollimatorLowerHorizontalEdge=ROWS,
        )
    ]
    shared.IrradiationEventIdentificationSequence = [item(IrradiationEventUID=uid("event"))]
    shared.PositionerPositionSequence = [
        item(PositionerPrimaryAngle="-25", PositionerSecondaryAngle="5")
    ]
    shared.TablePositionSequence = [
        item(
            TableTopVerticalPosition=0.0,
            TableTopLongitudinalPosition=0.0,
            TableTopLateralPosition=0.0,
            TableHorizontalRotationAngle=0.0,
            TableHeadTiltAngle=0.0,
            TableCradleTiltAngle=0.0,
        )
    ]
    shared.XRayGeometrySequence = [
        item(DistanceSourceToIsocenter=700.0, DistanceSourceToDetector="1000")
    ]
    return shared


def _frame_groups(k: int) -> Dataset:
    moment = f"202601011015{k / 15:09.6f}"
    content = item(
        FrameReferenceDateTime=moment,
        FrameAcquisitionDateTime=moment,
        FrameAcquisitionDuration=8.0,
        FrameAcquisitionNumber=k + 1,
        DimensionIndexValues=[k + 1],
        TemporalPositionIndex=k + 1,
    )
    return item(FrameContentSequence=[content])


SOURCES = {
    "xa": lambda: [xa()],
    "xa_log": lambda: [xa("xa_log", bits=10, relation="LOG")],
    "xa_display": lambda: [xa("xa_display", bits=8, relation="DISP")],
    "biplane": lambda: [biplane()],
    "rf": lambda: [xa("rf", sop_class=XRF, bits=16)],
    "enhanced_xa": lambda: [enhanced()],
    "enhanced_xrf": lambda: [enhanced(ENHANCED_XRF)],
    "sc_word": lambda: [secondary_capture(SC_WORD, bits=12, key="sc_word")],
    "sc_byte": lambda: [secondary_capture(SC_BYTE, bits=8, key="sc_byte")],
    "sc_color": lambda: [colour_capture()],
    "sc_single": lambda: [secondary_capture(SC, bits=8, key="sc_single")],
    "xa_single": lambda: [xa("xa_single", frames=None)],
    "xa_one_of_one": lambda: [xa("xa_one", frames=1)],
    "series": single_frame_series,
}
"""Every kind of source, by name; each call builds it afresh."""


def write_source(datasets: list[Dataset], folder: Path) -> list[Path]:
    """Write the instances of one loop, the last first: the order of files must not matter."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for k, dataset in reversed(list(enumerate(datasets))):
        path = folder / f"source_{k:03d}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths
