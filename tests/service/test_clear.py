"""The spool is cleared of what the archive is known to keep, and of nothing else."""

from __future__ import annotations

import shutil

import pytest
from received import settings_of

from napari_fluoroinject.endpoints.memory import Memory
from napari_fluoroinject.service.clear import Clearing
from napari_fluoroinject.spool.queue import DAY_S


@pytest.fixture
def returned(received, analysed, tmp_path):
    """A loop whose analysis is done and whose results are in an archive; (spool, archive)."""
    received.clock_s = 2e9
    received.admit(analysed.loop, job=True)
    received.jobs.claim(received.clock_s)
    received.jobs.done(analysed.uid, (), procedure="mbb_lumbar", now_s=received.clock_s)
    folder = received.root / "results" / "name" / "loop"
    shutil.copytree(analysed.files[0].parent, folder)
    received.add(sorted(folder.glob("*.dcm")), source=analysed.uid, to="archive")
    sink = Memory()
    received.delivery(site(tmp_path, 0), lambda _: sink).round()
    assert received.queue.counts()["committed"] == len(analysed.files)
    return received, sink


def site(folder, days):
    return settings_of(
        '[endpoints.archive]\nurl = "somewhere"\n'
        f'[service]\nsend_to = "archive"\nkeep_days = {days}\n',
        folder,
    )


def cleared(received, sink, folder, *, days: float) -> None:
    delivery = received.delivery(site(folder, days), lambda _: sink)
    Clearing(received.database, delivery).round()


def test_nothing_is_removed_where_no_days_are_set(returned, tmp_path):
    received, sink = returned
    received.clock_s += 1000 * DAY_S
    cleared(received, sink, tmp_path, days=0)
    assert len(received.spool.objects()) == 1
    assert all(one.path.is_file() for one in received.queue.every())


def test_results_go_after_their_days_with_their_folder(returned, tmp_path):
    received, sink = returned
    received.clock_s += 2 * DAY_S
    cleared(received, sink, tmp_path, days=3)
    assert all(one.path.is_file() for one in received.queue.every())
    received.clock_s += 2 * DAY_S
    cleared(received, sink, tmp_path, days=3)
    assert list((received.root / "results").iterdir()) == []
    assert received.queue.counts()["committed"] == len(received.queue.every())


def test_a_loop_stays_until_the_archive_has_it_for_as_long(returned, analysed, tmp_path):
    received, sink = returned
    for _ in range(3):
        received.clock_s += 10 * DAY_S
        cleared(received, sink, tmp_path, days=3)
        assert len(received.spool.objects()) == 1
    sink.store([analysed.loop])
    received.clock_s += DAY_S
    cleared(received, sink, tmp_path, days=3)
    assert len(received.spool.objects()) == 1
    received.clock_s += 4 * DAY_S
    cleared(received, sink, tmp_path, days=3)
    assert received.spool.objects() == ()


def test_a_loop_with_a_result_on_its_way_stays(received, analysed, tmp_path):
    received.clock_s = 2e9
    received.admit(analysed.loop, job=True)
    received.jobs.claim(received.clock_s)
    received.jobs.done(analysed.uid, (), procedure="mbb_lumbar", now_s=received.clock_s)
    received.add(analysed.files, source=analysed.uid, to="archive")
    sink = Memory()
    sink.store([analysed.loop])
    for _ in range(3):
        received.clock_s += 100 * DAY_S
        cleared(received, sink, tmp_path, days=1)
    assert len(received.spool.objects()) == 1
    assert all(one.is_file() for one in analysed.files)
