"""Stimulator leads: contacts of platinum and iridium along a curve in the epidural space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.interpolate import make_interp_spline

from napari_fluoroinject.model.arrays import DoubleArray, read_only
from napari_fluoroinject.phantom.layers import rotation
from napari_fluoroinject.phantom.needle import STEEL_G_CM3, Rod

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.beam import Beam
    from napari_fluoroinject.phantom.motion import Movement
    from napari_fluoroinject.phantom.scenery import Site
    from napari_fluoroinject.phantom.spine import Spine

PLATINUM_G_CM3 = 21.5
"""Of 90 % platinum and 10 % iridium."""

_WALL_MM = 0.12
"""Contacts are rings about the insulation; their wall, like the wire's width, is assumed."""
_WIRE_MM = 0.32
_WIRE_STEP_MM = 2.0
_STEP_MM = 0.1
_BLUNT_MM = 1.5
"""How far the middle of a wire-free tip lies before the first contact's edge."""
_SMOOTH_MM = 6.0
_DORSAL_MM = 1.8
_SLACK = 0.5
"""Share of leads at a ganglion that were given slack in the canal (assumed)."""
_CAUDAD = 0.85
"""Share of migrations that go towards the feet (assumed; the mean of SCSMIG24 is caudad)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadSpec:
    """A kind of lead: number of contacts, their length and the gaps there are between them."""

    contacts: int
    length_mm: float
    gaps_mm: tuple[float, float]
    outer_mm: float


# Sizes are engineering assumptions (grade D) after usual catalogue sizes, not a maker's data.
LEADS: dict[str, LeadSpec] = {
    "scs_lead": LeadSpec(contacts=8, length_mm=3.0, gaps_mm=(3.5, 4.5), outer_mm=1.3),
    "drg_lead": LeadSpec(contacts=4, length_mm=1.25, gaps_mm=(4.75, 6.75), outer_mm=1.0),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lead:
    """A lead as it lies in the reference pose, patient millimetres.

    `ends_mm` is (contacts, 2, 3), the distal contact first and of each the distal end first;
    `wire_mm` (points, 3) runs from the distal contact out of the patient.
    """

    ends_mm: DoubleArray
    wire_mm: DoubleArray
    outer_mm: float

    def __post_init__(self) -> None:
        for name in ("ends_mm", "wire_mm"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))

    @property
    def contacts_mm(self) -> DoubleArray:
        """The middles of the contacts, (contacts, 3)."""
        middles: DoubleArray = self.ends_mm.mean(axis=1)
        return middles


def draw_leads(
    key: str, twin: str, spine: Spine, site: Site, random: np.random.Generator
) -> tuple[Lead, ...]:
    """The leads of one patient; twins of a seed have the same, but for what the twin says."""
    spec = LEADS[key]
    gap = random.uniform(*spec.gaps_mm)
    way = random.uniform(2.0, 22.0) if random.uniform() < _CAUDAD else -random.uniform(1.0, 6.0)
    if key == "drg_lead":
        way = 0.4 * way
    if key == "drg_lead":
        first = _foraminal(spine, site.level, site.side, random)
        second = _foraminal(spine, spine.below(site.level), site.side, random)
    else:
        first = _dorsal(spine, site, random)
        second = _dorsal(spine, site, random, beside=random.uniform(3.0, 5.0))
    stagger = random.uniform(-9.0, 9.0) if key == "scs_lead" else 0.0
    moved = way if twin == "migrated" else 0.0
    leads = [_along(first, spec, gap_mm=gap, start_mm=moved)]
    if twin == "two_leads":
        leads.append(_along(second, spec, gap_mm=gap, start_mm=stagger))
    return tuple(leads)


def lead_rods(
    lead: Lead, beam: Beam, movement: Movement, frame: int
) -> tuple[tuple[Rod, ...], tuple[Rod, ...]]:
    """Contacts and pieces of wire of one frame; a lead moves with bone."""
    outer = lead.outer_mm
    contacts = _rods(lead.ends_mm, beam, movement, frame, outer - 2 * _WALL_MM, outer)
    pieces = np.stack([lead.wire_mm[:-1], lead.wire_mm[1:]], axis=1)
    return contacts, _rods(pieces, beam, movement, frame, 0.0, _WIRE_MM)


def _rods(
    ends_mm: DoubleArray,
    beam: Beam,
    movement: Movement,
    frame: int,
    inner_mm: float,
    outer_mm: float,
) -> tuple[Rod, ...]:
    """Straight tubes between pairs of points (n, 2, 3), those that can be in the picture."""
    density = STEEL_G_CM3 if inner_mm == 0 else PLATINUM_G_CM3
    centred = beam.project(ends_mm) - beam.centre_px
    at = centred @ rotation(float(movement.rot_deg[frame])).T
    at = at + beam.centre_px + movement.bone_px[frame]
    along = ends_mm[:, 1] - ends_mm[:, 0]
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    sine = np.maximum(np.linalg.norm(np.cross(along, beam.depth_axis), axis=1), 0.02)
    scale = beam.mm_per_px_at(ends_mm)
    near = ((at > -20) & (at < beam.size + 20)).all(axis=(1, 2))
    return tuple(
        Rod(
            start=at[i, 0],
            end=at[i, 1],
            outer_mm=outer_mm,
            inner_mm=inner_mm,
            g_cm3=density,
            mm_per_px=(float(scale[i, 0]), float(scale[i, 1])),
            lengthening=float(1 / sine[i]),
            end_on=float(abs(along[i] @ beam.depth_axis)) if inner_mm > 0 else 0.0,
        )
        for i in np.flatnonzero(near)
    )


def _along(course: DoubleArray, spec: LeadSpec, *, gap_mm: float, start_mm: float) -> Lead:
    """A lead on a course (points, 3), its tip `start_mm` down from `_LEEWAY_MM` along it."""
    first = _LEEWAY_MM + start_mm
    begins = first + _BLUNT_MM + np.arange(spec.contacts) * (spec.length_mm + gap_mm)
    arcs = np.stack([begins, begins + spec.length_mm], axis=1)
    every = np.arange(len(course)) * _STEP_MM
    wire = np.arange(begins[0], every[-1], _WIRE_STEP_MM)
    ends, line = (
        np.stack([np.interp(at, every, course[:, axis]) for axis in range(3)], axis=-1)
        for at in (arcs, wire)
    )
    return Lead(ends_mm=ends, wire_mm=line, outer_mm=spec.outer_mm)


_LEEWAY_MM = 30.0
"""Of the course beyond the tip, so that a lead can move that way, too."""


def _dorsal(
    spine: Spine, site: Site, random: np.random.Generator, *, beside: float = 0.0
) -> DoubleArray:
    """From above the tip down the dorsal epidural space, then flat through it to the skin."""
    top = float(site.target_mm[2]) + 26.0 + _LEEWAY_MM
    z = np.arange(top, top - 240.0, -_STEP_MM)
    off = -np.sign(site.target_mm[1] or 1.0) * beside
    wave = random.uniform(0.2, 1.2) * np.sin(
        z / random.uniform(10.0, 18.0) + random.uniform(0, 2 * np.pi)
    )
    x = spine.wall_x(z) - spine.canal_depth(z) + _DORSAL_MM
    y = spine.midline_y(z) + float(site.target_mm[1] - spine.midline_y(site.target_mm[2])) + off
    leaves = float(site.target_mm[2]) - random.uniform(48.0, 62.0)
    x = x - 0.7 * np.maximum(leaves - z, 0)
    y = y + wave - site.side * 0.15 * np.maximum(leaves - z, 0)
    points = ndimage.gaussian_filter1d(
        np.stack([x, y, z], axis=1), _SMOOTH_MM / _STEP_MM, axis=0, mode="nearest"
    )
    return _even(points)


def _foraminal(spine: Spine, level: str, side: int, random: np.random.Generator) -> DoubleArray:
    """From lateral of the foramen below the pedicle, over the canal, down on the other side.

    About every second lead has slack: it first turns towards the head in the canal, an S in AP.
    """
    bone = spine.skeleton.vertebrae[level]
    bottom = bone.pedicle_z - bone.pedicle_height / 2
    high = bottom - random.uniform(3.0, 6.0)
    out = bone.pedicle_y + random.uniform(6.0, 10.0)
    dorsal = bone.wall - bone.canal_depth + _DORSAL_MM
    lower = spine.below(level)
    next_bone = spine.skeleton.vertebrae[lower]
    next_arch = next_bone.wall - next_bone.canal_depth
    drop, rise = random.uniform(5.0, 9.0), random.uniform(4.0, 9.0)
    if random.uniform() < _SLACK:
        canal = [
            (dorsal, side * 3.0, high + 0.6 * rise),
            (dorsal, -side * 2.0, high + rise),
            (dorsal, -side * 5.5, high),
        ]
    else:
        canal = [(dorsal, side * 2.0, high - drop)]
    nodes = [
        spine.world(level, (bone.wall - 1.0, side * (out + 24.0), high - 9.0)),
        spine.world(level, (bone.wall - 4.0, side * out, high - 1.0)),
        spine.world(level, (bone.wall - 7.0, side * bone.pedicle_inner, high)),
        *(spine.world(level, own) for own in canal),
        spine.world(lower, (next_arch + _DORSAL_MM, -side * 4.0, 4.0)),
        spine.world(lower, (next_arch - 12.0, -side * 9.0, -20.0)),
        spine.world(lower, (next_arch - 50.0, -side * 20.0, -65.0)),
    ]
    points = np.array(nodes)
    steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    curve = make_interp_spline(steps, points, k=3)(np.arange(0.0, steps[-1], _STEP_MM))
    course = _even(curve)
    # the tip stands where the second node is
    tip = int(np.linalg.norm(course - points[1], axis=1).argmin())
    lead_in = course[0] + (course[0] - course[1]) * np.arange(400, 0, -1)[:, None]
    joined = np.concatenate([lead_in, course])
    start = tip + 400 - round(_LEEWAY_MM / _STEP_MM)
    result: DoubleArray = joined[start:]
    return result


def _even(points: DoubleArray) -> DoubleArray:
    """The same curve in steps of `_STEP_MM`."""
    steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    at = np.arange(0.0, steps[-1], _STEP_MM)
    result: DoubleArray = np.stack([np.interp(at, steps, p) for p in points.T], axis=1)
    return result
