"""Only those get in who are on the list, from where the list says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proofs.wires import Caller

from napari_fluoroinject.endpoints.allow import Peer, is_loopback, parse_callers, plain_address
from napari_fluoroinject.endpoints.receive import Receiver
from napari_fluoroinject.endpoints.storage_scp import Station
from napari_fluoroinject.errors import EndpointError
from napari_fluoroinject.spool.store import Spool

TITLES = st.text("ABCXYZ019_-", min_size=1, max_size=16)
ADDRESSES = st.ip_addresses().map(str)


def admits(text: str, title: str, address: str, *names: str, tls: bool = False) -> bool:
    (caller,) = parse_callers([text], tls=tls)
    return caller.is_(Peer(ae_title=title, address=address, names=names))


@given(TITLES, ADDRESSES)
def test_a_title_alone_may_call_from_anywhere(title, address):
    assert admits(title, title, address)
    assert not admits(title, title + "x", address)


@given(TITLES, ADDRESSES, ADDRESSES)
def test_a_title_with_an_address_may_call_from_there_alone(title, address, other):
    assert admits(f"{title}@{address}", title, address)
    same = plain_address(address) == plain_address(other)
    assert admits(f"{title}@{address}", title, other) == same


@pytest.mark.parametrize(
    ("text", "address", "may"),
    [
        ("CARM@10.0.0.0/24", "10.0.0.99", True),
        ("CARM@10.0.0.0/24", "10.0.1.1", False),
        ("CARM@10.0.0.7/24", "10.0.0.99", True),
        ("CARM@10.0.0.7", "::ffff:10.0.0.7", True),
        ("CARM@fd00::/8", "fd12::1", True),
        ("CARM@[fd12::1]", "fd12::1", True),
        ("CARM@fd00::/8", "10.0.0.7", False),
        ("CARM@fe80::1", "fe80::1%eth0", True),
    ],
)
def test_networks_hold_their_addresses(text, address, may):
    assert admits(text, "CARM", address) == may


def test_a_name_is_that_of_the_certificate():
    assert admits("CARM@carm.test", "CARM", "10.0.0.7", "carm.test", tls=True)
    assert admits("CARM@CArm.test", "CARM", "10.0.0.7", "carm.test", tls=True)
    assert not admits("CARM@carm.test", "CARM", "10.0.0.7", "x.carm.test", tls=True)
    assert not admits("CARM@carm.test", "CARM", "10.0.0.7", tls=True)


@pytest.mark.parametrize(
    "text", ["", "@10.0.0.7", "SEVENTEENLETTERS_", "A\\B", "A@", "Ä", "A@x/y"]
)
@pytest.mark.parametrize("tls", [True, False])
def test_what_names_nobody_is_refused(text, tls):
    with pytest.raises(EndpointError, match="expected"):
        parse_callers([text], tls=tls)


def test_names_need_tls():
    with pytest.raises(EndpointError, match="need TLS"):
        parse_callers(["CARM@carm.test"], tls=False)
    with pytest.raises(EndpointError, match="need TLS"):
        Station(ae_title="FLUOROINJECT", callers=("CARM@carm.test",))


def test_loopback_is_known():
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.7", "carm.test"))


@pytest.mark.network
def test_a_caller_at_another_address_is_rejected(tmp_path):
    station = Station(ae_title="FLUOROINJECT", callers=("CARM@127.0.0.2", "PACS"))
    with Spool(tmp_path / "s") as spool, Receiver(spool, station) as receiver:
        with Caller(receiver.port, source="127.0.0.2") as right:
            right.associate().echo()
        with (
            Caller(receiver.port, source="127.0.0.3") as wrong,
            pytest.raises(ConnectionError, match="PDU 3 00010103"),
        ):
            wrong.associate()
        with Caller(receiver.port, title="PACS", source="127.0.0.3") as anywhere:
            anywhere.associate().echo()
