"""Injections that miss their space: where their contrast and their tip lie in the patient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_fluoroinject.phantom.catalogue import SPECS
from napari_fluoroinject.phantom.film import fill, reached
from napari_fluoroinject.phantom.injection import draw_injection
from napari_fluoroinject.phantom.patient import draw_patient, with_tip_of
from napari_fluoroinject.phantom.spaces import disc, facet_joint
from napari_fluoroinject.phantom.streams import stream

SCENES = [
    (key, name)
    for key, spec in SPECS.items()
    for name, twin in spec.twins.items()
    if twin.film is not None
]
LUMBAR = [
    (key, name)
    for key, name in SCENES
    if SPECS[key].region == "lumbar" and name in ("intrathecal", "intradiscal", "retrodural")
]


def missed(key, name, seed):
    patient = draw_patient(key, SPECS[key], seed)
    twin = SPECS[key].twins[name]
    site = with_tip_of(twin, patient, stream(seed, "pose", key, name))
    return patient, site, twin.film(site, patient.spine, stream(seed, "flow", key, name))


def box_of(name, patient, tip):
    site = patient.site
    if name == "intradiscal":
        # the nearest: beside the upper third of a vertebra it is the one above
        discs = [disc(patient.spine, level) for level in patient.spine.levels[:-1]]
        return min(discs, key=lambda one: np.linalg.norm(one.centre_mm - tip))
    return facet_joint(patient.spine, site.level, site.side)


@pytest.mark.parametrize(("key", "name"), LUMBAR)
@pytest.mark.parametrize("seed", range(4))
def test_contrast_and_tip_lie_in_the_space_that_the_twin_names(key, name, seed):
    patient, site, film = missed(key, name, seed)
    points = film.points_mm[film.cells]
    if name == "intrathecal":
        spine, z = patient.spine, points[:, 2]
        ventral = spine.wall_x(z) - points[:, 0]
        assert np.all((ventral > 0) & (ventral < spine.canal_depth(z)))
        off = points[:, 1] - spine.midline_y(z)
        assert abs(float(off.mean())) < 0.1
        assert float(np.abs(off).max()) < 9.5
    else:
        space = box_of(name, patient, site.tip_mm)
        own = np.abs((np.vstack([points, site.tip_mm]) - space.centre_mm) @ space.axes.T)
        assert np.all(own <= space.half_mm)
    away = np.linalg.norm(points - site.tip_mm, axis=1).min()
    assert away < (6.0 if name == "intrathecal" else 1.0)


@pytest.mark.parametrize(("key", "name"), SCENES)
def test_iodine_that_missed_is_in_its_space_or_has_left_it(key, name):
    _, _, film = missed(key, name, 1)
    random = stream(1, "flow", key)
    injection = draw_injection(SPECS[key], 0.5, random)
    filling = fill(reached(film), np.linspace(0.0, 3.0, 7), injection)
    held = filling.mass_mg.sum(axis=1)
    assert held[-1] > 0
    assert held + filling.left_mg == pytest.approx(filling.injected_mg, rel=1e-3, abs=1e-3)


def test_a_twin_that_hits_its_space_keeps_its_tip():
    patient = draw_patient("mbb_lumbar", SPECS["mbb_lumbar"], 0)
    twin = SPECS["mbb_lumbar"].twins["none"]
    assert with_tip_of(twin, patient, stream(0, "pose")) is patient.site


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


def test_what_nothing_flows_to_does_not_fill_and_a_closed_space_leaks():
    _, _, film = missed("mbb_lumbar", "into_foramen", 1)
    gap, drain = film.gap_mm.copy(), np.zeros_like(film.drain)
    gap[0, 0] = 1.0  # an island
    alone = reached(replace(film, gap_mm=gap, drain=drain))
    assert alone.gap_mm[0, 0] == 0.0
    assert (alone.drain[alone.cells] > 0).all()
    injection = draw_injection(SPECS["mbb_lumbar"], 0.5, stream(1, "flow", "mbb_lumbar"))
    filling = fill(alone, np.linspace(0.0, 3.0, 7), injection)
    assert filling.mass_mg.sum(axis=1)[-1] + filling.left_mg[-1] == pytest.approx(
        filling.injected_mg[-1], rel=1e-3
    )
