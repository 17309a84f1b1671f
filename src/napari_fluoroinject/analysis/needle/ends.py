"""Which end of a shaft is the tip: motion, the field's edge, the hub, contrast, how people aim."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, log
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_fluoroinject.analysis.needle.curves import end_present
from napari_fluoroinject.analysis.needle.hub import hub_end

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
NEAR_PX = 70.0
"""Ends less than 20 mm apart: contrast that flows along the shaft may lie about the hub alone."""
AIM_PX = 36.0
"""How far from the middle of the field people put a tip, 1 sigma to each side: 10 mm, assumed,
twice that of synthetic loops."""
SURE, TIE = log(10.0), 0.3
"""Log odds from which the middle of the field tells one end from the other, or neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TipEnd:
    """Which end is the tip: `outward` +1 for the end of larger positions, and what told."""

    outward: int
    by: Literal["moved", "edge", "hub", "contrast", "centre"]


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
) -> TipEnd | None:
    """Tell the tip from the hub by the strongest evidence there is; None where none is enough.

    An end that was missing in the first frames while the other was there has moved in; else the
    end that widens into a hub is none; else contrast leaves the tip; else people centre and
    collimate on the tip, the weakest evidence, which must be ten to one if it stands alone and
    speaks against a hub, and against contrast where the two ends are near to each other.
    """
    advanced = _advanced(curves, ends, rest, scale)
    if advanced is not None:
        return TipEnd(outward=advanced, by="moved")
    central = _log_odds(registered, track, ends, rest[-1], scale)
    hub = hub_end(registered, track, curves, ends, frames=rest, scale=scale)
    away = {None: 0, 0: 1, 1: -1}[hub]
    if away and away * central > -SURE:
        return TipEnd(outward=away, by="hub")
    stained = _stained(registered, track, ends, frame=rest[-1], scale=scale)
    if stained is not None:
        near = ends[1].along_px - ends[0].along_px < NEAR_PX * scale
        return (
            None if near and stained * central < -TIE else TipEnd(outward=stained, by="contrast")
        )
    if abs(central) < SURE:
        return None
    return TipEnd(outward=1 if central > 0 else -1, by="centre")


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


def _log_odds(
    registered: RegisteredLoop, track: Track, ends: tuple[End, End], frame: int, scale: float
) -> float:
    """Of the last end being the tip against the first, by their distances from the middle."""
    rows, columns = np.nonzero(registered.field)
    centre = float(rows.mean()), float(columns.mean())
    first, last = (
        float(np.hypot(point[0] - centre[0], point[1] - centre[1])) / (AIM_PX * scale)
        for point in (track.lines[frame].at(end.along_px) for end in ends)
    )
    return 0.5 * (first**2 - last**2)
