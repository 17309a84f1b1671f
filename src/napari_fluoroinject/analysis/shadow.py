"""The collimator's shadow: behind the blades there is scatter, and a little that leaks through.

The model of `scatter` is solved over the whole picture, blades and all, so that it needs no word
on where the open field ends: penumbra and blocks across the edge bring their own radiation. What
it then leaves of the primary behind the blades must be their leakage. That tells the ratio.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, uniform_filter

from napari_fluoroinject.analysis.scatter import (
    BLOCK_PX,
    ScatterModel,
    scatter_model,
    scatter_on_blocks,
)
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import RegisteredLoop

LEAK = 0.01
LEAK_SIGMA = 0.006
"""What blades let through, of the primary beside them, and its 1 sigma (assumed)."""
KERNEL_WIDTH_FACTOR = 1.25
"""1 sigma of the kernel's width on a machine where it was not measured, as a factor."""
KERNEL_FORM_ERROR = 0.15
"""1 sigma of the ratio, relative, where the kernel has not the form assumed: behind the edge there
is then another share of the scatter in the open. Found with scatter of a narrow core and a long
tail, fitted with a Gaussian."""
BAND_ERROR = 0.03
"""1 sigma of the model's scatter in one band of distances, relative."""

_BEGIN_KERNELS, _END_KERNELS = 0.13, 0.6
"""From where to where the shadow is looked at, behind the middle of its edge and in kernel widths:
penumbra and blur have ended (3 mm), and near the edge half of the scatter arrives whatever the
kernel's form, while farther off only its tails tell."""
_LIT = 0.5
"""What is brighter than this share of the open field next to it stands before the edge. Behind a
blade it is darker up to a ratio of two."""
_EDGE_BLUR_PX = 5
"""Side of the square that is averaged to find the edge in spite of noise."""
_BORDER_PX = 4
"""The outermost pixels of a detector are seldom calibrated."""
_BANDS = 5
_FEWEST_PX = 0.04
"""Pixels of a band, in squares of a kernel's width: fewer do not say what their band is like."""
_FEWEST_BANDS = 2
"""One band alone cannot tell scatter from leakage."""
_INSIDE_PX = 15
"""Side of the square over which the level inside the edge is taken."""
_MOST_LIT = 0.5
"""Share of what is not the open field: more is a field that was cut without blades."""
_LEAST_NOISE = 0.25
"""Of the quantum noise that the open field's would leave at the shadow's level."""
_MOST_CONSTANT = 0.02
"""Share of blocks behind the blades without any structure, where the shadow is the detector's."""
_ONE_SIGMA = 68.27
"""Percentile of absolute values: unlike the median not 0 where few grey levels are used."""
_WORST_FIT = 5.0
"""Reduced chi square. Kernels of 0.75 and 1.7 times the width stay below it; a level that does not
fade behind the edge is no scatter."""
_TRIED = np.linspace(0.0, 2.0, 41)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowRatio:
    """The scatter-to-primary ratio k with 1 sigma."""

    value: float
    sigma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NoShadow:
    """Why the collimator's shadow tells nothing."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Edge:
    """The blades' edge: `behind_px` is how far behind it a pixel lies, 0 where it is `lit`.

    `nearest` (2, rows, columns) is the pixel of the open field next to it, `beside` the level
    there.
    """

    lit: BoolArray
    nearest: npt.NDArray[np.int32]
    beside: FloatArray
    behind_px: DoubleArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bands:
    """Means over bands of distance behind the edge, and how they are taken from blocks.

    `dark` and `beside` (bands,) are relative intensities behind the blades and inside the edge
    next to them; the matrices (bands, blocks) take the same means of a picture on blocks.
    """

    dark: DoubleArray
    beside: DoubleArray
    dark_of_blocks: DoubleArray
    beside_of_blocks: DoubleArray


def shadow_ratio(
    registered: RegisteredLoop, kernel_px: float, *, width_factor: float = KERNEL_WIDTH_FACTOR
) -> ShadowRatio | NoShadow:
    """Find the ratio at which the model's scatter is what is seen behind the blades.

    The blades' leakage is fitted with it, but near the edge it hardly differs from scatter: most
    of what is known of it is assumed. Frames are taken as they are stored: undoing a time
    filter in the logarithm would raise the mean of the few quanta in the dark.

    Parameters
    ----------
    registered
        Its mask frames and open field.
    kernel_px
        Width (Gaussian sigma) of the scatter kernel.
    width_factor
        The kernel may be wider or narrower by this factor (1 sigma). That, and its form, are most
        of the answer's sigma on a machine where the kernel was not measured.
    """
    why = _mute(registered)
    if why is not None:
        return NoShadow(reason=why)
    picture, fine = _pictures(registered)
    bands = _believed_bands(picture, fine, registered.field, kernel_px)
    if isinstance(bands, NoShadow):
        return bands
    return _ratio(picture, bands, [kernel_px * by for by in (1.0, 1 / width_factor, width_factor)])


def _mute(registered: RegisteredLoop) -> str | None:
    """Why the loop cannot speak of a shadow before its pixels are looked at."""
    if not registered.loop.intensity.quantitative:
        return "pixel values are not known to follow the beam"
    if registered.field.all():
        return "no blades in the picture"
    if not registered.injection.mask_frames or not registered.field.any():
        return "no frames before contrast, or no open field"
    return None


def _pictures(registered: RegisteredLoop) -> tuple[FloatArray, FloatArray]:
    """Mean intensity of the mask frames as stored, and the finest structure of the first."""
    loop = registered.loop
    mean = np.zeros(registered.field.shape)
    fine = np.zeros(registered.field.shape, dtype=np.float32)
    for frame in registered.injection.mask_frames:
        one: FloatArray = np.exp(loop.intensity.ln(loop.frames.frame(frame)))
        mean += one
        if not fine.any():
            fine[1:, 1:] = one[1:, 1:] - one[:-1, 1:] - one[1:, :-1] + one[:-1, :-1]
    mean /= len(registered.injection.mask_frames)
    return mean.astype(np.float32), fine


def _believed_bands(
    picture: FloatArray, fine: FloatArray, field: BoolArray, kernel_px: float
) -> _Bands | NoShadow:
    """The bands behind the edge, if what stands there is a shadow that a detector saw."""
    if not np.isfinite(picture).all():
        return NoShadow(reason="parts of the picture have no value")
    edge = _edge(picture, field)
    if edge.lit[~field].mean() > _MOST_LIT:
        return NoShadow(reason="what lies outside the open field is not dark")
    bands = _bands(picture, edge, kernel_px)
    if bands is None:
        return NoShadow(reason="too little of it, or too near the picture's edge")
    dark = edge.behind_px > BLOCK_PX
    whole = _block_sums(dark) == BLOCK_PX**2
    constant = _block_sums((fine != 0) & dark)[whole] == 0
    if constant.size and constant.mean() > _MOST_CONSTANT:
        return NoShadow(reason="it was overwritten with a constant")
    noise, inside = (np.percentile(np.abs(fine[some]), _ONE_SIGMA) for some in (dark, field))
    level = float(bands.dark.mean() / bands.beside.mean())
    if noise**2 <= _LEAST_NOISE * level * inside**2:
        return NoShadow(reason="it has no quantum noise: it is not what the detector saw")
    return bands


def _edge(picture: FloatArray, field: BoolArray) -> _Edge:
    """Where the shadow begins: the open field ends well before it, now 5 px, now 20."""
    nearest = distance_transform_edt(~field, return_distances=False, return_indices=True)
    share = uniform_filter(field.astype(np.float32), _INSIDE_PX)
    level = uniform_filter(np.where(field, picture, 0.0), _INSIDE_PX)
    beside = (level / np.maximum(share, _INSIDE_PX**-2))[tuple(nearest)]
    lit = field | (uniform_filter(picture, _EDGE_BLUR_PX) > _LIT * beside)
    return _Edge(lit=lit, nearest=nearest, beside=beside, behind_px=distance_transform_edt(~lit))


def _bands(picture: FloatArray, edge: _Edge, kernel_px: float) -> _Bands | None:
    """The bands that hold enough pixels; None where they are too few."""
    limits = np.linspace(_BEGIN_KERNELS, _END_KERNELS, _BANDS + 1) * kernel_px
    inner = np.zeros(picture.shape, dtype=np.bool_)
    inner[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX] = True
    places = np.argwhere(inner & (edge.behind_px >= limits[0]) & (edge.behind_px < limits[-1]))
    band = np.digitize(edge.behind_px[tuple(places.T)], limits) - 1
    count = np.bincount(band, minlength=_BANDS)
    enough = np.flatnonzero(count >= _FEWEST_PX * kernel_px**2)
    if len(enough) < _FEWEST_BANDS:
        return None
    beside = edge.nearest[:, *places.T].T.astype(np.float64)
    member = (band[None] == enough[:, None]) / count[enough][:, None]
    return _Bands(
        dark=member @ picture[tuple(places.T)],
        beside=member @ edge.beside[tuple(places.T)],
        dark_of_blocks=_taken(member, places.astype(np.float64), picture.shape),
        beside_of_blocks=_taken(member, beside, picture.shape),
    )


def _taken(member: DoubleArray, places_px: DoubleArray, shape_px: tuple[int, ...]) -> DoubleArray:
    """The matrix (bands, blocks) of means over places, blocks interpolated linearly."""
    sizes = np.array(shape_px) // BLOCK_PX
    at = np.clip((places_px - 0.5 * (BLOCK_PX - 1)) / BLOCK_PX, 0, sizes - 1)
    low = np.minimum(at.astype(np.int64), sizes - 2)
    part = at - low
    matrix = np.zeros((len(member), int(sizes.prod())))
    for down in (0, 1):
        for across in (0, 1):
            step = np.array([down, across])
            weight = np.where(step == 1, part, 1.0 - part).prod(axis=1)
            cell = np.ravel_multi_index(tuple((low + step).T), tuple(sizes))
            for number, belongs in enumerate(member):
                taken = np.bincount(cell, belongs * weight, minlength=matrix.shape[1])
                matrix[number] += taken
    return matrix


def _block_sums(picture: BoolArray | FloatArray) -> DoubleArray:
    down, across = (size // BLOCK_PX for size in picture.shape)
    whole = picture[: down * BLOCK_PX, : across * BLOCK_PX]
    return np.asarray(whole.reshape(down, BLOCK_PX, across, BLOCK_PX).sum(axis=(1, 3)))


def _ratio(picture: FloatArray, bands: _Bands, widths_px: list[float]) -> ShadowRatio | NoShadow:
    """Fit ratio and leakage with the first kernel; how the others change it is uncertainty."""
    blocks = (_block_sums(picture) / BLOCK_PX**2).astype(np.float32)
    everywhere = np.ones(picture.shape, dtype=np.bool_)
    best, *others = (_fit(blocks, bands, scatter_model(everywhere, px)) for px in widths_px)
    if best is None:
        return NoShadow(reason="no ratio up to two explains its level")
    reduced = best.chi_square / max(len(bands.dark) - 1, 1)
    if reduced > _WORST_FIT:
        return NoShadow(reason="it does not fade behind the edge as scatter does")
    from_width = max(best.value if one is None else abs(one.value - best.value) for one in others)
    from_form = KERNEL_FORM_ERROR * best.value
    return ShadowRatio(
        value=best.value,
        sigma=hypot(best.sigma * max(reduced, 1.0) ** 0.5, from_width, from_form),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    value: float
    sigma: float
    chi_square: float


def _fit(blocks: FloatArray, bands: _Bands, model: ScatterModel) -> _Fit | None:
    """Least squares over the bands; None where the best ratio lies at an end of those tried.

    For every ratio tried, the leakage is the best for it.
    """
    chi_square = np.empty(len(_TRIED))
    for index, ratio in enumerate(_TRIED):
        scatter = scatter_on_blocks(blocks[None], model, float(ratio))[0].ravel()
        sigma = BAND_ERROR * (1.0 + ratio) * bands.dark
        dark = ((1.0 + ratio) * bands.dark - bands.dark_of_blocks @ scatter) / sigma
        beside = ((1.0 + ratio) * bands.beside - bands.beside_of_blocks @ scatter) / sigma
        leak = max(beside @ dark + LEAK / LEAK_SIGMA**2, 0.0)
        leak /= beside @ beside + LEAK_SIGMA**-2
        chi_square[index] = np.square(dark - leak * beside).sum()
        chi_square[index] += ((leak - LEAK) / LEAK_SIGMA) ** 2
    least = int(chi_square.argmin())
    if least in (0, len(_TRIED) - 1):
        return None
    before, here, after = chi_square[least - 1 : least + 2]
    step, bend = _TRIED[1] - _TRIED[0], max(0.5 * (before + after) - here, 1e-9)
    off = 0.25 * (before - after) / bend
    return _Fit(
        value=float(_TRIED[least] + off * step),
        sigma=float(step / np.sqrt(bend)),
        chi_square=max(float(here - bend * off**2), 0.0),
    )
