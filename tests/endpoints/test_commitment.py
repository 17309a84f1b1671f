"""An archive answers for what it was given, on the association that asked or on a new one."""

from __future__ import annotations

import queue
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from network_loops import make_loop
from others import serving
from pydicom import Dataset
from pynetdicom import AE, build_role, evt

from napari_fluoroinject.endpoints.commitment import Report, ask, support_commitment
from napari_fluoroinject.endpoints.dimse import (
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
)
from napari_fluoroinject.endpoints.pacs import Pacs
from napari_fluoroinject.endpoints.receive import Receiver
from napari_fluoroinject.endpoints.storage_scp import dataset_sha256
from napari_fluoroinject.errors import RefusedError, StorageError
from napari_fluoroinject.spool.store import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.network

OBJECTS = {"1.2.3": make_loop().SOPClassUID, "1.2.4": make_loop().SOPClassUID}


def information(asked: Dataset, *, lost: tuple[str, ...] = ()) -> Dataset:
    told = Dataset()
    told.TransactionUID = asked.TransactionUID
    told.ReferencedSOPSequence, told.FailedSOPSequence = [], []
    for item in asked.ReferencedSOPSequence:
        if item.ReferencedSOPInstanceUID in lost:
            item.FailureReason = 0x0112
            told.FailedSOPSequence.append(item)
        else:
            told.ReferencedSOPSequence.append(item)
    return told


@contextmanager
def archive(*, status: int = 0x0000) -> Iterator[tuple[Pacs, queue.SimpleQueue]]:
    """Takes requests; gives them as they come, with their association."""
    asked: queue.SimpleQueue = queue.SimpleQueue()

    def action(event: evt.Event) -> tuple[int, None]:
        asked.put((event.action_information, event.assoc))
        return status, None

    ae = AE("ARCHIVE")
    ae.add_supported_context(STORAGE_COMMITMENT)
    with serving(ae, (evt.EVT_N_ACTION, action)) as pacs:
        yield pacs, asked


def report(port: int, told: Dataset, kind: int = 1) -> int:
    """Open a new association, as an archive does, and report; returns our status."""
    ae = AE("ARCHIVE")
    ae.add_requested_context(STORAGE_COMMITMENT)
    association = ae.associate(
        "127.0.0.1",
        port,
        ae_title="FLUOROINJECT",
        ext_neg=[build_role(STORAGE_COMMITMENT, scp_role=True)],
    )
    assert association.is_established
    response, _ = association.send_n_event_report(
        told, kind, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
    )
    association.release()
    return int(response.Status)


@contextmanager
def listener(folder: Path, reported) -> Iterator[int]:
    with Spool(folder / "spool", digest=dataset_sha256) as spool:
        receiver = Receiver(spool)
        support_commitment(receiver, reported)
        with receiver:
            yield receiver.port


def test_a_report_on_a_new_association_says_what_is_kept_and_what_is_not(tmp_path: Path):
    reports: list[Report] = []
    with listener(tmp_path, reports.append) as port, archive() as (pacs, asked):
        ask(pacs, OBJECTS, transaction_uid="1.9.1")
        wanted, _ = asked.get(timeout=10)
        assert report(port, information(wanted, lost=("1.2.4",)), kind=2) == 0x0000
    assert reports == [
        Report(
            transaction_uid="1.9.1",
            committed=frozenset({"1.2.3"}),
            failed={"1.2.4": 0x0112},
            caller="ARCHIVE",
        )
    ]


def test_a_report_that_cannot_be_noted_is_not_acknowledged(tmp_path: Path):
    def fail(_: Report) -> None:
        raise StorageError("disk full")

    asked = Dataset()
    asked.TransactionUID = "1.9.2"
    asked.ReferencedSOPSequence = []
    with listener(tmp_path, fail) as port:
        assert report(port, information(asked)) == 0x0110


@pytest.mark.filterwarnings("ignore:.*VR UI")
def test_a_report_on_what_is_no_transaction_bears_no_name(tmp_path: Path):
    reports: list[Report] = []
    asked = Dataset()
    asked.TransactionUID = "DOE^JOHN^CANARY"
    asked.ReferencedSOPSequence = []
    with listener(tmp_path, reports.append) as port:
        assert report(port, information(asked)) == 0x0000
    assert [one.transaction_uid for one in reports] == ["not a UID"]


def test_a_report_that_is_none_is_refused(tmp_path: Path):
    reports: list[Report] = []
    told = Dataset()
    told.PatientID = "NONE"
    with listener(tmp_path, reports.append) as port:
        assert report(port, told) == 0x0110
    assert reports == []


def test_a_report_on_the_association_that_asked_is_taken():
    reports: list[Report] = []

    def action(event: evt.Event):
        later.put((event.assoc, event.action_information))
        return 0x0000, None

    def answered(event: evt.Event) -> None:
        # the N-ACTION response is out: report on the same association
        if event.message.__class__.__name__ == "N_ACTION_RSP":
            association, asked = later.get()
            told.append((association, information(asked)))

    later: queue.SimpleQueue = queue.SimpleQueue()
    told: list = []
    ae = AE("ARCHIVE")
    ae.add_supported_context(STORAGE_COMMITMENT, scu_role=True, scp_role=True)

    def tell() -> None:
        deadline = time.monotonic() + 10
        while not told and time.monotonic() < deadline:
            time.sleep(0.01)
        association, what = told[0]
        time.sleep(0.1)
        association.send_n_event_report(what, 1, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE)

    teller = threading.Thread(target=tell)
    with serving(ae, (evt.EVT_N_ACTION, action), (evt.EVT_DIMSE_SENT, answered)) as pacs:
        teller.start()
        try:
            ask(pacs, OBJECTS, transaction_uid="1.9.3", reported=reports.append)
        finally:
            teller.join()
    assert [one.committed for one in reports] == [frozenset(OBJECTS)]


def test_an_archive_that_refuses_commitment_is_an_error():
    with archive(status=0x0122) as (pacs, _), pytest.raises(RefusedError, match="0x0122"):
        ask(pacs, OBJECTS, transaction_uid="1.9.4")


def test_an_archive_without_commitment_is_an_error(receiver):
    pacs = Pacs(host="127.0.0.1", port=receiver.port, called="FLUOROINJECT")
    with pytest.raises(RefusedError, match="accepted none"):
        ask(pacs, OBJECTS, transaction_uid="1.9.5")
