"""Which device does the array work, found beside the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.compute.backend import Backend, choose
from napari_fluoroinject.errors import BackendUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.settings import Device
    from napari_fluoroinject.viewer.jobs import Job, Jobs, Progress

ADVICE = (
    "In this window: choose the device cpu in File > Preferences, FluoroInject, or in [defaults] "
    "of fluoroinject.toml, and open the dock again"
)
NOT_THERE = "no device: see the message"


def device_text(backend: Backend) -> str:
    """The device, as the foot of the dock names it."""
    if backend.name == "cuda":
        return f"CUDA: {backend.device}"
    return "CPU (numba)" if backend.name == "cpu" else f"CPU ({backend.name})"


def find_device(jobs: Jobs, wish: Device, tell: Callable[[str], None]) -> Job:
    """Look for the device that was asked for, and tell its name.

    Where it is not there, the job fails with a message that says what to do: nothing is taken in
    its place.
    """

    def work(_progress: Progress) -> Backend:
        try:
            return choose(wish)
        except BackendUnavailableError as error:
            raise BackendUnavailableError(f"{error}. {ADVICE}") from error

    def done(backend: Backend) -> None:
        tell(device_text(backend))

    return jobs.start(
        "Find the processing device", work, done, failed=lambda _message: tell(NOT_THERE)
    )
