"""The CUDA device says what is missing, gives right numbers, and keeps nothing after a fault."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from fake_cupy import CompileException, CUDARuntimeError, FakeCupy, NVRTCError, OutOfMemoryError
from kernel_cases import CASES, compare, make_inputs

from napari_fluoroinject.compute import cuda
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.compute.cuda import CudaDevice
from napari_fluoroinject.compute.launched import LaunchedKernels
from napari_fluoroinject.errors import BackendFailedError, BackendUnavailableError


@pytest.fixture(autouse=True)
def closed():
    """No device stays open from one test to the next."""
    cuda.device.cache_clear()
    yield
    cuda.device.cache_clear()


@pytest.fixture
def installed(monkeypatch):
    """Put a CuPy in place, with its driver."""

    def put(cupy):
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        monkeypatch.setattr(cuda, "find_spec", lambda _: "there")
        monkeypatch.setattr(cuda, "_driver_is_there", lambda: True)
        return cupy

    return put


def refused():
    with pytest.raises(BackendUnavailableError) as caught:
        choose("cuda")
    message = str(caught.value)
    assert "--on cpu" in message
    return message


def test_without_cupy_the_extra_to_install_is_named(installed, monkeypatch):
    installed(None)
    monkeypatch.setattr(cuda, "find_spec", lambda _: None)
    message = refused()
    assert "pip install '.[cuda13]'" in message
    assert "[cuda12]" in message


def test_without_a_driver_it_says_so_and_never_loads_cupy(installed, monkeypatch):
    installed(None)
    monkeypatch.setattr(cuda, "_driver_is_there", lambda: False)
    assert "no NVIDIA driver" in refused()


def test_a_driver_that_shows_no_device_is_told(installed, host_library):
    installed(FakeCupy(host_library, devices=0))
    assert "shows no device" in refused()


def test_a_driver_that_cupy_cannot_use_is_told_in_its_own_words(installed, host_library):
    cupy = installed(FakeCupy(host_library))

    def count():
        raise CUDARuntimeError("driver version is insufficient")

    cupy.cuda.runtime.getDeviceCount = count
    assert "driver version is insufficient" in refused()


def test_the_real_cupy_tells_that_there_is_no_device(monkeypatch):
    if cuda._driver_is_there():
        pytest.skip("there is a driver here")
    monkeypatch.setattr(cuda, "_driver_is_there", lambda: True)
    assert "finds no CUDA device" in refused()


def test_a_cupy_that_cannot_be_loaded_is_told(installed):
    installed(None)  # None in sys.modules is an ImportError
    assert "cannot be loaded" in refused()


@pytest.mark.parametrize(
    "fault", [CompileException("bad"), NVRTCError("bad"), RuntimeError("bad")]
)
def test_kernels_that_cannot_be_compiled_are_told(installed, host_library, fault):
    cupy = installed(FakeCupy(host_library))

    def module(**_):
        def fail():
            raise fault

        return type("Module", (), {"compile": staticmethod(fail)})

    cupy.RawModule = module
    assert "could not be compiled (bad)" in refused()


def test_auto_takes_the_device_where_there_is_one(installed, host_library):
    installed(FakeCupy(host_library))
    assert choose("auto").name == "cuda"


def test_auto_takes_the_processor_where_the_device_cannot_be_used(installed, host_library):
    installed(FakeCupy(host_library, devices=0))
    assert choose("auto").name == "cpu"


def test_the_device_and_the_versions_are_named(installed, host_library):
    installed(FakeCupy(host_library))
    backend = choose("cuda")
    assert (backend.device, backend.version) == ("A device", "cupy 14.0, CUDA 13.2")


def test_the_device_is_opened_once(installed, host_library):
    installed(FakeCupy(host_library))
    assert cuda.device() is cuda.device()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_device_launches_what_the_kernels_ask_for(installed, host_library, case):
    installed(FakeCupy(host_library))
    kernels = choose("cuda").kernels
    assert [one for one in compare(case, kernels, make_inputs(3)) if not one.good] == []


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (OutOfMemoryError("asked for 3 GiB"), "ran out of memory .asked for 3 GiB."),
        (CUDARuntimeError("illegal address"), "failed .illegal address."),
    ],
)
def test_a_fault_ends_the_analysis_and_nothing_of_it_is_kept(host_library, fault, told):
    cupy = FakeCupy(host_library, fault=fault, at_launch=2)
    kernels, inputs = LaunchedKernels(CudaDevice(cupy, cupy.functions())), make_inputs(3)
    with pytest.raises(BackendFailedError, match=f"A device {told}.*--on cpu"):
        kernels.smooth(inputs.frames, inputs.field, 2.0)
    assert cupy.freed == 1
    for case in CASES:
        assert all(one.good for one in compare(case, kernels, inputs))


def test_a_fault_of_the_caller_leaves_as_it_is(host_library):
    cupy = FakeCupy(host_library)
    device = CudaDevice(cupy, cupy.functions())
    with pytest.raises(ZeroDivisionError), device.work():
        _ = 1 / 0


def test_page_locked_arrays_are_copied_without_a_detour(host_library):
    cupy = FakeCupy(host_library)
    device = CudaDevice(cupy, cupy.functions())
    array = np.arange(6, dtype=np.float32)
    with device.work() as lanes:
        lanes[0].put(array)
        detours = cupy.copied_through
        cupy.ready[array.ctypes.data] = 1
        buffer = lanes[0].put(array)
        assert cupy.copied_through == detours == 1
        lanes[0].put(array.astype(np.float64))
        assert cupy.copied_through == 2
    np.testing.assert_array_equal(buffer, array)
