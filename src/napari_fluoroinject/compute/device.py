"""What the CUDA kernels need of a device: memory, copies and launches, in lanes."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    import numpy.typing as npt


class Buffer(Protocol):
    """A C-contiguous array in the memory of a device."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        ...


Argument: TypeAlias = Buffer | float
"""What a kernel is given: arrays on the device and numbers."""


class Lane(Protocol):
    """One queue of work on a device; what is asked of it is done in that order, later."""

    def put(self, array: npt.ArrayLike, dtype: npt.DTypeLike = np.float32, /) -> Buffer:
        """Copy an array to the device, as `dtype`."""
        ...

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32, /) -> Buffer:
        """Memory on the device that holds anything."""
        ...

    def fill(self, buffer: Buffer, first: int, array: npt.NDArray[np.generic], /) -> None:
        """Copy layers into a buffer, from its layer `first` on, as its type.

        A few at a time: memory of the host that is taken up by copies stays bounded.
        """
        ...

    def launch(self, kernel: str, size: tuple[int, int, int], /, *arguments: Argument) -> None:
        """Run a kernel for (columns, rows, layers) threads; whole numbers go as 32-bit integers.

        A size that is 0 somewhere launches nothing.
        """
        ...

    def fetch(self, buffer: Buffer, into: npt.NDArray[np.generic], /) -> None:
        """Copy a buffer home; `into` holds it once `finish` has returned."""
        ...

    def finish(self) -> None:
        """Wait until everything is done."""
        ...


class Device(Protocol):
    """What runs the kernels: two lanes or more, and how much one turn of a lane may take up."""

    @property
    def held_bytes(self) -> int:
        """Device memory that one turn may use."""
        ...

    @property
    def staged_bytes(self) -> int:
        """Bytes that one turn may carry over the bus."""
        ...

    def work(self) -> AbstractContextManager[Sequence[Lane]]:
        """Own the device's lanes for one operation; its faults leave as errors of ours."""
        ...


def kernel_argument(argument: Argument) -> Any:
    """A number in the 32 bits that kernels take it in; buffers as they are."""
    if isinstance(argument, Integral):
        return np.int32(int(argument))
    if isinstance(argument, Real):
        return np.float32(float(argument))
    return argument
