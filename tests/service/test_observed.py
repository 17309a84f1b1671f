"""A receiver that runs unattended leaves its trail, counts, and tells how it fares."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from audit_repository import AuditRepository, certificates
from certificates import Authority
from pynetdicom import AE

from napari_fluoroinject.endpoints.allow import Peer
from napari_fluoroinject.endpoints.answering import PROBE, answers
from napari_fluoroinject.endpoints.storage_scp import Station
from napari_fluoroinject.service import syslog
from napari_fluoroinject.service.observed import alone
from napari_fluoroinject.service.witness import witnessed
from napari_fluoroinject.settings.network import ListenSettings, ServiceSettings
from napari_fluoroinject.spool.audit_check import entries, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydicom import Dataset

    from napari_fluoroinject.endpoints.receive import Receiver

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "endpoints"))

from network_loops import make_loop

pytestmark = pytest.mark.network


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def running(root: Path, service: ServiceSettings) -> Iterator[Receiver]:
    station = Station(ae_title="FLUOROINJECT", callers=("CARM",))
    with alone(ListenSettings(spool=root, reserve_mb=1), station, service) as receiver:
        yield receiver


def push(receiver: Receiver, loop: Dataset, *, calling: str = "CARM") -> int | None:
    """Status of a C-STORE; None when the association was rejected."""
    ae = AE(calling)
    ae.add_requested_context(loop.SOPClassUID, loop.file_meta.TransferSyntaxUID)
    association = ae.associate("127.0.0.1", receiver.port, ae_title="FLUOROINJECT")
    if not association.is_established:
        return None
    status = association.send_c_store(loop).Status
    association.release()
    return int(status)


def ask(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_everything_that_happens_to_objects_is_in_the_trail_and_counted(tmp_path):
    port = free_port()
    loop, other = make_loop("1.2.3.4"), make_loop("1.2.3.4", seed=5)
    other.PixelData = bytes(len(other.PixelData))
    with running(tmp_path, ServiceSettings(status_port=port)) as receiver:
        assert push(receiver, loop) == 0x0000
        assert push(receiver, loop) == 0x0000
        assert push(receiver, other) == 0xC111
        assert push(receiver, loop, calling="STRANGER") is None
        wait_until(lambda: "associations_open 0" in ask(port, "/metrics")[1])
        refused = 'associations_refused_total{cause="it is not on the list of callers"} 1'
        wait_until(lambda: refused in ask(port, "/metrics")[1])
        status, text = ask(port, "/healthz")
        assert status == 200, text
        assert [one["id"] for one in json.loads(text)["notices"]] == ["quarantine"]
    told = [(one.event, dict(one.facts)) for one in entries(tmp_path / "audit")]
    events = [event for event, _ in told]
    assert events[0] == "started"
    assert events[-1] == "stopped"
    for event, count in (
        ("received", 1),
        ("duplicate", 1),
        ("conflict", 1),
        ("association accepted", 3),
        ("association refused", 1),
    ):
        assert events.count(event) == count, event
    received = next(facts for event, facts in told if event == "received")
    assert received["sop_instance_uid"] == "1.2.3.4"
    assert received["caller"] == "CARM"
    assert received["address"] == "127.0.0.1"
    conflict = next(facts for event, facts in told if event == "conflict")
    assert conflict["status"] == "0xC111"
    assert verify(tmp_path / "audit").broken_at is None
    text = "".join(path.read_text() for path in (tmp_path / "audit").glob("*.jsonl"))
    assert not [word for word in ("Phantom", "Lumbar", "SYNTH-1") if word in text]
    with running(tmp_path, ServiceSettings(status_port=port)):
        counted = ask(port, "/metrics")[1]
    assert "fluoroinject_objects_duplicate_total 1" in counted  # after a restart too
    assert 'fluoroinject_objects_refused_total{status="0xC111"} 1' in counted
    assert "fluoroinject_associations_accepted_total 3" in counted
    assert 'cause="it is not on the list of callers"} 1' in counted


def test_other_settings_than_before_are_noted_once(tmp_path):
    for memory in (100, 100, 200, 200):
        with running(tmp_path, ServiceSettings(memory_limit_mb=memory)):
            pass
    told = [one.event for one in entries(tmp_path / "audit")]
    assert told.count("started") == 4
    assert told.count("settings changed") == 1  # the first settings are no change


def test_the_probe_of_health_leaves_no_trace(tmp_path, caplog):
    with running(tmp_path, ServiceSettings()) as receiver:
        for _ in range(3):
            assert answers(receiver.station, receiver.port)
        station, port = receiver.station, receiver.port
    assert not answers(station, port)
    assert {one.event for one in entries(tmp_path / "audit")} == {"started", "stopped"}
    assert PROBE not in caplog.text


def test_a_receiver_under_tls_is_probed_too(tmp_path):
    tls = Authority(tmp_path / "certificates").tls("receiver.test")
    station = Station(ae_title="FLUOROINJECT", tls=tls)
    with alone(ListenSettings(spool=tmp_path / "spool"), station, ServiceSettings()) as receiver:
        assert answers(station, receiver.port)


def test_somebody_else_on_the_port_is_no_receiver():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        station = Station(ae_title="X")
        import threading

        def talk() -> None:
            connection, _ = server.accept()
            connection.sendall(b"SSH-2.0-other\r\n")
            connection.close()

        server.settimeout(30)
        thread = threading.Thread(target=talk)
        thread.start()
        assert not answers(station, server.getsockname()[1])
        thread.join()


def test_a_flood_of_strangers_costs_few_lines(tmp_path):
    with running(tmp_path, ServiceSettings()) as receiver:
        for _ in range(40):
            assert push(receiver, make_loop(), calling="STRANGER") is None
    refused = [one for one in entries(tmp_path / "audit") if one.event == "association refused"]
    assert len(refused) < 40
    assert sum(int(one.facts.get("count", 1)) for one in refused) == 40
    for one in refused:
        assert (one.facts["caller"], one.facts["called"]) == ("STRANGER", "FLUOROINJECT")
        assert one.facts["address"] == "127.0.0.1"
        assert one.facts["reason"] == "it is not on the list of callers"


def test_refusals_of_a_moment_tell_who_was_refused_why_and_how_often(tmp_path):
    far = Peer(ae_title="CT\n1", address="192.0.2.1", called="OTHER")
    with witnessed(tmp_path) as witness:
        witness.started()
        witness.rejected(Peer(ae_title="FIRST", address="127.0.0.1", called="X"), "busy")
        witness.rejected(far, "another title")
        for number in range(7):
            witness.rejected(
                Peer(ae_title=f"A{number}", address=f"192.0.2.{number}", called="X"), "no list"
            )
        # and nobody else comes: they are told all the same
        wait_until(lambda: len(list(entries(tmp_path / "audit"))) == 4)
    first, single, many = (
        dict(one.facts) for one in entries(tmp_path / "audit") if "refused" in one.event
    )
    assert first == {"caller": "FIRST", "called": "X", "address": "127.0.0.1", "reason": "busy"}
    assert single == {
        "caller": "CT?1",
        "called": "OTHER",
        "address": "192.0.2.1",
        "reason": "another title",
    }
    assert many == {
        "caller": "A0, A1, A2 and others",
        "called": "X",
        "address": "192.0.2.0, 192.0.2.1, 192.0.2.2 and others",
        "reason": "no list",
        "count": 7,
    }


def test_whom_tls_turns_away_is_in_the_trail(tmp_path):
    authority = Authority(tmp_path / "certificates")
    station = Station(ae_title="FLUOROINJECT", tls=authority.tls("receiver.test"))
    spool = tmp_path / "spool"
    with (
        alone(ListenSettings(spool=spool), station, ServiceSettings()) as receiver,
        socket.create_connection(("127.0.0.1", receiver.port), 10) as plain,
    ):
        plain.sendall(b"\1\0\0\0\0\4data")
        while plain.recv(100):
            pass
    (told,) = (dict(one.facts) for one in entries(spool / "audit") if "refused" in one.event)
    assert told == {"address": "127.0.0.1", "reason": "TLS: it speaks no TLS"}


def test_the_trail_goes_on_to_the_repository_that_the_settings_name(tmp_path, monkeypatch):
    monkeypatch.setattr(syslog, "_PAUSE_S", (0.05, 0.05))
    client, server_tls = certificates(tmp_path / "certificates")
    with AuditRepository(server_tls) as server:
        settings = ServiceSettings(
            audit_host="127.0.0.1", audit_port=server.port, audit_tls=client
        )
        with running(tmp_path / "spool", settings) as receiver:
            push(receiver, make_loop("1.2.3.4"))
            wait_until(lambda: any(b'UID="1.2.3.4"' in one for one in server.messages))


def test_an_object_whose_line_cannot_be_written_is_not_acknowledged(tmp_path, monkeypatch):
    from napari_fluoroinject.spool import audit

    with running(tmp_path, ServiceSettings()) as receiver:
        real = audit._add

        def full(path: Path, line: bytes, *, at: int) -> None:
            if b'"received"' in line or b'"duplicate"' in line:
                raise OSError(28, "No space left on device")
            real(path, line, at=at)

        monkeypatch.setattr(audit, "_add", full)
        assert push(receiver, make_loop("1.2.3.4")) == 0xA700
        monkeypatch.undo()
        assert push(receiver, make_loop("1.2.3.4")) == 0x0000
    assert verify(tmp_path / "audit").broken_at is None


def test_arrivals_that_nobody_waits_for_do_not_pile_up(tmp_path):
    with running(tmp_path, ServiceSettings()) as receiver:
        assert push(receiver, make_loop("1.2.3.4")) == 0x0000
        first = receiver.wait(10.0)
        assert first is not None
        receiver.witness = None
        for _ in range(1500):
            receiver._note(first)
        waiting = 0
        while receiver.wait(0.0) is not None:
            waiting += 1
        assert waiting == 1000
