"""What the picture alone tells of a loop: motion, onset, a needle; proposals, never results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from napari_fluoroinject.analysis.legible import check_size
from napari_fluoroinject.analysis.needle import find_needle
from napari_fluoroinject.analysis.pipeline import register
from napari_fluoroinject.analysis.working import (
    binned_loop,
    full_injection,
    full_motion,
    full_needle,
)
from napari_fluoroinject.compute.backend import Wish, choose
from napari_fluoroinject.model.geometry import binning
from napari_fluoroinject.sources import Progress, silent

if TYPE_CHECKING:
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.motion import Injection, Motion
    from napari_fluoroinject.model.needle import Needle, NoNeedle


def first_look(
    loop: CineLoop, *, on: Wish = "auto", gauge: int | None = None, progress: Progress = silent
) -> tuple[Motion, Injection, Needle | NoNeedle]:
    """Follow the anatomy of a loop, find when contrast came, and look for a needle.

    Parameters
    ----------
    loop
        The cine loop, as `read_loop` gives it.
    on
        `auto`, `cpu` or `cuda`; never another than the one asked for.
    gauge
        Of the needle, if it is known.
    progress
        Told before each step.

    Returns
    -------
    tuple
        Motion, injection and needle, in the pixels of the loop itself, as an analysis without
        marks finds them.

    Raises
    ------
    FluoroinjectError
        Backend not there, frames that cannot be decoded, a picture that is too small.
    """
    backend = choose(on)
    check_size(loop)
    factor, shape = binning(loop.shape[1:]), loop.shape[1:]
    progress("reading", 0.0)
    small = binned_loop(loop, on=backend)
    progress("following the anatomy", 0.1)
    # More threads add up in another order, so that results would depend on their number.
    with threadpool_limits(limits=1, user_api="blas"):
        registered = register(small, on=backend)
        progress("finding the needle", 0.7)
        needle = find_needle(registered, gauge=gauge, on=backend)
    progress("done", 1.0)
    if factor == 1:
        return registered.motion, registered.injection, needle
    return (
        full_motion(registered.motion, factor, shape),
        full_injection(registered.injection, factor),
        full_needle(needle, factor),
    )
