"""Find the needle of a loop, or say honestly that there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.needle.candidates import Segment, find_segments
from napari_fluoroinject.analysis.needle.gates import failed_gates, is_crooked, is_piece
from napari_fluoroinject.analysis.needle.line import Line, pixel_scale
from napari_fluoroinject.analysis.needle.measure import measure_needle
from napari_fluoroinject.analysis.needle.refine import Shaft, refine
from napari_fluoroinject.analysis.pose import poses
from napari_fluoroinject.model.needle import Needle, NoNeedle

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import RegisteredLoop
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray

DETECTION_FRAMES = 6
"""Last frames before contrast: fewer are noisier, more smear a needle still being advanced."""
FRAMES_WITHOUT_MASK = 8


def find_needle(
    registered: RegisteredLoop, *, gauge: int | None, on: Backend
) -> Needle | NoNeedle:
    """Find the shaft, follow it, and fit its tip in all frames in which it stands still.

    Pixel parameters were chosen at 0.28 mm per px and follow the loop's calibration; without
    one they are
    taken for a field of 512 px (`pixel_scale`).

    Parameters
    ----------
    registered
        The loop with its motion and mask frames.
    gauge
        The needle's gauge when it is known, 18 to 25: it bounds how wide the shaft is and
        how long its point.
    on
        The compute backend that aligns the frames.

    Returns
    -------
    Needle or NoNeedle
        The best candidate that passes every gate; `NoNeedle` says what was looked for.
    """
    scale = pixel_scale(registered.loop.mm_per_px, registered.field.shape)
    frames = clean_frames(registered)
    opacity = mean_opacity(registered, frames[-DETECTION_FRAMES:], on=on)
    found = find_shaft(opacity, registered.field, scale=scale, gauge=gauge)
    if isinstance(found, NoNeedle):
        return found
    return measure_needle(registered, found, frames=frames, gauge=gauge, scale=scale)


def find_shaft(
    opacity: FloatArray, field: BoolArray, *, scale: float, gauge: int | None = None
) -> Shaft | NoNeedle:
    """The candidate with the highest score that passes every gate.

    Parameters
    ----------
    opacity
        (rows, columns) float32, rising with opacity.
    field
        (rows, columns), True inside the open field.
    scale
        Growth of the pixel parameters (`pixel_scale`).
    gauge
        The needle's, 18 to 25 when it is known: it bounds how wide the shaft is.
    """
    failed: list[str] = []
    crooked: list[Shaft] = []
    for segment in _segments(opacity, field, max(int(scale), 1)):
        shaft = refine(opacity, field, segment, scale=scale)
        if shaft is None:
            failed.append("faded")
            continue
        reasons = failed_gates(shaft, scale=scale, gauge=gauge)
        if is_crooked(reasons):
            crooked.append(shaft)
        if not reasons and any(is_piece(shaft, wire, scale=scale) for wire in crooked):
            reasons = ("a piece of a wire that winds",)
        if not reasons:
            return shaft
        failed.append(reasons[0])
    if not failed:
        return NoNeedle(reason="the open field shows no line darker than both its sides")
    return NoNeedle(
        reason=f"none of {len(failed)} dark lines is a thin smooth shaft long enough for a "
        f"needle; the strongest was {failed[0]}"
    )


def clean_frames(registered: RegisteredLoop) -> tuple[int, ...]:
    """Frames without contrast: the mask frames, or the first ones where there is no mask."""
    return registered.quiet_frames or tuple(range(min(len(registered.ln), FRAMES_WITHOUT_MASK)))


def mean_opacity(
    registered: RegisteredLoop, frames: tuple[int, ...], *, on: Backend
) -> FloatArray:
    """Minus the mean of some log frames in the reference pose, (rows, columns) float32."""
    chosen = list(frames)
    pose = poses(registered.motion)[chosen]
    aligned = on.kernels.warp(np.ascontiguousarray(registered.ln[chosen]), pose)
    opacity: FloatArray = -aligned.mean(axis=0)
    return opacity


def _segments(opacity: FloatArray, field: BoolArray, factor: int) -> tuple[Segment, ...]:
    """Candidates, looked for in a picture made `factor` times smaller."""
    if factor == 1:
        return find_segments(opacity, field)
    rows, columns = (side // factor for side in field.shape)
    blocks = (rows, factor, columns, factor)
    crop = (slice(rows * factor), slice(columns * factor))
    small = opacity[crop].reshape(blocks).mean(axis=(1, 3))
    inside: BoolArray = np.all(field[crop].reshape(blocks), axis=(1, 3))
    return tuple(
        Segment(
            line=Line(
                point=(
                    factor * (segment.line.point[0] + 0.5) - 0.5,
                    factor * (segment.line.point[1] + 0.5) - 0.5,
                ),
                angle_rad=segment.line.angle_rad,
            ),
            start_px=factor * segment.start_px,
            end_px=factor * segment.end_px,
            score=segment.score,
        )
        for segment in find_segments(small, inside)
    )
