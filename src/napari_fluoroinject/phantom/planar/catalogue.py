"""The scenes of the second family, and the procedures they stand for."""

from __future__ import annotations

from dataclasses import dataclass

from napari_fluoroinject.errors import PhantomError
from napari_fluoroinject.phantom.scenes.common import INJECTION_TWINS

TWINS = (
    "none",
    "no_contrast",
    "vascular",
    "vascular_persistent",
    "vascular_mixed",
    "vascular_remote",
)
EXPECTED_WARNINGS = {name: INJECTION_TWINS[name].warnings for name in TWINS}
WITH_INTENDED_SPREAD = tuple(name for name in TWINS if INJECTION_TWINS[name].intended)
WITH_RUN_OFF = tuple(name for name in TWINS if INJECTION_TWINS[name].run_off is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanarSpec:
    """One scene: the procedure to analyse it as, its view, and ranges to draw from.

    `column_mm` is where the target lies in a vertebra's frame (row caudal, column towards the
    needle's side, depth dorsal), origin at the body's centre; `away_deg` the direction from tip to
    hub in the picture, 0 = caudal, 90 = towards the needle's side.
    """

    procedure: str
    view: str
    oblique_deg: tuple[float, float]
    column_mm: tuple[float, float, float]
    away_deg: tuple[float, float]
    volume_ml: tuple[float, float]
    rate_ml_s: tuple[float, float]


# Volumes and rates: clinical.yaml (test volumes of the procedures).
SPECS: dict[str, PlanarSpec] = {
    "midline_sheet": PlanarSpec(
        procedure="esi_il_lumbar",
        view="AP",
        oblique_deg=(-6.0, 6.0),
        column_mm=(17.0, 2.0, 14.0),
        away_deg=(5.0, 50.0),
        volume_ml=(1.0, 3.0),
        rate_ml_s=(0.35, 0.7),
    ),
    "oblique_sleeves": PlanarSpec(
        procedure="esi_tf_lumbar_subpedicular",
        view="OBL",
        oblique_deg=(18.0, 38.0),
        column_mm=(5.0, 18.0, 4.0),
        away_deg=(40.0, 125.0),
        volume_ml=(0.6, 1.8),
        rate_ml_s=(0.3, 0.6),
    ),
    "film_on_bone": PlanarSpec(
        procedure="mbb_lumbar",
        view="AP",
        oblique_deg=(-5.0, 14.0),
        column_mm=(-8.0, 25.0, 12.0),
        away_deg=(20.0, 140.0),
        volume_ml=(0.2, 0.35),
        rate_ml_s=(0.15, 0.4),
    ),
}


def planar_spec(key: str, *, twin: str, view: str | None) -> PlanarSpec:
    """The scene of a key.

    Raises
    ------
    PhantomError
        The key, twin or view does not exist; the message names what does.
    """
    if key not in SPECS:
        raise PhantomError(f"no scene {key!r}; there are {', '.join(SPECS)}")
    if twin not in TWINS:
        raise PhantomError(f"no twin {twin!r} of {key}; there are {', '.join(TWINS)}")
    spec = SPECS[key]
    if view not in (None, spec.view):
        raise PhantomError(f"no view {view!r} of {key}; there is {spec.view}")
    return spec
