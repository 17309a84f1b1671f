"""Small radiation dose reports, as PS3.16 TID 10001, 10002 and 10004 lay them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, XRayRadiationDoseSRStorage

from napari_fluoroinject.dicom.items import item

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset


def named(code: str, meaning: str) -> list[Dataset]:
    return [item(CodeValue=code, CodingSchemeDesignator="DCM", CodeMeaning=meaning)]


def number(code: str, meaning: str, value: float, unit: str) -> Dataset:
    units = [item(CodeValue=unit, CodingSchemeDesignator="UCUM", CodeMeaning=unit)]
    return item(
        RelationshipType="CONTAINS",
        ValueType="NUM",
        ConceptNameCodeSequence=named(code, meaning),
        MeasuredValueSequence=[item(NumericValue=value, MeasurementUnitsCodeSequence=units)],
    )


def plane(kap_gym2: float, kerma_gy: float, time_s: float, *, time_unit: str = "s") -> Dataset:
    return item(
        RelationshipType="CONTAINS",
        ValueType="CONTAINER",
        ConceptNameCodeSequence=named("113702", "Accumulated X-Ray Dose Data"),
        ContentSequence=[
            number("113722", "Dose Area Product Total", kap_gym2, "Gy.m2"),
            number("113725", "Dose (RP) Total", kerma_gy, "Gy"),
            number("113730", "Total Fluoro Time", time_s, time_unit),
        ],
    )


def scope(uid: str) -> Dataset:
    return item(
        RelationshipType="CONTAINS",
        ValueType="CODE",
        ConceptNameCodeSequence=named("113705", "Scope of Accumulation"),
        ConceptCodeSequence=named("113014", "Study"),
        ContentSequence=[
            item(
                RelationshipType="HAS PROPERTIES",
                ValueType="UIDREF",
                ConceptNameCodeSequence=named("110180", "Study Instance UID"),
                UID=uid,
            )
        ],
    )


def dose_report(
    folder: Path, study: str, *content: Dataset, title: str = "113701", number: int = 1
) -> Path:
    """Write a report of a study with this content; returns its path."""
    uid = f"1.2.826.0.1.3680043.10.1.9.{number}"
    dataset = item(
        SOPClassUID=XRayRadiationDoseSRStorage,
        SOPInstanceUID=uid,
        Modality="SR",
        StudyInstanceUID=study,
        SeriesInstanceUID="1.2.826.0.1.3680043.10.1.8",
        ValueType="CONTAINER",
        ConceptNameCodeSequence=named(title, "X-Ray Radiation Dose Report"),
        ContentSequence=list(content),
    )
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = XRayRadiationDoseSRStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = uid
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path = folder / f"dose{number}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path
