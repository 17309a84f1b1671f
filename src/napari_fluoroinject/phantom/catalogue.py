"""The scenes there are: per procedure its views, twins and how contrast is given."""

from __future__ import annotations

from dataclasses import dataclass

from napari_fluoroinject.errors import PhantomError

TWINS = (
    "none",
    "no_contrast",
    "vascular",
    "vascular_persistent",
    "vascular_mixed",
    "vascular_remote",
)

EXPECTED_WARNINGS: dict[str, tuple[str, ...]] = {
    "none": (),
    "no_contrast": ("contrast_not_seen",),
    "vascular": ("vascular_uptake",),
    "vascular_persistent": ("vascular_uptake",),
    "vascular_mixed": ("vascular_uptake",),
    "vascular_remote": ("vascular_uptake",),
}

WITH_INTENDED_SPREAD = ("none", "vascular_mixed", "vascular_remote")
WITH_RUN_OFF = ("vascular", "vascular_persistent", "vascular_mixed", "vascular_remote")


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSpec:
    """One procedure's scene.

    `views` names C-arm positions as (oblique, tilt) ranges in degrees, oblique positive towards
    the side of the needle; the first is the default. Volumes, rates and levels are ranges to draw
    from.
    """

    views: dict[str, tuple[tuple[float, float], tuple[float, float]]]
    levels: tuple[str, ...]
    volume_ml: tuple[float, float]
    rate_ml_s: tuple[float, float]


# Volumes and rates: clinical.yaml (test volumes of the procedures; 0.5 mL/s of transforaminal
# studies).
SPECS: dict[str, SceneSpec] = {
    "esi_il_lumbar": SceneSpec(
        views={
            "AP": ((-4.0, 4.0), (-6.0, 6.0)),
            "CLO": ((-50.0, -40.0), (-3.0, 3.0)),
            "LAT": ((88.0, 92.0), (-2.0, 2.0)),
        },
        levels=("L2", "L3", "L4"),
        volume_ml=(1.0, 3.0),
        rate_ml_s=(0.35, 0.7),
    ),
    "esi_tf_lumbar_subpedicular": SceneSpec(
        views={
            "AP": ((-3.0, 3.0), (-6.0, 6.0)),
            "OBL": ((20.0, 40.0), (-8.0, 4.0)),
            "LAT": ((88.0, 92.0), (-2.0, 2.0)),
        },
        levels=("L2", "L3", "L4"),
        volume_ml=(0.5, 2.0),
        rate_ml_s=(0.3, 0.6),
    ),
    "mbb_lumbar": SceneSpec(
        views={
            "AP": ((-3.0, 3.0), (-6.0, 6.0)),
            "OBL": ((15.0, 30.0), (-6.0, 6.0)),
            "LAT": ((88.0, 92.0), (-2.0, 2.0)),
        },
        levels=("L2", "L3", "L4"),
        volume_ml=(0.2, 0.3),
        rate_ml_s=(0.15, 0.4),
    ),
}


def scenes() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Every scene: procedure key to (views, twins); the first view is the default."""
    return {key: (tuple(spec.views), TWINS) for key, spec in SPECS.items()}


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
    if twin not in TWINS:
        raise PhantomError(f"no twin {twin!r} of {key}; there are {', '.join(TWINS)}")
    name = next(iter(spec.views)) if view is None else view
    if name not in spec.views:
        raise PhantomError(f"no view {view!r} of {key}; there are {', '.join(spec.views)}")
    return spec, name
