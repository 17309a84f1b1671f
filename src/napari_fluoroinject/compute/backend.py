"""Where the array work runs: one definition, fast twins, chosen once per run."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from napari_fluoroinject.errors import BackendUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from napari_fluoroinject.compute.curves import CurveMaps, Exposures, Follower, Subtraction
    from napari_fluoroinject.compute.ramps import RampFamily
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray, StoredArray

log = logging.getLogger(__name__)

BackendName = Literal["reference", "cpu", "cuda"]
Wish = Literal["auto", "cpu", "cuda", "reference"]


class Kernels(Protocol):
    """The array operations an analysis needs; a module satisfies it.

    Frames are (frames, rows, columns) float32 and a picture is (rows, columns) float32, in and
    out. A pose is (row, column, angle): what stands at p in the reference stands at
    `p + (row, column) + angle * (x, -y)` in the frame, (y, x) being p seen from the centre of the
    picture, the angle in radians. Poses are float64 and few. Arrays come from the host and go
    back to it; a backend with a memory of its own moves them. Nothing here knows DICOM.
    """

    def bin_frames(self, frames: FloatArray, field: FloatArray, factor: int, /) -> FloatArray:
        """Mean of the open pixels (`field` > 0) of each factor x factor block, else 0."""
        ...

    def binned_ln(
        self, stored: StoredArray, beam: FloatArray, first_stored: int, factor: int, /
    ) -> FloatArray:
        """Natural log of the mean beam over each factor x factor block of one stored frame.

        `stored` is (rows, columns) of whole numbers, `beam[v - first_stored]` the intensity of
        stored value v; values outside the table count as its ends.
        """
        ...

    def smooth(self, frames: FloatArray, weight: FloatArray, sigma_px: float, /) -> FloatArray:
        """Gaussian mean of the pixels that have weight, G(I w) / G(w); 0 where nothing is near."""
        ...

    def band_pass(
        self, frames: FloatArray, field: FloatArray, fine_px: float, coarse_px: float, /
    ) -> FloatArray:
        """`smooth` by the fine sigma less `smooth` by the coarse one, 0 outside the field."""
        ...

    def warp(self, frames: FloatArray, pose: DoubleArray, /) -> FloatArray:
        """Every frame as seen in the reference pose; `pose` is (frames, 3); edges are repeated."""
        ...

    def sample(
        self, frames: FloatArray, place: DoubleArray, step: float, shape: tuple[int, int], /
    ) -> FloatArray:
        """Every frame as a picture of `shape`, by straight lines between its pixels.

        Pixel (r, c) of picture k is what frame k shows at `place[k] + step * (r, c)`, `place`
        (pictures, 2); 0 comes in from outside. One frame may stand for all pictures.
        """
        ...

    def motion_equations(
        self,
        aligned: FloatArray,
        template: FloatArray,
        gradient: FloatArray,
        weight: FloatArray,
        /,
    ) -> tuple[DoubleArray, DoubleArray]:
        """Normal equations (frames, 4, 4) and (frames, 4) of one Gauss-Newton step.

        Unknowns are the step of the pose (row, column, angle) and a brightness offset.
        `gradient` is (2, rows, columns), `weight` (frames, rows, columns).
        """
        ...

    def weighted_mean(self, frames: FloatArray, weight: FloatArray, /) -> FloatArray:
        """Mean over frames, `weight` being (frames, rows, columns); 0 where no weight is."""
        ...

    def best_curve(
        self, frames: FloatArray, curves: FloatArray, /
    ) -> tuple[npt.NDArray[np.int32], FloatArray, FloatArray]:
        """Least squares of A * curve, A >= 0, per pixel over all `curves` (curves, frames).

        Returns the index of the best curve (the first of equals), A, and how much of the sum of
        squares it explains, each (rows, columns). No curve may be 0 throughout.
        """
        ...

    def best_ramp(
        self, frames: FloatArray, family: RampFamily, /
    ) -> tuple[npt.NDArray[np.int32], FloatArray, FloatArray]:
        """Least squares of A * ramp + a held constant, A >= 0, per pixel over a whole family.

        Returns the index of the best curve (of near equals any), A, and how much of the sum of
        squares it explains, each (rows, columns).
        """
        ...

    def curve_maps(
        self, stored: StoredArray, exposures: Exposures, subtraction: Subtraction, /
    ) -> CurveMaps:
        """Kinetics of every pixel from stored frames (frames, rows, columns), in one pass.

        The opacity of pixel p in frame k is `u[k] = mask[p] - ln[p + shift[k]] - offset[k]`, `ln`
        the natural log of the beam by table, sampled linearly along rows and columns after a blur
        by (1, 2, 1) / 4 along both: with f = shift - floor(shift) the four samples from
        floor(shift) - 1 on have the shares (1 - f, 2 - f, 1 + f, f) / 4; edges are repeated. Of
        noise that differs from pixel to pixel 0.38 or less is left, so that the threshold may be
        lower and what is read off is less a matter of noise; a sigma of 0.7 px blurs less than
        detectors do. Its value is the mean over three frames
        `v[k] = (u[k-1] + 2 u[k] + u[k+1]) / 4`, the first and the last frame repeated. Contrast
        arrives in the first frame a with `v[a-1] < threshold <= v[a]` and `v[a+1] >= threshold`
        (before the first frame nothing is there, and the last frame cannot be confirmed), at
        `t[a-1] + (threshold - v[a-1]) / (v[a] - v[a-1]) * (t[a] - t[a-1])`, which is `t[0]` where
        a is 0. From frame a on `max(v, 0)` is summed by the weights of `curve_weights`: `area_s`,
        and with t `area_s * (transit_s + arrival_s)`. `washout_per_s` is
        `(1 - last / peak) / (t[-1] - time_to_peak_s)`. What is undefined is NaN; see `CurveMaps`.
        """
        ...

    def follow_curves(self, subtraction: Subtraction, /) -> Follower:
        """`curve_maps` with one frame at a time, in memory that does not grow with their number.

        What has been followed is bit by bit what `curve_maps` gives for the same frames on the
        same backend.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What does the array work: its name, the device, the version of what runs there."""

    name: BackendName
    device: str
    version: str
    kernels: Kernels


def choose(wish: Wish = "auto", /) -> Backend:
    """Return the backend to run on; nothing falls back silently.

    `auto` takes CUDA where a device can be used, else the processor; `reference` is the
    definition in plain NumPy.

    Raises
    ------
    BackendUnavailableError
        Where the backend that was asked for is not there.
    """
    if wish not in _MAKERS:
        raise BackendUnavailableError(
            f"there is no backend {wish!r}; expected one of {', '.join(_MAKERS)}"
        )
    return _MAKERS[wish]()


def _auto() -> Backend:
    try:
        return _cuda()
    except BackendUnavailableError as error:
        log.info("taking the processor: %s", error)
        return _cpu()


def _reference() -> Backend:
    from napari_fluoroinject.compute import reference

    return Backend(
        name="reference", device="numpy", version=f"numpy {np.__version__}", kernels=reference
    )


def _cpu() -> Backend:
    # Numba is slow to import and only the analysis needs it.
    from napari_fluoroinject.compute import cpu

    return Backend(name="cpu", device=cpu.device(), version=f"numba {cpu.version()}", kernels=cpu)


def _cuda() -> Backend:
    from napari_fluoroinject.compute import cuda
    from napari_fluoroinject.compute.launched import LaunchedKernels

    device = cuda.device()
    return Backend(
        name="cuda", device=device.name, version=device.version, kernels=LaunchedKernels(device)
    )


_MAKERS: dict[Wish, Callable[[], Backend]] = {
    "auto": _auto,
    "cpu": _cpu,
    "cuda": _cuda,
    "reference": _reference,
}
