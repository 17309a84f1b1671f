"""What surrounds the cervical spine: neck, muscles, windpipe, shoulders."""

from __future__ import annotations

import numpy as np

from napari_fluoroinject.phantom.body import Hollow, Muscle, Trunk


def draw_neck(random: np.random.Generator) -> Trunk:
    """Draw a patient's neck: 11 to 13 cm deep and wide (assumed), with windpipe and shoulders."""
    half_depth, half_width = random.uniform(57, 65), random.uniform(55, 65)
    back = float(random.uniform(74, 80))
    deep = float(random.uniform(15, 19))
    windpipe = (float(random.uniform(26, 31)), float(random.uniform(-2, 2)))
    strap = float(random.uniform(7.5, 10.0))
    muscles = tuple(
        muscle
        for side in (1.0, -1.0)
        for muscle in (
            # splenius and semispinalis behind, sternocleidomastoid at the side
            Muscle(at_mm=(-42.0, side * deep * 1.1), half_mm=(deep, deep * 0.9)),
            Muscle(at_mm=(12.0, side * 42.0), half_mm=(strap * 1.4, strap)),
        )
    )
    return Trunk(
        half_depth_mm=float(half_depth),
        half_width_mm=float(half_width),
        back_mm=back,
        exponent=float(random.uniform(2.1, 2.5)),
        muscles=muscles,
        gas_mm=np.empty((0, 3)),
        gas_half_mm=np.empty((0, 2)),
        gas_depth_mm=np.empty(0),
        hollows=(*_airways(windpipe, random), *_shoulders(random)),
    )


def _airways(windpipe: tuple[float, float], random: np.random.Generator) -> tuple[Hollow, ...]:
    """Windpipe below, throat above."""
    x, y = windpipe
    wide = float(random.uniform(7.5, 9.5))
    return (
        Hollow(at_mm=(x, y, -75.0), half_mm=(wide, wide, 85.0), filled=0.05),
        Hollow(at_mm=(x - 5.0, 0.0, 55.0), half_mm=(6.0, 11.0, 45.0), filled=0.1),
    )


def _shoulders(random: np.random.Generator) -> tuple[Hollow, ...]:
    """What lateral views of the lowest levels must pass through: tissue beside the neck."""
    top = float(random.uniform(-38, -24))
    wide = float(random.uniform(36, 48))
    return tuple(
        Hollow(at_mm=(-18.0, side * 112.0, top - 62.0), half_mm=(48.0, wide, 62.0), filled=2.0)
        for side in (1.0, -1.0)
    )
