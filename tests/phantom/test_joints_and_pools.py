"""Contrast in joints, on bone and beside both: where it lies and how it grows."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fluoroinject.phantom.catalogue import SPECS
from napari_fluoroinject.phantom.film import fill
from napari_fluoroinject.phantom.injection import Injection
from napari_fluoroinject.phantom.joints import burst_film, joint_space_film, recess
from napari_fluoroinject.phantom.patient import draw_patient
from napari_fluoroinject.phantom.pools import blob_film, pool_on, stripes_film
from napari_fluoroinject.phantom.spaces import facet_joint, space_along
from napari_fluoroinject.phantom.streams import stream

TIMES = np.linspace(0.0, 8.0, 33)
SEEDS = (5000, 5001, 5002)


def patient_of(seed):
    return draw_patient("mbb_lumbar", SPECS["mbb_lumbar"], seed)


def in_joint(seed):
    """A patient, the joint of the site's level, and the site with its tip in the joint."""
    patient = patient_of(seed)
    site = patient.site
    joint = facet_joint(patient.spine, site.level, site.side)
    object.__setattr__(site, "tip_mm", joint.centre_mm)
    return patient, joint, site


def drawn(draw, site, patient, seed):
    return draw(site, patient.spine, stream(seed, "flow"))


def filled(film, volume_mm3, rate_mm3_s=150.0):
    injection = Injection(
        onset_s=0.5,
        end_s=0.5 + volume_mm3 / rate_mm3_s,
        mean_mm3_s=rate_mm3_s,
        uneven=0.0,
        beat_s=1.0,
        phase=0.0,
        ramp_s=0.1,
        iodine_mg_ml=240.0,
    )
    return fill(film, TIMES, injection)


@pytest.mark.parametrize("seed", SEEDS)
def test_contrast_in_a_joint_reaches_both_recesses_and_then_no_more_shows(seed):
    patient, joint, site = in_joint(seed)
    film = drawn(joint_space_film(facet_joint), site, patient, seed)
    filling = filled(film, 900.0)
    along = (film.points_mm[film.cells] - joint.centre_mm) @ joint.axes[1]
    mass = filling.mass_mg
    for end in (-1.0, 1.0):
        far = end * along > 0.6 * joint.half_mm[1]
        share = mass[:, far].sum(axis=1) / mass[-1].sum()
        assert share[2] < 0.05
        assert share[-1] > 0.15
    held = mass.sum(axis=1)
    assert held[20] == pytest.approx(held[24], rel=0.05)
    assert filling.injected_mg[24] > 1.1 * filling.injected_mg[20]
    assert held + filling.left_mg == pytest.approx(filling.injected_mg, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_joint_holds_is_a_cleft_that_is_thinner_than_its_recesses(seed):
    patient, joint, site = in_joint(seed)
    film = drawn(joint_space_film(facet_joint), site, patient, seed)
    off = (film.points_mm - joint.centre_mm) @ joint.axes.T
    middle = (film.gap_mm > 0) & (np.abs(off[..., 1]) < 0.3 * joint.half_mm[1])
    assert film.gap_mm[middle].max() < 1.0
    assert np.all(np.abs(off[film.cells]) <= joint.half_mm + 1e-9)
    assert film.gap_mm.max() > 2.0
    volume = film.gap_mm.sum() * film.cell_mm**2
    assert 150.0 < volume < 1500.0


def test_a_burst_capsule_leaks_from_its_recess_into_muscle():
    patient, joint, site = in_joint(5003)
    draw = burst_film(facet_joint, end=-1.0, way=(-1.0, 0.3, -0.3))
    film = drawn(draw, site, patient, 5003)
    points = film.points_mm[film.cells]
    start = recess(joint, -1.0)
    assert np.linalg.norm(points - start, axis=1).min() < 2.5
    assert points[:, 0].mean() < start[0] - 4.0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("way", [(0.0, 1.0, 0.0), (-1.0, 0.0, 0.0), (-0.5, 0.7, 0.4)])
def test_a_pool_stays_on_the_bone_it_is_given_whatever_way_that_faces(seed, way):
    patient = patient_of(seed)
    facing = np.array(way) * (1, patient.site.side, 1)
    along = np.cross(facing, (0.3, 0.1, 1.0))
    bone = space_along(patient.site.target_mm, along, np.cross(facing, along), (6.0, 6.0, 6.0))
    film = drawn(pool_on(lambda *_: bone), patient.site, patient, seed)
    points, mass = film.points_mm[film.cells], filled(film, 250.0).mass_mg[20]
    off = (points - patient.site.tip_mm) @ bone.axes[2]
    assert np.abs(off).max() < 1e-6
    middle = np.average(points, axis=0, weights=mass)
    spread = np.sqrt(np.average(((points - middle) ** 2).sum(axis=1), weights=mass))
    assert 3.0 < spread < 11.0
    near = np.hypot(*((points - bone.centre_mm) @ bone.axes[:2].T).T) < 9.0
    assert mass[near].sum() > 0.6 * mass.sum()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_blob_stays_at_the_tip_and_stripes_run_along_their_muscle(seed):
    patient = patient_of(seed)
    site = patient.site
    blob = drawn(blob_film, site, patient, seed)
    assert np.linalg.norm(blob.points_mm[blob.cells] - site.tip_mm, axis=1).max() < 8.0
    stripes = drawn(stripes_film((0.0, 0.0, 1.0)), site, patient, seed)
    off = stripes.points_mm[stripes.cells] - site.tip_mm
    assert np.ptp(off[:, 2]) > 2 * np.ptp(off[:, 1])
    assert np.ptp(off[:, 0]) > 5.0
