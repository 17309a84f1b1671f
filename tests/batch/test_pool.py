"""Workers on Dask: each must see the files, a lost one costs no loop, and all of it is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from napari_fluoroinject import __version__
from napari_fluoroinject.batch import cluster as clusters
from napari_fluoroinject.batch import pool as pools
from napari_fluoroinject.batch import worker
from napari_fluoroinject.batch.cluster import local_pool, pool_at
from napari_fluoroinject.batch.journal import Journal
from napari_fluoroinject.batch.order import LoopOrder
from napari_fluoroinject.batch.outcome import Terms
from napari_fluoroinject.batch.run import run_batch
from napari_fluoroinject.batch.sight import check_workers
from napari_fluoroinject.batch.task import Answer, Task, leave_token
from napari_fluoroinject.confined import warm
from napari_fluoroinject.errors import BackendUnavailableError, SettingsError, UnreachableError
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.workflow import make_phantom_files

pytestmark = pytest.mark.network
ANSWER = """
import json, sys
for line in sys.stdin:
    answer = {"fault": "refused", "reason": "asked", "lost": False, "spent": None}
    print(json.dumps({"not_worked": answer}), flush=True)
"""


@pytest.fixture
def cluster(monkeypatch):
    """A cluster whose one worker is a thread here, and whose analyses refuse each loop."""
    from distributed import LocalCluster

    begun = subprocess.Popen
    monkeypatch.setattr(
        warm.subprocess,
        "Popen",
        lambda command, **options: begun(
            (sys.executable, "-S", "-c", ANSWER, *command[3:]), **options
        ),
    )
    monkeypatch.setattr(pools, "_ANSWER_S", 5.0)
    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address=None,
    ) as made:
        yield made
    while worker._KEPT:
        worker._KEPT.pop().close()


@pytest.fixture
def terms(tmp_path) -> Terms:
    terms = Terms(out=tmp_path / "out")
    Journal(terms.out).close()
    leave_token(terms.out, terms.token)
    return terms


def task_of(terms: Terms, **said: object) -> Task:
    (terms.out / "a.dcm").write_bytes(b"loop")
    order = LoopOrder(key="1.2", source="a.dcm", paths=(terms.out / "a.dcm",))
    told = {"order": order, "out": terms.out, "limits": terms.limits, "token": terms.token}
    return Task(**told | said)


def answered(pool: pools.DaskPool, task: Task) -> Answer:
    pool.give(task)
    took = pool.took(60)
    assert took is not None
    assert took[0] == task.order.key
    return took[1]


def test_a_cluster_is_used_by_its_address_and_says_when_it_is_gone(cluster, terms):
    address = cluster.scheduler_address
    pool = pool_at(address, out=terms.out, sources=[terms.out], token=terms.token)
    try:
        assert pool.size() == 1
        answer = answered(pool, task_of(terms))
        assert answer.told.reason == "asked"
        assert [one.size_bytes for one in answer.inputs] == [4]
        other = answered(pool, task_of(terms, version="0.0"))
        assert (other.told.fault, "0.0" in other.told.reason) == ("storage", True)
        blind = answered(pool, task_of(terms, token="another"))
        assert (blind.told.fault, "does not see" in blind.told.reason) == ("storage", True)
        cluster.close()
        with pytest.raises(UnreachableError, match="give the same command again"):
            wait_for_ever(pool)
    finally:
        pool.close()


def wait_for_ever(pool: pools.DaskPool) -> None:
    while True:
        pool.took(0.1)


@pytest.mark.parametrize(
    ("seen", "match"),
    [
        (("0.0", True, [[1, 2]]), "version 0.0"),
        ((__version__, False, [[1, 2]]), "does not see .*out"),
        ((__version__, True, [None]), "does not see .*in"),
    ],
    ids=["version", "results", "sources"],
)
def test_workers_that_cannot_do_the_work_are_told_apart(tmp_path, seen, match):
    class Answering:
        def run(self, _look, _out, _token, _sources):
            return {"tcp://w:1": seen}

    (tmp_path / "in").mkdir()
    with pytest.raises(SettingsError, match=match):
        check_workers(Answering().run, out=tmp_path / "out", sources=[tmp_path / "in"], token="t")


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(clusters, "_CONNECT_S", 0.5)
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9"):
        pool_at("tcp://127.0.0.1:9", out=tmp_path, sources=[], token="t")


def test_without_dask_the_command_that_installs_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BackendUnavailableError, match=r"napari-fluoroinject\[batch\]"):
        local_pool(1)


class One:
    """A plan of one loop."""

    def __init__(self, order: LoopOrder) -> None:
        self.order = order

    def __iter__(self):
        yield self.order

    def ended(self, order: LoopOrder) -> None:
        pass

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="kill -9")
def test_a_loop_whose_worker_is_killed_is_given_again(terms, tmp_path):
    settings = PhantomSettings(size=64, frames=12)
    path = make_phantom_files("mbb_lumbar", settings, out=tmp_path / "in")[0]
    from napari_fluoroinject.sources import loops_in

    (loop,) = loops_in([str(path)])
    uid = loop.reference.sop_instance_uid
    order = LoopOrder(key=uid, source="a", paths=(path,), asked={"procedure": "mbb_lumbar"})
    pool = local_pool(1)
    killed = []

    def watch(standing) -> None:
        if standing.working and not killed:
            (nanny,) = pool._client.cluster.workers.values()
            killed.append(nanny.pid)
            os.kill(nanny.pid, signal.SIGKILL)

    try:
        with Journal(terms.out) as journal:
            outcome = run_batch(lambda: One(order), journal, pool, terms, watch=watch)
            tries = journal.last(uid).tries
    finally:
        pool.close()
    assert (outcome.done, outcome.complete, len(killed), tries) == (1, True, 1, 2)
    assert (terms.out / uid / "summary.json").is_file()


def test_the_answer_of_a_worker_survives_its_way(terms):
    task = task_of(terms)
    assert Task.read(task.text()) == task
    assert Path(task.out) == terms.out
