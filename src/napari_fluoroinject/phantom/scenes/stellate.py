"""Stellate ganglion block: before the neck's spine, in a patient who lies on the back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom import cervical_places as places
from napari_fluoroinject.phantom.misplaced import muscle_film, sac_film, tip_in_sac, tip_off_by
from napari_fluoroinject.phantom.prevertebral import PREVERTEBRAL_MM, prevertebral_film
from napari_fluoroinject.phantom.scenery import Aim, Landmark, SceneSpec, Site, Twin
from napari_fluoroinject.phantom.scenes import cervical_landmarks as necks
from napari_fluoroinject.phantom.scenes import common
from napari_fluoroinject.phantom.spaces import space_along

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.film import Film
    from napari_fluoroinject.phantom.spaces import Space
    from napari_fluoroinject.phantom.spine import Spine
    from napari_fluoroinject.phantom.vessel import Course

_LATERAL_MM = 8.0
_ALONG_TIP = ("tip_past_limit", "tip_off_target")
_MUSCLE_MM = (1.5, 7.5)
"""Longus colli as a lateral view shows it: from and to before the bodies (5 to 8 thick)."""
_MUSCLE_HALF_MM = (24.0, 4.5, 3.0)


def _aim(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """On bone where body and uncinate process meet, along an oblique beam."""
    bone = places.vertebra(spine, level)
    y = bone.width_top / 2 - random.uniform(2.2, 3.4)
    x = places.body_front(spine, level, y) + PREVERTEBRAL_MM
    z = bone.height_front / 2 - random.uniform(1.0, 2.5)
    return Aim(
        target_mm=spine.world(level, (x, side * y, z)),
        approach=common.direction(side * (180 - random.uniform(33, 48)), random.uniform(-6, 6)),
    )


def _landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:  # noqa: ARG001 - as every drawer of landmarks
    return {
        "uncinate_line": _uncinate_line(spine, side, ("OBL", "PA")),
        "midline": common.midline(spine, ("PA",)),
        "end_plates": necks.end_plates(spine, ("PA", "LAT", "OBL")),
        "longus_colli": _longus_colli(spine),
    }


def _uncinate_line(spine: Spine, side: int, views: tuple[str, ...]) -> Landmark:
    """Along the uncinate processes; where there is none, along the bodies' upper corners."""
    points = []
    for name in spine.levels:
        bone = places.vertebra(spine, name)
        top = (bone.height_front + bone.height_back) / 4 + 0.5 * bone.uncinate_height
        points.append(spine.world(name, (-1.0, side * bone.width_top / 2, top)))
    return common.line(points, views, beyond=(0.0, side * _LATERAL_MM, 0.0))


def _longus_colli(spine: Spine) -> Landmark:
    """The muscles before the bodies, from C3 to T1."""
    bones = [(name, spine.vertebra(name).depth / 2) for name in spine.levels]
    front, back = (
        [spine.world(name, (half + before, 0.0, 0.0)) for name, half in bones]
        for before in _MUSCLE_MM
    )
    return Landmark(points_mm=np.array([*front, *back[::-1]]), kind="outline", views=("LAT",))


def _muscle(spine: Spine, level: str, side: int) -> Space:
    """Longus colli at a level, its bundles along the spine."""
    bone = spine.vertebra(level)
    middle = spine.world(level, (bone.depth / 2 + sum(_MUSCLE_MM) / 2, side * 5.5, 0.0))
    turn = spine.skeleton.bone(level).turn
    across = turn @ np.array([-0.3, side * 1.0, 0.0])
    return space_along(middle, turn[:, 2], across, _MUSCLE_HALF_MM)


def _supine_sac_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:
    """The dural sac of a patient on the back: contrast layers dorsally."""
    film = sac_film(site, spine, random)
    points = film.points_mm.copy()
    z = points[..., 2]
    points[..., 0] = 2 * spine.wall_x(z) - spine.canal_depth(z) - points[..., 0]
    return replace(film, points_mm=points)


def _tip_in_muscle(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:  # noqa: ARG001 - as every mover of a tip
    space = _muscle(spine, site.level, site.side)
    upward = float((site.tip_mm - space.centre_mm) @ space.axes[0])
    return np.asarray(space.centre_mm + upward * space.axes[0])


def _muscle_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:
    space = _muscle(spine, site.level, site.side)
    return muscle_film(space, random.uniform(3.0, 4.5), site, random)


def _courses(spine: Spine, target: DoubleArray, side: int) -> tuple[Course, ...]:
    """Vertebral artery, inferior thyroid vessels, ascending cervical artery, subclavian."""
    wall = float(spine.wall_x(target[2]))
    ways = (
        ((0.3, 1.0), wall + 3.4),
        ((-0.7, 0.6), wall + 28.0),
        ((0.35, 1.0), wall + 16.0),
        ((0.8, -0.8), wall + 12.0),
    )
    return common.courses(ways, target, side)


# Volume: clinical.yaml (test volume); rate assumed.
SCENES = {
    "stellate": SceneSpec(
        region="cervical",
        views={
            "PA": ((-4.0, 4.0), (-6.0, 6.0)),
            "OBL": ((33.0, 48.0), (-5.0, 5.0)),
            "LAT": ((88.0, 92.0), (-2.0, 2.0)),
        },
        levels=("C6", "C6", "C7"),
        aim=_aim,
        landmarks=_landmarks,
        courses=_courses,
        film=prevertebral_film,
        volume_ml=(0.5, 1.0),
        rate_ml_s=(0.25, 0.5),
        twins={
            **common.INJECTION_TWINS,
            "intrathecal": Twin(
                intended=False,
                tip=tip_in_sac,
                film=_supine_sac_film,
                warnings=("intrathecal_like",),
                also=_ALONG_TIP,
                views=("PA",),
            ),
            "intramuscular": Twin(
                intended=False,
                tip=_tip_in_muscle,
                film=_muscle_film,
                warnings=("intramuscular_like",),
                also=("tip_off_target",),
                views=("LAT",),
            ),
            "tip_past_limit": Twin(
                tip=tip_off_by(9.5, -4.0, 0.0),
                warnings=("tip_past_limit",),
                also=("tip_off_target",),
                views=("PA",),
            ),
            "tip_off_target": Twin(
                tip=tip_off_by(-6.5, 2.0, -7.0),
                warnings=("tip_off_target",),
                views=("PA",),
            ),
        },
        supine=True,
    ),
}
