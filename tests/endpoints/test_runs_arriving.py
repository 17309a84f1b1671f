"""Runs that arrive in a folder or at the receiver: each once, whole, at its own rate."""

from __future__ import annotations

import shutil
import threading
import time

import numpy as np
import pytest
from films import write_film
from pydicom import dcmread

from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.endpoints import filling, runs_in_turn
from napari_fluoroinject.endpoints.arrivals import found_arrival
from napari_fluoroinject.endpoints.base import FeedNote, Frame
from napari_fluoroinject.endpoints.filling import FillingFolder, WholeFiles
from napari_fluoroinject.endpoints.received_runs import ReceivedRuns
from napari_fluoroinject.endpoints.storage_scp import dataset_sha256
from napari_fluoroinject.errors import StorageError, UnreadableObjectError
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.index import Index
from napari_fluoroinject.spool.looking import SpoolLook
from napari_fluoroinject.spool.store import Spool
from napari_fluoroinject.workflow import make_phantom_files


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs as files."""
    settings = PhantomSettings(size=64, frames=8, frame_rate_hz=120.0)
    folder = tmp_path_factory.mktemp("runs")
    return [
        make_phantom_files(key, settings, out=folder / key)[0]
        for key in ("mbb_lumbar", "esi_il_lumbar")
    ]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(runs_in_turn, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(runs_in_turn, "QUIET_S", 0.05)
    monkeypatch.setattr(filling, "STEADY_S", 0.05)


def taken(feed, *, until, act=None):
    """What a feed gives until so many frames came; `act` is done once it waits."""
    items = []
    with feed:
        for item in feed:
            items.append(item)
            if act is not None and len(items) == 1:
                act()
            if sum(isinstance(one, Frame) for one in items) == until:
                break
    return items


def check(items, paths):
    frames = [one for one in items if isinstance(one, Frame)]
    loops = [read_loop(path) for path in paths]
    every = np.concatenate([loop.frames.every() for loop in loops])
    assert [one.index for one in frames] == list(range(len(every)))
    times = np.array([one.time_s for one in frames])
    assert (np.diff(times) > 0).all()
    for number, loop in enumerate(loops):
        own = times[8 * number : 8 * number + 8]
        assert own - own[0] == pytest.approx(loop.times_s - loop.times_s[0], abs=1e-6)
    np.testing.assert_array_equal(np.stack([one.pixels for one in frames]), every)
    notes = [one for one in items if isinstance(one, FeedNote)]
    assert notes[0].event == "connected"
    assert [one.event for one in notes].count("gap") == len(loops)


def test_runs_put_into_a_folder_come_in_order_and_those_there_before_do_not(tmp_path, runs):
    shutil.copyfile(runs[0], tmp_path / "before.dcm")

    def act():
        for number, run in enumerate(runs):
            shutil.copyfile(run, tmp_path / f"{number}.dcm.part")
            (tmp_path / f"{number}.dcm.part").rename(tmp_path / f"{number}.dcm")
            time.sleep(0.01)

    check(taken(FillingFolder(tmp_path), until=16, act=act), runs)


def test_what_is_there_comes_first_where_that_is_asked(tmp_path, runs):
    for number, run in enumerate(runs):
        shutil.copyfile(run, tmp_path / f"{number}.dcm")
    check(taken(FillingFolder(tmp_path, existing=True), until=16), runs)


def test_a_film_in_the_folder_is_played_and_no_file_is_named(tmp_path, runs):
    random = np.random.default_rng(1)
    written = [random.integers(0, 256, (32, 48), np.uint8) for _ in range(4)]

    def act():
        write_film(tmp_path / "doe^jane.mkv", written, np.arange(4) / 60)
        (tmp_path / "readme.txt").write_text("hello")

    items = taken(FillingFolder(tmp_path), until=4, act=act)
    pixels = [one.pixels for one in items if isinstance(one, Frame)]
    np.testing.assert_array_equal(np.stack(pixels), np.stack(written))
    assert not any("jane" in one.text for one in items if isinstance(one, FeedNote))


def test_a_file_is_taken_once_it_has_stopped_growing_and_is_whole(tmp_path, runs):
    now = [0.0]
    whole = WholeFiles(tmp_path, existing=False, clock=lambda: now[0])
    data = runs[0].read_bytes()
    path = tmp_path / "a.dcm"

    def look(after_s=1.0):
        now[0] += after_s
        found = whole.look()
        return len(found.objects), len(found.films), found.strange

    assert look() == (0, 0, 0)
    path.write_bytes(data[: len(data) // 2])
    assert look() == (0, 0, 0)
    assert look() == (0, 0, 0)  # steady, and not whole
    path.write_bytes(data)
    assert look() == (0, 0, 0)
    assert look() == (1, 0, 0)
    assert look() == (0, 0, 0)
    (tmp_path / "half.dcm").write_bytes(data[: len(data) // 2])
    (tmp_path / ".hidden.dcm").write_bytes(data)
    (tmp_path / "b.dcm.tmp").write_bytes(data)
    told = [look(5.0) for _ in range(9)]
    assert told.count((0, 0, 1)) == 1  # given up once, after half a minute
    assert told.count((0, 0, 0)) == 8


def test_closing_ends_it_for_whoever_waits(tmp_path):
    feed = FillingFolder(tmp_path)
    thread = threading.Thread(target=lambda: list(feed))
    thread.start()
    feed.close()
    thread.join(30)
    assert not thread.is_alive()


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UnreadableObjectError, match="no such folder"):
        FillingFolder(tmp_path / "gone")


@pytest.fixture
def spool(tmp_path):
    """A spool that is received into: a function that puts a file there."""
    root = tmp_path / "spool"
    with Database(root) as database, Spool(root, digest=dataset_sha256) as kept:
        index = Index(database)

        def put(path):
            part = kept.incoming / f"{path.stem}.part"
            shutil.copyfile(path, part)
            uid = found_arrival(part).sop_instance_uid
            admitted = kept.admit(part, uid=uid)
            part.unlink(missing_ok=True)
            index.add(found_arrival(admitted.path), job=False)

        yield root, put


def test_runs_that_the_receiver_gets_come_each_at_its_own_rate(spool, runs):
    root, put = spool
    put(runs[0])
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*.dcm")}
    items = taken(ReceivedRuns(root), until=8, act=lambda: put(runs[1]))
    check(items, runs[1:])
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_folder_that_is_no_spool_is_left_as_it_is(tmp_path):
    with pytest.raises(StorageError, match="is no spool; expected"):
        ReceivedRuns(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "state.sqlite").write_text("no database" * 100)
    with pytest.raises(StorageError, match="expected the index of a spool"):
        SpoolLook(tmp_path)


def test_a_spool_of_another_version_is_refused(spool):
    root, _put = spool
    with Database(root) as database, database.transaction() as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StorageError, match="version 99; expected"):
        SpoolLook(root)


def test_a_run_that_is_stored_inverted_is_left_out_and_said(tmp_path, runs):
    def act():
        backwards = dcmread(runs[0])
        backwards.PhotometricInterpretation = "MONOCHROME1"
        backwards.save_as(tmp_path / "0.dcm")
        time.sleep(0.3)
        shutil.copyfile(runs[1], tmp_path / "1.dcm")

    items = taken(FillingFolder(tmp_path), until=8, act=act)
    (told,) = (one for one in items if isinstance(one, FeedNote) and one.event == "garbage")
    assert "stored inverted" in told.text
    check([one for one in items if one is not told], runs[1:])


def test_a_film_that_was_compressed_with_loss_is_known_to_be(tmp_path, runs):
    written = [np.full((32, 48), level, np.uint8) for level in range(4)]

    def act():
        write_film(
            tmp_path / "a.avi", written, np.arange(4) / 60, codec="mjpeg", pix_fmt="yuvj420p"
        )

    feed = FillingFolder(tmp_path)
    assert feed.lossy is None
    taken(feed, until=4, act=act)
    assert feed.lossy is True
