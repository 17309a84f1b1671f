"""What our DICOM associations share: objects they may carry, time they may take, statuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom import uid
from pynetdicom import AE, _config

from napari_fluoroinject.errors import EndpointError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from pydicom import Dataset
    from pynetdicom.association import Association

MAXIMUM_PDU_BYTES = 131_072
"""Measured fastest over loopback for loops of 126 MB; never 0, which means without limit."""
CONNECT_TIMEOUT_S = 5.0
ASSOCIATE_TIMEOUT_S = 5.0
IDLE_TIMEOUT_S = 15.0
ANSWER_TIMEOUT_S = 30.0
"""For one request: an archive writes a whole loop before it answers."""

SUCCESS = 0x0000
CANCELLED = 0xFE00
PENDING = (0xFF00, 0xFF01)
"""0xFF01: the peer does not know every key that was asked for (PS3.4 C.4.1.1.4)."""
CONTEXTS_PER_ASSOCIATION = 128
"""Odd one-byte identifiers (PS3.8 9.3.2.2)."""

VERIFICATION = "1.2.840.10008.1.1"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
MODALITY_WORKLIST = "1.2.840.10008.5.1.4.31"
STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"
STORAGE_COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"

CINE_CLASSES: tuple[str, ...] = (
    uid.XRayAngiographicImageStorage,
    uid.XRayRadiofluoroscopicImageStorage,
    uid.EnhancedXAImageStorage,
    uid.EnhancedXRFImageStorage,
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
)
"""What a C-arm sends. Short on purpose: a list of everything costs 60 to 80 ms per association."""
RESULT_CLASSES: tuple[str, ...] = (
    uid.EnhancedSRStorage,
    uid.ComprehensiveSRStorage,
    uid.Comprehensive3DSRStorage,
    uid.XRayRadiationDoseSRStorage,
    uid.ProcedureLogStorage,
    uid.SegmentationStorage,
    "1.2.840.10008.5.1.4.1.1.66.7",  # Label Map Segmentation, which pydicom does not name yet
    uid.ParametricMapStorage,
    uid.RealWorldValueMappingStorage,
    uid.KeyObjectSelectionDocumentStorage,
    uid.GrayscaleSoftcopyPresentationStateStorage,
    uid.XAXRFGrayscaleSoftcopyPresentationStateStorage,
    uid.ColorSoftcopyPresentationStateStorage,
    uid.EncapsulatedPDFStorage,
)
"""What an analysis writes beside images, and the dose reports that it reads."""
UNCOMPRESSED: tuple[str, ...] = (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian)
TRANSFER_SYNTAXES: tuple[str, ...] = (
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.JPEGBaseline8Bit,
    uid.JPEGExtended12Bit,
    uid.JPEGLossless,
    uid.JPEGLosslessSV1,
    uid.JPEGLSLossless,
    uid.JPEGLSNearLossless,
    uid.JPEG2000Lossless,
    uid.JPEG2000,
    uid.HTJ2KLossless,
    uid.HTJ2K,
    uid.RLELossless,
)
"""Without Deflated: 1 MB of it inflates to 3 GB before anyone can look."""


def new_ae(title: str) -> AE:
    """Return an application entity with our limits.

    pynetdicom's settings are those of the process: chunked transfer (a loop never stands in memory
    as a whole) and no patient data in its logs hold for every association from here on.

    Raises
    ------
    EndpointError
        If `title` is not an AE title (1 to 16 characters).
    """
    _config.STORE_RECV_CHUNKED_DATASET = True
    _config.STORE_SEND_CHUNKED_DATASET = True
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    try:
        ae = AE(title)
    except (TypeError, ValueError) as error:
        raise EndpointError(
            f"{title!r} is not an AE title; expected 1 to 16 characters (PS3.5 6.2)"
        ) from error
    ae.maximum_pdu_size = MAXIMUM_PDU_BYTES
    ae.connection_timeout = CONNECT_TIMEOUT_S
    ae.acse_timeout = ASSOCIATE_TIMEOUT_S
    ae.network_timeout = IDLE_TIMEOUT_S
    ae.dimse_timeout = ANSWER_TIMEOUT_S
    return ae


def status_of(
    response: Dataset, *, peer: str, request: str, association: Association | None = None
) -> int:
    """Return the status of a response; an empty response is a peer that went away or is silent.

    Parameters
    ----------
    response
        As pynetdicom gives it.
    peer, request
        Named in the error.
    association
        It ended the association itself where the peer was silent; None = the peer went away.

    Raises
    ------
    UnreachableError
        If there was no (valid) answer.
    """
    if "Status" not in response:
        silent = association is not None and association._sent_abort  # noqa: SLF001 - not told
        raise UnreachableError(
            f"{peer} gave no valid answer to {request}; expected one within "
            f"{ANSWER_TIMEOUT_S:.0f} s: see whether it still runs, then try again"
            if silent
            else f"{peer} went away before it answered {request}; expected an answer: see whether "
            "it still runs, then try again"
        )
    return int(response.Status)


def refusal(response: Dataset, *, peer: str, request: str) -> RefusedError:
    """Return the error for a failure status, with the comment that the peer gave."""
    status = int(response.Status)
    return RefusedError(
        f"{peer} refused {request}: status 0x{status:04X}; expected success (PS3.7 annex C)",
        status=status,
        comment=str(response.get("ErrorComment") or ""),
    )


def is_warning(status: int) -> bool:
    """Whether a request was carried out with a warning (PS3.7 C.3)."""
    return status in (0x0001, 0x0107, 0x0116) or status >> 12 == 0xB
