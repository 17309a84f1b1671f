"""How the needle lies: against the planned trajectory, the beam, and its own true length."""

from __future__ import annotations

from math import asin, degrees, hypot, sqrt
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.measures.seen import MARK_SIGMA_PX, Seen, unmeasured
from napari_fluoroinject.model.geometry import length_px
from napari_fluoroinject.model.measurement import LANDMARK_OF, Measurement
from napari_fluoroinject.model.needle import Needle

if TYPE_CHECKING:
    from napari_fluoroinject.model.procedure import Procedure

PLANNED = LANDMARK_OF["shaft_angle"]
LONGEST_SHARE = 1.15
"""A needle above the calibrated plane looks longer than it is, by so much at 100 mm of 700."""
COAXIAL = ("coaxial", "coaxial_then_multiplanar")


def shaft_measurements(seen: Seen, procedure: Procedure) -> tuple[Measurement, ...]:
    """Measure those of shaft angle, coaxiality and foreshortening that the procedure asks for.

    `shaft_angle` is between the shaft and the line marked as planned, 0 to 90 degrees.
    `coaxiality` is the angle between needle and beam in the trajectory view, and `foreshortening`
    the sine of that angle in any view: both compare the needle's length in the picture with its
    true one, so a person must have given both (a detected hub is only where the shaft was last
    seen). Lengths hold in the calibrated plane; a needle above it looks longer.
    """
    taken = {
        "shaft_angle": _shaft_angle,
        "coaxiality": _coaxiality,
        "foreshortening": _foreshortening,
    }
    return tuple(taken[one](seen, procedure) for one in procedure.measures if one in taken)


def _shaft_angle(seen: Seen, _: Procedure) -> Measurement:
    planned = seen.annotation.mark(PLANNED)
    if planned is None:
        return unmeasured(seen, "shaft_angle", "the planned trajectory was not marked", unit="deg")
    if not isinstance(seen.needle, Needle):
        return unmeasured(seen, "shaft_angle", "no needle was found", unit="deg")
    way = np.subtract(planned.points_px[-1], planned.points_px[0])
    shaft = _shaft(seen, seen.needle)
    lengths = float(np.hypot(*way)), float(np.hypot(*shaft))
    if min(lengths) == 0:
        return unmeasured(seen, "shaft_angle", "the needle or the plan is a point", unit="deg")
    across = abs(float(way[0] * shaft[1] - way[1] * shaft[0])) / (lengths[0] * lengths[1])
    sigma = sqrt(2) * hypot(MARK_SIGMA_PX / lengths[0], MARK_SIGMA_PX / lengths[1])
    return Measurement(
        id="shaft_angle",
        value=degrees(asin(min(across, 1.0))),
        unit="deg",
        sigma=degrees(sigma),
        of=PLANNED,
        view=seen.view,
    )


def _coaxiality(seen: Seen, procedure: Procedure) -> Measurement:
    entry = [view.name for view in procedure.views if view.role == "entry"]
    rule = procedure.trajectory
    if rule is None or rule.kind not in COAXIAL or not entry:
        return unmeasured(seen, "coaxiality", "the needle does not go along the beam", unit="deg")
    if seen.view not in entry:
        why = f"it is measured in the trajectory view ({', '.join(entry)})"
        return unmeasured(seen, "coaxiality", why, unit="deg")
    share, sigma, why = _share(seen)
    if share is None:
        return unmeasured(seen, "coaxiality", why, unit="deg")
    angle = asin(min(share, 1.0))
    # near 90 degrees the sine no longer tells the angle
    steep = max(sqrt(1 - min(share, 1.0) ** 2), sigma)
    return Measurement(
        id="coaxiality",
        value=degrees(angle),
        unit="deg",
        sigma=degrees(sigma / steep),
        view=seen.view,
    )


def _foreshortening(seen: Seen, _: Procedure) -> Measurement:
    share, sigma, why = _share(seen)
    if share is None:
        return unmeasured(seen, "foreshortening", why, unit="1")
    return Measurement(id="foreshortening", value=share, unit="1", sigma=sigma, view=seen.view)


def _share(seen: Seen) -> tuple[float | None, float, str]:
    """The needle's length in the picture over its true one, 1 sigma, or why there is none."""
    needle, true_mm = seen.needle, seen.annotation.needle_length_mm
    if not isinstance(needle, Needle):
        return None, 0.0, "no needle was found; mark its hub and tip"
    if needle.source != "given":
        why = "the detected hub is only where the shaft was last seen; mark hub and tip"
        return None, 0.0, why
    if true_mm is None:
        return None, 0.0, "the needle's length was not given"
    calibration = seen.loop.calibration
    if calibration is None:
        return None, 0.0, "there are no millimetres"
    share = length_px(needle.hub_px, needle.tip_px) * calibration.mm_per_px / true_mm
    ends = sqrt(2) * MARK_SIGMA_PX * calibration.mm_per_px / true_mm
    sigma = hypot(ends, share * (calibration.relative_uncertainty or 0.0))
    if share > LONGEST_SHARE + 2 * sigma:
        looks = f"it looks {share * true_mm:.0f} mm long, longer than the {true_mm:g} mm given"
        return None, 0.0, f"{looks}: length, marks or millimetres are wrong"
    return share, sigma, ""


def _shaft(seen: Seen, needle: Needle) -> np.ndarray:
    """From hub to tip in the reference pose, (row, column)."""
    hub, tip = (
        seen.motion.in_reference_pose(end, needle.frame) for end in (needle.hub_px, needle.tip_px)
    )
    return np.subtract(tip, hub)
