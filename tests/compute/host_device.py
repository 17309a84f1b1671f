"""The CUDA kernels on the host: the same text, built by a host compiler."""

from __future__ import annotations

import ctypes
import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_fluoroinject.compute.cuda_source import kernel_names, kernel_source
from napari_fluoroinject.compute.device import kernel_argument

SHIM = Path(__file__).with_name("host_shim.hpp")
BLOCK = (32, 8, 1)
MARGIN = 4096
"""Values before and after each buffer: a kernel that strays reads NaN, or is seen to write."""
TYPES = {
    "float": np.float32,
    "double": np.float64,
    "int": np.int32,
    "unsigned int": np.uint32,
    "unsigned char": np.uint8,
    "unsigned short": np.uint16,
    "short": np.int16,
}


class WroteOutsideError(Exception):
    """A kernel wrote before or after an array."""


def build(folder: Path, source: str | None = None) -> ctypes.CDLL:
    """Compile the kernels, or a text that takes their place, for the host."""
    source = kernel_source() if source is None else source
    exports = "\n".join(f"EXPORT({name})" for name in kernel_names())
    text, library = folder / "kernels.cpp", folder / "kernels.so"
    text.write_text(f'#include "{SHIM}"\n{source}\n{exports}\n')
    warnings = ("-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas")
    command = ["g++", "-O1", "-std=c++17", "-shared", "-fPIC", *warnings, text, "-o", library]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library))


class HostDevice:
    """Two lanes on the host; a turn is as small as its bytes say."""

    def __init__(self, library: ctypes.CDLL, *, turn_bytes: int = 1 << 20) -> None:
        self.held_bytes = self.staged_bytes = turn_bytes
        self.lanes = (HostLane(library), HostLane(library))

    @contextmanager
    def work(self):
        yield self.lanes
        assert all(lane.idle for lane in self.lanes), "an operation left without finishing"


class HostLane:
    """A lane as lazy as a device may be: nothing happens before `finish`."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._queue = []
        self.launched = []

    @property
    def idle(self) -> bool:
        return not self._queue

    def put(self, array, dtype=np.float32, /):
        array = np.array(array, dtype)
        buffer = HostBuffer.of(array.shape, dtype)
        self._queue.append(lambda: np.copyto(buffer.values, array))
        return buffer

    def empty(self, shape, dtype=np.float32, /):
        return HostBuffer.of(shape, dtype)

    def fill(self, buffer, first, array, /):
        assert array.nbytes <= 1 << 26
        array = np.array(array, buffer.values.dtype)
        into = buffer.values[first : first + len(array)]
        assert into.shape == array.shape
        self._queue.append(lambda: np.copyto(into, array))

    def launch(self, kernel, size, /, *arguments):
        given = [kernel_argument(argument) for argument in arguments]
        check_signature(kernel, given)
        self.launched.append(kernel)
        self._queue.append(lambda: self._run(kernel, size, given))

    def fetch(self, buffer, into, /):
        assert buffer.shape == into.shape
        assert buffer.values.dtype == into.dtype
        self._queue.append(lambda: np.copyto(into, buffer.values))

    def finish(self):
        queue, self._queue = self._queue, []
        for step in queue:
            step()

    def _run(self, kernel, size, given):
        values = [_as_c(one) for one in given]
        stands = (ctypes.c_void_p * len(values))(*map(ctypes.addressof, values))
        threads = [-(-extent // block) * block for extent, block in zip(size, BLOCK, strict=True)]
        getattr(self._library, f"host_{kernel}")(stands, (ctypes.c_int * 3)(*threads))
        for one in given:
            if isinstance(one, HostBuffer) and not one.untouched():
                raise WroteOutsideError(kernel)


@dataclass(frozen=True, eq=False)
class HostBuffer:
    """An array between two margins that nobody may touch."""

    shape: tuple[int, ...]
    whole: np.ndarray

    @classmethod
    def of(cls, shape, dtype):
        count = int(np.prod(shape, dtype=np.int64))
        return cls(tuple(shape), np.full(count + 2 * MARGIN, _nothing(dtype), dtype))

    @property
    def values(self):
        return self.whole[MARGIN : self.whole.size - MARGIN].reshape(self.shape)

    def untouched(self):
        nothing = np.full(MARGIN, _nothing(self.whole.dtype), self.whole.dtype)
        return all(
            np.array_equal(margin, nothing, equal_nan=nothing.dtype.kind == "f")
            for margin in (self.whole[:MARGIN], self.whole[-MARGIN:])
        )


def check_signature(kernel, given):
    """A launch carries what the kernel's text asks for: a device would not notice."""
    listed = re.search(rf"^GLOBAL void {kernel}\(([^)]*)\)", kernel_source(), re.MULTILINE)
    wanted = [_parameter(text) for text in listed[1].split(",")]
    carried = [
        (one.values.dtype, "*") if isinstance(one, HostBuffer) else (one.dtype, "")
        for one in given
    ]
    assert carried == wanted, f"{kernel} takes {wanted}, not {carried}"


def _parameter(text):
    found = re.fullmatch(
        r"(?:const )?([a-z ]+?)(\*?)(?: __restrict__)? \w+", " ".join(text.split())
    )
    return np.dtype(TYPES[found[1]]), found[2]


def _as_c(value):
    if isinstance(value, HostBuffer):
        return ctypes.c_void_p(value.values.ctypes.data)
    return ctypes.c_int(value) if value.dtype == np.int32 else ctypes.c_float(value)


def _nothing(dtype):
    return np.nan if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
