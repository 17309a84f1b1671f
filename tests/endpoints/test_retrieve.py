"""Objects of an archive arrive whole, under their own name, or it is said what did not."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from network_loops import SERIES, STUDY, make_loop, write
from others import archive, send_to
from peers import free_ports
from pydicom import Dataset, dcmread
from pydicom.uid import UID
from pynetdicom import evt

from napari_fluoroinject.endpoints import suboperations
from napari_fluoroinject.endpoints.base import Query
from napari_fluoroinject.endpoints.dimse import STUDY_ROOT_MOVE
from napari_fluoroinject.endpoints.move import Inbound
from napari_fluoroinject.endpoints.order import orders
from napari_fluoroinject.endpoints.receive import Receiver
from napari_fluoroinject.endpoints.storage_scp import Station, dataset_sha256
from napari_fluoroinject.errors import RefusedError, UnreachableError
from napari_fluoroinject.spool.store import Spool

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.network,
    pytest.mark.filterwarnings("ignore:Invalid value for VR UI"),
]
STUDY_QUERY = Query(level="IMAGE", keys={"StudyInstanceUID": STUDY})


def giving(*objects):
    """A C-GET that sends these, whatever was asked for."""

    def get(_):
        yield len(objects)
        for one in objects:
            yield 0xFF00, one

    return evt.EVT_C_GET, get


def lying(uid: str, real: str):
    """A loop that calls itself by `uid`, a path, where the list says `real`."""
    loop = make_loop(real)
    loop.SOPInstanceUID = loop.file_meta.MediaStorageSOPInstanceUID = UID(uid)
    return loop


@pytest.mark.parametrize("uid", ["../../escaped", "/tmp/escaped", "..", "1.2.3/../../4"])
def test_a_uid_that_is_a_path_names_no_file_outside(tmp_path: Path, uid):
    good = make_loop(seed=1)
    out = tmp_path / "deep" / "out"
    with archive([good], giving(lying(uid, "1.2.3"), good), retrieve_by="get") as pacs:
        (path,) = pacs.retrieve(STUDY_QUERY, out)
    assert path == out / f"{good.SOPInstanceUID}.dcm"
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == [path]


def test_a_listed_uid_that_is_a_path_names_no_file_outside(tmp_path: Path):
    bad = lying("../../escaped", "1.2.3")
    out = tmp_path / "deep" / "out"
    with (
        archive([bad], giving(bad), retrieve_by="get") as pacs,
        pytest.raises(RefusedError),
    ):
        list(pacs.retrieve(STUDY_QUERY, out))
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == []


def test_an_object_that_was_not_asked_for_is_not_kept(tmp_path: Path):
    good, other = make_loop(seed=1), make_loop(seed=2)
    with archive([good], giving(other, good), retrieve_by="get") as pacs:
        assert [one.stem for one in pacs.retrieve(STUDY_QUERY, tmp_path)] == [good.SOPInstanceUID]


def test_an_object_cut_short_is_named_and_the_others_come(tmp_path: Path):
    good, short = make_loop(seed=1), make_loop(seed=2)
    short.NumberOfFrames = 5
    with archive([good, short], giving(short, good), retrieve_by="get") as pacs:
        coming = pacs.retrieve(STUDY_QUERY, tmp_path)
        assert next(coming).stem == good.SOPInstanceUID
        with pytest.raises(RefusedError, match=f"1 of 2 objects.*{short.SOPInstanceUID}"):
            next(coming)
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_there_is_kept_and_not_asked_for_again(tmp_path: Path):
    there, missing = make_loop(seed=1), make_loop(seed=2)
    path = write(there, tmp_path / f"{there.SOPInstanceUID}.dcm")
    before = path.read_bytes()
    asked = []

    def get(event):
        asked.append(event.identifier)
        yield 1
        yield 0xFF00, missing

    with archive([there, missing], (evt.EVT_C_GET, get), retrieve_by="get") as pacs:
        assert len(list(pacs.retrieve(STUDY_QUERY, tmp_path))) == 2
    assert [one.QueryRetrieveLevel for one in asked] == ["IMAGE"]
    assert asked[0].SOPInstanceUID == missing.SOPInstanceUID
    assert path.read_bytes() == before


def test_an_archive_that_goes_away_in_the_middle_is_told_and_nothing_half_is_left(tmp_path: Path):
    loop = make_loop()

    def get(event):
        yield 1
        event.assoc.abort()
        yield 0xFF00, loop

    with (
        archive([loop], (evt.EVT_C_GET, get), retrieve_by="get") as pacs,
        pytest.raises(UnreachableError, match="went away before it answered C-GET"),
    ):
        list(pacs.retrieve(STUDY_QUERY, tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_silent_archive_is_given_up(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("napari_fluoroinject.endpoints.get.PATIENCE_S", 0.5)
    woken = threading.Event()

    def get(_):
        yield 1
        woken.wait(10)
        yield 0xFF00, make_loop()

    with archive([make_loop()], (evt.EVT_C_GET, get), retrieve_by="get") as pacs:
        with pytest.raises(UnreachableError, match="went silent in C-GET"):
            list(pacs.retrieve(STUDY_QUERY, tmp_path))
        woken.set()
    assert list(tmp_path.iterdir()) == []


def test_a_retrieval_that_is_left_is_cancelled_and_leaves_nothing_half(tmp_path: Path):
    loops = [make_loop(seed=seed) for seed in range(20)]
    cancelled = threading.Event()

    def get(event):
        yield len(loops)
        for loop in loops:
            if event.is_cancelled:
                cancelled.set()
                yield 0xFE00, None
                return
            yield 0xFF00, loop

    with archive(loops, (evt.EVT_C_GET, get), retrieve_by="get") as pacs:
        coming = pacs.retrieve(STUDY_QUERY, tmp_path)
        next(coming)
        coming.close()
    assert all(dcmread(path).SOPInstanceUID == path.stem for path in tmp_path.iterdir())


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


def test_an_archive_without_c_get_is_asked_to_move(tmp_path: Path, port: int, caplog):
    loops = [make_loop(seed=seed) for seed in range(3)]

    def move(_):
        yield "127.0.0.1", port
        yield len(loops)
        for loop in loops:
            yield 0xFF00, loop

    with (
        caplog.at_level(logging.INFO, "napari_fluoroinject"),
        archive(
            loops,
            (evt.EVT_C_MOVE, move),
            models=[STUDY_ROOT_MOVE],
            inbound=Inbound(port=port),
        ) as pacs,
    ):
        got = list(pacs.retrieve(STUDY_QUERY, tmp_path))
    assert {dcmread(path).SOPInstanceUID for path in got} == {one.SOPInstanceUID for one in loops}
    assert "takes no C-GET" in caplog.text
    assert "move of 3 objects" in caplog.text
    assert sorted(tmp_path.iterdir()) == sorted(got)


def test_an_archive_that_does_not_know_us_says_what_to_set_up(tmp_path: Path, port: int):
    def move(_):
        yield None, None

    with (
        archive(
            [make_loop()],
            (evt.EVT_C_MOVE, move),
            retrieve_by="move",
            inbound=Inbound(port=port),
        ) as pacs,
        pytest.raises(RefusedError, match=f"(?s)0xA801.*FLUOROINJECT.*port {port}"),
    ):
        list(pacs.retrieve(STUDY_QUERY, tmp_path))


def test_an_archive_that_sends_everything_and_never_answers_is_not_awaited(
    tmp_path: Path, port: int, monkeypatch, caplog
):
    monkeypatch.setattr(suboperations, "GRACE_S", 0.3)
    loop, woken = make_loop(), threading.Event()

    def move(_):
        yield "127.0.0.1", port
        yield 1
        send_to(port, [loop])
        woken.wait(10)
        yield 0xFF00, None

    with archive(
        [loop], (evt.EVT_C_MOVE, move), retrieve_by="move", inbound=Inbound(port=port)
    ) as pacs:
        (path,) = pacs.retrieve(STUDY_QUERY, tmp_path)
        woken.set()
    assert dcmread(path) == loop
    assert "left C-MOVE pending" in caplog.text


def test_objects_that_the_archive_could_not_send_are_named(tmp_path: Path, port: int):
    loops = [make_loop(seed=seed) for seed in range(2)]
    unsendable = make_loop(seed=2)

    def move(_):
        yield "127.0.0.1", port
        yield 3
        for loop in loops:
            yield 0xFF00, loop
        yield 0xB000, failed(unsendable)

    with archive(
        [*loops, unsendable],
        (evt.EVT_C_MOVE, move),
        retrieve_by="move",
        inbound=Inbound(port=port),
    ) as pacs:
        coming = pacs.retrieve(STUDY_QUERY, tmp_path)
        assert {next(coming).stem, next(coming).stem} == {one.SOPInstanceUID for one in loops}
        with pytest.raises(RefusedError, match=f"1 of 3 .*{unsendable.SOPInstanceUID}"):
            next(coming)


def failed(*loops):
    told = Dataset()
    told.FailedSOPInstanceUIDList = [loop.SOPInstanceUID for loop in loops]
    return told


def test_a_listener_that_runs_already_receives_what_is_moved(tmp_path: Path, port: int):
    loop = make_loop()
    with (
        Spool(tmp_path / "spool", digest=dataset_sha256) as spool,
        Receiver(spool, Station(ae_title="LISTENER", port=port)),
    ):
        asked = []

        def move(event):
            asked.append(event.move_destination)
            yield "127.0.0.1", port
            yield 1
            send_to(port, [loop], called="LISTENER")
            yield 0x0000, None

        with archive(
            [loop],
            (evt.EVT_C_MOVE, move),
            retrieve_by="move",
            inbound=Inbound(port=port, ae_title="LISTENER", spool=tmp_path / "spool"),
        ) as pacs:
            (path,) = pacs.retrieve(STUDY_QUERY, tmp_path / "out")
    assert asked == ["LISTENER"]
    assert dcmread(path) == loop


def test_a_loop_that_was_found_can_be_fetched_and_leaves_no_file(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    loop = make_loop()
    loop.FrameTime = 66.0
    loop.FrameIncrementPointer = 0x00181063
    with archive([loop], giving(loop), retrieve_by="get") as pacs:
        (reference,) = pacs.find(Query())
        fetched = pacs.fetch(replace(reference))
    assert fetched.reference.sop_instance_uid == loop.SOPInstanceUID
    assert list(tmp_path.iterdir()) == []


def test_a_series_is_asked_for_as_a_whole_only_where_nothing_of_it_is_there():
    listed = [
        {"StudyInstanceUID": STUDY, "SeriesInstanceUID": SERIES, "SOPInstanceUID": f"1.{n}"}
        for n in range(250)
    ]
    (whole,) = orders(listed, there=(), whole=True)
    assert whole.whole_series
    assert len(whole.instances) == 250
    parts = list(orders(listed, there=["1.7"], whole=True))
    assert not any(one.whole_series for one in parts)
    assert sum(len(one.instances) for one in parts) == 249
    assert max(len(one.instances) for one in parts) <= 100
