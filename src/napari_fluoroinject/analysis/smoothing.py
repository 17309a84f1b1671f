"""A track freed of its noise without blurring a twitch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.robust import MAD_TO_SIGMA
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Frames = npt.NDArray[np.int64]
    Windows = tuple[tuple[int, int], ...]

_WINDOWS = ((7, 2), (5, 2), (3, 1), (1, 0))
"""Frames and degree of the local polynomials: 0.47 s at 15 frames a second and shorter."""
_SHORT_WINDOWS = ((3, 1),)
_MOST_ABOVE_SHORT = 1.5
"""So much less noise short windows show at most where neighbours' noise is alike: on synthetic
loops up to 1.49, 1.1 on average."""
_MISFIT_SIGMAS = 2.7
"""A window is refused where one of its frames lies farther off than noise reaches."""
_UNSURE_WINDOWS = ((7, 1), (5, 1), (7, 0), (5, 0))
"""Stiffer than the others: they carry a path on."""
_UNHEARD = 1e4
"""Noise of a frame that has no say."""
_ASIDE = 0.03
"""Price of a frame's distance from the middle of its window."""
_LEAST_TAKEN = 0.1


def smooth_track(
    track: DoubleArray, relative_noise: DoubleArray, *, unsure: BoolArray | None = None
) -> tuple[DoubleArray, float]:
    """Return the smoothed track and the 1-sigma noise left in it, all columns pooled.

    Around each frame a polynomial is fitted (Savitzky and Golay 1964), noisier frames counting
    less. Of all windows that hold the frame, the one is taken that leaves the least noise and that
    all its frames fit: a jump ends a window instead of being blurred.

    Parameters
    ----------
    track
        (frames, unknowns), all of one unit.
    relative_noise
        (frames,) noise of each frame's estimate in any unit.
    unsure
        (frames,), True where an estimate may be anything: such a frame has no say, and where no
        window takes it, its neighbours' path is carried on through it.
    """
    count = len(track)
    if count < _WINDOWS[1][0]:
        return track, float("inf")
    relative_noise = relative_noise / np.median(relative_noise)
    sigma = _noise(track, relative_noise)
    hat = _hat(track, relative_noise, _MISFIT_SIGMAS * sigma, _WINDOWS)
    if unsure is not None:
        hat = _carried(hat, track, relative_noise, unsure, limit=_MISFIT_SIGMAS * sigma)
    left = np.sqrt((hat**2 * relative_noise**2).sum(axis=1))
    return hat @ track, float(np.sqrt((sigma**2).mean()) * np.median(left))


def _noise(track: DoubleArray, relative_noise: DoubleArray) -> DoubleArray:
    """Noise of a frame of ordinary quality, (unknowns,), from what a smoother takes away.

    In a short loop a jump lies in most of the long windows and would pass for noise. The short
    ones, most of which keep clear of it, tell how much noise there can be.
    """
    usual, least = (
        _taken(track, relative_noise, windows) for windows in (_WINDOWS, _SHORT_WINDOWS)
    )
    noise: DoubleArray = np.minimum(usual, _MOST_ABOVE_SHORT * least)
    return np.maximum(noise, 1e-9)


def _taken(track: DoubleArray, relative_noise: DoubleArray, windows: Windows) -> DoubleArray:
    """Robust sigma (unknowns,) of what windows take away that refuse no frame."""
    hat = _hat(track, relative_noise, np.full(track.shape[1], np.inf), windows)
    taken = np.sqrt(((np.eye(len(track)) - hat) ** 2 * relative_noise**2).sum(axis=1))
    rough = (track - hat @ track) / np.maximum(taken, _LEAST_TAKEN)[:, None]
    sigma: DoubleArray = MAD_TO_SIGMA * np.median(np.abs(rough), axis=0)
    return sigma


def _hat(
    track: DoubleArray, relative_noise: DoubleArray, limit: DoubleArray, windows: Windows
) -> DoubleArray:
    """Matrix (frames, frames) that smooths the track; `limit` (unknowns,) bounds the misfit."""
    chosen = _Chosen(hat=np.eye(len(track)), least=relative_noise.copy())
    for fitted in _fitting(track, relative_noise, limit, windows):
        chosen.take(fitted)
    return chosen.hat


def _carried(
    hat: DoubleArray,
    track: DoubleArray,
    relative_noise: DoubleArray,
    unsure: BoolArray,
    *,
    limit: DoubleArray,
) -> DoubleArray:
    """The same matrix, but for unsure frames the path of the others where it is better known."""
    least = np.sqrt((hat**2 * relative_noise**2).sum(axis=1))
    chosen = _Chosen(hat=hat.copy(), least=np.where(unsure, least, -np.inf))
    unheard = np.where(unsure, _UNHEARD, relative_noise)
    for fitted in _fitting(track, unheard, limit, _UNSURE_WINDOWS):
        chosen.take(fitted)
    return chosen.hat


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Windows:
    """All windows of a length: frames and prices (windows, length), and which of them fit.

    `rows` (windows, length, length) are the matrices that take them to their polynomials.
    """

    near: Frames
    rows: DoubleArray
    price: DoubleArray
    fits: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Chosen:
    """The matrix that smooths, and the price (frames,) of the window that each frame has in it."""

    hat: DoubleArray
    least: DoubleArray

    def take(self, windows: _Windows) -> None:
        """Use windows, in place, for those of their frames for which they are better."""
        # Of equal windows the first is taken: where a frame stands last it is met first.
        for place in range(windows.near.shape[1] - 1, -1, -1):
            frames = windows.near[:, place]
            better = windows.fits & (windows.price[:, place] < self.least[frames])
            taken = frames[better]
            self.least[taken] = windows.price[better, place]
            self.hat[taken] = 0
            self.hat[taken[:, None], windows.near[better]] = windows.rows[better, place]


def _fitting(
    track: DoubleArray, relative_noise: DoubleArray, limit: DoubleArray, windows: Windows
) -> Iterator[_Windows]:
    """The windows of each length, and whether all their frames fit."""
    for near, rows in _fits(relative_noise, windows):
        misfit = np.abs(track[near] - rows @ track[near])
        left = np.sqrt((rows**2 * relative_noise[near][:, None] ** 2).sum(axis=-1))
        yield _Windows(
            near=near,
            rows=rows,
            # A window that reaches equally far on both sides has no cubic error.
            price=left * (1 + _ASIDE * np.abs(near - near.mean(axis=1, keepdims=True))),
            fits=np.all(misfit <= limit * relative_noise[near, None], axis=(1, 2)),
        )


def _fits(relative_noise: DoubleArray, windows: Windows) -> Iterator[tuple[Frames, DoubleArray]]:
    """Frames (windows, length) of all windows of a length, and what takes them to polynomials.

    That is a matrix for each window, (windows, length, length).
    """
    count = len(relative_noise)
    for length, degree in windows:
        if length > count:
            continue
        near: Frames = np.arange(count - length + 1)[:, None] + np.arange(length)
        powers = (np.arange(length) - (length - 1) / 2)[:, None] ** np.arange(degree + 1)
        weighted = powers.T / relative_noise[near][:, None] ** 2
        rows: DoubleArray = powers @ np.linalg.solve(weighted @ powers, weighted)
        yield near, rows
