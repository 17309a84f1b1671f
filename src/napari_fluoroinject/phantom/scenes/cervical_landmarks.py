"""Lines of the neck that several scenes mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom.scenery import Landmark
from napari_fluoroinject.phantom.scenes import common

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.phantom.spine import Spine

_BELOW = ("T2", "T3")
"""Bones below the lowest level whose dimensions are known; they are like that one."""


def end_plates(spine: Spine, views: Sequence[str]) -> Landmark:
    """The middles of the upper end plates from C3 to T3: what of them is in the picture."""
    known = common.end_plates(spine, views)
    last = spine.vertebra(spine.levels[-1])
    height = (last.height_front + last.height_back) / 4
    further = [spine.world(name, (0.0, 0.0, height)) for name in _BELOW]
    return Landmark(
        points_mm=np.array([*known.points_mm, *further]), views=tuple(views), level=known.level
    )
