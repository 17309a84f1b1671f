"""The attributes that every result has, whatever its kind: patient, study, series, equipment."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.uid import UID, ExplicitVRLittleEndian

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.identity import Identity, holder
from napari_fluoroinject.dicom.implementation import (
    IMPLEMENTATION_CLASS_UID as IMPLEMENTATION_CLASS_UID,
)
from napari_fluoroinject.dicom.implementation import (
    IMPLEMENTATION_VERSION_NAME as IMPLEMENTATION_VERSION_NAME,
)
from napari_fluoroinject.dicom.items import coded, item, plain
from napari_fluoroinject.dicom.moments import zone_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.report import Provenance

_NO_SERIAL_NUMBER = "none (software)"
"""Device Serial Number is of type 1, and software has none (PS3.3 C.7.5.2)."""

_PATIENT = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence"),
    *("TypeOfPatientID", "PatientBirthDate", "PatientBirthTime", "PatientSex"),
    *("OtherPatientIDsSequence", "OtherPatientNames", "EthnicGroup", "QualityControlSubject"),
    *("PatientSpeciesDescription", "PatientSpeciesCodeSequence", "PatientBreedDescription"),
    *("PatientBreedCodeSequence", "BreedRegistrationSequence", "ResponsiblePerson"),
    *("ResponsiblePersonRole", "ResponsibleOrganization", "ReferencedPatientSequence"),
    *("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"),
)
_TRIAL = (
    *("ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialProtocolName"),
    *("ClinicalTrialSiteID", "ClinicalTrialSiteName", "ClinicalTrialSubjectID"),
    *("ClinicalTrialSubjectReadingID", "ClinicalTrialTimePointID"),
)
_STUDY = (
    *("StudyInstanceUID", "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID"),
    *("AccessionNumber", "IssuerOfAccessionNumberSequence", "StudyDescription"),
    *("ProcedureCodeSequence", "ReferencedStudySequence", "PhysiciansOfRecord"),
    *("PatientAge", "PatientSize", "PatientWeight", "PatientSexNeutered", "AdmissionID"),
    *("LongitudinalTemporalInformationModified", "SpecificCharacterSet", "TimezoneOffsetFromUTC"),
)
COPIED = (*_PATIENT, *_TRIAL, *_STUDY)
"""What a result takes over from its source: patient, trial and study (PS3.3 C.7.1, C.7.2)."""
_OF_THE_FIRST = ("StudyInstanceUID", "SpecificCharacterSet")
"""One for all, and how texts are encoded, which is no word about the patient."""

_REQUIRED_EMPTY = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"),
    *("ReferringPhysicianName", "StudyID", "AccessionNumber"),
)
"""Type 2: present, empty when unknown."""


def result_header(
    identity: Identity, kind: str, sop_class_uid: str, *, modality: str, name: str | None = None
) -> Dataset:
    """Return a new data set of `kind` with patient, study, series, equipment and SOP attributes.

    Parameters
    ----------
    identity
        Of the report.
    kind
        Names the series: objects of one kind share it.
    sop_class_uid, modality
        Of the object.
    name
        Tells objects of one kind apart; None where there is one.
    """
    dataset = Dataset()
    for keyword in COPIED:
        lender = identity.source if keyword in _OF_THE_FIRST else holder(identity.headers, keyword)
        if lender is not None and keyword in lender:
            dataset[keyword] = copy.deepcopy(lender[keyword])
    if not zone_of(dataset):  # moments with a zone that is none would be moments of another day
        dataset.pop("TimezoneOffsetFromUTC", None)
    for keyword in _REQUIRED_EMPTY:
        if keyword not in dataset:
            setattr(dataset, keyword, None)
    dataset.SOPClassUID = sop_class_uid
    dataset.SOPInstanceUID = identity.uid(kind, name or "instance")
    dataset.SeriesInstanceUID = identity.uid(kind, "series")
    dataset.SeriesNumber = _series_number(identity.source, kind)
    dataset.Modality = modality
    _stamp(dataset, identity)
    _equip(dataset, identity)
    dataset.CodingSchemeIdentificationSequence = [
        item(
            CodingSchemeDesignator=codes.PRIVATE_SCHEME,
            CodingSchemeName=codes.PRIVATE_SCHEME_NAME,
            CodingSchemeResponsibleOrganization=codes.PRIVATE_SCHEME_ORGANIZATION,
        )
    ]
    dataset.remove_private_tags()  # also inside the copied sequences
    dataset.file_meta = _file_meta(dataset)
    return dataset


def say_where(dataset: Dataset, identity: Identity, region: tuple[str, str, str] | None) -> None:
    """Write the body part into an image: the source's, else the procedure's, else nothing.

    Parameters
    ----------
    dataset
        The image that is being made.
    identity
        Of the report.
    region
        The procedure's anatomic region, (code value, scheme, meaning).
    """
    source = identity.source
    part = source.get("BodyPartExamined") or _coded_part(source) or _part(region)
    if part:
        dataset.BodyPartExamined = part


def say_side(dataset: Dataset, identity: Identity) -> None:
    """Write the laterality that an X-ray or captured image needs beside its body part.

    2C: absent for the spine, which is not paired; empty where the body part is unknown (PS3.3
    C.7.3.1). A Segmentation has none: it tells sides in its segments.
    """
    part, laterality = dataset.get("BodyPartExamined"), identity.source.get("Laterality")
    if part is None:
        dataset.Laterality = laterality or ""
    elif laterality and part not in codes.BODY_PARTS.values():
        dataset.Laterality = laterality


def anatomic_region(identity: Identity, region: tuple[str, str, str] | None) -> Code | None:
    """Return the source's anatomic region, else the procedure's; None when neither says one."""
    stated = _region_items(identity.source)
    if stated and stated[0].get("CodeValue"):
        first = stated[0]
        return Code(first.CodeValue, first.CodingSchemeDesignator, first.CodeMeaning)
    return None if region is None else Code(*region)


def referenced_series(
    headers: Sequence[Dataset], *, instances: str = "ReferencedInstanceSequence"
) -> list[Dataset]:
    """Name the instances that a result refers to, series by series.

    Parameters
    ----------
    headers
        The instances.
    instances
        Keyword of the sequence that lists them: Common Instance Reference (PS3.3 C.12.2) calls it
        differently from the evidence of a report (ReferencedSOPSequence, PS3.3 table C.17-3).
    """
    by_series: dict[str, list[Dataset]] = {}
    for header in headers:
        by_series.setdefault(str(header.SeriesInstanceUID), []).append(header)
    return [
        item(
            SeriesInstanceUID=series_uid,
            **{instances: [referenced(header) for header in members]},
        )
        for series_uid, members in by_series.items()
    ]


def referenced(instance: Dataset) -> Dataset:
    """Return the item that refers to a whole instance."""
    return item(
        ReferencedSOPClassUID=instance.SOPClassUID,
        ReferencedSOPInstanceUID=instance.SOPInstanceUID,
    )


def compression_of(loop: CineLoop, identity: Identity) -> Dataset:
    """Return what a derived image says about lossy compression of its source (PS3.3 C.7.6.1.1.5).

    What was once compressed with loss stays so, even where the result itself is not compressed.
    """
    said = Dataset()
    said.LossyImageCompression = "01" if loop.lossy else "00"
    for header in identity.headers:
        if str(header.get("LossyImageCompression")) == "01":
            said.LossyImageCompression = "01"
            for keyword in ("LossyImageCompressionRatio", "LossyImageCompressionMethod"):
                if keyword in header:
                    said[keyword] = copy.deepcopy(header[keyword])
            break
    return said


def algorithm_parameters(provenance: Provenance) -> tuple[str, ...]:
    """Return backend and parameters as `name=value` texts, in their fixed order."""
    made_on = f"backend={provenance.backend} {provenance.backend_version} ({provenance.device})"
    return tuple(
        plain(text)
        for text in (made_on, *(f"{name}={value}" for name, value in provenance.parameters))
    )


SERIES = {
    "report": 91,
    "segmentation": 92,
    "maps": 93,
    "segmentation viewer": 94,
    "subtraction": 95,
    "presentation": 96,
    "mask presentation": 97,
    "captures": 98,
    "key objects": 99,
    "document": 90,
    "log": 89,
    "parametric": 88,
    "parametric viewer": 83,
    "segmentation fractional": 87,
    "segmentation labelmap": 86,
    "segmentation fractional viewer": 85,
    "segmentation labelmap viewer": 84,
}
"""Last two figures of the number of each kind of series."""


def _series_number(source: Dataset, kind: str) -> int:
    """Number result series after the source's: series 5 gives 591, 592, 593."""
    number = source.get("SeriesNumber")
    known = isinstance(number, int) and 0 < number < 1_000_000
    return (int(number) if known else 0) * 100 + SERIES[kind]


def _stamp(dataset: Dataset, identity: Identity) -> None:
    dataset.InstanceNumber = 1
    dataset.ContentDate = dataset.SeriesDate = identity.moment.strftime("%Y%m%d")
    dataset.ContentTime = dataset.SeriesTime = identity.moment.strftime("%H%M%S.%f")


def _equip(dataset: Dataset, identity: Identity) -> None:
    """General and enhanced equipment are ours; the C-arm is named as contributing equipment."""
    made = identity.provenance
    dataset.Manufacturer = plain(made.software, limit=64)
    dataset.ManufacturerModelName = plain(made.software, limit=64)
    dataset.DeviceSerialNumber = _NO_SERIAL_NUMBER
    backend = f"{made.backend} {made.backend_version}"
    dataset.SoftwareVersions = [plain(made.version, limit=64), plain(backend, limit=64)]
    contributors = [_processing(made)]
    if identity.source.get("Manufacturer"):
        contributors.append(_acquisition(identity.source))
    dataset.ContributingEquipmentSequence = contributors


def _processing(made: Provenance) -> Dataset:
    description = "; ".join(
        (f"{made.software} {made.version}", *algorithm_parameters(made), "research software")
    )
    return item(
        PurposeOfReferenceCodeSequence=[coded(codes.PROCESSING_EQUIPMENT)],
        Manufacturer=plain(made.software, limit=64),
        ManufacturerModelName=plain(made.software, limit=64),
        SoftwareVersions=plain(made.version, limit=64),
        ContributionDescription=plain(description, limit=1024),
    )


def _acquisition(source: Dataset) -> Dataset:
    equipment = item(PurposeOfReferenceCodeSequence=[coded(codes.ACQUISITION_EQUIPMENT)])
    for keyword in (
        *("Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions"),
        *("StationName", "InstitutionName"),
    ):
        if source.get(keyword):
            equipment[keyword] = copy.deepcopy(source[keyword])
    return equipment


def _file_meta(dataset: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(dataset.SOPClassUID)
    meta.MediaStorageSOPInstanceUID = UID(dataset.SOPInstanceUID)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta


def _region_items(source: Dataset) -> Sequence[Dataset]:
    """Anatomic region of a classic source, or of an enhanced one's shared functional group."""
    if source.get("AnatomicRegionSequence"):
        return list(source.AnatomicRegionSequence)
    return [
        region
        for shared in source.get("SharedFunctionalGroupsSequence") or ()
        for anatomy in shared.get("FrameAnatomySequence") or ()
        for region in anatomy.get("AnatomicRegionSequence") or ()
    ]


def _coded_part(source: Dataset) -> str | None:
    for region in _region_items(source):
        if part := codes.BODY_PARTS.get(str(region.get("CodeValue"))):
            return part
    return None


def _part(region: tuple[str, str, str] | None) -> str | None:
    return None if region is None else codes.BODY_PARTS.get(region[0])
