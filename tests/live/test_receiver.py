"""A feed that is received: newest to the screen, all to the disk, nobody waited for."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from awaited import until
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.endpoints.base import FeedNote, Frame
from napari_fluoroinject.errors import EndpointError, StorageError
from napari_fluoroinject.live.receiver import STALE_S, Received, Receiver
from napari_fluoroinject.live.slot import Handover, Shot, Slot
from napari_fluoroinject.live.writing import RETRY_S
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.recording import Recorder, Recording


def frame(index: int, pixels=None) -> Frame:
    picture = np.full((4, 6), index, np.uint16) if pixels is None else pixels
    return Frame(index=index, time_s=index / 15, pixels=picture)


def shot(index: int) -> Shot:
    return Shot(index=index, time_s=index / 15, at_s=0.0, pixels=np.zeros((2, 2), np.uint8))


class Fed(Closing):
    """A feed that gives what it is handed, until it is closed or an error is handed in."""

    def __init__(self, *frames):
        self._ready = threading.Semaphore(0)
        self._items: list[object] = []
        self.closed = False
        for one in frames:
            self.give(one)

    def give(self, item) -> None:
        self._items.append(item)
        self._ready.release()

    def close(self) -> None:
        self.closed = True
        self._ready.release()

    def __iter__(self):
        while True:
            self._ready.acquire()
            if not self._items:
                return
            item = self._items.pop(0)
            if isinstance(item, Exception):
                raise item
            yield item


class Refusing:
    """A recorder whose disk is full as long as `full` is said."""

    def __init__(self):
        self.full, self.kept, self.tried, self.closed = True, [], 0, False

    def add(self, pixels, *, index, time_s, wall_s):
        self.tried += 1
        if self.full:
            raise StorageError("the disk is full; free some")
        self.kept.append(index)

    def close(self):
        self.closed = True


@given(st.lists(st.booleans(), max_size=40))
def test_a_slot_gives_the_newest_frame_once_and_none_before_another_comes(puts):
    slot, index, waiting = Slot(), 0, None
    for put in puts:
        if put:
            waiting = index
            slot.put(shot(index))
            index += 1
        else:
            taken = slot.take()
            assert (None if taken is None else taken.index) == waiting
            waiting = None


@given(st.lists(st.booleans(), max_size=80), st.integers(1, 5))
def test_a_handover_keeps_the_order_and_counts_every_frame_that_nobody_took(puts, most):
    row, given_in, taken = Handover(most), 0, []
    for put in puts:
        if put:
            row.put(shot(given_in))
            given_in += 1
        elif (one := row.take(wait_s=0.0)) is not None:
            taken.append(one.index)
    left = []
    while (one := row.take(wait_s=0.0)) is not None:
        left.append(one.index)
    assert taken + left == sorted(taken + left)
    assert len(taken) + len(left) + row.missed == given_in
    assert len(left) <= most
    if given_in:
        assert (taken + left)[-1] == given_in - 1  # the newest is never dropped


def test_every_frame_is_on_disk_and_the_slot_holds_the_newest(tmp_path):
    feed = Fed(*(frame(index) for index in range(50)))
    receiver = Receiver(feed, recorder=Recorder(tmp_path / "r"))
    receiver.start()
    until(lambda: receiver.told.recorded == 50)
    assert receiver.slot.take().index == 49
    assert receiver.slot.take() is None
    receiver.close()
    assert feed.closed
    assert receiver.told.ended
    assert [int(one["index"]) for one in Recording.open(tmp_path / "r").segments[0].records] == [
        *range(50)
    ]


def test_a_feed_may_write_the_next_picture_into_the_same_buffer():
    buffer = np.zeros((4, 4), np.uint8)
    feed = Fed(frame(0, buffer))
    receiver = Receiver(feed)
    receiver.start()
    until(lambda: receiver.told.frames == 1)
    taken = receiver.slot.take()
    buffer[:] = 7
    assert (taken.pixels == 0).all()
    assert not taken.pixels.flags.writeable
    receiver.close()


def test_pictures_go_on_while_the_disk_is_full_and_what_is_not_recorded_is_counted():
    now_s, recorder, feed = [0.0], Refusing(), Fed()
    receiver = Receiver(feed, recorder=recorder, clock=lambda: now_s[0])
    receiver.start()
    for index in range(5):
        feed.give(frame(index))
        until(lambda count=index + 1: receiver.told.unrecorded == count)
    assert receiver.told.frames == 5
    assert "free some" in receiver.told.recording_error
    assert recorder.tried == 1  # a full disk is not asked for every frame
    recorder.full = False
    now_s[0] += RETRY_S
    feed.give(frame(5))
    until(lambda: receiver.told.recorded == 1)
    until(lambda: receiver.told.recording_error == "")
    assert (receiver.told.recording_error, receiver.told.unrecorded) == ("", 5)
    assert recorder.kept == [5]
    receiver.close()
    assert recorder.closed


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (EndpointError("the frame grabber is gone; expected it: plug it in"), "plug it in"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (KeyError("x"), "KeyError"),
    ],
)
def test_a_feed_that_fails_is_told_in_words_with_what_to_do(tmp_path, error, words):
    receiver = Receiver(Fed(frame(0), error), recorder=Recorder(tmp_path / "r"))
    receiver.start()
    until(lambda: receiver.told.ended)
    assert words in receiver.told.error
    assert "expected" in receiver.told.error
    assert receiver.freshness() == "failed"
    assert Recording.open(tmp_path / "r").frames == 1
    receiver.close()


@pytest.mark.parametrize(
    "garbage", [np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2)), np.zeros((0, 4), np.uint8)]
)
def test_garbage_is_counted_and_said_and_the_feed_goes_on(garbage):
    receiver = Receiver(Fed(frame(0), frame(1, garbage), frame(2)))
    receiver.start()
    until(lambda: receiver.told.frames == 2)
    assert receiver.told.refused == 1
    assert "frame 2" in receiver.told.refusal
    receiver.close()


def test_what_a_feed_tells_between_pictures_is_kept_and_costs_no_frame():
    note = FeedNote(event="lost", text="the sender is silent; it is asked again")
    receiver = Receiver(Fed(frame(0), note, frame(1), None))
    receiver.start()
    until(lambda: receiver.told.ended)
    receiver.close()
    assert (receiver.told.frames, receiver.told.notes, receiver.told.noted) == (2, (note,), 1)


def test_a_feed_that_hangs_does_not_hold_up_its_end(monkeypatch):
    monkeypatch.setattr("napari_fluoroinject.live.receiver._JOIN_S", 0.05)
    release = threading.Event()

    class Hung:
        def __iter__(self):
            release.wait(60)
            yield frame(0)

    receiver = Receiver(Hung())
    receiver.start()
    receiver.close()
    release.set()
    until(lambda: receiver.told.ended)
    assert receiver.told.frames == 0


@given(st.floats(0.0, 100.0), st.one_of(st.none(), st.floats(0.0, 100.0)), st.booleans())
def test_a_feed_is_live_only_as_long_as_its_last_frame_is_young(now_s, last_s, ended):
    if last_s is not None:
        now_s = max(now_s, last_s)
    told = Received(last_at_s=last_s, ended=ended)
    fresh = told.freshness(now_s, began_s=0.0)
    since = now_s - (0.0 if last_s is None else last_s)
    if ended:
        assert fresh == "ended"
        assert replace(told, error="gone").freshness(now_s, began_s=0.0) == "failed"
    elif since > STALE_S:
        assert fresh == "stale"
    else:
        assert fresh == ("waiting" if last_s is None else "live")


def test_the_rate_is_that_of_the_frames_that_came():
    now_s, feed = [0.0], Fed()
    receiver = Receiver(feed, clock=lambda: now_s[0])
    assert receiver.told.rate_hz is None
    receiver.start()
    for index in range(4):
        now_s[0] = index / 30
        feed.give(frame(index))
        until(lambda count=index + 1: receiver.told.frames == count)
    until(lambda: receiver.told.rate_hz == pytest.approx(30.0))
    assert receiver.told.frame_bytes == 4 * 6 * 2
    receiver.close()


def slow_disk():
    """A recorder that keeps nothing until it is told to go."""
    go, recorder = threading.Event(), Refusing()
    recorder.full = False
    keep = recorder.add

    def slowly(pixels, **what):
        go.wait(60)
        keep(pixels, **what)

    recorder.add = slowly
    return go, recorder


def test_a_slow_disk_holds_up_no_picture_and_what_waits_is_kept_at_the_end():
    go, recorder = slow_disk()
    receiver = Receiver(Fed(*(frame(index) for index in range(30))), recorder=recorder)
    receiver.start()
    until(lambda: receiver.told.frames == 30)
    assert receiver.slot.take().index == 29
    assert receiver.told.recorded == 0
    threading.Timer(0.05, go.set).start()
    receiver.close()
    assert recorder.kept == [*range(30)]
    assert recorder.closed


def test_frames_that_wait_for_the_disk_are_bounded_and_none_is_lost(monkeypatch):
    monkeypatch.setattr("napari_fluoroinject.live.writing.MOST_WAITING_BYTES", 4 * 48)
    go, recorder = slow_disk()
    receiver = Receiver(Fed(*(frame(index) for index in range(30))), recorder=recorder)
    receiver.start()
    until(lambda: receiver.told.frames == 4)
    time.sleep(0.05)
    assert receiver.told.frames == 4  # the feed waits
    go.set()
    until(lambda: receiver.told.recorded == 30)
    receiver.close()
    assert recorder.kept == [*range(30)]


def test_threads_take_short_turns_only_while_a_feed_is_received():
    usual = sys.getswitchinterval()
    one, other = Fed(), Fed()
    first, second = Receiver(one), Receiver(other)
    first.start()
    second.start()
    until(lambda: sys.getswitchinterval() < usual)
    first.close()
    assert sys.getswitchinterval() < usual
    second.close()
    assert sys.getswitchinterval() == usual
