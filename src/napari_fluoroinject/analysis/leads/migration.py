"""How far a lead moved along the spine between two examinations."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, radians, sqrt, tan

import numpy as np

from napari_fluoroinject.analysis.measures.seen import MARK_SIGMA_PX
from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.model.arrays import DoubleArray, read_only
from napari_fluoroinject.model.lead import LeadOrder

THRESHOLD_LEVELS = 0.5
"""clinical.yaml, scs_lead.migration_threshold: half a level, SCSMIG24 (grade S)."""
BEHIND_MM, BEHIND_SIGMA_MM = 29.0, 6.0
"""How far dorsal of the end plates' middles a lead lies: half a body's depth and the canal's
(grade D, from published lumbar dimensions). In AP, tilting the C-arm shifts one on the other."""
UNKNOWN_TILT_DEG = 3.0
"""1 sigma of the difference between two tilts of which nothing is known (assumed)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examination:
    """A lead and the end plates in one picture.

    `contacts_px` (contacts, 2); `plates_px` (plates, 2) of the upper end plates from head to feet,
    the first that of `first_level`; `tilt_deg` of the C-arm towards the head, None = not known.
    `view` is AP or LAT; `mm_sigma` the relative 1 sigma of `mm_per_px`.
    """

    contacts_px: DoubleArray
    order: LeadOrder
    sigma_px: float
    plates_px: DoubleArray
    first_level: str | None
    mm_per_px: float
    mm_sigma: float | None
    view: str | None
    tilt_deg: float | None

    def __post_init__(self) -> None:
        for name in ("contacts_px", "plates_px"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """A lead's way along the spine since the first examination, towards the feet positive.

    `sigma_mm` and `sigma_levels` are 1 sigma of contacts, marks, scale and the C-arm's tilt;
    `half_a_level` says whether the way reaches the threshold; `sure` whether it is farther than
    twice its sigma from it.
    """

    mm: float
    sigma_mm: float
    levels: float
    sigma_levels: float
    half_a_level: bool
    sure: bool


def migration(first: Examination, second: Examination) -> Migration:
    """Compare two examinations of one lead under about the same view.

    The end plates of the second are laid onto those of the first (turn, shift and, since both are
    the same vertebrae, scale; least squares), which carries the second lead into the first
    picture. What is left between the contacts is the lead's own way.

    Raises
    ------
    AnalysisError
        Views, numbers of contacts or end plates differ, or fewer than two plates were marked.
    """
    _check(first, second)
    plates_1, plates_2 = _common(first, second)
    carried, turn_scale = _laid_onto(plates_2, plates_1, second.contacts_px)
    contacts = first.contacts_px
    if "unknown" in (first.order, second.order):
        carried = _same_way(carried, contacts)
    spine, pitch_px = _spine(plates_1, contacts.mean(axis=0))
    parallax_px, parallax_sigma_px = _parallax(first, second)
    way_px = float(((carried - contacts) @ spine).mean()) - parallax_px
    marks = _marks_sigma_px(plates_1, contacts.mean(axis=0))
    found = hypot(first.sigma_px, second.sigma_px * turn_scale) / sqrt(len(contacts))
    sigma_px = float(np.linalg.norm([marks, found, parallax_sigma_px]))
    sigma_mm = hypot(
        sigma_px * first.mm_per_px, way_px * first.mm_per_px * (first.mm_sigma or 0.0)
    )
    levels, sigma_levels = way_px / pitch_px, sigma_px / pitch_px
    beyond = abs(levels) - THRESHOLD_LEVELS
    return Migration(
        mm=way_px * first.mm_per_px,
        sigma_mm=sigma_mm,
        levels=levels,
        sigma_levels=sigma_levels,
        half_a_level=beyond >= 0,
        sure=abs(beyond) > 2 * sigma_levels,
    )


def _marks_sigma_px(plates: DoubleArray, at: DoubleArray) -> float:
    """1 sigma at a point of laying marks onto marks: their shift, and their turn at a distance."""
    middle = plates.mean(axis=0)
    lever = float(((at - middle) ** 2).sum() / ((plates - middle) ** 2).sum())
    return MARK_SIGMA_PX * sqrt(2) * sqrt(1 / len(plates) + lever)


def _check(first: Examination, second: Examination) -> None:
    counts = len(first.contacts_px), len(second.contacts_px)
    if counts[0] != counts[1]:
        raise AnalysisError(
            f"the first examination shows {counts[0]} contacts and the second {counts[1]}; "
            "expected the same lead in both"
        )
    if first.view != second.view:
        raise AnalysisError(
            f"the first examination is {first.view or 'of an unknown view'}, the second "
            f"{second.view or 'of an unknown view'}; expected the same view"
        )


def _common(first: Examination, second: Examination) -> tuple[DoubleArray, DoubleArray]:
    """The end plates that both show; by the first one's name, which both must then have."""
    if first.first_level != second.first_level:
        raise AnalysisError(
            f"the end plates begin at {first.first_level or 'an unnamed level'} and at "
            f"{second.first_level or 'an unnamed level'}; expected the same first level"
        )
    count = min(len(first.plates_px), len(second.plates_px))
    if count < 2:
        raise AnalysisError(f"{count} end plates are marked in both; expected two or more")
    return first.plates_px[:count], second.plates_px[:count]


def _laid_onto(
    points: DoubleArray, onto: DoubleArray, carried: DoubleArray
) -> tuple[DoubleArray, float]:
    """`carried`, moved as `points` are onto `onto` (Umeyama 1991), and the change of scale."""
    a, b = (p @ np.array([1.0, 1j]) for p in (points, onto))
    centred, target = a - a.mean(), b - b.mean()
    factor = (centred.conj() @ target) / (centred.conj() @ centred)
    moved = (carried @ np.array([1.0, 1j]) - a.mean()) * factor + b.mean()
    return np.stack([moved.real, moved.imag], axis=1), float(abs(factor))


def _same_way(carried: DoubleArray, contacts: DoubleArray) -> DoubleArray:
    """The second lead from the end that runs as the first one does."""
    ways = (carried[-1] - carried[0]) @ (contacts[-1] - contacts[0])
    turned: DoubleArray = carried[::-1] if ways < 0 else carried
    return turned


def _spine(plates: DoubleArray, near: DoubleArray) -> tuple[DoubleArray, float]:
    """The spine's direction towards the feet beside a point, and the distance of its levels."""
    middles = (plates[1:] + plates[:-1]) / 2
    piece = int(np.linalg.norm(middles - near, axis=1).argmin())
    way = plates[piece + 1] - plates[piece]
    pitch = float(np.linalg.norm(way))
    unit: DoubleArray = way / pitch
    return unit, pitch


def _parallax(first: Examination, second: Examination) -> tuple[float, float]:
    """How far the lead shifts on the end plates because the C-arm was tilted otherwise, pixels.

    In a lateral view both lie in one plane, and nothing shifts.
    """
    if first.view == "LAT":
        return 0.0, 0.0
    if first.tilt_deg is None or second.tilt_deg is None:
        return 0.0, BEHIND_MM * tan(radians(UNKNOWN_TILT_DEG)) / first.mm_per_px
    step = tan(radians(second.tilt_deg)) - tan(radians(first.tilt_deg))
    return BEHIND_MM * step / first.mm_per_px, BEHIND_SIGMA_MM * abs(step) / first.mm_per_px
