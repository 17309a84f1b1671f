"""Calls from worker threads into the main thread."""

from __future__ import annotations

import threading

import pytest

from napari_fluoroinject.viewer.jobs import Jobs
from napari_fluoroinject.viewer.post import MainThread

pytestmark = pytest.mark.qt


def test_calls_of_a_worker_are_made_in_the_main_thread_in_their_order(qtbot):
    post, made = MainThread(), []

    def work():
        for number in range(50):
            post(lambda number=number: made.append((number, threading.current_thread())))

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert made == []
    qtbot.waitUntil(lambda: len(made) == 50)
    assert made == [(number, threading.main_thread()) for number in range(50)]
    post.close()


def test_what_is_posted_before_or_after_the_end_is_never_called(qtbot):
    post, made = MainThread(), []
    post(lambda: made.append("before"))
    post.close()
    post(lambda: made.append("after"))
    qtbot.wait(50)
    assert made == []


def test_a_worker_that_outlives_its_window_may_post_on(qtbot):
    post, go, over = MainThread(), threading.Event(), threading.Event()

    def work():
        go.wait(10)
        for _ in range(100):
            post(lambda: None)
        over.set()

    worker = threading.Thread(target=work)
    worker.start()
    post.close()
    qtbot.wait(20)  # the object is deleted by now
    go.set()
    worker.join(10)
    assert over.is_set()


def test_a_job_ends_in_the_main_thread(qtbot):
    post, seen = MainThread(), []
    with Jobs(post) as jobs:
        jobs.start(
            "add",
            lambda _tell: 2 + 2,
            lambda sum_: seen.append((sum_, threading.current_thread())),
        )
        qtbot.waitUntil(lambda: bool(seen))
    assert seen == [(4, threading.main_thread())]
    post.close()
