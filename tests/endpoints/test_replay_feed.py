"""A loop replayed as a feed: its own times, at its own pace, nothing left out."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.endpoints.replay import Replay
from napari_fluoroinject.errors import EndpointError
from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, IntensityScale, LoopReference


def loop_of(times_s) -> CineLoop:
    count = 3 if times_s is None else len(times_s)
    stored = np.arange(count, dtype=np.uint16)[:, None, None] * np.ones((1, 4, 4), np.uint16)
    return CineLoop(
        frames=ArrayFrames(stored),
        times_s=None if times_s is None else np.asarray(times_s, np.float64),
        intensity=IntensityScale(relationship="linear", ln_beam=np.zeros(8, np.float32)),
        reference=LoopReference(
            study_instance_uid="1.2",
            series_instance_uid="1.3",
            sop_instance_uid="1.4",
            sop_class_uid="1.5",
        ),
        sha256="0",
    )


class Stepped(Replay):
    """A replay whose waiting is a clock that jumps."""

    def __init__(self, *args, **kwargs):
        self.now_s = 100.0
        super().__init__(*args, clock=lambda: self.now_s, **kwargs)

    def _wait(self, until):
        self.now_s = max(self.now_s, until)
        return self._closed.is_set()


rising = st.lists(st.floats(1e-3, 2.0), min_size=1, max_size=8).map(np.cumsum)


@given(rising, st.floats(0.1, 10.0))
def test_each_frame_comes_when_it_is_due_with_its_own_time(times_s, speed):
    feed = Stepped(loop_of(times_s), speed=speed)
    for number, frame in enumerate(feed):
        assert frame.index == number
        assert frame.time_s == pytest.approx(times_s[number] - times_s[0])
        assert feed.now_s - 100.0 == pytest.approx(frame.time_s / speed)
        assert (frame.pixels == number).all()
    assert frame.index == len(times_s) - 1


@given(rising, st.integers(1, 40))
def test_times_and_numbers_go_on_rising_where_it_begins_anew(times_s, taken):
    frames = list(itertools.islice(Stepped(loop_of(times_s), again=True), taken))
    assert [one.index for one in frames] == list(range(taken))
    assert [int(one.pixels[0, 0]) for one in frames] == [k % len(times_s) for k in range(taken)]
    assert (np.diff([one.time_s for one in frames]) > 0).all()


def test_a_late_taker_gets_every_frame():
    feed = Stepped(loop_of([0.0, 0.1, 0.2, 0.3]))
    taken = []
    for frame in feed:
        feed.now_s += 5.0
        taken.append(frame.index)
    assert taken == [0, 1, 2, 3]


def test_closing_ends_it_for_whoever_waits():
    feed = Replay(loop_of([0.0, 3600.0]))
    taken: list[int] = []
    thread = threading.Thread(target=lambda: taken.extend(one.index for one in feed))
    thread.start()
    feed.close()
    thread.join(30)
    assert not thread.is_alive()
    assert taken in ([], [0])


def test_a_loop_without_times_is_refused():
    with pytest.raises(EndpointError, match="expected frame times"):
        Replay(loop_of(None))


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_speed_that_goes_nowhere_is_refused(speed):
    with pytest.raises(EndpointError, match="above 0"):
        Replay(loop_of([0.0, 1.0]), speed=speed)
