"""The scenes there are: per procedure its views, twins and how contrast is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.errors import PhantomError
from napari_fluoroinject.phantom.scenes import (
    cervical_bone,
    cervical_epidural,
    leads,
    lumbar_bone,
    lumbar_epidural,
    lumbar_sympathetic,
    sacral_bone,
    sacral_epidural,
    stellate,
    thoracic_bone,
    thoracic_epidural,
)
from napari_fluoroinject.phantom.scenes.leads import FOLLOW_UPS

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.scenery import SceneSpec

SPECS: dict[str, SceneSpec] = {
    **lumbar_epidural.SCENES,
    **lumbar_bone.SCENES,
    **lumbar_sympathetic.SCENES,
    **cervical_bone.SCENES,
    **thoracic_bone.SCENES,
    **thoracic_epidural.SCENES,
    **cervical_epidural.SCENES,
    **stellate.SCENES,
    **leads.SCENES,
    **sacral_epidural.SCENES,
    **sacral_bone.SCENES,
}
"""Every scene by the key of its procedure."""


def examination(twin: str) -> tuple[str, ...]:
    """Words that tell the random streams of one patient's examinations apart."""
    return ("again",) if twin in FOLLOW_UPS else ()


def scenes() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Every scene: procedure key to (views, twins); the first view is the usual one."""
    return {key: (tuple(spec.views), tuple(spec.twins)) for key, spec in SPECS.items()}


def scene_spec(key: str, *, twin: str, view: str | None) -> tuple[SceneSpec, str]:
    """The scene of a key and its view's name.

    Raises
    ------
    PhantomError
        The key, twin or view does not exist; the message names what does.
    """
    if key not in SPECS:
        raise PhantomError(f"no scene {key!r}; there are {', '.join(SPECS)}")
    spec = SPECS[key]
    if twin not in spec.twins:
        raise PhantomError(f"no twin {twin!r} of {key}; there are {', '.join(spec.twins)}")
    name = next(iter(spec.views)) if view is None else view
    if name not in spec.views:
        raise PhantomError(f"no view {view!r} of {key}; there are {', '.join(spec.views)}")
    return spec, name
