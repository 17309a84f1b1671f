"""The clock of the player: which frame is due, and what became of each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.viewer.clock import (
    ASSUMED_RATE,
    Clock,
    acquired_rate,
    frame_starts,
    schedule,
)

gaps_s = st.lists(st.floats(0.001, 2.0), min_size=2, max_size=12)
modes = st.sampled_from(["time", "every"])
speeds = st.floats(0.1, 4.0)


def times(gaps):
    return np.concatenate([[0.0], np.cumsum(gaps)])


@st.composite
def schedules(draw):
    gaps = draw(gaps_s)
    frames = len(gaps) + 1
    first = draw(st.integers(0, frames - 1))
    return schedule(
        times(gaps),
        frames,
        window=(first, draw(st.integers(first, frames - 1))),
        backwards=draw(st.booleans()),
        loop=draw(st.booleans()),
    )


@given(run=schedules(), position_s=st.floats(0.0, 1e3))
def test_the_frame_that_is_due_is_the_last_one_whose_time_has_come(run, position_s):
    step = run.step_at(position_s)
    assert run.start_s(step) <= position_s
    if run.loop or step < run.steps - 1:
        assert position_s < run.start_s(step + 1)


@given(run=schedules(), step=st.integers(0, 200))
def test_a_frame_is_due_at_the_very_moment_it_starts(run, step):
    step = step if run.loop else step % run.steps
    assert run.step_at(run.start_s(step)) == step


@given(gaps=gaps_s, data=st.data())
def test_backwards_every_frame_is_shown_as_long_as_forwards(gaps, data):
    frames = len(gaps) + 1
    first = data.draw(st.integers(0, frames - 1))
    window = (first, data.draw(st.integers(first, frames - 1)))
    there = schedule(times(gaps), frames, window=window)
    back = schedule(times(gaps), frames, window=window, backwards=True)
    assert back.order.tolist() == there.order[::-1].tolist()

    def lasting(run):
        return np.diff(np.append(run.starts_s, run.period_s))

    assert lasting(back) == pytest.approx(lasting(there)[::-1])


@given(
    run=schedules(),
    start=st.integers(0, 13),
    speed=speeds,
    mode=modes,
    late_s=st.lists(st.tuples(st.floats(0.0, 3.0), st.booleans()), max_size=40),
)
def test_every_due_frame_is_shown_skipped_or_pending(run, start, speed, mode, late_s):
    now_s, clock = 5.0, Clock(run, 5.0, start=start, speed=speed, mode=mode)
    counted, asked = clock.shown, []
    for wait_s, drawn in late_s:
        now_s += wait_s
        frame = clock.ask(now_s)
        if frame is not None:
            asked.append(frame)
            assert frame in run.order
            assert clock.pending
            assert frame == clock.frame
            assert clock.ask(now_s + 100.0) is None  # nothing more before it was drawn
        assert clock.due == clock.shown + clock.skipped + clock.pending
        if drawn:
            counted += clock.drawn()
        else:
            clock.missed()
        assert not clock.pending
        assert clock.due == clock.shown + clock.skipped
        assert clock.shown == counted


@given(run=schedules(), speed=speeds, late_s=st.lists(st.floats(0.0, 3.0), max_size=40))
def test_every_frame_is_shown_in_order_where_none_may_be_skipped(run, speed, late_s):
    clock, now_s = Clock(run, 0.0, start=int(run.order[0]), speed=speed, mode="every"), 0.0
    shown = [run.order[0]]
    for wait_s in late_s:
        now_s += wait_s
        frame = clock.ask(now_s)
        if frame is not None:
            shown.append(frame)
            clock.drawn()
    expected = np.resize(run.order, len(shown))
    if run.loop or len(shown) <= run.steps:
        assert shown == expected.tolist()
    assert clock.skipped == 0


@given(run=schedules(), speed=speeds, steps=st.integers(0, 30))
def test_a_screen_that_is_quick_enough_skips_nothing(run, speed, steps):
    clock, now_s, shown = Clock(run, 0.0, start=int(run.order[0]), speed=speed), 0.0, []
    for _ in range(steps):
        if clock.over:
            break
        now_s += clock.wait_s(now_s) + 1e-9
        frame = clock.ask(now_s)
        if frame is not None:
            shown.append(frame)
            clock.drawn()
    if len(shown) and run.steps > 1 and np.diff(run.starts_s).min() > 1e-6:
        assert clock.skipped == 0
        assert shown == np.resize(np.roll(run.order, -1), len(shown)).tolist()


def test_after_a_late_frame_the_mode_that_shows_all_does_not_hurry():
    run = schedule(np.arange(10) / 10, 10)
    clock = Clock(run, 0.0, start=0, mode="every")
    assert clock.ask(0.1) == 1
    clock.drawn()
    assert clock.ask(0.9) == 2  # 0.7 s late
    clock.drawn()
    assert clock.ask(0.95) is None
    assert clock.wait_s(0.9) == pytest.approx(0.1)


def test_late_frames_are_left_out_and_counted():
    clock = Clock(schedule(np.arange(10) / 10, 10), 0.0, start=0)
    assert clock.ask(0.45) == 4
    clock.drawn()
    assert (clock.due, clock.shown, clock.skipped) == (5, 2, 3)


def test_twice_the_speed_needs_half_the_time():
    run = schedule(np.arange(10) / 10, 10)
    assert Clock(run, 0.0, start=0, speed=2.0).wait_s(0.0) == pytest.approx(0.05)


def test_uneven_times_are_kept_to():
    clock = Clock(schedule(np.array([0.0, 0.1, 1.0]), 3), 0.0, start=0)
    assert clock.ask(0.1) == 1
    clock.drawn()
    assert clock.ask(0.99) is None
    assert clock.ask(1.0) == 2


def test_playing_goes_on_from_the_frame_that_is_shown():
    clock = Clock(schedule(np.arange(10) / 10, 10), 0.0, start=7)
    assert (clock.due, clock.shown) == (1, 1)
    assert clock.ask(0.101) == 8


def test_a_frame_outside_the_window_leads_to_the_first_in_it():
    clock = Clock(schedule(np.arange(10) / 10, 10, window=(3, 5)), 0.0, start=8)
    assert (clock.due, clock.shown) == (0, 0)
    assert clock.ask(0.0) == 3


def test_without_loop_playing_ends_at_the_last_frame_and_begins_again_at_the_first():
    run = schedule(np.arange(3) / 10, 3, loop=False)
    clock = Clock(run, 0.0, start=1)
    assert clock.ask(5.0) == 2
    assert not clock.over
    clock.drawn()
    assert clock.over
    assert clock.ask(50.0) is None
    again = Clock(run, 0.0, start=2)
    assert not again.over
    assert again.ask(0.0) == 0


@pytest.mark.parametrize("unknown", [None, np.zeros(4), np.array([0.0, np.nan, 1.0, 2.0])])
def test_without_times_a_rate_is_assumed(unknown):
    starts_s, end_s = frame_starts(unknown, 4)
    assert starts_s == pytest.approx(np.arange(4) / ASSUMED_RATE)
    assert end_s == pytest.approx(4 / ASSUMED_RATE)
    assert acquired_rate(unknown, 4) is None


def test_a_time_that_runs_back_counts_as_the_one_before_it():
    starts_s, end_s = frame_starts(np.array([1.0, 1.2, 1.1, 1.4]), 4)
    assert starts_s == pytest.approx([0.0, 0.2, 0.2, 0.4])
    assert end_s == pytest.approx(0.6)


def test_a_window_of_frames_of_one_time_is_played_all_the_same():
    run = schedule(np.array([0.0, 0.2, 0.2, 0.2]), 4, window=(1, 2))
    assert run.period_s > 0


def test_the_acquired_rate_is_that_of_most_frames():
    assert acquired_rate(np.array([0.0, 0.1, 0.2, 0.3, 2.0]), 5) == pytest.approx(10.0)
    assert acquired_rate(np.array([0.0]), 1) is None
