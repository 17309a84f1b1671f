"""Stimulator leads instead of needles. The anatomy is lumbar throughout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom.scenery import Aim, Landmark, SceneSpec, Twin
from napari_fluoroinject.phantom.scenes import common
from napari_fluoroinject.phantom.scenes import lumbar_landmarks as marks

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.spine import Spine

FOLLOW_UPS = ("follow_up", "migrated")
"""Twins that show the patient of the twin `none` on another day, under another angle."""


def _aim_dorsal_canal(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """Dorsal in the canal beside the midline: where the middle of a lead lies."""
    bone = spine.vertebra(level)
    own = (bone.wall - bone.canal_depth + 1.8, side * random.uniform(0.0, 3.0), 0.0)
    z = np.array([0.0, 0.0, random.uniform(-12.0, 12.0)])
    return Aim(target_mm=spine.world(level, own) + z, approach=common.direction(0.0, -45.0))


def _aim_foramen(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """Below the pedicle, dorsal in the foramen."""
    bone = spine.vertebra(level)
    z = bone.pedicle_z - bone.pedicle_height / 2 - random.uniform(3.0, 6.0)
    own = (bone.wall - 6.0, side * bone.pedicle_y, z)
    return Aim(target_mm=spine.world(level, own), approach=common.direction(0.0, -45.0))


def _dorsal_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:  # noqa: ARG001 - as every drawer of landmarks
    return {
        "ventral_interlaminar_line": marks.ventral_interlaminar_line(spine, ("CLO",)),
        "canal_middle": marks.canal_middle(spine, ("LAT",)),
        "midline": common.midline(spine, ("AP",)),
        "end_plates": marks.end_plates(spine, ("AP", "CLO", "LAT")),
    }


def _foraminal_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    return {
        "lateral_pedicle_line": marks.pedicle_line(spine, side, ("AP",), of="outer"),
        "canal_middle": marks.canal_middle(spine, ("LAT",)),
        "pedicle": marks.pedicle_area(spine, level, side, ("AP",)),
        "midline": common.midline(spine, ("AP",)),
        "end_plates": marks.end_plates(spine, ("AP", "CLO", "LAT")),
    }


_VIEWS = {
    "AP": ((-4.0, 4.0), (-6.0, 6.0)),
    "LAT": ((88.0, 92.0), (-2.0, 2.0)),
    "CLO": ((-56.0, -46.0), (-3.0, 3.0)),
}
_TWINS = {name: Twin() for name in ("none", *FOLLOW_UPS, "two_leads")}

SCENES = {
    "scs_lead": SceneSpec(
        views=_VIEWS,
        levels=("L1", "L2"),
        aim=_aim_dorsal_canal,
        landmarks=_dorsal_landmarks,
        twins=_TWINS,
        device="lead",
    ),
    "drg_lead": SceneSpec(
        views=_VIEWS,
        levels=("L1", "L2", "L3"),
        aim=_aim_foramen,
        landmarks=_foraminal_landmarks,
        twins=_TWINS,
        device="lead",
    ),
}
