"""What makes the number of a lead's contacts doubtful."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_fluoroinject.model.arrays import BoolArray
    from napari_fluoroinject.model.lead import Lead

USUAL_CONTACTS = (4, 8, 16)
"""Contacts that leads are built with; another number is told, never mended."""


def lead_doubts(leads: Sequence[Lead], field: BoolArray) -> Iterator[str]:
    """Say of each lead that has them why contacts may be missed, or be none.

    Parameters
    ----------
    leads
        In the reference pose.
    field
        (rows, columns), the open field.
    """
    usual = f"{', '.join(map(str, USUAL_CONTACTS[:-1]))} or {USUAL_CONTACTS[-1]}"
    for number, lead in enumerate(leads, start=1):
        count = len(lead.contacts_px)
        if count not in USUAL_CONTACTS:
            yield (
                f"lead {number}: {count} contacts were found, and leads have {usual}: some may be "
                "missed or outside the picture, or something else was taken for one"
            )
        if _leaves(lead, field):
            yield (
                f"lead {number} reaches the edge of the open field: contacts may lie outside it, "
                "and were not counted"
            )


def _leaves(lead: Lead, field: BoolArray) -> bool:
    """Whether the row, one contact further at either end, is outside the open field."""
    at = lead.contacts_px
    if len(at) < 2:
        return True
    further = np.rint([2 * at[0] - at[1], 2 * at[-1] - at[-2]]).astype(int)
    inside = ((further >= 0) & (further < field.shape)).all(axis=1)
    return not (inside.all() and field[further[:, 0], further[:, 1]].all())
