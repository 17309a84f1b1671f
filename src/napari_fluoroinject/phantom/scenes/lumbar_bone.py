"""Lumbar injections and needles on bone: medial branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.phantom.compartments import pool_film
from napari_fluoroinject.phantom.misplaced import tip_off_by
from napari_fluoroinject.phantom.scenery import Aim, Landmark, SceneSpec, Twin
from napari_fluoroinject.phantom.scenes import common
from napari_fluoroinject.phantom.scenes import lumbar_landmarks as marks

if TYPE_CHECKING:
    import numpy as np

    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.spine import Spine
    from napari_fluoroinject.phantom.vessel import Course


def _aim_medial_branch(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """On bone where the superior articular process meets the transverse process."""
    lower = spine.below(level)
    bone = spine.vertebra(lower)
    own = (bone.wall - 12.5, side * (bone.pedicle_outer - 0.5), bone.pedicle_z + 4.5)
    approach = common.direction(side * random.uniform(12, 32), -random.uniform(0, 24))
    return Aim(target_mm=spine.world(lower, own), approach=approach)


def _medial_branch_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    return {"foramen": marks.foramen_area(spine, level, side, ("OBL", "LAT"))}


def _medial_branch_courses(spine: Spine, target: DoubleArray, side: int) -> tuple[Course, ...]:
    paraspinal = float(spine.wall_x(target[2])) - 18.0
    ways = (
        ((0.9, 0.5), paraspinal),
        ((0.4, -1.0), paraspinal),
        ((-0.6, 0.9), paraspinal - 8),
    )
    return common.courses(ways, target, side)


# Volumes: clinical.yaml.
SCENES = {
    "mbb_lumbar": SceneSpec(
        views={
            "AP": ((-3.0, 3.0), (-6.0, 6.0)),
            "OBL": ((15.0, 30.0), (-6.0, 6.0)),
            "LAT": ((88.0, 92.0), (-2.0, 2.0)),
        },
        levels=("L2", "L3", "L4"),
        aim=_aim_medial_branch,
        landmarks=_medial_branch_landmarks,
        courses=_medial_branch_courses,
        film=pool_film,
        volume_ml=(0.2, 0.3),
        rate_ml_s=(0.15, 0.4),
        twins={
            **common.INJECTION_TWINS,
            "tip_off_target": Twin(tip=tip_off_by(7.0, 0.0, -4.0), warnings=("tip_off_target",)),
        },
    ),
}
