"""Synthetic leads: their truth, their twins, and what the beam makes of platinum."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from napari_fluoroinject.errors import PhantomError
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.phantom.lead import PLATINUM_G_CM3
from napari_fluoroinject.phantom.needle import Rod, shade

TIGHT = PhantomSettings(size=64, frames=8, shutter="none")


@pytest.mark.parametrize(("key", "contacts"), [("scs_lead", 8), ("drg_lead", 4)])
def test_the_truth_holds_every_contact_at_equal_distances(key, contacts):
    truth = make_phantom(key, settings=TIGHT).truth
    assert truth.contacts_px.shape == (1, contacts, 2)
    steps = np.linalg.norm(np.diff(truth.contacts_mm[0], axis=0), axis=1)
    assert steps.std() < 0.05 * steps.mean()
    assert truth.tip_px is None
    assert truth.onset_frame is None
    held = json.loads(json.dumps(truth.to_json()))
    assert np.allclose(held["contacts_px"], truth.contacts_px, atol=1e-5)
    assert len(held["landmarks_px"]["end_plates"]) == 6


def test_a_follow_up_shows_the_same_lead_under_another_angle():
    first, later, moved = (
        make_phantom("scs_lead", settings=replace(TIGHT, twin=twin))
        for twin in ("none", "follow_up", "migrated")
    )
    assert np.array_equal(first.truth.contacts_mm, later.truth.contacts_mm)
    assert not np.allclose(first.truth.contacts_px, later.truth.contacts_px, atol=0.5)
    assert first.loop.view != later.loop.view
    way = moved.truth.contacts_mm - later.truth.contacts_mm
    assert 1.0 < np.linalg.norm(way, axis=-1).mean() < 23.0


def test_two_leads_lie_side_by_side():
    truth = make_phantom("scs_lead", settings=replace(TIGHT, twin="two_leads")).truth
    left, right = truth.contacts_mm.mean(axis=1)
    assert 1.5 < abs(left[1] - right[1]) < 8.0


def test_a_contact_is_darker_than_the_gap_beside_it():
    phantom = make_phantom("scs_lead", settings=replace(TIGHT, seed=2))
    ln = phantom.loop.intensity.ln(phantom.loop.frames.every()).mean(axis=0)
    contacts = phantom.truth.contacts_px[0] + phantom.truth.shift_px.mean(axis=0)
    gaps = (contacts[1:] + contacts[:-1]) / 2
    dark, light = (
        [ln[tuple(np.rint(p).astype(int))] for p in points if ((p > 3) & (p < 60)).all()]
        for points in (contacts, gaps)
    )
    assert np.mean(dark) < np.mean(light) - 0.2


@pytest.mark.parametrize("angle_deg", [90, 50, 20, 5])
def test_a_contact_keeps_its_metal_however_it_is_seen(angle_deg):
    sine, cosine = np.sin(np.radians(angle_deg)), np.cos(np.radians(angle_deg))
    mm, start, way = 0.25, np.array([40.2, 40.7]), np.array([0.6, 0.8])
    rod = Rod(
        start=start,
        end=start + way * 3.0 * sine / mm,
        outer_mm=1.3,
        inner_mm=1.06,
        g_cm3=PLATINUM_G_CM3,
        mm_per_px=(mm, mm),
        lengthening=1 / sine,
        end_on=cosine,
    )
    _, density = shade(rod, 96)
    metal_g = np.pi / 4 * (1.3**2 - 1.06**2) * 3.0 * PLATINUM_G_CM3 / 1000
    assert density.sum() * mm**2 / 100 == pytest.approx(metal_g, rel=0.02)
    # seen along itself it is a ring, as wide as it is
    assert (density > 0).any(axis=1).sum() * mm > 1.2


def test_two_leads_at_ganglia_lie_a_level_apart():
    truth = make_phantom("drg_lead", settings=replace(TIGHT, twin="two_leads")).truth
    upper, lower = truth.contacts_mm.mean(axis=1)
    assert 25.0 < upper[2] - lower[2] < 45.0


def test_what_there_is_not_is_named():
    with pytest.raises(PhantomError, match="there are none, follow_up, migrated, two_leads"):
        make_phantom("scs_lead", settings=replace(TIGHT, twin="vascular"))
    with pytest.raises(PhantomError, match="there are AP, LAT"):
        make_phantom("drg_lead", settings=replace(TIGHT, view="OBL"))
    with pytest.raises(PhantomError, match="scs_lead"):
        make_phantom("lead", settings=TIGHT)
