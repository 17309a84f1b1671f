"""The cervical region: its bones stand as those of a neck do."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from napari_fluoroinject.errors import PhantomError
from napari_fluoroinject.phantom import cervical_places as places
from napari_fluoroinject.phantom.beam import Stand, aim
from napari_fluoroinject.phantom.cervical import LEVELS
from napari_fluoroinject.phantom.radiograph import bone_mineral
from napari_fluoroinject.phantom.regions import REGIONS
from napari_fluoroinject.phantom.spine import Spine

SEEDS = range(5)


def neck(seed: int) -> Spine:
    return Spine(REGIONS["cervical"].skeleton(np.random.default_rng(seed)))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_neck_is_lordotic_and_its_levels_are_16_to_24_mm_apart(seed: int) -> None:
    spine = neck(seed)
    assert spine.levels == LEVELS
    middles = [spine.world(level, (0.0, 0.0, 0.0)) for level in LEVELS]
    steps = [float(np.linalg.norm(a - b)) for a, b in pairwise(middles)]
    assert all(14.0 < step < 24.0 for step in steps)
    up = {level: spine.skeleton.bone(level).turn[:, 2] for level in ("C3", "C7")}
    lordosis = np.degrees(np.arctan2(up["C7"][0], up["C7"][2]))
    lordosis -= np.degrees(np.arctan2(up["C3"][0], up["C3"][2]))
    assert 10.0 < lordosis < 30.0


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("seed", SEEDS)
def test_facet_joints_lie_between_pillars_and_slope_from_front_top_to_back_bottom(
    seed: int, side: int
) -> None:
    spine = neck(seed)
    for level in LEVELS[:-1]:
        joint = places.facet_joint(spine, level, side)
        assert joint.axes @ joint.axes.T == pytest.approx(np.eye(3), abs=1e-9)
        assert joint.axes[1][0] > 0.3
        assert joint.axes[1][2] > 0.3
        above, below = (
            places.pillar_centre(spine, name, side) for name in (level, spine.below(level))
        )
        assert (above - joint.centre_mm) @ joint.axes[2] > 0
        assert (below - joint.centre_mm) @ joint.axes[2] < 0
        assert side * (joint.centre_mm[1] - float(spine.midline_y(joint.centre_mm[2]))) > 12.0


@pytest.mark.parametrize("seed", SEEDS)
def test_foramina_lie_beside_the_canal_and_before_the_pillars(seed: int) -> None:
    spine = neck(seed)
    for level in LEVELS[:-1]:
        foramen = places.foramen_corners(spine, level, 1)
        pillar = places.pillar_centre(spine, spine.below(level), 1)
        assert foramen[:, 0].mean() > pillar[0]
        off = foramen[:, 1] - spine.midline_y(foramen[:, 2])
        assert np.all((off > 8.0) & (off < 20.0))
        assert 6.0 < np.ptp(foramen[:, 2]) < 15.0


def test_rays_pass_the_transverse_foramen_and_the_canal_unhindered() -> None:
    spine = neck(1)
    bone = next(b for b in spine.skeleton.bones if b.name == "C5")
    for hole in bone.holes:
        x, y, z = (np.array([v], np.float32) for v in hole.centre)
        assert hole.distance(x, y, z)[0] < -2.0


def test_a_lumbar_spine_has_no_cervical_places() -> None:
    lumbar = Spine(REGIONS["lumbar"].skeleton(np.random.default_rng(0)))
    with pytest.raises(PhantomError, match="L3 is no cervical vertebra"):
        places.pillar_centre(lumbar, "L3", 1)


def test_the_pillar_is_bone_and_the_joint_beside_it_is_a_gap() -> None:
    spine = neck(2)
    centre = places.pillar_centre(spine, "C5", 1)
    beam = aim(
        Stand(sid_mm=1000.0, sod_mm=700.0, pitch_mm=0.41, size=64, oblique_deg=90.0, tilt_deg=0.0),
        centre,
    )
    picture = bone_mineral(spine.skeleton, beam, pixels=np.arange(64.0))
    joint = beam.project(places.facet_joint(spine, "C5", 1).centre_mm)
    middle = beam.project(centre)
    bone, gap = (picture[round(p[0]), round(p[1])] for p in (middle, joint))
    assert bone > 1.0
    assert gap < bone
