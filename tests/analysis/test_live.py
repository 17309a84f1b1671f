"""Live maps: a loop that is fed frame by frame is followed, mapped, and lost where it must be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_scenes import breathing, moving_scene

from napari_fluoroinject.analysis.live import LiveMaps, direct_maps
from napari_fluoroinject.analysis.live_mask import LEAST_THRESHOLD, make_subtraction
from napari_fluoroinject.analysis.replay import replay_loop
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.compute.curves import Exposures
from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, IntensityScale, LoopReference

FRAMES, ONSET, MASK = 45, 24, 12
SIZE = (160, 160)
PICTURES = ("peak", "arrival_s", "time_to_peak_s", "area_s", "transit_s", "washout_per_s", "last")


@pytest.fixture(scope="module")
def on():
    return choose("cpu")


def loop_of(ln, times_s=None):
    """A loop with these log frames, 12 bits and linear."""
    stored = np.clip(np.rint(np.exp(ln)), 0, 4095).astype(np.uint16)
    level = np.maximum(np.arange(4096), 0.5)
    return CineLoop(
        frames=ArrayFrames(stored),
        times_s=np.arange(len(ln)) / 15 if times_s is None else times_s,
        intensity=IntensityScale(relationship="linear", ln_beam=np.log(level).astype(np.float32)),
        reference=LoopReference(
            study_instance_uid="1.1",
            series_instance_uid="1.2",
            sop_instance_uid="1.3",
            sop_class_uid="1.4",
        ),
        sha256="0" * 64,
    )


def injected(shift_px, *, opacity=0.4, noise=0.02, seed=0, onset=ONSET):
    """Log frames of moving anatomy into which a disc of contrast comes, and where it stands."""
    ln = moving_scene(shift_px, size=SIZE, noise=noise, seed=seed, hills=150) + 0.5
    row, column = np.mgrid[: SIZE[0], : SIZE[1]]
    for k, (down, right) in enumerate(shift_px):
        away = np.hypot(row - 80 - down, column - 90 - right)
        ln[k] -= opacity * np.clip((k - onset) / 6, 0, 1) * (away < 14)
    return ln, np.hypot(row - 80, column - 90) < 12


@pytest.fixture(scope="module")
def shift_px():
    return breathing(FRAMES)


@pytest.fixture(scope="module")
def ln(shift_px):
    return injected(shift_px)[0]


@pytest.fixture(scope="module")
def replayed(ln, on):
    return replay_loop(loop_of(ln), on=on, mask_frames=MASK)


def test_frames_settle_are_gathered_and_followed(replayed):
    phases = [one.status.phase for one in replayed.frames]
    assert phases == 3 * ["settling"] + MASK * ["mask"] + (FRAMES - 3 - MASK) * ["following"]
    assert replayed.snapshot.mask_frames == tuple(range(3, 3 + MASK))
    assert replayed.snapshot.frames == tuple(range(3 + MASK, FRAMES))


def test_the_anatomy_is_followed_through_contrast(replayed, shift_px):
    snapshot = replayed.snapshot
    truth = shift_px - shift_px[list(snapshot.mask_frames)].mean(axis=0)
    error = np.hypot(*(snapshot.exposures.shift_px - truth[list(snapshot.frames)]).T)
    assert error.mean() < 0.05
    assert np.percentile(error, 95) < 0.12
    assert not replayed.lost


def test_contrast_is_seen_where_and_when_it_comes(replayed, shift_px):
    snapshot, inside = replayed.snapshot, injected(shift_px)[1]
    # a ramp of 0.4 in 6 frames crosses the threshold that is stated
    expected = (ONSET + 6 * snapshot.subtraction.threshold / 0.4) / 15
    assert np.nanmedian(snapshot.maps.arrival_s[inside]) == pytest.approx(expected, abs=1 / 15)
    assert np.median(snapshot.maps.peak[inside]) == pytest.approx(0.4, abs=0.05)
    assert snapshot.region[inside].mean() > 0.9
    assert np.isnan(snapshot.maps.arrival_s[snapshot.valid & ~snapshot.region]).mean() > 0.95


def test_each_frame_tells_the_extent_and_opacity_of_contrast(replayed):
    before = [one.status for one in replayed.frames if one.status.frame < ONSET]
    assert max(status.area_px for status in before) < 60
    end = replayed.frames[-1].status
    # the region reaches into the blur of the edge
    assert np.pi * 14**2 < end.area_px < np.pi * 18**2
    assert end.mean_opacity * end.area_px == pytest.approx(0.4 * np.pi * 14**2, rel=0.1)


def test_what_was_followed_is_what_the_whole_loop_gives(ln, on, replayed):
    live, whole = replayed.snapshot, direct_maps(loop_of(ln), on=on, mask_frames=MASK)
    assert live.frames == whole.frames
    for name in PICTURES:
        np.testing.assert_array_equal(getattr(live.maps, name), getattr(whole.maps, name))
    np.testing.assert_array_equal(live.maps.area_px, whole.maps.area_px)
    np.testing.assert_array_equal(live.region, whole.region)


def test_another_scene_is_lost_and_left_out_and_the_loop_goes_on(ln, on):
    strange = ln.copy()
    strange[30:33] = injected(np.zeros((3, 2)), seed=99)[0]
    replayed = replay_loop(loop_of(strange), on=on, mask_frames=MASK)
    assert replayed.lost == (30, 31, 32)
    assert replayed.snapshot.lost_frames == (30, 31, 32)
    assert not set(replayed.lost) & set(replayed.snapshot.frames)
    whole = direct_maps(loop_of(strange), on=on, mask_frames=MASK)
    np.testing.assert_array_equal(replayed.snapshot.maps.peak, whole.maps.peak)


def test_a_change_of_exposure_is_no_contrast(ln, on, shift_px):
    dimmer = ln.copy()
    dimmer[20:] -= 0.15
    plain = replay_loop(loop_of(ln), on=on, mask_frames=MASK).snapshot
    found = replay_loop(loop_of(dimmer), on=on, mask_frames=MASK).snapshot
    np.testing.assert_allclose(
        found.exposures.offset[10:] - plain.exposures.offset[10:], 0.15, atol=0.01
    )
    assert np.median(np.abs(found.maps.peak - plain.maps.peak)) < 0.02


def test_contrast_begins_when_somebody_says_so(ln, on):
    loop = loop_of(ln)
    live = LiveMaps(loop.intensity, SIZE, on=on, mask_frames=None)
    for frame in range(20):
        assert live.add(loop.frames.frame(frame), float(loop.times_s[frame])).shift_px is None
    assert live.maps() is None
    live.begin()
    live.begin()
    assert live.maps() is None
    live.add(loop.frames.frame(20), float(loop.times_s[20]))
    assert live.maps().mask_frames == tuple(range(4, 20)), "the last sixteen"


def test_noise_alone_rarely_crosses_the_threshold(on, shift_px):
    noise = np.random.default_rng(1).normal(6, 0.1, (FRAMES, 256, 256))
    loop = loop_of(noise)
    stored, exposed = loop.frames.every(), shift_px - shift_px[3 : 3 + MASK].mean(axis=0)
    mask, after = slice(3, 3 + MASK), slice(3 + MASK, FRAMES)
    subtraction = make_subtraction(
        stored[mask], exposed[mask], np.ones((256, 256), bool), loop.intensity, on=on
    )
    count = FRAMES - 3 - MASK
    exposures = Exposures(
        times_s=np.arange(float(count)), shift_px=exposed[after], offset=np.zeros(count)
    )
    above = on.kernels.curve_maps(stored[after], exposures, subtraction).area_px
    assert subtraction.threshold > LEAST_THRESHOLD
    assert 1e-5 < above[1:-1].mean() / 256**2 < 4e-4


def test_maps_that_were_given_out_do_not_change(ln, on):
    loop = loop_of(ln)
    live = LiveMaps(loop.intensity, SIZE, on=on, mask_frames=MASK)
    for frame in range(FRAMES - 5):
        live.add(loop.frames.frame(frame), float(loop.times_s[frame]))
    snapshot = live.maps()
    peak = snapshot.maps.peak.copy()
    for frame in range(FRAMES - 5, FRAMES):
        live.add(loop.frames.frame(frame), float(loop.times_s[frame]))
    np.testing.assert_array_equal(snapshot.maps.peak, peak)
    assert not snapshot.maps.peak.flags.writeable


def test_contrast_cannot_begin_before_there_is_a_mask(ln, on):
    loop = loop_of(ln)
    live = LiveMaps(loop.intensity, SIZE, on=on)
    for frame in range(6):
        live.add(loop.frames.frame(frame), float(loop.times_s[frame]))
    with pytest.raises(AnalysisError, match="mask frames so far"):
        live.begin()


@pytest.mark.parametrize("wanted", [0, 5, 17])
def test_masks_of_too_few_or_too_many_frames_are_refused(on, ln, wanted):
    with pytest.raises(AnalysisError, match="expected"):
        LiveMaps(loop_of(ln).intensity, SIZE, on=on, mask_frames=wanted)


def test_a_frame_of_another_size_is_refused(on, ln):
    live = LiveMaps(loop_of(ln).intensity, SIZE, on=on)
    with pytest.raises(ValueError, match="expected"):
        live.add(np.zeros((8, 8), np.uint16), 0.0)


def test_a_loop_without_times_has_no_maps_of_time(on, ln):
    loop = replace(loop_of(ln), times_s=None)
    for work in (replay_loop, direct_maps):
        with pytest.raises(AnalysisError, match="no frame times"):
            work(loop, on=on)


def test_a_loop_that_ends_with_the_mask_has_no_maps(on, ln):
    short = loop_of(ln[: 3 + MASK])
    assert replay_loop(short, on=on, mask_frames=MASK).snapshot is None
    assert direct_maps(short, on=on, mask_frames=MASK) is None


@settings(deadline=None, max_examples=8)
@given(
    seed=st.integers(0, 500),
    times=st.lists(st.floats(0.03, 0.3), min_size=26, max_size=26),
    rows_px=st.floats(0, 3),
)
def test_online_is_batch_for_any_times_and_motion(seed, times, rows_px):
    on = choose("cpu")
    shift = breathing(26, rows_px=rows_px)
    loop = loop_of(injected(shift, seed=seed, onset=14)[0], np.cumsum(times))
    live = replay_loop(loop, on=on, mask_frames=8).snapshot
    whole = direct_maps(loop, on=on, mask_frames=8)
    for name in PICTURES:
        np.testing.assert_array_equal(getattr(live.maps, name), getattr(whole.maps, name))


def test_a_replay_says_what_frames_took_and_which_were_late(ln, on):
    hurried = loop_of(ln, np.arange(FRAMES) * 1e-6)
    replayed = replay_loop(hurried, on=on, mask_frames=MASK)
    assert replayed.late == tuple(range(FRAMES - 1))
    spent = replayed.spent()
    assert set(spent) == {"all", "decoding", "registration", "maps"}
    assert spent["all"].median_ms <= spent["all"].p99_ms <= spent["all"].largest_ms


STRANGE = {
    "blank": lambda _: np.zeros(SIZE, np.uint16),
    "saturated": lambda _: np.full(SIZE, 4095, np.uint16),
    "another scene": lambda stored: stored[::-1, ::-1],
}


def with_strange(ln, kind, frames):
    stored = loop_of(ln).frames.every().copy()
    for frame in frames:
        stored[frame] = STRANGE[kind](stored[frame])
    return replace(loop_of(ln), frames=ArrayFrames(stored))


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("frames", [(3,), (7, 8), (14,), (5, 9, 14)])
def test_mask_frames_of_another_scene_spoil_nothing(ln, on, replayed, shift_px, kind, frames):
    loop = with_strange(ln, kind, frames)
    found = replay_loop(loop, on=on, mask_frames=MASK)
    snapshot, clean = found.snapshot, replayed.snapshot
    good = tuple(frame for frame in clean.mask_frames if frame not in frames)
    assert snapshot.mask_frames == good
    assert not found.lost
    assert snapshot.subtraction.threshold == pytest.approx(clean.subtraction.threshold, rel=0.15)
    truth = shift_px - shift_px[list(good)].mean(axis=0)
    error = np.hypot(*(snapshot.exposures.shift_px - truth[list(snapshot.frames)]).T)
    assert error.mean() < 0.06
    inside = injected(shift_px)[1]
    arrived, expected = (np.nanmedian(one.maps.arrival_s[inside]) for one in (snapshot, clean))
    assert arrived == pytest.approx(expected, abs=0.05)
    assert found.frames[-1].status.area_px == pytest.approx(
        replayed.frames[-1].status.area_px, rel=0.1
    )
    whole = direct_maps(loop, on=on, mask_frames=MASK)
    np.testing.assert_array_equal(snapshot.maps.peak, whole.maps.peak)


def test_gathering_goes_on_until_enough_mask_frames_are_good(ln, on):
    loop = with_strange(ln, "blank", (4, 6))
    replayed = replay_loop(loop, on=on, mask_frames=6)
    assert replayed.snapshot.mask_frames == (3, 5, 7, 8, 9, 10)
    assert [one.status.phase for one in replayed.frames[9:12]] == ["mask", "mask", "following"]
    whole = direct_maps(loop, on=on, mask_frames=6)
    np.testing.assert_array_equal(replayed.snapshot.maps.peak, whole.maps.peak)


def test_contrast_cannot_begin_before_enough_mask_frames_are_good(ln, on):
    loop = with_strange(ln, "blank", (4, 6))
    live = LiveMaps(loop.intensity, SIZE, on=on, mask_frames=None)
    for frame in range(10):
        live.add(loop.frames.frame(frame), float(loop.times_s[frame]))
    with pytest.raises(AnalysisError, match="5 of 7 mask frames"):
        live.begin()
    live.add(loop.frames.frame(10), float(loop.times_s[10]))
    live.begin()
    assert live.add(loop.frames.frame(11), float(loop.times_s[11])).phase == "following"


def test_more_than_a_few_blank_frames_are_no_mask(ln, on):
    loop = with_strange(ln, "blank", range(3, 11))
    assert replay_loop(loop, on=on, mask_frames=MASK).snapshot.mask_frames == tuple(range(11, 17))


def test_a_loop_that_is_blank_as_a_whole_is_followed(ln, on):
    loop = with_strange(ln, "blank", range(FRAMES))
    snapshot = replay_loop(loop, on=on, mask_frames=MASK).snapshot
    assert snapshot.mask_frames == tuple(range(3, 3 + MASK))


def test_what_was_lost_for_long_is_found_again(on):
    shift = np.zeros((FRAMES, 2))
    # the anatomy goes far and blank frames come; then it is back at once
    shift[16:26, 0] = np.linspace(0, 20, 10)
    shift[26:28] = shift[25]
    loop = with_strange(injected(shift, onset=FRAMES)[0], "saturated", (28, 29, 30, 31, 32))
    replayed = replay_loop(loop, on=on, mask_frames=MASK)
    lost = replayed.lost
    assert set(lost) >= {28, 29, 30, 31, 32}
    assert max(lost) <= 36
    after = replayed.snapshot.exposures.shift_px[-5:]
    np.testing.assert_allclose(after, 0, atol=0.3)


def test_a_buffer_that_is_used_again_changes_nothing(ln, on, replayed):
    loop = loop_of(ln)
    buffer, live = np.empty(SIZE, np.uint16), LiveMaps(loop.intensity, SIZE, on=on)
    for frame, time_s in enumerate(loop.times_s):
        buffer[:] = loop.frames.frame(frame)
        live.add(buffer, float(time_s))
    buffer[:] = 0
    found = live.maps()
    np.testing.assert_array_equal(found.subtraction.mask, replayed.snapshot.subtraction.mask)
    for name in PICTURES:
        np.testing.assert_array_equal(
            getattr(found.maps, name), getattr(replayed.snapshot.maps, name)
        )


@pytest.mark.parametrize("frame", [1, 8, 30])
@pytest.mark.parametrize("wrong", ["duplicate", "falling", "nan", "inf", "size", "type", "float"])
def test_a_frame_that_is_refused_can_be_dropped(ln, on, replayed, frame, wrong):
    loop = loop_of(ln)
    live = LiveMaps(loop.intensity, SIZE, on=on)
    stored, times_s = loop.frames.every(), loop.times_s
    late, soon = {"duplicate": 0, "falling": -0.5, "nan": np.nan, "inf": np.inf}, 0.01
    time_s = times_s[frame - 1] + late.get(wrong, soon)
    changed = {"size": stored[9, 1:], "type": stored[9].astype(np.uint8)}
    strange = changed.get(wrong, stored[9].astype(np.float32) if wrong == "float" else stored[9])
    for index in range(FRAMES):
        if index == frame:
            with pytest.raises(ValueError, match="expected"):
                live.add(strange, float(time_s))
        live.add(stored[index], float(times_s[index]))
    found = live.maps()
    assert found.frames == replayed.snapshot.frames
    np.testing.assert_array_equal(found.maps.peak, replayed.snapshot.maps.peak)
    np.testing.assert_array_equal(found.maps.area_px, replayed.snapshot.maps.area_px)


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i2", ">i2"])
def test_any_byte_order_gives_the_same_maps(ln, on, replayed, dtype):
    loop = loop_of(ln)
    stored = loop.frames.every().astype(dtype)
    live = LiveMaps(loop.intensity, SIZE, on=on)
    for one, time_s in zip(stored, loop.times_s, strict=True):
        live.add(one, float(time_s))
    whole = direct_maps(replace(loop, frames=ArrayFrames(stored)), on=on)
    for found in (live.maps(), whole):
        for name in PICTURES:
            np.testing.assert_array_equal(
                getattr(found.maps, name), getattr(replayed.snapshot.maps, name)
            )


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint64, np.bool_])
def test_frames_that_are_no_stored_values_are_refused(ln, on, dtype):
    live = LiveMaps(loop_of(ln).intensity, SIZE, on=on)
    with pytest.raises(ValueError, match="expected uint8, uint16 or int16"):
        live.add(np.zeros(SIZE, dtype), 0.0)
