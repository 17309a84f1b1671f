"""Counters, health and page tell what the spool holds, to this machine alone."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import time
from contextlib import contextmanager
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from prepared import ARCHIVE, ROOT_UID, prepare, uid

from napari_fluoroinject.errors import EndpointError
from napari_fluoroinject.service import reading
from napari_fluoroinject.service.health import alarms
from napari_fluoroinject.service.numbers import Numbers
from napari_fluoroinject.service.status import Sources, start
from napari_fluoroinject.service.status_page import page
from napari_fluoroinject.spool.audit import Trail
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.queue import Outgoing, Queue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_fluoroinject.service.status import StatusServer

pytestmark = pytest.mark.network
RUNNING = {"receiver": True, "worker": True, "sender": True}


def sources(**changed: Any) -> Sources:
    usual = {"reserve_bytes": 1, "parts": lambda: RUNNING, "echoes": lambda: True}
    return Sources(**usual | {"associations": lambda: 3} | changed)


@contextmanager
def serving(root: Path, **changed: Any) -> Iterator[StatusServer]:
    with start(root, port=0, sources=sources(**changed)) as server:
        yield server


def ask(
    server: StatusServer, path: str = "/", *, method: str = "GET", host: str | None = None
) -> tuple[int, http.client.HTTPMessage, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        headers = {} if host is None else {"Host": host}
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def samples(text: str) -> dict[str, float]:
    """Read the text format, strictly: help, type, then samples of that name."""
    found: dict[str, float] = {}
    current = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split()[2]
        elif line.startswith("# TYPE "):
            assert line.split()[2] == current
            assert line.split()[3] in ("counter", "gauge")
        else:
            match = re.fullmatch(
                r"([a-z_]+)(\{[a-z]+=\"[^\"]*\"(,[a-z]+=\"[^\"]*\")*\})? (\S+)", line
            )
            assert match, line
            assert match[1] == current
            assert line.rsplit(" ", 1)[0] not in found
            found[line.rsplit(" ", 1)[0]] = float(match[4])
    assert text.endswith("\n")
    return found


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    prepare(tmp_path / "spool", now_s=time.time())
    return tmp_path / "spool"


def test_the_counters_are_those_of_the_spool(spool):
    with serving(spool) as server:
        status, headers, text = ask(server, "/metrics")
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    found = {name.removeprefix("fluoroinject_"): value for name, value in samples(text).items()}
    told = {
        "objects_received_total": 9,
        "bytes_received_total": 9 * 25_000_000,
        "objects_duplicate_total": 2,
        'objects_refused_total{status="0xC111"}': 2,
        'objects_refused_total{status="0xA900"}': 1,
        "associations_accepted_total": 11,
        'associations_refused_total{cause="caller"}': 4,
        "associations_open": 3,
        'jobs{state="waiting"}': 1,
        'jobs{state="working"}': 1,
        'jobs{state="done"}': 5,
        'jobs{state="failed"}': 1,
        'jobs{state="skipped"}': 1,
        'queue{state="new"}': 7,
        'queue{state="sent"}': 13,
        'queue{state="committed"}': 14,
        'queue{state="dead"}': 1,
        "quarantine_objects": 1,
        "quarantine_bytes": 2_100_000,
        "last_analysis_seconds": 7.5,
        'alarm{id="unsent"}': 1,
        'alarm{id="disk"}': 0,
        'part_up{part="sender"}': 1,
        "receiver_echo_up": 1,
        "database_up": 1,
    }
    assert {name: found.get(name) for name in told} == told
    assert found["queue_oldest_unsent_seconds"] >= 100_000
    assert found["spool_free_bytes"] > 0
    assert found["resident_memory_bytes"] > 1_000_000


def test_no_counter_names_an_object_or_a_person(spool):
    with serving(spool) as server:
        text = ask(server, "/metrics")[2]
    assert ROOT_UID not in text
    assert "CARM" not in text
    assert not re.search(r"\d+\.\d+\.\d+\.\d+\.\d+", text)


def test_the_page_shows_the_numbers_and_the_end_of_each_uid_alone(spool):
    with serving(spool) as server:
        status, _, text = ask(server)
    assert status == 200
    for name, number in (("received", 9), ("analysed", 5), ("returned", 27), ("queue", 7)):
        assert f'id="count-{name}">{number}<' in text
    assert 'id="count-failed">▲ 2<' in text
    assert f"…{uid(8)[-12:]}" in text
    assert ROOT_UID not in text
    assert "Research software, not a medical device" in text
    assert "by worklist" in text
    assert "<b>look</b>" not in text


@pytest.mark.parametrize("trouble", [True, False])
def test_the_page_never_clears_anything(tmp_path, trouble):
    prepare(tmp_path, now_s=time.time(), trouble=trouble)
    with serving(tmp_path) as server:
        text = ask(server)[2].lower()
    words = re.sub(r"(?s)<(style|script).*?</\1>|<[^>]+>", " ", text)
    assert not re.search(r"\b(safe|negative|clear|all good|ok|normal)\b", words)
    assert words.count("none raised") == words.count("not a clearance") > 0


def test_a_service_without_trouble_is_up_and_needs_nobody(tmp_path):
    prepare(tmp_path, now_s=time.time(), trouble=False)
    with serving(tmp_path) as server:
        status, _, text = ask(server, "/healthz")
        page_text = ask(server)[2]
    assert status == 200
    assert json.loads(text)["status"] == "up"
    assert json.loads(text)["reasons"] == json.loads(text)["notices"] == []
    assert "A person is needed" not in page_text


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"reserve_bytes": 1 << 60}, "disk"),
        ({"echoes": lambda: False}, "receiver"),
        ({"parts": lambda: RUNNING | {"sender": False}}, "sender"),
        ({"parts": lambda: RUNNING | {"worker": False}}, "worker"),
    ],
)
def test_each_part_that_stops_is_a_reason_and_an_alarm(tmp_path, changed, reason, monkeypatch):
    prepare(tmp_path, now_s=time.time(), trouble=False)
    monkeypatch.setattr(reading, "_STARTING_S", 0.0)
    with serving(tmp_path, **changed) as server:
        status, _, text = ask(server, "/healthz")
        counted = samples(ask(server, "/metrics")[2])
        page_text = ask(server)[2]
    assert status == 503
    assert [one["id"] for one in json.loads(text)["reasons"]] == [reason]
    assert counted[f'fluoroinject_alarm{{id="{reason}"}}'] == 1
    assert "A person is needed" in page_text
    assert json.loads(text)["reasons"][0]["text"] in page_text.replace("&#x27;", "'")


def test_a_result_unsent_for_more_than_a_day_is_a_reason(spool):
    with serving(spool) as server:
        status, _, text = ask(server, "/healthz")
    assert status == 503
    told = json.loads(text)
    assert [one["id"] for one in told["reasons"]] == ["unsent"]
    assert {one["id"] for one in told["notices"]} == {"delayed", "dead", "failed", "quarantine"}


def test_a_destination_that_takes_nothing_is_named_within_minutes(tmp_path):
    now_s = time.time()
    entry = Outgoing(
        sop_instance_uid="1.2.3",
        sop_class_uid="1.2",
        sha256="0" * 64,
        path=tmp_path / "x.dcm",
        destination="archive",
        source_uid="1.2",
    )
    with Database(tmp_path) as database, Trail(tmp_path / "audit") as trail:
        Queue(database).add([entry], now_s=now_s - 301.0)
        trail.note("send failed", destination="archive", reason="nobody answers at <pacs>")
    with serving(tmp_path) as server:
        status, _, text = ask(server, "/healthz")
        shown = unescape(ask(server)[2])
        assert samples(ask(server, "/metrics")[2])['fluoroinject_alarm{id="delayed"}'] == 1
    (notice,) = json.loads(text)["notices"]
    assert (status, notice["id"]) == (200, "delayed")
    assert notice["text"] == (
        "1 result waits to be sent to archive, the oldest for 5 min; "
        "last error: nobody answers at <pacs>."
    )
    assert notice["text"] in shown
    with serving(tmp_path, notice_after_s=600.0) as server:
        assert json.loads(ask(server, "/healthz")[2])["notices"] == []


def test_a_start_is_no_alarm_and_a_part_that_stops_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_FRESH_S", 0.0)
    runs = {"worker": True, "sender": False}
    with serving(tmp_path, parts=lambda: dict(runs)) as server:
        status, _, text = ask(server, "/healthz")
        assert (status, json.loads(text)["status"]) == (200, "starting")
        shown = ask(server)[2]
        assert "the service starts" in shown
        assert "sender starts" in shown
        assert "A person is needed" not in shown
        runs["sender"] = True
        assert json.loads(ask(server, "/healthz")[2])["status"] == "up"
        runs["sender"] = False
        assert ask(server, "/healthz")[0] == 503


def test_what_our_own_check_refused_is_not_laid_to_the_archive():
    usual = {"now_s": 0.0, "version": "0", "started_s": 0.0}
    (held,) = alarms(Numbers(**usual, queue={"held": 2, "dismissed": 3}))
    assert held.id == "held"
    assert "our own check" in held.text
    assert "refused by the archive" not in held.text
    assert [one.id for one in alarms(Numbers(**usual, queue={"dead": 2}))] == ["dead"]


def test_times_on_the_page_have_a_zone(spool):
    with serving(spool) as server:
        shown = re.findall(r"<time [^>]*>([^<]*)</time>", ask(server)[2])
    assert shown
    assert all(re.search(r" [+-]\d\d:\d\d$", one) for one in shown)


def test_a_damaged_database_is_told_and_everything_still_answers(spool):
    (spool / "state.sqlite").write_bytes(b"no database" * 1000)
    for end in ("-wal", "-shm"):
        (spool / f"state.sqlite{end}").unlink(missing_ok=True)
    with serving(spool) as server:
        status, _, text = ask(server, "/healthz")
        assert (status, json.loads(text)["reasons"][0]["id"]) == (503, "database")
        assert samples(ask(server, "/metrics")[2])["fluoroinject_database_up"] == 0
        assert ask(server)[0] == 200


def test_a_spool_that_is_removed_under_the_service_is_told(spool, monkeypatch):
    monkeypatch.setattr(reading, "_FRESH_S", 0.0)
    with serving(spool) as server:
        assert ask(server)[0] == 200
        shutil.rmtree(spool)
        assert ask(server, "/healthz")[0] in (200, 503)
        assert ask(server)[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", ""])
def test_a_name_of_another_machine_is_not_answered(spool, host):
    with serving(spool) as server:
        status, _, text = ask(server, host=host)
        assert status == 421
        assert "Received" not in text
        assert ask(server, host=f"localhost:{server.port}")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "X"])
def test_nothing_can_be_changed_from_there(spool, method):
    with serving(spool) as server:
        status, headers, _ = ask(server, method=method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_head_answers_without_content_and_other_paths_are_not_there(spool):
    with serving(spool) as server:
        status, headers, text = ask(server, "/metrics", method="HEAD")
        assert (status, text) == (200, "")
        assert int(headers["Content-Length"]) > 100
        for path in ("/state.sqlite", "/../audit", "/metrics/x"):
            assert ask(server, path)[0] == 404


def test_every_answer_forbids_foreign_content_and_framing(spool):
    with serving(spool) as server:
        answers = [ask(server, path)[1] for path in ("/", "/metrics", "/healthz", "/none")]
        first, second = (ask(server)[1]["Content-Security-Policy"] for _ in range(2))
    for headers in answers:
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "Python" not in headers["Server"]
    assert "unsafe-inline" not in first
    assert first != second  # a nonce is used once


def test_silent_and_malformed_callers_hold_nobody_up(spool):
    with serving(spool) as server:
        silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(10)]
        for line in (
            b"\x00\xff\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"A" * 70_000,
        ):
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as other:
                try:
                    other.sendall(line + b"\r\n\r\n")
                    while other.recv(4096):
                        pass
                except ConnectionError:
                    pass
        assert ask(server, "/healthz")[0] in (200, 503)
        for one in silent:
            one.close()


def test_a_port_that_is_taken_is_told(spool):
    with (
        serving(spool) as server,
        pytest.raises(EndpointError, match="free port"),
        start(spool, port=server.port),
    ):
        pass


def test_it_listens_on_loopback_alone(spool):
    with serving(spool) as server:
        assert server.server_address[0] == "127.0.0.1"


def test_the_spool_alone_is_enough_to_show_it(spool):
    with start(spool, port=0) as server:
        assert ask(server)[0] == 200
        assert "receiver_echo_up" not in ask(server, "/metrics")[2]


def test_whatever_a_peer_calls_itself_is_shown_as_text():
    numbers = Numbers(
        now_s=0.0,
        version="0",
        started_s=0.0,
        database_fault='<script>alert(1)</script>"',
        parts={"<i>": True},
    )
    text = page(numbers, nonce="n")
    assert "<script>alert" not in text
    assert "<i>" not in text
    assert len(alarms(numbers)) == 1


def test_results_for_an_endpoint_that_the_settings_do_not_know_call_a_person(spool):
    raised = 'fluoroinject_alarm{id="destination"}'
    with serving(spool, knows=lambda destination: destination != ARCHIVE) as server:
        text = ask(server)[2]
        assert samples(ask(server, "/metrics")[2])[raised] == 1
    assert f"Results wait for {ARCHIVE}" in text
    with serving(spool, knows=lambda _: True) as server:
        assert samples(ask(server, "/metrics")[2])[raised] == 0
