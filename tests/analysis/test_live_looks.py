"""Looks for run-off beside the frames."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from types import SimpleNamespace

import pytest

from napari_fluoroinject.analysis.live_looks import MOST_WAITING, Looks


class Slow(Executor):
    """Does what it was asked first when it is told to, one at a time."""

    def __init__(self):
        self.asked = []

    def submit(self, work, /, *args, **wishes):
        self.asked.append((Future(), work, args))
        return self.asked[-1][0]

    def do(self, count):
        for future, work, args in self.asked[:count]:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work(*args))
                except ValueError as error:
                    future.set_exception(error)
        del self.asked[:count]


class Finding:
    """Finds two paths in each frame, the likelier of higher number; fails at frame 13."""

    def __init__(self):
        self.seen = []

    def add(self, _opacity, frame, _time_s):
        if frame == 13:
            raise ValueError("thirteen")
        self.seen.append(frame)
        return tuple(SimpleNamespace(score=frame + part) for part in (0.1, 0.5))


def scores(found):
    return [one.score for one in found]


def test_what_was_found_beside_comes_with_a_later_frame_the_likeliest_first():
    slow, watch = Slow(), Finding()
    looks = Looks(watch, beside=slow)
    assert looks.add(None, 0, 0.0) == looks.add(None, 1, 0.1) == ()
    slow.do(2)
    assert scores(looks.add(None, 2, 0.2)) == [1.5, 1.1, 0.5, 0.1]
    assert looks.add(None, 3, 0.3) == ()
    assert watch.seen == [0, 1]


def test_without_anybody_beside_it_looks_at_once():
    assert scores(Looks(Finding(), beside=None).add(None, 4, 0.0)) == [4.1, 4.5]


def test_a_machine_that_is_too_slow_leaves_frames_out_and_goes_on():
    slow, watch = Slow(), Finding()
    looks = Looks(watch, beside=slow)
    for frame in range(14, 14 + 2 * MOST_WAITING):
        looks.add(None, frame, frame / 30)
    slow.do(len(slow.asked))
    assert len(looks.add(None, 999, 40.0)) == 2 * MOST_WAITING
    assert watch.seen == list(range(14, 14 + MOST_WAITING))
    looks.add(None, 1000, 40.1)
    slow.do(len(slow.asked))
    assert watch.seen[-1] == 1000


def test_closed_it_looks_at_none_that_wait():
    slow, watch = Slow(), Finding()
    looks = Looks(watch, beside=slow)
    looks.add(None, 0, 0.0)
    looks.close()
    slow.do(1)
    assert watch.seen == []


def test_what_fails_beside_is_not_lost():
    slow = Slow()
    looks = Looks(Finding(), beside=slow)
    looks.add(None, 13, 0.0)
    slow.do(1)
    with pytest.raises(ValueError, match="thirteen"):
        looks.add(None, 14, 0.1)
