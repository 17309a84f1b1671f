"""Only the right server is spoken to, and only it gets the token."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest
from network_loops import make_loop
from peers import orthanc
from web_peers import JSON, Authority, Request, web_server

from napari_fluoroinject.endpoints.base import Query
from napari_fluoroinject.endpoints.dicomweb import DicomWeb
from napari_fluoroinject.endpoints.web_session import Limits
from napari_fluoroinject.errors import EndpointError, RefusedError, UnreachableError
from napari_fluoroinject.settings.network import Tls

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.network
QUERY = Query(keys={"PatientID": "SECRET-PATIENT"})
TOKEN = "aaaa.bbbb.cccc"


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "ca")


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "other")


def nothing(request: Request) -> None:
    request.reply(200, b"[]", Content_Type=JSON)


def ask(host: str, tls: Tls | None = None, **how: object) -> tuple[object, ...]:
    with DicomWeb(f"dicomweb+https://{host}/dicom-web", tls=tls, **how) as web:
        return web.query(QUERY)


def test_a_server_with_the_right_certificate_is_answered(authority):
    with web_server(nothing, context=authority.context("server")) as host:
        assert ask(host, Tls(ca=authority.certificate)) == ()


def test_the_name_that_is_set_up_takes_the_place_of_the_host(authority):
    context = authority.context("server", address="10.0.0.1")
    with web_server(nothing, context=context) as host:
        assert ask(host, Tls(ca=authority.certificate, name="server")) == ()
        with pytest.raises(UnreachableError, match="certificate is not trusted"):
            ask(host, Tls(ca=authority.certificate, name="else"))


@pytest.mark.parametrize(
    ("case", "seen"),
    [
        ("untrusted", "self-signed certificate|unable to get local issuer"),
        ("expired", "certificate has expired"),
        ("wrong name", "not valid for|IP address mismatch"),
        ("the system's authorities", "self-signed certificate|unable to get local issuer"),
    ],
)
def test_a_server_with_another_certificate_gets_nothing(authority, other, case, seen):
    asked: list[str] = []
    context = {
        "untrusted": lambda: other.context("server"),
        "expired": lambda: authority.context("server", expired=True),
        "wrong name": lambda: authority.context("server", address="10.0.0.1"),
        "the system's authorities": lambda: authority.context("server"),
    }[case]()
    tls = None if case == "the system's authorities" else Tls(ca=authority.certificate)
    with (
        web_server(lambda request: asked.append(request.path), context=context) as host,
        pytest.raises(UnreachableError, match=seen) as caught,
    ):
        ask(host, tls)
    assert "SSL_CERT_FILE" in str(caught.value)
    assert asked == []


def test_ssl_cert_file_names_whom_to_trust(authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with web_server(nothing, context=authority.context("server")) as host:
        assert ask(host) == ()


def test_authorities_that_come_with_requests_are_not_trusted_beside_ours(
    authority, other, monkeypatch
):
    # where the environment names another list, requests would take it
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other.certificate))
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(other.certificate))
    with (
        web_server(nothing, context=other.context("server")) as host,
        pytest.raises(UnreachableError, match="not trusted"),
    ):
        ask(host, Tls(ca=authority.certificate))


def test_a_client_certificate_is_shown_where_it_is_set_up(authority, other):
    context = authority.context("server", callers=True)
    certificate, key = authority.issue("client")
    with web_server(nothing, context=context) as host:
        assert ask(host, Tls(ca=authority.certificate, certificate=certificate, key=key)) == ()
        with pytest.raises(UnreachableError, match=r"client certificate|connection broke"):
            ask(host, Tls(ca=authority.certificate))
        certificate, key = other.issue("client")
        with pytest.raises(UnreachableError, match=r"client certificate|connection broke"):
            ask(host, Tls(ca=authority.certificate, certificate=certificate, key=key))


def test_old_tls_is_not_spoken(authority):
    context = authority.context("server")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with (
        web_server(nothing, context=context) as host,
        pytest.raises(UnreachableError, match=r"TLS 1\.2"),
    ):
        ask(host, Tls(ca=authority.certificate))


def test_a_port_that_speaks_plain_http_is_told(authority):
    with web_server(nothing) as host, pytest.raises(UnreachableError, match="speaks HTTPS"):
        ask(host, Tls(ca=authority.certificate))


def test_a_silent_port_is_given_up(authority, unused_port):
    with (
        socket.create_server(("127.0.0.1", unused_port)),
        pytest.raises(UnreachableError, match=r"no more answer|nobody answers"),
    ):
        ask(
            f"127.0.0.1:{unused_port}",
            Tls(ca=authority.certificate),
            limits=Limits(connect_s=0.3, silence_s=0.3),
        )


@pytest.mark.parametrize("content", [None, "", "two words", "line\nline", "ümlaut", "x" * 20_000])
def test_a_file_that_holds_no_token_is_told_and_not_quoted(tmp_path, content):
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    with pytest.raises(EndpointError, match="token") as caught:
        DicomWeb("dicomweb+https://host/dicom-web", token_file=file)
    assert not content or content not in str(caught.value)


class Gate:
    """Answers those who bring the token."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.seen: list[str | None] = []

    def __call__(self, request: Request) -> None:
        self.seen.append(request.headers.get("Authorization"))
        if self.seen[-1] != f"Bearer {self.token}":
            request.reply(401, b"no", WWW_Authenticate="Bearer")
        else:
            nothing(request)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


def plain(host: str, token_file: Path | None = None) -> DicomWeb:
    return DicomWeb(f"dicomweb+http://{host}/dicom-web", token_file=token_file)


def test_the_token_opens_the_gate(token_file):
    gate = Gate(TOKEN)
    with web_server(gate) as host:
        with plain(host, token_file) as web:
            assert web.query(QUERY) == ()
        with plain(host) as web, pytest.raises(RefusedError, match=r"401 Unauthorized.*token"):
            web.query(QUERY)
    assert gate.seen == [f"Bearer {TOKEN}", None]


def test_a_token_that_was_renewed_is_read_again_once(token_file):
    gate = Gate("dddd")
    with web_server(gate) as host, plain(host, token_file) as web:
        with pytest.raises(RefusedError, match="401"):
            web.query(QUERY)
        assert gate.seen == [f"Bearer {TOKEN}"] * 2
        token_file.write_text("dddd")
        assert web.query(QUERY) == ()
    assert gate.seen[2:] == [f"Bearer {TOKEN}", "Bearer dddd"]


def test_what_is_stored_is_sent_again_with_the_renewed_token(tmp_path, token_file):
    loop = make_loop()
    with orthanc(tmp_path / "orthanc", dicomweb=True) as peer:
        bodies = []

        def pass_on(request: Request) -> None:
            bodies.append(request.body)
            if request.headers["Authorization"] != "Bearer dddd":
                token_file.write_text("dddd")
                request.reply(401)
                return
            kept = ("Content-Type", "Accept")
            onwards = urllib.request.Request(
                f"{peer.http}{request.path}",
                data=request.body or None,
                headers={name: request.headers[name] for name in kept if request.headers[name]},
                method=request.command,
            )
            with urllib.request.urlopen(onwards) as answer:
                request.reply(200, answer.read(), Content_Type=answer.headers["Content-Type"])

        with (
            web_server(pass_on) as host,
            DicomWeb(f"dicomweb+http://{host}/dicom-web", token_file=token_file) as web,
        ):
            (receipt,) = web.store([loop])
            assert receipt.sop_instance_uid == loop.SOPInstanceUID
            assert len(web.query(Query(level="IMAGE"))) == 1
    assert bodies[0] == bodies[1]


def test_neither_token_nor_patient_stands_in_logs_or_errors(token_file, caplog):
    caplog.set_level(logging.DEBUG)

    def answer(request: Request) -> None:
        if "offset=0" in request.path:
            request.reply(500, b"SECRET-PATIENT")
        else:
            request.reply(302, Location="http://other.example/?SECRET-PATIENT")

    with (
        web_server(answer) as host,
        plain(host, token_file) as web,
        pytest.raises(RefusedError) as caught,
    ):
        web.query(QUERY)
    with plain(host, token_file) as web, pytest.raises(UnreachableError) as away:
        web.query(QUERY)
    for error in (caught.value, away.value):
        text = "".join(
            str(one) for one in (error, error.__cause__, *getattr(error, "__notes__", ()))
        )
        assert "SECRET" not in text
        assert TOKEN not in text
    assert "SECRET" not in caplog.text
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(vars(web))


def test_redirects_stay_at_the_host(token_file):
    far: list[str] = []

    def elsewhere(request: Request) -> None:
        far.append(str(request.headers))
        nothing(request)

    with web_server(elsewhere) as other_host:

        def answer(request: Request) -> None:
            if "/moved/" in request.path:
                nothing(request)
            elif "/dicom-web/" in request.path and "PatientID" in request.path:
                request.reply(307, Location=f"/moved/?{request.path.partition('?')[2]}")
            else:
                request.reply(307, Location=f"http://{other_host}/dicom-web/studies")

        with web_server(answer) as host, plain(host, token_file) as web:
            assert web.query(QUERY) == ()
            with pytest.raises(RefusedError, match="another host"):
                web.query(Query())
    assert far == []


def test_a_circle_of_redirects_ends(token_file):
    with (
        web_server(lambda request: request.reply(307, Location=request.path)) as host,
        plain(host, token_file) as web,
        pytest.raises(RefusedError, match="circle"),
    ):
        web.query(QUERY)


def test_a_request_that_stores_is_never_redirected_or_sent_twice():
    seen: list[str] = []

    def answer(request: Request) -> None:
        seen.append(request.command)
        status = 503 if len(seen) == 1 else 307
        request.reply(status, Location="/other")

    with web_server(answer) as host, plain(host) as web:
        for status in (503, 307):
            with pytest.raises(RefusedError, match=f"refused POST: {status}"):
                web.store([make_loop()])
    assert seen == ["POST", "POST"]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_question_is_asked_again_when_the_server_is_busy(status):
    seen: list[int] = []

    def answer(request: Request) -> None:
        seen.append(status)
        if len(seen) == 1:
            request.reply(status, Retry_After="0")
        else:
            nothing(request)

    with web_server(answer) as host, plain(host) as web:
        assert web.query(QUERY) == ()
    assert len(seen) == 2


def test_proxies_and_netrc_of_the_environment_are_not_asked(monkeypatch, tmp_path):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[str | None] = []

    def answer(request: Request) -> None:
        seen.append(request.headers.get("Authorization"))
        nothing(request)

    with web_server(answer) as host, plain(host) as web:
        assert web.query(QUERY) == ()
    assert seen == [None]


def test_answers_in_pages_are_asked_for_to_the_end():
    every = [{"0020000D": {"vr": "UI", "Value": [f"1.2.{n}"]}} for n in range(5)]

    def answer(request: Request) -> None:
        offset = int(request.path.partition("offset=")[2].partition("&")[0])
        page = every[offset : offset + 2]
        request.reply(200, json.dumps(page).encode(), Content_Type=JSON)

    with web_server(answer) as host, plain(host) as web:
        assert len(web.query(Query())) == 5


def test_a_server_that_ignores_pages_or_keys_is_noticed():
    every = [{"0020000D": {"vr": "UI", "Value": [f"1.2.{n}"]}} for n in range(5)]

    def answer(request: Request) -> None:
        request.reply(200, json.dumps(every).encode(), Content_Type=JSON)

    with web_server(answer) as host, plain(host) as web:
        assert len(web.query(Query())) == 5
        with pytest.raises(RefusedError, match="other objects than those of the StudyInstanceUID"):
            web.query(Query(keys={"StudyInstanceUID": "1.2.3"}))
