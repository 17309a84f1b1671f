"""The conformance statement says what the code does, and a running receiver does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from proofs.wires import Caller
from pydicom import uid
from pynetdicom import AE
from pynetdicom.presentation import build_context, build_role

from napari_fluoroinject.endpoints import dimse, judge
from napari_fluoroinject.endpoints.commitment import support_commitment
from napari_fluoroinject.endpoints.conformance import (
    accepted_contexts,
    proposed_classes,
    store_statuses,
)
from napari_fluoroinject.endpoints.pdu import ASSOCIATE_RJ
from napari_fluoroinject.endpoints.receive import Receiver
from napari_fluoroinject.endpoints.storage_scp import Station, dataset_sha256
from napari_fluoroinject.service.conformance import markdown
from napari_fluoroinject.spool.store import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.network
PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "conformance.md"
ACCEPTED, NO_SUCH_CLASS, NO_SUCH_SYNTAX = 0, 3, 4
UNLISTED_CLASSES = (
    uid.CTImageStorage,
    uid.MRImageStorage,
    uid.UltrasoundMultiFrameImageStorage,
    uid.BasicTextSRStorage,
    uid.RTPlanStorage,
    dimse.STUDY_ROOT_FIND,
    dimse.STUDY_ROOT_MOVE,
    dimse.STUDY_ROOT_GET,
    "1.2.3.4",
)
UNLISTED_SYNTAXES = (
    uid.DeflatedExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.MPEG2MPML,
    uid.MPEG4HP41,
    uid.HEVCMP51,
    uid.HTJ2KLosslessRPCL,
    "1.2.3.4.5",
)


@pytest.fixture(scope="module")
def receiver(tmp_path_factory) -> Iterator[Receiver]:
    """As `listen` has it when results are returned, for one listed caller."""
    root = tmp_path_factory.mktemp("conformance") / "spool"
    station = Station(ae_title="FLUOROINJECT", callers=("CARM",))
    with Spool(root, digest=dataset_sha256) as spool:
        receiver = Receiver(spool, station)
        support_commitment(receiver, lambda _: None)
        with receiver:
            yield receiver


def negotiated(receiver: Receiver, pairs: Sequence[tuple[str, str]]) -> list[int]:
    """Result of each presentation context, as the receiver gives it."""
    results = []
    for start in range(0, len(pairs), 100):
        some = pairs[start : start + 100]
        ae = AE("CARM")
        association = ae.associate(
            "127.0.0.1",
            receiver.port,
            contexts=[build_context(*pair) for pair in some],
            ae_title="FLUOROINJECT",
            ext_neg=[build_role(dimse.STORAGE_COMMITMENT, scp_role=True)],
        )
        try:
            both = (*association.accepted_contexts, *association.rejected_contexts)
            found = {one.context_id: one.result for one in both}
            results += [found[2 * number + 1] for number in range(len(some))]
        finally:
            association.release() if association.is_established else association.abort()
    return results


def test_the_page_is_what_the_code_makes_of_it():
    """`python -m napari_fluoroinject.service.conformance docs/conformance.md` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == markdown()


def test_every_listed_class_is_accepted_in_every_listed_syntax(receiver):
    pairs = [(one, syntax) for one, all_ in accepted_contexts().items() for syntax in all_]
    assert len(pairs) > 100
    assert negotiated(receiver, pairs) == [ACCEPTED] * len(pairs)


def test_no_other_class_is_accepted(receiver):
    pairs = [(one, uid.ExplicitVRLittleEndian) for one in UNLISTED_CLASSES]
    answers = negotiated(receiver, [*pairs, (dimse.VERIFICATION, uid.ImplicitVRLittleEndian)])
    assert answers == [NO_SUCH_CLASS] * len(pairs) + [ACCEPTED]


def test_no_other_syntax_is_accepted(receiver):
    pairs = [(one, syntax) for one in dimse.CINE_CLASSES for syntax in UNLISTED_SYNTAXES]
    answers = negotiated(receiver, [*pairs, (dimse.VERIFICATION, uid.ImplicitVRLittleEndian)])
    assert answers == [NO_SUCH_SYNTAX] * len(pairs) + [ACCEPTED]


def test_what_is_listed_is_all_that_the_receiver_offers(receiver):
    offered = {one: tuple(syntaxes) for one, syntaxes in receiver.offered.items()}
    assert offered == accepted_contexts()
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{one}`" in text for one in (*offered, *dimse.TRANSFER_SYNTAXES))


@pytest.mark.parametrize(
    ("calling", "called", "reason"), [("CARM", "OTHER", 7), ("OTHER", "FLUOROINJECT", 3)]
)
def test_other_titles_are_rejected_as_the_page_says(receiver, calling, called, reason):
    with (
        Caller(receiver.port, title=calling, called=called) as caller,
        pytest.raises(ConnectionError) as told,
    ):
        caller.associate()
    kind, body = re.search(r"PDU (\d+) ([0-9a-f]+)", str(told.value)).groups()
    assert int(kind) == ASSOCIATE_RJ
    seen = tuple(bytes.fromhex(body)[1:])  # PS3.8 table 9-21, behind a reserved byte
    assert seen == (1, 1, reason)
    assert f"| {' / '.join(map(str, seen))} |" in PAGE.read_text(encoding="utf-8")


def test_every_status_of_the_receiver_is_on_the_page():
    told = {int(one, 16) for one in re.findall(r"\| 0x([0-9A-F]{4}) \|", store_statuses())}
    known = {
        value
        for name, value in vars(judge).items()
        if isinstance(value, int) and name.isupper() and 0xA000 <= value <= 0xFFFF
    }
    assert told == known | {0x0000, judge.NO_SUCH_SOP_CLASS}


def test_every_class_of_a_result_is_proposed():
    text = proposed_classes()
    assert all(f"`{one}`" in text for one in (*dimse.CINE_CLASSES, *dimse.RESULT_CLASSES))
