"""The thoracic spine: dimensions with a source, places among its bones, needles and contrast."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from napari_fluoroinject.phantom import thoracic
from napari_fluoroinject.phantom import thoracic_places as places
from napari_fluoroinject.phantom.catalogue import SPECS
from napari_fluoroinject.phantom.chest import LUNG_AT_MM, LUNG_HALF_MM, draw_chest, pleura_y
from napari_fluoroinject.phantom.patient import draw_patient, with_tip_of
from napari_fluoroinject.phantom.spine import Spine
from napari_fluoroinject.phantom.streams import stream
from napari_fluoroinject.phantom.thoracic_skeleton import WINDOW, draw_thoracic_skeleton

SEEDS = range(5)
SITES = [(level, side) for level in ("T6", "T7", "T8") for side in (1, -1)]
SCENES = ("esi_il_thoracic", "esi_tf_thoracic")


@cache
def spine_of(seed):
    return Spine(draw_thoracic_skeleton(np.random.default_rng(seed)))


def depth_mm(spine, points):
    """Distance of points (n, 3) from the nearest bone, negative inside."""
    best = np.full(len(points), np.inf)
    for bone in spine.skeleton.bones:
        x, y, z = ((points - bone.origin) @ bone.turn).astype(np.float32).T
        solid = np.min([one.distance(x, y, z) for one in bone.solids], axis=0)
        for hole in bone.holes:
            solid = np.maximum(solid, -hole.distance(x, y, z))
        best = np.minimum(best, solid)
    return best


@pytest.mark.parametrize(
    ("name", "level", "mean_mm", "sigma_mm"),
    [
        ("pedicle_width", "T1", 9.3, 1.0),
        ("pedicle_width", "T4", 4.5, 0.9),
        ("pedicle_width", "T12", 8.3, 1.8),
        ("height_front", "T2", 16.9, 1.6),
        ("height_front", "T9", 18.8, 1.5),
        ("height_back", "T9", 20.5, 3.1),
    ],
)
def test_dimensions_lie_where_dry_bones_and_scans_have_them(name, level, mean_mm, sigma_mm):
    random, index = np.random.default_rng(1), thoracic.LEVELS.index(level)
    drawn = [getattr(thoracic.draw_vertebra(index, 1.0, random), name) for _ in range(60)]
    assert np.mean(drawn) == pytest.approx(mean_mm, abs=sigma_mm / 4)
    assert np.std(drawn) < sigma_mm


@pytest.mark.parametrize("seed", SEEDS)
def test_spinous_processes_overlap_the_next_lamina_and_facets_are_nearly_coronal(seed):
    spine = spine_of(seed)
    for level in WINDOW[:-1]:
        bone, below = spine.vertebra(level), spine.below(level)
        tip = spine.world(level, (bone.wall + bone.spinous_x, 0.0, bone.spinous_z))
        lower = spine.vertebra(below)
        lamina = spine.world(below, (lower.wall - lower.canal_depth, 0.0, lower.arch_top))
        assert level == "T11" or tip[2] < lamina[2]
        dorsal, lateral, _ = thoracic.facet_normal(lower, 1.0)
        assert dorsal < -0.85
        assert 0.15 < lateral < 0.45


@pytest.mark.parametrize("seed", SEEDS)
def test_the_column_is_convex_dorsally(seed):
    spine = spine_of(seed)
    first, middle, last = (spine.skeleton.bone(name).origin for name in ("T3", "T7", "T12"))
    assert first[2] > 60
    assert last[2] < -90
    share = (middle[2] - first[2]) / (last[2] - first[2])
    assert middle[0] < first[0] + share * (last[0] - first[0]) - 5.0


@pytest.mark.parametrize(("level", "side"), SITES)
@pytest.mark.parametrize("seed", SEEDS)
def test_joints_and_foramina_are_free_of_bone_and_their_borders_are_near(level, side, seed):
    spine = spine_of(seed)
    joint = places.facet_joint(spine, level, side)
    assert joint.axes @ joint.axes.T == pytest.approx(np.eye(3), abs=1e-9)
    foramen = places.foramen_middle(spine, level, side)
    gap, room = depth_mm(spine, np.stack([joint.centre_mm, foramen]))
    assert 0.0 < gap < 2.0
    assert 1.0 < room < 6.0
    assert joint.centre_mm[0] < foramen[0] - 4.0


@pytest.mark.parametrize(("level", "side"), SITES)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_corner_of_a_transverse_process_lies_on_its_bone_behind_the_pleura(level, side, seed):
    spine = spine_of(seed)
    corner, bone = places.transverse_corner(spine, level, side), spine.vertebra(level)
    assert abs(float(depth_mm(spine, corner[None])[0])) < 2.5
    middle = spine.world(level, (bone.wall, 0.0, 0.0))
    assert (corner[1] - middle[1]) * side > bone.pedicle_outer + 8.0
    assert corner[0] < middle[0] - 15.0
    assert (corner[1] - middle[1]) * side < pleura_y(float(corner[0]), float(corner[2]))


@pytest.mark.parametrize(("level", "side"), SITES)
def test_the_pleura_lies_on_the_lung_beside_the_bones(level, side):
    points = places.pleura(spine_of(0), level, side)
    own = (points - np.array([LUNG_AT_MM[0], side * LUNG_AT_MM[1], LUNG_AT_MM[2]])) / LUNG_HALF_MM
    assert np.hypot(np.hypot(*own.T[:2]), own[:, 2]) == pytest.approx(1.0, abs=1e-9)
    assert np.all(points[:, 1] * side > 15.0)


def test_lungs_are_of_air_and_the_heart_gives_back_what_they_took():
    trunk = draw_chest(np.random.default_rng(0))
    lungs, heart = trunk.hollows[:2], trunk.hollows[2:]
    assert all(0.2 < lung.filled < 0.4 for lung in lungs)
    assert all(lungs[0].filled + part.filled == pytest.approx(2.0) for part in heart)


@pytest.mark.parametrize("key", SCENES)
@pytest.mark.parametrize("seed", range(6))
def test_the_needle_finds_its_way_between_the_bones(key, seed):
    patient = draw_patient(key, SPECS[key], seed)
    along = np.linspace(0.0, 70.0, 141)[:, None]
    way = depth_mm(patient.spine, patient.site.tip_mm + along * patient.site.approach)
    # as a needle that touches bone on its way and slips past
    assert way.min() > -1.5
    assert way[0] > -1.0


@pytest.mark.parametrize("key", SCENES)
@pytest.mark.parametrize("seed", range(6))
def test_intended_contrast_begins_at_the_tip_in_the_canal_or_its_foramen(key, seed):
    patient = draw_patient(key, SPECS[key], seed)
    site, spine = patient.site, patient.spine
    film = SPECS[key].film(site, spine, stream(seed, "flow", key))
    points = film.points_mm[film.cells]
    assert np.linalg.norm(points - site.tip_mm, axis=1).min() < 4.0
    behind = spine.wall_x(points[:, 2]) - points[:, 0]
    inside = np.abs(points[:, 1] - spine.midline_y(points[:, 2])) < 7.0
    held = (behind > 0) & (behind < spine.canal_depth(points[:, 2]))
    assert np.all(held | ~inside)


@pytest.mark.parametrize("seed", range(6))
def test_contrast_on_the_pleura_is_a_thin_sheet_about_a_tip_that_stands_there(seed):
    key = "esi_tf_thoracic"
    patient = draw_patient(key, SPECS[key], seed)
    twin = SPECS[key].twins["pleural_visceral"]
    site = with_tip_of(twin, patient, stream(seed, "pose", key))
    film = twin.film(site, patient.spine, stream(seed, "flow", key))
    points = film.points_mm[film.cells]
    own = points - np.array([LUNG_AT_MM[0], site.side * LUNG_AT_MM[1], LUNG_AT_MM[2]])
    assert np.linalg.norm(own / LUNG_HALF_MM, axis=1) == pytest.approx(1.0, abs=1e-6)
    assert np.linalg.norm(points - site.tip_mm, axis=1).min() < 1.0
    assert np.all(points[:, 1] * site.side > 15.0)
    assert film.gap_mm.max() < 1.0
    steps = np.linalg.norm(np.diff(film.points_mm, axis=1), axis=-1)
    assert np.median(steps) == pytest.approx(film.cell_mm, rel=0.15)
