"""The words on the pictures: which view, what moment, what a pixel measures."""

from __future__ import annotations

import string
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.viewer.layers import map_unit

if TYPE_CHECKING:
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.geometry import CalibrationBasis, View
    from napari_fluoroinject.viewer.bench import MapKind
    from napari_fluoroinject.viewer.linking import LinkBasis
    from napari_fluoroinject.viewer.scene import Scene

WIDEST = 50
"""Characters of a line: half a window of 1366 pixels, less the dock and a colour bar."""
SYNTHETIC = "SYNTHETIC DATA"
NOT_ONE_FRAME = "3D display or turned axes: this is no single frame"
LETTERS = f"{string.digits}{string.ascii_letters} .,:·/=()>±°-"
"""With what these words are written: a letter takes milliseconds when it is first drawn."""
_EVEN = 0.02
"""Frame times that differ by less, as a share of the usual one, are even."""
_BASIS: dict[CalibrationBasis, str] = {
    "iso_ermf": "isocentre plane, ERMF",
    "iso_sid_sod": "isocentre plane, SID/SOD",
    "pixel_spacing_fiducial": "fiducial in the picture",
    "needle_gauge": "from the needle's gauge",
    "none": "no basis",
}
_ESTIMATED: tuple[CalibrationBasis, ...] = ("needle_gauge",)


def picture_text(scene: Scene, frame: int, *, kind: MapKind = "none") -> str:
    """Return what stands on the main picture, in lines; `kind` is the map that lies over it."""
    loop = scene.run.loop
    lines = [
        " · ".join((scene.prefix, *_pose_words(loop), side_text(scene))),
        time_text(loop, frame),
        spacing_text(loop),
    ]
    if scene.still:
        lines.append(subtraction_text(scene, frame))
    if kind != "none":
        lines.append(f"colour: {map_unit(kind)}")
    if scene.out_of_date:
        lines.append("results are out of date: something was marked since")
    if getattr(loop, "synthetic", False):
        lines.append(SYNTHETIC)
    return "\n".join(lines)


def wrapped(text: str) -> str:
    """Break lines that would run out of a small picture, or under its colour bar."""
    lines = (
        textwrap.fill(line, WIDEST, subsequent_indent="   ", break_long_words=False)
        for line in text.split("\n")
    )
    return "\n".join(lines)


def time_text(loop: CineLoop, frame: int) -> str:
    """Return the time of a frame from the first, its number from 1, and the acquired rate.

    The time is that of the file, also where frames are not evenly spaced.
    """
    count = f"frame {frame + 1}/{loop.shape[0]}"
    times_s = loop.times_s
    if times_s is None:
        return f"{count} · frame times unknown"
    at = f"t = {times_s[frame]:.3f} s"  # to the millisecond, as the report has it
    steps_s = np.diff(times_s)
    if not len(steps_s) or float(np.median(steps_s)) <= 0:
        return f"{at} · {count}"
    usual_s = float(np.median(steps_s))
    if float(np.abs(steps_s - usual_s).max()) > _EVEN * usual_s:
        return f"{at} · {count} · uneven frame times"
    return f"{at} · {count} · {1 / float(steps_s.mean()):.3g} frames/s acquired"


def angle_text(view: View) -> str:
    """Return the C-arm's angles as its display has them; empty where the header has none.

    PositionerPrimaryAngle is positive towards the patient's left (LAO), the secondary one towards
    the head (PS3.3 C.8.7.5).
    """
    told = []
    for degrees, positive, negative in (
        (view.primary_angle_deg, "LAO", "RAO"),
        (view.secondary_angle_deg, "CRAN", "CAUD"),
    ):
        if degrees is not None:
            told.append(f"{positive if round(degrees) >= 0 else negative} {abs(degrees):.0f}°")
    return " ".join(told)


def spacing_text(loop: CineLoop) -> str:
    """Return what a pixel measures and where that comes from."""
    calibration = loop.calibration
    if calibration is None:
        return "uncalibrated: px"
    estimated = " (est.)" if calibration.basis in _ESTIMATED else ""
    return f"{calibration.mm_per_px:.3f} mm/px{estimated} · {_BASIS[calibration.basis]}"


def side_text(scene: Scene) -> str:
    """Return the side of the needle that a person said, or else the header's."""
    side = scene.annotation.side or scene.run.loop.laterality
    if not side:
        return "side unknown"
    return {"L": "left", "R": "right", "B": "bilateral"}.get(side, side)


def subtraction_text(scene: Scene, frame: int) -> str:
    """Return what was taken off what in the shown subtraction, and how well it fits."""
    made = scene.subtracted
    if made is None:
        return "no subtraction yet"
    if not bool(made.subtracted[frame]):
        return "no mask belongs to this frame"
    lines = [f"mask: {made.told()}", made.moved()]
    if made.motion is not None:
        residual = float(made.motion.residual[frame])
        fits = f"residual {residual:.1f} x usual" if np.isfinite(residual) else "residual unknown"
        lines.append(
            f"{fits}, ±{made.motion.uncertainty_px:.2f} px"
            if made.motion.locked[frame]
            else f"{fits}, this frame was lost"
        )
    return "\n".join(lines)


def companion_text(scene: Scene, frame: int, basis: LinkBasis | None) -> str:
    """Return what stands on the second picture; `basis` by what it goes with the first."""
    if basis is None:
        return f"{scene.prefix} · DSA\n{subtraction_text(scene, frame)}"
    loop = scene.run.loop
    head = " · ".join((scene.prefix, *_pose_words(loop)))
    link = f"linked by {basis}"
    return "\n".join((head, time_text(loop, frame), spacing_text(loop), link))


def _pose_words(loop: CineLoop) -> tuple[str, ...]:
    angles = angle_text(loop.view)
    distance_mm = loop.setup.source_to_detector_mm
    told = (angles or "view unknown",)
    return told if distance_mm is None else (*told, f"SID {distance_mm:.0f} mm")
