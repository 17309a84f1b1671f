"""What is doubtful of a lead is told beside its number of contacts."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fluoroinject.analysis.leads.doubts import lead_doubts
from napari_fluoroinject.model.lead import Lead

FIELD = np.ones((200, 100), bool)


def row(count: int, *, first: float = 40.0) -> Lead:
    at = np.stack([first + 8.0 * np.arange(count), np.full(count, 50.0)], axis=1)
    return Lead(contacts_px=at, sigma_px=0.1, order="unknown")


@pytest.mark.parametrize("count", [4, 8, 16])
def test_a_whole_lead_in_the_field_is_not_doubted(count: int) -> None:
    assert list(lead_doubts([row(count)], FIELD)) == []


def test_a_number_of_contacts_that_no_lead_has_is_told_with_its_lead() -> None:
    (told,) = lead_doubts([row(8), row(9)], FIELD)
    assert told.startswith("lead 2: 9 contacts were found, and leads have 4, 8 or 16")


def test_a_lead_at_the_edge_of_the_field_may_have_contacts_outside_it() -> None:
    closed = FIELD.copy()
    closed[:35] = False
    for leads, field in (([row(8, first=5.0)], FIELD), ([row(8)], closed)):
        (told,) = lead_doubts(leads, field)
        assert told.startswith("lead 1 reaches the edge of the open field")
