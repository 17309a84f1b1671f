"""What every structured document has around its content: its state, and what it speaks of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.header import referenced_series
from napari_fluoroinject.dicom.items import item

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.identity import Identity


def list_evidence(dataset: Dataset, identity: Identity, others: Sequence[Dataset] = ()) -> None:
    """List the source and other results as evidence (PS3.3 C.17.2, C.17.6.2).

    Parameters
    ----------
    dataset
        The document that is being made.
    identity
        Of the source.
    others
        Results of the same report, as they are written.
    """
    # 2: no procedure step is known that this document belongs to.
    dataset.ReferencedPerformedProcedureStepSequence = []
    dataset.CurrentRequestedProcedureEvidenceSequence = [
        item(
            StudyInstanceUID=identity.source.StudyInstanceUID,
            ReferencedSeriesSequence=referenced_series(
                [*identity.headers, *others], instances="ReferencedSOPSequence"
            ),
        )
    ]


def leave_open(dataset: Dataset) -> None:
    """Say that nobody has completed or verified the document (PS3.3 C.17.2).

    Also where an operator signed it off: VERIFIED means verified by a person whom an organization
    holds accountable (Verifying Observer Sequence, with that organization), which this software
    cannot know. The sign-off stands in the content, as observer and in words.
    """
    dataset.PerformedProcedureCodeSequence = []
    dataset.CompletionFlag, dataset.VerificationFlag = "PARTIAL", "UNVERIFIED"
    dataset.PreliminaryFlag = "PRELIMINARY"
