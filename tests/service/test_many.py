"""Many notes that are alike cost few lines, and none is lost."""

from __future__ import annotations

import time
from collections import Counter

from napari_fluoroinject.endpoints.allow import Peer
from napari_fluoroinject.endpoints.judge import CONFLICT
from napari_fluoroinject.endpoints.storage_scp import Refused
from napari_fluoroinject.service.witness import witnessed
from napari_fluoroinject.spool.audit_check import recent

PEER = Peer(ae_title="CARM", address="127.0.0.1")


def refused(number: int, *, status: int = 0xA900, caller: str = "CARM") -> Refused:
    return Refused(
        status=status,
        reason="no UID",
        sop_instance_uid=f"1.2.{number}",
        caller=caller,
        address="127.0.0.1",
    )


def test_a_flood_of_an_admitted_peer_costs_few_lines_and_none_is_lost(tmp_path):
    with witnessed(tmp_path) as witness:
        for number in range(500):
            witness.accepted(PEER)
            witness.refused(refused(number))
            witness.refused(refused(number, status=CONFLICT))
            witness.rejected(PEER, "not on the list")
    entries = list(recent(tmp_path / "audit"))
    counted: Counter[str] = Counter()
    for one in entries:
        counted[one.event] += int(one.facts.get("count", 1))
    for event in ("association accepted", "association refused", "refused", "conflict"):
        assert counted[event] == 500
    assert len(entries) < 500
    summed = [one for one in entries if one.event == "refused" and "count" in one.facts]
    assert {one.facts["caller"] for one in summed} == {"CARM"}
    assert all(str(one.facts["first_at"]) <= str(one.facts["last_at"]) for one in summed)


def test_many_that_are_not_alike_cost_few_lines_too(tmp_path):
    with witnessed(tmp_path) as witness:
        for number in range(300):
            witness.refused(refused(number, caller=f"CARM{number}"))
    entries = [one for one in recent(tmp_path / "audit") if one.event == "refused"]
    assert sum(int(one.facts.get("count", 1)) for one in entries) == 300
    assert len(entries) < 150


def test_what_was_counted_is_noted_though_nobody_calls_again(tmp_path):
    with witnessed(tmp_path) as witness:
        for _ in range(20):
            witness.accepted(PEER)
        deadline = time.monotonic() + 30
        while not any("count" in one.facts for one in recent(tmp_path / "audit")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
