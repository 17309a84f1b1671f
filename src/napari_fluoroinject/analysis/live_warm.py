"""Kernels of a run that is followed, compiled and loaded before its first frame comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_fluoroinject.analysis.live_run import LiveRun
from napari_fluoroinject.analysis.live_uptake import WARM_FRAMES, UptakeWatch

if TYPE_CHECKING:
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import StoredArray
    from napari_fluoroinject.model.cine import IntensityScale

_PX = 128
_FRAMES = 40
"""The picture is found, a mask laid and renewed, and frames mapped."""
_BONE_PX, _BONE_LN, _NOISE_LN = 5.0, 0.25, 0.02

_warm: set[tuple[str, str]] = set()
"""Backends and types of pictures: what is compiled in a process stays so."""


def warm_up_run(intensity: IntensityScale, dtype: np.dtype[Any], *, on: Backend) -> None:
    """Follow some frames of noise over a picture, through everything that a run goes through."""
    if (on.name, dtype.name) in _warm:
        return
    rng = np.random.default_rng(0)
    run = LiveRun(intensity, (_PX, _PX), on=on, automatic=False)
    for frame, stored in enumerate(_pictures(rng, intensity, dtype)):
        run.add(stored, frame / 15.0)
    run.begin()
    run.add(stored, (frame + 1) / 15.0)
    run.snapshot()
    bins = rng.normal(0.0, 0.1, (WARM_FRAMES, _PX, _PX)).astype(np.float32)
    watch = UptakeWatch(np.ones_like(bins[0]), bins[0], on=on)
    for frame, opacity in enumerate(bins):
        watch.add(opacity, frame, frame / 15.0)
    _warm.add((on.name, dtype.name))


def _pictures(
    rng: np.random.Generator, intensity: IntensityScale, dtype: np.dtype[Any]
) -> list[StoredArray]:
    """Noise over something that looks like bone."""
    level = intensity.first_stored + len(intensity.ln_beam) / 3
    bone = gaussian_filter(rng.normal(size=(_PX, _PX)), _BONE_PX)
    beam = level * np.exp(_BONE_LN * bone / bone.std())
    frames = beam * np.exp(rng.normal(0.0, _NOISE_LN, (_FRAMES, _PX, _PX)))
    frames = np.clip(np.rint(frames), 0, np.iinfo(dtype).max).astype(dtype)
    return [*frames]
