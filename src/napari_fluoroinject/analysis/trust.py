"""Which pixels tell how bone moved: weights against contrast, gas, needle and lagging tissue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from napari_fluoroinject.analysis.robust import MAD_TO_SIGMA
from napari_fluoroinject.analysis.tracking import slopes
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.compute.backend import Kernels

_BONE_PERCENTILE = 80.0
_ROBUST_SIGMAS = 2.0
RESIDUAL_SIGMA_PX = 1.5
"""In bins: contrast fainter than the noise of one shows after such a blur."""
_VARIANCE_SIGMA_PX = 2.0
_LEAST_VARIANCE = 0.5
_GAIN_SIGMA_PX = 5.0
_GAIN_WIDTH = 0.06
_GAIN_LEAST_PEAK = 0.3
_GAIN_FARTHEST = 0.12
_GAIN_BINS = np.linspace(-0.5, 1.5, 101)
_MEDIAN_PIXELS = 5000
"""A median over this many is known to 2 %."""
_LOST = 1.5
"""A residual this much above the usual, noise taken into account, is no longer the same scene."""
_LEAST_MISFIT = 0.05
"""Share of the picture's own structure that interpolation alone can leave. Noise leaves 0.3 of it
in synthetic loops of 20 nGy a frame, so that this counts in very clear loops only."""
_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quality:
    """How well each frame lies over the template.

    `residual` (frames,) is the robust sigma of the smoothed residual over `usual`, that of an
    ordinary frame of the loop, `locked` (frames,) False where noise does not explain it: such a
    frame shows something else. At least half of the frames that count are locked.
    """

    residual: DoubleArray
    locked: BoolArray
    usual: float

    @classmethod
    def unknown(cls, frames: int, *, usual: float = float("inf")) -> Quality:
        """Frames that have not been compared, perhaps with the usual sigma of others."""
        return cls(residual=np.ones(frames), locked=np.ones(frames, dtype=np.bool_), usual=usual)

    def every(self, step: int) -> Quality:
        """The same with every `step`-th frame only."""
        return Quality(
            residual=self.residual[::step], locked=self.locked[::step], usual=self.usual
        )

    def ordinary(self, sigma: DoubleArray) -> BoolArray:
        """Which frames show the same scene with no more than the usual noise, by their sigma."""
        return sigma <= _LOST * self.usual


def bone_weight(template: FloatArray, field: FloatArray, *, kernels: Kernels) -> FloatArray:
    """Return weights 0 to 1 that favour strong edges (bone) over weak ones (tissue, gas)."""
    smooth = kernels.smooth(template[None], np.ones_like(field), 0.5)[0]
    strength = (slopes(smooth) ** 2).sum(axis=0)
    inside = strength[field > 0]
    knee = np.float32(np.percentile(inside, _BONE_PERCENTILE)) if inside.size else np.float32(0)
    result: FloatArray = field * strength / np.maximum(strength + knee, _TINY)
    return result


def residuals(aligned: FloatArray, template: FloatArray, weight: FloatArray) -> FloatArray:
    """Return aligned frames less template less each frame's weighted mean difference."""
    left = aligned - template
    total = np.maximum(weight.sum(axis=(1, 2)), np.float32(1e-9))
    left -= (np.einsum("nrc,nrc->n", left, weight) / total)[:, None, None]
    return left


def robust_weight(
    residual: FloatArray, valid: FloatArray, *, usual: float | None = None, kernels: Kernels
) -> tuple[FloatArray, DoubleArray]:
    """Return weights (frames, rows, columns) against what does not fit, and each frame's sigma.

    The residual is judged smoothed: contrast fainter than the noise of a pixel shows then.
    `usual` is the sigma of an ordinary frame; without it that of most of these is taken.
    """
    seen = kernels.smooth(residual, valid, RESIDUAL_SIGMA_PX)
    sigma = np.maximum(MAD_TO_SIGMA * _typical(seen, valid), _TINY)
    # A frame far noisier than the others would pull the template towards its own noise.
    usual = float(np.median(sigma)) if usual is None else usual
    share = np.minimum(1.0, (usual / sigma) ** 2).astype(np.float32)
    scale = (1.0 / (_ROBUST_SIGMAS * sigma)).astype(np.float32)
    for frame, one_scale, one_share in zip(seen, scale, share, strict=True):
        frame *= one_scale  # noqa: PLW2901 - each frame is made its own weight
        np.square(frame, out=frame)
        frame += 1  # noqa: PLW2901 - as above
        np.divide(one_share, frame, out=frame)
    return seen, sigma


def steady_weight(residual: FloatArray, valid: FloatArray, *, kernels: Kernels) -> FloatArray:
    """Return weights (rows, columns) against gas, the needle and blinking overlays."""
    if len(residual) <= 2:
        return np.ones_like(valid)
    return variance_weight(residual.var(axis=0), valid, kernels=kernels)


def variance_weight(variance: FloatArray, valid: FloatArray, *, kernels: Kernels) -> FloatArray:
    """Return the weights of `steady_weight` from the residual's variance over frames."""
    spread = kernels.smooth(variance[None], valid, _VARIANCE_SIGMA_PX)[0]
    usual = np.maximum(np.median(spread[valid > 0]), _TINY)
    weight: FloatArray = (1 / np.maximum(spread / usual, _LEAST_VARIANCE)).astype(np.float32)
    return weight


def roughness(frames: FloatArray, field: FloatArray) -> DoubleArray:
    """Return each frame's noise (frames,) in any unit, from mixed second differences.

    These let little of a picture through, nor of one that does not belong here (Immerkaer 1996).
    Some lines of the picture tell enough.
    """
    inside = field[1:-1, 1:-1] > 0
    rows = np.flatnonzero(inside.any(axis=1))
    rows = rows[:: max(1, int(inside.sum()) // _MEDIAN_PIXELS)]
    if not rows.size:
        return np.ones(len(frames))
    down = frames[:, rows] - 2 * frames[:, rows + 1] + frames[:, rows + 2]
    mixed = down[..., :-2] - 2 * down[..., 1:-1] + down[..., 2:]
    noise: DoubleArray = np.median(np.abs(mixed[:, inside[rows]]), axis=1).astype(np.float64)
    return noise


def quality_of(
    sigma: DoubleArray,
    template: FloatArray,
    field: FloatArray,
    *,
    noise: DoubleArray,
    counts: BoolArray | None = None,
    kernels: Kernels,
) -> Quality:
    """Return how well frames fit whose residuals have this sigma and that have this noise.

    Frames that do not count, being of another scene, are not locked and not asked what is usual.
    """
    picture = kernels.smooth(template[None], field, RESIDUAL_SIGMA_PX)
    structure = MAD_TO_SIGMA * float(_typical(picture, field)[0])
    asked = sigma if counts is None else sigma[counts]
    usual = max(float(np.median(asked)), _LEAST_MISFIT * structure)
    residual = sigma / usual
    # A frame may be noisier than the others and yet lie where it should.
    locked = residual / np.maximum(noise, 1) <= _LOST
    if counts is not None:
        locked &= counts
    return Quality(residual=residual, locked=locked, usual=usual)


def share_weight(
    energy: FloatArray, product: FloatArray, field: FloatArray, *, kernels: Kernels
) -> FloatArray:
    """Return weights (rows, columns) for what moves with bone, against what lags.

    b(x) = 1 - sum r e / sum e^2 with e the change that the motion would make at x: 1 where a
    pixel moves as estimated, less where it lags. Bone is the uppermost peak of the histogram of b.
    `energy` and `product` (rows, columns) are the sums e^2 and r e over frames.
    """
    both = kernels.smooth(np.stack([energy, product]), field, _GAIN_SIGMA_PX)
    gain = 1 - both[1] / np.maximum(both[0], _TINY)
    inside = field > 0
    histogram, _ = np.histogram(gain[inside], bins=_GAIN_BINS, weights=energy[inside])
    smooth = gaussian_filter1d(histogram.astype(np.float64), 1.0)
    centres = (_GAIN_BINS[1:] + _GAIN_BINS[:-1]) / 2
    # Noise and static edges make peaks far off; the estimate is never that wrong about bone.
    smooth[np.abs(centres - 1) > _GAIN_FARTHEST] = 0
    peak = (smooth == maximum_filter1d(smooth, 5)) & (smooth >= _GAIN_LEAST_PEAK * smooth.max())
    peak &= smooth > 0
    if not peak.any():
        return field
    bone = float(centres[np.flatnonzero(peak)[-1]])
    near = np.exp(-0.5 * ((gain - bone) / _GAIN_WIDTH) ** 2).astype(np.float32)
    weight: FloatArray = near * field
    return weight


def _typical(frames: FloatArray, field: FloatArray) -> DoubleArray:
    """Median size (frames,) of the values in the field."""
    size: DoubleArray = np.median(np.abs(_sampled(frames, field)), axis=1).astype(np.float64)
    return size


def _sampled(frames: FloatArray, field: FloatArray) -> FloatArray:
    """Pixels of the field, (frames, pixels): enough of them for a median."""
    return frames.reshape(len(frames), -1)[:, _places(field)]


def _places(field: FloatArray) -> npt.NDArray[np.int64]:
    """Where in the flat picture the field is open, as many places as a median needs."""
    place = np.flatnonzero(field > 0)
    return place[:: max(1, place.size // _MEDIAN_PIXELS)]


def shifted_field(field: BoolArray | FloatArray, pose: DoubleArray) -> FloatArray:
    """Return (frames, rows, columns): 1 where the reference pose's pixel was open in the frame."""
    rows, columns = field.shape
    # A lost frame may have gone anywhere; farther than the picture is no different.
    shifts = np.clip(np.rint(pose[:, :2]), -max(rows, columns), max(rows, columns)).astype(int)
    reach = np.abs(shifts).max(axis=0, initial=0)
    wide = np.pad(field.astype(np.float32), [(size, size) for size in reach], mode="edge")
    shifted = np.empty((len(pose), rows, columns), dtype=np.float32)
    for out, (row, column) in zip(shifted, reach + shifts, strict=True):
        out[:] = wide[row : row + rows, column : column + columns]
    return shifted
