"""A line of the audit trail as a DICOM audit message (PS3.15 A.5)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as Xml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_fluoroinject.spool.audit_entry import Entry

UNDISCLOSED = "not disclosed"
"""Stands where a message asks for a patient: the trail knows none."""
MEANINGS = {
    "110100": "Application Activity",
    "110103": "DICOM Instances Accessed",
    "110104": "DICOM Instances Transferred",
    "110106": "Export",
    "110107": "Import",
    "110113": "Security Alert",
    "110114": "User Authentication",
    "110120": "Application Start",
    "110121": "Application Stop",
    "110122": "Login",
    "110126": "Node Authentication",
    "110129": "Security Configuration",
    "110131": "Software Configuration",
    "110133": "Audit Recording Stopped",
    "110150": "Application",
    "110151": "Application Launcher",
    "110152": "Destination Role ID",
    "110153": "Source Role ID",
    "110180": "Study Instance UID",
    "110182": "Node ID",
}
"""Meanings of the codes of PS3.16 annex D that are used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How an event is told: message, its type, action, outcome, and which way objects went."""

    event: str
    type: str | None = None
    action: str = "E"
    outcome: int = 0
    way: str = ""


FORMS: Mapping[str, Form] = {
    "started": Form(event="110100", type="110120"),
    "stopped": Form(event="110100", type="110121"),
    "settings changed": Form(event="110113", type="110129"),
    "association accepted": Form(event="110114", type="110122"),
    "association refused": Form(event="110113", type="110126", outcome=8),
    "received": Form(event="110104", action="C", way="in"),
    "duplicate": Form(event="110104", action="R", way="in"),
    "refused": Form(event="110104", action="C", outcome=4, way="in"),
    "conflict": Form(event="110104", action="U", outcome=8, way="in"),
    "found": Form(event="110107", action="C", way="in"),
    "fetched": Form(event="110104", action="C", way="in"),
    "missing": Form(event="110103", action="D", outcome=8),
    "decided": Form(event="110103", action="R"),
    "analysed": Form(event="110103", action="C"),
    "skipped": Form(event="110103", action="R"),
    "failed": Form(event="110103", action="R", outcome=4),
    "again": Form(event="110103", action="R"),
    "queued": Form(event="110103", action="C"),
    "sent": Form(event="110104", action="C", way="out"),
    "stored": Form(event="110106", action="R", way="out"),
    "send failed": Form(event="110104", action="C", outcome=4, way="out"),
    "dead": Form(event="110104", action="C", outcome=8, way="out"),
    "retried": Form(event="110104", action="C", way="out"),
    "dismissed": Form(event="110103", action="U"),
    "commitment asked": Form(event="110103", action="R"),
    "committed": Form(event="110103", action="R"),
    "verified": Form(event="110103", action="R"),
    "purged": Form(event="110103", action="D"),
    "repaired": Form(event="110113", type="110133", outcome=4),
    "alarm": Form(event="110113", type="110131", outcome=8),
}
"""Every event of the trail."""
_PARTICIPANTS = {"in": ("110153", "110152"), "out": ("110152", "110153")}
"""Roles of the other side and of ours, by which way objects went."""


def message(entry: Entry, *, source: str, host: str) -> bytes:
    """Return the XML of a line, by the schema of PS3.15 A.5.1.

    Parameters
    ----------
    entry
        Of the trail.
    source
        AE title of the listener: the audit source.
    host
        Name of this machine.
    """
    form = FORMS[entry.event]
    root = Xml.Element("AuditMessage")
    _identify(root, entry, form)
    us = ("110150",) if not form.way else (_PARTICIPANTS[form.way][1],)
    other = _other(entry, form)
    _participant(root, source, host, roles=us, asks=form.way == "out" or other is None)
    if other is not None:
        name, address, role = other
        _participant(root, name, address, roles=(role,) if role else (), asks=form.way != "out")
    at = Xml.SubElement(root, "AuditSourceIdentification", AuditSourceID=f"{source}@{host}")
    Xml.SubElement(at, "AuditSourceTypeCode", {"csd-code": "4"})
    _objects(root, entry, form, source)
    text: str = Xml.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()


def _identify(root: Xml.Element, entry: Entry, form: Form) -> None:
    event = Xml.SubElement(
        root,
        "EventIdentification",
        EventActionCode=form.action,
        EventDateTime=entry.at,
        EventOutcomeIndicator=str(form.outcome),
    )
    _code(event, "EventID", form.event)
    if form.type is not None:
        _code(event, "EventTypeCode", form.type)
    facts = "; ".join(f"{name} {value}" for name, value in entry.facts.items())
    described = Xml.SubElement(event, "EventOutcomeDescription")
    # number and hash of the line: the repository can tell repetitions and gaps
    described.text = f"{entry.event}; {facts}; line {entry.number}; hash {entry.hash}"


def _other(entry: Entry, form: Form) -> tuple[str, str | None, str] | None:
    """Name, address and role of the other side; None where there is none."""
    facts = entry.facts
    if form.event == "110100":
        # whoever started the service is not known to it: recorded as such (PS3.15 A.5.3.1)
        return str(facts.get("user", "anonymous")), None, "110151"
    name = facts.get("destination") if form.way == "out" else facts.get("caller")
    address = facts.get("address")
    if ", " in str(address):  # of several: the description names them
        address = None
    if name is None and address is None and not form.way:
        return None
    role = _PARTICIPANTS[form.way][0] if form.way else ""
    return str(name or "unknown"), None if address is None else str(address), role


def _participant(
    root: Xml.Element, name: str, address: str | None, *, roles: tuple[str, ...], asks: bool
) -> None:
    one = Xml.SubElement(root, "ActiveParticipant", UserID=name, UserIsRequestor=str(asks).lower())
    if address is not None:
        one.set("NetworkAccessPointID", address)
        one.set("NetworkAccessPointTypeCode", "2" if _is_address(address) else "1")
    for role in roles:
        _code(one, "RoleIDCode", role)


def _objects(root: Xml.Element, entry: Entry, form: Form, source: str) -> None:
    """The study and its patient; of an alert the node that it is about."""
    facts = entry.facts
    if form.event == "110113":
        node = _object(root, str(facts.get("caller", source)), kind="2", role="13")
        _code(node, "ParticipantObjectIDTypeCode", "110182")
        Xml.SubElement(node, "ParticipantObjectName").text = entry.event
    elif form.event not in ("110100", "110114"):
        study = _object(root, str(facts.get("study_instance_uid", "unknown")), kind="2", role="3")
        _code(study, "ParticipantObjectIDTypeCode", "110180")
        Xml.SubElement(study, "ParticipantObjectName").text = "study"
        if "sop_instance_uid" in facts:
            described = Xml.SubElement(study, "ParticipantObjectDescription")
            kind = Xml.SubElement(described, "SOPClass", NumberOfInstances="1")
            if "sop_class_uid" in facts:
                kind.set("UID", str(facts["sop_class_uid"]))
            Xml.SubElement(kind, "Instance", UID=str(facts["sop_instance_uid"]))
        patient = _object(root, UNDISCLOSED, kind="1", role="1")
        code = {"csd-code": "2", "codeSystemName": "RFC-3881", "originalText": "Patient Number"}
        Xml.SubElement(patient, "ParticipantObjectIDTypeCode", code)
        Xml.SubElement(patient, "ParticipantObjectName").text = UNDISCLOSED


def _object(root: Xml.Element, name: str, *, kind: str, role: str) -> Xml.Element:
    return Xml.SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=name,
        ParticipantObjectTypeCode=kind,
        ParticipantObjectTypeCodeRole=role,
    )


def _code(parent: Xml.Element, name: str, value: str) -> None:
    attributes = {"csd-code": value, "codeSystemName": "DCM", "originalText": MEANINGS[value]}
    Xml.SubElement(parent, name, attributes)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
