"""Which end of a shaft is the tip: motion, the field's edge, contrast, and how people aim."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_fluoroinject.analysis.needle.curves import end_present

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.needle.curves import Curves
    from napari_fluoroinject.analysis.needle.follow import Track
    from napari_fluoroinject.analysis.needle.refine import Shaft
    from napari_fluoroinject.analysis.needle.tip import End
    from napari_fluoroinject.analysis.registered import RegisteredLoop
    from napari_fluoroinject.model.arrays import DoubleArray

EARLY_FRAMES = range(1, 5)
MISSING, THERE = 0.6, 0.75
EDGE_PX = 6.0
"""A shaft that is lost this near to the field's edge goes on beyond it: blades have a penumbra."""
CONTRAST_RADIUS_PX = 12.0
CONTRAST_FRAMES = 20
CONTRAST_DELAY = 4
SIGMAS, LEAD_SIGMAS = 3.0, 2.0
SHIFTING_LN = 0.008
"""By how much a disc changes, natural-log units, as other layers move through it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TipEnd:
    """Which end is the tip: `outward` +1 for the end of larger positions, and what told."""

    outward: int
    by: Literal["moved", "edge", "contrast", "centre"]


def only_end(shaft: Shaft, *, scale: float) -> TipEnd | None:
    """The only end that is seen: a shaft does not end where it leaves the open field.

    None where both ends or neither lie inside.
    """
    first = shaft.start_px - shaft.along_px[0] > EDGE_PX * scale
    last = shaft.along_px[-1] - shaft.end_px > EDGE_PX * scale
    if first == last:
        return None
    return TipEnd(outward=1 if last else -1, by="edge")


def choose_tip_end(
    registered: RegisteredLoop,
    track: Track,
    curves: Curves,
    ends: tuple[End, End],
    *,
    rest: tuple[int, ...],
    scale: float,
) -> TipEnd:
    """Tell the tip from the hub by the strongest evidence there is.

    An end that was missing in the first frames while the other was there has moved in; else
    contrast
    leaves the tip; else people centre and collimate on the tip, the weakest evidence.
    """
    advanced = _advanced(curves, ends, rest, scale)
    if advanced is not None:
        return TipEnd(outward=advanced, by="moved")
    stained = _stained(registered, track, ends, frame=rest[-1], scale=scale)
    if stained is not None:
        return TipEnd(outward=stained, by="contrast")
    return TipEnd(outward=_central(registered, track, ends, rest[-1]), by="centre")


def _advanced(
    curves: Curves, ends: tuple[End, End], rest: tuple[int, ...], scale: float
) -> int | None:
    first, last = (end_present(curves, end, frames=rest, scale=scale) for end in ends)
    early = [k for k in EARLY_FRAMES if k < rest[0] or k in rest]
    if not early:
        return None
    there = float(np.median(first[early])), float(np.median(last[early]))
    if there[0] > THERE and there[1] < MISSING:
        return 1
    if there[1] > THERE and there[0] < MISSING:
        return -1
    return None


def _stained(
    registered: RegisteredLoop,
    track: Track,
    ends: tuple[End, End],
    *,
    frame: int,
    scale: float,
) -> int | None:
    """The end around which more contrast appears; None where that is not certain."""
    onset = registered.injection.onset_frame
    before = registered.quiet_frames
    frames = len(registered.ln)
    if onset is None or not before or onset + CONTRAST_DELAY >= frames:
        return None
    after = range(onset + CONTRAST_DELAY, min(onset + CONTRAST_DELAY + CONTRAST_FRAMES, frames))
    motion = registered.motion
    rise, sigma = [], []
    for end in ends:
        # Contrast lies in tissue: the disc is carried by bone, not by the needle.
        seen = motion.in_reference_pose(track.lines[frame].at(end.along_px), frame)
        place = motion.all_in_frame(np.array(seen))
        then, now = (
            [_mean_near(registered, place[k], k, CONTRAST_RADIUS_PX * scale) for k in some]
            for some in (before, after)
        )
        rise.append(float(np.median(now) - np.median(then)))
        sigma.append(hypot(float(np.std(then)), SHIFTING_LN))
    lead = rise[1] - rise[0]
    larger = 1 if lead > 0 else 0
    # Contrast only darkens: an end that brightens tells how much else moves through the discs.
    doubt = hypot(sigma[larger], max(-rise[1 - larger], 0.0))
    if rise[larger] > SIGMAS * doubt and abs(lead) > LEAD_SIGMAS * hypot(*sigma):
        return 1 if larger else -1
    return None


def _mean_near(registered: RegisteredLoop, place: DoubleArray, frame: int, radius: float) -> float:
    """Mean opacity in a disc about an end against that of the field: exposure falls out."""
    row, column = (float(value) for value in place)
    rows, columns = registered.field.shape
    r = slice(max(int(row - radius), 0), max(min(int(row + radius) + 2, rows), 1))
    c = slice(max(int(column - radius), 0), max(min(int(column + radius) + 2, columns), 1))
    near = np.hypot(
        np.arange(r.start, r.stop)[:, None] - row, np.arange(c.start, c.stop)[None, :] - column
    )
    disc = (near <= radius) & registered.field[r, c]
    if not disc.any():
        return 0.0
    level = float(np.median(registered.ln[frame, ::8, ::8]))
    return level - float(registered.ln[frame, r, c][disc].mean())


def _central(registered: RegisteredLoop, track: Track, ends: tuple[End, End], frame: int) -> int:
    """The end nearer to the centre of the open field."""
    rows, columns = np.nonzero(registered.field)
    centre = float(rows.mean()), float(columns.mean())
    distance = [
        float(np.hypot(point[0] - centre[0], point[1] - centre[1]))
        for point in (track.lines[frame].at(end.along_px) for end in ends)
    ]
    return 1 if distance[1] < distance[0] else -1
