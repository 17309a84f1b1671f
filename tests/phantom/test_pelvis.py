"""The pelvis beside the lumbar spine, and what leaves a torn sacroiliac joint."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fluoroinject.phantom.catalogue import SPECS
from napari_fluoroinject.phantom.lumbar_skeleton import draw_lumbar_skeleton
from napari_fluoroinject.phantom.patient import draw_patient
from napari_fluoroinject.phantom.sacral_skeleton import draw_sacral_skeleton
from napari_fluoroinject.phantom.scenes.sacral_landmarks import below_joint
from napari_fluoroinject.phantom.streams import stream

SEEDS = range(5000, 5004)


def blade_mm(skeleton, side):
    """Points within the iliac bone of a side, in a box about the sacrum (n, 3)."""
    origin = skeleton.bone("S1").origin
    ends = (np.arange(-60.0, 61.0, 4.0), side * np.arange(10.0, 140.0, 4.0), (5.0, 25.0))
    points = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3) + origin
    bones = [bone for bone in skeleton.bones if bone.name == "ilium"]
    (bone,) = [one for one in bones if np.sign(_middle(one)[1] - origin[1]) == side]
    own = ((points - bone.origin) @ bone.turn).astype(np.float32)
    inside = np.min([solid.distance(*own.T) for solid in bone.solids], axis=0) < 0
    return points[inside] - origin


def _middle(bone):
    return bone.origin + bone.turn @ np.asarray(bone.solids[0].centre)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("draw", [draw_lumbar_skeleton, draw_sacral_skeleton])
def test_the_iliac_wing_stands_medially_behind_and_laterally_in_front(draw, side):
    for seed in SEEDS:
        ventral, lateral, _ = blade_mm(draw(stream(seed, "anatomy")), side).T
        lateral = side * lateral
        assert np.corrcoef(ventral, lateral)[0, 1] > 0.5
        assert lateral[ventral < -20].mean() + 20 < lateral[ventral > 20].mean()


@pytest.mark.parametrize("seed", SEEDS)
def test_what_leaves_a_torn_sacroiliac_joint_begins_at_its_lower_end(seed):
    spec = SPECS["si_joint_ia"]
    patient = draw_patient("si_joint_ia", spec, seed)
    film = spec.twins["rupture"].film(patient.site, patient.spine, stream(seed, "film"))
    muscle = below_joint(patient.spine, patient.site.side)
    points = film.points_mm[film.gap_mm > 0]
    along = (points - muscle.centre_mm) @ muscle.axes[0] / muscle.half_mm[0]
    assert along.min() < -1.1  # nearer to the joint than the muscle that is marked
    source = np.average(film.points_mm.reshape(-1, 3), axis=0, weights=film.source.ravel())
    assert (source - muscle.centre_mm) @ muscle.axes[0] < -0.8 * muscle.half_mm[0]
    assert np.mean(along > -1.0) > 0.6
