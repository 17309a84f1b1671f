"""Leads in pictures: every contact, in order, and none where there is none."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from napari_fluoroinject.analysis.leads import leads_in
from napari_fluoroinject.analysis.leads.overlaid import _two_rows
from napari_fluoroinject.analysis.leads.profile import steady

MM = 0.28
FIELD = np.ones((240, 240), bool)


def picture(contacts, *, half=(5.0, 2.2), od=0.7, wire_to=None, noise=0.02, seed=0):
    """Bars along their row on an uneven background, blurred, with noise; (row, column) middles."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:240, :240].astype(np.float64)
    drawn = 0.3 * np.sin(rows / 40) + 0.4 * np.cos(columns / 55)
    way = np.gradient(np.asarray(contacts), axis=0)
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    for (row, column), (down, right) in zip(contacts, way, strict=True):
        along = (rows - row) * down + (columns - column) * right
        across = (rows - row) * right - (columns - column) * down
        bar = np.clip(half[0] - np.abs(along) + 0.5, 0, 1)
        drawn += od * bar * np.clip(half[1] - np.abs(across) + 0.5, 0, 1)
    if wire_to is not None:
        ends = np.linspace(contacts[-1], wire_to, 400)
        wire = np.zeros_like(drawn)
        wire[tuple(np.rint(ends).astype(int).T)] = 0.15
        drawn = np.maximum(drawn, drawn + wire * (wire > 0))
    blurred = ndimage.gaussian_filter(drawn, 1.0)
    return (blurred + noise * random.standard_normal(drawn.shape)).astype(np.float32)


def course(count, pitch, *, bend=0.0, start=(40.3, 110.6)):
    k = np.arange(count)
    return np.stack([start[0] + pitch * k, start[1] + bend * (k - count / 2) ** 2], axis=1)


@pytest.mark.parametrize(("count", "bend"), [(8, 0.0), (8, 0.4), (4, 1.0)])
def test_contacts_are_found_to_a_fifth_of_a_pixel(count, bend):
    truth = course(count, 23.7, bend=bend)
    (lead,) = leads_in(picture(truth), FIELD, mm_per_px=MM)
    errors = np.linalg.norm(lead.contacts_px[:, None] - truth[None], axis=2).min(axis=0)
    assert len(lead.contacts_px) == count
    assert errors.max() < 0.2


def test_the_end_without_wire_comes_first():
    truth = course(6, 20.0)
    for contacts in (truth, truth[::-1]):
        beyond = 2.8 * (contacts[-1] - contacts[-2]) / 20 * 20 + contacts[-1]
        wire_to = np.clip(beyond, 2, 237)
        (lead,) = leads_in(picture(contacts, wire_to=wire_to), FIELD, mm_per_px=MM)
        assert lead.order == "distal_first"
        assert np.linalg.norm(lead.contacts_px[0] - contacts[0]) < 1


def test_without_a_wire_the_order_is_unknown():
    (lead,) = leads_in(picture(course(6, 20.0)), FIELD, mm_per_px=MM)
    assert lead.order == "unknown"


def test_two_leads_beside_one_another_are_two():
    one, other = course(6, 24.0), course(6, 24.0, start=(47.0, 128.0))
    drawn = picture(one) + picture(other, seed=1)
    leads = leads_in(drawn, FIELD, mm_per_px=MM)
    assert sorted(len(lead.contacts_px) for lead in leads) == [6, 6]


@pytest.mark.parametrize("later_px", [10.0, -7.0])
def test_two_leads_one_behind_the_other_are_two(later_px):
    one = course(8, 24.0, bend=0.2, start=(30.3, 110.6))
    other = one + np.array([later_px, 0.0])
    drawn = np.maximum(picture(one, half=(5.3, 2.2)), picture(other, half=(5.3, 2.2)))
    leads = leads_in(drawn, FIELD, mm_per_px=MM)
    assert [len(lead.contacts_px) for lead in leads] == [8, 8]
    for truth in (one, other):
        away = [
            np.linalg.norm(lead.contacts_px[:, None] - truth[None], axis=2).min(axis=0).max()
            for lead in leads
        ]
        assert min(away) < 1.0


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_rows_in_step_are_not_told_from_one_longer_row(steps):
    pitch, half = 24.0, 5.3
    s = np.arange(-15.0, (7 + steps) * pitch + 15.0, 0.5)
    middles = pitch * np.arange(8 + steps)
    covered = (np.abs(s[:, None] - middles) < half).any(axis=1).astype(float)
    profile = ndimage.gaussian_filter1d(covered, 2.0)
    assert _two_rows(s, profile, MM) is None


def test_a_smooth_shaft_is_no_lead():
    shaft = course(2, 90.0)
    drawn = picture(shaft, half=(60.0, 1.6), od=1.0)
    assert leads_in(drawn, FIELD, mm_per_px=MM) == ()


def dots(contacts, *, od=0.5, wire_to=None, noise=0.01, seed=0):
    """Short contacts, as wide as long, with or without the wire that holds them."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:240, :240].astype(np.float64)
    drawn = 0.3 * np.sin(rows / 40) + 0.4 * np.cos(columns / 55)
    for row, column in contacts:
        drawn += od * np.clip(2.4 - np.hypot(rows - row, columns - column), 0, 1)
    if wire_to is not None:
        nodes = [*contacts, wire_to]
        ends = np.concatenate([np.linspace(a, b, 400) for a, b in pairwise(nodes)])
        wire = np.zeros_like(drawn)
        wire[tuple(np.rint(ends).astype(int).T)] = 0.25
        drawn += wire
    blurred = ndimage.gaussian_filter(drawn, 0.8)
    return (blurred + noise * random.standard_normal(drawn.shape)).astype(np.float32)


BENT = np.array([[100.2, 60.7], [88.4, 78.3], [87.0, 99.8], [100.6, 116.1]])
DRAWN_TOGETHER = np.array([[100.0, 80.3], [97.4, 85.9], [103.3, 97.8], [120.1, 106.2]])


@pytest.mark.parametrize("contacts", [BENT, DRAWN_TOGETHER])
def test_short_contacts_are_found_however_the_view_draws_them_together(contacts):
    (lead,) = leads_in(dots(contacts), FIELD, mm_per_px=MM)
    away = np.linalg.norm(lead.contacts_px[:, None] - contacts[None], axis=2)
    assert len(lead.contacts_px) == 4
    assert away.min(axis=0).max() < 0.3
    order = away.argmin(axis=1)
    assert list(order) in ([0, 1, 2, 3], [3, 2, 1, 0])


def test_two_contacts_seen_as_one_are_told_apart():
    contacts = np.array([[100.0, 80.0], [100.9, 83.9], [106.0, 98.0], [120.0, 110.0]])
    (lead,) = leads_in(dots(contacts), FIELD, mm_per_px=MM)
    assert len(lead.contacts_px) == 4
    away = np.linalg.norm(lead.contacts_px[:, None] - contacts[None], axis=2).min(axis=0)
    assert away.max() < 1.0


def test_the_wire_of_short_contacts_tells_the_distal_end():
    for contacts in (BENT, BENT[::-1]):
        wire_to = contacts[-1] + 30 * (contacts[-1] - contacts[-2]) / 20
        (lead,) = leads_in(dots(contacts, wire_to=wire_to), FIELD, mm_per_px=MM)
        assert lead.order == "distal_first"
        assert np.linalg.norm(lead.contacts_px[0] - contacts[0]) < 1


def test_two_dots_are_no_lead():
    assert leads_in(dots(BENT[:2]), FIELD, mm_per_px=MM) == ()


def test_noise_is_no_lead():
    assert leads_in(picture(course(2, 300.0), od=0.0), FIELD, mm_per_px=MM) == ()


def test_outside_the_open_field_nothing_is_looked_for():
    closed = np.zeros_like(FIELD)
    assert leads_in(picture(course(8, 23.7)), closed, mm_per_px=MM) == ()


def test_one_value_that_stands_off_a_smooth_row_is_put_in_line():
    row = 10.0 + 24.0 * np.arange(8) + 0.02 * np.arange(8) ** 2
    off = row.copy()
    off[3] += 4.0
    assert np.abs(steady(off) - row).max() < 0.3
    assert np.array_equal(steady(row[:4]), row[:4])
