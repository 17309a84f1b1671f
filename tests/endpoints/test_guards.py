"""Whoever breaks the protocol, or keeps silent, is told to go; the others notice nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from network_loops import make_loop, pacs_of
from proofs.wires import EXPLICIT, IMPLICIT, VERIFICATION, XA, Caller, echo, store_request

from napari_fluoroinject.endpoints import listener as listeners
from napari_fluoroinject.endpoints import pdu, self_test
from napari_fluoroinject.endpoints.command import read_command
from napari_fluoroinject.endpoints.limits import Limits
from napari_fluoroinject.endpoints.pdu import PeerError
from napari_fluoroinject.endpoints.receive import Receiver
from napari_fluoroinject.endpoints.wire import Wire
from napari_fluoroinject.errors import EndpointError
from napari_fluoroinject.spool.store import Spool

ROOT = Path(__file__).resolve().parents[2]
REQUEST = pdu.request_of("FLUOROINJECT", "CARM", XA, EXPLICIT)


@pytest.fixture
def small(tmp_path):
    limits = Limits(
        associations=4,
        connections=8,
        connections_per_address=8,
        window_s=0.5,
        idle_s=2.0,
        linger_s=0.2,
        patience_s=1.0,
    )
    with Spool(tmp_path / "s") as spool, Receiver(spool, limits=limits) as receiver:
        yield receiver


@given(st.binary(max_size=400))
def test_a_request_is_read_or_refused(body):
    with suppress(PeerError):
        pdu.read_request(body)


@given(st.data())
def test_a_request_with_any_byte_changed_is_read_or_refused(data):
    body = bytearray(REQUEST[6:])
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with suppress(PeerError):
        request = pdu.read_request(bytes(body))
        pdu.agree(request, {XA: (EXPLICIT,)}, roles={}, longest_pdu_bytes=1)


@given(st.binary(max_size=200))
def test_a_command_is_read_or_refused(data):
    with suppress(PeerError):
        read_command(data)


@given(st.binary(max_size=3000), st.integers(0, 700))
def test_what_is_cut_into_pdus_comes_together_again(data, longest):
    whole, lasts = b"", []
    for one in pdu.p_data(5, data, command=False, longest_bytes=longest):
        for context, control, fragment in pdu.values(memoryview(one)[6:]):
            assert context == 5
            whole += fragment
            lasts.append(control)
        assert not longest or len(one) - 6 <= max(longest, 7)
    assert whole == data
    assert lasts[-1] == 2
    assert not any(lasts[:-1])


@given(st.binary(max_size=100))
def test_values_of_a_p_data_are_read_or_refused(body):
    with suppress(PeerError):
        list(pdu.values(memoryview(body)))


def test_a_role_is_given_where_it_is_offered():
    role = b"\x54\0\0\x20\0\x1c" + XA.encode() + b"\0\1"
    body = bytearray(REQUEST[6:])
    user = body.index(b"\x50\0", 68)
    length = int.from_bytes(body[user + 2 : user + 4], "big") + len(role)
    body[user + 2 : user + 4] = length.to_bytes(2, "big")
    request = pdu.read_request(bytes(body) + role)
    assert request.roles == {XA: (0, 1)}
    _, given_ = pdu.agree(request, {XA: (EXPLICIT,)}, roles={XA: (0, 1)}, longest_pdu_bytes=1)
    _, kept = pdu.agree(request, {XA: (EXPLICIT,)}, roles={}, longest_pdu_bytes=1)
    assert XA.encode() + b"\0\1" in given_
    assert XA.encode() + b"\0\0" in kept


def test_roles_of_what_is_not_proposed_are_not_answered():
    roles = {f"1.2.{k}": (1, 1) for k in range(4000)}
    request = replace(pdu.read_request(REQUEST[6:]), roles=roles)
    _, answer = pdu.agree(request, {XA: (EXPLICIT,)}, roles={}, longest_pdu_bytes=1)
    assert len(answer) < 400


@pytest.mark.network
@pytest.mark.parametrize("syntax", ["\xff" * 30_000, "1.2.\u0663", "1." + "2" * 63, "1.2\n3"])
def test_what_is_no_uid_in_a_request_is_an_abort(small, caplog, syntax):
    caplog.set_level("INFO")
    with Caller(small.port) as caller:
        caller.socket.sendall(pdu.request_of("FLUOROINJECT", "CARM", XA, syntax))
        assert caller.read() == (pdu.ABORT, bytes((0, 0, 2, pdu.INVALID_PARAMETER)))
    assert "that are no UID" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_title_forges_no_line_of_the_log():
    request = pdu.request_of("FLUOROINJECT", "A\nERROR \x1b[1m", XA, EXPLICIT)
    assert pdu.read_request(request[6:]).calling == "A\ufffdERROR \ufffd[1m"


@pytest.mark.network
def test_only_what_is_offered_is_accepted(small):
    with Caller(small.port) as caller:
        caller.socket.sendall(pdu.request_of("FLUOROINJECT", "CARM", "1.2.3", EXPLICIT))
        assert b"\x21\0\0\x19\1\0\3" in caller.read()[1].replace(b"\x21\0\0\x1b", b"\x21\0\0\x19")
        caller.say(store_request("1.2.3"), command=True)
        assert caller.hears(2) == "abort"
    with Caller(small.port) as caller:
        caller.socket.sendall(pdu.request_of("FLUOROINJECT", "CARM", XA, "1.2.840.10008.1.2.1.99"))
        assert b"\1\0\4\0" in caller.read()[1]


@pytest.mark.network
def test_an_association_that_is_idle_ends(small):
    with Caller(small.port) as caller:
        caller.associate()
        assert caller.hears(10) == "abort"


@pytest.mark.network
def test_tiny_pdus_do_not_hold_a_place_for_ever(small):
    begin = time.monotonic()
    with Caller(small.port) as caller:
        caller.associate(XA).say(store_request("1.2.3"), command=True)
        (one,) = pdu.p_data(1, b"x", command=False, longest_bytes=0)
        with suppress(OSError):
            while time.monotonic() - begin < 20:
                caller.socket.sendall(one[:11] + b"\0" + one[12:])  # not the last
                time.sleep(0.02)
    assert time.monotonic() - begin < 20


@pytest.mark.network
@pytest.mark.parametrize("associated", [False, True])
def test_the_silent_make_way_for_those_who_speak(small, associated):
    with ExitStack() as stack:
        for _ in range(20):
            silent = stack.enter_context(Caller(small.port))
            if associated:
                silent.associate()
        echo(small.port)
        pacs_of(small).store([make_loop()])


@pytest.mark.network
def test_half_an_object_makes_way_too_and_leaves_nothing(small):
    with ExitStack() as stack:
        for k in range(6):
            half = stack.enter_context(Caller(small.port)).associate(XA)
            half.say(store_request(f"1.2.{k}"), command=True)
        echo(small.port)
    small.close()
    assert not list(small.spool.incoming.iterdir())


@pytest.mark.network
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(min_size=1, max_size=60), max_size=4), st.integers(0, 3))
def test_whatever_is_said_the_listener_answers_the_next_one(small, words, begin):
    with Caller(small.port) as caller, suppress(OSError):
        if begin:
            caller.associate(XA)
        for word in words:
            kind = word[0] % 9
            framed = (
                pdu.framed(kind, word[1:])
                if begin < 3
                else b"".join(pdu.p_data(1, word, command=bool(kind % 2), longest_bytes=0))
            )
            caller.socket.sendall(framed)
    echo(small.port)


@pytest.mark.network
def test_a_closed_listener_leaves_no_thread_and_no_part(tmp_path):
    before = threading.active_count()
    with Spool(tmp_path / "s") as spool, ExitStack() as stack:
        with Receiver(spool) as receiver:
            half = stack.enter_context(Caller(receiver.port)).associate(XA)
            half.say(store_request("1.2.3"), command=True)
            stack.enter_context(Caller(receiver.port)).associate()
            stack.enter_context(Caller(receiver.port))
        assert threading.active_count() == before
        assert not list(spool.incoming.iterdir())


@pytest.mark.network
def test_guards_that_act_pass_their_test():
    self_test.check_guards(Limits())


@pytest.mark.network
@pytest.mark.parametrize("guard", ["length", "deadline", "list"])
def test_a_guard_that_does_not_act_is_noticed(monkeypatch, guard):
    monkeypatch.setattr(self_test, "_PATIENCE_S", 1.0)
    if guard == "length":
        monkeypatch.setattr(Wire, "_check_length", staticmethod(lambda *_: None))
    if guard == "deadline":
        monkeypatch.setattr(self_test, "_DEADLINE_S", 30.0)
        monkeypatch.setattr(listeners, "_CLOSING_S", 0.5)
    if guard == "list":
        monkeypatch.setattr(self_test._Probed, "admits", lambda *_: True)
    with pytest.raises(EndpointError, match="does not act"):
        self_test.check_guards(Limits())


@pytest.mark.network
def test_implicit_and_explicit_verification_are_answered(small):
    for syntax in (IMPLICIT, EXPLICIT):
        with Caller(small.port) as caller:
            caller.associate(VERIFICATION, syntax).echo()
            caller.release()


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_hostile_peers_disturb_nobody():
    done = subprocess.run(
        [sys.executable, "-m", "tests.proofs.hostile", "--short"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BROKEN" not in done.stdout
