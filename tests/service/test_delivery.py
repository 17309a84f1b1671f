"""Results reach their destination once, or stay and are told: checked, judged, confirmed."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pytest
from received import settings_of

from napari_fluoroinject.dicom.misfiled import misfiled
from napari_fluoroinject.endpoints.archive import Archive
from napari_fluoroinject.endpoints.base import NotSent
from napari_fluoroinject.endpoints.memory import Memory
from napari_fluoroinject.endpoints.storage_scp import dataset_sha256
from napari_fluoroinject.errors import (
    ConflictError,
    EndpointError,
    NotTakenError,
    RefusedError,
    UnreachableError,
)
from napari_fluoroinject.service.confirm import Confirmation
from napari_fluoroinject.service.verdict import PERMANENT_TRIES, is_of_the_object, status_in
from napari_fluoroinject.settings import Settings
from napari_fluoroinject.spool.audit_check import verify
from napari_fluoroinject.spool.queue import DAY_S
from napari_fluoroinject.spool.store import Spool

sys.path.append(str(Path(__file__).parent.parent / "endpoints"))

from network_loops import make_loop, write

if TYPE_CHECKING:
    from collections.abc import Iterator


class Moody(Memory):
    """A destination that refuses some, goes away after some, or forgets."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: dict[str, EndpointError] = {}
        self.leaves_after: int | None = None
        self.calls = 0

    def send(self, objects):
        for count, item in enumerate(objects):
            if self.leaves_after is not None and count >= self.leaves_after:
                raise UnreachableError("nobody answers")
            uid = str(pydicom.dcmread(item, stop_before_pixels=True).SOPInstanceUID)
            self.calls += 1
            if uid in self.refused:
                yield NotSent(item=item, error=self.refused[uid])
            else:
                yield from self.store([item])


def uid_of(file: Path) -> str:
    return str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID)


@pytest.fixture
def ready(received, analysed, tmp_path):
    """The loop received, its results queued, in a folder of their own."""
    received.admit(analysed.loop)
    folder = tmp_path / "results"
    shutil.copytree(analysed.files[0].parent, folder)
    received.add(sorted(folder.glob("*.dcm")), source=analysed.uid, to="./somewhere")
    return received


def states(received) -> set[str]:
    return {one.state for one in received.queue.every()}


def test_what_is_sent_is_asked_for_and_then_known_to_be_kept(ready):
    sink = Memory()
    delivery = ready.delivery(Settings(), lambda _: sink)
    assert delivery.round() == len(ready.queue.every())
    assert states(ready) == {"committed"}
    assert sink.objects.keys() == {one.sop_instance_uid for one in ready.queue.every()}
    assert delivery.round() == 0
    assert verify(ready.root / "audit").broken_at is None


def test_one_object_that_is_refused_holds_up_no_other(ready):
    sink = Moody()
    first, *others = ready.queue.every()
    sink.refused[first.sop_instance_uid] = RefusedError("no", status=0xA900)
    delivery = ready.delivery(Settings(), lambda _: sink)
    delivery.round()
    assert {one.state for one in ready.queue.every() if one.number != first.number} == {
        "committed"
    }
    assert others
    for _ in range(PERMANENT_TRIES - 1):
        assert ready.queue.every()[0].state == "new"
        ready.clock_s += DAY_S
        delivery.round()
    (dead,) = ready.queue.every("dead")
    assert (dead.number, dead.tries, dead.last_status) == (first.number, PERMANENT_TRIES, 0xA900)
    ready.clock_s += DAY_S
    assert delivery.round() == 0
    sink.refused.clear()
    ready.queue.retry(dead.number)
    delivery.round()
    assert states(ready) == {"committed"}


def test_the_words_of_a_destination_are_for_a_person_and_stay_out_of_log_and_trail(ready, caplog):
    sink = Moody()
    first, *_ = ready.queue.every()
    words = "already there for DOE^JANE"
    sink.refused[first.sop_instance_uid] = RefusedError("no", status=0xA900, comment=words)
    with caplog.at_level("DEBUG"):
        ready.delivery(Settings(), lambda _: sink).round()
    assert words in str(ready.queue.every()[0].last_error)
    assert "failed, it is tried again: no" in caplog.text
    assert "DOE" not in caplog.text
    assert not any("DOE" in one.read_text() for one in (ready.root / "audit").glob("*.jsonl"))


def test_a_destination_that_is_full_is_tried_for_ever(ready):
    sink = Moody()
    full = RefusedError("no", status=0xA700)
    sink.refused = {one.sop_instance_uid: full for one in ready.queue.every()}
    delivery = ready.delivery(Settings(), lambda _: sink)
    for _ in range(3 * PERMANENT_TRIES):
        delivery.round()
        assert states(ready) == {"new"}
        ready.clock_s += DAY_S
    assert len(ready.queue.alarms(now_s=ready.clock_s)) == len(ready.queue.every())
    sink.refused = {}
    delivery.round()
    assert states(ready) == {"committed"}


@pytest.mark.parametrize("kept", [0, 1, 4])
def test_a_destination_that_goes_away_midway_gets_the_rest_later(ready, kept):
    sink = Moody()
    sink.leaves_after = kept
    delivery = ready.delivery(Settings(), lambda _: sink)
    delivery.round()
    counts = ready.queue.counts()
    assert counts["committed"] == kept
    assert counts["new"] == len(ready.queue.every()) - kept
    sink.leaves_after = None
    ready.clock_s += 10.0
    delivery.round()
    assert states(ready) == {"committed"}
    assert sink.calls == len(ready.queue.every())


def test_an_outage_is_told_once_for_a_destination_and_its_end_too(ready, caplog):
    sink = Moody()
    sink.leaves_after = 0
    delivery = ready.delivery(Settings(), lambda _: sink)
    count = len(ready.queue.every())
    delivery.round()
    assert [one.getMessage() for one in caplog.records] == [
        f"{count} tries to send to ./somewhere failed, it is tried again: nobody answers"
    ]
    for _ in range(3):  # what is due a little later is no news
        ready.clock_s += 15.0
        delivery.round()
    assert len(caplog.records) == 1
    ready.clock_s += 60.0
    delivery.round()
    assert len(caplog.records) == 2
    sink.leaves_after = None
    ready.clock_s += DAY_S
    delivery.round()
    assert [one.getMessage() for one in caplog.records[2:]] == ["./somewhere takes results again"]


def test_each_result_returned_has_a_line_where_it_is_asked_for(ready, caplog):
    with caplog.at_level("INFO", logger="napari_fluoroinject.service"):
        ready.delivery(Settings(), lambda _: Memory()).round()
    for one in ready.queue.every():
        assert f"…{one.sop_instance_uid[-12:]} was returned to ./somewhere" in caplog.text
        assert one.sop_instance_uid not in caplog.text


def test_what_was_acknowledged_and_is_not_there_is_sent_again(ready):
    sink = Memory()
    delivery = ready.delivery(Settings(), lambda _: sink)
    lost = ready.queue.every()[0]
    asked = sink.query
    sink.query = lambda query: [
        one for one in asked(query) if one["SOPInstanceUID"] != lost.sop_instance_uid
    ]
    delivery.round()
    assert [one.number for one in ready.queue.every("new")] == [lost.number]
    assert "not found" in ready.queue.every("new")[0].last_error
    del sink.query
    ready.clock_s += 10.0
    delivery.round()
    assert states(ready) == {"committed"}


def test_a_destination_that_cannot_be_asked_now_is_asked_again(ready):
    sink = Memory()
    delivery = ready.delivery(Settings(), lambda _: sink)

    def silent(_):
        raise UnreachableError("no answer")

    sink.query = silent
    delivery.round()
    assert states(ready) == {"sent"}
    follow = Confirmation(delivery)
    follow.round()
    assert states(ready) == {"sent"}
    del sink.query
    follow.round()
    assert states(ready) == {"sent"}
    ready.clock_s += 120.0
    follow.round()
    assert states(ready) == {"committed"}


def test_a_crash_between_sending_and_noting_sends_again_and_makes_nothing_twice(ready):
    sink = Memory()
    taken = ready.queue.take(now_s=ready.clock_s, limit=100)
    list(sink.send([one.path for one in taken]))
    assert states(ready) == {"sending"}
    ready.queue.recover()
    ready.delivery(Settings(), lambda _: sink).round()
    assert states(ready) == {"committed"}
    assert len(sink.objects) == len(taken)


@pytest.mark.parametrize("change", ["result", "gone", "source", "patient", "study", "other"])
def test_what_is_not_the_loops_own_result_is_never_sent(ready, analysed, tmp_path, change):
    entry = ready.queue.every()[0]
    others = len(ready.queue.every()) - 1
    source = ready.spool.path_of(analysed.uid)
    if change == "result":
        with entry.path.open("r+b") as file:
            file.seek(-2, 2)
            file.write(b"!!")
    elif change == "gone":
        entry.path.unlink()
    elif change == "other":
        stranger = write(make_loop(seed=3), tmp_path / "stranger.dcm")
        ready.add([stranger], source=analysed.uid, to="./somewhere")
    else:
        loop = pydicom.dcmread(source)
        if change == "patient":
            loop.PatientID = "ANOTHER"
        elif change == "study":
            loop.StudyInstanceUID = "1.2.3"
        else:
            loop.PixelData = bytes(len(loop.PixelData))
        source.chmod(0o600)
        loop.save_as(source)
    sink = Memory()
    ready.delivery(Settings(), lambda _: sink).round()
    dead = ready.queue.every("dead")
    one = change in ("result", "gone", "other")
    assert len(dead) == (1 if one else others + 1)
    assert not sink.objects.keys() & {each.sop_instance_uid for each in dead}
    assert all(each.last_error for each in dead)
    assert all(each.held for each in dead)  # the destination is not to blame
    assert "ANOTHER" not in "".join(each.last_error for each in dead)


@pytest.mark.parametrize(
    "keyword", ["PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex"]
)
def test_a_result_of_another_patient_is_told_without_the_patient(analysed, tmp_path, keyword):
    result, changed = analysed.files[0], tmp_path / "changed.dcm"
    assert misfiled(result, analysed.loop) is None
    loop = pydicom.dcmread(analysed.loop)
    setattr(loop, keyword, {"PatientBirthDate": "19010203", "PatientSex": "F"}.get(keyword, "QQ"))
    loop.save_as(changed)
    told = misfiled(result, changed)
    assert keyword in told
    assert "QQ" not in told


def test_every_result_names_its_loop(analysed, tmp_path):
    loop = pydicom.dcmread(analysed.loop)
    loop.SOPInstanceUID = loop.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    loop.save_as(tmp_path / "twin.dcm")
    for result in analysed.files:
        assert misfiled(result, analysed.loop) is None
        assert "refer" in misfiled(result, tmp_path / "twin.dcm")


@pytest.mark.parametrize(
    ("error", "status", "permanent"),
    [
        (RefusedError("no", status=0xA900), 0xA900, True),
        (RefusedError("no", status=0xC111, comment="kept with other content"), 0xC111, True),
        (RefusedError("no", status=0x0122), 0x0122, True),
        (RefusedError("no", status=0xA700), 0xA700, False),
        (RefusedError("no", status=0x0110), 0x0110, False),
        (NotTakenError("no presentation context"), None, True),
        (RefusedError("rejected the association"), None, False),
        (UnreachableError("nobody"), None, False),
        (ConflictError("other content"), None, True),
    ],
)
def test_an_answer_is_of_the_object_or_of_the_moment(error, status, permanent):
    assert status_in(error) == status
    assert is_of_the_object(error) is permanent


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    shelf = Spool(tmp_path / "archive", digest=dataset_sha256)
    with shelf, Archive(shelf) as one:
        yield one


@pytest.mark.network
def test_results_get_into_an_archive_that_was_away(received, analysed, archive, tmp_path):
    received.admit(analysed.loop)
    url = f"pacs://US:{archive.station.ae_title}@127.0.0.1:{archive.port}"
    settings = settings_of(f'[endpoints.archive]\nurl = "{url}"\n', tmp_path)
    received.add(analysed.files, source=analysed.uid, to="archive")
    away = settings_of('[endpoints.archive]\nurl = "pacs://US:ARCHIVE@127.0.0.1:1"\n', tmp_path)
    received.delivery(away).round()
    assert states(received) == {"new"}
    assert all("nobody answers" in one.last_error for one in received.queue.every())
    received.clock_s += 10.0
    received.delivery(settings).round()
    assert states(received) == {"committed"}
    kept = {dataset_sha256(one) for one in archive.spool.objects()}
    assert kept == {dataset_sha256(one) for one in analysed.files}


def test_results_get_into_a_folder(received, analysed, tmp_path):
    received.admit(analysed.loop)
    received.add(analysed.files, source=analysed.uid, to=str(tmp_path / "out"))
    received.delivery(Settings()).round()
    assert states(received) == {"committed"}
    assert {one.read_bytes() for one in (tmp_path / "out").glob("*.dcm")} == {
        one.read_bytes() for one in analysed.files
    }


def test_a_destination_that_is_not_set_up_is_told_and_waits(received, analysed):
    received.admit(analysed.loop)
    received.add(analysed.files, source=analysed.uid, to="ftp://nowhere")
    received.delivery(Settings()).round()
    assert states(received) == {"new"}
    assert "ftp://nowhere" in received.queue.every()[0].last_error


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside a folder of that name"])
def test_results_for_an_endpoint_that_was_renamed_wait_and_call_a_person(
    received, analysed, tmp_path, monkeypatch, caplog, beside
):
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.chdir(site)
    if beside:
        (site / "archive").mkdir()
    received.admit(analysed.loop)
    received.add(analysed.files, source=analysed.uid, to="archive")
    settings = settings_of('[endpoints.pacs2]\nurl = "pacs://US:ARCHIVE@127.0.0.1:1"\n', tmp_path)
    delivery = received.delivery(settings)
    for _ in range(2 * PERMANENT_TRIES):
        delivery.round()
        received.clock_s += DAY_S / 2
    assert states(received) == {"new"}
    assert all("(pacs2)" in one.last_error for one in received.queue.every())
    assert [one.name for one in site.rglob("*")] == (["archive"] if beside else [])
    told = "".join(one.read_text() for one in (received.root / "audit").glob("*.jsonl"))
    assert told.count('"alarm"') == 1
    assert "'archive' is no endpoint" in caplog.text


def test_results_that_went_to_an_endpoint_before_it_was_renamed_are_not_sent_elsewhere(
    ready, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    ready.add([one.path for one in ready.queue.every()], source="1.2", to="archive")
    for one in ready.queue.take(now_s=ready.clock_s, limit=100, destination="archive"):
        ready.queue.sent(one.number, status=0, now_s=ready.clock_s)
    ready.clock_s += DAY_S
    Confirmation(ready.delivery(Settings())).round()
    mine = {one.state for one in ready.queue.every() if one.destination == "archive"}
    assert mine == {"sent"}
    assert not (tmp_path / "archive").exists()
