"""Find the needle of a loop, or say honestly that there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.needle.candidates import Segment, find_segments
from napari_fluoroinject.analysis.needle.gates import (
    failed_gates,
    is_crooked,
    is_on,
    is_piece,
    is_stub,
)
from napari_fluoroinject.analysis.needle.line import Line, pixel_scale
from napari_fluoroinject.analysis.needle.measure import measure_needle
from napari_fluoroinject.analysis.needle.reasons import FADED, PIECE, no_shaft
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
MOST_STUBS = 4
"""Short lines that are looked at for a hub: each is followed through the whole loop."""


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
        The best candidate that passes every gate, or a short one with a hub that is seen;
        `NoNeedle` says what was seen, what was expected and what to do.
    """
    scale = pixel_scale(registered.loop.mm_per_px, registered.field.shape)
    frames = clean_frames(registered)
    opacity = mean_opacity(registered, frames[-DETECTION_FRAMES:], on=on)
    found = look_for_shafts(opacity, registered.field, scale=scale, gauge=gauge)

    def measured(shaft: Shaft) -> Needle | NoNeedle:
        return measure_needle(registered, shaft, frames=frames, gauge=gauge, scale=scale)

    if found.shaft is not None:
        return measured(found.shaft)
    for stub in found.stubs:
        needle = measured(stub)
        if isinstance(needle, Needle) and needle.tip_end_by == "hub":
            return needle
    return no_shaft(found.failed, found.stubs, registered, scale=scale)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looked:
    """What was seen: the best shaft that passes every gate, or else what is none.

    `stubs` are too short alone, strongest first: a needle that points along the beam, or a bone
    edge, which only a hub at one end tells apart. `failed` holds the plainest reason against each
    of the other lines.
    """

    shaft: Shaft | None
    stubs: tuple[Shaft, ...] = ()
    failed: tuple[str, ...] = ()


def look_for_shafts(
    opacity: FloatArray, field: BoolArray, *, scale: float, gauge: int | None = None
) -> Looked:
    """The candidate with the highest score that passes every gate, or what there is instead.

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
    stubs: list[Shaft] = []
    crooked: list[Shaft] = []
    for segment in _segments(opacity, field, max(int(scale), 1)):
        shaft = refine(opacity, field, segment, scale=scale)
        if shaft is None:
            failed.append(FADED)
            continue
        reasons = failed_gates(shaft, scale=scale, gauge=gauge)
        if is_crooked(reasons):
            crooked.append(shaft)
        piece = any(is_piece(shaft, wire, scale=scale) for wire in crooked)
        if not reasons and not piece:
            return Looked(shaft=shaft)
        if is_stub(shaft, reasons, scale=scale) and not piece:
            if len(stubs) < MOST_STUBS and not any(is_on(shaft, stub, scale) for stub in stubs):
                stubs.append(shaft)
        else:
            failed.append(reasons[0] if reasons else PIECE)
    return Looked(shaft=None, stubs=tuple(stubs), failed=tuple(failed))


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
