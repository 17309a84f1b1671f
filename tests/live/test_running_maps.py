"""The maps of a feed: those of the whole loop, late ones counted, never in the way."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from napari_fluoroinject.analysis.live import MASK_FRAMES, SETTLING_FRAMES, LiveMaps
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.live import running
from napari_fluoroinject.live.connect import connect_feed
from napari_fluoroinject.live.pictures import map_picture
from napari_fluoroinject.live.running import RunningMaps
from napari_fluoroinject.live.slot import Shot
from napari_fluoroinject.phantom import PhantomSettings, make_phantom


@pytest.fixture(scope="module")
def loop():
    settings = PhantomSettings(size=128, frames=44, motion="still", dose_ngy=60.0)
    return make_phantom("esi_il_lumbar", settings=settings).loop


def shots(loop):
    return [
        Shot(index=k, time_s=float(t), at_s=0.0, pixels=loop.frames.frame(k))
        for k, t in enumerate(loop.times_s)
    ]


def until(condition, *, within_s: float = 120.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.005)


def follow(maps, shots) -> None:
    """Hand frames over one by one, each when the one before is in the maps."""
    for one in shots:
        maps.put(one)
        until(lambda one=one: _last(maps) == one.time_s)


def _last(maps):
    status = maps.told.status
    return None if status is None else status.time_s


@pytest.fixture
def maps(loop, monkeypatch):
    monkeypatch.setattr(running, "PICTURE_EVERY_S", 0.0)
    made = RunningMaps(intensity=loop.intensity, on="cpu")
    made.start()
    yield made
    made.close()


def test_they_are_the_maps_of_the_same_frames(loop, maps):
    follow(maps, shots(loop))
    alone = LiveMaps(loop.intensity, loop.shape[1:], on=choose("cpu"), mask_frames=MASK_FRAMES)
    for one in shots(loop):
        alone.add(one.pixels, one.time_s)
    snapshot = alone.maps()
    assert maps.missed == 0
    assert maps.told.frames == len(snapshot.frames)
    for kind in ("arrival", "opacity", "time_to_peak"):
        maps.kind = kind
        until(lambda kind=kind: maps.picture is not None and maps.picture.kind == kind)
        expected = map_picture(snapshot, kind)
        np.testing.assert_array_equal(maps.picture.levels, expected.levels)
        assert expected.levels.any()
        assert maps.picture.high == expected.high
    maps.kind = "none"
    until(lambda: maps.picture is None)


def test_contrast_can_be_said_to_start_and_again_for_another_injection(loop, monkeypatch):
    maps = RunningMaps(intensity=loop.intensity, on="cpu", mask_frames=None)
    maps.start()
    every = shots(loop)
    follow(maps, every[:15])
    assert maps.told.frames == 0
    assert "mask" in maps.told.state
    maps.begin()
    until(lambda: maps.told.state == "following contrast")
    follow(maps, every[15:25])
    assert maps.told.frames + maps.told.lost == 10
    maps.begin()
    until(lambda: maps.told.frames == 0)
    follow(maps, every[25:30])
    assert maps.told.frames + maps.told.lost == 5
    maps.close()


def test_contrast_that_starts_before_there_is_a_mask_is_refused_and_said(loop, maps):
    maps.begin()
    until(lambda: "No frame has come" in maps.told.message)
    follow(maps, shots(loop)[: SETTLING_FRAMES + 1])
    maps.begin()
    until(lambda: "cannot start yet" in maps.told.message)
    follow(maps, shots(loop)[SETTLING_FRAMES + 1 : 20])
    assert maps.told.frames > 0


def test_a_frame_of_another_size_begins_them_anew_and_a_late_one_is_told(loop, maps):
    every = shots(loop)
    follow(maps, every[:20])
    maps.put(every[3])
    until(lambda: "in no map" in maps.told.message)
    assert maps.told.frames > 0
    smaller = replace(every[20], pixels=np.ascontiguousarray(every[20].pixels[:96, :96]))
    follow(maps, [smaller])
    assert "another size" in maps.told.message
    assert maps.told.frames == 0


def test_maps_that_fall_behind_miss_frames_and_say_how_many(loop):
    maps = RunningMaps(intensity=loop.intensity, on="cpu")  # not started: it takes nothing
    for one in shots(loop):
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
    maps.put(shots(loop)[0])
    until(lambda: maps.told.state == "stopped")
    assert "choose cpu" in maps.told.message
    maps.close()


def test_a_picture_is_transparent_where_no_contrast_came_and_spans_its_range(loop):
    alone = LiveMaps(loop.intensity, loop.shape[1:], on=choose("cpu"), mask_frames=MASK_FRAMES)
    for one in shots(loop):
        alone.add(one.pixels, one.time_s)
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


def test_a_synthetic_scene_is_a_feed_and_says_so():
    connected = connect_feed("phantom:esi_il_lumbar")
    assert connected.synthetic
    assert connected.intensity is not None
    assert next(iter(connected.feed)).pixels.shape == (512, 512)
