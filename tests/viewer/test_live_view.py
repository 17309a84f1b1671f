"""The live view: newest frame only, on the main thread only, told when it is old."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_fluoroinject.endpoints.base import Frame
from napari_fluoroinject.live.pictures import MapPicture
from napari_fluoroinject.live.receiver import Receiver
from napari_fluoroinject.live.running import MapsTold
from napari_fluoroinject.recording import Recorder, Recording
from napari_fluoroinject.viewer.live.view import LIVE, LiveView

if TYPE_CHECKING:
    from napari_fluoroinject.live.slot import Shot

pytestmark = pytest.mark.qt


class Clock:
    """A clock that is set."""

    def __init__(self):
        self.now_s = 50.0

    def __call__(self):
        return self.now_s


class Watched:
    """A view of a feed whose frames come when the test says so."""

    def __init__(self):
        self.clock, self.told = Clock(), []
        self.model = ViewerModel()
        self.view = LiveView(self.model, self.told.append)
        self.receiver = Receiver(iter(()), clock=self.clock)
        self.view.watch(self.receiver)
        self.view._timer.stop()
        self.index = 0

    def come(self, pixels=None) -> Shot:
        picture = np.full((32, 48), self.index, np.uint16) if pixels is None else pixels
        self.receiver._take(Frame(index=self.index, time_s=self.index / 30, pixels=picture))
        self.index += 1
        return picture

    @property
    def layer(self):
        return self.model.layers[LIVE]


@pytest.fixture
def watched(qapp):
    made = Watched()
    yield made
    made.view.deleteLater()


def test_only_the_newest_of_many_frames_is_shown(watched):
    for _ in range(10):
        newest = watched.come()
    watched.view.tick()
    np.testing.assert_array_equal(watched.layer.data, newest)
    watched.view.tick()
    assert watched.view.shown == 1
    assert watched.receiver.told.frames == 10


def test_a_picture_is_set_on_the_main_thread_or_not_at_all(watched):
    watched.come()
    caught = []

    def elsewhere():
        try:
            watched.view.tick()
        except RuntimeError as error:
            caught.append(str(error))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert caught
    assert "main thread" in caught[0]
    assert list(watched.model.layers) == []


def test_the_age_counts_from_when_the_frame_came_to_when_it_was_drawn(watched):
    watched.come()
    watched.clock.now_s += 0.020
    watched.view.tick()
    assert watched.told[-1].head == "● LIVE   20 ms old"
    watched.clock.now_s += 0.010
    watched.view.drawn()
    watched.view.drawn()  # the same picture again, for whatever reason
    assert list(watched.view.ages_s) == [pytest.approx(0.030)]


def test_a_feed_without_frames_is_stale_after_half_a_second_and_live_again_with_the_next(watched):
    watched.come()
    watched.view.tick()
    watched.clock.now_s += 0.499
    watched.view.tick()
    assert "LIVE   499 ms" in watched.told[-1].head
    watched.clock.now_s += 0.002
    watched.view.tick()
    assert watched.told[-1].head == "■ STALE > 500 ms   no frame for 0.5 s"
    watched.come()
    watched.view.tick()
    assert "LIVE" in watched.told[-1].head


def test_contrast_limits_are_set_once_and_by_the_person_when_asked(watched):
    watched.come(np.linspace(100, 900, 32 * 48).reshape(32, 48).astype(np.uint16))
    watched.view.tick()
    first = watched.layer.contrast_limits
    assert first[0] == pytest.approx(100, abs=20)
    watched.come(np.full((32, 48), 5000, np.uint16))
    watched.view.tick()
    assert watched.layer.contrast_limits == first
    watched.view.brighten()
    assert watched.layer.contrast_limits[0] == 5000


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_another_size_or_type_is_shown_too_with_units_on_every_layer(watched, dtype):
    watched.come()
    watched.view.tick()
    watched.come(np.arange(64, dtype=dtype).reshape(8, 8))
    watched.view.tick()
    assert (watched.layer.data.shape, watched.layer.data.dtype) == ((8, 8), dtype)
    assert len(watched.model.layers) == 1
    assert {str(unit) for layer in watched.model.layers for unit in layer.units} == {"pixel"}
    assert watched.layer.axis_labels == ("y", "x")


def test_frozen_frames_loop_by_their_own_times_while_the_feed_goes_on(watched, tmp_path):
    with Recorder(tmp_path / "r") as recorder:
        for index, time_s in enumerate((0.0, 1.0, 1.5)):
            recorder.add(np.full((32, 48), 100 + index, np.uint16), index=index, time_s=time_s)
    watched.come()
    watched.view.tick()
    watched.view.freeze(Recording.open(tmp_path / "r").loop())
    shown = []
    for step_s in (0.0, 0.9, 0.2, 0.45, 0.75):  # 0, 0.9, 1.1, 1.55, and 0.05 of the next round
        watched.clock.now_s += step_s
        watched.come()
        watched.view.tick()
        shown.append(int(watched.layer.data[0, 0]) - 100)
    assert shown == [0, 0, 1, 2, 0]
    assert "FROZEN" in watched.told[-1].head
    assert watched.view.shown == 1
    newest = watched.come()
    watched.view.tick()
    watched.view.thaw()
    np.testing.assert_array_equal(watched.layer.data, newest)
    assert "LIVE" in watched.told[-1].head


def test_a_map_lies_over_the_picture_transparent_where_nothing_is_and_is_hidden_while_frozen(
    watched, tmp_path
):
    class Maps:
        picture, told = None, MapsTold()

    maps = Maps()
    watched.view._maps = maps
    watched.come()
    watched.view.tick()
    levels = np.zeros((32, 48), np.uint8)
    levels[4:8, 4:8] = 255
    maps.picture = MapPicture(kind="arrival", levels=levels, low=0.0, high=3.0, unit="s")
    watched.view.tick()
    layer = watched.model.layers["LIVE · arrival time"]
    alpha = layer.colormap.map(np.array([0.0, 1 / 255, 1.0]))[:, 3]
    assert alpha.tolist() == [0.0, 1.0, 1.0]
    assert layer.contrast_limits == [0, 255]
    maps.picture = MapPicture(kind="opacity", levels=levels, low=0.0, high=0.4, unit="ln")
    watched.view.tick()
    assert [one.name for one in watched.model.layers] == [LIVE, "LIVE · opacity"]
    with Recorder(tmp_path / "r") as recorder:
        recorder.add(np.zeros((32, 48), np.uint16), index=0, time_s=0.0)
    watched.view.freeze(Recording.open(tmp_path / "r").loop())
    assert [one.name for one in watched.model.layers] == [LIVE]
    watched.view.thaw()
    assert len(watched.model.layers) == 2


def test_leaving_a_feed_says_that_the_picture_is_its_last(watched):
    watched.come()
    watched.view.tick()
    watched.receiver._ended.set()
    watched.view.leave()
    assert "last frame" in watched.told[-1].head
