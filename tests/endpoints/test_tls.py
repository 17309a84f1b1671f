"""Under TLS only the right one gets in, and nobody is disturbed by the others."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import ExitStack
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from certificates import Authority
from network_loops import dcmtk, make_loop, write
from proofs.wires import echo
from pydicom import dcmread

from napari_fluoroinject.endpoints.limits import Limits
from napari_fluoroinject.endpoints.pacs import Pacs
from napari_fluoroinject.endpoints.receive import Receiver
from napari_fluoroinject.endpoints.self_test import check_guards
from napari_fluoroinject.endpoints.storage_scp import Station
from napari_fluoroinject.endpoints.tls import (
    certificate_names,
    client_context,
    server_context,
    server_name,
)
from napari_fluoroinject.endpoints.tls_faults import NOT_TRUSTED
from napari_fluoroinject.errors import EndpointError, UnreachableError
from napari_fluoroinject.settings.network import Tls
from napari_fluoroinject.spool.store import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.network


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "certificates")


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "certificates", name="stranger")


@pytest.fixture
def secured(tmp_path: Path, authority: Authority) -> Iterator[Receiver]:
    station = Station(
        ae_title="FLUOROINJECT",
        callers=("CARM@carm.hospital.test",),
        tls=authority.tls("localhost"),
    )
    limits = Limits(handshake_s=1.0, request_s=1.0, linger_s=0.2)
    with Spool(tmp_path / "s") as spool, Receiver(spool, station, limits=limits) as receiver:
        yield receiver


def is_answered(receiver: Receiver, context: ssl.SSLContext | None, *, calling="CARM") -> bool:
    """Whether a C-ECHO over this context (None = plaintext) is answered."""
    try:
        return echo(receiver.port, context=context, title=calling, patience_s=5.0) > 0
    except OSError:
        return False


def pacs(port: int, tls: Tls) -> Pacs:
    return Pacs(called="FLUOROINJECT", host="127.0.0.1", port=port, calling="CARM", tls=tls)


def refused(receiver: Receiver, context: ssl.SSLContext) -> bool:
    """Whether a handshake, or what comes right after it, fails at the listener's side."""
    try:
        with (
            socket.create_connection(("127.0.0.1", receiver.port), 5) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as peer,
        ):
            # in TLS 1.3 a client learns of its refusal only when it reads
            return peer.recv(1) == b""
    except (ssl.SSLError, ConnectionError):
        return True


def test_a_caller_with_the_right_certificate_gets_in(secured, authority):
    assert is_answered(secured, client_context(authority.tls("carm.hospital.test")))


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken(secured, authority, newest):
    context = client_context(authority.tls("carm.hospital.test"))
    context.maximum_version = newest
    assert is_answered(secured, context)


def test_a_caller_without_a_certificate_is_refused(secured, authority):
    assert refused(secured, client_context(Tls(ca=authority.ca)))


def test_a_certificate_of_another_authority_is_refused(secured, authority, stranger):
    assert refused(secured, client_context(stranger.tls("carm.hospital.test", trusts=authority)))


def test_an_expired_certificate_is_refused(secured, authority):
    assert refused(secured, client_context(authority.tls("carm.hospital.test", expired=True)))


def test_a_certificate_with_another_name_is_not_associated(secured, authority):
    other = client_context(authority.tls("printer.hospital.test"))
    assert not is_answered(secured, other)


def test_the_right_certificate_under_another_title_is_not_associated(secured, authority):
    context = client_context(authority.tls("carm.hospital.test"))
    assert not is_answered(secured, context, calling="OTHER")


@pytest.mark.parametrize(
    ("alternatives", "names"),
    [
        ((("DNS", "Evil"),), ("evil",)),
        ((("email", "carm"), ("URI", "carm")), ()),
        ((("IP Address", "192.0.2.7"), ("DNS", "other")), ("192.0.2.7", "other")),
        ((), ("carm",)),
    ],
)
def test_a_certificate_bears_the_names_of_hosts_alone(alternatives, names):
    shown = {"subject": ((("commonName", "Carm"),),), "subjectAltName": alternatives}
    assert certificate_names(SimpleNamespace(getpeercert=lambda: shown)) == names


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_tls_1_1_is_refused(secured, authority):
    context = client_context(authority.tls("carm.hospital.test"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    assert refused(secured, context)


def test_plaintext_is_refused(secured):
    assert not is_answered(secured, None)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("none", "it shows no certificate"),
        ("stranger", NOT_TRUSTED),
        ("expired", "its certificate has expired"),
        ("plain", "it speaks no TLS"),
        ("distrusts", "it does not accept our certificate"),
    ],
)
def test_whom_tls_turns_away_is_told_with_the_reason(
    secured, authority, stranger, caplog, kind, said
):
    shown = {
        "none": Tls(ca=authority.ca),
        "stranger": stranger.tls("carm.hospital.test", trusts=authority),
        "expired": authority.tls("carm.hospital.test", expired=True),
        "distrusts": stranger.tls("carm.hospital.test"),
    }
    if kind == "plain":
        assert not is_answered(secured, None)
    else:
        assert refused(secured, client_context(shown[kind]))
    deadline = time.monotonic() + 10.0
    while "rejected a caller at 127.0.0.1: TLS: " not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert said in caplog.text


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        ({"name": "pacs.hospital.test"}, "its certificate is of another name"),
        ({"authority": "stranger"}, NOT_TRUSTED),
        ({"shown": "none"}, "it asks for a certificate, and we show none"),
        ({"shown": "stranger"}, "it does not accept our certificate"),
    ],
)
def test_a_caller_learns_why_tls_failed_and_what_to_do(secured, authority, stranger, ours, said):
    tls = authority.tls("carm.hospital.test")
    if ours.get("authority") == "stranger":
        tls = stranger.tls("carm.hospital.test")
    if ours.get("shown") == "stranger":
        tls = stranger.tls("carm.hospital.test", trusts=authority)
    if ours.get("shown") == "none":
        tls = Tls(ca=authority.ca)
    called = replace(tls, name=ours.get("name", "localhost"))
    with pytest.raises(UnreachableError, match="no TLS with FLUOROINJECT at") as told:
        pacs(secured.port, called).echo()
    assert said in str(told.value)
    assert "; expected " in str(told.value)


def test_a_caller_learns_that_a_certificate_has_expired(tmp_path, authority):
    tls = authority.tls("localhost", expired=True)
    station = Station(ae_title="FLUOROINJECT", tls=tls)
    with (
        Spool(tmp_path / "s") as spool,
        Receiver(spool, station) as receiver,
        pytest.raises(UnreachableError, match="its certificate has expired"),
    ):
        pacs(receiver.port, authority.tls("localhost")).echo()


def test_a_caller_learns_that_the_port_speaks_no_tls(receiver, authority):
    with pytest.raises(UnreachableError, match=r"no TLS with .* expected TLS 1\.2"):
        pacs(receiver.port, authority.tls("localhost")).echo()


def test_where_nobody_answers_tls_is_not_blamed(authority, unused_port):
    with pytest.raises(UnreachableError, match="nobody answers"):
        pacs(unused_port, authority.tls("localhost")).echo()


def test_silent_handshakes_disturb_nobody_and_are_left(secured, authority, caplog):
    with ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(("127.0.0.1", secured.port), 10))
            for _ in range(30)
        ]
        for peer in silent[::2]:
            peer.sendall(b"\x16\x03")
        assert is_answered(secured, client_context(authority.tls("carm.hospital.test")))
        for peer in silent:
            assert peer.recv(100) == b""
    assert "Traceback" not in caplog.text


def test_a_listener_with_the_wrong_name_is_not_called(authority, secured):
    tls = authority.tls("carm.hospital.test")
    named = Tls(ca=tls.ca, certificate=tls.certificate, key=tls.key, name="pacs.hospital.test")
    assert server_name(named, "127.0.0.1") == "pacs.hospital.test"
    assert server_name(tls, "127.0.0.1") == "127.0.0.1"
    with (
        socket.create_connection(("127.0.0.1", secured.port), 5) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        client_context(named).wrap_socket(plain, server_hostname=server_name(named, "127.0.0.1"))


def test_a_listener_of_another_authority_is_not_called(secured, stranger):
    with (
        socket.create_connection(("127.0.0.1", secured.port), 5) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        client_context(stranger.tls("carm")).wrap_socket(plain, server_hostname="localhost")


def test_a_listener_without_a_certificate_is_told_so(authority):
    with pytest.raises(EndpointError, match="certificate"):
        server_context(Tls(ca=authority.ca))


@pytest.mark.parametrize("broken", ["ca", "certificate", "key"])
def test_files_that_cannot_be_used_are_named(authority, tmp_path, broken):
    tls = authority.tls("localhost")
    files = {"ca": tls.ca, "certificate": tls.certificate, "key": tls.key}
    files[broken] = tmp_path / "nonsense.pem"
    files[broken].write_text("no certificate")
    with pytest.raises(EndpointError, match="expected"):
        server_context(Tls(**files))
    with pytest.raises(EndpointError, match="cannot be used for TLS"):
        client_context(Tls(**{**files, broken: tmp_path / "absent.pem"}))


def test_the_guards_are_tried_under_tls_too(authority):
    check_guards(Limits(), server_context(authority.tls("localhost")))


def test_an_open_address_may_be_listened_on_with_tls_alone(authority):
    station = Station(ae_title="FLUOROINJECT", host="0.0.0.0", tls=authority.tls("localhost"))
    assert station.callers == ()


@pytest.mark.validator
def test_dcmtk_stores_over_tls(secured, authority, tmp_path):
    import subprocess

    tls = authority.tls("carm.hospital.test")
    path = write(make_loop(), tmp_path / "loop.dcm")
    command = [dcmtk("storescu"), "-aet", "CARM", "-aec", "FLUOROINJECT"]
    command += ["+tls", str(tls.key), str(tls.certificate), "+cf", str(tls.ca)]
    command += ["localhost", str(secured.port), str(path)]
    subprocess.run(command, check=True, timeout=20)
    arrived = secured.wait(1.0)
    assert arrived is not None
    assert dcmread(arrived.path) == make_loop()
