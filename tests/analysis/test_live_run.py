"""A feed that is followed by itself: its mask, the begin of contrast, and its maps."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_fluoroinject.analysis import live_warm
from napari_fluoroinject.analysis.live_course import BACK_FRAMES
from napari_fluoroinject.analysis.live_looks import Beside
from napari_fluoroinject.analysis.live_run import (
    NEW_RUN_S,
    RENEW_S,
    LiveRun,
)
from napari_fluoroinject.analysis.live_scene import KEPT_EXPOSURES, MASK_FRAMES
from napari_fluoroinject.analysis.live_told import STEP_TEXT
from napari_fluoroinject.analysis.live_warm import warm_up_run
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.recording import unknown_scale

INTERVAL_S = 1 / 15


SIZE = 128


def scene(frames, *, seed, onset=None, scale=6000.0):
    """Bone and grain, and contrast that grows from frame `onset` on, (frames, rows, columns)."""
    rng = np.random.default_rng(seed)
    bone = gaussian_filter(np.random.default_rng(0).normal(size=(SIZE, SIZE)), 5.0)
    beam = scale * np.exp(0.25 * bone / bone.std())
    row, column = np.mgrid[:SIZE, :SIZE]
    away = np.hypot(row - 60, column - 66)
    grain = gaussian_filter(rng.normal(size=(frames, SIZE, SIZE)), (0, 0.7, 0.7))
    grain *= 0.02 / grain.std()
    since = np.arange(frames) - (frames if onset is None else onset) + 1.0
    grown = np.clip(since, 0.0, 20.0)[:, None, None]
    opacity = 0.012 * grown / (1.0 + np.exp((away - 6.0 - 0.6 * grown) / 1.5))
    return np.rint(beam * np.exp(grain - opacity)).astype(np.uint16)


@pytest.fixture(scope="module")
def before():
    """Nine seconds without contrast."""
    return scene(140, seed=1)


@pytest.fixture(scope="module")
def injected():
    """The same place; contrast comes in frame 40."""
    return scene(80, seed=2, onset=40)


@pytest.fixture(scope="module")
def on():
    return choose("cpu")


def follow(run, frames, *, from_s=0.0):
    """Hand frames over at 15 a second."""
    return [run.add(one, from_s + k * INTERVAL_S) for k, one in enumerate(frames)]


def new_run(on, *, dtype=np.uint16, **wishes):
    return LiveRun(unknown_scale(np.dtype(dtype)), (SIZE, SIZE), on=on, **wishes)


@pytest.fixture(scope="module")
def followed(before, injected, on):
    """A run with two seconds before contrast; told, frames and the run."""
    run = new_run(on)
    frames = injected
    return follow(run, frames), frames, run


def test_contrast_begins_by_itself_and_no_frame_since_is_missing(followed):
    told, frames, run = followed
    begun = next(k for k, one in enumerate(told) if one.phase == "following")
    assert 40 <= begun <= 50
    assert abs(told[-1].onset_frame - 40) <= 4
    snapshot = run.snapshot()
    assert snapshot.frames[0] <= 40
    assert set(range(40, len(frames))) <= {*snapshot.frames, *snapshot.lost_frames}
    assert max(snapshot.mask_frames) < 40
    assert told[-1].onset_time_s == pytest.approx(told[-1].onset_frame * INTERVAL_S)


def test_its_maps_are_those_of_the_kernel_for_the_same_frames(followed, on):
    _, frames, run = followed
    snapshot = run.snapshot()
    direct = on.kernels.curve_maps(
        frames[list(snapshot.frames)], snapshot.exposures, snapshot.subtraction
    )
    np.testing.assert_array_equal(direct.arrival_s, snapshot.maps.arrival_s)
    np.testing.assert_array_equal(direct.peak, snapshot.maps.peak)
    assert run.mapped == (len(snapshot.frames), len(snapshot.lost_frames))


def test_phases_go_from_searching_to_following(followed):
    told = followed[0]
    phases = list(dict.fromkeys(one.phase for one in told))
    assert phases[-3:] == ["settling", "waiting", "following"]
    assert told[0].mask_frames == ()
    assert told[0].onset_frame is None


def test_without_contrast_nothing_begins_and_an_old_mask_is_renewed(before, injected, on):
    run = new_run(on)
    told = follow(run, before[: round((RENEW_S + 3) / INTERVAL_S)])
    assert {one.onset_frame for one in told} == {None}
    assert run.snapshot() is None
    renewed = [k for k, one in enumerate(told) if one.mask_renewed]
    assert renewed
    assert len(told[-1].mask_frames) == MASK_FRAMES
    assert told[-1].mask_frames[0] > told[renewed[0] - 1].mask_frames[-1]


def test_a_person_may_say_that_contrast_begins_and_say_it_again(before, injected, on):
    run = new_run(on, automatic=False)
    with pytest.raises(AnalysisError, match="no picture has come yet"):
        run.begin()
    told = follow(run, injected[10:60])
    assert {one.phase for one in told[20:]} == {"waiting"}
    run.begin()
    assert run.mapped[0] >= BACK_FRAMES - 1
    again = run.add(injected[60], 50 * INTERVAL_S)
    assert again.phase == "following"
    assert again.onset_frame == 49
    first = run.snapshot().mask_frames
    run.begin()
    assert run.snapshot() is None or run.snapshot().mask_frames != first
    assert run.add(injected[61], 51 * INTERVAL_S).phase == "following"


def test_after_a_pause_another_run_begins_with_a_mask_of_its_own(before, injected, on):
    run = new_run(on)
    follow(run, injected[:60])
    later_s = 60 * INTERVAL_S + 2 * NEW_RUN_S
    told = follow(run, before[60 : 60 + 25], from_s=later_s)
    assert told[0].onset_frame is None
    assert any("new mask" in text for text in told[0].remarks)
    assert told[-1].phase == "waiting"
    assert min(told[-1].mask_frames) >= 60


def test_repeats_are_in_no_map_twice(before, injected, on):
    run = new_run(on)
    frames = np.repeat(injected[:55], 2, axis=0)
    told = [run.add(one, k * INTERVAL_S / 2) for k, one in enumerate(frames)]
    assert told[-1].phase == "following"
    placed = [one for one in told if one.status is not None]
    assert all(one.look.fresh for one in placed)
    frames_in, lost = run.mapped
    assert frames_in + lost <= 15 + 10


def test_8_bit_pictures_are_followed_and_said_to_be_relative(before, injected, on):
    stored = injected[:60].astype(np.float64)
    shown = np.clip(255 * stored / stored.max(), 0, 255).astype(np.uint8)
    run = LiveRun(unknown_scale(np.dtype(np.uint8)), shown.shape[1:], on=on)
    told = follow(run, shown)
    assert told[-1].phase == "following"
    texts = [text for one in told for text in one.remarks]
    assert sum("not quantitative" in text for text in texts) == 1


@pytest.mark.parametrize(("bits", "factor", "doubted"), [(8, 0.75, 1), (8, 1.0, 0), (16, 0.75, 0)])
def test_maps_of_processed_pictures_are_doubted_from_a_step_of_brightness_on(
    injected, on, bits, factor, doubted
):
    dimmed = injected.astype(np.float64)
    dimmed[60:] *= factor
    if bits == 8:
        dimmed *= 255 / dimmed.max()
    dtype = np.dtype(f"uint{bits}")
    told = follow(new_run(on, dtype=dtype), np.clip(np.rint(dimmed), 0, 2**bits - 1).astype(dtype))
    assert told[59].phase == told[-1].phase == "following"
    assert sum(STEP_TEXT in one.remarks for one in told) == doubted


def test_masks_laid_beside_hold_up_no_frame(before, injected, on):
    with ThreadPoolExecutor(1) as beside, ThreadPoolExecutor(1) as looks:
        run = new_run(on, beside=Beside(masks=beside, looks=looks))
        told = follow(run, before[:14])
        assert {one.mask_frames for one in told} == {()} or told[-1].mask_frames
        beside.submit(lambda: None).result()  # whatever was laid is laid
        last = run.add(before[14], 14 * INTERVAL_S)
    assert last.phase == "waiting"
    assert last.status is not None


class Later(Executor):
    """Does what it is asked when it is told to."""

    def __init__(self) -> None:
        self.asked = []

    def submit(self, work, /, *args, **wishes):
        self.asked.append((Future(), work))
        return self.asked[-1][0]

    def do(self) -> None:
        asked, self.asked = self.asked, []
        for future, work in asked:
            future.set_result(work())


def test_frames_that_came_while_a_mask_was_laid_are_told_beside_and_none_is_missing(injected, on):
    beside = Later()
    run = new_run(on, beside=Beside(masks=beside), automatic=False)
    for k, one in enumerate(injected[:70]):
        if k == 30:
            run.begin()
        if k == 45:
            run.begin()  # for another injection
        told = run.add(one, k * INTERVAL_S)
        if k % 5 == 0:
            beside.do()
    assert told.phase == "following"
    snapshot = run.snapshot()
    assert snapshot.mask_frames[-1] == told.onset_frame == 44
    assert snapshot.frames + snapshot.lost_frames == tuple(range(45, 70))
    direct = on.kernels.curve_maps(
        injected[list(snapshot.frames)], snapshot.exposures, snapshot.subtraction
    )
    np.testing.assert_array_equal(direct.arrival_s, snapshot.maps.arrival_s)
    np.testing.assert_array_equal(direct.area_s, snapshot.maps.area_s)


def test_a_begin_that_is_told_when_its_frames_are_gone_begins_the_maps_all_the_same(on):
    beside = Later()
    run = new_run(on, beside=Beside(masks=beside))
    frames = scene(110, seed=2, onset=30)
    for k, one in enumerate(frames):
        if k == 44 or k >= 100:
            beside.do()
        told = run.add(one, k * INTERVAL_S)
    assert told.phase == "following"
    assert 25 <= told.onset_frame < 100 - KEPT_EXPOSURES
    assert run.snapshot().frames


def test_frames_of_another_size_or_not_later_change_nothing(before, injected, on):
    run = new_run(on)
    frames = before[:20]
    follow(run, frames)
    with pytest.raises(ValueError, match="frame"):
        run.add(frames[0][:64], 5.0)
    with pytest.raises(ValueError, match="after one at"):
        run.add(frames[0], 0.0)
    assert run.add(frames[0], 20 * INTERVAL_S).phase == "waiting"


FOLLOWED = """
import sys

import numpy as np
from numba.core.dispatcher import Dispatcher

from napari_fluoroinject.analysis.live_warm import warm_up_run
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.recording import unknown_scale
from tests.analysis.test_live_run import follow, new_run, scene

def compiled():
    return {
        (name, kernel): len(found.signatures)
        for name, module in [*sys.modules.items()]
        if name.startswith("napari_fluoroinject.compute.kernels")
        for kernel, found in vars(module).items()
        if isinstance(found, Dispatcher)
    }

on = choose("cpu")
dtypes = np.dtype(np.uint8), np.dtype(np.uint16)
for dtype in dtypes:
    warm_up_run(unknown_scale(dtype), dtype, on=on)
warm = compiled()
for dtype in dtypes:
    frames = scene(50, seed=2, onset=30, scale=0.1 * np.iinfo(dtype).max).astype(dtype)
    frames.flags.writeable = False
    run = new_run(on, dtype=dtype)
    print(follow(run, frames)[-1].phase, run.snapshot() is not None)
cold = [one for one, count in compiled().items() if count > warm.get(one, 0)]
print(sum(warm.values()) > 0, cold)
"""


def test_a_run_of_either_type_compiles_nothing_once_it_is_warm():
    told = subprocess.run(
        (sys.executable, "-c", FOLLOWED), capture_output=True, text=True, check=False
    )
    assert told.stdout.splitlines() == ["following True", "following True", "True []"], told.stderr


def test_what_is_warm_is_not_warmed_again(on, monkeypatch):
    dtype = np.dtype(np.uint16)
    warm_up_run(unknown_scale(dtype), dtype, on=on)
    followed = []
    monkeypatch.setattr(live_warm, "LiveRun", followed.append)
    warm_up_run(unknown_scale(dtype), dtype, on=on)
    assert followed == []
