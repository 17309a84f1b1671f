"""The regions of the body that there are scenes of: their bones and what surrounds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom.body import Trunk, draw_lumbar_trunk
from napari_fluoroinject.phantom.cervical_skeleton import draw_cervical_skeleton
from napari_fluoroinject.phantom.chest import draw_chest
from napari_fluoroinject.phantom.lumbar_skeleton import draw_lumbar_skeleton
from napari_fluoroinject.phantom.neck import draw_neck
from napari_fluoroinject.phantom.sacral_skeleton import draw_sacral_skeleton
from napari_fluoroinject.phantom.skeleton import Skeleton
from napari_fluoroinject.phantom.thoracic_skeleton import draw_thoracic_skeleton

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.scenery import RegionName


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """How a region is drawn, and its BodyPartExamined (PS3.16 annex L)."""

    body_part: str
    skeleton: Callable[[np.random.Generator], Skeleton]
    trunk: Callable[[np.random.Generator], Trunk]
    words: tuple[str, ...] = ()
    """What tells its random streams from those of the lumbar region."""


REGIONS: dict[RegionName, Region] = {
    "cervical": Region(
        body_part="CSPINE",
        skeleton=draw_cervical_skeleton,
        trunk=draw_neck,
        words=("cervical",),
    ),
    "thoracic": Region(
        body_part="TSPINE",
        skeleton=draw_thoracic_skeleton,
        trunk=draw_chest,
        words=("thoracic",),
    ),
    "lumbar": Region(body_part="LSPINE", skeleton=draw_lumbar_skeleton, trunk=draw_lumbar_trunk),
    "sacral": Region(body_part="SSPINE", skeleton=draw_sacral_skeleton, trunk=draw_lumbar_trunk),
}
