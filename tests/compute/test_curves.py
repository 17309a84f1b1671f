"""Kinetics of every pixel are what their definition says, at once or frame by frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate1d

from napari_fluoroinject.compute import cpu, reference
from napari_fluoroinject.compute.curves import Exposure, Exposures, Subtraction, curve_weights

BACKENDS = pytest.mark.parametrize("kernels", [cpu, reference], ids=["cpu", "reference"])
OPACITIES = ("peak", "last")
TIMES = ("time_to_peak_s", "arrival_s", "transit_s")
RATES = ("area_s", "washout_per_s")
PICTURES = OPACITIES + TIMES + RATES
TIES = 1e-3
THRESHOLD = 0.3


def table(dtype):
    """Log of the beam, and its first stored value, for a scale that does not begin at 0."""
    first = -200 if dtype == np.int16 else 3
    return np.log(np.arange(240) + 5.0).astype(np.float32), first


def random_loop(seed, *, frames=9, rows=11, columns=13, dtype=np.uint16, reach=3.0):
    random = np.random.default_rng(seed)
    ln_beam, first = table(dtype)
    low, high = (0, 255) if dtype == np.uint8 else (first - 10, first + len(ln_beam) + 10)
    stored = random.integers(low, high, (frames, rows, columns)).astype(dtype)
    exposures = Exposures(
        times_s=np.cumsum(random.uniform(0.02, 0.2, frames)),
        shift_px=random.uniform(-reach, reach, (frames, 2)),
        offset=random.normal(0, 0.05, frames),
    )
    subtraction = Subtraction(
        ln_beam=ln_beam,
        first_stored=first,
        mask=random.normal(4.6, 0.2, (rows, columns)).astype(np.float32),
        threshold=THRESHOLD,
    )
    return stored, exposures, subtraction


def followed(kernels, stored, exposures, subtraction):
    follower = kernels.follow_curves(subtraction)
    told = [follower.add(one, at) for one, at in zip(stored, exposures.each(), strict=True)]
    return follower.maps(), told


def curve(values, times=None):
    """One pixel whose opacity has these values, as a loop."""
    values = np.asarray(values, float)
    times = np.arange(len(values)) * 0.1 if times is None else np.asarray(times, float)
    # stored value v stands for an opacity of v / 1000
    subtraction = Subtraction(
        ln_beam=-np.arange(4096, dtype=np.float32) / 1000,
        first_stored=0,
        mask=np.zeros((1, 1), np.float32),
        threshold=THRESHOLD,
    )
    exposures = Exposures(
        times_s=times, shift_px=np.zeros((len(values), 2)), offset=np.zeros(len(values))
    )
    stored = np.rint(1000 * values).astype(np.uint16)[:, None, None]
    return stored, exposures, subtraction


def still(ln, shift_px):
    """One frame with this log of the beam, in steps of 1e-4, seen with a shift."""
    subtraction = Subtraction(
        ln_beam=-np.arange(60_000, dtype=np.float32) / 10_000,
        first_stored=0,
        mask=np.zeros(ln.shape, np.float32),
        threshold=THRESHOLD,
    )
    exposures = Exposures(times_s=np.zeros(1), shift_px=np.array([shift_px]), offset=np.zeros(1))
    return np.rint(-10_000 * ln).astype(np.uint16)[None], exposures, subtraction


def at_pixel(maps):
    return {name: float(getattr(maps, name)[0, 0]) for name in PICTURES}


def alike(one, other):
    """Within the tolerances of two implementations, ties aside."""
    for names, tolerance in ((OPACITIES, 1e-5), (TIMES, 1e-3), (RATES, 1e-4)):
        for name in names:
            ours, theirs = getattr(one, name), getattr(other, name)
            assert ours.dtype == theirs.dtype == np.float32
            same = np.isclose(ours, theirs, rtol=tolerance, atol=tolerance, equal_nan=True)
            assert np.mean(~same) <= TIES, name
    assert np.abs(one.area_px - other.area_px).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
@pytest.mark.parametrize("columns", [13, 256, 300])
def test_the_kernel_gives_what_the_definition_gives(dtype, columns):
    loop = random_loop(3, frames=25, rows=21, columns=columns, dtype=dtype)
    alike(cpu.curve_maps(*loop), reference.curve_maps(*loop))


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    frames=st.integers(1, 12),
    rows=st.integers(1, 20),
    columns=st.integers(1, 20),
    reach=st.sampled_from([0.0, 2.5, 40.0]),
)
def test_a_followed_loop_is_the_whole_loop_bit_by_bit(seed, frames, rows, columns, reach):
    loop = random_loop(seed, frames=frames, rows=rows, columns=columns, reach=reach)
    whole, (maps, _) = cpu.curve_maps(*loop), followed(cpu, *loop)
    for name in (*PICTURES, "area_px"):
        np.testing.assert_array_equal(getattr(maps, name), getattr(whole, name), err_msg=name)


@BACKENDS
def test_maps_can_be_asked_for_at_any_time_and_change_nothing(kernels):
    stored, exposures, subtraction = random_loop(8)
    follower = kernels.follow_curves(subtraction)
    for count, (one, at) in enumerate(zip(stored, exposures.each(), strict=True), start=1):
        follower.add(one, at)
        so_far = Exposures.of(list(exposures.each())[:count])
        expected = kernels.curve_maps(stored[:count], so_far, subtraction)
        for name in (*PICTURES, "area_px"):
            np.testing.assert_array_equal(getattr(follower.maps(), name), getattr(expected, name))


@BACKENDS
def test_a_frame_tells_the_area_of_the_one_before(kernels):
    loop = random_loop(9)
    maps, told = followed(kernels, *loop)
    assert told[0] == 0
    assert told[1:] == maps.area_px[:-1].tolist()


@BACKENDS
def test_a_step_arrives_where_its_mean_crosses_the_threshold(kernels):
    # three-frame means of 0 0 0 1 1 1 are 0 0 0.25 0.75 1 1
    found = at_pixel(kernels.curve_maps(*curve([0, 0, 0, 1, 1, 1])))
    assert found["arrival_s"] == pytest.approx(0.2 + 0.1 * 0.05 / 0.5, abs=1e-5)
    assert found["peak"] == found["last"] == pytest.approx(1.0, abs=1e-5)
    assert found["time_to_peak_s"] == pytest.approx(0.4, abs=1e-6)
    assert found["area_s"] == pytest.approx(0.75 * 0.1 + 1 * 0.1 + 1 * 0.05, abs=1e-5)
    assert found["washout_per_s"] == pytest.approx(0.0, abs=1e-4)


@BACKENDS
def test_a_bolus_washes_out_and_has_a_transit_time(kernels):
    value = [0, 0, 0.25, 0.75, 0.75, 0.25, 0]
    found = at_pixel(kernels.curve_maps(*curve([0, 0, 0, 1, 1, 0, 0])))
    times = 0.1 * np.arange(7)
    share = np.array(value[3:]) * curve_weights(times)[3:]
    assert found["area_s"] == pytest.approx(share.sum(), abs=1e-5)
    mean = (share * times[3:]).sum() / share.sum()
    assert found["transit_s"] == pytest.approx(mean - found["arrival_s"], abs=1e-5)
    assert found["washout_per_s"] == pytest.approx(1 / (0.6 - found["time_to_peak_s"]), rel=1e-4)


@BACKENDS
def test_one_frame_above_the_threshold_is_no_arrival(kernels):
    # the mean over three frames is 0.2 0.4 0.2: above 0.3 once
    found = at_pixel(kernels.curve_maps(*curve([0, 0, 0, 0.8, 0, 0, 0])))
    assert np.isnan([found[name] for name in TIMES + RATES]).all()
    assert found["peak"] == pytest.approx(0.4, abs=1e-5)


@BACKENDS
def test_the_first_confirmed_crossing_is_the_arrival(kernels):
    found = at_pixel(kernels.curve_maps(*curve([0, 0, 0.8, 0, 0, 0, 0, 1, 1, 1])))
    assert 0.6 < found["arrival_s"] < 0.8


@BACKENDS
def test_the_last_frame_cannot_confirm_itself(kernels):
    # 0 0 0.25 1 would cross in the last frame
    found = at_pixel(kernels.curve_maps(*curve([0, 0, 0, 1])))
    assert np.isnan(found["arrival_s"])


@BACKENDS
def test_contrast_that_is_there_from_the_start_arrives_with_the_first_frame(kernels):
    assert at_pixel(kernels.curve_maps(*curve([1, 1, 1])))["arrival_s"] == 0.0


@BACKENDS
def test_a_single_frame_has_an_opacity_and_no_arrival(kernels):
    found = at_pixel(kernels.curve_maps(*curve([1.0])))
    assert found["peak"] == found["last"] == pytest.approx(1.0, abs=1e-5)
    assert np.isnan(found["arrival_s"])


@BACKENDS
@given(level=st.integers(0, 250), frames=st.integers(1, 8))
@settings(deadline=None, max_examples=20)
def test_a_constant_loop_never_arrives(kernels, level, frames):
    found = at_pixel(kernels.curve_maps(*curve(np.full(frames, level / 1000))))
    assert np.isnan([found[name] for name in TIMES + RATES]).all()


@BACKENDS
@given(seed=st.integers(0, 1000), later_s=st.floats(0, 20))
@settings(deadline=None, max_examples=20)
def test_a_loop_that_begins_later_arrives_as_much_later(kernels, seed, later_s):
    stored, exposures, subtraction = random_loop(seed, frames=7)
    moved = Exposures(
        times_s=exposures.times_s + later_s, shift_px=exposures.shift_px, offset=exposures.offset
    )
    now = kernels.curve_maps(stored, exposures, subtraction)
    then = kernels.curve_maps(stored, moved, subtraction)
    for name in ("arrival_s", "time_to_peak_s"):
        expected = getattr(now, name) + np.float32(later_s)
        np.testing.assert_allclose(getattr(then, name), expected, atol=1e-5, rtol=1e-5)
    for name in ("transit_s", "area_s"):
        np.testing.assert_allclose(getattr(then, name), getattr(now, name), atol=2e-4)


@BACKENDS
def test_what_moves_with_the_anatomy_is_seen_in_the_reference_pose(kernels):
    random = np.random.default_rng(4)
    scene = random.integers(20, 200, (40, 40)).astype(np.uint16)
    ln_beam, first = table(np.uint16)
    shift = np.array([[0, 0], [2, -3], [-4, 1], [1, 5]])
    stored = np.stack([np.roll(scene, one, axis=(0, 1)) for one in shift])
    blurred = ln_beam[scene - first]
    for axis in (0, 1):
        blurred = correlate1d(blurred, [0.25, 0.5, 0.25], axis=axis, mode="nearest")
    subtraction = Subtraction(
        ln_beam=ln_beam, first_stored=first, mask=blurred, threshold=THRESHOLD
    )
    exposures = Exposures(times_s=np.arange(4.0), shift_px=shift, offset=np.zeros(4))
    maps = kernels.curve_maps(stored, exposures, subtraction)
    np.testing.assert_allclose(maps.peak[6:-6, 6:-6], 0, atol=1e-6)


@BACKENDS
@given(down=st.floats(-4, 4), right=st.floats(-4, 4))
@settings(deadline=None, max_examples=20)
def test_a_slope_is_seen_where_it_stands(kernels, down, right):
    row, column = np.mgrid[:24, :24] - 12
    found = kernels.curve_maps(*still(-3 - 0.02 * row - 0.05 * column, (down, right))).last
    expected = 3 + 0.02 * (row + down) + 0.05 * (column + right)
    np.testing.assert_allclose(found[6:-6, 6:-6], expected[6:-6, 6:-6], atol=1e-4)


@BACKENDS
@pytest.mark.parametrize(("part", "along"), [(0.0, 0.375), (0.5, 0.3125), (-0.2, 0.335)])
def test_the_noise_of_a_pixel_falls_with_its_neighbours(kernels, part, along):
    # the sum of the squares of (1 - f, 2 - f, 1 + f, f) / 4
    noise = np.random.default_rng(6).normal(-3, 0.1, (300, 300))
    found = kernels.curve_maps(*still(noise, (2 + part, part))).last
    assert found.std() == pytest.approx(0.1 * along, rel=0.03)


@BACKENDS
@pytest.mark.parametrize("far", [14.5, 1e4])
def test_beyond_an_edge_the_picture_goes_on_as_it_ends(kernels, far):
    ln = np.random.default_rng(7).uniform(-5, -1, (11, 12))
    for shift, corner in (((-far, far), ln[0, -1]), ((far, -far), ln[-1, 0])):
        found = kernels.curve_maps(*still(ln, shift)).last
        np.testing.assert_allclose(found, -corner, atol=1e-4)


@BACKENDS
def test_values_outside_the_table_count_as_its_ends(kernels):
    stored, exposures, subtraction = curve([0.0, 4.095, 4.095])
    far = np.where(stored > 0, 60_000, 0).astype(np.uint16)
    ours = kernels.curve_maps(far, exposures, subtraction)
    assert ours.peak[0, 0] == kernels.curve_maps(stored, exposures, subtraction).peak[0, 0]


@BACKENDS
def test_exposure_is_taken_off(kernels):
    stored, _, subtraction = curve([1.0, 1.0, 1.0])
    even = Exposures(times_s=np.arange(3.0), shift_px=np.zeros((3, 2)), offset=np.full(3, 0.9))
    found = at_pixel(kernels.curve_maps(stored, even, subtraction))
    assert found["peak"] == pytest.approx(0.1, abs=1e-5)


@BACKENDS
def test_frames_of_another_size_or_number_are_refused(kernels):
    stored, exposures, subtraction = random_loop(1)
    with pytest.raises(ValueError, match="expected"):
        kernels.curve_maps(stored[:-1], exposures, subtraction)
    with pytest.raises(ValueError, match="expected"):
        kernels.curve_maps(stored[:, 1:], exposures, subtraction)
    with pytest.raises(ValueError, match="expected"):
        kernels.follow_curves(subtraction).add(stored[0, 1:], Exposure(time_s=0.0))


@BACKENDS
def test_time_does_not_go_back(kernels):
    stored, exposures, subtraction = random_loop(2)
    follower = kernels.follow_curves(subtraction)
    follower.add(stored[0], Exposure(time_s=1.0))
    with pytest.raises(ValueError, match="later"):
        follower.add(stored[1], Exposure(time_s=1.0))
    with pytest.raises(ValueError, match="rising"):
        Exposures(times_s=np.zeros(9), shift_px=exposures.shift_px, offset=exposures.offset)


@BACKENDS
@pytest.mark.parametrize("time_s", [np.nan, np.inf, -np.inf])
def test_a_time_is_finite(kernels, time_s):
    stored, exposures, subtraction = random_loop(2)
    follower = kernels.follow_curves(subtraction)
    for before in range(2):
        with pytest.raises(ValueError, match="finite"):
            follower.add(stored[0], Exposure(time_s=time_s))
        follower.add(stored[0], Exposure(time_s=float(before)))
    assert len(follower.maps().area_px) == 2
    times_s = np.append(exposures.times_s[:-1], time_s)
    with pytest.raises(ValueError, match="finite"):
        Exposures(times_s=times_s, shift_px=exposures.shift_px, offset=exposures.offset)


@BACKENDS
@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
def test_the_byte_order_of_stored_values_does_not_matter(kernels, dtype):
    stored, exposures, subtraction = random_loop(4, dtype=dtype)
    swapped = stored.astype(stored.dtype.newbyteorder("S"))
    follower = kernels.follow_curves(subtraction)
    for one, exposure in zip(swapped, exposures.each(), strict=True):
        follower.add(one, exposure)
    expected = kernels.curve_maps(stored, exposures, subtraction)
    for found in (follower.maps(), kernels.curve_maps(swapped, exposures, subtraction)):
        np.testing.assert_array_equal(found.peak, expected.peak)
        np.testing.assert_array_equal(found.arrival_s, expected.arrival_s)


@BACKENDS
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.bool_])
def test_what_is_no_stored_value_is_refused(kernels, dtype):
    stored, exposures, subtraction = random_loop(4)
    with pytest.raises(ValueError, match="expected uint8"):
        kernels.curve_maps(stored.astype(dtype), exposures, subtraction)
    with pytest.raises(ValueError, match="expected uint8"):
        kernels.follow_curves(subtraction).add(stored[0].astype(dtype), Exposure(time_s=0.0))


@BACKENDS
def test_there_are_no_maps_before_the_first_frame(kernels):
    with pytest.raises(ValueError, match="one"):
        kernels.follow_curves(random_loop(1)[2]).maps()


@pytest.mark.parametrize("times", [[0.5], [0.0, 2.0], [0.0, 1.0, 4.0]])
def test_the_weights_of_a_curve_add_up_to_its_time(times):
    assert curve_weights(np.array(times)).sum() == times[-1] - times[0]
