"""A drawn report as an Encapsulated PDF: for systems that show documents and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.derived import burned_in
from napari_fluoroinject.dicom.header import referenced, result_header
from napari_fluoroinject.dicom.items import coded, item, plain
from napari_fluoroinject.dicom.moments import first_frame_moment
from napari_fluoroinject.errors import EncodingError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.identity import Identity
    from napari_fluoroinject.model.report import Report

ENCAPSULATED_PDF_STORAGE = "1.2.840.10008.5.1.4.1.1.104.1"

_MIME_TYPE = "application/pdf"


def encode_pdf(report: Report, identity: Identity, content: bytes) -> Dataset:
    """Encode a PDF as an Encapsulated PDF (PS3.3 A.45.1, Encapsulated Document module C.24.2).

    Who the patient is stands in the attributes, copied from the source, and nowhere in the pages.
    The pages show pixels of the source: unless it says that these name nobody, the document says
    that they may (Burned In Annotation is of type 1 here, and cannot stay unknown).

    Parameters
    ----------
    report
        The analysed loop.
    identity
        Of its source.
    content
        The PDF.

    Raises
    ------
    EncodingError
        It is no PDF.
    """
    if not content.startswith(b"%PDF-"):
        raise EncodingError(f"a document that begins with {content[:5]!r}; expected a PDF")
    dataset = result_header(identity, "document", ENCAPSULATED_PDF_STORAGE, modality="DOC")
    dataset.SeriesDescription = "Research: report"
    dataset.ConversionType = "WSD"
    moment = first_frame_moment(identity.source)
    dataset.AcquisitionDateTime = None if moment is None else moment.text()
    dataset.BurnedInAnnotation = "NO" if burned_in(identity) == "NO" else "YES"
    dataset.SourceInstanceSequence = [_source(header) for header in identity.headers]
    dataset.DocumentTitle = plain(
        f"Research report, not for clinical decisions: {report.procedure.name}", limit=1024
    )
    dataset.ConceptNameCodeSequence = [coded(codes.IMAGING_MEASUREMENT_REPORT)]
    dataset.VerificationFlag = "UNVERIFIED"
    dataset.MIMETypeOfEncapsulatedDocument = _MIME_TYPE
    dataset.EncapsulatedDocumentLength = len(content)
    dataset.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    return dataset


def _source(header: Dataset) -> Dataset:
    source = item(PurposeOfReferenceCodeSequence=[coded(codes.SOURCE_IMAGE)])
    source.update(referenced(header))
    return source
