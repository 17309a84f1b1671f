"""Every rule of the checker is broken once, and tells it; a whole object breaks none."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import checkable
import numpy as np
import pytest
import sources
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate_extended
from pydicom.tag import Tag
from pydicom.uid import UID

from napari_fluoroinject.dicom.check.run import RULES, TABLE_RULES, check_files, check_object
from napari_fluoroinject.dicom.check.subject import Surroundings, read_header


@dataclass(frozen=True, kw_only=True)
class Broken:
    """One way to break a rule: the example, what is done to it, what else is told then."""

    rule: str
    example: str
    spoil: Callable[[Dataset], object]
    also: frozenset[str] = field(default_factory=frozenset)

    def __str__(self) -> str:
        return f"{self.rule} {self.example}"


def _raw(ds: Dataset, keyword: str, value: object, vr: str) -> None:
    """Put a value that pydicom would not."""
    ds[Tag(keyword)] = DataElement(Tag(keyword), vr, value, validation_mode=IGNORE)


def _groups(ds: Dataset, frame: int) -> Dataset:
    return ds.PerFrameFunctionalGroupsSequence[frame]


def _source_image(ds: Dataset, frame: int = 0) -> Dataset:
    return _groups(ds, frame).DerivationImageSequence[0].SourceImageSequence[0]


def _content(ds: Dataset, frame: int) -> Dataset:
    return _groups(ds, frame).FrameContentSequence[0]


def _swap_frames(ds: Dataset) -> None:
    groups = list(ds.PerFrameFunctionalGroupsSequence)
    groups[0], groups[1] = groups[1], groups[0]
    ds.PerFrameFunctionalGroupsSequence = groups


def _pixels(ds: Dataset, position: int, value: int) -> None:
    pixels = bytearray(ds.PixelData)
    pixels[position] = value
    ds.PixelData = bytes(pixels)
    ds["PixelData"].VR = "OB"


def _empty_frame(ds: Dataset) -> None:
    size = len(ds.PixelData) // ds.NumberOfFrames
    ds.PixelData = ds.PixelData[:size] + bytes(size) + ds.PixelData[2 * size :]
    ds["PixelData"].VR = "OB"


def _overlap(ds: Dataset) -> None:
    half = len(ds.PixelData) // 2
    ds.PixelData = ds.PixelData[:half] * 2
    ds["PixelData"].VR = "OB"


def _mask(ds: Dataset) -> Dataset:
    return ds.MaskSubtractionSequence[0]


def _shift(ds: Dataset, index: int = 0) -> Dataset:
    return _mask(ds).PixelShiftSequence[index]


def _display(ds: Dataset, index: int = 0) -> Dataset:
    return ds.MultiFramePresentationSequence[0].FrameDisplaySequence[index]


def _annotation(ds: Dataset) -> Dataset:
    return ds.GraphicAnnotationSequence[0]


def _scoord(ds: Dataset) -> Dataset:
    return ds.ContentSequence[0].ContentSequence[0]


def _second_mask(ds: Dataset) -> None:
    twin = copy.deepcopy(_mask(ds))
    ds.MaskSubtractionSequence = [_mask(ds), twin]


def _turned(ds: Dataset) -> None:
    ds.Rows, ds.Columns = ds.Columns, ds.Rows


def _other_study(ds: Dataset) -> None:
    ds.StudyInstanceUID = sources.uid("another study")


def _extended(ds: Dataset, *, wrong: int = 0, beside: bool = False) -> None:
    """The same frames with an extended offset table."""
    whole = checkable.labelmap()
    size = checkable.ROWS * checkable.COLUMNS
    frames = [whole.PixelData[k : k + size] for k in range(0, len(whole.PixelData), size)]
    coded = [
        checkable._rle(np.frombuffer(f, np.uint8).reshape(checkable.ROWS, -1)) for f in frames
    ]
    pixels, offsets, lengths = encapsulate_extended(coded)
    if beside:
        pixels = ds.PixelData
    ds.PixelData, ds.ExtendedOffsetTable = pixels, offsets
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    moved = np.frombuffer(lengths, "<u8") + wrong
    ds.ExtendedOffsetTableLengths = moved.tobytes()


def _wrong_basic_table(ds: Dataset) -> None:
    pixels = bytearray(ds.PixelData)
    pixels[12:16] = (4).to_bytes(4, "little")  # of the second frame
    ds.PixelData = bytes(pixels)
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True


def _two_fragments(ds: Dataset) -> None:
    """The last frame once more, as a fragment of its own."""
    last = bytes(ds.PixelData)
    size = checkable.ROWS * (checkable.COLUMNS + 1) + 64
    end = last.rindex(b"\xfe\xff\xdd\xe0") if b"\xfe\xff\xdd\xe0" in last else len(last)
    ds.PixelData = last[:end] + last[end - size - 8 : end] + last[end:]
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True


def _spoil_frame(ds: Dataset) -> None:
    """A run past the end of the picture."""
    pixels = bytearray(ds.PixelData)
    begin = 8 + 4 * len(checkable.SHOWN) + 8 + 64
    pixels[begin : begin + 2] = b"\x81\x05"
    ds.PixelData = bytes(pixels)
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True


def _float(ds: Dataset, value: float) -> None:
    pixels = np.frombuffer(ds.FloatPixelData, "<f4").copy()
    pixels[5] = value
    ds.FloatPixelData = pixels.tobytes()


def _private(ds: Dataset) -> None:
    ds.private_block(0x0011, "SOMEBODY", create=True).add_new(1, "LO", "text")


def _item_by_reference(ds: Dataset) -> None:
    ds.ContentSequence[2].ReferencedContentItemIdentifier = [1, 2]


SUT = "1.2.840.10008.5.1.4.1.1.12.1"
FEW = frozenset

CASES = [
    Broken(
        rule="class.unknown",
        example="key objects",
        spoil=lambda ds: _become(ds, "1.2.840.10008.5.1.4.1.1.88.11"),
    ),
    Broken(
        rule="identity.source",
        example="procedure log",
        spoil=_other_study,
    ),
    Broken(
        rule="identity.study",
        example="document",
        spoil=_other_study,
    ),
    *(
        Broken(
            rule="identity.patient",
            example=example,
            spoil=lambda ds, k=k, v=v: setattr(ds, k, v),
        )
        for example in ("binary", "report", "angio state")
        for k, v in (
            ("PatientID", "FLUORO02"),
            ("PatientID", "fluoro01"),
            ("PatientID", ""),
            ("PatientName", "Synthetique^Fluoro"),
            ("PatientBirthDate", "19600102"),
            ("PatientSex", "F"),
            ("IssuerOfPatientID", "HERE"),
            ("AccessionNumber", "A2"),
            ("StudyID", "2"),
            ("StudyDate", "20260102"),
        )
    ),
    Broken(
        rule="identity.characters",
        example="key objects",
        spoil=lambda ds: setattr(ds, "SpecificCharacterSet", "ISO_IR 100"),
    ),
    Broken(
        rule="identity.zone",
        example="binary",
        spoil=lambda ds: ds.pop("TimezoneOffsetFromUTC"),
    ),
    Broken(
        rule="mapping.there",
        example="derived xa",
        spoil=lambda ds: ds.pop("RealWorldValueMappingSequence"),
    ),
    Broken(
        rule="mapping.size",
        example="derived xa",
        spoil=_turned,
    ),
    *(
        Broken(
            rule="window.width",
            example="grayscale state",
            spoil=lambda ds, width=width: setattr(
                ds.SoftcopyVOILUTSequence[0], "WindowWidth", width
            ),
        )
        for width in ("-5", "0", "0.5")
    ),
    *(
        Broken(
            rule="value.format",
            example="binary",
            spoil=lambda ds, zone=zone: setattr(ds, "TimezoneOffsetFromUTC", zone),
            also=frozenset({"identity.zone"}),
        )
        for zone in ("+9999", "Z", "+01:0", "-0000")
    ),
    Broken(
        rule="identity.new",
        example="binary",
        spoil=lambda ds: setattr(ds, "SeriesInstanceUID", sources.xa().SeriesInstanceUID),
    ),
    Broken(
        rule="private.text",
        example="document",
        spoil=lambda ds: setattr(ds, "DocumentTitle", "about private text"),
    ),
    Broken(rule="private.attribute", example="labelmap", spoil=_private),
    Broken(
        rule="private.attribute",
        example="report",
        spoil=lambda ds: _private(ds.ContentSequence[0]),
    ),
    *(
        Broken(
            rule="value.format",
            example="derived xa",
            spoil=lambda ds, k=k, v=v, r=r: _raw(ds, k, v, r),
        )
        for k, v, r in (
            ("SeriesDescription", "x" * 65, "LO"),
            ("ContentDate", "2026-01-01", "DA"),
            ("ContentDate", "20261301", "DA"),
            ("ContentTime", "1060", "TM"),
            ("AcquisitionDateTime", "2026010199", "DT"),
            ("KVP", "78.1234567890123456", "DS"),
            ("SeriesNumber", "7.5", "IS"),
            ("ScheduledProcedureStepStartDate", "0", "DA"),
            ("Modality", "xa", "CS"),
            ("SynchronizationFrameOfReferenceUID", "1.02.3", "UI"),
            ("SynchronizationFrameOfReferenceUID", "1." + "2" * 64, "UI"),
            ("StationName", "a" * 17, "SH"),
            ("OperatorsName", "a^b^c^d^e^f", "PN"),
            ("OperatorsName", "a" * 65, "PN"),
            ("InstitutionName", "two\nlines", "LO"),
        )
    ),
    Broken(
        rule="value.multiplicity",
        example="binary",
        spoil=lambda ds: setattr(ds, "PatientOrientation", ["L", "F", "A"]),
    ),
    Broken(
        rule="value.multiplicity",
        example="angio state",
        spoil=lambda ds: setattr(_mask(ds), "TIDOffset", [1, 2]),
    ),
    Broken(
        rule="value.representation",
        example="report",
        spoil=lambda ds: _raw(ds, "InstanceNumber", "1", "LO"),
    ),
    Broken(
        rule="value.representation",
        example="report",
        spoil=lambda ds: ds.add_new(0x0008F0F0, "SH", "nothing"),
    ),
    Broken(
        rule="value.number",
        example="angio state",
        spoil=lambda ds: setattr(_display(ds), "RecommendedDisplayFrameRateInFloat", float("nan")),
    ),
    Broken(
        rule="value.characters",
        example="report",
        spoil=lambda ds: _raw(ds.ContentSequence[1], "TextValue", b"Gr\xf6sse.", "UT"),
    ),
    Broken(
        rule="reference.class",
        example="key objects",
        spoil=lambda ds: setattr(
            ds.ContentSequence[0].ReferencedSOPSequence[0],
            "ReferencedSOPClassUID",
            "1.2.840.10008.5.1.4.1.1.12.2",
        ),
    ),
    Broken(
        rule="reference.frame",
        example="key objects",
        spoil=lambda ds: _to_frame(ds.ContentSequence[0].ReferencedSOPSequence[0], [3, 13]),
    ),
    Broken(
        rule="reference.frame",
        example="key objects",
        spoil=lambda ds: _to_frame(ds.ContentSequence[0].ReferencedSOPSequence[0], [0, 3]),
    ),
    Broken(
        rule="reference.frame",
        example="key objects",
        spoil=lambda ds: _to_frame(ds.ContentSequence[0].ReferencedSOPSequence[0], [3, 3]),
    ),
    Broken(
        rule="reference.frame",
        example="binary",
        spoil=lambda ds: _to_frame(_source_image(ds, 3), 13),
    ),
    Broken(
        rule="reference.unknown",
        example="derived xa",
        spoil=lambda ds: setattr(
            ds,
            "SourceImageSequence",
            [*ds.SourceImageSequence, _stranger(ds.SourceImageSequence[0])],
        ),
    ),
    Broken(
        rule="reference.place",
        example="binary",
        spoil=lambda ds: setattr(ds.ReferencedSeriesSequence[0], "SeriesInstanceUID", "1.2.3"),
    ),
    Broken(
        rule="reference.listed",
        example="labelmap",
        spoil=lambda ds: setattr(
            ds.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0],
            "ReferencedSOPInstanceUID",
            sources.uid("other plane"),
        ),
        also=FEW({"reference.unknown"}),
    ),
    Broken(
        rule="reference.itself",
        example="derived xa",
        spoil=lambda ds: setattr(
            ds,
            "ReferencedImageSequence",
            [
                sources.item(
                    ReferencedSOPClassUID=ds.SOPClassUID,
                    ReferencedSOPInstanceUID=ds.SOPInstanceUID,
                )
            ],
        ),
    ),
    Broken(rule="pixels.length", example="derived xa", spoil=lambda ds: ds.pop("PixelData")),
    Broken(
        rule="pixels.length",
        example="binary",
        spoil=lambda ds: ds["PixelData"].__setattr__("value", ds.PixelData + b"\0\0"),
    ),
    Broken(
        rule="pixels.length",
        example="fractional",
        spoil=lambda ds: ds["PixelData"].__setattr__("value", ds.PixelData[:-2]),
    ),
    Broken(
        rule="pixels.bits",
        example="derived xa",
        spoil=lambda ds: setattr(ds, "HighBit", 11),
    ),
    Broken(rule="pixels.fragments", example="labelmap rle", spoil=_wrong_basic_table),
    Broken(
        rule="pixels.fragments",
        example="labelmap rle",
        spoil=_two_fragments,
        also=FEW({"pixels.values"}),
    ),
    Broken(
        rule="pixels.fragments",
        example="labelmap rle",
        spoil=lambda ds: _extended(ds, wrong=6),
    ),
    Broken(
        rule="pixels.fragments",
        example="labelmap rle",
        spoil=lambda ds: _extended(ds, beside=True),
    ),
    Broken(rule="pixels.values", example="labelmap rle", spoil=_spoil_frame),
    Broken(
        rule="pixels.values",
        example="derived xa",
        spoil=lambda ds: (setattr(ds, "BitsStored", 8), setattr(ds, "HighBit", 7)),
    ),
    Broken(
        rule="pixels.numbers",
        example="parametric map",
        spoil=lambda ds: _float(ds, float("nan")),
        also=FEW({"mapping.covers"}),
    ),
    Broken(
        rule="frames.vector",
        example="word capture",
        spoil=lambda ds: setattr(ds, "FrameTimeVector", ["0", "66"]),
    ),
    Broken(
        rule="frames.vector",
        example="word capture",
        spoil=lambda ds: setattr(ds, "FrameTimeVector", ["0", "66", "-5"]),
    ),
    Broken(
        rule="frames.count",
        example="labelmap",
        spoil=lambda ds: ds.PerFrameFunctionalGroupsSequence.pop(),
    ),
    Broken(
        rule="index.count",
        example="labelmap",
        spoil=lambda ds: setattr(_content(ds, 1), "DimensionIndexValues", [5, 1]),
    ),
    Broken(
        rule="index.count",
        example="labelmap",
        spoil=lambda ds: setattr(_content(ds, 0), "DimensionIndexValues", [0]),
    ),
    Broken(
        rule="index.order",
        example="labelmap",
        spoil=_swap_frames,
        also=FEW({"segment.order"}),
    ),
    Broken(
        rule="index.order",
        example="binary",
        spoil=lambda ds: setattr(_content(ds, 1), "DimensionIndexValues", [1, 4]),
        also=FEW({"index.meaning"}),
    ),
    Broken(
        rule="index.meaning",
        example="labelmap",
        spoil=lambda ds: setattr(_content(ds, 0), "TemporalPositionIndex", 12),
    ),
    Broken(
        rule="index.meaning",
        example="labelmap",
        spoil=lambda ds: _content(ds, 2).pop("TemporalPositionIndex"),
    ),
    Broken(
        rule="index.organization",
        example="labelmap",
        spoil=lambda ds: setattr(ds.DimensionIndexSequence[0], "DimensionOrganizationUID", "1.2"),
    ),
    Broken(
        rule="geometry.reference",
        example="labelmap",
        spoil=lambda ds: setattr(
            ds.SharedFunctionalGroupsSequence[0],
            "PlanePositionSequence",
            [sources.item(ImagePositionPatient=["0", "0", "0"])],
        ),
    ),
    Broken(
        rule="geometry.reference",
        example="labelmap",
        spoil=lambda ds: (
            setattr(ds, "FrameOfReferenceUID", "1.2.3"),
            setattr(ds, "PositionReferenceIndicator", ""),
            setattr(ds, "SeriesDescription", "NOMINAL GEOMETRY"),
        ),
    ),
    Broken(
        rule="geometry.nominal",
        example="parametric map",
        spoil=lambda ds: setattr(ds, "SeriesDescription", "Map"),
    ),
    Broken(
        rule="segment.numbers",
        example="binary",
        spoil=lambda ds: setattr(ds.SegmentSequence[1], "SegmentNumber", 3),
        also=FEW({"segment.frame"}),
    ),
    Broken(
        rule="segment.numbers",
        example="labelmap",
        spoil=lambda ds: ds.SegmentSequence.append(ds.SegmentSequence[1]),
    ),
    Broken(
        rule="segment.frame",
        example="fractional",
        spoil=lambda ds: ds.SegmentSequence.pop(),
    ),
    Broken(
        rule="segment.frame",
        example="labelmap",
        spoil=lambda ds: setattr(
            _groups(ds, 0),
            "SegmentIdentificationSequence",
            [sources.item(ReferencedSegmentNumber=1)],
        ),
    ),
    Broken(rule="segment.label", example="labelmap", spoil=lambda ds: _pixels(ds, 3 * 64, 3)),
    Broken(rule="segment.label", example="labelmap", spoil=lambda ds: ds.pop("PixelPaddingValue")),
    Broken(rule="segment.empty", example="binary", spoil=_empty_frame),
    Broken(rule="segment.empty", example="labelmap", spoil=_empty_frame),
    Broken(rule="segment.fraction", example="fractional", spoil=lambda ds: _pixels(ds, 0, 201)),
    Broken(rule="segment.overlap", example="binary", spoil=_overlap),
    Broken(
        rule="segment.source",
        example="labelmap",
        spoil=lambda ds: _source_image(ds).pop("ReferencedFrameNumber"),
    ),
    Broken(
        rule="segment.source",
        example="labelmap",
        spoil=lambda ds: setattr(
            _groups(ds, 0).DerivationImageSequence[0], "SourceImageSequence", []
        ),
    ),
    Broken(
        rule="segment.order",
        example="binary",
        spoil=lambda ds: _to_frame(_source_image(ds, 2), 1),
    ),
    Broken(
        rule="segment.size",
        example="labelmap",
        spoil=lambda ds: (setattr(ds, "Rows", 64), setattr(ds, "Columns", 48)),
    ),
    Broken(
        rule="presentation.listed",
        example="grayscale state",
        spoil=lambda ds: setattr(
            _annotation(ds).ReferencedImageSequence[0], "ReferencedSOPInstanceUID", "1.2.3"
        ),
        also=FEW({"reference.unknown"}),
    ),
    Broken(
        rule="presentation.area",
        example="grayscale state",
        spoil=lambda ds: setattr(
            ds.DisplayedAreaSelectionSequence[0], "DisplayedAreaTopLeftHandCorner", [65, 1]
        ),
    ),
    *(
        Broken(
            rule="mask.frames",
            example=example,
            spoil=lambda ds, k=k: setattr(_mask(ds), "MaskFrameNumbers", [1, k]),
        )
        for example in ("grayscale state", "angio state")
        for k in (0, 13)
    ),
    *(
        Broken(
            rule="mask.ranges",
            example="angio state",
            spoil=lambda ds, r=r: setattr(_mask(ds), "ApplicableFrameRange", r),
            also=FEW({"shift.ranges", "value.multiplicity"}),
        )
        for r in ([4, 13], [0, 12], [7, 4, 8, 12], [4, 9, 8, 12], [8, 12, 4, 7], [4, 7, 8])
    ),
    Broken(rule="mask.ranges", example="angio state", spoil=_second_mask),
    Broken(
        rule="mask.offset",
        example="grayscale state",
        spoil=lambda ds: (
            setattr(_mask(ds), "MaskOperation", "TID"),
            setattr(_mask(ds), "TIDOffset", 0),
        ),
    ),
    Broken(
        rule="mask.relation",
        example="angio state",
        spoil=lambda ds: _mask(ds).pop("PixelIntensityRelationshipLUTSequence"),
    ),
    *(
        Broken(
            rule="shift.ranges",
            example="angio state",
            spoil=lambda ds, r=r: setattr(_shift(ds), "PixelShiftFrameRange", r),
        )
        for r in ([4, 8], [3, 7], [7, 4])
    ),
    Broken(
        rule="shift.values",
        example="angio state",
        spoil=lambda ds: setattr(
            _shift(ds).RegionPixelShiftSequence[0], "MaskSubPixelShift", [48.0, 0.0]
        ),
    ),
    Broken(
        rule="shift.values",
        example="angio state",
        spoil=lambda ds: setattr(
            _shift(ds, 1).RegionPixelShiftSequence[0],
            "VerticesOfTheRegion",
            [1, 1, 1, 65, 20, 20],
        ),
    ),
    *(
        Broken(
            rule="display.ranges",
            example="angio state",
            spoil=lambda ds, part=part, k=k, v=v: setattr(_display(ds, part), k, v),
        )
        for part, k, v in (
            (0, "StartTrim", 2),
            (0, "StopTrim", 2),
            (0, "StopTrim", 4),
            (1, "StopTrim", 11),
            (1, "StopTrim", 13),
        )
    ),
    Broken(
        rule="display.values",
        example="angio state",
        spoil=lambda ds: ds.pop("MaskSubtractionSequence"),
    ),
    Broken(
        rule="display.values",
        example="angio state",
        spoil=lambda ds: setattr(_display(ds, 1), "MaskVisibilityPercentage", 101.0),
    ),
    Broken(
        rule="graphic.points",
        example="grayscale state",
        spoil=lambda ds: setattr(
            _annotation(ds).GraphicObjectSequence[0], "NumberOfGraphicPoints", 3
        ),
    ),
    Broken(
        rule="graphic.points",
        example="colour state",
        spoil=lambda ds: (
            setattr(_annotation(ds).GraphicObjectSequence[1], "NumberOfGraphicPoints", 2),
            setattr(_annotation(ds).GraphicObjectSequence[1], "GraphicData", [1.0, 1.0, 2.0, 2.0]),
        ),
    ),
    Broken(
        rule="graphic.inside",
        example="grayscale state",
        spoil=lambda ds: setattr(
            _annotation(ds).GraphicObjectSequence[1], "GraphicData", [64.5, 1.0]
        ),
    ),
    Broken(
        rule="graphic.inside",
        example="grayscale state",
        spoil=lambda ds: setattr(_annotation(ds).TextObjectSequence[0], "AnchorPoint", [1.0, 49]),
    ),
    Broken(
        rule="graphic.layer",
        example="grayscale state",
        spoil=lambda ds: setattr(_annotation(ds), "GraphicLayer", "TARGET"),
    ),
    Broken(
        rule="graphic.layer",
        example="grayscale state",
        spoil=lambda ds: ds.GraphicLayerSequence.append(ds.GraphicLayerSequence[0]),
    ),
    Broken(
        rule="content.selected",
        example="report",
        spoil=lambda ds: _scoord(ds).pop("ContentSequence"),
    ),
    Broken(
        rule="content.selected",
        example="report",
        spoil=lambda ds: (
            _scoord(ds).ContentSequence[0].ReferencedSOPSequence[0].pop("ReferencedFrameNumber")
        ),
    ),
    Broken(
        rule="content.points",
        example="3d report",
        spoil=lambda ds: setattr(_scoord(ds), "GraphicData", [1.0, 2.0]),
    ),
    Broken(
        rule="content.inside",
        example="report",
        spoil=lambda ds: setattr(_scoord(ds), "GraphicData", [1.0, 2.0, 3.0, 48.5]),
    ),
    Broken(
        rule="evidence.listed",
        example="key objects",
        spoil=lambda ds: setattr(
            ds.CurrentRequestedProcedureEvidenceSequence[0]
            .ReferencedSeriesSequence[0]
            .ReferencedSOPSequence[0],
            "ReferencedSOPInstanceUID",
            sources.uid("other plane"),
        ),
        also=FEW({"reference.unknown"}),
    ),
    Broken(
        rule="evidence.study",
        example="report",
        spoil=lambda ds: setattr(
            ds.CurrentRequestedProcedureEvidenceSequence[0], "StudyInstanceUID", "1.2.3"
        ),
        also=FEW({"reference.place"}),
    ),
    Broken(
        rule="log.times",
        example="procedure log",
        spoil=lambda ds: ds.ContentSequence[1].pop("ObservationDateTime"),
    ),
    Broken(
        rule="log.times",
        example="procedure log",
        spoil=lambda ds: setattr(ds.ContentSequence[1], "ObservationDateTime", "20260101101459"),
    ),
    Broken(rule="log.times", example="procedure log", spoil=_item_by_reference),
    Broken(
        rule="code.standard",
        example="report",
        spoil=lambda ds: setattr(
            ds.ContentSequence[0].ConceptNameCodeSequence[0], "CodeValue", "2667000"
        ),
    ),
    Broken(
        rule="code.standard",
        example="key objects",
        spoil=lambda ds: setattr(ds.ConceptNameCodeSequence[0], "CodeValue", "999999"),
    ),
    Broken(
        rule="code.scheme",
        example="report",
        spoil=lambda ds: ds.pop("CodingSchemeIdentificationSequence"),
    ),
    Broken(
        rule="document.pdf",
        example="document",
        spoil=lambda ds: setattr(ds, "EncapsulatedDocument", b"%PDF-1.4\nhalf  "),
    ),
    Broken(
        rule="document.pdf",
        example="document",
        spoil=lambda ds: setattr(ds, "EncapsulatedDocumentLength", 99),
    ),
    Broken(
        rule="mapping.order",
        example="derived xa",
        spoil=lambda ds: setattr(ds.RealWorldValueMappingSequence[0], "RealWorldValueSlope", 0.0),
    ),
    Broken(
        rule="mapping.order",
        example="derived xa",
        spoil=lambda ds: _raw(
            ds.RealWorldValueMappingSequence[0], "RealWorldValueLastValueMapped", 0, "US"
        ),
        also=FEW({"mapping.covers"}),
    ),
    Broken(
        rule="mapping.covers", example="derived xa", spoil=lambda ds: ds.pop("PixelPaddingValue")
    ),
    Broken(
        rule="mapping.covers",
        example="parametric map",
        spoil=lambda ds: _float(ds, 11.0),
    ),
    Broken(
        rule="group.missing",
        example="labelmap",
        spoil=lambda ds: _groups(ds, 2).pop("DerivationImageSequence"),
    ),
    Broken(
        rule="group.twice",
        example="parametric map",
        spoil=lambda ds: setattr(
            _groups(ds, 1),
            "PixelMeasuresSequence",
            ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence,
        ),
    ),
    Broken(
        rule="attribute.missing", example="angio state", spoil=lambda ds: ds.pop("ContentLabel")
    ),
    Broken(
        rule="attribute.missing",
        example="angio state",
        spoil=lambda ds: _display(ds, 1).pop("MaskVisibilityPercentage"),
    ),
    Broken(
        rule="attribute.empty",
        example="angio state",
        spoil=lambda ds: setattr(ds, "ContentLabel", ""),
    ),
    Broken(
        rule="attribute.excluded",
        example="labelmap",
        spoil=lambda ds: setattr(ds, "MaximumFractionalValue", 255),
    ),
    Broken(
        rule="attribute.value",
        example="labelmap",
        spoil=lambda ds: setattr(ds, "SegmentsOverlap", "YES"),
    ),
    Broken(
        rule="attribute.term",
        example="angio state",
        spoil=lambda ds: setattr(_display(ds), "SkipFrameRangeFlag", "MAYBE"),
    ),
]


def _become(ds: Dataset, sop_class: str) -> None:
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = UID(sop_class)


def _head(keyword: str, vr: str, length: int) -> bytes:
    """An element up to its value."""
    tag = Tag(keyword or "PixelPaddingValue")
    numbers = (tag.group, tag.element, length)
    group, element, size = (number.to_bytes(2, "little") for number in numbers)
    return group + element + vr.encode("ascii") + size


def _to_frame(item: Dataset, number: object) -> None:
    item.ReferencedFrameNumber = number


def _stranger(item: Dataset) -> Dataset:
    other = copy.deepcopy(item)
    other.ReferencedSOPInstanceUID = sources.uid("another loop")
    return other


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    return checkable.written(checkable.source(), tmp_path_factory.mktemp("loop"), "source")


@pytest.fixture(scope="module")
def around(loop):
    header = read_header(loop)
    uid = str(header.SOPInstanceUID)
    return Surroundings(known={uid: header}, sources=frozenset({uid}), stated=True)


@pytest.mark.parametrize("example", checkable.EXAMPLES)
def test_an_example_of_each_class_breaks_no_rule(example, around, tmp_path):
    path = checkable.written(checkable.EXAMPLES[example](), tmp_path)
    assert [str(fault) for fault in check_object(path, around)] == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_breaks_a_rule_is_told_by_that_rule(case, around, tmp_path):
    ds = checkable.EXAMPLES[case.example]()
    case.spoil(ds)
    rules = {fault.rule for fault in check_object(checkable.written(ds, tmp_path), around)}
    assert case.rule in rules
    assert rules - {case.rule} <= case.also


UID_BYTES = sources.uid("made", "88.33").encode("ascii")
PATCHES = [
    ("meta.same", "report", UID_BYTES, UID_BYTES[:-1] + b"0"),
    ("meta.same", "report", b"4.1.1.88.33\0", b"4.1.1.88.34\0"),
    (
        "value.length",
        "derived xa",
        _head("PixelPaddingValue", "US", 2),
        _head("", "US", 3) + b"\0",
    ),
    ("value.length", "derived xa", b"CS\x02\x00XA", b"CS\x01\x00X"),
    ("value.readable", "derived xa", _head("", "US", 2), _head("", "US", 3) + b"\0"),
    ("value.format", "derived xa", _head("KVP", "DS", 0), _head("KVP", "DS", 8) + b"seventy "),
    ("value.characters", "derived xa", b"CS\x02\x00XA", b"CS\x02\x00X\xc9"),
    ("value.representation", "derived xa", b"CS\x02\x00XA", b"SH\x02\x00XA"),
]


@pytest.mark.parametrize(("rule", "example", "old", "new"), PATCHES)
def test_bytes_that_no_writer_of_ours_would_write_are_told(
    rule, example, old, new, loop, tmp_path
):
    path = checkable.written(checkable.EXAMPLES[example](), tmp_path)
    whole = path.read_bytes()
    assert old in whole
    path.write_bytes(whole.replace(old, new, 1))
    (checked,) = check_files([path], [loop])
    assert rule in {fault.rule for fault in checked.faults}


def test_sources_of_two_patients_are_told(tmp_path):
    loops = []
    for key, patient in (("one", "FLUORO01"), ("two", "FLUORO02")):
        ds = sources.xa(key)
        ds.PatientID = patient
        loops.append(checkable.written(ds, tmp_path, key))
    made = checkable.derived_xa()
    made.SourceImageSequence = [
        sources.item(ReferencedSOPClassUID=SUT, ReferencedSOPInstanceUID=sources.uid(key))
        for key in ("one", "two")
    ]
    (checked,) = check_files([checkable.written(made, tmp_path)], loops)
    assert "identity.one" in {fault.rule for fault in checked.faults}


def test_two_objects_with_one_uid_are_both_told(loop, tmp_path):
    paths = [checkable.written(checkable.report(), tmp_path, name) for name in ("a", "b")]
    for checked in check_files(paths, [loop]):
        assert [fault.rule for fault in checked.faults] == ["uid.unique"]


def test_without_a_source_it_is_said_what_was_not_checked(tmp_path):
    path = checkable.written(checkable.binary(), tmp_path)
    (checked,) = check_files([path])
    assert checked.faults == ()
    (note,) = checked.notes
    assert note.startswith("No source is known: identity was compared among the results alone")
    assert "whether points lie in the picture were not checked" in note


@pytest.mark.parametrize("keyword", ["PatientID", "PatientName", "AccessionNumber", "StudyDate"])
def test_without_a_source_a_result_of_another_patient_is_told_by_its_siblings(tmp_path, keyword):
    for name in ("binary", "report", "key objects"):
        checkable.written(checkable.EXAMPLES[name](), tmp_path, name)
    assert not any(one.faults for one in check_files([tmp_path]))
    odd = checkable.labelmap()
    setattr(odd, keyword, "19010203")
    path = checkable.written(odd, tmp_path, "odd")
    found = {one.path.name: one.faults for one in check_files([tmp_path]) if one.faults}
    assert set(found) == {path.name}
    assert [(f.rule, f.where) for f in found[path.name]] == [("identity.siblings", keyword)]
    odd.StudyInstanceUID = sources.uid("another study")
    checkable.written(odd, tmp_path, "odd")
    rules = {fault.rule for one in check_files([tmp_path]) for fault in one.faults}
    assert "identity.siblings" not in rules


def test_where_two_results_differ_both_are_told(tmp_path):
    odd = checkable.report()
    odd.PatientID = "OTHER"
    checkable.written(odd, tmp_path, "odd")
    checkable.written(checkable.binary(), tmp_path)
    for one in check_files([tmp_path]):
        assert [fault.rule for fault in one.faults] == ["identity.siblings"]


@pytest.mark.parametrize("together", [True, False])
def test_a_loop_that_lies_beside_its_results_is_their_source(together, tmp_path):
    checkable.written(checkable.source(), tmp_path, "source")
    made = checkable.binary()
    made.PatientID = "OTHER"
    path = checkable.written(made, tmp_path)
    (checked,) = check_files([tmp_path if together else path])
    assert [fault.rule for fault in checked.faults] == ["identity.patient"]


def test_a_value_that_names_a_person_is_not_told(loop, tmp_path):
    made = checkable.binary()
    made.PatientID, made.PatientSex = "SECRET-ID", "SECRET"
    _raw(made, "PatientName", "SECRET" * 20, "PN")
    _raw(made, "PatientBirthDate", "SECRET12", "DA")
    (checked,) = check_files([checkable.written(made, tmp_path)], [loop])
    assert len(checked.faults) > 4
    assert "SECRET" not in "".join(map(str, checked.faults))


def test_there_is_a_way_to_break_every_rule():
    known = {rule.id for rule in RULES} | set(TABLE_RULES)
    elsewhere = {"identity.one"}  # needs two sources
    assert {case.rule for case in CASES} | {rule for rule, *_ in PATCHES} == known - elsewhere
