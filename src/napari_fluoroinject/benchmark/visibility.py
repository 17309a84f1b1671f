"""How well a run-off could be seen at all: by an observer who knows it beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.robust import MAD_TO_SIGMA

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import FloatArray
    from napari_fluoroinject.phantom import Phantom

BLOCK_PX = 2
"""Noise of neighbours is correlated: signal and noise are those of blocks of so many pixels."""
_VASCULAR = 2


def matched_snr(phantom: Phantom) -> float | None:
    """Signal over noise of the matched filter for the loop's run-off; None where there is none.

    Its true opacity in every frame, as scatter leaves it, over the noise that the frames show.
    What an observer who knows every pixel and time of it could use: nobody sees one below about
    5, and one who has to search needs far more. Film under a vessel counts, too, so that it is
    an upper bound where they mix.

    Parameters
    ----------
    phantom
        The loop and its truth.
    """
    truth = phantom.truth
    vessels = _blocks((truth.labels == _VASCULAR).astype(np.float32)) > 0
    open_ = _blocks(truth.open_field.astype(np.float32)) >= 1
    seen = vessels & open_
    if not (truth.labels == _VASCULAR).any():
        return None
    frames = phantom.loop.intensity.ln(phantom.loop.frames.every())
    ln = np.stack([_blocks(frame)[seen] for frame in frames])
    noise = MAD_TO_SIGMA / 2**0.5 * np.median(np.abs(np.diff(ln, axis=0)), axis=0)
    od = np.stack([_blocks(np.asarray(frame, np.float32))[seen] for frame in truth.od])
    signal = od / (1.0 + truth.scatter_to_primary)
    return float(np.sqrt(np.square(signal / np.maximum(noise, 1e-6)).sum()))


def _blocks(picture: FloatArray) -> FloatArray:
    rows, columns = (side // BLOCK_PX for side in picture.shape)
    whole = picture[: rows * BLOCK_PX, : columns * BLOCK_PX]
    means: FloatArray = whole.reshape(rows, BLOCK_PX, columns, BLOCK_PX).mean(axis=(1, 3))
    return means
