"""Which workers a machine gets: one for each CUDA device, and those that decode ahead of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from napari_fluoroinject.errors import BackendUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_fluoroinject.compute.backend import Wish

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The variable by which CUDA tells a process its devices."""
Role = Literal["analyse", "decode"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPlace:
    """One worker: what it does, and the variables of its process.

    `device` is the CUDA device that it has for itself, None = it works on the processor.
    """

    role: Role
    device: str | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that its process is started with: it sees its own device and no other."""
        return MappingProxyType({VISIBLE: self.device or ""})


def layout(on: Wish, workers: int, devices: Sequence[str]) -> tuple[WorkerPlace, ...]:
    """Return the workers of this machine.

    Parameters
    ----------
    on
        Where the array work is wanted: `auto` takes the devices that there are.
    workers
        How many work on the processor: they analyse where there is no device, else they decode.
    devices
        The CUDA devices, as `devices_here` names them.

    Raises
    ------
    BackendUnavailableError
        `cuda` is wanted, and there is no device.
    """
    if on == "cuda" and not devices:
        raise BackendUnavailableError(
            "no CUDA device was found for the workers; expected one at least: `fluoroinject "
            "doctor` tells what is missing"
        )
    if on not in ("auto", "cuda") or not devices:
        return (WorkerPlace(role="analyse"),) * workers
    return (
        *(WorkerPlace(role="analyse", device=one) for one in devices),
        *(WorkerPlace(role="decode"),) * max(1, workers),
    )


def devices_here() -> tuple[str, ...]:
    """Return the CUDA devices that this process may use, as `CUDA_VISIBLE_DEVICES` names them.

    A device counts where CuPy can use it; nothing is put on it.
    """
    from napari_fluoroinject.compute.cuda import device_count

    try:
        count = device_count()
    except BackendUnavailableError:
        return ()
    named = [one.strip() for one in os.environ.get(VISIBLE, "").split(",") if one.strip()]
    return tuple(named[:count]) if named else tuple(map(str, range(count)))
