"""One patient with one procedure's site: what does not depend on the view."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom.body import Trunk
from napari_fluoroinject.phantom.regions import REGIONS
from napari_fluoroinject.phantom.scenery import SceneSpec, Site
from napari_fluoroinject.phantom.skeleton import Skeleton
from napari_fluoroinject.phantom.spine import Spine
from napari_fluoroinject.phantom.streams import stream

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.scenery import Twin

_FARTHEST_MISS = 2.4
"""No axis misses by more of its standard deviations."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patient:
    """Bones, trunk and canal of one patient, and where the procedure takes place."""

    skeleton: Skeleton
    trunk: Trunk
    spine: Spine
    site: Site


def draw_patient(key: str, spec: SceneSpec, seed: int) -> Patient:
    """The patient of a seed: the same bones for every procedure of a region, view and twin."""
    region = REGIONS[spec.region]
    skeleton = region.skeleton(stream(seed, "anatomy", *region.words))
    spine = Spine(skeleton)
    return Patient(
        skeleton=skeleton,
        trunk=region.trunk(stream(seed, "anatomy", "trunk", *region.words)),
        spine=spine,
        site=draw_site(spec, spine, stream(seed, "pose", key)),
    )


def draw_site(spec: SceneSpec, spine: Spine, random: np.random.Generator) -> Site:
    """Draw level, side, target and needle of a procedure: people do not hit to the hair."""
    level, side = str(random.choice(spec.levels)), int(random.choice([-1, 1]))
    aim = spec.aim(spine, level, side, random)
    farthest = _FARTHEST_MISS * spec.miss_mm
    miss = np.clip(random.normal(0.0, spec.miss_mm, 3), -farthest, farthest)
    return Site(
        level=level,
        side=side,
        target_mm=aim.target_mm,
        tip_mm=aim.target_mm + miss,
        approach=aim.approach,
        landmarks=spec.landmarks(spine, level, side),
        courses=() if spec.courses is None else spec.courses(spine, aim.target_mm, side),
    )


def with_tip_of(twin: Twin, patient: Patient, random: np.random.Generator) -> Site:
    """The patient's site with the tip where a twin has it."""
    site = patient.site
    if twin.tip is None:
        return site
    return replace(site, tip_mm=twin.tip(site, patient.spine, random))
