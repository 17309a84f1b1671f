"""Scenes of the neck: needle, contrast and landmarks lie where the procedures have them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from napari_fluoroinject.analysis.measures.areas import inside
from napari_fluoroinject.phantom import cervical_places as places
from napari_fluoroinject.phantom.catalogue import SPECS
from napari_fluoroinject.phantom.film import fill
from napari_fluoroinject.phantom.injection import draw_injection
from napari_fluoroinject.phantom.patient import draw_patient, with_tip_of
from napari_fluoroinject.phantom.streams import stream

SEEDS = range(6)


@cache
def patient_of(key, seed):
    return draw_patient(key, SPECS[key], seed)


def missed(key, name, seed):
    patient, twin = patient_of(key, seed), SPECS[key].twins[name]
    site = with_tip_of(twin, patient, stream(seed, "pose", key, name))
    return patient, site, twin.film(site, patient.spine, stream(seed, "flow", key, name))


def intended(key, seed):
    patient = patient_of(key, seed)
    film = SPECS[key].film(patient.site, patient.spine, stream(seed, "flow", key))
    return patient, film


@pytest.mark.parametrize("seed", SEEDS)
def test_the_interlaminar_target_lies_in_the_dorsal_canal_beside_the_midline(seed):
    patient = patient_of("esi_il_cervical", seed)
    spine, site = patient.spine, patient.site
    x, y, z = site.target_mm
    arch = float(spine.wall_x(z)) - float(spine.canal_depth(z))
    assert 0.0 < x - arch < 3.0
    assert 0.0 < site.side * (y - float(spine.midline_y(z))) < 6.0
    assert site.level in ("C6", "C7")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_foraminal_target_lies_before_the_superior_articular_process(seed):
    patient = patient_of("esi_tf_cervical", seed)
    spine, site = patient.spine, patient.site
    lower = spine.below(site.level)
    pillar = places.pillar_centre(spine, lower, site.side)
    artery = places.artery(spine, lower, site.side)
    assert site.target_mm[0] > pillar[0] + 3.0
    assert site.side * (site.target_mm[1] - pillar[1]) > 0.5
    assert np.hypot(*(site.target_mm - artery)[:2]) > 2.5
    roof = places.pillar_centre(spine, site.level, site.side)[2]
    assert pillar[2] < site.target_mm[2] < roof
    # the patient lies on the back, and the needle comes from the front and the side
    assert site.approach[0] > 0.3
    assert site.side * site.approach[1] > 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_a_joint_that_fills_instead_of_the_epidural_space_holds_contrast_and_tip(seed):
    patient, site, film = missed("esi_il_cervical", "retrodural", seed)
    joint = places.facet_joint(patient.spine, site.level, site.side)
    points = np.vstack([film.points_mm[film.cells], site.tip_mm])
    assert np.all(np.abs((points - joint.centre_mm) @ joint.axes.T) <= joint.half_mm)


@pytest.mark.parametrize("key", ["esi_il_cervical", "stellate"])
@pytest.mark.parametrize("seed", SEEDS)
def test_intrathecal_contrast_and_tip_lie_in_the_canal(key, seed):
    patient, site, film = missed(key, "intrathecal", seed)
    spine, points = patient.spine, np.vstack([film.points_mm[film.cells], site.tip_mm])
    dorsal = spine.wall_x(points[:, 2]) - points[:, 0]
    assert np.all((dorsal > 0) & (dorsal < spine.canal_depth(points[:, 2])))
    assert np.abs(points[:, 1] - spine.midline_y(points[:, 2])).max() < 10.0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_prevertebral_sheet_hugs_the_bodies_on_the_needle_s_side(seed):
    patient, film = intended("stellate", seed)
    spine, points = patient.spine, film.points_mm[film.cells]
    assert np.all(points[:, 0] > spine.wall_x(points[:, 2]) + 4.0)
    off = patient.site.side * (points[:, 1] - spine.midline_y(points[:, 2]))
    assert np.all((off > -4.0) & (off < 22.0))
    assert np.linalg.norm(points - patient.site.tip_mm, axis=1).min() < 2.0


@pytest.mark.parametrize("seed", SEEDS)
def test_longus_colli_holds_what_is_injected_into_it_and_little_else(seed):
    patient, _, muscle = missed("stellate", "intramuscular", seed)
    _, sheet = intended("stellate", seed)
    outline = patient.site.landmarks["longus_colli"].points_mm
    corners = [(float(x), float(z)) for x, z in outline[:, [0, 2]]]
    injection = draw_injection(SPECS["stellate"], 0.2, stream(seed, "flow", "stellate"))
    shares = []
    for film in (muscle, sheet):
        mass = fill(film, np.linspace(0.0, 3.0, 4), injection).mass_mg[-1]
        held = inside(film.points_mm[film.cells][:, [0, 2]], corners)
        shares.append(float(mass[held].sum() / mass.sum()))
    assert shares[0] > 0.7
    assert shares[1] < 0.4


def test_the_sheet_of_the_usual_patient_reaches_down_to_the_next_levels():
    reached = []
    for seed in SEEDS:
        patient, film = intended("stellate", seed)
        injection = draw_injection(SPECS["stellate"], 0.2, stream(seed, "flow", "stellate"))
        mass = fill(film, np.linspace(0.0, 3.0, 4), injection).mass_mg[-1]
        z = film.points_mm[film.cells][:, 2]
        shown = z[mass > 0.1 * mass.max()]
        reached.append((patient.site.tip_mm[2] - shown.min(), shown.max() - shown.min()))
    down, extent = np.median(np.array(reached), axis=0)
    assert down > 15.0
    assert extent > 25.0
