"""`fluoroinject queue` shows what is on its way and what failed, and tries it again."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from napari_fluoroinject.cli import app
from napari_fluoroinject.spool.audit_check import recent
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.index import Arrival, Index
from napari_fluoroinject.spool.jobs import Jobs
from napari_fluoroinject.spool.outgoing import Outgoing
from napari_fluoroinject.spool.overview import overview
from napari_fluoroinject.spool.queue import Queue

if TYPE_CHECKING:
    from pathlib import Path


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["queue", *words])
    return result.exit_code, result.output


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """One entry of each kind, and a failed job."""
    root = tmp_path / "spool"
    now_s = time.time()
    with Database(root) as database:
        queue, jobs = Queue(database), Jobs(database)
        for number in (1, 2, 3):
            queue.add([_entry(root, number)], now_s=now_s)
        first, second, third = queue.take(now_s=now_s, limit=3)
        queue.failed(
            first.number, error="refused: 0xA900", status=0xA900, permanent=True, now_s=now_s
        )
        queue.failed(
            second.number, error="nobody\x1b answers", status=None, permanent=False, now_s=now_s
        )
        queue.sent(third.number, status=0, now_s=now_s)
        queue.verified(third.number, now_s=now_s)
        Index(database).add(_arrival(root), job=True)
        jobs.claim(now_s + 1)
        jobs.failed("1.2.3", reason="it was cut", retry_s=None, now_s=now_s)
    return root


def _entry(root: Path, number: int) -> Outgoing:
    return Outgoing(
        sop_instance_uid=f"1.2.3.{number}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.88.33",
        sha256="0" * 64,
        path=root / f"{number}.dcm",
        destination="archive",
        source_uid="1.2.3",
    )


def _arrival(root: Path) -> Arrival:
    return Arrival(
        sop_instance_uid="1.2.3",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.12.1",
        study_instance_uid="1.2",
        series_instance_uid="1.2.9",
        sha256="1" * 64,
        size_bytes=1,
        caller="CARM",
        address="127.0.0.1",
        received_s=1.0,
        path=root / "loop.dcm",
    )


def test_it_tells_what_is_not_known_to_be_kept_and_why(spool):
    status, told = run("--spool", str(spool))
    assert status == 0
    for part in ("1 new, 1 committed, 1 dead", "0xA900", "next try", "it was cut", "nobody? answ"):
        assert part in " ".join(told.split())
    assert "1.2.3.3" not in told
    assert "1.2.3.2" not in run("--spool", str(spool), "--dead")[1]


def test_json_is_one_document(spool):
    told = json.loads(run("--spool", str(spool), "--json")[1])
    assert told["queue"]["dead"] == told["jobs"]["failed"] == 1
    assert [one["number"] for one in told["entries"]] == [1, 2]
    assert told["entries"][0]["alarm"] is True
    assert told["failed_jobs"][0]["reason"] == "it was cut"


@pytest.mark.parametrize(
    ("words", "state"), [(("all",), "new"), (("1",), "new"), (("2",), "dead")]
)
def test_an_entry_is_tried_again_where_it_is_asked_for(spool, words, state):
    status, _ = run("--spool", str(spool), *(w for one in words for w in ("--retry", one)))
    assert status == 0
    with Database(spool) as database:
        first, second, _ = Queue(database).every()
    assert (first.state, second.state) == (state, "new")
    assert (second.next_try_s == 0) == (words != ("1",))


def test_it_says_what_a_retry_has_done_and_that_it_is_tried_now(spool):
    told = " ".join(run("--spool", str(spool), "--retry", "all")[1].split())
    assert "sent now: 1 given up, 1 waiting" in told
    assert told.count("next try now") == 2
    assert "1970" not in told


def test_what_a_person_dismisses_stays_and_calls_nobody_any_more(spool):
    why = ("--why", "sent by CD")
    told = run("--spool", str(spool), "--dismiss", "1", "--dismiss", "1.2.3", *why, "--json")[1]
    assert [one["number"] for one in json.loads(told)["entries"]] == [2]
    assert json.loads(told)["failed_jobs"] == []
    assert json.loads(told)["queue"]["dead"] == json.loads(told)["jobs"]["failed"] == 1
    every = " ".join(run("--spool", str(spool), "--all")[1].split())
    assert "refused by its destination; dismissed" in every
    assert "1.2.3 (dismissed): it was cut" in every
    noted = [one for one in recent(spool / "audit") if one.event == "dismissed"]
    assert [one.facts for one in noted] == [
        {"number": 1, "reason": "sent by CD"},
        {"sop_instance_uid": "1.2.3", "reason": "sent by CD"},
    ]
    with Database(spool) as database:
        assert Queue(database).alarms(now_s=time.time()) == ()
        found = overview(database, recent=1)
        assert (found.jobs, found.queue["dismissed"]) == ({"dismissed": 1}, 1)
        assert "dead" not in found.queue
    run("--spool", str(spool), "--retry", "all")
    with Database(spool) as database:
        assert Queue(database).every()[0].state == "dead"  # a person's decision holds
    run("--spool", str(spool), "--retry", "1", "--again", "1.2.3")
    with Database(spool) as database:
        assert Queue(database).every()[0].dismissed_s is None
        assert Jobs(database).get("1.2.3").dismissed_s is None


def test_an_entry_that_our_own_check_refused_is_not_laid_to_the_archive(spool):
    with Database(spool) as database:
        queue = Queue(database)
        queue.retry(2)
        (entry,) = queue.take(now_s=time.time(), limit=1)
        queue.held_back(entry.number, error="its file was changed", now_s=time.time())
    told = " ".join(run("--spool", str(spool), "--dead")[1].split())
    assert told.count("refused by its destination") == 1
    assert "(refused by our own check, not sent; needs a person): its file was changed" in told


def test_it_says_why_nothing_is_on_its_way(tmp_path):
    with Database(tmp_path) as database:
        Index(database).add(_arrival(tmp_path), job=True)
    told = " ".join(run("--spool", str(tmp_path))[1].split())
    assert "no result was to be sent yet; 1 to be analysed" in told


def test_times_have_a_zone(spool):
    told = " ".join(run("--spool", str(spool))[1].split())
    assert re.search(r"next try \d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d", told)


def test_an_object_is_analysed_again_where_it_is_asked_for(spool):
    assert run("--spool", str(spool), "--again", "1.2.3")[0] == 0
    with Database(spool) as database:
        assert Jobs(database).get("1.2.3").state == "waiting"


@pytest.mark.parametrize(
    "words",
    [("--retry", "x"), ("--retry", "99"), ("--retry", "3"), ("--again", "9.9"), ("--retry", "-1")]
    + [("--dismiss", one, "--why", "so") for one in ("2", "3", "99", "9.9")]
    + [("--dismiss", "1"), ("--dismiss", "1", "--why", " "), ("--why", "so")],
)
def test_what_cannot_be_tried_again_is_wrong_usage(spool, words):
    status, told = run("--spool", str(spool), *words)
    assert status == 2
    assert "Error" in told


def test_a_folder_that_is_no_spool_is_told_and_stays_as_it_is(tmp_path):
    status, told = run("--spool", str(tmp_path))
    assert status == 2
    assert "no spool" in " ".join(told.replace("│", " ").split())
    assert list(tmp_path.iterdir()) == []


def test_an_entry_for_an_endpoint_that_the_settings_do_not_know_needs_a_person(spool, tmp_path):
    config = tmp_path / "fluoroinject.toml"
    for name, alarmed in (("archive", False), ("pacs2", True)):
        config.write_text(
            f'[endpoints.{name}]\nurl = "pacs://A:B@h:1"\n[listen]\nspool = "{spool}"\n'
        )
        told = json.loads(run("--config", str(config), "--json")[1])
        assert [one["alarm"] for one in told["entries"]] == [True, alarmed]
