"""What every backend is compared on with the definition: one case for each operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_fluoroinject.compute import reference
from napari_fluoroinject.compute.backend import Kernels
from napari_fluoroinject.compute.ramps import RampFamily, lattice

Results = dict[str, np.ndarray]

TOLERANCE = 1e-5
"""Of a value: of 1 + its size, or of the largest value where sums run over a whole picture."""
TIES = 1e-3
"""Part of the pixels in which another, equally good candidate may be chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Arrays that exercise every operation; frames (frames, rows, columns) are of order 1."""

    frames: np.ndarray
    field: np.ndarray
    weight: np.ndarray
    pose: np.ndarray
    stored: np.ndarray
    beam: np.ndarray
    curves: np.ndarray
    family: RampFamily


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One operation of `Kernels`, run on inputs; `chosen` names results that ties may change."""

    name: str
    run: Callable[[Kernels, Inputs], Results]
    chosen: tuple[str, ...] = ()
    of_largest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far a result lies from the definition's.

    `worst` is the farthest value in tolerances, `outside` the part that lies beyond one.
    """

    name: str
    worst: float
    outside: float
    good: bool


def make_inputs(seed: int, frames: np.ndarray | None = None) -> Inputs:
    """Inputs from a seed: noise of an odd shape, or around the frames that are handed in."""
    random = np.random.default_rng(seed)
    if frames is None:
        frames = random.standard_normal((7, *random.integers(35, 75, 2))).astype(np.float32)
    count, rows, columns = frames.shape
    field = (random.random((rows, columns)) > 0.3).astype(np.float32)
    # A corner in which the windows have hardly any data.
    field[:24, :24] = 0
    positions = np.cumsum(random.uniform(0.5, 1.5, count))
    start, rise = lattice(float(positions[0]) - 1, float(positions[-1]), (1.0, 2.5), (0.5, 1.0))
    return Inputs(
        frames=frames,
        field=field,
        weight=random.random(frames.shape, dtype=np.float32) * (random.random(frames.shape) > 0.2),
        pose=random.normal(0, (3, 3, 0.01), (count, 3)) * (random.random((count, 1)) > 0.2),
        stored=random.integers(-20, 1100, (rows, columns)),
        beam=random.uniform(1, 5, 1000).astype(np.float32),
        curves=random.standard_normal((21, count)).astype(np.float32),
        family=RampFamily(
            positions=positions,
            start=start,
            rise=rise,
            decay=np.array([np.inf, 4.0]),
            held_frames=10.0,
        ),
    )


def compare(case: Case, kernels: Kernels, inputs: Inputs) -> list[Agreement]:
    """Run a case on a backend and on the definition."""
    ours, theirs = case.run(kernels, inputs), case.run(reference, inputs)
    agreements = []
    for name, value in theirs.items():
        other = ours[name].astype(np.float64)
        size = np.abs(value).max() if case.of_largest else 1 + np.abs(value)
        # NaN in one and not in the other is as far away as can be.
        away = np.where(np.isnan(value) & np.isnan(other), 0.0, np.abs(other - value))
        away = np.nan_to_num(away / (TOLERANCE * size), nan=np.inf)
        outside = float(np.mean(away > 1))
        allowed = TIES if name in case.chosen else 0.0
        same_kind = ours[name].dtype == value.dtype and ours[name].shape == value.shape
        agreements.append(
            Agreement(
                name=f"{case.name}.{name}",
                worst=float(away.max()),
                outside=outside,
                good=same_kind and outside <= allowed,
            )
        )
    return agreements


def _one(name: str, run: Callable[[Kernels, Inputs], np.ndarray]) -> Case:
    return Case(name=name, run=lambda kernels, inputs: {"values": run(kernels, inputs)})


def _binned_ln(kernels: Kernels, inputs: Inputs) -> Results:
    results = {}
    for kind in (np.uint8, np.uint16, np.int16):
        lowest, highest = np.iinfo(kind).min, np.iinfo(kind).max
        stored = np.clip(inputs.stored, lowest, highest).astype(kind)
        results[kind.__name__] = kernels.binned_ln(stored, inputs.beam, 3, 2)
    return results


def _smooth(kernels: Kernels, inputs: Inputs) -> Results:
    return {
        "field": kernels.smooth(inputs.frames, inputs.field, 2.0),
        "weight": kernels.smooth(inputs.frames, inputs.weight[0], 1.2),
        "sigma_0": kernels.smooth(inputs.frames, inputs.weight[0], 0.0),
    }


def _motion_equations(kernels: Kernels, inputs: Inputs) -> Results:
    template = inputs.frames[0]
    gradient = np.stack(np.gradient(template)).astype(np.float32)
    matrix, vector = kernels.motion_equations(inputs.frames, template, gradient, inputs.weight)
    return {"matrix": matrix, "vector": vector}


def _weighted_mean(kernels: Kernels, inputs: Inputs) -> np.ndarray:
    weight = inputs.weight.copy()
    weight[:, :5] = 0
    return kernels.weighted_mean(inputs.frames, weight)


def _best_curve(kernels: Kernels, inputs: Inputs) -> Results:
    found = kernels.best_curve(inputs.frames, inputs.curves)
    return dict(zip(("index", "amplitude", "explained"), found, strict=True))


def _best_ramp(kernels: Kernels, inputs: Inputs) -> Results:
    # Ramps that end in one straight rise are multiples of each other: the curve itself counts.
    index, amplitude, explained = kernels.best_ramp(inputs.frames, inputs.family)
    curves = inputs.family.curves().astype(np.float32)
    fitted = amplitude[..., None] * curves[index]
    return {"fitted": fitted, "explained": explained}


CASES = (
    _one("bin_frames", lambda k, i: k.bin_frames(i.frames, i.field, 3)),
    Case(name="binned_ln", run=_binned_ln),
    Case(name="smooth", run=_smooth),
    _one("band_pass", lambda k, i: k.band_pass(i.frames, i.field, 1.0, 4.0)),
    _one("warp", lambda k, i: k.warp(i.frames, i.pose)),
    Case(name="motion_equations", run=_motion_equations, of_largest=True),
    _one("weighted_mean", _weighted_mean),
    Case(name="best_curve", run=_best_curve, chosen=("index", "amplitude")),
    Case(name="best_ramp", run=_best_ramp, chosen=("fitted",)),
)
