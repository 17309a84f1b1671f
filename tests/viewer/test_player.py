"""The player: it moves the session as the screen draws, and its count is exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_fluoroinject.model.cine import ArrayFrames
from napari_fluoroinject.viewer.player import Player
from napari_fluoroinject.viewer.run import Run

pytestmark = pytest.mark.qt


class Screen:
    """Draws when it is told to; `at_once` draws each frame after a turn of the event loop."""

    def __init__(self, session):
        from qtpy.QtCore import QTimer

        self.calls, self.drawn, self.at_once, self.session = [], [], True, session
        self._soon = QTimer()
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self.draw)
        session.signals.frame.connect(self._moved)

    def on_drawn(self, callback):
        self.calls.append(callback)
        return lambda: self.calls.remove(callback)

    def _moved(self, _frame):
        if self.at_once:
            self._soon.start(0)

    def draw(self):
        self.drawn.append(self.session.frame)
        for call in tuple(self.calls):
            call()


def made(run: Run, *, uid: str, frames: int, times_s=None) -> Run:
    """The same run under another name, with so many black frames."""
    reference = replace(run.loop.reference, sop_instance_uid=uid)
    stored = ArrayFrames(np.zeros((frames, 4, 4), np.uint16))
    loop = replace(run.loop, frames=stored, times_s=times_s, reference=reference, open_field=None)
    return Run(loop=loop, files=(), name=uid)


@pytest.fixture
def quick(session, run):
    """A run of 30 frames at 100 frames per second."""
    session.open(made(run, uid="1.2.3", frames=30, times_s=np.arange(30) / 100))
    return session


@pytest.fixture
def screen(quick):
    return Screen(quick)


@pytest.fixture
def player(quick, screen):
    with Player(quick, screen) as one:
        yield one


def exact(player):
    return player.due == player.shown + player.skipped + player.pending


def test_opening_a_run_shows_its_first_frame_and_does_not_play(player, quick):
    assert quick.frame == 0
    assert not player.playing


def test_frames_come_in_order_and_every_one_is_counted(qtbot, player, screen):
    player.play()
    qtbot.waitUntil(lambda: player.due > 12)
    player.pause()
    qtbot.waitUntil(lambda: not player.pending)
    assert exact(player)
    assert player.shown == len(screen.drawn) + 1  # the first stood there already
    assert screen.drawn == sorted(screen.drawn)
    assert not player.playing


def test_the_next_frame_is_asked_for_only_after_the_last_was_drawn(qtbot, player, screen, quick):
    screen.at_once = False
    player.play()
    qtbot.waitUntil(lambda: player.pending)
    frame = quick.frame
    qtbot.wait(100)
    assert quick.frame == frame
    assert player.shown == 1
    screen.draw()
    assert player.shown == 2
    qtbot.waitUntil(lambda: player.pending)
    assert player.skipped > 0
    assert exact(player)


def test_a_window_that_is_hidden_does_not_stop_it(qtbot, player, screen, monkeypatch):
    monkeypatch.setattr("napari_fluoroinject.viewer.player.PATIENCE_S", 0.05)
    screen.at_once = False
    player.play()
    qtbot.waitUntil(lambda: player.due > 15)
    assert player.shown == 1
    assert exact(player)
    screen.at_once = True
    qtbot.waitUntil(lambda: player.shown > 3)


def test_stopping_leaves_the_frame_that_was_counted_last(qtbot, player, screen, quick):
    player.play()
    qtbot.waitUntil(lambda: player.shown > 3)
    screen.at_once = False
    qtbot.waitUntil(lambda: player.pending)
    player.pause()
    shown = player.shown
    screen.draw()
    assert player.shown == shown + 1
    assert screen.drawn[-1] == quick.frame
    qtbot.wait(60)
    assert screen.drawn[-1] == quick.frame
    assert exact(player)


def test_whoever_goes_to_a_frame_stops_the_playing(qtbot, player, quick):
    player.play()
    qtbot.waitUntil(lambda: player.shown > 2)
    quick.go_to(20)
    assert not player.playing
    qtbot.wait(60)
    assert quick.frame == 20
    assert exact(player)


def test_what_a_person_says_neither_stops_nor_moves_it(qtbot, player, quick):
    player.play()
    qtbot.waitUntil(lambda: player.shown > 2)
    before = quick.frame
    quick.place_target((1.0, 1.0))
    assert player.playing
    assert quick.frame == before


def test_another_run_is_shown_from_its_first_frame_and_not_played(qtbot, player, quick, run):
    player.window = (3, 8)
    player.play()
    qtbot.waitUntil(lambda: player.shown > 2)
    quick.open(made(run, uid="1.2.4", frames=5))
    assert not player.playing
    assert (player.due, player.window, quick.frame) == (0, (0, 4), 0)
    qtbot.wait(60)
    assert quick.frame == 0


def test_closing_every_run_while_it_plays_ends_it(qtbot, player, quick):
    player.play()
    qtbot.waitUntil(lambda: player.shown > 2)
    for one in quick.runs:
        quick.close(one.uid)
    qtbot.wait(60)
    assert not player.playing
    player.play()
    assert not player.playing


def test_a_run_beside_does_not_stop_it(qtbot, player, quick, run):
    player.play()
    qtbot.waitUntil(lambda: player.shown > 2)
    quick.show_beside(run.uid)
    assert player.playing


def test_a_single_frame_is_not_played(player, quick, run):
    quick.open(made(run, uid="1.2.5", frames=1))
    player.play()
    assert not player.playing
    assert not player.can_play
    player.step(1)
    assert quick.frame == 0


def test_a_window_of_frames_is_all_that_is_played(qtbot, player, screen):
    player.window = (10, 13)
    player.play()
    qtbot.waitUntil(lambda: player.shown > 8)
    assert set(screen.drawn) <= {10, 11, 12, 13}
    player.window = None
    assert player.window == (0, 29)


def test_without_loop_it_ends_at_the_last_frame(qtbot, player, quick):
    player.loop = False
    quick.go_to(25)
    player.play()
    qtbot.waitUntil(lambda: not player.playing)
    assert quick.frame == 29
    assert exact(player)


def test_backwards_the_frames_go_down(qtbot, player, screen, quick):
    quick.go_to(29)
    player.backwards, player.loop = True, False
    player.play()
    screen.drawn.clear()
    qtbot.waitUntil(lambda: not player.playing)
    assert screen.drawn == sorted(screen.drawn, reverse=True)
    assert quick.frame == 0


def test_settings_changed_while_a_frame_is_pending_hold_from_the_next_on(qtbot, player, screen):
    screen.at_once = False
    player.play()
    qtbot.waitUntil(lambda: player.pending)
    player.mode, player.speed = "every", 4.0
    assert player.pending
    screen.at_once = True
    screen.draw()
    qtbot.waitUntil(lambda: player.shown > 8)
    assert player.skipped == 0
    assert exact(player)


def test_the_speed_stays_between_a_tenth_and_four(player):
    player.speed = 9.0
    assert player.speed == 4.0
    player.speed = 0.0
    assert player.speed == 0.1


def test_steps_go_round_the_window(player, quick):
    player.window = (5, 7)
    quick.go_to(7)
    player.step(1)
    assert quick.frame == 5
    player.step(-1)
    assert quick.frame == 7
    player.loop = False
    player.step(1)
    assert quick.frame == 7


def test_a_frame_that_cannot_be_shown_stops_it(qtbot, player, quick):
    def broken(frame):
        if frame > 2:
            raise OSError("frame is broken")

    quick.signals.frame.connect(broken)
    player.play()
    with qtbot.captureExceptions() as raised:
        qtbot.waitUntil(lambda: not player.playing)
        qtbot.wait(50)
    assert len(raised) == 1


def test_both_rates_are_told(qtbot, player):
    assert player.acquired_rate == pytest.approx(100.0)
    assert player.shown_rate is None
    player.play()
    qtbot.waitUntil(lambda: player.shown > 4)
    assert player.shown_rate > 0


def test_without_times_no_acquired_rate_is_told(player, quick, run):
    quick.open(made(run, uid="1.2.6", frames=3))
    assert player.acquired_rate is None


def test_a_closed_player_hears_nothing(qtbot, quick, screen):
    player = Player(quick, screen)
    player.play()
    player.close()
    assert screen.calls == []
    frame = quick.frame
    qtbot.wait(60)
    assert quick.frame == frame
