"""Whether the table or the C-arm moved: all of the picture, farther than breathing moves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import fft, ndimage

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray

_FINE, _COARSE = 1.0, 13
"""Sigma and width in bins between which anatomy is compared."""
_BREATH = 0.055
"""Share of the picture by which breathing moves bone at most: with 200 mm it is 11 mm."""
_SURER = 0.1
"""So much more must a place beyond that be like the reference than any within."""
_LOST = 0.38
"""Likeness over the usual below which another scene is shown."""
_BEYOND_FRAMES, _LOST_FRAMES = 2, 3
_FIRST = 6
"""Exposures that make the reference."""
_LEAST_LIKE = 0.25
"""Pictures that are less like each other while nothing moves are noise: nothing can be told."""
_EDGE = 3
_CLIP_SIGMAS = 2.5
"""A needle, a lead and contrast are stronger than bone; all count alike."""


class Found(NamedTuple):
    """How like the reference a picture is within the reach of breathing, and beyond."""

    within: float
    beyond: float


class Movement:
    """Compares exposures of one area with the first of them, binned.

    Parameters
    ----------
    field
        (rows, columns) of the bins, where all pixels show the beam.
    """

    def __init__(self, field: BoolArray) -> None:
        inner = ndimage.binary_erosion(field, iterations=_EDGE)
        self._field = field.astype(np.float32)
        self._weight: FloatArray = ndimage.gaussian_filter(inner.astype(np.float32), _EDGE)
        self._weight *= inner
        self._size = [fft.next_fast_len(size + size // 2, real=True) for size in field.shape]
        self._near = self._reach(field.shape)
        self._share = self._field / max(1.0, float(self._field.sum()))
        self._weighed = np.flatnonzero(self._weight > 0)
        self._blur = np.maximum(_coarse(self._field), 1e-3)
        self._fine_blur = np.maximum(ndimage.gaussian_filter(self._field, _FINE), 1e-3)
        self.forget()

    def forget(self) -> None:
        """Begin anew: what comes next is the reference."""
        self._first: list[FloatArray] = []
        self._reference: tuple[FloatArray, float] | None = None
        self._usual: list[float] = []
        self._beyond = self._lost = 0

    def see(self, picture: FloatArray) -> bool:
        """Whether the next exposure, (rows, columns) of bins in ln, is the first of a move."""
        if not self._weight.any():
            return False
        band = self._band(picture)
        if self._reference is None:
            self._first.append(band)
            if len(self._first) == _FIRST:
                self._begin(np.mean(self._first, axis=0))
            return False
        found = self._compare(band)
        if len(self._usual) < _FIRST:
            self._usual.append(found.within)
            return False
        return self._judge(found)

    def _judge(self, found: Found) -> bool:
        usual = float(np.median(self._usual))
        if usual < _LEAST_LIKE:
            return False
        beyond = found.beyond > found.within + _SURER * usual and found.beyond > _LOST * usual
        self._beyond = self._beyond + 1 if beyond else 0
        self._lost = self._lost + 1 if found.within < _LOST * usual else 0
        if self._beyond < _BEYOND_FRAMES and self._lost < _LOST_FRAMES:
            return False
        self.forget()
        return True

    def _begin(self, band: FloatArray) -> None:
        weighted = band * self._weight
        power = float(np.sqrt(np.square(weighted).sum()))
        if power > 0:
            turned = np.conj(fft.rfft2(weighted / np.float32(power), self._size))
            self._reference = turned, power
        self._first.clear()

    def _compare(self, band: FloatArray) -> Found:
        assert self._reference is not None  # noqa: S101 - `see` made it
        weighted = band * self._weight
        power = float(np.sqrt(np.square(weighted).sum())) or 1.0
        product = fft.rfft2(weighted, self._size) * self._reference[0]
        likeness = fft.irfft2(product, self._size) / power
        within = float(likeness[self._near].max())
        likeness[self._near] = -1.0
        return Found(within, float(likeness.max()))

    def _band(self, picture: FloatArray) -> FloatArray:
        """Anatomy between two scales, of the field alone."""
        own = (picture - np.vdot(picture, self._share)) * self._field
        band: FloatArray = ndimage.gaussian_filter(own, _FINE) / self._fine_blur
        band -= _coarse(own) / self._blur
        band *= self._field
        limit = _CLIP_SIGMAS * float(np.median(np.abs(band.take(self._weighed))))
        return np.clip(band, -limit, limit, out=band)

    def _reach(self, shape: tuple[int, ...]) -> BoolArray:
        """Shifts that breathing makes, among those that are compared."""
        most = _BREATH * max(shape)
        down, across = (np.minimum(np.arange(size), size - np.arange(size)) for size in self._size)
        near: BoolArray = np.hypot(down[:, None], across[None, :]) <= most
        return near


def _coarse(picture: FloatArray) -> FloatArray:
    """Means of means, as a Gaussian of five bins, in a third of its time."""
    once = ndimage.uniform_filter(picture, _COARSE)
    coarse: FloatArray = ndimage.uniform_filter(once, _COARSE)
    return coarse
