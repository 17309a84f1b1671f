"""The measurement report: a Comprehensive or Comprehensive 3D SR by template TID 1500."""

from __future__ import annotations

from typing import TYPE_CHECKING

import highdicom.sr as hd

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.header import result_header
from napari_fluoroinject.dicom.observer import device_observer, person_observer
from napari_fluoroinject.dicom.sr_annotation import REPORT_CLASSES, ReportClass
from napari_fluoroinject.dicom.sr_document import leave_open, list_evidence
from napari_fluoroinject.dicom.sr_groups import measurement_groups
from napari_fluoroinject.dicom.sr_statements import Omission, Statement, statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.identity import Identity
    from napari_fluoroinject.model.report import Report


def encode_report(
    report: Report,
    identity: Identity,
    *,
    evidence: Sequence[Dataset] = (),
    omissions: tuple[Omission, ...] = (),
    sr_class: ReportClass = "comprehensive",
) -> Dataset:
    """Encode what was measured and what is said about it.

    highdicom makes the content tree; the document around it is made here, because highdicom's
    stamps it with the clock.

    Parameters
    ----------
    report
        The analysed loop.
    identity
        Of its source.
    evidence
        Other results of the same report, listed beside the source.
    omissions
        Results that were not made, and why: the report says so.
    sr_class
        See `ReportClass`. The content is the same, and so is the series.
    """
    dataset = result_header(
        identity,
        "report",
        REPORT_CLASSES[sr_class],
        modality="SR",
        name=None if sr_class == "comprehensive" else sr_class,
    )
    dataset.SeriesDescription = "Research: injection measurements"
    leave_open(dataset)
    list_evidence(dataset, identity, evidence)
    dataset.update(_content(report, identity, omissions))
    return dataset


def _content(report: Report, identity: Identity, omissions: tuple[Omission, ...]) -> Dataset:
    content = hd.MeasurementReport(
        observation_context=hd.ObservationContext(
            observer_person_context=person_observer(report.annotation.sign_off),
            observer_device_context=device_observer(report.provenance),
        ),
        procedure_reported=codes.IMAGING_PROCEDURE,
        imaging_measurements=measurement_groups(report, identity),
        title=codes.IMAGING_MEASUREMENT_REPORT,
    )
    root: Dataset = content[0]
    root.ContentSequence.append(_evaluations(statements(report, omissions)))
    _separate(root)
    return root


def _separate(container: Dataset) -> None:
    """Mark content as separate items, not as running text: only then do viewers show headings."""
    container.ContinuityOfContent = "SEPARATE"
    for child in container.ContentSequence:
        if child.ValueType == "CONTAINER":
            _separate(child)


def _evaluations(said: Sequence[Statement]) -> hd.ContainerContentItem:
    """Qualitative Evaluations, TID 1500 rows 12 to 14; highdicom has no class for them."""
    container = hd.ContainerContentItem(
        name=codes.QUALITATIVE_EVALUATIONS,
        relationship_type=hd.RelationshipTypeValues.CONTAINS,
    )
    container.ContentSequence = hd.ContentSequence([_evaluation(s) for s in said])
    return container


def _evaluation(said: Statement) -> hd.ContentItem:
    contains = hd.RelationshipTypeValues.CONTAINS
    if said.answer is not None:
        return hd.CodeContentItem(said.heading, said.answer, contains)
    return hd.TextContentItem(said.heading, said.text, contains)
