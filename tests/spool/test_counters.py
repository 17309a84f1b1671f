"""Counters go on after a restart, and add up whoever counts."""

from __future__ import annotations

import threading

import pytest

from napari_fluoroinject.spool.counters import Counters
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.overview import overview


def test_counts_add_up_by_name_and_label_and_survive_a_restart(tmp_path):
    with Database(tmp_path) as database:
        counters = Counters(database)
        counters.add("objects_refused", label="0xA900", now_s=1.0)
        counters.add("objects_refused", 2, label="0xA900", now_s=2.0)
        counters.add("objects_refused", label="0xC111", now_s=3.0)
        counters.add("associations_accepted", 5, now_s=4.0)
    with Database(tmp_path) as database:
        told = {"objects_refused": {"0xA900": 3, "0xC111": 1}, "associations_accepted": {"": 5}}
        assert Counters(database).every() == told
        assert overview(database, recent=1).counters == told


def test_threads_of_several_databases_lose_no_count(tmp_path):
    def count() -> None:
        with Database(tmp_path) as database:
            counters = Counters(database)
            for _ in range(10):
                counters.add("objects_duplicate", now_s=0.0)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Database(tmp_path) as database:
        assert Counters(database).every() == {"objects_duplicate": {"": 40}}


def test_only_known_names_are_counted(tmp_path):
    with Database(tmp_path) as database, pytest.raises(ValueError, match="DOE"):
        Counters(database).add("DOE^JANE", now_s=0.0)


def test_an_empty_spool_has_an_overview(tmp_path):
    with Database(tmp_path) as database:
        found = overview(database, recent=5)
    assert (found.received, found.received_bytes, found.recent) == (0, 0, ())
    assert found.unsent_since_s is found.last_analysis_s is None
    assert found.counters == {}
