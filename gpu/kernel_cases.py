"""What every backend is compared on with the definition: one case for each operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_fluoroinject.compute import reference
from napari_fluoroinject.compute.backend import Kernels
from napari_fluoroinject.compute.curves import CurveMaps, Exposures, Subtraction
from napari_fluoroinject.compute.ramps import RampFamily, lattice

Results = dict[str, np.ndarray]

TOLERANCE = 1e-5
"""Of a value: of 1 + its size, or of the largest value where sums run over a whole picture."""
READ_OFF = 1e-4
"""Of times and ratios, which are read off where a curve may be flat."""
TIES = 1e-3
"""Part of the pixels in which another, equally good candidate may be chosen."""
PICTURES = (
    *("peak", "time_to_peak_s", "arrival_s", "area_s", "transit_s", "washout_per_s", "last"),
)
_OPEN_FIELD, _CONTRAST, _FIRST_STORED = 600.0, 0.4, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Arrays that exercise every operation; frames (frames, rows, columns) are of order 1.

    `loop` holds the frames as stored values of 16 bits, brighter where frames are low.
    """

    frames: np.ndarray
    field: np.ndarray
    weight: np.ndarray
    pose: np.ndarray
    stored: np.ndarray
    loop: np.ndarray
    exposures: Exposures
    beam: np.ndarray
    curves: np.ndarray
    family: RampFamily


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One operation of `Kernels`, run on inputs.

    `chosen` names results that ties may change, `read_off` times and ratios.
    """

    name: str
    run: Callable[[Kernels, Inputs], Results]
    chosen: tuple[str, ...] = ()
    read_off: tuple[str, ...] = ()
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
    pose = random.normal(0, (3, 3, 0.01), (count, 3)) * (random.random((count, 1)) > 0.2)
    start, rise = lattice(float(positions[0]) - 1, float(positions[-1]), (1.0, 2.5), (0.5, 1.0))
    return Inputs(
        frames=frames,
        field=field,
        weight=random.random(frames.shape, dtype=np.float32) * (random.random(frames.shape) > 0.2),
        pose=pose,
        loop=loop_of(frames),
        exposures=Exposures(times_s=positions, shift_px=pose[:, :2], offset=pose[:, 2]),
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


def loop_of(frames: np.ndarray, into: np.ndarray | None = None) -> np.ndarray:
    """Stored values of frames of opacity, some of them beyond the table."""
    loop = np.empty(frames.shape, dtype=np.uint16) if into is None else into
    for opacity, stored in zip(frames, loop, strict=True):
        stored[...] = np.rint(np.clip(_OPEN_FIELD * np.exp(-_CONTRAST * opacity), 0, 1100))
    return loop


def subtraction_of(first: np.ndarray) -> Subtraction:
    """What the frames of a loop are compared with: its first, as it is in the table."""
    ln_beam = np.log(np.arange(_FIRST_STORED, 1003, dtype=np.float64)).astype(np.float32)
    index = np.clip(first.astype(np.int64) - _FIRST_STORED, 0, ln_beam.size - 1)
    return Subtraction(
        ln_beam=ln_beam, first_stored=_FIRST_STORED, mask=ln_beam[index], threshold=0.1
    )


def compare(case: Case, kernels: Kernels, inputs: Inputs) -> list[Agreement]:
    """Run a case on a backend and on the definition."""
    ours, theirs = case.run(kernels, inputs), case.run(reference, inputs)
    agreements = []
    for name, value in theirs.items():
        other = ours[name].astype(np.float64)
        known = np.nan_to_num(np.abs(value))
        size = known.max() if case.of_largest else 1 + known
        # NaN in one and not in the other is as far away as can be.
        away = np.where(np.isnan(value) & np.isnan(other), 0.0, np.abs(other - value))
        tolerance = READ_OFF if name in case.read_off else TOLERANCE
        away = np.nan_to_num(away / (tolerance * size), nan=np.inf)
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


def _sample(kernels: Kernels, inputs: Inputs) -> Results:
    _, rows, columns = inputs.frames.shape
    place = 5 * inputs.pose[:, :2]
    return {
        "moved": kernels.sample(inputs.frames, place, 1.0, (rows, columns)),
        "finer": kernels.sample(inputs.frames[:, :9, :8], place, 0.125, (70, 60)),
        "coarser": kernels.sample(inputs.frames, place, 2.5, (30, 31)),
        "one_for_all": kernels.sample(inputs.frames[:1], place, 1.0, (rows, columns + 7)),
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


def _curve_maps(kernels: Kernels, inputs: Inputs) -> Results:
    results = _pictures(
        "uint16",
        kernels.curve_maps(inputs.loop, inputs.exposures, subtraction_of(inputs.loop[0])),
    )
    corner = inputs.loop[:, :40, :40]
    for kind in (np.uint8, np.int16):
        stored = np.minimum(corner, np.iinfo(kind).max).astype(kind)
        made = kernels.curve_maps(stored, inputs.exposures, subtraction_of(stored[0]))
        results |= _pictures(kind.__name__, made)
    return results


def _follow_curves(kernels: Kernels, inputs: Inputs) -> Results:
    follower = kernels.follow_curves(subtraction_of(inputs.loop[0]))
    above = [
        follower.add(stored, exposure)
        for stored, exposure in zip(inputs.loop, inputs.exposures.each(), strict=True)
    ]
    return _pictures("all", follower.maps()) | {"above": np.array(above) / inputs.loop[0].size}


def _pictures(name: str, maps: CurveMaps) -> Results:
    """Maps by name; counts as parts of the picture, where a tie is next to nothing."""
    made = {f"{name}_{one}": getattr(maps, one) for one in PICTURES}
    return made | {f"{name}_area": maps.area_px / maps.peak.size}


_KINDS = ("uint16", "uint8", "int16", "all")
CURVES = tuple(f"{kind}_{one}" for kind in _KINDS for one in PICTURES)
TIMES = tuple(
    f"{kind}_{one}"
    for kind in _KINDS
    for one in ("time_to_peak_s", "arrival_s", "transit_s", "washout_per_s")
)
CASES = (
    _one("bin_frames", lambda k, i: k.bin_frames(i.frames, i.field, 3)),
    Case(name="binned_ln", run=_binned_ln),
    Case(name="smooth", run=_smooth),
    _one("band_pass", lambda k, i: k.band_pass(i.frames, i.field, 1.0, 4.0)),
    _one("warp", lambda k, i: k.warp(i.frames, i.pose)),
    Case(name="sample", run=_sample),
    Case(name="motion_equations", run=_motion_equations, of_largest=True),
    _one("weighted_mean", _weighted_mean),
    Case(name="best_curve", run=_best_curve, chosen=("index", "amplitude")),
    Case(name="best_ramp", run=_best_ramp, chosen=("fitted",)),
    Case(name="curve_maps", run=_curve_maps, chosen=CURVES, read_off=TIMES),
    Case(name="follow_curves", run=_follow_curves, chosen=CURVES, read_off=TIMES),
)
