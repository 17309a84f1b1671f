"""What lists and pages say of a run: short words, free of patient data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.rendering import statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.geometry import View
    from napari_fluoroinject.viewer.run import Plane, Run

_UNEVEN = 0.02
"""Frame times that differ by more from their median are no one rate."""
_PLANES: dict[str, Plane] = {"AP": "AP", "LAT": "LAT", "OBL": "OBL", "LATERAL": "LAT"}


def plane_of(view: View) -> Plane | None:
    """Which plane a view is, as far as its name or its angle tells; None = not known."""
    if view.name is None:
        return None if view.primary_angle_deg is None else "OBL"
    return _PLANES.get(view.name.upper())


def run_name(view: View, taken: Iterable[str]) -> str:
    """A name that no open run has: plane and a number that counts on, such as `AP 1`."""
    last = max((_number(name) for name in taken), default=0)
    return f"{plane_of(view) or 'Run'} {last + 1}"


def view_words(view: View) -> str:
    """The angles as C-arms show them (`LAO 12°, CRA 5°`), else the view's name."""
    primary, secondary = view.primary_angle_deg, view.secondary_angle_deg
    parts = [
        f"{name} {abs(angle):.0f}°"
        for angle, name in (
            (primary, "LAO" if (primary or 0) > 0 else "RAO"),
            (secondary, "CRA" if (secondary or 0) > 0 else "CAU"),
        )
        if angle is not None and round(abs(angle)) > 0
    ]
    if view.name is None and primary is None and secondary is None:
        return "view unknown"
    angles = ", ".join(parts)
    if view.name is None:
        return angles or "0°"
    return f"{view.name} ({angles})" if angles else view.name


def frames_words(loop: CineLoop) -> str:
    """Frames and their rate: `90 frames, 15 frames/s`; uneven and unknown times are said."""
    count = loop.shape[0]
    frames = f"{count} frame{'s' * (count != 1)}"
    if loop.times_s is None:
        return f"{frames}, times unknown"
    if count < 2 or loop.times_s[-1] <= loop.times_s[0]:
        return frames
    steps = np.diff(loop.times_s)
    rate = f"{(count - 1) / float(loop.times_s[-1] - loop.times_s[0]):.3g} frames/s"
    even = bool(np.all(np.abs(steps - np.median(steps)) <= _UNEVEN * np.median(steps)))
    return f"{frames}, {rate}" if even else f"{frames}, {rate} on average, uneven"


def spacing_words(loop: CineLoop) -> str:
    """Millimetres per pixel and their basis; `uncalibrated` where there are none."""
    if loop.calibration is None:
        return "uncalibrated: lengths in pixels"
    return f"{loop.calibration.mm_per_px:.2f} mm/px, {statement.basis(loop)}"


def run_words(run: Run) -> tuple[str, str]:
    """Two lines below the name of a run: frames and view; then spacing and origin."""
    return (
        f"{frames_words(run.loop)} · {view_words(run.loop.view)}",
        f"{spacing_words(run.loop)} · {run.origin}",
    )


def _number(name: str) -> int:
    last = name.rpartition(" ")[2]
    return int(last) if last.isascii() and last.isdigit() else 0
