"""A PACS is spoken to in its own words, and each of its answers is judged."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from network_loops import dcmtk, make_loop, pacs_of, write
from others import serving
from pydicom import Dataset, dcmread
from pynetdicom import AE, evt

from napari_fluoroinject.endpoints import connect
from napari_fluoroinject.endpoints.base import Query
from napari_fluoroinject.endpoints.dimse import STUDY_ROOT_FIND
from napari_fluoroinject.endpoints.folder import Folder
from napari_fluoroinject.endpoints.pacs import Pacs, parse_pacs
from napari_fluoroinject.errors import (
    EndpointError,
    RefusedError,
    UnreachableError,
    UnreadableObjectError,
)
from napari_fluoroinject.service.counterpart import send_each

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.network


@contextmanager
def peer(*handlers) -> Iterator[Pacs]:
    """An archive that answers with what the handlers give."""
    ae = AE("PEER")
    for sop_class in (STUDY_ROOT_FIND, make_loop().SOPClassUID, "1.2.840.10008.1.1"):
        ae.add_supported_context(sop_class)
    with serving(ae, *handlers) as pacs:
        yield pacs


def status(code: int, comment: str = "") -> Dataset:
    answer = Dataset()
    answer.Status = code
    if comment:
        answer.ErrorComment = comment
    return answer


@pytest.mark.parametrize("code", [0xA700, 0xA900, 0xC000, 0x0122, 0x0110])
def test_a_refused_object_is_an_error_with_status_and_comment(code):
    handler = (evt.EVT_C_STORE, lambda _: status(code, "disk is full"))
    with peer(handler) as pacs, pytest.raises(RefusedError, match=f"0x{code:04X}.*disk is full"):
        pacs.store([make_loop()])


@pytest.mark.parametrize("code", [0xB000, 0xB006, 0xB007])
def test_an_object_kept_with_a_warning_says_so_in_its_receipt(code):
    with peer((evt.EVT_C_STORE, lambda _: code)) as pacs:
        assert [receipt.status for receipt in pacs.store([make_loop()])] == [code]


def test_a_refused_query_is_an_error_and_not_an_empty_answer():
    def find(_):
        yield 0xA700, None

    with peer((evt.EVT_C_FIND, find)) as pacs, pytest.raises(RefusedError, match="0xA700"):
        pacs.query(Query(keys={"PatientID": ""}))


def test_a_query_that_breaks_off_after_some_answers_is_an_error():
    def find(_):
        answer = Dataset()
        answer.PatientID = "A"
        yield 0xFF00, answer
        yield 0xC001, None

    with peer((evt.EVT_C_FIND, find)) as pacs, pytest.raises(RefusedError, match="0xC001"):
        pacs.query(Query(keys={"PatientID": ""}))


def test_a_cancelled_query_is_an_error():
    def find(_):
        yield 0xFE00, None

    with peer((evt.EVT_C_FIND, find)) as pacs, pytest.raises(RefusedError, match="0xFE00"):
        pacs.query(Query(keys={"PatientID": ""}))


def test_a_peer_that_aborts_instead_of_answering_is_unreachable():
    def abort(event):
        event.assoc.abort()

    told = "went away before it answered C-STORE"
    with peer((evt.EVT_C_STORE, abort)) as pacs, pytest.raises(UnreachableError, match=told):
        pacs.store([make_loop()])


def test_a_peer_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr("napari_fluoroinject.endpoints.dimse.ANSWER_TIMEOUT_S", 0.3)

    def sleep(_):
        time.sleep(1.0)
        return 0x0000

    with (
        peer((evt.EVT_C_STORE, sleep)) as pacs,
        pytest.raises(UnreachableError, match=r"no valid answer .* within"),
    ):
        pacs.store([make_loop()])


def test_a_peer_that_goes_away_in_the_middle_of_a_large_object_is_told(receiver, tmp_path: Path):
    path = write(make_loop(frames=60, size=1024), tmp_path / "loop.dcm")
    incoming = receiver.spool.incoming

    def leave() -> None:
        deadline = time.monotonic() + 20
        while not any(incoming.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.001)
        receiver.close()

    pacs = pacs_of(receiver)
    leaving = threading.Thread(target=leave)
    leaving.start()
    try:
        with pytest.raises(UnreachableError):
            pacs.store([path])
    finally:
        leaving.join()


@contextmanager
def raw_peer(answer: bytes) -> Iterator[Pacs]:
    """Takes a connection, reads a little, sends these bytes, and then says nothing more."""
    over = threading.Event()

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1024)
            connection.sendall(answer)
            over.wait(30)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Pacs(host="127.0.0.1", port=server.getsockname()[1], called="RAW")
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        b"\x02\x00\x00",
        b"\x02\x00\x00\x00\x00\xb8\x00\x01",
        b"\x02\x00\xff\xff\xff\xff" + bytes(1000),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"",
    ],
    ids=["half a header", "half a PDU", "4 GiB", "HTTP", "nothing"],
)
def test_a_peer_that_speaks_no_dicom_does_not_hold_us(monkeypatch, answer):
    monkeypatch.setattr("napari_fluoroinject.endpoints.calling.PDU_DEADLINE_S", 0.5)
    monkeypatch.setattr("napari_fluoroinject.endpoints.dimse.ASSOCIATE_TIMEOUT_S", 1.0)
    with raw_peer(answer) as pacs, pytest.raises(UnreachableError):
        pacs.echo()


def test_files_are_sent_as_they_stand(archive, tmp_path: Path):
    path = write(make_loop(), tmp_path / "loop.dcm")
    pacs_of(archive).store([path])
    (kept,) = archive.spool.objects()
    assert dcmread(kept) == dcmread(path)


def test_a_file_that_is_not_dicom_is_named(archive, tmp_path: Path):
    path = tmp_path / "note.txt"
    path.write_text("no DICOM")
    with pytest.raises(UnreadableObjectError, match=r"note\.txt"):
        pacs_of(archive).store([path])


def test_nothing_to_store_asks_nobody():
    assert Pacs(host="127.0.0.1", port=9, called="NOBODY").store([]) == ()


def test_the_url_of_a_pacs_holds_both_titles():
    pacs = parse_pacs("pacs://FLUORO%20INJ:ARCHIVE@archive.example:11112")
    assert pacs == Pacs(host="archive.example", port=11112, called="ARCHIVE", calling="FLUORO INJ")


@pytest.mark.parametrize(
    "url",
    [
        "pacs://ARCHIVE@host:104",
        "pacs://A:B@host",
        "pacs://A:B@:104",
        "pacs://A:B@host:port",
        "http://A:B@host:104",
        "pacs://A:B@host:99999",
    ],
)
def test_a_url_that_is_not_a_pacs_is_told_with_the_form(url):
    with pytest.raises(EndpointError, match="pacs://CALLING:CALLED@host:port"):
        parse_pacs(url)


def test_an_ae_title_that_is_too_long_is_told():
    with pytest.raises(EndpointError, match="1 to 16 characters"):
        Pacs(host="127.0.0.1", port=9, called="B", calling="A" * 17).echo()


def test_an_address_leads_to_its_counterpart_and_query(tmp_path: Path):
    pacs, query = connect("pacs://A:B@h:104?StudyInstanceUID=1.2&SeriesInstanceUID=1.3")
    assert isinstance(pacs, Pacs)
    assert dict(query.keys) == {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.3"}
    folder, query = connect(f"{tmp_path}?SOPInstanceUID=1.4")
    assert isinstance(folder, Folder)
    assert (str(folder), dict(query.keys)) == (str(tmp_path), {"SOPInstanceUID": "1.4"})


def test_a_path_with_a_question_mark_is_a_path(tmp_path: Path):
    odd = tmp_path / "what?"
    odd.mkdir()
    folder, query = connect(str(odd))
    assert str(folder) == str(odd)
    assert not query.keys


def test_an_unknown_key_in_an_address_is_told():
    with pytest.raises(EndpointError, match="PatientID"):
        connect("pacs://A:B@h:104?PatientID=X")


@pytest.mark.validator
def test_a_loop_goes_to_dcmtk_and_comes_out_the_same(tmp_path: Path, unused_port: int):
    kept = tmp_path / "kept"
    kept.mkdir()
    process = subprocess.Popen(
        [dcmtk("storescp"), "-od", str(kept), "--fork", "+xa", str(unused_port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pacs = Pacs(host="127.0.0.1", port=unused_port, called="STORESCP")
    try:
        _wait_for(unused_port)
        pacs.store([write(make_loop(), tmp_path / "loop.dcm")])
    finally:
        process.terminate()
        process.wait()
    (received,) = kept.iterdir()
    assert dcmread(received) == make_loop()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 5.0
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70])
def test_a_host_that_is_not_found_is_named(host):
    nobody = Pacs(host=host, port=104, called="ARCHIVE")
    with pytest.raises(UnreachableError, match=f"ARCHIVE at {host}:104: the host '{host}' is not"):
        nobody.echo()


def test_what_is_told_of_a_peer_that_went_away_names_no_other_object(tmp_path: Path):
    loops = [make_loop(seed=seed) for seed in range(3)]
    files = {
        str(one.SOPInstanceUID): write(one, tmp_path / f"{number}.dcm")
        for number, one in enumerate(loops)
    }
    with peer((evt.EVT_C_STORE, lambda event: event.assoc.abort())) as pacs:
        told = {uid: str(error) for uid, error in send_each(pacs, files)}
    assert told.keys() == files.keys()
    assert not [one for one in told.values() if any(uid in one for uid in files)]
