"""A small valid object of every class that the checker knows, made from one XA run by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sources
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian, RLELossless
from sources import COLUMNS, FRAMES, ROWS, code, item

if TYPE_CHECKING:
    from pathlib import Path

W = "1.2.840.10008.5.1.4.1.1."
COPIED = (
    *("SpecificCharacterSet", "TimezoneOffsetFromUTC", "PatientName", "PatientID"),
    *("PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID"),
    *("AccessionNumber", "ReferringPhysicianName"),
)
SHOWN = range(3, 7)
"""Frames, from 0, that the segmentations have."""


def source() -> Dataset:
    return sources.xa()


def base(sop_class: str, modality: str) -> Dataset:
    """Patient, study, series, equipment, SOP Common."""
    ds, meta, lent = Dataset(), FileMetaDataset(), source()
    for keyword in COPIED:
        ds[keyword] = lent[keyword]
    ds.SOPClassUID, ds.SOPInstanceUID = W + sop_class, sources.uid("made", sop_class)
    ds.SeriesInstanceUID, ds.SeriesNumber = sources.uid("series", sop_class), 7
    ds.Modality, ds.InstanceNumber = modality, 1
    ds.SeriesDate = ds.ContentDate = "20260101"
    ds.SeriesTime = ds.ContentTime = "101500.000000"
    ds.Manufacturer = ds.ManufacturerModelName = "checkable"
    ds.DeviceSerialNumber, ds.SoftwareVersions = "1", "1"
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = (
        UID(ds.SOPClassUID),
        UID(ds.SOPInstanceUID),
    )
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta = meta
    return ds


def reference(frame: int | list[int] | None = None, **more: object) -> Dataset:
    lent = source()
    made = item(
        ReferencedSOPClassUID=lent.SOPClassUID, ReferencedSOPInstanceUID=lent.SOPInstanceUID
    )
    if frame is not None:
        made.ReferencedFrameNumber = frame
    for keyword, value in more.items():
        setattr(made, keyword, value)
    return made


def series(keyword: str) -> list[Dataset]:
    return [item(SeriesInstanceUID=source().SeriesInstanceUID, **{keyword: [reference()]})]


def image(ds: Dataset, *, bits: int, stored: int | None = None, frames: int | None = None) -> None:
    ds.PatientOrientation, ds.BodyPartExamined = [], "LSPINE"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns, ds.PixelRepresentation = ROWS, COLUMNS, 0
    ds.BitsAllocated, ds.BitsStored = bits, stored or bits
    ds.HighBit = ds.BitsStored - 1
    ds.LossyImageCompression, ds.BurnedInAnnotation = "00", "NO"
    if frames is not None:
        ds.NumberOfFrames = frames


def derived(frame: int) -> list[Dataset]:
    purpose = [code("121322", "DCM", "Source image for image processing operation")]
    return [
        item(
            DerivationCodeSequence=[code("113076", "DCM", "Segmentation")],
            SourceImageSequence=[
                reference(
                    frame,
                    SpatialLocationsPreserved="YES",
                    PurposeOfReferenceCodeSequence=purpose,
                )
            ],
        )
    ]


def _dimensions(ds: Dataset, *pointers: tuple[str, str]) -> None:
    uid = sources.uid("dimensions")
    ds.DimensionOrganizationSequence = [item(DimensionOrganizationUID=uid)]
    ds.DimensionIndexSequence = [
        item(
            DimensionIndexPointer=Tag(keyword),
            FunctionalGroupPointer=Tag(group),
            DimensionOrganizationUID=uid,
        )
        for group, keyword in pointers
    ]


_SEGMENT = ("SegmentIdentificationSequence", "ReferencedSegmentNumber")
_TIME = ("FrameContentSequence", "TemporalPositionIndex")


def _segment(number: int) -> Dataset:
    return item(
        SegmentNumber=number,
        SegmentLabel=f"segment {number}",
        SegmentAlgorithmType="AUTOMATIC",
        SegmentAlgorithmName="none",
        SegmentedPropertyCategoryCodeSequence=[code("105590001", "SCT", "Substance")],
        SegmentedPropertyTypeCodeSequence=[code("385420005", "SCT", "Contrast media")],
        TrackingID=f"segment {number}",
        TrackingUID=sources.uid("segment", number),
    )


def _segmentation(sop_class: str, kind: str) -> Dataset:
    ds = base(sop_class, "SEG")
    ds.ImageType, ds.ContentLabel, ds.ContentDescription = ["DERIVED", "PRIMARY"], "SEG", None
    ds.SegmentationType = kind
    ds.SegmentSequence = [_segment(1), _segment(2)]
    ds.SharedFunctionalGroupsSequence = [Dataset()]
    ds.ReferencedSeriesSequence = series("ReferencedInstanceSequence")
    return ds


def _per_segment(ds: Dataset) -> list[int]:
    """Groups of two segments; returns the number of pixels of each frame."""
    _dimensions(ds, _SEGMENT, _TIME)
    ds.PerFrameFunctionalGroupsSequence = [
        item(
            FrameContentSequence=[
                item(TemporalPositionIndex=k + 1, DimensionIndexValues=[number, k + 1])
            ],
            DerivationImageSequence=derived(k + 1),
            SegmentIdentificationSequence=[item(ReferencedSegmentNumber=number)],
        )
        for number in (1, 2)
        for k in SHOWN
    ]
    return [k * 10 for _ in (1, 2) for k in SHOWN]


def binary() -> Dataset:
    ds = _segmentation("66.4", "BINARY")
    image(ds, bits=1, frames=2 * len(SHOWN))
    ds.SegmentsOverlap = "NO"
    counts = _per_segment(ds)
    pixels = np.zeros((len(counts), ROWS * COLUMNS), np.uint8)
    for frame, count in enumerate(counts):
        begin = 0 if frame < len(SHOWN) else 500
        pixels[frame, begin : begin + count] = 1
    ds.PixelData = np.packbits(pixels.ravel(), bitorder="little").tobytes()
    ds["PixelData"].VR = "OB"
    return ds


def fractional() -> Dataset:
    ds = _segmentation("66.4", "FRACTIONAL")
    image(ds, bits=8, frames=2 * len(SHOWN))
    ds.SegmentationFractionalType, ds.MaximumFractionalValue = "PROBABILITY", 200
    counts = _per_segment(ds)
    pixels = np.zeros((len(counts), ROWS, COLUMNS), np.uint8)
    for frame, count in enumerate(counts):
        pixels[frame, 0, : count // 2] = 200
    ds.PixelData = pixels.tobytes()
    ds["PixelData"].VR = "OB"
    return ds


def labelmap(*, coded: bool = False) -> Dataset:
    ds = _segmentation("66.7", "LABELMAP")
    image(ds, bits=8, frames=len(SHOWN))
    ds.SegmentsOverlap, ds.PixelPaddingValue = "NO", 0
    ds["PixelPaddingValue"].VR = "US"
    _dimensions(ds, _TIME)
    ds.PerFrameFunctionalGroupsSequence = [
        item(
            FrameContentSequence=[item(TemporalPositionIndex=k + 1, DimensionIndexValues=[k + 1])],
            DerivationImageSequence=derived(k + 1),
        )
        for k in SHOWN
    ]
    pixels = np.zeros((len(SHOWN), ROWS, COLUMNS), np.uint8)
    pixels[:, 3, :20], pixels[:, 4, :9] = 1, 2
    if coded:
        ds.file_meta.TransferSyntaxUID = RLELossless
        ds.PixelData = encapsulate([_rle(frame) for frame in pixels], has_bot=True)
        ds["PixelData"].is_undefined_length = True
    else:
        ds.PixelData = pixels.tobytes()
    ds["PixelData"].VR = "OB"
    return ds


def _rle(frame: np.ndarray) -> bytes:
    """One segment of literal runs (PS3.5 annex G)."""
    rows = b"".join(bytes([len(row) - 1]) + row.tobytes() for row in frame)
    return (1).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(56) + rows


def _mapping(first: float, last: float, *, floating: bool = False) -> Dataset:
    prefix = "DoubleFloat" if floating else ""
    made = item(
        LUTExplanation="time",
        LUTLabel="TIME",
        RealWorldValueIntercept=0.0,
        RealWorldValueSlope=0.001,
        MeasurementUnitsCodeSequence=[code("s", "UCUM", "seconds")],
    )
    made[Tag(f"{prefix}RealWorldValueFirstValueMapped")] = _number(
        f"{prefix}RealWorldValueFirstValueMapped", first
    )
    made[Tag(f"{prefix}RealWorldValueLastValueMapped")] = _number(
        f"{prefix}RealWorldValueLastValueMapped", last
    )
    return made


def _number(keyword: str, value: float):
    from pydicom.dataelem import DataElement

    floating = keyword.startswith("DoubleFloat")
    return DataElement(Tag(keyword), "FD" if floating else "US", value)


def parametric_map() -> Dataset:
    ds = base("30", "OT")
    image(ds, bits=32, frames=2)
    for keyword in ("BitsStored", "HighBit", "PixelRepresentation"):
        del ds[keyword]
    ds.ImageType = ["DERIVED", "PRIMARY", "PERFUSION", "NONE"]
    ds.ContentLabel, ds.ContentDescription = "MAP", None
    ds.ContentQualification, ds.RecognizableVisualFeatures = "RESEARCH", "NO"
    ds.PresentationLUTShape, ds.AcquisitionContextSequence = "IDENTITY", []
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = sources.uid("for"), ""
    ds.SeriesDescription = "NOMINAL GEOMETRY, NOT PATIENT SPACE"
    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=["1", "1"], SliceThickness="1")],
        PlaneOrientationSequence=[item(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])],
        PlanePositionSequence=[item(ImagePositionPatient=["0", "0", "0"])],
        ParametricMapFrameTypeSequence=[item(FrameType=list(ds.ImageType))],
        RealWorldValueMappingSequence=[_mapping(0.0, 10.0, floating=True)],
        PixelValueTransformationSequence=[
            item(RescaleIntercept="0", RescaleSlope="1", RescaleType="US")
        ],
        FrameVOILUTSequence=[item(WindowCenter="5", WindowWidth="10")],
        FrameAnatomySequence=[
            item(FrameLaterality="U", AnatomicRegionSequence=[code(*sources.LUMBAR)])
        ],
    )
    ds.SharedFunctionalGroupsSequence = [shared]
    _dimensions(ds, _TIME)
    ds.PerFrameFunctionalGroupsSequence = [
        item(
            FrameContentSequence=[item(TemporalPositionIndex=k + 1, DimensionIndexValues=[k + 1])],
            DerivationImageSequence=derived(1),
        )
        for k in range(2)
    ]
    ds.ReferencedSeriesSequence = series("ReferencedInstanceSequence")
    ds.FloatPixelData = np.linspace(0, 10, 2 * ROWS * COLUMNS).astype("<f4").tobytes()
    return ds


def derived_xa() -> Dataset:
    ds = base("12.1", "XA")
    image(ds, bits=16)
    ds.ImageType = ["DERIVED", "SECONDARY", "SINGLE PLANE", "ARRIVAL"]
    ds.PixelIntensityRelationship, ds.RadiationSetting = "DISP", "SC"
    ds.KVP = ds.Exposure = ds.ExposureTime = ds.XRayTubeCurrent = None
    ds.PositionerMotion = ds.PositionerPrimaryAngle = ds.PositionerSecondaryAngle = None
    ds.SourceImageSequence = [reference()]
    ds.RealWorldValueMappingSequence = [_mapping(1, 1000)]
    ds.PixelPaddingValue = 0
    ds["PixelPaddingValue"].VR = "US"
    pixels = np.arange(ROWS * COLUMNS) % 1001
    ds.PixelData = pixels.astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"
    return ds


def word_capture() -> Dataset:
    ds = base("7.3", "XA")
    image(ds, bits=16, frames=3)
    ds.ImageType, ds.ConversionType = ["DERIVED", "SECONDARY", "OTHER", "SUBTRACTED"], "WSD"
    ds.PresentationLUTShape = "IDENTITY"
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "US"
    ds.FrameTimeVector, ds.FrameIncrementPointer = ["0", "66", "67"], Tag("FrameTimeVector")
    ds.SourceImageSequence = [reference()]
    ds.PixelData = bytes(2 * 3 * ROWS * COLUMNS)
    ds["PixelData"].VR = "OW"
    return ds


def colour_capture() -> Dataset:
    ds = base("7", "OT")
    image(ds, bits=8)
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.ImageType, ds.ConversionType = ["DERIVED", "SECONDARY"], "WSD"
    ds.SourceImageSequence = [reference([3])]
    ds.PixelData = bytes(3 * ROWS * COLUMNS)
    ds["PixelData"].VR = "OB"
    return ds


def true_colour_run() -> Dataset:
    ds = base("7.4", "OT")
    image(ds, bits=8, frames=2)
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.ImageType, ds.ConversionType = ["DERIVED", "SECONDARY"], "WSD"
    ds.FrameTime, ds.FrameIncrementPointer = "66.7", Tag("FrameTime")
    ds.SourceImageSequence = [reference()]
    ds.PixelData = bytes(2 * 3 * ROWS * COLUMNS)
    ds["PixelData"].VR = "OB"
    return ds


def _state(sop_class: str) -> Dataset:
    ds = base(sop_class, "PR")
    ds.ContentLabel, ds.ContentDescription = "STATE", None
    ds.PresentationCreationDate, ds.PresentationCreationTime = "20260101", "101500"
    ds.ReferencedSeriesSequence = series("ReferencedImageSequence")
    ds.DisplayedAreaSelectionSequence = [
        item(
            DisplayedAreaTopLeftHandCorner=[1, 1],
            DisplayedAreaBottomRightHandCorner=[COLUMNS, ROWS],
            PresentationSizeMode="SCALE TO FIT",
            PresentationPixelAspectRatio=[1, 1],
        )
    ]
    return ds


def _drawn(kind: str, points: list[float], **more: object) -> Dataset:
    return item(
        GraphicAnnotationUnits="PIXEL",
        GraphicDimensions=2,
        NumberOfGraphicPoints=len(points) // 2,
        GraphicData=points,
        GraphicType=kind,
        **more,
    )


def _annotate(ds: Dataset) -> None:
    ds.GraphicLayerSequence = [item(GraphicLayer="NEEDLE", GraphicLayerOrder=1)]
    text = item(
        AnchorPointAnnotationUnits="PIXEL",
        UnformattedTextValue="tip",
        AnchorPoint=[5.0, 6.0],
        AnchorPointVisibility="Y",
    )
    ds.GraphicAnnotationSequence = [
        item(
            ReferencedImageSequence=[reference([4, 5])],
            GraphicLayer="NEEDLE",
            GraphicObjectSequence=[
                _drawn("POLYLINE", [1.5, 2.5, 30.5, 40.5]),
                _drawn("POINT", [30.5, 40.5]),
                _drawn("CIRCLE", [10.0, 10.0, 10.0, 12.0], GraphicFilled="N"),
            ],
            TextObjectSequence=[text],
        )
    ]


def grayscale_state() -> Dataset:
    ds = _state("11.1")
    _annotate(ds)
    ds.PresentationLUTShape = "IDENTITY"
    ds.SoftcopyVOILUTSequence = [item(WindowCenter="2048", WindowWidth="4096")]
    ds.MaskSubtractionSequence = [
        item(MaskOperation="AVG_SUB", MaskFrameNumbers=[1, 2], ContrastFrameAveraging=1)
    ]
    ds.RecommendedViewingMode = "SUB"
    return ds


def colour_state() -> Dataset:
    ds = _state("11.2")
    _annotate(ds)
    ds.ICCProfile = bytes(128)
    return ds


def angio_state() -> Dataset:
    ds = _state("11.5")
    ds.PresentationLUTShape = "IDENTITY"
    lut = item(
        LUTFrameRange=[1, FRAMES], LUTDescriptor=[2, 0, 16], LUTData=bytes(4), LUTFunction="TO_LOG"
    )
    lut["LUTDescriptor"].VR, lut["LUTData"].VR = "US", "OW"
    ds.MaskSubtractionSequence = [
        item(
            MaskOperation="AVG_SUB",
            MaskFrameNumbers=[1, 2, 3],
            ApplicableFrameRange=[4, 7, 8, FRAMES],
            PixelIntensityRelationshipLUTSequence=[lut],
            PixelShiftSequence=[
                _shift([4, 7], [0.5, -1.25]),
                _shift([8, FRAMES], [0.0, 1.0], VerticesOfTheRegion=[1, 1, 1, 20, 20, 20]),
            ],
        )
    ]
    ds.MultiFramePresentationSequence = [
        item(
            FrameDisplaySequence=[
                _display(1, 3, "NAT"),
                _display(4, FRAMES, "SUB", MaskVisibilityPercentage=0.0),
            ]
        )
    ]
    return ds


def _shift(frames: list[int], shift: list[float], **more: object) -> Dataset:
    return item(
        PixelShiftFrameRange=frames,
        RegionPixelShiftSequence=[item(MaskSubPixelShift=shift, **more)],
    )


def _display(first: int, last: int, mode: str, **more: object) -> Dataset:
    return item(
        StartTrim=first,
        StopTrim=last,
        SkipFrameRangeFlag="DISPLAY",
        RecommendedDisplayFrameRateInFloat=15.0,
        RecommendedViewingMode=mode,
        DisplayFilterPercentage=None,
        **more,
    )


def _report(sop_class: str, title: tuple[str, str, str]) -> Dataset:
    ds = base(sop_class, "SR")
    ds.ReferencedPerformedProcedureStepSequence = []
    ds.PerformedProcedureCodeSequence = []
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "UNVERIFIED"
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.ConceptNameCodeSequence = [code(*title)]
    ds.ContentTemplateSequence = [item(MappingResource="DCMR", TemplateIdentifier="1500")]
    ds.CurrentRequestedProcedureEvidenceSequence = [
        item(
            StudyInstanceUID=ds.StudyInstanceUID,
            ReferencedSeriesSequence=series("ReferencedSOPSequence"),
        )
    ]
    return ds


def _length() -> Dataset:
    image_item = item(
        RelationshipType="SELECTED FROM", ValueType="IMAGE", ReferencedSOPSequence=[reference(4)]
    )
    drawn = item(
        RelationshipType="INFERRED FROM",
        ValueType="SCOORD",
        GraphicType="POLYLINE",
        GraphicData=[1.5, 2.5, 30.5, 40.5],
        ContentSequence=[image_item],
    )
    return item(
        RelationshipType="CONTAINS",
        ValueType="NUM",
        ConceptNameCodeSequence=[code("410668003", "SCT", "Length")],
        MeasuredValueSequence=[
            item(
                NumericValue="12.5",
                MeasurementUnitsCodeSequence=[code("mm", "UCUM", "millimeter")],
            )
        ],
        ContentSequence=[drawn],
    )


def report(sop_class: str = "88.33") -> Dataset:
    ds = _report(sop_class, ("126000", "DCM", "Imaging Measurement Report"))
    ds.CodingSchemeIdentificationSequence = [item(CodingSchemeDesignator="99CHECKABLE")]
    private = item(
        RelationshipType="CONTAINS",
        ValueType="TEXT",
        ConceptNameCodeSequence=[code("note", "99CHECKABLE", "Note")],
        TextValue="Größe",
    )
    ds.ContentSequence = [_length(), private]
    return ds


def procedure_log() -> Dataset:
    ds = _report("88.40", ("121120", "DCM", "Cath Lab Procedure Log"))
    ds.SynchronizationFrameOfReferenceUID = sources.uid("clock")
    ds.SynchronizationTrigger, ds.AcquisitionTimeSynchronized = "NO TRIGGER", "N"
    del ds.CurrentRequestedProcedureEvidenceSequence
    ds.ContentTemplateSequence[0].TemplateIdentifier = "3001"
    ds.ContentSequence = [
        item(
            RelationshipType="CONTAINS",
            ObservationDateTime=f"2026010110150{second}",
            ValueType="TEXT",
            ConceptNameCodeSequence=[code("121106", "DCM", "Comment")],
            TextValue=f"event {second}",
        )
        for second in range(3)
    ]
    return ds


def key_objects() -> Dataset:
    ds = base("88.59", "KO")
    ds.ReferencedPerformedProcedureStepSequence = []
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.ConceptNameCodeSequence = [code("113000", "DCM", "Of Interest")]
    ds.ContentTemplateSequence = [item(MappingResource="DCMR", TemplateIdentifier="2010")]
    ds.CurrentRequestedProcedureEvidenceSequence = [
        item(
            StudyInstanceUID=ds.StudyInstanceUID,
            ReferencedSeriesSequence=series("ReferencedSOPSequence"),
        )
    ]
    ds.ContentSequence = [
        item(
            RelationshipType="CONTAINS",
            ValueType="IMAGE",
            ReferencedSOPSequence=[reference([3, 4])],
        )
    ]
    return ds


def document() -> Dataset:
    ds = base("104.1", "DOC")
    ds.AcquisitionDateTime, ds.DocumentTitle, ds.ConceptNameCodeSequence = None, "Report", []
    ds.ConversionType, ds.BurnedInAnnotation = "WSD", "YES"
    ds.SourceInstanceSequence = [reference()]
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    ds.EncapsulatedDocument = b"%PDF-1.4\n%%EOF\n\0"
    ds.EncapsulatedDocumentLength = 15
    return ds


EXAMPLES = {
    "binary": binary,
    "fractional": fractional,
    "labelmap": labelmap,
    "labelmap rle": lambda: labelmap(coded=True),
    "parametric map": parametric_map,
    "derived xa": derived_xa,
    "word capture": word_capture,
    "colour capture": colour_capture,
    "true colour run": true_colour_run,
    "grayscale state": grayscale_state,
    "colour state": colour_state,
    "angio state": angio_state,
    "report": report,
    "3d report": lambda: report("88.34"),
    "procedure log": procedure_log,
    "key objects": key_objects,
    "document": document,
}
"""Every class of object, by name; each call builds it afresh."""


def written(ds: Dataset, folder: Path, name: str = "made") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path
