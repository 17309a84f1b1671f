"""The CUDA device: its memory, its queues and the compiled kernels, all through CuPy."""

from __future__ import annotations

import ctypes
import logging
import sys
import threading
from collections import deque
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.compute.cuda_source import OPTIONS, kernel_names, kernel_source
from napari_fluoroinject.compute.device import kernel_argument
from napari_fluoroinject.errors import BackendFailedError, BackendUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from napari_fluoroinject.compute.device import Argument, Buffer

log = logging.getLogger(__name__)

_BLOCK = (32, 8, 1)
"""Threads of a block: a warp lies along a row, so its loads are one transaction."""
_LANES = 2
"""One copies while the other computes."""
_MOST_HELD_BYTES = 1 << 30
_HELD_SHARE = 8
"""A turn takes up at most one part in so many of the memory that is free: two lanes, and slack."""
_STAGED_BYTES = 1 << 26
"""What a turn carries: large enough to fill the bus, small enough that copies overlap kernels."""
_PIECES = 2
"""Page-locked pieces that a lane fills a buffer through: one is written while the other leaves."""
_HOST_MEMORY = 1
"""cudaMemoryTypeHost: page-locked, so it can be copied from without a staging buffer."""
_INSTEAD = "run with --on cpu, which computes the same"


class CudaLane:
    """A stream with its page-locked buffers; see `device.Lane`."""

    def __init__(self, cupy: Any, functions: dict[str, Any]) -> None:
        self._cupy = cupy
        self._functions = functions
        self._stream = cupy.cuda.Stream(non_blocking=True)
        # A copy in flight reads or writes these, so they live until the lane has finished.
        self._going: list[npt.NDArray[Any]] = []
        self._coming: list[tuple[npt.NDArray[Any], npt.NDArray[Any]]] = []
        self._filling: deque[tuple[npt.NDArray[Any], Any]] = deque()

    def put(self, array: npt.ArrayLike, dtype: npt.DTypeLike = np.float32, /) -> Buffer:
        """See `device.Lane`."""
        given = np.asarray(array)
        staged = given if self._is_ready(given, dtype) else self._page_locked(given.shape, dtype)
        if staged is not given:
            staged[...] = given
        buffer = self.empty(given.shape, dtype)
        buffer.set(staged, stream=self._stream)  # type: ignore[attr-defined]  # a CuPy array
        self._going.append(staged)
        return buffer

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32, /) -> Buffer:
        """See `device.Lane`."""
        # Memory belongs to the stream it was asked for in: it is reused in that stream's order.
        with self._stream:
            buffer: Buffer = self._cupy.empty(shape, dtype)
        return buffer

    def fill(self, buffer: Buffer, first: int, array: npt.NDArray[Any], /) -> None:
        """See `device.Lane`."""
        while len(self._filling) >= _PIECES:
            _, done = self._filling.popleft()
            done.synchronize()
        into = buffer[first : first + len(array)]  # type: ignore[index]  # a CuPy array
        staged = array if self._is_ready(array, into.dtype) else self._page_locked(*_like(into))
        if staged is not array:
            staged[...] = array
        into.set(staged, stream=self._stream)
        done = self._cupy.cuda.Event()
        done.record(self._stream)
        self._filling.append((staged, done))

    def launch(self, kernel: str, size: tuple[int, int, int], /, *arguments: Argument) -> None:
        """See `device.Lane`."""
        if 0 in size:
            return
        grid = tuple(-(-extent // block) for extent, block in zip(size, _BLOCK, strict=True))
        given = tuple(kernel_argument(argument) for argument in arguments)
        with self._stream:
            self._functions[kernel](grid, _BLOCK, given)

    def fetch(self, buffer: Buffer, into: npt.NDArray[Any], /) -> None:
        """See `device.Lane`."""
        staged = self._page_locked(into.shape, into.dtype)
        buffer.get(stream=self._stream, out=staged, blocking=False)  # type: ignore[attr-defined]  # a CuPy array
        self._coming.append((staged, into))

    def finish(self) -> None:
        """See `device.Lane`."""
        self._stream.synchronize()
        for staged, into in self._coming:
            into[...] = staged
        self._forget()

    def abandon(self) -> None:
        """Forget what is on its way, after a fault."""
        with suppress(Exception):  # a stream that has failed may fail again; the fault is told
            self._stream.synchronize()
        self._forget()

    def _forget(self) -> None:
        self._coming.clear()
        self._going.clear()
        self._filling.clear()

    def _is_ready(self, array: npt.NDArray[Any], dtype: npt.DTypeLike) -> bool:
        if array.dtype != dtype or not array.flags.c_contiguous or not array.size:
            return False
        attributes = self._cupy.cuda.runtime.pointerGetAttributes(array.ctypes.data)
        return bool(attributes.type == _HOST_MEMORY)

    def _page_locked(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        return page_locked(self._cupy, shape, dtype)


class CudaDevice:
    """The first CUDA device that is visible; see `device.Device`.

    Attributes
    ----------
    name
        As the driver names it.
    version
        Of CuPy and of the CUDA runtime that it brings.
    """

    def __init__(self, cupy: Any, functions: dict[str, Any]) -> None:
        runtime = cupy.cuda.runtime
        self._cupy = cupy
        self._device = cupy.cuda.Device(0)
        self._lock = threading.RLock()
        with self._device:
            self._lanes = tuple(CudaLane(cupy, functions) for _ in range(_LANES))
            free, _ = runtime.memGetInfo()
        self.held_bytes = min(_MOST_HELD_BYTES, free // _HELD_SHARE)
        self.staged_bytes = _STAGED_BYTES
        self.name = runtime.getDeviceProperties(0)["name"].decode()
        self.version = f"cupy {cupy.__version__}, CUDA {_cuda(runtime.runtimeGetVersion())}"

    @contextmanager
    def work(self) -> Iterator[Sequence[CudaLane]]:
        """See `device.Device`.

        Raises
        ------
        BackendFailedError
            The device ran out of memory or failed; what was computed is thrown away.
        """
        cuda = self._cupy.cuda
        with self._lock, self._device:
            try:
                yield self._lanes
            except cuda.memory.OutOfMemoryError as error:
                self._abandon()
                raise BackendFailedError(self._told("ran out of memory", error)) from error
            except (cuda.runtime.CUDARuntimeError, cuda.driver.CUDADriverError) as error:
                self._abandon()
                raise BackendFailedError(self._told("failed", error)) from error
            except BaseException:
                self._abandon()
                raise

    def _abandon(self) -> None:
        for lane in self._lanes:
            lane.abandon()
        with suppress(Exception):  # as above
            self._cupy.get_default_memory_pool().free_all_blocks()

    def _told(self, what: str, error: Exception) -> str:
        return (
            f"{self.name} {what} ({error}); nothing of this analysis is kept. Free the device and "
            f"run it again, or {_INSTEAD}"
        )


@cache
def device() -> CudaDevice:
    """Open the first CUDA device and compile the kernels for it, once per process.

    Raises
    ------
    BackendUnavailableError
        CuPy, the driver, a device or the compiler is missing; it says which, and what to do.
    """
    cupy = load_cupy()
    try:
        if not cupy.cuda.runtime.getDeviceCount():
            raise BackendUnavailableError(f"the NVIDIA driver shows no device; {_INSTEAD}")
        functions = compile_kernels(cupy)
        opened = CudaDevice(cupy, functions)
    except (cupy.cuda.runtime.CUDARuntimeError, cupy.cuda.driver.CUDADriverError) as error:
        raise BackendUnavailableError(
            f"CuPy {cupy.__version__} finds no CUDA device that it can use ({error}): the driver "
            f"may be too old for it or the device taken. `nvidia-smi` shows both; or {_INSTEAD}"
        ) from error
    log.info("%s, %s", opened.name, opened.version)
    return opened


def device_count() -> int:
    """Return how many CUDA devices CuPy sees; nothing is put on them.

    Raises
    ------
    BackendUnavailableError
        CuPy or the driver is missing, or it cannot tell.
    """
    cupy = load_cupy()
    try:
        return int(cupy.cuda.runtime.getDeviceCount())
    except (cupy.cuda.runtime.CUDARuntimeError, cupy.cuda.driver.CUDADriverError) as error:
        raise BackendUnavailableError(
            f"CuPy {cupy.__version__} cannot tell which CUDA devices there are ({error}); "
            f"{_INSTEAD}"
        ) from error


def page_locked(cupy: Any, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array that a device copies from and to at full speed; it holds anything.

    CuPy keeps and reuses such memory, so locking its pages costs time only once.
    """
    count = int(np.prod(shape, dtype=np.int64))
    memory = cupy.cuda.alloc_pinned_memory(max(1, count * np.dtype(dtype).itemsize))
    return np.frombuffer(memory, dtype, count).reshape(shape)


def load_cupy() -> Any:
    """Import CuPy where it can be of use: where a driver is there.

    Raises
    ------
    BackendUnavailableError
        Otherwise; it says which is missing.
    """
    if not _driver_is_there():
        raise BackendUnavailableError(
            "there is no NVIDIA driver (its library cannot be loaded). CUDA needs a device, its "
            f"driver, and the extra cuda13 or cuda12; {_INSTEAD}"
        )
    if find_spec("cupy") is None:
        raise BackendUnavailableError(
            "CuPy is not installed: pip install '.[cuda13]' in the folder of the source (or "
            f"[cuda12], after the CUDA version that nvidia-smi shows); or {_INSTEAD}"
        )
    try:
        import cupy
    except ImportError as error:
        raise BackendUnavailableError(
            f"CuPy is installed but cannot be loaded ({error}); reinstall it with "
            f"the extra cuda13 or cuda12, or {_INSTEAD}"
        ) from error
    return cupy


def _driver_is_there() -> bool:
    """Whether the driver's library can be loaded: known in no time, importing CuPy takes some."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def compile_kernels(cupy: Any) -> dict[str, Any]:
    """Every kernel by its name; CuPy keeps the machine code on disk for the next process."""
    module = cupy.RawModule(code=kernel_source(), options=OPTIONS)
    try:
        module.compile()
    except (cupy.cuda.compiler.CompileException, cupy.cuda.nvrtc.NVRTCError, OSError) as error:
        raise _uncompiled(error) from error
    except RuntimeError as error:
        # What finds NVRTC raises a RuntimeError of its own; those of CUDA are told elsewhere.
        if isinstance(
            error, cupy.cuda.runtime.CUDARuntimeError | cupy.cuda.driver.CUDADriverError
        ):
            raise
        raise _uncompiled(error) from error
    return {name: module.get_function(name) for name in kernel_names()}


def _like(array: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    return array.shape, array.dtype


def _uncompiled(error: Exception) -> BackendUnavailableError:
    return BackendUnavailableError(
        f"the CUDA kernels could not be compiled ({error}). The compiler comes with "
        "the extras cuda13 and cuda12; devices before Turing are too old. Or "
        f"{_INSTEAD}"
    )


def _cuda(version: int) -> str:
    """13020 is 13.2."""
    return f"{version // 1000}.{version % 1000 // 10}"
