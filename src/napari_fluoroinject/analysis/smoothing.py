"""A track freed of its noise without blurring a twitch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from napari_fluoroinject.model.arrays import DoubleArray

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
_ASIDE = 0.03
"""Price of a frame's distance from the middle of its window."""
_LEAST_TAKEN = 0.1
_MAD_TO_SIGMA = 1.4826


def smooth_track(track: DoubleArray, relative_noise: DoubleArray) -> tuple[DoubleArray, float]:
    """Return the smoothed track and the 1-sigma noise left in its first two columns.

    Around each frame a polynomial is fitted (Savitzky and Golay 1964), noisier frames counting
    less. Of all windows that hold the frame, the one is taken that leaves the least noise and that
    all its frames fit: a jump ends a window instead of being blurred.

    Parameters
    ----------
    track
        (frames, unknowns); the first two columns are the shift in pixels.
    relative_noise
        (frames,) noise of each frame's estimate in any unit.
    """
    count = len(track)
    if count < _WINDOWS[1][0]:
        return track, float("inf")
    relative_noise = relative_noise / np.median(relative_noise)
    sigma = _noise(track, relative_noise)
    hat = _hat(track, relative_noise, _MISFIT_SIGMAS * sigma, _WINDOWS)
    left = np.sqrt((hat**2 * relative_noise**2).sum(axis=1))
    return hat @ track, float(np.sqrt((sigma**2).mean()) * np.median(left))


def _noise(track: DoubleArray, relative_noise: DoubleArray) -> DoubleArray:
    """Noise of a frame of ordinary quality, (2,), from what a smoother takes away.

    In a short loop a jump lies in most of the long windows and would pass for noise. The short
    ones, most of which keep clear of it, tell how much noise there can be.
    """
    usual, least = (
        _taken(track, relative_noise, windows) for windows in (_WINDOWS, _SHORT_WINDOWS)
    )
    noise: DoubleArray = np.minimum(usual, _MOST_ABOVE_SHORT * least)
    return np.maximum(noise, 1e-9)


def _taken(track: DoubleArray, relative_noise: DoubleArray, windows: Windows) -> DoubleArray:
    """Robust sigma (2,) of what windows take away that refuse no frame."""
    hat = _hat(track, relative_noise, np.full(2, np.inf), windows)
    taken = np.sqrt(((np.eye(len(track)) - hat) ** 2 * relative_noise**2).sum(axis=1))
    rough = (track - hat @ track)[:, :2] / np.maximum(taken, _LEAST_TAKEN)[:, None]
    sigma: DoubleArray = _MAD_TO_SIGMA * np.median(np.abs(rough), axis=0)
    return sigma


def _hat(
    track: DoubleArray, relative_noise: DoubleArray, limit_px: DoubleArray, windows: Windows
) -> DoubleArray:
    """Matrix (frames, frames) that smooths the track; `limit_px` (2,) bounds the misfit."""
    count = len(track)
    hat = np.eye(count)
    least = relative_noise.copy()
    for near, rows in _fits(count, relative_noise, windows):
        misfit = np.abs(track[near, :2] - (rows @ track[near])[:, :2])
        fits = bool((misfit <= limit_px * relative_noise[near, None]).all())
        left = np.sqrt((rows**2 * relative_noise[near] ** 2).sum(axis=1))
        # A window that reaches equally far on both sides has no cubic error.
        price = left * (1 + _ASIDE * np.abs(near - near.mean()))
        better = near[(price < least[near]) & fits]
        least[better] = price[better - near[0]]
        hat[better] = 0
        hat[np.ix_(better, near)] = rows[better - near[0]]
    return hat


def _fits(
    count: int, relative_noise: DoubleArray, windows: Windows
) -> Iterator[tuple[Frames, DoubleArray]]:
    """Every window with the matrix that takes its frames to their polynomial."""
    for length, degree in windows:
        for begin in range(count - length + 1):
            near = np.arange(begin, begin + length)
            powers = (near - near.mean())[:, None] ** np.arange(degree + 1)
            weight = 1 / relative_noise[near] ** 2
            normal = powers.T @ (weight[:, None] * powers)
            yield near, powers @ np.linalg.solve(normal, powers.T * weight)
