"""Leads against midline and end plates, and two examinations against one another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from measured_loops import seen

from napari_fluoroinject.analysis.leads.migration import (
    SOURCE_MM,
    USUAL_DEPTH,
    Depth,
    Examination,
    depth_seen,
    migration,
)
from napari_fluoroinject.analysis.measures.leads import lead_measurements
from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.model.annotation import Annotation, Mark
from napari_fluoroinject.model.lead import Lead, level_at
from napari_fluoroinject.procedures import get

SCS = get("scs_lead")
ROWS = 40.0 + 14.0 * np.arange(8)
LEAD = Lead(
    contacts_px=np.stack([ROWS, np.full(8, 156.0)], axis=1), sigma_px=0.1, order="distal_first"
)
MIDLINE = Mark(landmark="midline", points_px=((0.0, 150.0), (199.0, 150.0)))
PLATES = Mark(
    landmark="end_plates",
    points_px=((10.0, 150.0), (80.0, 150.0), (150.0, 150.0), (195.0, 150.0)),
    level="L1",
)


def measured(what, *leads, marks=(MIDLINE, PLATES), view="AP"):
    found = lead_measurements(seen(annotation=Annotation(view=view, marks=marks)), leads, SCS)
    return [one for one in found if one.id == what]


def test_every_contact_has_its_offset_from_the_midline():
    offsets = measured("lead_midline_offset", LEAD)
    assert [one.value for one in offsets] == pytest.approx([3.0] * 8)
    assert {(one.unit, one.of) for one in offsets} == {("mm", "midline")}


def test_the_tip_lies_so_many_levels_below_the_first_end_plate():
    (level,) = measured("lead_level", LEAD)
    assert level.value == pytest.approx(30 / 70)
    assert level.sigma == pytest.approx(1 / 62, rel=0.05)


def test_without_the_wire_the_tip_is_not_guessed():
    (level,) = measured("lead_level", replace(LEAD, order="unknown"))
    assert level.value is None
    assert "was not seen" in level.reason


def test_what_is_not_marked_or_not_there_is_said():
    assert measured("lead_midline_offset", LEAD, marks=())[0].reason == (
        "the midline was not marked"
    )
    assert measured("contact_positions")[0].reason == "no lead was found"
    assert "this view is LAT" in measured("lead_midline_offset", LEAD, view="LAT")[0].reason
    assert "two examinations" in measured("lead_migration", LEAD)[0].reason


def test_contacts_are_counted_for_each_lead():
    assert [one.value for one in measured("contact_positions", LEAD, LEAD)] == [8.0, 8.0]


@pytest.mark.parametrize(("row", "level"), [(10.0, 0.0), (45.0, 0.5), (115.0, 1.5), (150.0, 2.0)])
def test_a_level_is_the_share_between_two_end_plates(row, level):
    assert level_at((row, 90.0), PLATES.points_px) == pytest.approx(level)


def test_beyond_the_end_plates_there_is_no_level():
    assert level_at((5.0, 150.0), PLATES.points_px) is None
    assert level_at((199.0, 150.0), PLATES.points_px) is None


FIRST = Examination(
    contacts_px=LEAD.contacts_px,
    order="distal_first",
    sigma_px=0.1,
    plates_px=np.array(PLATES.points_px),
    first_level="L1",
    mm_per_px=0.5,
    mm_sigma=0.0,
    view="AP",
    tilt_deg=0.0,
)


def again(*, moved_px=0.0, turn_deg=0.0, scale=1.0, shift=(0.0, 0.0), **changes):
    """The second examination: the lead moved, and everything seen in another pose."""
    a = np.radians(turn_deg)
    pose = scale * np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    contacts = FIRST.contacts_px + np.array([moved_px, 0.0])
    return replace(
        FIRST,
        contacts_px=contacts @ pose.T + shift,
        plates_px=FIRST.plates_px @ pose.T + shift,
        **changes,
    )


@pytest.mark.parametrize("moved_px", [-20.0, 0.0, 10.0, 42.0])
def test_a_lead_has_moved_by_as_much_whatever_the_pose(moved_px):
    found = migration(FIRST, again(moved_px=moved_px, turn_deg=7, scale=1.08, shift=(9, -30)))
    assert found.mm == pytest.approx(0.5 * moved_px, abs=1e-9)
    # the end plates lie farther from the detector, and are drawn smaller
    levels = moved_px / 70 * SOURCE_MM / (SOURCE_MM - USUAL_DEPTH["AP"].mm)
    assert found.levels == pytest.approx(levels)
    assert found.half_a_level == (abs(levels) >= 0.5)


def test_near_half_a_level_it_is_not_sure():
    assert not migration(FIRST, again(moved_px=35.5)).sure
    assert migration(FIRST, again(moved_px=50.0)).sure


def test_an_unknown_end_does_not_turn_the_lead_round():
    other = again(moved_px=12.0)
    turned = replace(other, contacts_px=other.contacts_px[::-1], order="unknown")
    assert migration(FIRST, turned).mm == pytest.approx(6.0)


def test_a_tilt_of_the_c_arm_is_taken_off_and_makes_it_less_certain():
    tilted = migration(FIRST, again(tilt_deg=5.0))
    shift_mm = USUAL_DEPTH["AP"].mm * np.tan(np.radians(5))
    assert abs(tilted.mm) == pytest.approx(shift_mm, rel=0.05)
    assert tilted.sigma_mm > migration(FIRST, again()).sigma_mm
    assert migration(FIRST, again(tilt_deg=None)).sigma_mm > 1.0
    lateral = migration(replace(FIRST, view="LAT"), again(view="LAT", tilt_deg=5.0))
    assert abs(lateral.mm) < 0.2


def test_a_lateral_view_tells_the_depth_and_makes_it_surer():
    lateral = replace(
        FIRST,
        view="LAT",
        contacts_px=FIRST.contacts_px * (1, 0) + np.array([0.0, 62.0]),
        plates_px=FIRST.plates_px * (1, 0) + np.array([0.0, 10.0]),
    )
    seen = depth_seen(lateral)
    assert seen.mm == pytest.approx(52 * FIRST.mm_per_px)
    assert seen.sigma_mm < USUAL_DEPTH["AP"].sigma_mm
    tilted = again(tilt_deg=5.0)
    surer = migration(FIRST, tilted, depth=Depth(mm=28.0, sigma_mm=seen.sigma_mm))
    assert surer.sigma_mm < migration(FIRST, tilted).sigma_mm
    with pytest.raises(AnalysisError, match="expected LAT"):
        depth_seen(FIRST)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (replace(FIRST, contacts_px=FIRST.contacts_px[:7]), "8 contacts and the second 7"),
        (replace(FIRST, view="LAT"), "expected the same view"),
        (replace(FIRST, first_level="L2"), "expected the same first level"),
        (replace(FIRST, plates_px=FIRST.plates_px[:1]), "expected two or more"),
    ],
)
def test_examinations_that_cannot_be_compared_are_refused(other, said):
    with pytest.raises(AnalysisError, match=said):
        migration(FIRST, other)
