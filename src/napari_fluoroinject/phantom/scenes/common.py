"""What scenes share: directions, landmarks, vessels' courses, the twins that every one has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.phantom.scenery import Landmark, Twin
from napari_fluoroinject.phantom.vessel import Course

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.spine import Spine

_HAND_DEG, _WIDEST_HAND_DEG = 1.5, 4.0
"""How far a hand holds an electrode off its plan, 1 sigma and at most (assumed)."""

VASCULAR = ("vascular_uptake",)
_UNSEEN = ("contrast_not_seen",)
"""What may be said, too, where the only contrast runs off."""

RECORD_TWINS = {
    "wrong_side": Twin(told="other_side", warnings=("wrong_level_or_side",)),
    "unfit": Twin(late_mask=True, warnings=("image_unfit",)),
}
"""Twins of every scene: what is recorded contradicts itself, the loop cannot be judged."""

INJECTION_TWINS = {
    "none": Twin(),
    "no_contrast": Twin(intended=False, warnings=("contrast_not_seen",)),
    "vascular": Twin(intended=False, run_off="transient", warnings=VASCULAR, also=_UNSEEN),
    "vascular_persistent": Twin(
        intended=False, run_off="persistent", warnings=VASCULAR, also=_UNSEEN
    ),
    "vascular_mixed": Twin(run_off="drawn", warnings=VASCULAR),
    "vascular_remote": Twin(run_off="drawn", remote=True, warnings=VASCULAR),
    "vascular_flash": Twin(run_off="flash", warnings=VASCULAR),
    "order": Twin(told="medication_first", warnings=("order_violation",)),
    **RECORD_TWINS,
}
"""Twins of every scene in which contrast is injected."""

BONE_TWINS = {"none": Twin(), "wrong_side": RECORD_TWINS["wrong_side"]}
"""Twins of every scene without contrast."""


def direction(lateral_deg: float, cranial_deg: float) -> DoubleArray:
    """Unit vector from tip to hub: dorsal, turned laterally (positive = left) and cranially."""
    a, b = np.radians(lateral_deg), np.radians(cranial_deg)
    return np.array([-np.cos(a) * np.cos(b), np.sin(a) * np.cos(b), np.sin(b)])


def line(
    points: Iterable[npt.ArrayLike],
    views: Sequence[str],
    *,
    beyond: npt.ArrayLike | None = None,
) -> Landmark:
    """A line through points (n, 3); `beyond` (3,) leads from it to its far side."""
    placed = np.array([np.asarray(point, np.float64) for point in points])
    far = None if beyond is None else np.asarray(beyond, np.float64)
    return Landmark(points_mm=placed, views=tuple(views), beyond_mm=far)


def area(points: npt.ArrayLike, views: Sequence[str]) -> Landmark:
    """An area whose outline is that of a cloud of points (n, 3)."""
    return Landmark(points_mm=np.asarray(points, np.float64), kind="area", views=tuple(views))


def end_plates(
    spine: Spine, views: Sequence[str], *, above: tuple[str, float] | None = None
) -> Landmark:
    """The middles of the upper end plates, head to feet.

    `above` names one more vertebra than those whose dimensions are known, and its height.
    """
    heights = [
        (name, (spine.vertebra(name).height_front + spine.vertebra(name).height_back) / 2)
        for name in spine.levels
    ]
    every = heights if above is None else [above, *heights]
    points = [spine.world(name, (0.0, 0.0, height / 2)) for name, height in every]
    return Landmark(points_mm=np.array(points), views=tuple(views), level=every[0][0])


def midline(spine: Spine, views: Sequence[str]) -> Landmark:
    """The midline at the dorsal walls of the bodies."""
    points = [spine.world(name, (spine.vertebra(name).wall, 0.0, 0.0)) for name in spine.levels]
    return line(points, views)


def courses(
    ways: Sequence[tuple[tuple[float, float], float]], target: DoubleArray, side: int
) -> tuple[Course, ...]:
    """Where vessels run: ((lateral, cranial) heading from the tip, x they sink to) of each."""
    return tuple(
        Course(
            start_mm=target + np.array([0.5, 0.0, 0.0]),
            heading=np.array([0.0, side * lateral, cranial]),
            x_mm=x_mm,
        )
        for (lateral, cranial), x_mm in ways
    )


def held(planned_deg: tuple[float, float], side: int, random: np.random.Generator) -> DoubleArray:
    """The way of an electrode, planned as (lateral, cranial), as a hand holds it."""
    hand = np.clip(random.normal(0.0, _HAND_DEG, 2), -_WIDEST_HAND_DEG, _WIDEST_HAND_DEG)
    lateral, cranial = planned_deg + hand
    return direction(side * float(lateral), float(cranial))


def planned(planned_deg: tuple[float, float], side: int) -> DoubleArray:
    """The way of an electrode as planned, (lateral, cranial) in degrees."""
    return direction(side * planned_deg[0], planned_deg[1])
