"""The words on the pictures: which view, what moment, what a pixel measures."""

from __future__ import annotations

import string
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.model.subtracted import UNDEFINED, numbered

if TYPE_CHECKING:
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.geometry import CalibrationBasis, View
    from napari_fluoroinject.model.subtracted import SubtractedLoop
    from napari_fluoroinject.viewer.linking import LinkBasis
    from napari_fluoroinject.viewer.scene import Scene

CHARACTER_PX = 7.0
"""Width of a character, with room to spare: few are as wide."""
LEAST = 24
"""Characters of a line on the narrowest picture."""
DOT = " · "
SYNTHETIC = "SYNTHETIC DATA"
LETTERS = f"{string.digits}{string.ascii_letters} .,:·/=()>±°-"
"""With what these words are written: a letter takes milliseconds when it is first drawn."""
_EVEN = 0.02
"""Frame times that differ by less, as a share of the usual one, are even."""
_BASIS: dict[CalibrationBasis, str] = {
    "iso_ermf": "isocentre, ERMF",
    "iso_sid_sod": "isocentre, SID/SOD",
    "pixel_spacing_fiducial": "fiducial in the picture",
    "needle_gauge": "from the needle's gauge",
    "none": "no basis",
}
_SEEN = 0.01
"""Share of a picture that is seen: a few lines at its edge need no word."""
_ESTIMATED: tuple[CalibrationBasis, ...] = ("needle_gauge",)


def picture_text(scene: Scene, frame: int) -> str:
    """Return what stands on the main picture, in lines."""
    loop = scene.run.loop
    synthetic = (SYNTHETIC,) if getattr(loop, "synthetic", False) else ()
    lines = [
        DOT.join((scene.prefix, *_pose_words(loop), side_text(scene))),
        time_text(loop, frame),
        DOT.join((spacing_text(loop), *synthetic)),
    ]
    if scene.still:
        lines.append(subtraction_text(scene, frame))
    if scene.out_of_date:
        lines.append("results are out of date: something was marked since")
    return "\n".join(lines)


def wrapped(text: str, width_px: float) -> str:
    """Break lines that would run out of a picture of that width; between their parts, if any."""
    most = max(int(width_px / CHARACTER_PX), LEAST)
    return "\n".join(piece for line in text.split("\n") for piece in _pieces(line, most))


def time_text(loop: CineLoop, frame: int) -> str:
    """Return the time of a frame from the first, its number from 1, and the acquired rate.

    The time is that of the file, also where frames are not evenly spaced.
    """
    count = f"frame {frame + 1}/{loop.shape[0]}"
    times_s = loop.times_s
    if times_s is None:
        return f"{count} · frame times unknown"
    at = f"t {times_s[frame]:.3f} s"  # to the millisecond, as the report has it
    steps_s = np.diff(times_s)
    if not len(steps_s) or float(np.median(steps_s)) <= 0:
        return f"{at} · {count}"
    usual_s = float(np.median(steps_s))
    if float(np.abs(steps_s - usual_s).max()) > _EVEN * usual_s:
        return f"{at} · {count} · uneven frame times"
    return f"{at} · {count} · {1 / float(steps_s.mean()):.3g}/s"


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
    estimated = " est." if calibration.basis in _ESTIMATED else ""
    return f"{calibration.mm_per_px:.3f} mm/px{estimated} ({_BASIS[calibration.basis]})"


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
        return "no mask belongs to this frame · blue: nothing known there"
    lines = DOT.join((_mask_text(made), _motion_text(made, frame)))
    unknown = float((made.stored[frame] == UNDEFINED).mean()) > _SEEN
    return f"{lines}\nblue: nothing known there" if unknown else lines


def companion_text(scene: Scene, frame: int, basis: LinkBasis | None) -> str:
    """Return what stands on the second picture; `basis` by what it goes with the first."""
    if basis is None:
        return f"{scene.prefix} · DSA\n{subtraction_text(scene, frame)}"
    loop = scene.run.loop
    head = " · ".join((scene.prefix, *_pose_words(loop)))
    link = f"linked by {basis}"
    return "\n".join((head, time_text(loop, frame), spacing_text(loop), link))


def _mask_text(made: SubtractedLoop) -> str:
    whose = {"found": "found", "given": "chosen", "presentation": "presentation state"}
    if all(mask.operation == "AVG_SUB" for mask in made.masks):
        return f"mask {numbered(made.mask_frames)} ({whose.get(made.mask_source, 'header')})"
    return f"mask: {made.told()}"


def _motion_text(made: SubtractedLoop, frame: int) -> str:
    motion = made.motion
    if motion is None:
        return made.moved()
    if not motion.locked[frame]:
        return "motion not found in this frame"
    residual = float(motion.residual[frame])
    fits = f"residual {residual:.1f} x usual" if np.isfinite(residual) else "residual unknown"
    return DOT.join((f"motion corrected ±{motion.uncertainty_px:.2f} px", fits))


def _pieces(line: str, most: int) -> list[str]:
    """A line in pieces of at most so many characters; words are never cut."""
    pieces: list[str] = []
    for part in line.split(DOT):
        if pieces and len(pieces[-1]) + len(DOT) + len(part) <= most:
            pieces[-1] += DOT + part
        else:
            pieces += textwrap.wrap(part, most, break_long_words=False) or [""]
    return pieces


def _pose_words(loop: CineLoop) -> tuple[str, ...]:
    angles = angle_text(loop.view)
    distance_mm = loop.setup.source_to_detector_mm
    told = (angles or "view unknown",)
    return told if distance_mm is None else (*told, f"SID {distance_mm:.0f} mm")
