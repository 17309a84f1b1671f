"""As much of CuPy as the CUDA device uses, over host memory: a GPU is what cannot be had here."""

from __future__ import annotations

import ctypes
from contextlib import AbstractContextManager
from types import SimpleNamespace

import numpy as np

from napari_fluoroinject.compute.cuda_source import kernel_names


class OutOfMemoryError(MemoryError):
    pass


class CUDARuntimeError(RuntimeError):
    pass


class CUDADriverError(RuntimeError):
    pass


class CompileException(Exception):  # noqa: N818 - CuPy's own name
    pass


class NVRTCError(RuntimeError):
    pass


class FakeArray(np.ndarray):
    """A buffer that copies at once; a real one copies later, which `HostLane` stands for."""

    @property
    def data(self):
        return SimpleNamespace(copy_from_device_async=self._copy)

    def _copy(self, other, size, stream):
        assert stream is not None
        assert size == self.nbytes
        assert other.copy_from_device_async

    def set(self, array, stream):
        assert stream is not None
        assert (array.dtype, array.shape) == (self.dtype, self.shape)
        self[...] = array

    def get(self, *, stream, out, blocking):
        assert stream is not None
        assert not blocking
        assert (out.dtype, out.shape) == (self.dtype, self.shape)
        out[...] = self


class _Event:
    def record(self, stream=None):
        assert stream is None or isinstance(stream, _Context)

    def synchronize(self):
        pass


class _Context(AbstractContextManager):
    def __init__(self, number=0, *, non_blocking=True):
        assert non_blocking

    def __exit__(self, *_):
        return None

    def synchronize(self):
        pass


class FakeCupy:
    """Kernels run in the host's library; `fault`, where given, is raised by the n-th launch."""

    __version__ = "14.0"

    def __init__(self, library, *, fault=None, at_launch=1, devices=1):
        self.library, self.fault, self.left = library, fault, at_launch
        self.freed = 0
        self.copied_through = 0
        self.ready = {}
        self.cuda = SimpleNamespace(
            Stream=_Context,
            Device=_Context,
            Event=_Event,
            get_elapsed_time=lambda start, end: 0.5,
            alloc_pinned_memory=self._alloc,
            memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
            driver=SimpleNamespace(CUDADriverError=CUDADriverError),
            nvrtc=SimpleNamespace(NVRTCError=NVRTCError),
            compiler=SimpleNamespace(CompileException=CompileException),
            runtime=SimpleNamespace(
                CUDARuntimeError=CUDARuntimeError,
                getDeviceCount=lambda: devices,
                memGetInfo=lambda: (1 << 24, 1 << 25),
                getDeviceProperties=lambda _: {"name": b"A device"},
                runtimeGetVersion=lambda: 13020,
                driverGetVersion=lambda: 13000,
                pointerGetAttributes=lambda place: SimpleNamespace(type=self.ready.get(place, 0)),
            ),
        )

    def empty(self, shape, dtype):
        return np.empty(shape, dtype).view(FakeArray)

    def get_default_memory_pool(self):
        return SimpleNamespace(free_all_blocks=self._free)

    def RawModule(self, *, code, options):  # noqa: N802 - CuPy's own name
        assert "GLOBAL void" in code
        assert options
        return SimpleNamespace(compile=lambda: None, get_function=self._function)

    def functions(self):
        return {name: self._function(name) for name in kernel_names()}

    def _function(self, name):
        run = getattr(self.library, f"host_{name}")

        def call(grid, block, arguments):
            self.left -= 1
            if self.fault and not self.left:
                raise self.fault
            values = [
                ctypes.c_void_p(one.ctypes.data)
                if isinstance(one, FakeArray)
                else (ctypes.c_int if one.dtype == np.int32 else ctypes.c_float)(one)
                for one in arguments
            ]
            stands = (ctypes.c_void_p * len(values))(*map(ctypes.addressof, values))
            threads = [count * size for count, size in zip(grid, block, strict=True)]
            run(stands, (ctypes.c_int * 3)(*threads))

        return call

    def _alloc(self, size):
        self.copied_through += 1
        return bytearray(size)

    def _free(self):
        self.freed += 1
