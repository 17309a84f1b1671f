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

MISPLACED = ("intrathecal", "intradiscal", "retrodural")
"""Twins whose injection misses its space."""

FOLLOW_UPS = ("follow_up", "migrated")
"""Twins that show the patient of the twin `none` on another day, under another angle."""
LEAD_TWINS = ("none", *FOLLOW_UPS, "two_leads")

EXPECTED_WARNINGS: dict[str, tuple[str, ...]] = {
    "none": (),
    "no_contrast": ("contrast_not_seen",),
    "vascular": ("vascular_uptake",),
    "vascular_persistent": ("vascular_uptake",),
    "vascular_mixed": ("vascular_uptake",),
    "vascular_remote": ("vascular_uptake",),
    "intrathecal": ("intrathecal_like",),
    "intradiscal": ("intradiscal_like",),
    "retrodural": ("retrodural_facet_like",),
    "follow_up": (),
    "migrated": (),
    "two_leads": (),
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
    volume_ml: tuple[float, float] = (1.0, 1.0)
    rate_ml_s: tuple[float, float] = (0.5, 0.5)
    twins: tuple[str, ...] = TWINS


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
        twins=(*TWINS, "intrathecal", "retrodural"),
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
        twins=(*TWINS, "intradiscal", "retrodural"),
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


# No contrast is given: volume and rate stay unused.
LEADS: dict[str, SceneSpec] = {
    "scs_lead": SceneSpec(
        views={"AP": ((-4.0, 4.0), (-6.0, 6.0)), "LAT": ((88.0, 92.0), (-2.0, 2.0))},
        levels=("L1", "L2"),
        twins=LEAD_TWINS,
    ),
    "drg_lead": SceneSpec(
        views={"AP": ((-4.0, 4.0), (-6.0, 6.0)), "LAT": ((88.0, 92.0), (-2.0, 2.0))},
        levels=("L1", "L2", "L3"),
        twins=LEAD_TWINS,
    ),
}
"""Scenes with a stimulator's lead instead of a needle. The anatomy is lumbar throughout."""


def examination(twin: str) -> tuple[str, ...]:
    """Words that tell the random streams of one patient's examinations apart."""
    return ("again",) if twin in FOLLOW_UPS else ()


def scenes() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Every scene of an injection: procedure key to (views, twins); the first view is usual."""
    return {key: (tuple(spec.views), spec.twins) for key, spec in SPECS.items()}


def scene_spec(key: str, *, twin: str, view: str | None) -> tuple[SceneSpec, str]:
    """The scene of a key and its view's name.

    Raises
    ------
    PhantomError
        The key, twin or view does not exist; the message names what does.
    """
    known = SPECS | LEADS
    if key not in known:
        raise PhantomError(f"no scene {key!r}; there are {', '.join(known)}")
    spec = known[key]
    if twin not in spec.twins:
        raise PhantomError(f"no twin {twin!r} of {key}; there are {', '.join(spec.twins)}")
    name = next(iter(spec.views)) if view is None else view
    if name not in spec.views:
        raise PhantomError(f"no view {view!r} of {key}; there are {', '.join(spec.views)}")
    return spec, name
