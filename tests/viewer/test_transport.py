"""The bar under the picture: it says what is shown, and steers the player."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from napari_fluoroinject.model.cine import ArrayFrames
from napari_fluoroinject.viewer.player import Player
from napari_fluoroinject.viewer.run import Run

pytestmark = pytest.mark.qt


class Screen:
    """Never draws by itself."""

    def __init__(self):
        self.calls = []

    def on_drawn(self, callback):
        self.calls.append(callback)
        return lambda: self.calls.remove(callback)

    def draw(self):
        for call in tuple(self.calls):
            call()


@pytest.fixture
def screen():
    return Screen()


@pytest.fixture
def player(session, screen, qtbot):
    with Player(session, screen) as one:
        yield one


@pytest.fixture
def bar(player, session, qtbot):
    from napari_fluoroinject.viewer.transport import Transport

    made = Transport(player, session)
    qtbot.addWidget(made)
    yield made
    made.release()


def other(run, *, frames, times_s=None):
    stored = ArrayFrames(np.zeros((frames, 4, 4), np.uint16))
    reference = replace(run.loop.reference, sop_instance_uid="1.2.3")
    loop = replace(run.loop, frames=stored, times_s=times_s, reference=reference, open_field=None)
    return Run(loop=loop, files=(), name="other")


def test_it_says_time_frame_and_rate(bar, session):
    session.go_to(4)
    assert bar.label.text() == "t = 0.500 s · frame 5/16 · acquired 8.0/s"


def test_it_says_what_is_shown_and_what_was_skipped(bar, player, screen, qtbot):
    player.play()
    qtbot.waitUntil(lambda: player.pending)
    screen.draw()
    qtbot.waitUntil(lambda: player.pending)
    screen.draw()
    qtbot.waitUntil(lambda: player.pending)
    found = re.search(r"acquired 8\.0/s · shown [\d.]+/s · skipped (\d+)", bar.label.text())
    assert found
    assert int(found[1]) == player.skipped


def test_an_assumed_rate_is_told_as_such(bar, session, run):
    session.open(other(run, frames=20))
    assert bar.label.text() == (
        "frame 1/20 · frame times unknown: 15 frames/s assumed for playback"
    )


def test_a_single_frame_offers_nothing_to_play(bar, session, run):
    session.open(other(run, frames=1))
    assert "nothing to play" in bar.label.text()
    assert not bar.play.isEnabled()
    assert not bar.slider.isEnabled()


def test_without_a_run_it_says_so(bar, session, run):
    session.close(run.uid)
    assert bar.label.text() == "no run is open"
    assert not bar.play.isEnabled()


def test_every_button_does_what_it_says(bar, session, player):
    for button, frame in ((bar.last, 15), (bar.back, 14), (bar.on, 15), (bar.first, 0)):
        button.click()
        assert session.frame == frame
    bar.play.click()
    assert player.playing
    assert bar.play.accessibleName() == "Stop"
    bar.play.click()
    assert not player.playing
    assert bar.play.accessibleName() == "Play"
    bar.loop.click()
    assert not player.loop


def test_the_slider_goes_to_a_frame_and_follows_it(bar, session, player):
    bar.slider.setValue(7)
    assert session.frame == 7
    session.go_to(3)
    assert bar.slider.value() == 3


def test_moving_the_slider_stops_the_playing_but_following_does_not(bar, player, qtbot):
    player.play()
    qtbot.waitUntil(lambda: player.pending)
    assert bar.slider.value() > 0
    assert player.playing
    bar.slider.setValue(12)
    assert not player.playing


def test_speed_mode_and_window_are_the_players(bar, player):
    bar.speed.setValue(0.5)
    bar.mode.setCurrentIndex(1)
    bar.from_frame.setValue(3)
    bar.to_frame.setValue(9)
    bar.to_frame.editingFinished.emit()
    assert (player.speed, player.mode, player.window) == (0.5, "every", (2, 8))
    assert "x 0.5" in bar.label.text()
    player.window = None
    assert (bar.from_frame.value(), bar.to_frame.value()) == (1, 16)


def test_mask_frames_are_marked(bar, session):
    session.choose_mask(None, (1, 2, 3))
    assert bar.slider.marks == ((1, 2, 3), None)
    assert "mask frames (chosen)" in bar.slider.toolTip()
    session.undo()
    assert bar.slider.marks == ((), None)


def test_it_is_forty_pixels_high_and_fits_in_640(bar):
    assert bar.height() <= 40
    assert bar.minimumSizeHint().width() <= 640


def test_everything_is_named_and_explained(bar):
    from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QSlider, QToolButton

    for kind in (QToolButton, QAbstractSpinBox, QComboBox, QSlider):
        for one in bar.findChildren(kind):
            assert one.accessibleName()
            assert one.toolTip()


def test_marks_are_painted(bar, session, qtbot):
    session.choose_mask(None, (12, 13))
    bar.slider.mark((12, 13), 8)
    bar.resize(640, 40)
    bar.show()
    image = bar.slider.grab().toImage()
    colours = {
        image.pixelColor(x, y).name().upper()
        for x in range(image.width())
        for y in range(image.height())
    }
    assert "#B5F59A" in colours


def test_a_released_bar_hears_nothing(bar, session):
    bar.release()
    text = bar.label.text()
    session.go_to(5)
    assert bar.label.text() == text
