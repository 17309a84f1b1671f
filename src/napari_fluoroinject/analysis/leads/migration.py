"""How far a lead moved along the spine between two examinations."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, hypot, radians, sin, sqrt, tan

import numpy as np

from napari_fluoroinject.analysis.measures.seen import MARK_SIGMA_PX
from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.model.arrays import DoubleArray, read_only
from napari_fluoroinject.model.geometry import Point
from napari_fluoroinject.model.lead import LeadOrder

THRESHOLD_LEVELS = 0.5
"""clinical.yaml, scs_lead.migration_threshold: half a level, SCSMIG24 (grade S)."""
UNKNOWN_TILT_DEG = 5.0
"""1 sigma of the difference between two tilts of which nothing is known (assumed)."""
POSTURE_DEG = 1.0
"""1 sigma of how differently the spine itself is inclined in two examinations (assumed)."""
SOURCE_MM = 700.0
"""From the focal spot to the isocentre (assumed: 650 to 740 on usual C-arms; it cancels but for
what perspective differs between the examinations)."""
_UNEVEN_MM = 1.5
"""How far single end plates lie off the plane that is taken for all (lumbar lordosis, grade D)."""
_REACH_MM = 50.0
"""In AP end plates count the less the farther off the lead they are: they lie at other depths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How much nearer to the detector a lead lies than the end plates' middles; 1 sigma."""

    mm: float
    sigma_mm: float


USUAL_DEPTH = {"AP": Depth(mm=28.0, sigma_mm=4.0), "LAT": Depth(mm=0.0, sigma_mm=11.0)}
"""Grade D, from published lumbar dimensions. AP, the detector dorsal as in a prone patient: half a
body's depth, and the canal's or the foramen's. LAT: the lead in the canal, or in a foramen of
either side."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examination:
    """A lead and the end plates in one picture.

    `contacts_px` (contacts, 2); `plates_px` (plates, 2) of the upper end plates from head to feet,
    the first that of `first_level`; `tilt_deg` of the C-arm towards the head, None = not known.
    `view` is AP or LAT; `mm_sigma` the relative 1 sigma of `mm_per_px`; `centre_px` where the
    central ray falls, None = not known, then the middle of the end plates is taken for it.
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
    centre_px: Point | None = None

    def __post_init__(self) -> None:
        for name in ("contacts_px", "plates_px"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """A lead's way along the spine since the first examination, towards the feet positive.

    `sigma_mm` and `sigma_levels` are 1 sigma of contacts, marks, scale, the C-arm's tilt and the
    patient's posture; `half_a_level` says whether the way reaches the threshold; `sure` whether it
    is farther than twice its sigma from it.
    """

    mm: float
    sigma_mm: float
    levels: float
    sigma_levels: float
    half_a_level: bool
    sure: bool


def migration(first: Examination, second: Examination, *, depth: Depth | None = None) -> Migration:
    """Compare two examinations of one lead under about the same view.

    Lead and end plates lie at different depths, so that another tilt of the C-arm, or another
    place of its central ray, shifts one on the other. The rays through contacts and end plates are
    therefore cut with a plane each, parallel to the patient's and `depth` apart. There the end
    plates of the second examination are laid onto those of the first (turn, shift and, since both
    are the same vertebrae, scale; least squares), which carries the lead along. What is left
    between the contacts is the lead's own way.

    Parameters
    ----------
    first, second
        The examinations.
    depth
        Between the lead and the end plates, as another view shows it (`depth_seen`); None = what
        is usual in this view.

    Raises
    ------
    AnalysisError
        Views, numbers of contacts or end plates differ, or fewer than two plates were marked.
    """
    _check(first, second)
    plates = _common(first, second)
    known = depth or USUAL_DEPTH.get(first.view or "AP", USUAL_DEPTH["AP"])
    tilts = _tilts(first, second)
    one, other = (
        (
            _on_plane(one.contacts_px, one, plates_px, 0.0, tilt),
            _on_plane(plates_px, one, plates_px, -known.mm, tilt),
        )
        for one, plates_px, tilt in zip((first, second), plates, tilts, strict=True)
    )
    contacts, onto = one
    at = contacts.mean(axis=0)
    weights = _weights(onto, at, first.view)
    carried = _laid_onto(other[1], onto, other[0], weights)
    if "unknown" in (first.order, second.order):
        carried = _same_way(carried, contacts)
    spine, pitch_mm = _spine(onto, at)
    way_mm = float(((carried - contacts) @ spine).mean())
    placed = _marks_px(onto, at, weights) * MARK_SIGMA_PX, _found_px(first, second)
    scale = max(first.mm_per_px, second.mm_per_px)
    sigma = hypot(hypot(*placed) * scale, _parallax_mm(first, second, known))
    levels, sigma_levels = way_mm / pitch_mm, sigma / pitch_mm
    beyond = abs(levels) - THRESHOLD_LEVELS
    return Migration(
        mm=way_mm,
        sigma_mm=hypot(sigma, way_mm * (first.mm_sigma or 0.0)),
        levels=levels,
        sigma_levels=sigma_levels,
        half_a_level=beyond >= 0,
        sure=abs(beyond) > 2 * sigma_levels,
    )


def depth_seen(lateral: Examination) -> Depth:
    """How far a lead lies behind the end plates in a lateral view: its depth in AP.

    Raises
    ------
    AnalysisError
        The view is not lateral, or fewer than two end plates were marked.
    """
    if lateral.view != "LAT":
        raise AnalysisError(
            f"the view that shows the lead's depth is {lateral.view or 'unknown'}; expected LAT"
        )
    if len(lateral.plates_px) < 2:
        raise AnalysisError(f"{len(lateral.plates_px)} end plates marked; expected two or more")
    middle, plates = lateral.contacts_px.mean(axis=0), lateral.plates_px
    spine, _ = _spine(plates, middle)
    nearest = plates[np.argsort(np.linalg.norm(plates - middle, axis=1))[:2]]
    off = middle - nearest[0]
    mm = abs(float(off[0] * spine[1] - off[1] * spine[0])) * lateral.mm_per_px
    marked = MARK_SIGMA_PX * lateral.mm_per_px
    sigma = float(np.linalg.norm([marked, _UNEVEN_MM, mm * (lateral.mm_sigma or 0.0)]))
    return Depth(mm=mm, sigma_mm=sigma)


def _tilts(first: Examination, second: Examination) -> tuple[float, float]:
    """Both tilts in radians; unless both are known, one that cancels."""
    if first.tilt_deg is None or second.tilt_deg is None:
        return 0.0, 0.0
    return radians(first.tilt_deg), radians(second.tilt_deg)


def _on_plane(
    points_px: DoubleArray,
    seen: Examination,
    plates_px: DoubleArray,
    height_mm: float,
    tilt: float,
) -> DoubleArray:
    """Where rays through points (n, 2) meet a plane of the patient, (down, right) in millimetres.

    The plane lies `height_mm` nearer to the detector than the isocentre, in which the scale holds.
    """
    centre = plates_px.mean(axis=0) if seen.centre_px is None else np.array(seen.centre_px)
    down, right = ((points_px - centre) * seen.mm_per_px).T
    far = (height_mm + SOURCE_MM * cos(tilt)) / (down * sin(tilt) + SOURCE_MM * cos(tilt))
    along = SOURCE_MM * sin(tilt) + far * (down * cos(tilt) - SOURCE_MM * sin(tilt))
    return np.stack([along, far * right], axis=1)


def _weights(plates: DoubleArray, at: DoubleArray, view: str | None) -> DoubleArray:
    """What each end plate counts."""
    if view == "LAT":
        return np.ones(len(plates))
    away = np.linalg.norm(plates - at, axis=1) / _REACH_MM
    weights: DoubleArray = np.exp(-0.5 * (away**2 - away.min() ** 2)) + 1e-3
    return weights


def _found_px(first: Examination, second: Examination) -> float:
    """1 sigma of the contacts' mean way, for how well they were found."""
    return hypot(first.sigma_px, second.sigma_px) / sqrt(len(first.contacts_px))


def _marks_px(plates: DoubleArray, at: DoubleArray, weights: DoubleArray) -> float:
    """1 sigma at a point of laying marks onto marks, of that of one mark."""
    share = weights / weights.sum()
    off = plates - share @ plates
    spread = float(share @ (off**2).sum(axis=1))
    lever = float(((at - share @ plates) ** 2).sum()) / spread
    turned = float((share**2) @ (off**2).sum(axis=1)) / spread
    return sqrt(2 * (float((share**2).sum()) + lever * turned))


def _parallax_mm(first: Examination, second: Examination, depth: Depth) -> float:
    """1 sigma of how far the lead shifts on the end plates between the examinations."""
    posture = hypot(depth.mm, depth.sigma_mm) * tan(radians(POSTURE_DEG))
    if first.tilt_deg is None or second.tilt_deg is None:
        return hypot(depth.mm, depth.sigma_mm) * tan(radians(UNKNOWN_TILT_DEG))
    step = abs(tan(radians(second.tilt_deg)) - tan(radians(first.tilt_deg)))
    return float(np.linalg.norm([posture, depth.sigma_mm * step, _UNEVEN_MM * step]))


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
    points: DoubleArray, onto: DoubleArray, carried: DoubleArray, weights: DoubleArray
) -> DoubleArray:
    """`carried`, moved as `points` are onto `onto` (Umeyama 1991, weighted)."""
    a, b = (p @ np.array([1.0, 1j]) for p in (points, onto))
    share = weights / weights.sum()
    from_, to = share @ a, share @ b
    centred, target = a - from_, b - to
    factor = ((share * centred.conj()) @ target) / ((share * centred.conj()) @ centred)
    moved = (carried @ np.array([1.0, 1j]) - from_) * factor + to
    return np.stack([moved.real, moved.imag], axis=1)


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
