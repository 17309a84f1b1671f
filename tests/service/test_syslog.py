"""The audit trail reaches a repository whole and in order, and never waits for it."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as Xml

import pytest
from audit_repository import AuditRepository, certificates

from napari_fluoroinject.errors import EndpointError, SettingsError, StorageError
from napari_fluoroinject.service import syslog
from napari_fluoroinject.service.atna import FORMS, UNDISCLOSED, message
from napari_fluoroinject.service.syslog import (
    Repository,
    forwarding,
    repository_of,
    send_new,
    unsent,
)
from napari_fluoroinject.settings.network import ServiceSettings
from napari_fluoroinject.spool.audit import Trail
from napari_fluoroinject.spool.audit_check import entries
from napari_fluoroinject.spool.audit_entry import EVENTS, Entry

if TYPE_CHECKING:
    from pathlib import Path

    from napari_fluoroinject.settings.network import Tls

pytestmark = pytest.mark.network
SYSLOG = re.compile(
    rb"<85>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00) (\S+) fluoroinject (\d+) "
    rb"DICOM\+RFC3881 - \xef\xbb\xbf(<\?xml .*)",
    re.DOTALL,
)


@pytest.fixture(scope="module")
def tls(tmp_path_factory) -> tuple[Tls, Tls]:
    return certificates(tmp_path_factory.mktemp("certificates"))


def at(server: AuditRepository, tls: tuple[Tls, Tls]) -> Repository:
    return Repository(host="127.0.0.1", port=server.port, tls=tls[0])


def note(folder: Path, count: int) -> None:
    with Trail(folder) as trail:
        for number in range(count):
            trail.note("received", sop_instance_uid=f"1.2.{number}", caller="CARM")


def lines_in(messages: list[bytes]) -> list[int]:
    """Numbers of the trail's lines that the messages tell of."""
    return [int(re.findall(rb"; line (\d+); hash [0-9a-f]{64}<", one)[0]) for one in messages]


def test_every_line_arrives_once_in_order_as_a_syslog_message(tmp_path, tls):
    note(tmp_path, 450)  # more than one connection's worth
    with AuditRepository(tls[1]) as server:
        assert unsent(tmp_path) == 450
        assert send_new(tmp_path, at(server, tls), source="FLUOROINJECT") == 450
        assert send_new(tmp_path, at(server, tls), source="FLUOROINJECT") == 0
        note(tmp_path, 1)
        assert send_new(tmp_path, at(server, tls), source="FLUOROINJECT") == 1
    assert lines_in(server.messages) == list(range(1, 452))
    assert unsent(tmp_path) == 0
    for one, entry in zip(server.messages, entries(tmp_path), strict=True):
        seen = SYSLOG.fullmatch(one)
        assert seen
        assert seen[1].decode() == entry.at
        assert Xml.fromstring(seen[4]).tag == "AuditMessage"


def test_a_repository_that_is_down_loses_nothing(tmp_path, tls):
    note(tmp_path, 5)
    with AuditRepository(tls[1]) as server:
        where = at(server, tls)
    with pytest.raises(EndpointError, match="takes nothing"):
        send_new(tmp_path, where, source="X")
    note(tmp_path, 2)
    with AuditRepository(tls[1], port=where.port) as server:
        assert send_new(tmp_path, where, source="X") == 7
    assert lines_in(server.messages) == [1, 2, 3, 4, 5, 6, 7]


def test_what_a_repository_did_not_finish_reading_is_sent_again(tmp_path, tls):
    note(tmp_path, 40)
    with AuditRepository(tls[1], deaf_after=10) as server:
        with pytest.raises(EndpointError):
            send_new(tmp_path, at(server, tls), source="X")
        assert unsent(tmp_path) == 40
        assert send_new(tmp_path, at(server, tls), source="X") == 40
    assert lines_in(server.messages) == [*range(1, 11), *range(1, 41)]


def test_what_a_server_drops_without_the_farewell_of_tls_stays_due(tmp_path, tls):
    """RFC 5425 4.4 demands it; without it nobody knows what was read."""
    note(tmp_path, 3)
    with AuditRepository(tls[1], farewell=False) as server, pytest.raises(EndpointError):
        send_new(tmp_path, at(server, tls), source="X")
    assert unsent(tmp_path) == 3


def test_a_place_that_was_lost_or_damaged_sends_again_rather_than_not_at_all(tmp_path, tls):
    note(tmp_path, 3)
    with AuditRepository(tls[1]) as server:
        send_new(tmp_path, at(server, tls), source="X")
        (tmp_path / "sent.json").write_bytes(b'{"number": ')
        assert send_new(tmp_path, at(server, tls), source="X") == 3
    assert lines_in(server.messages) == [1, 2, 3, 1, 2, 3]


def test_a_trail_that_lost_what_was_sent_is_told(tmp_path, tls):
    note(tmp_path, 5)
    with AuditRepository(tls[1]) as server:
        send_new(tmp_path, at(server, tls), source="X")
        (path,) = tmp_path.glob("*.jsonl")
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
        note(tmp_path, 4)
        with pytest.raises(StorageError, match="gone or changed"):
            send_new(tmp_path, at(server, tls), source="X")


def test_the_settings_name_a_repository_with_tls_or_none(tls):
    assert repository_of(ServiceSettings()) is None
    named = repository_of(ServiceSettings(audit_host="arr.example", audit_tls=tls[0]))
    assert named == Repository(host="arr.example", port=6514, tls=tls[0])
    with pytest.raises(SettingsError, match="without TLS"):
        repository_of(ServiceSettings(audit_host="arr.example"))


@pytest.mark.parametrize("fault", ["name", "authority", "no certificate"])
def test_nothing_is_said_to_a_server_that_is_not_the_right_one(tmp_path, tls, fault):
    note(tmp_path / "audit", 1)
    mine, theirs = tls
    if fault == "name":
        mine = replace(mine, name="other.test")
    elif fault == "authority":
        mine = replace(mine, ca=certificates(tmp_path / "other")[0].ca)
    else:
        mine = replace(mine, certificate=None, key=None)
    with AuditRepository(theirs) as server:
        where = Repository(host="127.0.0.1", port=server.port, tls=mine)
        with pytest.raises(EndpointError):
            send_new(tmp_path / "audit", where, source="X")
    assert server.messages == []
    assert unsent(tmp_path / "audit") == 1


def test_lines_are_forwarded_as_they_come_and_noting_never_waits(tmp_path, tls, monkeypatch):
    monkeypatch.setattr(syslog, "_PAUSE_S", (0.05, 0.05))
    with AuditRepository(tls[1]) as server:
        where = at(server, tls)
    with forwarding(tmp_path, where, source="X") as thread:
        note(tmp_path, 5)  # nobody is there
        assert thread.is_alive()
        with AuditRepository(tls[1], port=where.port) as server:
            deadline = time.monotonic() + 60
            while len(server.messages) < 5 or unsent(tmp_path):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            note(tmp_path, 3)
            while len(server.messages) < 8 or unsent(tmp_path):
                assert time.monotonic() < deadline
                time.sleep(0.02)
    assert not thread.is_alive()
    assert lines_in(server.messages) == list(range(1, 9))


CODED = {"csd-code", "codeSystemName", "displayName", "originalText"}
SCHEMA: dict[str, tuple[set[str], set[str], tuple[str, ...]]] = {
    # element: attributes that must be there, that may, and children in order (* any, + some)
    "AuditMessage": (
        set(),
        set(),
        (
            "EventIdentification",
            "ActiveParticipant+",
            "AuditSourceIdentification",
            "ParticipantObjectIdentification*",
        ),
    ),
    "EventIdentification": (
        {"EventDateTime", "EventOutcomeIndicator"},
        {"EventActionCode"},
        ("EventID", "EventTypeCode*", "EventOutcomeDescription?"),
    ),
    "ActiveParticipant": (
        {"UserID", "UserIsRequestor"},
        {
            "AlternativeUserID",
            "UserName",
            "NetworkAccessPointID",
            "NetworkAccessPointTypeCode",
        },
        ("RoleIDCode*", "MediaIdentifier?"),
    ),
    "AuditSourceIdentification": (
        {"AuditSourceID"},
        {"AuditEnterpriseSiteID"},
        ("AuditSourceTypeCode*",),
    ),
    "ParticipantObjectIdentification": (
        {"ParticipantObjectID"},
        {
            "ParticipantObjectTypeCode",
            "ParticipantObjectTypeCodeRole",
            "ParticipantObjectDataLifeCycle",
            "ParticipantObjectSensitivity",
        },
        (
            "ParticipantObjectIDTypeCode",
            "ParticipantObjectName",
            "ParticipantObjectDetail*",
            "ParticipantObjectDescription*",
        ),
    ),
    "ParticipantObjectDescription": (set(), set(), ("MPPS*", "Accession*", "SOPClass*")),
    "SOPClass": ({"NumberOfInstances"}, {"UID"}, ("Instance*",)),
    "Instance": ({"UID"}, set(), ()),
    "AuditSourceTypeCode": ({"csd-code"}, CODED, ()),
    "ParticipantObjectName": (set(), set(), ()),
    "EventOutcomeDescription": (set(), set(), ()),
    **{
        name: (CODED - {"displayName"}, CODED, ())
        for name in ("EventID", "EventTypeCode", "RoleIDCode", "ParticipantObjectIDTypeCode")
    },
}
VALUES = {
    "EventActionCode": ["C", "R", "U", "D", "E"],
    "EventOutcomeIndicator": ["0", "4", "8", "12"],
    "UserIsRequestor": ["true", "false"],
    "NetworkAccessPointTypeCode": ["1", "2", "3", "4", "5"],
    "ParticipantObjectTypeCode": ["1", "2", "3", "4"],
    "ParticipantObjectTypeCodeRole": [str(n) for n in range(1, 27)],
}


def check_element(element: Xml.Element) -> None:
    """The RELAX NG schema of PS3.15 A.5.1.1, element by element."""
    must, may, children = SCHEMA[element.tag]
    assert must <= set(element.attrib) <= must | may, element.tag
    for name, value in element.attrib.items():
        assert value in VALUES.get(name, [value]), (name, value)
    order = "".join(f"(<{one.rstrip('*+?')}>){one[len(one.rstrip('*+?')) :]}" for one in children)
    assert re.fullmatch(order, "".join(f"<{one.tag}>" for one in element)), element.tag
    for child in element:
        check_element(child)


FACTS: dict[str, Any] = {
    "sop_instance_uid": "1.2.3",
    "sop_class_uid": "1.2.840.10008.5.1.4.1.1.12.1",
    "study_instance_uid": "1.2",
    "caller": "CARM<&>",
    "address": "10.0.0.7",
    "destination": "pacs://A:B@host:104",
    "status": 0xA900,
    "reason": 'a "reason" with <markup> & more',
}


def entry_of(event: str, facts: dict[str, Any]) -> Entry:
    return Entry(
        number=7,
        at="2026-11-22T13:00:00.000+00:00",
        event=event,
        facts=facts,
        before="0" * 64,
        hash="1" * 64,
    )


def test_every_event_of_the_trail_has_its_message():
    assert FORMS.keys() == EVENTS


@pytest.mark.parametrize("event", sorted(EVENTS))
@pytest.mark.parametrize("facts", [FACTS, {}], ids=["full", "bare"])
def test_every_message_is_valid_by_the_schema_of_the_standard(event, facts):
    root = Xml.fromstring(message(entry_of(event, facts), source="FLUORO", host="theatre1"))
    check_element(root)
    for one in root.iter("ParticipantObjectIdentification"):
        if one.get("ParticipantObjectTypeCodeRole") == "1":
            assert one.get("ParticipantObjectID") == UNDISCLOSED


def told(event: str) -> Xml.Element:
    return Xml.fromstring(message(entry_of(event, FACTS), source="FLUORO", host="theatre1"))


def requestors(root: Xml.Element) -> list[str]:
    return [
        str(one.get("UserID"))
        for one in root.iter("ActiveParticipant")
        if one.get("UserIsRequestor") == "true"
    ]


def test_a_received_object_comes_from_the_caller_who_asked_for_it():
    root = told("received")
    assert root.find("EventIdentification/EventID").get("csd-code") == "110104"
    roles = {
        one.get("UserID"): one.find("RoleIDCode").get("csd-code")
        for one in root.iter("ActiveParticipant")
    }
    assert roles == {"CARM<&>": "110153", "FLUORO": "110152"}
    assert requestors(root) == ["CARM<&>"]
    assert root.find(".//Instance").get("UID") == "1.2.3"


def test_a_result_that_was_sent_comes_from_us():
    root = told("sent")
    roles = {
        one.get("UserID"): one.find("RoleIDCode").get("csd-code")
        for one in root.iter("ActiveParticipant")
    }
    assert roles == {"pacs://A:B@host:104": "110152", "FLUORO": "110153"}
    assert requestors(root) == ["FLUORO"]


def test_nobody_known_started_the_service_and_that_is_what_is_recorded():
    root = Xml.fromstring(message(entry_of("started", {}), source="FLUORO", host="h"))
    assert requestors(root) == ["anonymous"]
    assert root.find("EventIdentification/EventTypeCode").get("csd-code") == "110120"


def test_a_caller_who_is_refused_is_a_security_alert():
    root = told("association refused")
    assert root.find("EventIdentification/EventID").get("csd-code") == "110113"
    assert root.find("EventIdentification/EventTypeCode").get("csd-code") == "110126"
    assert root.find("EventIdentification").get("EventOutcomeIndicator") == "8"
