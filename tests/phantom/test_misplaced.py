"""Injections that miss their space: where their contrast and their tip lie in the patient."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fluoroinject.phantom.catalogue import MISPLACED, SPECS
from napari_fluoroinject.phantom.film import fill
from napari_fluoroinject.phantom.injection import draw_injection
from napari_fluoroinject.phantom.misplaced import draw_misplaced, with_misplaced_tip
from napari_fluoroinject.phantom.patient import draw_patient
from napari_fluoroinject.phantom.spaces import disc, facet_joint
from napari_fluoroinject.phantom.streams import stream

SCENES = [(key, twin) for key, spec in SPECS.items() for twin in spec.twins if twin in MISPLACED]


def missed(key, twin, seed):
    patient = draw_patient(key, SPECS[key], seed)
    site = with_misplaced_tip(patient.site, patient.spine, twin=twin)
    film = draw_misplaced(twin, site, patient.spine, stream(seed, "flow", key, twin))
    return patient, site, film


def box_of(twin, patient):
    site = patient.site
    if twin == "intradiscal":
        return disc(patient.spine, site.level)
    return facet_joint(patient.spine, site.level, site.side)


@pytest.mark.parametrize(("key", "twin"), SCENES)
@pytest.mark.parametrize("seed", range(4))
def test_contrast_and_tip_lie_in_the_space_that_the_twin_names(key, twin, seed):
    patient, site, film = missed(key, twin, seed)
    points = film.points_mm[film.cells]
    if twin == "intrathecal":
        spine, z = patient.spine, points[:, 2]
        ventral = spine.wall_x(z) - points[:, 0]
        assert np.all((ventral > 0) & (ventral < spine.canal_depth(z)))
        off = points[:, 1] - spine.midline_y(z)
        assert abs(float(off.mean())) < 0.1
        assert float(np.abs(off).max()) < 9.5
    else:
        space = box_of(twin, patient)
        own = np.abs((np.vstack([points, site.tip_mm]) - space.centre_mm) @ space.axes.T)
        assert np.all(own <= space.half_mm)
    away = np.linalg.norm(points - site.tip_mm, axis=1).min()
    assert away < (6.0 if twin == "intrathecal" else 1.0)


@pytest.mark.parametrize(("key", "twin"), SCENES)
def test_iodine_that_missed_is_in_its_space_or_has_left_it(key, twin):
    _, _, film = missed(key, twin, 1)
    random = stream(1, "flow", key)
    injection = draw_injection(SPECS[key], 0.5, random)
    filling = fill(film, np.linspace(0.0, 3.0, 7), injection)
    held = filling.mass_mg.sum(axis=1)
    assert held[-1] > 0
    assert held + filling.left_mg == pytest.approx(filling.injected_mg, rel=1e-3, abs=1e-3)


def test_a_twin_that_hits_its_space_keeps_its_tip():
    patient = draw_patient("mbb_lumbar", SPECS["mbb_lumbar"], 0)
    assert with_misplaced_tip(patient.site, patient.spine, twin="none") is patient.site


@pytest.mark.parametrize("seed", range(4))
def test_disc_and_joint_lie_between_the_vertebrae_of_the_level(seed):
    patient = draw_patient("esi_il_lumbar", SPECS["esi_il_lumbar"], seed)
    spine, site = patient.spine, patient.site
    between = disc(spine, site.level)
    assert between.axes @ between.axes.T == pytest.approx(np.eye(3), abs=1e-9)
    assert 2.0 < between.half_mm[2] * 2 < 14.0  # a disc's height in millimetres
    joint = facet_joint(spine, site.level, site.side)
    assert joint.axes @ joint.axes.T == pytest.approx(np.eye(3), abs=1e-9)
    assert (joint.centre_mm[1] - between.centre_mm[1]) * site.side > 8.0
    assert joint.centre_mm[0] < between.centre_mm[0] - 15.0
