"""What was acknowledged is known to be kept: by storage commitment, or by a query without it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from peers import orthanc
from received import settings_of

from napari_fluoroinject.endpoints import commitment
from napari_fluoroinject.endpoints.commitment import Report
from napari_fluoroinject.endpoints.memory import Memory
from napari_fluoroinject.endpoints.pacs import Pacs
from napari_fluoroinject.errors import RefusedError, UnreachableError
from napari_fluoroinject.service.confirm import Confirmation, take_report
from napari_fluoroinject.spool.audit_check import entries
from napari_fluoroinject.spool.queue import DAY_S

if TYPE_CHECKING:
    from pathlib import Path

SITE = '[endpoints.archive]\nurl = "pacs://US:ARCHIVE@127.0.0.1:1"\nverify = "commitment"\n'


class Silent(Pacs):
    """An archive that keeps everything and is asked in memory."""

    __slots__ = ()
    held = Memory()

    def send(self, objects):
        return self.held.send(objects)

    def query(self, query):
        return self.held.query(query)


@pytest.fixture
def sent(received, analysed, tmp_path):
    """Results that are acknowledged, none known to be kept; (spool, what follows them up)."""
    Silent.held = Memory()
    received.admit(analysed.loop)
    received.add(analysed.files, source=analysed.uid, to="archive")
    sink = Silent(host="127.0.0.1", port=1, called="ARCHIVE")
    delivery = received.delivery(settings_of(SITE, tmp_path), lambda _: sink)
    delivery.round()
    assert received.queue.counts()["sent"] == len(analysed.files)
    return received, Confirmation(delivery)


def asked(monkeypatch, answer=lambda *_: None) -> list[tuple[str, dict[str, str]]]:
    calls = []

    def ask(peer, objects, *, transaction_uid, reported):
        calls.append((transaction_uid, dict(objects)))
        return answer(transaction_uid, objects, reported)

    monkeypatch.setattr(commitment, "ask", ask)
    return calls


def test_a_transaction_is_on_disk_before_the_archive_is_asked(sent, monkeypatch):
    received, confirmation = sent
    seen = []
    calls = asked(
        monkeypatch,
        lambda uid, *_: seen.append({one.transaction_uid for one in received.queue.every()}),
    )
    confirmation.round()
    ((transaction, objects),) = calls
    assert seen == [{transaction}]
    assert objects == {one.sop_instance_uid: one.sop_class_uid for one in received.queue.every()}
    confirmation.round()
    assert len(calls) == 1


def test_a_report_on_either_association_commits_what_it_names(sent, monkeypatch):
    received, confirmation = sent

    def answer(uid, objects, reported):
        _, second, *others = objects
        reported(Report(transaction_uid=uid, committed=frozenset(others), failed={second: 0x0112}))

    ((transaction, objects),) = _round(confirmation, asked(monkeypatch, answer))
    first, second, *others = objects
    states = {one.sop_instance_uid: one.state for one in received.queue.every()}
    assert states == {first: "sent", second: "new"} | dict.fromkeys(others, "committed")
    told = list(entries(received.trail.folder))
    noted = [one.facts["sop_instance_uid"] for one in told if one.event == "committed"]
    assert sorted(map(str, noted)) == sorted(others)  # each by its UID
    (refused,) = (one.facts for one in told if one.event == "send failed")
    assert (refused["sop_instance_uid"], refused["status"]) == (second, "0x0112")
    late = Report(transaction_uid=transaction, committed=frozenset({first}))
    take_report(received.queue, received.trail, late, now_s=received.clock_s)
    assert {one.state for one in received.queue.every() if one.sop_instance_uid == first} == {
        "committed"
    }


def _round(confirmation, calls):
    confirmation.round()
    return calls


def test_a_report_that_nobody_asked_for_is_refused(received):
    report = Report(transaction_uid="1.2.3", committed=frozenset({"1.2"}))
    with pytest.raises(RefusedError, match=r"1\.2\.3"):
        take_report(received.queue, received.trail, report, now_s=1.0)


def test_an_archive_without_storage_commitment_is_asked_by_query(sent, monkeypatch):
    received, confirmation = sent

    def answer(*_):
        raise RefusedError("no storage commitment here")

    asked(monkeypatch, answer)
    confirmation.round()
    assert received.queue.counts()["committed"] == len(received.queue.every())


def test_an_archive_that_is_away_is_asked_again_later(sent, monkeypatch):
    received, confirmation = sent

    def answer(*_):
        raise UnreachableError("nobody answers")

    calls = asked(monkeypatch, answer)
    confirmation.round()
    confirmation.round()
    assert len(calls) == 1
    assert received.queue.counts()["sent"] == len(received.queue.every())
    received.clock_s += 3600.0
    calls = asked(monkeypatch)
    confirmation.round()
    assert len(calls) == 1


def test_a_day_without_a_report_is_followed_by_a_query_and_an_alarm(sent, monkeypatch, caplog):
    received, confirmation = sent
    asked(monkeypatch)
    confirmation.round()
    received.clock_s += DAY_S / 2
    confirmation.round()
    assert received.queue.counts()["sent"] == len(received.queue.every())
    lost = received.queue.every()[0]
    Silent.held.objects.pop(lost.sop_instance_uid)
    received.clock_s += DAY_S
    confirmation.round()
    assert [one.number for one in received.queue.every("new")] == [lost.number]
    assert received.queue.counts()["committed"] == len(received.queue.every()) - 1
    assert f"entry {lost.number} is new and needs a person" in caplog.text


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("Orthanc") is None, reason="Orthanc is not installed")
def test_orthanc_commits_what_listen_returns_to_it(analysed, tmp_path):
    with orthanc(tmp_path / "orthanc") as peer:
        url = f"pacs://FLUOROINJECT:{peer.ae_title}@127.0.0.1:{peer.port}"
        config = settings_of(
            f'[endpoints.pacs]\nurl = "{url}"\nverify = "commitment"\n'
            '[service]\nanalyze = "mbb_lumbar"\nsend_to = "pacs"\n',
            tmp_path,
        ).path
        command = (
            *(sys.executable, "-m", "napari_fluoroinject", "listen", "--port", "0"),
            *("--spool", str(tmp_path / "spool"), "--config", str(config)),
        )
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as listening:
            try:
                told = listening.stderr.readline()
                port = int(told.split(" as ")[0].rpartition(":")[2])
                peer.introduce("FLUOROINJECT", port)
                c_arm = Pacs(host="127.0.0.1", port=port, called="FLUOROINJECT", calling="CARM")
                c_arm.store([analysed.loop])
                counts = _when_all_are_kept(tmp_path / "spool", len(analysed.files))
            finally:
                listening.terminate()
                listening.communicate(timeout=60)
    assert counts["committed"] == len(analysed.files)
    trail = "".join(one.read_text() for one in (tmp_path / "spool" / "audit").glob("*.jsonl"))
    assert '"event":"commitment asked"' in trail
    assert '"event":"committed"' in trail
    assert '"event":"verified"' not in trail


def _when_all_are_kept(root: Path, count: int) -> dict[str, int]:
    from napari_fluoroinject.spool.database import Database
    from napari_fluoroinject.spool.queue import Queue

    deadline = time.monotonic() + 120.0
    with Database(root) as database:
        while Queue(database).counts()["committed"] < count:
            assert time.monotonic() < deadline, [one.last_error for one in Queue(database).every()]
            time.sleep(0.2)
        return dict(Queue(database).counts())
