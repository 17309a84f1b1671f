"""The maps of a feed: those of the run that is followed, late ones counted, never in the way."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from awaited import until

from napari_fluoroinject import phantom
from napari_fluoroinject.analysis.live import MASK_FRAMES, LiveMaps
from napari_fluoroinject.analysis.live_run import LiveRun
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.live import running
from napari_fluoroinject.live.connect import connect_feed
from napari_fluoroinject.live.pictures import map_picture, put_into
from napari_fluoroinject.live.running import RunningMaps
from napari_fluoroinject.live.slot import Shot
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from tests.analysis.test_live_run import SIZE, scene


class AtOnce(Executor):
    """Lays masks when it is asked to, so that tests know when they are laid."""

    def __init__(self, *_args, **_wishes) -> None:
        self.asked = 0

    def submit(self, work, /, *args, **wishes):
        self.asked += 1
        done = Future()
        try:
            done.set_result(work(*args, **wishes))
        except Exception as error:
            done.set_exception(error)
        return done


@pytest.fixture(scope="module")
def loop():
    settings = PhantomSettings(size=128, frames=44, motion="still", dose_ngy=60.0)
    return make_phantom("esi_il_lumbar", settings=settings).loop


@pytest.fixture(scope="module")
def shots():
    """Contrast comes in frame 30."""
    frames = scene(60, seed=3, onset=30)
    frames.flags.writeable = False
    return [
        Shot(index=k, time_s=k / 15, at_s=0.0, pixels=pixels) for k, pixels in enumerate(frames)
    ]


class Followed:
    """Running maps to which frames are handed one by one, each when the one before is told."""

    def __init__(self, **wishes) -> None:
        self.told = []
        self.maps = RunningMaps(on="cpu", heard=self._hear, **wishes)
        self.maps.start()
        until(lambda: self.maps.told.device)

    def _hear(self, shot, status) -> None:
        self.told.append((shot.index, status))

    def follow(self, shots) -> None:
        for one in shots:
            count = len(self.told)
            self.maps.put(one)
            until(lambda count=count: len(self.told) > count)
            self.maps._masks.submit(lambda: None).result()  # whatever was to be laid is laid


@pytest.fixture
def followed(monkeypatch):
    monkeypatch.setattr(running, "PICTURE_EVERY_S", 0.0)
    monkeypatch.setattr(running, "ThreadPoolExecutor", AtOnce)
    made = Followed()
    yield made
    made.maps.close()


def test_they_are_the_maps_of_the_run_that_is_followed(shots, followed):
    followed.follow(shots)
    maps = followed.maps
    alone = LiveRun(running.unknown_scale(np.dtype(np.uint16)), (SIZE, SIZE), on=choose("cpu"))
    statuses = [alone.add(one.pixels, one.time_s) for one in shots]
    snapshot = alone.snapshot()
    assert maps.missed == 0
    assert maps.told.frames == len(snapshot.frames)
    assert maps.told.onset_frame == statuses[-1].onset_frame
    assert maps.told.mask_frames == snapshot.mask_frames
    assert maps.told.phase == "following"
    assert not maps.told.quantitative
    assert "whole frame" in maps.told.area
    for kind in ("arrival", "opacity", "time_to_peak"):
        maps.kind = kind
        until(lambda kind=kind: maps.picture is not None and maps.picture.kind == kind)
        expected = map_picture(snapshot, kind)
        np.testing.assert_array_equal(maps.picture.levels, expected.levels)
        assert expected.levels.any()
        assert maps.picture.high == expected.high
    maps.kind = "none"
    until(lambda: maps.picture is None)


def test_every_frame_is_heard_of_once_and_in_order(shots, followed):
    followed.follow(shots)
    assert [index for index, _ in followed.told] == [one.index for one in shots]
    assert any("Contrast began" in text for text in followed.maps.told.remarks)


def test_contrast_can_be_said_to_start_and_again_for_another_injection(shots):
    made = Followed(automatic=False)
    maps = made.maps
    made.follow(shots[:29])
    assert maps.told.mask_frames
    assert maps.told.frames == 0
    maps.begin()
    until(lambda: maps.told.state == "following contrast")
    made.follow(shots[29:40])
    assert maps.told.frames + maps.told.lost >= 11
    first = maps.told.mask_frames
    maps.begin()
    made.follow(shots[40:])
    assert maps.told.phase == "following"
    assert maps.told.mask_frames != first
    newest = maps.told.mask_frames[-1]  # it may have been said one frame later
    assert newest in (39, 40)
    assert maps.told.frames + maps.told.lost == len(shots) - 1 - newest
    maps.close()


def test_contrast_that_starts_before_there_is_a_mask_is_refused_and_said(shots, followed):
    maps = followed.maps
    maps.begin()
    until(lambda: "No frame has come" in maps.told.message)
    followed.follow(shots[:10])
    maps.begin()
    until(lambda: "cannot start yet" in maps.told.message)
    followed.follow(shots[10:])
    assert maps.told.frames > 0


def test_a_frame_of_another_size_begins_them_anew_and_a_late_one_is_told(shots, followed):
    maps = followed.maps
    followed.follow(shots[:40])
    maps.put(shots[3])
    until(lambda: "in no map" in maps.told.message)
    assert maps.told.frames > 0
    smaller = replace(shots[40], pixels=np.ascontiguousarray(shots[40].pixels[:96, :96]))
    followed.follow([smaller])
    assert "another size" in maps.told.message
    assert maps.told.frames == 0


def test_a_map_of_a_part_of_the_frame_lies_where_that_part_is(shots, followed):
    followed.follow(shots)
    until(lambda: followed.maps.picture is not None)
    levels = followed.maps.picture.levels
    whole = put_into(followed.maps.picture, (10, 20), (SIZE + 40, SIZE + 50)).levels
    np.testing.assert_array_equal(whole[10 : 10 + SIZE, 20 : 20 + SIZE], levels)
    assert whole.sum() == levels.sum()


def test_without_a_screen_they_do_not_rest(shots, monkeypatch):
    made = Followed(rest=False)
    rested = []
    monkeypatch.setattr(made.maps._stopping, "wait", lambda _s: rested.append(1))
    made.follow(shots[:20])
    assert not rested
    made.maps.close()


def test_maps_that_fall_behind_miss_frames_and_say_how_many(shots):
    maps = RunningMaps(on="cpu")  # not started: it takes nothing
    for one in shots[:44]:
        maps.put(one)
    assert maps.missed == 32
    maps.close()


def test_a_device_that_is_not_there_is_told_and_ends_the_maps_alone(loop, monkeypatch):
    from napari_fluoroinject.errors import BackendUnavailableError

    def choose_none(_wish):
        raise BackendUnavailableError("no CUDA device; expected one: choose cpu")

    monkeypatch.setattr(running, "choose", choose_none)
    maps = RunningMaps(on="cuda")
    maps.start()
    until(lambda: maps.told.state == "stopped")
    assert "choose cpu" in maps.told.message
    maps.close()


def test_a_picture_is_transparent_where_no_contrast_came_and_spans_its_range(loop):
    alone = LiveMaps(loop.intensity, loop.shape[1:], on=choose("cpu"), mask_frames=MASK_FRAMES)
    for k, time_s in enumerate(loop.times_s):
        alone.add(loop.frames.frame(k), float(time_s))
    snapshot = alone.maps()
    picture = map_picture(snapshot, "arrival")
    reached = snapshot.valid & np.isfinite(snapshot.maps.arrival_s)
    assert map_picture(snapshot, "none") is None
    np.testing.assert_array_equal(picture.levels > 0, reached)
    shown_s = (picture.levels[reached] - 1.0) / 254 * picture.high
    true_s = snapshot.maps.arrival_s[reached] - snapshot.exposures.times_s[0]
    assert np.mean(true_s <= picture.high) >= 0.98
    true_s = np.minimum(true_s, picture.high)
    np.testing.assert_allclose(shown_s, true_s, atol=picture.high / 254)


def test_a_synthetic_scene_is_a_feed_and_says_so(monkeypatch):
    small = partial(PhantomSettings, size=96, frames=12)
    monkeypatch.setattr(phantom, "PhantomSettings", small)
    connected = connect_feed("phantom:esi_il_lumbar")
    assert connected.synthetic
    assert connected.intensity is not None
    assert next(iter(connected.feed)).pixels.shape == (96, 96)
