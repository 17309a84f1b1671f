"""A stimulator's lead as it was found in a picture: its contacts, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.arrays import DoubleArray, read_only

LeadOrder = Literal["distal_first", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lead:
    """The contacts of one lead along its wire.

    Attributes
    ----------
    contacts_px
        (contacts, 2) float64, the middles of the contacts in the reference pose.
    sigma_px
        1 sigma of a contact's middle along the lead.
    order
        `distal_first` where the wire was seen to leave at the other end; `unknown` where it was
        not: then the contacts run along the lead, but from which end is not known.
    """

    contacts_px: DoubleArray
    sigma_px: float
    order: LeadOrder

    def __post_init__(self) -> None:
        object.__setattr__(self, "contacts_px", read_only(self.contacts_px, np.float64))

    @property
    def pitch_px(self) -> float:
        """Median distance of neighbouring contacts."""
        return float(np.median(np.linalg.norm(np.diff(self.contacts_px, axis=0), axis=1)))


def level_at(point_px: npt.ArrayLike, plates_px: npt.ArrayLike) -> float | None:
    """How many levels a point lies below the first of the end plates; None beyond them.

    Parameters
    ----------
    point_px
        (row, column).
    plates_px
        (plates, 2), one point for each upper end plate from head to feet.
    """
    point, plates = np.asarray(point_px, np.float64), np.asarray(plates_px, np.float64)
    if len(plates) < 2:
        return None
    along = np.diff(plates, axis=0)
    # at each plate the spine runs as the two pieces beside it do, together
    ways = np.concatenate([along[:1], along[:-1] + along[1:], along[-1:]])
    past = ((point - plates) * ways).sum(axis=1) / np.linalg.norm(ways, axis=1)
    if past[0] < 0 or past[-1] > 0:
        return None
    last = int(np.flatnonzero(past[:-1] >= 0)[-1])
    step = past[last] - past[last + 1]
    return float(last + past[last] / step) if step > 0 else None
