"""Where lumbar procedures take place: needles, landmarks and contrast against the bones."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from napari_fluoroinject.analysis.measures.lines import signed_distance_px
from napari_fluoroinject.phantom import lumbar
from napari_fluoroinject.phantom.beam import Stand, aim
from napari_fluoroinject.phantom.catalogue import SPECS
from napari_fluoroinject.phantom.film import fill
from napari_fluoroinject.phantom.injection import draw_injection
from napari_fluoroinject.phantom.marking import marks_in
from napari_fluoroinject.phantom.patient import draw_patient, with_tip_of
from napari_fluoroinject.phantom.scenes.lumbar_landmarks import grazed
from napari_fluoroinject.phantom.spaces import facet_joint
from napari_fluoroinject.phantom.streams import stream

SEEDS = range(6)


@cache
def patient_of(key, seed):
    return draw_patient(key, SPECS[key], seed)


def seen(key, seed, *, oblique_deg, twin="none"):
    """Beam towards the site, oblique positive to the needle's side, and the site of a twin."""
    patient = patient_of(key, seed)
    stand = Stand(
        sid_mm=1000.0,
        sod_mm=700.0,
        pitch_mm=0.41,
        size=512,
        oblique_deg=patient.site.side * oblique_deg,
        tilt_deg=0.0,
    )
    site = with_tip_of(SPECS[key].twins[twin], patient, stream(seed, "pose", key, twin))
    return aim(stand, patient.site.target_mm), site


def film_of(key, seed, twin="none"):
    patient = patient_of(key, seed)
    about = SPECS[key].twins[twin]
    site = with_tip_of(about, patient, stream(seed, "pose", key, twin))
    draw = about.film or SPECS[key].film
    return draw(site, patient.spine, stream(seed, "flow", key))


def filled_mm(key, seed, twin="none"):
    """Where contrast stands after three seconds, millimetres."""
    film = film_of(key, seed, twin)
    injection = draw_injection(SPECS[key], 0.0, stream(seed, "flow", key))
    mass = fill(film, np.linspace(0.0, 3.0, 4), injection).mass_mg[-1]
    return film.points_mm[film.cells][mass > 0.1 * mass.max()]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_beam_at_45_degrees_grazes_the_canal_where_the_interlaminar_line_is_marked(seed):
    bone = patient_of("esi_il_lumbar", seed).spine.vertebra("L3")
    x, lateral = grazed(bone)
    canal = lumbar.canal(bone)
    along = np.linspace(-30.0, 30.0, 601)
    for ventral_mm, open_ in ((-0.5, False), (0.5, True)):
        # a ray of the contralateral oblique view: ventral and lateral together
        ray_x, ray_y = x + along + ventral_mm * np.sqrt(2), lateral + along
        inside = canal.distance(*(np.float32(v) for v in (ray_x, ray_y, 0 * along))) < 0
        assert bool(inside.any()) is open_


@pytest.mark.parametrize("seed", SEEDS)
def test_a_needle_in_the_dorsal_epidural_space_shows_at_the_interlaminar_line(seed):
    beam, site = seen("esi_il_lumbar", seed, oblique_deg=-45.0)
    mark = next(m for m in marks_in(site, beam, "CLO") if "interlaminar" in m.landmark)
    for point, most_mm in ((site.target_mm, 1.2), (site.tip_mm, 2.0)):
        row, column = (float(value) for value in beam.project(point))
        off = signed_distance_px((row, column), mark.points_px, mark.beyond_px) * beam.mm_per_px
        assert abs(off) < most_mm


@pytest.mark.parametrize("seed", SEEDS)
def test_an_infraneural_needle_stands_just_dorsal_of_the_annulus_at_its_height(seed):
    patient = patient_of("esi_tf_lumbar_infraneural", seed)
    site, spine = patient.site, patient.spine
    name = spine.below(site.level)
    bone = spine.vertebra(name)
    own = (site.target_mm - spine.world(name, (0.0, 0.0, 0.0))) @ spine.skeleton.bone(name).turn
    assert 1.0 <= bone.wall - own[0] <= 3.0
    assert bone.height_back / 2 < own[2] < bone.height_back / 2 + 6.0
    assert abs(abs(own[1]) - bone.pedicle_inner) < 2.5


@pytest.mark.parametrize("seed", SEEDS)
def test_an_arthrogram_stays_in_its_joint_and_a_blob_beside_it_does_not(seed):
    patient = patient_of("facet_ia_lumbar", seed)
    joint = facet_joint(patient.spine, patient.site.level, patient.site.side)
    shares = []
    for twin in ("none", "periarticular"):
        points = filled_mm("facet_ia_lumbar", seed, twin)
        own = np.abs((points - joint.centre_mm) @ joint.axes.T) <= joint.half_mm
        shares.append(own.all(axis=1).mean())
    assert shares[0] > 0.85
    assert shares[1] < 0.3


@pytest.mark.parametrize("seed", SEEDS)
def test_an_electrode_lies_along_its_planned_way(seed):
    site = patient_of("rfa_lumbar", seed).site
    skin, target = site.landmarks["planned_trajectory"].points_mm
    way = (skin - target) / np.linalg.norm(skin - target)
    assert np.degrees(np.arccos(way @ site.approach)) < 6.0
    assert np.linalg.norm(target - site.target_mm) < 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_contrast_of_a_sympathetic_block_lies_before_the_bodies_within_their_outline(seed):
    patient = patient_of("lsb", seed)
    site, spine = patient.site, patient.spine
    points = filled_mm("lsb", seed)
    bone = spine.vertebra(site.level)
    frame = spine.skeleton.bone(site.level)
    own = (points - frame.origin) @ frame.turn
    here = own[np.abs(own[:, 2]) < bone.height_back / 2]
    assert np.all(site.side * here[:, 1] < bone.width_top / 2 + 2.0)
    assert np.median(here[:, 0]) > 0.6 * bone.depth / 2
    assert np.ptp(points[:, 2]) > 15.0
    assert np.linalg.norm(points - site.tip_mm, axis=1).min() < 3.0


@pytest.mark.parametrize("seed", SEEDS)
def test_contrast_in_the_psoas_lies_in_what_is_marked_as_psoas(seed):
    patient = patient_of("lsb", seed)
    points = filled_mm("lsb", seed, "intramuscular")
    area = patient.site.landmarks["psoas"].points_mm
    lateral = patient.site.side * points[:, 1]
    low, high = np.sort(patient.site.side * area[:, 1])[[0, -1]]
    assert np.mean((lateral > low) & (lateral < high)) > 0.9


@pytest.mark.parametrize("seed", SEEDS)
def test_contrast_that_enters_the_foramen_lies_in_what_is_marked_as_foramen(seed):
    beam, site = seen("mbb_lumbar", seed, oblique_deg=90.0, twin="into_foramen")
    corners = beam.project(site.landmarks["foramen"].points_mm)
    pixels = beam.project(filled_mm("mbb_lumbar", seed, "into_foramen"))
    inside = (pixels > corners.min(axis=0)) & (pixels < corners.max(axis=0))
    assert inside.all(axis=1).mean() > 0.8
