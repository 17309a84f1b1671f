"""What is said of stored values of which nothing is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.model.cine import IntensityScale

if TYPE_CHECKING:
    import numpy.typing as npt

_LEAST = 0.5
"""A stored value of 0 is taken for half a step, so that its logarithm exists."""


def unknown_scale(dtype: npt.DTypeLike) -> IntensityScale:
    """The scale of a feed that says nothing: 8 bits were made for a screen, others are unknown.

    Neither is quantitative. Values are taken to rise with the beam.
    """
    kind = np.dtype(dtype)
    limits = np.iinfo(kind)
    stored = np.arange(limits.min, limits.max + 1, dtype=np.float64)
    return IntensityScale(
        relationship="display" if kind.itemsize == 1 else "unknown",
        ln_beam=np.log(np.maximum(stored, _LEAST)).astype(np.float32),
        first_stored=int(limits.min),
        scale_known=False,
    )
