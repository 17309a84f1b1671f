"""The sacrum of the phantom: its dimensions, its canal, its joints, and what lies in them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from napari_fluoroinject.errors import PhantomError
from napari_fluoroinject.phantom.catalogue import SPECS
from napari_fluoroinject.phantom.lumbar_skeleton import draw_lumbar_skeleton
from napari_fluoroinject.phantom.patient import draw_patient
from napari_fluoroinject.phantom.sacral_skeleton import draw_sacral_skeleton
from napari_fluoroinject.phantom.solids import smooth_min
from napari_fluoroinject.phantom.spine import Spine
from napari_fluoroinject.phantom.streams import stream

SEEDS = range(6)
SIDES = (1, -1)


@cache
def skeleton_of(seed):
    return draw_sacral_skeleton(stream(seed, "anatomy"))


def outside_mm(bone, point_mm):
    """How far a point of the patient lies outside a bone, below 0 inside."""
    own = (np.asarray(point_mm) - bone.origin) @ bone.turn
    at = [np.array([value], np.float32) for value in own]
    distance = bone.solids[0].distance(*at)
    for solid in bone.solids[1:]:
        distance = smooth_min(distance, solid.distance(*at), np.float32(2.5))
    for hole in bone.holes:
        distance = np.maximum(distance, -hole.distance(*at))
    return float(distance[0])


@pytest.mark.parametrize("seed", SEEDS)
def test_the_lumbar_spine_of_a_seed_is_the_same_with_either_sacrum(seed):
    simple = draw_lumbar_skeleton(stream(seed, "anatomy"))
    for name in ("T12", "L1", "L5", "S1"):
        np.testing.assert_array_equal(
            simple.bone(name).origin, skeleton_of(seed).bone(name).origin
        )
    with pytest.raises(PhantomError, match="sacral region"):
        _ = Spine(simple).sacrum


def test_heights_and_foramina_have_the_sizes_that_were_published():
    heights, apart = [], []
    for seed in range(30):
        sacrum = skeleton_of(seed).sacrum
        top = sacrum.upper_border("S1", -1.0)
        last = sacrum.segments["S5"]
        foot = sacrum.world("S5", (last.depth, 0.0, -last.height / 2))
        heights.append(np.linalg.norm(top - foot))
        apart.append(np.linalg.norm(sacrum.foramen(2, 1) - sacrum.foramen(2, -1)))
    assert np.mean(heights) == pytest.approx(98.0, abs=9.2)  # women; 106.7 +- 10.2 in all
    assert np.mean(apart) == pytest.approx(29.8, abs=1.5)  # +- 2.7


@pytest.mark.parametrize("seed", SEEDS)
def test_the_canal_goes_on_into_the_sacrum_and_narrows_to_the_hiatus(seed):
    spine = Spine(skeleton_of(seed))
    sacrum, bone = spine.sacrum, spine.skeleton.bone("S1")
    z = [float(sacrum.world(name, (0.0, 0.0, 0.0))[2]) for name in sacrum.segments]
    assert np.all(np.diff(z) < 0)
    for name, height in zip(sacrum.segments, z, strict=True):
        wall = sacrum.world(name, (0.0, 0.0, 0.0))
        assert float(spine.wall_x(height)) == pytest.approx(wall[0], abs=1e-6)
        inside = sacrum.world(name, (-0.4 * sacrum.segments[name].canal_depth, 0.0, 0.0))
        assert outside_mm(bone, inside) > 0.5
        assert outside_mm(bone, sacrum.world(name, (2.5, 0.0, 0.0))) < 0.0
    depths = [one.canal_depth for one in sacrum.segments.values()]
    assert np.all(np.diff(depths) < 0)
    assert 3.5 < depths[-1] < 6.5
    # behind the canal there is bone above the hiatus, and none below its apex
    assert outside_mm(bone, sacrum.dorsal("S2", 2.0, above=-2.0)) < 0.0
    assert outside_mm(bone, sacrum.dorsal("S5", 0.0, above=-2.0)) > 1.0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_foramen_is_a_hole_beside_bone(seed, number):
    skeleton = skeleton_of(seed)
    sacrum, bone = skeleton.sacrum, skeleton.bone("S1")
    for side in SIDES:
        assert outside_mm(bone, sacrum.foramen(number, side)) > 1.0
        assert outside_mm(bone, sacrum.foramen(number, side, "ventral")) > 1.0
        own = sacrum.at_foramen(number, side, "dorsal") + np.array([1.5, side * 7.0, 0.0])
        assert outside_mm(bone, sacrum.place(sacrum.junction(number).out(own))) < 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_the_sacroiliac_joint_is_open_and_its_dorsal_margin_lies_medially(seed):
    skeleton = skeleton_of(seed)
    bones = [bone for bone in skeleton.bones if bone.name in ("S1", "ilium")]
    for joint in skeleton.joints:
        for share in (0.3, 0.6, 0.9):
            middle = joint.limb(share, 0.0)
            assert abs(joint.limb(share, 0.9)[1]) < abs(joint.limb(share, -0.9)[1]) - 3.0
            assert all(outside_mm(b, skeleton.sacrum.place(middle)) > 0.5 for b in bones)
            for way in (-1.0, 1.0):
                beside = middle + np.array([0.0, way * 4.5, 0.0])
                closest = min(outside_mm(b, skeleton.sacrum.place(beside)) for b in bones)
                assert closest < 0.0
        assert 1.0 <= joint.gap_mm <= 3.0


@pytest.mark.parametrize("key", ["esi_caudal", "esi_tf_s1", "si_joint_ia"])
def test_targets_of_injections_lie_in_their_space_and_not_in_bone(key):
    for seed in SEEDS:
        patient = draw_patient(key, SPECS[key], seed)
        for bone in patient.skeleton.bones:
            if bone.name in ("S1", "ilium"):
                assert outside_mm(bone, patient.site.target_mm) > 0.3, seed
