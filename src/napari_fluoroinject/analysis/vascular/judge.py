"""How likely a path is a run-off, whatever the strength of the contrast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.vascular.traits import AMPLITUDES, TRAITS

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.vascular.forest import Forest
    from napari_fluoroinject.model.arrays import FloatArray

DILUTIONS = (1.0, 2.0, 4.0)
"""A run-off is one, too, with contrast that many times as strong."""
_AMPLITUDES = np.isin(TRAITS, AMPLITUDES)


def judge(forest: Forest, vector: FloatArray) -> float:
    """Judge a path by the forest, as it is and as it would be with weaker contrast.

    Opacity is proportional to the contrast's strength, and so is every trait that measures it. A
    run-off that is denser than those that the forest was grown on is thus judged as one of them.

    Parameters
    ----------
    forest
        What judges.
    vector
        (traits,).

    Returns
    -------
    float
        The highest, 0 to 1.
    """
    return max(
        forest.judge(np.where(_AMPLITUDES, vector / np.float32(dilution), vector))
        for dilution in DILUTIONS
    )
