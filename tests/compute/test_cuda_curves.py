"""Curves are followed on a device: in any number of turns, by one transfer, never mixed."""

from __future__ import annotations

import numpy as np
import pytest
from fake_cupy import CUDARuntimeError, FakeCupy, OutOfMemoryError
from host_device import HostDevice
from kernel_cases import PICTURES, make_inputs, subtraction_of

from napari_fluoroinject.compute import reference
from napari_fluoroinject.compute.cuda import CudaDevice
from napari_fluoroinject.compute.cuda_source import kernel_constant
from napari_fluoroinject.compute.curves import Exposure, Exposures, Subtraction
from napari_fluoroinject.compute.launched import LaunchedKernels
from napari_fluoroinject.errors import BackendFailedError


def followed(kernels, inputs, subtraction):
    follower = kernels.follow_curves(subtraction)
    for stored, exposure in zip(inputs.loop, inputs.exposures.each(), strict=True):
        follower.add(stored, exposure)
    return follower.maps()


def same(one, other):
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)
        for name in (*PICTURES, "area_px")
    )


@pytest.fixture(scope="module")
def long_and_tall():
    """More frames than flags in a word, more rows than are counted at a time."""
    frames, rows = 2 * kernel_constant("WORD") + 5, kernel_constant("COUNTED") + 9
    noise = np.random.default_rng(5).standard_normal((frames, rows, 7)).astype(np.float32)
    return make_inputs(5, noise)


@pytest.mark.parametrize("turn_bytes", [1 << 30, 1 << 16, 1])
def test_long_and_tall_loops_are_counted_rightly(host_library, long_and_tall, turn_bytes):
    inputs, subtraction = long_and_tall, subtraction_of(long_and_tall.loop[0])
    kernels = LaunchedKernels(HostDevice(host_library, turn_bytes=turn_bytes))
    maps = kernels.curve_maps(inputs.loop, inputs.exposures, subtraction)
    wanted = reference.curve_maps(inputs.loop, inputs.exposures, subtraction)
    np.testing.assert_allclose(maps.area_px, wanted.area_px, atol=2)
    assert np.mean(np.isnan(maps.arrival_s) != np.isnan(wanted.arrival_s)) < 1e-3
    assert np.nanquantile(np.abs(maps.arrival_s - wanted.arrival_s), 0.999) < 1e-3
    np.testing.assert_allclose(maps.peak, wanted.peak, atol=1e-5)


def test_one_frame_at_a_time_gives_the_same_bits_as_all_at_once(host_library, long_and_tall):
    inputs, subtraction = long_and_tall, subtraction_of(long_and_tall.loop[0])
    kernels = LaunchedKernels(HostDevice(host_library))
    at_once = kernels.curve_maps(inputs.loop, inputs.exposures, subtraction)
    assert same(followed(kernels, inputs, subtraction), at_once)


def test_maps_may_be_asked_for_at_any_time_and_change_nothing(host_library):
    inputs = make_inputs(1)
    subtraction = subtraction_of(inputs.loop[0])
    kernels = LaunchedKernels(HostDevice(host_library))
    follower = kernels.follow_curves(subtraction)
    with pytest.raises(ValueError, match="no frame"):
        follower.maps()
    for k, exposure in enumerate(inputs.exposures.each(), 1):
        follower.add(inputs.loop[k - 1], exposure)
        some = Exposures(
            times_s=inputs.exposures.times_s[:k],
            shift_px=inputs.exposures.shift_px[:k],
            offset=inputs.exposures.offset[:k],
        )
        assert same(follower.maps(), kernels.curve_maps(inputs.loop[:k], some, subtraction))


class CountedLane:
    """A lane that counts what crosses the bus."""

    def __init__(self, lane, bytes_in, bytes_out):
        self._lane, self._in, self._out = lane, bytes_in, bytes_out

    def __getattr__(self, name):
        return getattr(self._lane, name)

    def put(self, array, dtype=np.float32, /):
        self._in.append(np.size(array) * np.dtype(dtype).itemsize)
        return self._lane.put(array, dtype)

    def fill(self, buffer, first, array, /):
        self._in.append(array.nbytes)
        self._lane.fill(buffer, first, array)

    def fetch(self, buffer, into, /):
        self._out.append(into.nbytes)
        self._lane.fetch(buffer, into)


def test_a_loop_crosses_the_bus_once_and_its_maps_once(host_library):
    noise = np.random.default_rng(5).standard_normal((40, 300, 200)).astype(np.float32)
    inputs = make_inputs(5, noise)
    device = HostDevice(host_library, turn_bytes=1 << 20)
    bytes_in, bytes_out = [], []
    device.lanes = tuple(CountedLane(lane, bytes_in, bytes_out) for lane in device.lanes)
    subtraction = subtraction_of(inputs.loop[0])
    maps = LaunchedKernels(device).curve_maps(inputs.loop, inputs.exposures, subtraction)
    table = 4 << 16
    given = inputs.loop.nbytes + subtraction.mask.nbytes + table
    assert given <= sum(bytes_in) < 1.01 * given
    assert max(bytes_in) <= 1 << 20
    assert sum(bytes_out) < 1.25 * len(PICTURES) * maps.peak.nbytes


def test_where_the_mask_is_unknown_everything_is(host_library):
    inputs = make_inputs(3)
    known = subtraction_of(inputs.loop[0])
    mask = known.mask.copy()
    mask[4:9, 5:8] = np.nan
    subtraction = Subtraction(
        ln_beam=known.ln_beam, first_stored=known.first_stored, mask=mask, threshold=0.1
    )
    kernels = LaunchedKernels(HostDevice(host_library))
    maps = kernels.curve_maps(inputs.loop, inputs.exposures, subtraction)
    for name in PICTURES:
        assert np.isnan(getattr(maps, name)[4:9, 5:8]).all()
    wanted = reference.curve_maps(inputs.loop, inputs.exposures, subtraction)
    np.testing.assert_array_equal(maps.area_px, wanted.area_px)


def test_frames_of_the_other_byte_order_are_read_rightly(host_library):
    inputs, kernels = make_inputs(2), LaunchedKernels(HostDevice(host_library))
    subtraction = subtraction_of(inputs.loop[0])
    swapped = inputs.loop.astype(inputs.loop.dtype.newbyteorder("S"))
    one, other = (
        kernels.curve_maps(loop, inputs.exposures, subtraction) for loop in (swapped, inputs.loop)
    )
    assert same(one, other)


def test_frames_of_another_kind_are_refused_and_what_is_known_stays(host_library):
    inputs, kernels = make_inputs(2), LaunchedKernels(HostDevice(host_library))
    subtraction = subtraction_of(inputs.loop[0])
    follower = kernels.follow_curves(subtraction)
    with pytest.raises(ValueError, match="int32"):
        follower.add(inputs.loop[0].astype(np.int32), Exposure(time_s=0.0))
    follower.add(inputs.loop[0], Exposure(time_s=0.0))
    before = follower.maps()
    with pytest.raises(ValueError, match="after frames of uint16"):
        follower.add(inputs.loop[1].astype(np.int16), Exposure(time_s=1.0))
    with pytest.raises(ValueError, match="of shape"):
        follower.add(inputs.loop[1][1:], Exposure(time_s=1.0))
    with pytest.raises(ValueError, match="later"):
        follower.add(inputs.loop[1], Exposure(time_s=0.0))
    assert same(follower.maps(), before)


@pytest.mark.parametrize("launch", [1, 2, 3, 4])
@pytest.mark.parametrize("fault", [OutOfMemoryError("full"), CUDARuntimeError("gone")])
def test_a_fault_in_the_middle_leaves_no_maps(host_library, launch, fault):
    inputs = make_inputs(3)
    cupy = FakeCupy(host_library, fault=fault, at_launch=launch)
    kernels = LaunchedKernels(CudaDevice(cupy, cupy.functions()))
    subtraction = subtraction_of(inputs.loop[0])
    with pytest.raises(BackendFailedError, match=r"A device .*--on cpu"):
        kernels.curve_maps(inputs.loop, inputs.exposures, subtraction)
    wanted = LaunchedKernels(HostDevice(host_library))
    assert same(
        kernels.curve_maps(inputs.loop, inputs.exposures, subtraction),
        wanted.curve_maps(inputs.loop, inputs.exposures, subtraction),
    )


def test_after_a_fault_a_follower_gives_nothing_more(host_library):
    inputs = make_inputs(3)
    cupy = FakeCupy(host_library, fault=CUDARuntimeError("gone"), at_launch=5)
    kernels = LaunchedKernels(CudaDevice(cupy, cupy.functions()))
    follower = kernels.follow_curves(subtraction_of(inputs.loop[0]))
    first, second, third, *_ = inputs.exposures.each()
    follower.add(inputs.loop[0], first)
    with pytest.raises(BackendFailedError, match="gone"):
        follower.add(inputs.loop[1], second)
    with pytest.raises(BackendFailedError, match=r"begin anew.*--on cpu"):
        follower.add(inputs.loop[2], third)
    with pytest.raises(BackendFailedError, match="begin anew"):
        follower.maps()


def test_memory_that_runs_out_before_the_first_launch_is_told(host_library):
    inputs = make_inputs(3)
    cupy = FakeCupy(host_library)
    kernels = LaunchedKernels(CudaDevice(cupy, cupy.functions()))

    def empty(shape, dtype):
        raise OutOfMemoryError("asked for 8 GiB")

    cupy.empty = empty
    with pytest.raises(BackendFailedError, match=r"ran out of memory .asked for 8 GiB"):
        kernels.curve_maps(inputs.loop, inputs.exposures, subtraction_of(inputs.loop[0]))
    with pytest.raises(BackendFailedError, match="ran out of memory"):
        kernels.follow_curves(subtraction_of(inputs.loop[0])).add(
            inputs.loop[0], Exposure(time_s=0.0)
        )


def test_a_buffer_is_filled_through_few_page_locked_pieces(host_library):
    cupy = FakeCupy(host_library)
    waits = []
    event = cupy.cuda.Event

    class Event(event):
        def synchronize(self):
            waits.append(self)

    cupy.cuda.Event = Event
    device = CudaDevice(cupy, cupy.functions())
    layers = np.arange(60, dtype=np.uint16).reshape(10, 2, 3)
    with device.work() as lanes:
        buffer = lanes[0].empty(layers.shape, np.uint16)
        for k in range(0, 10, 2):
            lanes[0].fill(buffer, k, layers[k : k + 2])
        assert cupy.copied_through == 5
        assert len(waits) == 3  # two pieces are on their way at a time
        cupy.ready[layers[4:].ctypes.data] = 1
        lanes[0].fill(buffer, 4, layers[4:])
        assert cupy.copied_through == 5
        lanes[0].finish()
    np.testing.assert_array_equal(buffer, layers)
