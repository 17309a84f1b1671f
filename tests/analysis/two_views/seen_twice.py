"""Points of a patient as two views of known poses show them, for the tests of two views."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.two_views.projection import project
from napari_fluoroinject.analysis.two_views.triangulate import CommonPoint
from napari_fluoroinject.model.pose import CArmPose

if TYPE_CHECKING:
    from collections.abc import Mapping


def pose(primary_deg: float = 0.0, secondary_deg: float = 0.0, **changes: object) -> CArmPose:
    fields = {
        "source_to_detector_mm": 1000.0,
        "source_to_isocentre_mm": 700.0,
        "primary_deg": primary_deg,
        "secondary_deg": secondary_deg,
        "detector_mm_per_px": 0.30,
        "principal_px": (511.5, 511.5),
    }
    return CArmPose(**(fields | changes))


def seen_px(view: CArmPose, point: object, error: object = None) -> tuple[float, float]:
    row, column = project(view, point, error=error)
    return float(row), float(column)


def common(
    first: CArmPose,
    second: CArmPose,
    points: Mapping[str, object],
    *,
    sigma_px: float = 1.0,
    errors: tuple[object, object] = (None, None),
    random: np.random.Generator | None = None,
) -> list[CommonPoint]:
    """Points as both views show them, blurred by `sigma_px` where a generator is given."""
    noise = np.zeros((len(points), 4))
    if random is not None:
        noise = sigma_px * random.standard_normal(noise.shape)
    return [
        CommonPoint(
            name=name,
            first_px=tuple(np.add(seen_px(first, point, errors[0]), blur[:2])),
            second_px=tuple(np.add(seen_px(second, point, errors[1]), blur[2:])),
            sigma_px=(sigma_px, sigma_px),
        )
        for (name, point), blur in zip(points.items(), noise, strict=True)
    ]
