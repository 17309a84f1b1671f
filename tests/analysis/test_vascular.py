"""Run-off is found where it is, and film, gas and noise are not taken for it."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_off_scenes import (
    EVENT_FRAME,
    FRAMES,
    ONSET,
    SIZE,
    drawn_line,
    drawn_opacity,
    on_the_vessel,
    registered_scene,
    with_loop,
    with_motion,
)

from napari_fluoroinject.analysis.vascular import find_run_off
from napari_fluoroinject.analysis.vascular.evidence import gather
from napari_fluoroinject.analysis.vascular.path import LAGS, NODES, STEP_PX, STRETCH, Chain, trace
from napari_fluoroinject.analysis.vascular.ridge import DIRECTIONS, line_ridges, steps_across
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.compute.kernels.lines import lower_median
from napari_fluoroinject.model.needle import Needle, NoNeedle

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.vascular.path import Best
    from napari_fluoroinject.model.spread import RunOff

ON = choose("cpu")
NO_NEEDLE = NoNeedle(reason="none was drawn")
FAINT_OD = 0.03
"""A third of the noise of one frame."""
EVERYWHERE = np.ones((SIZE, SIZE), bool)
SMALL_NOISE = np.random.default_rng(0).normal(0.0, 0.1, (FRAMES, 40, 40)).astype(np.float32)


@pytest.mark.parametrize("kind", ["transient", "persistent"])
def test_a_run_off_is_found_on_its_path_at_its_time(kind: str) -> None:
    od = drawn_opacity(kind, vessel_od=0.2)
    run_off = find_run_off(*registered_scene(od), NO_NEEDLE, on=ON)
    assert run_off.score > 1
    assert run_off.kind == kind
    assert run_off.path_px.shape == (NODES, 2)
    assert on_the_vessel(run_off.path_px) >= 0.75
    assert run_off.frames is not None
    assert EVENT_FRAME - 12 <= run_off.frames[0] <= run_off.frames[1] < FRAMES
    assert run_off.reason is None


@pytest.mark.parametrize("seed", [0, 1])
def test_a_film_alone_raises_no_alarm(seed: int) -> None:
    scene = registered_scene(drawn_opacity("nothing", seed=seed))
    run_off = find_run_off(*scene, NO_NEEDLE, on=ON)
    assert run_off.score < 1
    assert run_off.kind is not None
    assert run_off.path_px.shape == (NODES, 2)


def test_a_run_off_is_found_though_no_onset_was_seen() -> None:
    od = drawn_opacity("transient", film_od=0.0)
    run_off = find_run_off(*registered_scene(od, onset=None), NO_NEEDLE, on=ON)
    assert run_off.score > 1
    assert on_the_vessel(run_off.path_px) >= 0.75


@pytest.mark.parametrize("onset", [ONSET, None])
def test_a_faint_run_off_that_stays_is_found_whether_an_onset_was_seen_or_not(
    onset: int | None,
) -> None:
    faint = drawn_opacity("persistent", film_od=0.0, vessel_od=FAINT_OD)
    run_off = find_run_off(*registered_scene(faint, onset=onset), NO_NEEDLE, on=ON)
    assert run_off.kind == "persistent"
    assert run_off.score > 1
    assert on_the_vessel(run_off.path_px) >= 0.75


def lasting_alarm(run_off: RunOff) -> bool:
    return run_off.alarmed and run_off.kind == "persistent"


@pytest.mark.parametrize("seed", range(4))
def test_noise_alone_does_not_come_to_stay(seed: int) -> None:
    od = drawn_opacity("nothing", film_od=0.0, seed=seed)
    run_off = find_run_off(*registered_scene(od, onset=None), NO_NEEDLE, on=ON)
    assert not lasting_alarm(run_off)


def test_a_wide_band_that_comes_and_stays_is_no_vessel() -> None:
    od = drawn_opacity("nothing", film_od=0.0)
    band = np.clip(1.0 - np.abs(np.arange(SIZE) - 64.0) / 5.0, 0.0, 1.0)
    od[EVENT_FRAME:] += 0.1 * band.astype(np.float32)
    wide = find_run_off(*registered_scene(od, onset=None), NO_NEEDLE, on=ON)
    od = drawn_opacity("nothing", film_od=0.0)
    od[EVENT_FRAME:, :, 63:66] += 0.1
    thin = find_run_off(*registered_scene(od, onset=None), NO_NEEDLE, on=ON)
    assert lasting_alarm(thin)
    assert not lasting_alarm(wide)


def test_a_fainter_run_off_scores_less() -> None:
    scores = [
        find_run_off(
            *registered_scene(drawn_opacity("transient", vessel_od=od)), NO_NEEDLE, on=ON
        ).score
        for od in (0.02, 0.08, 0.3)
    ]
    assert scores[0] < 1 < min(scores[1:])


def test_a_line_of_the_smallest_seen_opacity_is_about_at_the_threshold() -> None:
    limit = find_run_off(
        *registered_scene(drawn_opacity("nothing", film_od=0.0)), NO_NEEDLE, on=ON
    ).smallest_seen_od
    assert limit is not None
    seen, missed = (
        find_run_off(
            *registered_scene(drawn_opacity("transient", vessel_od=od, film_od=0.0)),
            NO_NEEDLE,
            on=ON,
        )
        for od in (2.0 * limit, 0.25 * limit)
    )
    assert seen.score > 1 > missed.score


def test_more_noise_hides_more() -> None:
    limits = [
        find_run_off(
            *registered_scene(drawn_opacity("nothing", sigma_od=sigma)), NO_NEEDLE, on=ON
        ).smallest_seen_od
        for sigma in (0.05, 0.1, 0.2)
    ]
    assert limits == pytest.approx([limits[0], 2 * limits[0], 4 * limits[0]], rel=0.2)


@pytest.mark.parametrize("onset", [ONSET, None])
def test_a_drifting_bubble_of_gas_raises_no_alarm(onset: int | None) -> None:
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(float)

    def gas(down: float) -> np.ndarray:
        away = np.hypot(rows - 70 - down, columns - 60)
        return (0.3 / (1 + np.exp((away - 20) / 0.8))).astype(np.float32)

    od = drawn_opacity("nothing", film_od=0.0, sigma_od=0.05)
    # It stands, moves by 4 px within half a second, and stands again.
    drift = 4.0 * np.clip((np.arange(FRAMES) - 40) / 8, 0.0, 1.0)
    for frame in range(FRAMES):
        od[frame] += gas(0.0) - gas(float(drift[frame]))
    scene = registered_scene(od, onset=onset, anatomy=gas(0.0))
    assert find_run_off(*scene, NO_NEEDLE, on=ON).score < 1


def test_what_lies_under_the_needle_is_left_out() -> None:
    od = drawn_opacity("nothing", film_od=0.0)
    tip, hub = np.array([64.0, 40.0]), np.array([64.0, 110.0])
    od[40:55] += 0.5 * drawn_line(np.linspace(tip, hub, 200))
    needle = Needle(
        tip_px=(64.0, 40.0),
        hub_px=(64.0, 110.0),
        frame=0,
        tip_uncertainty_px=0.5,
        hub_uncertainty_px=2.0,
        tip_by_frame_px=np.tile(tip, (FRAMES, 1)),
        hub_by_frame_px=np.tile(hub, (FRAMES, 1)),
        source="given",
        tip_end_by="given",
    )
    assert find_run_off(*registered_scene(od), NO_NEEDLE, on=ON).score > 1
    assert find_run_off(*registered_scene(od), needle, on=ON).score < 1


def test_frames_that_were_not_registered_are_not_used() -> None:
    od = drawn_opacity("nothing", film_od=0.0)
    od[40:50] += 0.5 * drawn_line(np.linspace([40, 30], [40, 110], 200))
    opacity, registered = registered_scene(od)
    locked = np.ones(FRAMES, bool)
    locked[40:50] = False
    assert find_run_off(opacity, registered, NO_NEEDLE, on=ON).score > 1
    assert (
        find_run_off(opacity, with_motion(registered, locked=locked), NO_NEEDLE, on=ON).score < 1
    )


def test_without_frame_times_or_millimetres_the_usual_ones_are_assumed() -> None:
    opacity, registered = registered_scene(drawn_opacity("transient"))
    unknown = with_loop(registered, times_s=None, calibration=None)
    run_off = find_run_off(opacity, unknown, NO_NEEDLE, on=ON)
    assert run_off.score > 1
    assert on_the_vessel(run_off.path_px) >= 0.75


def test_a_path_is_given_in_pixels_of_the_loop() -> None:
    od = drawn_opacity("transient", sigma_od=0.05)
    double = np.kron(od, np.ones((1, 2, 2), np.float32))
    opacity, registered = registered_scene(double)
    calibration = registered.loop.calibration
    assert calibration is not None
    finer = with_loop(
        registered, calibration=type(calibration)(mm_per_px=0.29, basis="iso_sid_sod")
    )
    run_off = find_run_off(opacity, finer, NO_NEEDLE, on=ON)
    assert on_the_vessel((run_off.path_px - 0.5) / 2) >= 0.75


def test_a_run_that_ends_early_says_what_could_not_be_seen() -> None:
    od = drawn_opacity("nothing")[: ONSET + 25]
    run_off = find_run_off(*registered_scene(od), NO_NEEDLE, on=ON)
    assert run_off.kind == "persistent"
    assert run_off.reason is not None
    assert "washes out" in run_off.reason


@pytest.mark.parametrize("frames", [1, 2, ONSET + 3])
def test_a_run_that_is_too_short_is_not_searched(frames: int) -> None:
    od = drawn_opacity("nothing")[:frames]
    run_off = find_run_off(*registered_scene(od), NO_NEEDLE, on=ON)
    assert (run_off.score, run_off.kind, run_off.frames) == (None, None, None)
    assert run_off.path_px.shape == (0, 2)
    assert run_off.smallest_seen_od is None
    assert run_off.reason is not None
    assert "needed" in run_off.reason or "aligned" in run_off.reason


def test_a_run_that_is_too_short_says_how_many_frames_are_needed() -> None:
    od = drawn_opacity("nothing")
    short = find_run_off(*registered_scene(od[: ONSET + 3]), NO_NEEDLE, on=ON)
    assert short.reason is not None
    assert short.reason.endswith("frames from the onset on are needed, 3 are there")
    needed = int(short.reason.split()[3])
    assert (
        find_run_off(*registered_scene(od[: ONSET + needed - 1]), NO_NEEDLE, on=ON).score is None
    )
    enough = find_run_off(*registered_scene(od[: ONSET + needed]), NO_NEEDLE, on=ON)
    assert enough.kind == "persistent"


def test_a_picture_too_small_for_a_path_is_not_searched() -> None:
    od = drawn_opacity("nothing")[:, :14, :14]
    run_off = find_run_off(*registered_scene(od), NO_NEEDLE, on=ON)
    assert run_off.kind is None
    assert run_off.reason


def test_the_same_loop_gives_the_same_answer() -> None:
    scene = registered_scene(drawn_opacity("transient"))
    first, second = (find_run_off(*scene, NO_NEEDLE, on=ON) for _ in range(2))
    assert first.score == second.score
    np.testing.assert_array_equal(first.path_px, second.path_px)


@pytest.mark.parametrize("direction", range(0, DIRECTIONS, 3))
def test_a_line_answers_most_in_its_own_direction(direction: int) -> None:
    angle = np.pi * direction / DIRECTIONS
    reach = np.linspace(-30, 30, 400)[:, None]
    line = drawn_line(64 + reach * np.array([np.sin(angle), np.cos(angle)]))
    noise = np.random.default_rng(0).normal(0, 0.02, line.shape)
    response, _ = line_ridges((line + noise).astype(np.float32), EVERYWHERE)
    at_centre = response[:, 63:66, 63:66].max(axis=(1, 2))
    assert int(np.argmax(at_centre)) == direction


def test_the_edge_of_a_film_is_no_line() -> None:
    noise = np.random.default_rng(0).normal(0, 0.02, (SIZE, SIZE)).astype(np.float32)
    film, line = noise.copy(), noise.copy()
    film[:, 64:] += 1.0
    line[:, 63:65] += 1.0
    of_film, _ = line_ridges(film, EVERYWHERE)
    of_line, _ = line_ridges(line, EVERYWHERE)
    upright = DIRECTIONS // 2
    inside = (upright, slice(20, -20), slice(20, -20))
    assert of_film[inside].max() < 0.1 * of_line[inside].max()


def test_a_step_is_seen_across_a_line_but_not_along_it() -> None:
    edge = np.zeros((SIZE, SIZE), np.float32)
    edge[:, 64:] = 1.0
    steps = steps_across(edge)
    upright, level = DIRECTIONS // 2, 0
    assert steps[upright, 64, 64] == pytest.approx(1.0, abs=0.05)
    assert steps[level, 64, 64] == pytest.approx(0.0, abs=0.05)


def followed(*responses: np.ndarray) -> Best | None:
    """The best path that ends at the last of some looks."""
    chain = Chain()
    return [chain.follow(response) for response in responses][-1]


def followed_somewhere(*responses: np.ndarray) -> Best:
    best = followed(*responses)
    assert best is not None
    return best


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), looks=st.integers(1, 4))
def test_a_path_is_worth_the_mean_of_its_nodes_at_their_looks(seed: int, looks: int) -> None:
    rng = np.random.default_rng(seed)
    responses = rng.normal(size=(looks, DIRECTIONS, 100, 80)).astype(np.float32)
    best = followed_somewhere(*responses)
    path, numbers = trace(best)
    assert len(path) == len(numbers) == NODES
    assert sorted(numbers, reverse=True) == list(numbers)
    values = [
        responses[number][:, int(row) : int(row) + 2, int(column) : int(column) + 2].max()
        for number, (row, column) in zip(numbers, path, strict=True)
    ]
    assert best.mean <= np.mean(values) + 1e-5
    hops = np.linalg.norm(np.diff(path, axis=0), axis=1)
    np.testing.assert_allclose(hops, STEP_PX, atol=1.5)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), lift=st.floats(0.5, 5.0))
def test_raising_every_response_raises_the_best_path_by_as_much(seed: int, lift: float) -> None:
    rng = np.random.default_rng(seed)
    response = rng.normal(size=(DIRECTIONS, 80, 80)).astype(np.float32)
    lower, higher = followed_somewhere(response), followed_somewhere(response + np.float32(lift))
    assert higher.mean - lower.mean == pytest.approx(lift, abs=1e-4)


def test_a_front_is_followed_from_look_to_look() -> None:
    responses = np.zeros((2, DIRECTIONS, 64, 96), np.float32)
    # A level line of which the first look shows the first nodes, and the second the others.
    responses[0, 0, 32, 16:48] = 4.0
    responses[1, 0, 32, 48:64] = 4.0
    best = followed_somewhere(*responses)
    path, numbers = trace(best)
    assert best.mean == pytest.approx(4.0)
    assert numbers == (1,) * (NODES - STRETCH) + (0,) * STRETCH
    assert np.all(np.abs(path[:, 0] - 32) <= 1)
    assert followed_somewhere(responses[1]).mean < 3.0


def test_what_was_seen_long_before_is_not_put_before_a_path() -> None:
    responses = np.zeros((LAGS + 2, DIRECTIONS, 64, 96), np.float32)
    responses[0, 0, 32, 16:48] = 4.0
    responses[-1, 0, 32, 48:64] = 4.0
    assert followed_somewhere(*responses).mean < 3.0


def test_where_no_path_fits_there_is_none() -> None:
    assert followed(np.full((DIRECTIONS, 60, 60), -np.inf, np.float32)) is None


def test_no_path_leaves_the_picture() -> None:
    response = np.full((DIRECTIONS, 64, 64), -1.0, np.float32)
    # A line that goes on at the other side of the picture, one place further down.
    response[0, 30, 40:] = response[0, 32, :20] = 5.0
    best = followed_somewhere(response)
    path, _ = trace(best)
    assert np.ptp(path[:, 1]) <= NODES * STEP_PX
    assert best.mean < 5.0


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(
        st.floats(allow_nan=False, width=32) | st.sampled_from([-1.0, -0.0, 0.0, 1.0, 1.03125]),
        min_size=1,
        max_size=200,
    )
)
def test_the_median_is_the_one_of_the_sorted_values(values: list[float]) -> None:
    known = np.array(values, np.float32)
    assert lower_median(known) == np.sort(known)[(len(known) - 1) // 2]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    windows=st.lists(
        st.lists(
            st.tuples(st.integers(-5, FRAMES + 5), st.integers(-5, FRAMES + 5)),
            min_size=1,
            max_size=3,
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_means_of_windows_are_those_of_the_aligned_frames_in_them(
    seed: int, windows: list[list[tuple[int, int]]]
) -> None:
    rng = np.random.default_rng(seed)
    locked = rng.random(FRAMES) < 0.8
    opacity, registered = registered_scene(SMALL_NOISE)
    evidence = gather(opacity, with_motion(registered, locked=locked), NO_NEEDLE, on=ON)
    assert evidence is not None
    units = (SMALL_NOISE - evidence.level[:, None, None]) / evidence.sigma_od
    looked = list(evidence.means(windows))
    assert len(looked) == len(windows)
    for means, look in zip(looked, windows, strict=True):
        ranges = [slice(max(start, 0), max(stop, 0)) for start, stop in look]
        if not all(locked[frames].any() for frames in ranges):
            assert means is None
            continue
        assert means is not None
        for mean, frames in zip(means, ranges, strict=True):
            expected = units[frames][locked[frames]].mean(axis=0)
            np.testing.assert_allclose(mean, expected, atol=2e-4)


def test_a_longer_loop_needs_hardly_more_memory_for_its_search() -> None:
    def peak_bytes(od: np.ndarray) -> int:
        scene = registered_scene(od)
        tracemalloc.start()
        find_run_off(*scene, NO_NEEDLE, on=ON)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    short = drawn_opacity("nothing")
    long = np.concatenate([short, short[ONSET:], short[ONSET:]])
    find_run_off(*registered_scene(short), NO_NEEDLE, on=ON)
    # The grid is here as fine as the loop, usually it has a quarter of its pixels. What comes
    # after an event is compared with it, so that sums at the windows' ends are kept to the end.
    assert peak_bytes(long) - peak_bytes(short) < 0.5 * (long.nbytes - short.nbytes)
