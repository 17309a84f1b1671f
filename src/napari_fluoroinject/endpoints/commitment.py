"""Storage commitment: an archive is asked to answer for objects, and reports (PS3.4 annex J)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydicom import Dataset
from pynetdicom import evt
from pynetdicom.presentation import build_context

from napari_fluoroinject.dicom.opened import one_error
from napari_fluoroinject.endpoints.base import Query
from napari_fluoroinject.endpoints.calling import associated
from napari_fluoroinject.endpoints.dimse import (
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
    SUCCESS,
    is_warning,
    refusal,
    status_of,
)
from napari_fluoroinject.endpoints.judge import uid_or_words
from napari_fluoroinject.endpoints.querying import query_levels
from napari_fluoroinject.errors import FluoroinjectError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pynetdicom.events import Event

    from napari_fluoroinject.endpoints.pacs import Pacs
    from napari_fluoroinject.endpoints.storage_scp import StorageScp

log = logging.getLogger(__name__)

LINGER_S = 2.0
"""How long a report is awaited on the association that asked; most come on a new one."""
_REQUEST = 1  # action type, PS3.4 J.3.2
_PROCESSING_FAILURE = 0x0110
_MOST_ASKED = 100
"""UIDs in one query."""

_CALLER_IS_SCP = (0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an archive answers for, and what not: SOP Instance UIDs, failures with their reason.

    `failed` maps to Failure Reason (PS3.3 C.14.1.1), `caller` is the AE title that reported.
    """

    transaction_uid: str
    committed: frozenset[str] = frozenset()
    failed: Mapping[str, int] = field(default_factory=dict)
    caller: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "failed", MappingProxyType(dict(self.failed)))


Reported = Callable[[Report], None]
"""Told of a report before it is acknowledged; an error of ours makes the archive try again."""


def support_commitment(scp: StorageScp, reported: Reported) -> None:
    """Let a listener take reports; call it before the listener starts.

    The archive calls as provider, the other way round than usual: with the roles swapped no report
    would ever come.
    """
    scp.support(
        STORAGE_COMMITMENT,
        role=_CALLER_IS_SCP,
        answered=(evt.EVT_N_EVENT_REPORT, lambda event: (_take(event, reported), None)),
    )


def ask(
    peer: Pacs,
    objects: Mapping[str, str],
    *,
    transaction_uid: str,
    reported: Reported | None = None,
) -> None:
    """Ask an archive to answer for objects that it has acknowledged.

    Parameters
    ----------
    peer
        The archive.
    objects
        SOP class UID by SOP Instance UID.
    transaction_uid
        Names this request; kept durably by the caller before, the report bears it.
    reported
        Told of a report that comes on this very association; None = do not wait for one.

    Raises
    ------
    UnreachableError, RefusedError
        Nobody answers, or the archive has no storage commitment.
    """
    came = threading.Event()

    def take(event: Event) -> tuple[int, None]:
        status = _PROCESSING_FAILURE if reported is None else _take(event, reported)
        came.set()
        return status, None

    with associated(
        peer,
        [build_context(STORAGE_COMMITMENT)],
        handlers=[(evt.EVT_N_EVENT_REPORT, take)],
    ) as association:
        try:
            response, _ = association.send_n_action(
                _request(objects, transaction_uid),
                _REQUEST,
                STORAGE_COMMITMENT,
                STORAGE_COMMITMENT_INSTANCE,
            )
        except ValueError as error:
            raise RefusedError(f"{peer} takes no storage commitment: {error}") from error
        except (RuntimeError, OSError) as error:
            raise UnreachableError(f"{peer} went away before N-ACTION: {error}") from error
        status = status_of(response, peer=str(peer), request="N-ACTION", association=association)
        if status != SUCCESS and not is_warning(status):
            raise refusal(response, peer=str(peer), request="storage commitment")
        if reported is not None:
            came.wait(LINGER_S)


def holds(peer: Pacs, uids: Iterable[str], *, study: str = "") -> frozenset[str]:
    """Return which objects an archive finds when it is asked for them at image level.

    Parameters
    ----------
    peer
        The archive.
    uids
        SOP Instance UIDs.
    study
        Their study; many archives find nothing without it.

    Raises
    ------
    UnreachableError, RefusedError
        Nobody answers, or the query fails.
    """
    wanted = sorted(set(uids))
    found: set[str] = set()
    for start in range(0, len(wanted), _MOST_ASKED):
        some = wanted[start : start + _MOST_ASKED]
        keys = {"SOPInstanceUID": "\\".join(some)} | ({"StudyInstanceUID": study} if study else {})
        answers = query_levels(peer, Query(level="IMAGE", keys=keys))
        found |= {one["SOPInstanceUID"] for one in answers} & set(some)
    return frozenset(found)


def _request(objects: Mapping[str, str], transaction_uid: str) -> Dataset:
    request = Dataset()
    request.TransactionUID = transaction_uid
    request.ReferencedSOPSequence = []
    for instance, sop_class in objects.items():
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, instance
        request.ReferencedSOPSequence.append(item)
    return request


def _take(event: Event, reported: Reported) -> int:
    """Hand a report on; returns the status for the archive."""
    try:
        caller = event.assoc.requestor.ae_title
        with one_error("a report of storage commitment"):
            report = _report(event.event_information, caller)
        reported(report)
    except FluoroinjectError as error:
        log.warning("a report of storage commitment was not taken: %s", error)
        return _PROCESSING_FAILURE
    return SUCCESS


def _report(told: Dataset, caller: str) -> Report:
    """Read it; what is named both kept and failed has failed."""
    failed = {
        str(item.ReferencedSOPInstanceUID): int(item.get("FailureReason") or 0)
        for item in told.get("FailedSOPSequence") or ()
    }
    kept = {str(item.ReferencedSOPInstanceUID) for item in told.get("ReferencedSOPSequence") or ()}
    return Report(
        transaction_uid=uid_or_words(str(told.TransactionUID)),
        committed=frozenset(kept - failed.keys()),
        failed=failed,
        caller=str(caller),
    )
