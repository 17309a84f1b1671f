"""One patient with one procedure's site: what does not depend on the view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.phantom.body import Trunk, draw_trunk
from napari_fluoroinject.phantom.site import Site, Spine, draw_site
from napari_fluoroinject.phantom.skeleton import Skeleton, draw_skeleton
from napari_fluoroinject.phantom.streams import stream

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.catalogue import SceneSpec


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patient:
    """Bones, trunk and canal of one patient, and where the procedure takes place."""

    skeleton: Skeleton
    trunk: Trunk
    spine: Spine
    site: Site


def draw_patient(key: str, spec: SceneSpec, seed: int) -> Patient:
    """The patient of a seed: the same bones for every procedure, view and twin."""
    skeleton = draw_skeleton(stream(seed, "anatomy"))
    spine = Spine(skeleton)
    return Patient(
        skeleton=skeleton,
        trunk=draw_trunk(stream(seed, "anatomy", "trunk")),
        spine=spine,
        site=draw_site(key, spec.levels, spine, stream(seed, "pose", key)),
    )
