"""The benchmark of leads: what is counted, on tiny input, and one patient from end to end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_fluoroinject.benchmark.leads import LeadScore, Moved, lead_table, score_patient

SCORE = LeadScore(
    scene="scs_lead",
    view="AP",
    seed=1,
    twin="none",
    contacts=8,
    errors_px=(0.1, 0.2, 0.3, 0.6),
    false=1,
    leads=1,
    leads_found=1,
    right=1,
    wrong=0,
    unknown=0,
    level=(-0.02,),
    offset_mm=(0.1, -0.3),
    moved=(
        Moved(marks_px=1.0, deep=False, error_mm=-0.4, sigma_mm=0.25),
        Moved(marks_px=1.0, deep=False, error_mm=0.6, sigma_mm=0.25),
        Moved(marks_px=1.0, deep=False, error_mm=None, sigma_mm=None),
    ),
)


def test_shares_are_of_contacts_that_could_be_found():
    figures = lead_table([SCORE, replace(SCORE, view="LAT", offset_mm=())])
    assert list(figures) == ["scs_lead AP", "scs_lead LAT"]
    one = figures["scs_lead AP"]
    assert one["found share"] == 0.5
    assert one["found within 0.5 px share"] == 0.375
    assert one["precision mean px"] == pytest.approx(0.3)
    assert one["false contacts"] == 1
    assert one["tip level error mean levels, marks 1 px"] == pytest.approx(0.02)
    assert one["midline offset error mean mm, marks 1 px"] == pytest.approx(0.2)
    assert figures["scs_lead LAT"]["midline offset error mean mm, marks 1 px"] is None


def test_migrations_are_scored_against_their_own_sigma():
    one = lead_table([SCORE])["scs_lead AP"]
    name = "migration, marks 1 px"
    assert one[f"{name}: compared"] == 2
    assert one[f"{name}: not compared"] == 1
    assert one[f"{name}: error mean mm"] == pytest.approx(0.5)
    assert one[f"{name}: within 2 sigma"] == 0.5
    assert one["migration, marks 0 px: error mean mm"] is None


@pytest.mark.slow
def test_one_patient_is_scored_in_both_views_and_examinations():
    scores = score_patient("drg_lead", 5001, 20.0, frames=8)
    assert [(s.view, s.twin) for s in scores] == [
        ("AP", "none"),
        ("AP", "migrated"),
        ("LAT", "none"),
        ("LAT", "migrated"),
    ]
    first = scores[0]
    assert first.contacts == 4
    assert len(first.errors_px) == 4
    assert max(first.errors_px) < 0.5
    later = [one for one in scores[1].moved if one.error_mm is not None]
    assert len(later) == 4
    assert np.max([abs(one.error_mm) for one in later]) < 3.0
