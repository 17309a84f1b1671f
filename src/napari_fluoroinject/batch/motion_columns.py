"""Columns about what moved in the loop: contrast's onset, the anatomy, the needle, its target."""

from __future__ import annotations

import math

from napari_fluoroinject.batch.column import Cell, Column, LoopRecord, found, told
from napari_fluoroinject.batch.loop_columns import times

_ENDS = (
    ("moved", "the tip was told from the hub because it moved"),
    ("edge", "because the other end leaves the field"),
    ("hub", "because the hub is seen"),
    ("contrast", "because contrast left it"),
    ("centre", "because it lies nearer the centre: the weakest sign"),
    ("given", "a person said so"),
)


def _onset_s(record: LoopRecord) -> Cell:
    frame = found(record.summary, ["contrast_onset_frame"])
    seconds = times(record)
    return None if frame is None or not seconds else round(seconds[frame] - seconds[0], 6)


def _largest_shift_px(record: LoopRecord) -> float | None:
    shifts = found(record.summary, ["motion", "shift_px"]) or []
    lengths = [math.hypot(*one) for one in shifts if None not in one]
    return round(max(lengths), 6) if lengths else None


def _largest_shift_mm(record: LoopRecord) -> Cell:
    shift_px, mm_per_px = _largest_shift_px(record), found(record.summary, ["source", "mm_per_px"])
    return None if shift_px is None or mm_per_px is None else round(shift_px * mm_per_px, 6)


def _needle_found(record: LoopRecord) -> Cell:
    return None if record.summary is None else record.summary["needle"] is not None


TIME_AND_MOTION = (
    Column(
        name="mask_frame_count",
        kind="integer",
        unit="{frames}",
        meaning="Frames before contrast that were subtracted; 0 = none, then there is no opacity",
        origin="summary.json: mask_frames",
        take=lambda r: None if r.summary is None else len(r.summary["mask_frames"]),
    ),
    told(
        "contrast_onset_frame",
        "integer",
        "contrast_onset_frame",
        "First frame with contrast, counted from 0; empty where none was seen to arrive",
    ),
    Column(
        name="contrast_onset_s",
        kind="number",
        unit="s",
        meaning="Time of that frame from the first one",
        origin="summary.json: contrast_onset_frame, source.times_s",
        take=_onset_s,
    ),
    Column(
        name="largest_shift_px",
        kind="number",
        unit="{pixels}",
        meaning="Largest displacement of the anatomy against the mask frames",
        origin="summary.json: motion.shift_px",
        take=_largest_shift_px,
    ),
    Column(
        name="largest_shift_mm",
        kind="number",
        unit="mm",
        meaning="The same in millimetres of the calibrated plane",
        origin="summary.json: motion.shift_px, source.mm_per_px",
        take=_largest_shift_mm,
    ),
    told(
        "largest_turn_deg",
        "number",
        "motion.largest_turn_deg",
        "Largest turn of the anatomy in the picture; 0 where none stood out from noise",
        unit="deg",
    ),
    told(
        "motion_uncertainty_px",
        "number",
        "motion.uncertainty_px",
        "1 sigma of a frame's displacement",
        unit="{pixels}",
    ),
)
"""When contrast came, and how the anatomy moved."""

_POINT = "from the top left, first pixel's centre 0"
NEEDLE = (
    Column(
        name="needle_found",
        kind="boolean",
        meaning="Whether there is a needle, detected or given by a person",
        origin="summary.json: needle",
        take=_needle_found,
    ),
    told("needle_reason", "text", "needle_reason", "Why there is none"),
    told("tip_row_px", "number", "needle.tip_px.0", f"Row of the tip, {_POINT}", unit="{pixels}"),
    told("tip_column_px", "number", "needle.tip_px.1", "Column of the tip", unit="{pixels}"),
    told(
        "tip_uncertainty_px",
        "number",
        "needle.tip_uncertainty_px",
        "1 sigma of the tip along the shaft; empty where unknown",
        unit="{pixels}",
    ),
    told(
        "hub_row_px",
        "number",
        "needle.hub_px.0",
        "Row where the shaft was last seen on the hub's side",
        unit="{pixels}",
    ),
    told("hub_column_px", "number", "needle.hub_px.1", "Its column", unit="{pixels}"),
    told("hub_uncertainty_px", "number", "needle.hub_uncertainty_px", "1 sigma", unit="{pixels}"),
    told(
        "needle_axis_deg",
        "number",
        "needle.axis_deg",
        "Direction from hub to tip, from +column towards +row",
        unit="deg",
    ),
    told(
        "needle_frame",
        "integer",
        "needle.frame",
        "Frame in which these points stand, counted from 0",
    ),
    told(
        "needle_source",
        "category",
        "needle.source",
        "Who found it",
        values=(("detected", "the analysis"), ("given", "a person")),
    ),
    told(
        "tip_end_by",
        "category",
        "needle.tip_end_by",
        "How the tip was told from the hub",
        values=_ENDS,
    ),
    told(
        "needle_at_rest_from_frame",
        "integer",
        "needle.at_rest_from_frame",
        "First frame from which it stays, counted from 0",
    ),
    told(
        "target_row_px",
        "number",
        "target.target_px.0",
        "Row of the target that a person marked",
        unit="{pixels}",
    ),
    told("target_column_px", "number", "target.target_px.1", "Its column", unit="{pixels}"),
    told(
        "tip_target_px",
        "number",
        "target.tip_distance_px",
        "Distance of tip and target in this view",
        unit="{pixels}",
    ),
    told(
        "tip_target_mm", "number", "target.tip_distance_mm", "The same in millimetres", unit="mm"
    ),
)
"""Needle and target."""
