"""A server that lies, floods or falls silent costs a typed error, and little memory."""

from __future__ import annotations

import json
import tempfile
import time
import tracemalloc
import zlib
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from network_loops import make_loop, write
from web_peers import JSON, Request, web_server

from napari_fluoroinject.endpoints.base import NotSent, Query
from napari_fluoroinject.endpoints.dicomweb import DicomWeb
from napari_fluoroinject.endpoints.web_answers import fault, outcome, texts
from napari_fluoroinject.endpoints.web_session import Limits
from napari_fluoroinject.errors import (
    FluoroinjectError,
    RefusedError,
    UnreachableError,
    UnreadableObjectError,
)
from napari_fluoroinject.model.cine import LoopReference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.network
MIB = 1 << 20
LIMITS = Limits(
    answer_bytes=4 * MIB, object_bytes=8 * MIB, connect_s=2.0, silence_s=0.5, grace_s=1.0
)
LOOP = LoopReference(
    study_instance_uid="1.2",
    series_instance_uid="1.3",
    sop_instance_uid="1.4",
    sop_class_uid="1.5",
)
MULTIPART = 'multipart/related; type="application/dicom"; boundary=b'


@contextmanager
def against(answer: Callable[[Request], None]) -> Iterator[DicomWeb]:
    with (
        web_server(answer) as host,
        DicomWeb(f"dicomweb+http://{host}/root", limits=LIMITS) as web,
    ):
        yield web


@contextmanager
def little_memory(most: int = 24 * MIB) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


@cache
def zipped(mib: int) -> bytes:
    """Blanks, so many MiB of them, in a thousandth of their size."""
    packer = zlib.compressobj(1, wbits=31)
    return b"".join([*(packer.compress(b" " * MIB) for _ in range(mib)), packer.flush()])


def flood(request: Request, start: bytes = b"") -> None:
    request.wfile.write(start)
    block = b"x" * MIB
    while True:  # until the client closes
        request.wfile.write(block)


def endless_json(request: Request) -> None:
    request.begin(JSON)
    flood(request, b"[")


def endless_page(request: Request) -> None:
    request.begin("text/html")
    flood(request)


def endless_chunk_line(request: Request) -> None:
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.send_header("Content-Type", JSON)
    request.end_headers()
    flood(request, b"1")


def endless_header(request: Request) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nA: ")
    flood(request)


def endless_headers(request: Request) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        request.wfile.write(b"A: b\r\n" * 1000)


def endless_redirect(request: Request) -> None:
    request.send_response(307)
    request.send_header("Location", "/elsewhere")
    request.end_headers()
    flood(request)


def endless_refusal(request: Request) -> None:
    request.close_connection = True
    request.send_response(500)
    request.end_headers()
    flood(request)


def bomb(request: Request) -> None:
    request.reply(200, zipped(256), Content_Type=JSON, Content_Encoding="gzip")


def dripping(request: Request) -> None:
    request.begin(JSON)
    for _ in range(40):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.1)


def silent(request: Request) -> None:
    time.sleep(1.5)


def cut_off(request: Request) -> None:
    request.reply(200, b"[]", Content_Type=JSON, Content_Length="100")
    request.close_connection = True


def garbage(request: Request) -> None:
    request.wfile.write(b"\x00\x01garbage\r\n\r\n")
    request.close_connection = True


def gone(request: Request) -> None:
    request.close_connection = True


@pytest.mark.parametrize(
    "answer",
    [
        *(endless_json, endless_page, endless_chunk_line, endless_header, endless_headers),
        *(endless_redirect, endless_refusal, bomb, dripping, silent, cut_off, garbage, gone),
    ],
    ids=lambda answer: answer.__name__,
)
def test_a_query_ends_in_a_typed_error_and_little_memory(answer, monkeypatch):
    monkeypatch.setattr("napari_fluoroinject.endpoints.web_session._FIRST_WAIT_S", 0.0)
    zipped(256)
    with (
        against(answer) as web,
        little_memory(),
        pytest.raises((RefusedError, UnreachableError)),
    ):
        web.query(Query())


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"7", b'"x"', b"[7]", b"[[]]", b"{", b"\xff\xfe", b"[" * 100_000),
        *(b'{"a": ' * 100_000, b"<html>", b"1" * 10_000),
    ],
)
def test_what_is_no_dicom_json_is_refused_and_empty_is_empty(body):
    with against(lambda request: request.reply(200, body, Content_Type=JSON)) as web:
        if body == b"":
            assert web.query(Query()) == ()
            return
        with pytest.raises(RefusedError):
            web.query(Query())


def test_a_login_page_is_no_empty_answer():
    with (
        against(lambda r: r.reply(200, b"<html>", Content_Type="text/html")) as web,
        pytest.raises(RefusedError, match=r"text/html.*login page"),
    ):
        web.query(Query())


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.dictionaries(
            st.sampled_from(["vr", "Value", "0020000D", "00081198", "00081199", "00081155", "x"]),
            below,
            max_size=4,
        ),
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["0020000D", "00081198", "00081199", "zz"]), VALUES))
def test_any_json_is_read_as_text_or_told(answer):
    assert all(isinstance(text, str) for text in texts(answer).values())
    found = outcome(answer)
    kept = fault(found, "1.2.3", status=200, peer="the peer") is None
    assert not kept or "1.2.3" in found.kept


def stow_answer(*, kept: tuple[str, ...] = (), failed: tuple[str, ...] = ()) -> bytes:
    def item(uid: str, **more: int) -> dict[str, object]:
        reasons = {tag: {"vr": "US", "Value": [value]} for tag, value in more.items()}
        return {"00081155": {"vr": "UI", "Value": [uid]}} | reasons

    return json.dumps(
        {
            "00081199": {"vr": "SQ", "Value": [item(uid) for uid in kept]},
            "00081198": {
                "vr": "SQ",
                "Value": [item(uid, **{"00081197": 0xA700}) for uid in failed],
            },
        }
    ).encode()


@pytest.mark.parametrize("status", [200, 202, 409])
def test_every_object_of_a_request_is_judged_by_itself(status):
    one, two, three = (make_loop(seed=seed) for seed in range(3))
    answer = stow_answer(kept=(one.SOPInstanceUID,), failed=(two.SOPInstanceUID,))
    with against(lambda request: request.reply(status, answer, Content_Type=JSON)) as web:
        kept, *refused = web.send([one, two, three])
        with pytest.raises(RefusedError, match=f"HTTP status {status}.*0xA700.*out of resources"):
            web.store([one, two])
    assert kept.sop_instance_uid == one.SOPInstanceUID
    assert [item.item for item in refused if isinstance(item, NotSent)] == [two, three]
    assert "does not say that it keeps" in str(refused[1].error)


@pytest.mark.parametrize("status", [200, 409])
def test_an_answer_without_a_body_is_no_word_for_anything(status):
    with (
        against(lambda request: request.reply(status)) as web,
        pytest.raises(RefusedError, match=r"does not say that it keeps|409 Conflict"),
    ):
        web.store([make_loop()])


def test_a_warning_is_kept_in_the_receipt():
    loop = make_loop()
    item = {"vr": "UI", "Value": [str(loop.SOPInstanceUID)]}
    stored = [{"00081155": item, "00081196": {"vr": "US", "Value": [0xB000]}}]
    answer = json.dumps({"00081199": {"vr": "SQ", "Value": stored}}).encode()
    with against(lambda request: request.reply(200, answer, Content_Type=JSON)) as web:
        (receipt,) = web.store([loop])
    assert receipt.status == 0xB000


def test_uids_of_a_server_name_no_path_and_no_file(tmp_path):
    evil = {
        tag: {"vr": "UI", "Value": [uid]}
        for tag, uid in {
            "0020000D": "1.2/../../x",
            "0020000E": "1.3?a=b",
            "00080018": "../../etc/x",
            "00080016": "1.2.840.10008.5.1.4.1.1.12.1",
        }.items()
    }
    paths: list[str] = []

    def answer(request: Request) -> None:
        paths.append(request.path)
        body = json.dumps([evil]).encode() if "offset=0" in request.path else b"[]"
        request.reply(200, body, Content_Type=JSON)

    with against(answer) as web:
        (found,) = web.find(Query())
        assert isinstance(found, UnreadableObjectError)
        with pytest.raises(RefusedError, match="a UID that is none"):
            list(web.retrieve(Query(), tmp_path))
    assert not any(".." in path or "etc" in path for path in paths)
    assert list(tmp_path.iterdir()) == []


def part(body: bytes) -> bytes:
    return b"--b\r\nContent-Type: application/dicom\r\n\r\n" + body


def whole(body: bytes, content_type: str = MULTIPART) -> Callable[[Request], None]:
    return lambda request: request.reply(200, body, Content_Type=content_type)


def endless_object(request: Request) -> None:
    request.begin(MULTIPART)
    flood(request, part(b""))


def endless_parts(request: Request) -> None:
    request.begin(MULTIPART)
    while True:
        request.wfile.write(part(b"x\r\n") * 1000)


def endless_epilogue(request: Request) -> None:
    request.begin(MULTIPART)
    flood(request, part(b"no DICOM\r\n--b--\r\n"))


RETRIEVED: dict[str, Callable[[Request], None]] = {
    "no multipart": whole(b"x", "text/plain"),
    "no type": whole(b"x", ""),
    "no boundary": whole(part(b"x"), "multipart/related"),
    "another boundary": whole(part(b"x\r\n--b--"), "multipart/related; boundary=c"),
    "no part": whole(b"--b--\r\n"),
    "cut off": whole(part(b"x" * 100)),
    "two parts": whole(part(b"x\r\n") + part(b"y\r\n--b--")),
    "no DICOM": whole(part(b"x" * 5000 + b"\r\n--b--")),
    "no DICOM, alone": whole(b"x" * 5000, "application/dicom"),
    "an empty part": whole(part(b"\r\n--b--")),
    "an endless object": endless_object,
    "an endless object, alone": lambda r: (r.begin("application/dicom"), flood(r))[0],
    "endless parts": endless_parts,
    "an endless epilogue": endless_epilogue,
    "gone": gone,
    "bomb": lambda r: r.reply(200, b"x", Content_Type=MULTIPART, Content_Encoding="gzip"),
    "204": lambda r: r.reply(204),
}


METADATA = {
    "Rows": ("00280010", 64),
    "Columns": ("00280011", 64),
    "BitsAllocated": ("00280100", 16),
    "BitsStored": ("00280101", 12),
    "HighBit": ("00280102", 11),
    "SamplesPerPixel": ("00280002", 1),
    "NumberOfFrames": ("00280008", 4),
    "PixelRepresentation": ("00280103", 0),
}


def described(told: dict[str, object], frame: Callable[[Request], None]) -> Callable[..., None]:
    """Answers with this header, where it is asked for, and else with a frame."""
    header = {METADATA[name][0]: {"vr": "US", "Value": [value]} for name, value in told.items()}

    def answer(request: Request) -> None:
        if "/frames/" in request.path:
            frame(request)
        else:
            known = [header] if request.path.endswith("/metadata") else []
            request.reply(200, json.dumps(known).encode(), Content_Type=JSON)

    return answer


@pytest.mark.parametrize("case", RETRIEVED)
def test_what_is_not_the_object_leaves_no_file(case, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_fluoroinject.endpoints.web_session._FIRST_WAIT_S", 0.0)
    with against(RETRIEVED[case]) as web, little_memory(), pytest.raises(FluoroinjectError):
        list(web.retrieve(LOOP, tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", RETRIEVED)
def test_what_is_not_the_frame_is_no_picture(case, monkeypatch):
    monkeypatch.setattr("napari_fluoroinject.endpoints.web_session._FIRST_WAIT_S", 0.0)
    header = {name: value for name, (_, value) in METADATA.items()}
    with (
        against(described(header, RETRIEVED[case])) as web,
        little_memory(),
        pytest.raises((RefusedError, UnreachableError)),
    ):
        web.frame(LOOP, 0)


def test_another_object_than_the_one_asked_for_leaves_no_file(tmp_path):
    content = write(make_loop(), tmp_path / "sent").read_bytes()
    (out := tmp_path / "out").mkdir()
    with (
        against(whole(part(content + b"\r\n--b--"))) as web,
        pytest.raises(UnreadableObjectError, match="another object"),
    ):
        list(web.retrieve(LOOP, out))
    assert list(out.iterdir()) == []


def test_a_transfer_that_broke_is_begun_again(tmp_path, monkeypatch):
    loop = make_loop()
    content = write(loop, tmp_path / "sent").read_bytes()
    (out := tmp_path / "out").mkdir()
    body = part(content + b"\r\n--b--\r\n")
    asked: list[str] = []

    def answer(request: Request) -> None:
        asked.append(request.path)
        if len(asked) == 1:
            request.reply(200, body[:9000], Content_Type=MULTIPART, Content_Length=str(len(body)))
            request.close_connection = True
        else:
            request.reply(200, body, Content_Type=MULTIPART)

    reference = LoopReference(
        study_instance_uid="1.2",
        series_instance_uid="1.3",
        sop_instance_uid=loop.SOPInstanceUID,
        sop_class_uid="1.5",
    )
    with against(answer) as web:
        (path,) = web.retrieve(reference, out)
    assert path.read_bytes() == content
    assert len(asked) == 2


def test_the_object_alone_is_taken_too(tmp_path):
    loop = make_loop()
    content = write(loop, tmp_path / "sent").read_bytes()
    reference = LoopReference(
        study_instance_uid="1.2",
        series_instance_uid="1.3",
        sop_instance_uid=loop.SOPInstanceUID,
        sop_class_uid="1.5",
    )
    with against(whole(content, "application/dicom")) as web:
        assert web.fetch(reference).frames.shape == (4, 64, 64)


def test_a_fetch_that_fails_leaves_nothing_in_the_folder_for_temporary_files(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with (
        against(whole(part(b"x" * 5000 + b"\r\n--b--"))) as web,
        pytest.raises(UnreadableObjectError),
    ):
        web.fetch(LOOP)
    assert list(tmp_path.iterdir()) == []


@given(
    st.fixed_dictionaries(
        {
            name: st.sampled_from([value, 0, 1, 65535, 10**9, "x", -1])
            for name, (_, value) in METADATA.items()
        }
    ),
    st.integers(0, 9000),
)
@example({name: value for name, (_, value) in METADATA.items()}, 8192)
@settings(max_examples=30, suppress_health_check=list(HealthCheck))
def test_metadata_that_lie_make_no_picture_and_no_array(told, length):
    body = part(bytes(length) + b"\r\n--b--")
    answer = described(told, whole(body, MULTIPART.replace("dicom", "octet-stream")))
    with against(answer) as web, little_memory(64 * MIB):
        try:
            frame = web.frame(LOOP, 0)
        except FluoroinjectError:
            return
    assert frame.shape == (told["Rows"], told["Columns"])
    assert frame.nbytes <= length


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch):
    content = write(make_loop(), tmp_path / "sent").read_bytes()
    (out := tmp_path / "out").mkdir()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_fluoroinject.endpoints.wado._write", full)
    with (
        against(whole(part(content + b"\r\n--b--"))) as web,
        pytest.raises(FluoroinjectError, match="No space left"),
    ):
        list(web.retrieve(LOOP, out))
    assert list(out.iterdir()) == []
