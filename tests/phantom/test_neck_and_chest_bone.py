"""Needles in joints and on bone of neck and chest: where they stand, what contrast touches."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from napari_fluoroinject import procedures
from napari_fluoroinject.analysis.measures.areas import inside
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.phantom.acquisition import draw_acquisition
from napari_fluoroinject.phantom.catalogue import SPECS
from napari_fluoroinject.phantom.film import fill
from napari_fluoroinject.phantom.injection import draw_injection
from napari_fluoroinject.phantom.marking import marks_in
from napari_fluoroinject.phantom.patient import draw_patient, with_tip_of
from napari_fluoroinject.phantom.scenes import cervical_bone, thoracic_bone
from napari_fluoroinject.phantom.stage import point
from napari_fluoroinject.phantom.streams import stream

KEYS = (*cervical_bone.SCENES, *thoracic_bone.SCENES)
VIEWS = [(key, view) for key in KEYS for view in SPECS[key].views]
JOINTS = ("facet_ia_cervical", "facet_ia_thoracic")
ELECTRODES = ("rfa_cervical", "rfa_thoracic")
SEEDS = range(5000, 5006)
MUSCLE_SHARE = 0.5
"""Of contrast in the marked soft tissue: what the warning takes."""
PLEURA_SHARE = 0.2


@cache
def patient_of(key, seed):
    return draw_patient(key, SPECS[key], seed)


def seen(key, view, seed, twin="none"):
    """Beam, site and marks of one loop, without making its picture."""
    spec, patient = SPECS[key], patient_of(key, seed)
    settings = PhantomSettings(seed=seed, twin=twin, view=view)
    random = stream(seed, "acquisition", key, view)
    beam = point(draw_acquisition(settings, spec, view, patient.site.side, random), patient)
    site = with_tip_of(spec.twins[twin], patient, stream(seed, "pose", key, twin))
    return beam, site, {mark.landmark: mark for mark in marks_in(site, beam, view)}


@cache
def spread(key, seed, twin):
    """Where contrast ends (cells, 3) and how much of it lies there (cells,)."""
    spec, patient = SPECS[key], patient_of(key, seed)
    about = spec.twins[twin]
    site = with_tip_of(about, patient, stream(seed, "pose", key, twin))
    film = (about.film or spec.film)(site, patient.spine, stream(seed, "flow", key, twin))
    injection = draw_injection(spec, 0.5, stream(seed, "flow", key))
    filling = fill(film, np.array([0.0, 2.0, 4.0]), injection)
    return film.points_mm[film.cells], filling.mass_mg[-1]


def share_in(key, view, seed, *, twin, landmark):
    """The share of the contrast that a marked area holds in a view."""
    beam, _, marks = seen(key, view, seed, twin)
    points, mass = spread(key, seed, twin)
    within = inside(beam.project(points), marks[landmark].points_px)
    return float(mass[within].sum() / mass.sum())


@pytest.mark.parametrize(("key", "view"), VIEWS)
def test_a_needle_as_intended_stands_within_the_tolerance_of_its_target(key, view):
    tolerance = procedures.get(key).target.tolerance.high
    for seed in range(5000, 5040):
        beam, site, _ = seen(key, view, seed)
        off = beam.project(site.tip_mm) - beam.project(site.target_mm)
        assert float(np.hypot(*off)) * beam.mm_per_px <= tolerance, seed


@pytest.mark.parametrize("key", ELECTRODES)
def test_an_electrode_keeps_within_10_degrees_of_its_planned_way(key):
    for seed in SEEDS:
        for view in ("AP", "LAT"):
            beam, site, marks = seen(key, view, seed)
            way = np.subtract(*reversed(marks["planned_trajectory"].points_px))
            shaft = np.subtract(*beam.project([site.tip_mm, site.tip_mm + 60.0 * site.approach]))
            cosine = way @ shaft / np.linalg.norm(way) / np.linalg.norm(shaft)
            limit = 10.0 if view == "LAT" else 25.0  # near the beam small angles look large
            assert np.degrees(np.arccos(np.clip(cosine, -1, 1))) < limit
        assert len(SPECS[key].gauges) == 2


def test_a_needle_for_a_thoracic_joint_comes_steeply_from_caudal():
    for seed in range(5000, 5020):
        way = patient_of("facet_ia_thoracic", seed).site.approach
        assert way[2] < 0
        assert 60.0 <= np.degrees(np.arcsin(-way[0])) <= 70.0


@pytest.mark.parametrize("key", JOINTS)
def test_an_arthrogram_lies_outside_the_marked_soft_tissue_and_a_miss_within_it(key):
    for view in SPECS[key].views:
        for seed in SEEDS:
            joint = share_in(key, view, seed, twin="none", landmark="soft_tissue")
            assert joint < 0.25 * MUSCLE_SHARE
            for twin in ("periarticular", "intramuscular"):
                missed = share_in(key, view, seed, twin=twin, landmark="soft_tissue")
                assert missed > MUSCLE_SHARE + 0.1, (view, seed, twin)


@pytest.mark.parametrize("view", ["AP", "LAT"])
def test_pleural_contrast_meets_the_marked_pleura_and_an_arthrogram_does_not(view):
    key = "facet_ia_thoracic"
    for seed in SEEDS:
        beside = share_in(key, view, seed, twin="pleural_visceral", landmark="pleura")
        assert beside > PLEURA_SHARE + 0.02
        assert share_in(key, view, seed, twin="none", landmark="pleura") < 0.02


@pytest.mark.parametrize("key", ["mbb_cervical", "mbb_thoracic"])
def test_a_pool_on_bone_stays_out_of_the_foramen_that_a_missed_one_fills(key):
    for seed in SEEDS:
        assert share_in(key, "LAT", seed, twin="none", landmark="foramen") < 0.15
        assert share_in(key, "LAT", seed, twin="into_foramen", landmark="foramen") > 0.35


def test_a_pool_on_a_pillar_covers_it_and_the_tip_lies_in_its_middle():
    for seed in SEEDS:
        held = share_in("mbb_cervical", "LAT", seed, twin="none", landmark="articular_pillar")
        assert held > 0.4
        beam, site, marks = seen("mbb_cervical", "LAT", seed)
        tip = beam.project(site.tip_mm)[None]
        assert inside(tip, marks["articular_pillar"].points_px).all()
