"""Columns about contrast: how it spread in this view, and the search for run-off."""

from __future__ import annotations

from napari_fluoroinject.batch.column import Column, found, joined, told

_BOUNDS = ("area", "along", "across", "cranial", "caudal")


def _bound(extent: str) -> Column:
    return Column(
        name=f"{extent}_is_lower_bound",
        kind="boolean",
        meaning=f"Whether {extent} is at least so much: contrast reaches the edge of the field",
        origin="summary.json: spread.lower_bounds",
        take=lambda r: (
            None
            if found(r.summary, ["spread", "area_px"]) is None
            else extent in found(r.summary, ["spread", "lower_bounds"])
        ),
    )


SPREAD = (
    told(
        "area_px",
        "integer",
        "spread.area_px",
        "Area of the contrast at the end; empty where it could not be measured",
        unit="{pixels}",
    ),
    told("area_mm2", "number", "spread.area_mm2", "The same in the calibrated plane", unit="mm2"),
    told("along_px", "number", "spread.along_px", "Extent along the spine", unit="{pixels}"),
    told("along_mm", "number", "spread.along_mm", "The same", unit="mm"),
    told("across_px", "number", "spread.across_px", "Extent across the spine", unit="{pixels}"),
    told("across_mm", "number", "spread.across_mm", "The same", unit="mm"),
    told(
        "cranial_px",
        "number",
        "spread.cranial_px",
        "Extent from the tip towards the head",
        unit="{pixels}",
    ),
    told("cranial_mm", "number", "spread.cranial_mm", "The same", unit="mm"),
    told(
        "caudal_px",
        "number",
        "spread.caudal_px",
        "Extent from the tip towards the feet",
        unit="{pixels}",
    ),
    told("caudal_mm", "number", "spread.caudal_mm", "The same", unit="mm"),
    *map(_bound, _BOUNDS),
    told(
        "direction_deg",
        "number",
        "spread.direction_deg",
        "From the tip to the centroid, from +column towards +row",
        unit="deg",
    ),
    told(
        "centroid_row_px", "number", "spread.centroid_px.0", "Row of the centroid", unit="{pixels}"
    ),
    told("centroid_column_px", "number", "spread.centroid_px.1", "Its column", unit="{pixels}"),
    told(
        "front_speed_px_s",
        "number",
        "spread.front_speed_px_s",
        "Median speed of the front away from the tip",
        unit="{pixels}/s",
    ),
    told("front_speed_mm_s", "number", "spread.front_speed_mm_s", "The same", unit="mm/s"),
    told(
        "first_arrival_s",
        "number",
        "spread.first_arrival_s",
        "First arrival of contrast, from the first frame",
        unit="s",
    ),
    told(
        "median_time_to_peak_s",
        "number",
        "spread.median_time_to_peak_s",
        "Median time to peak in the region",
        unit="s",
    ),
    told(
        "peak_od",
        "number",
        "spread.peak_od",
        "Peak opacity, natural-log units, scatter-corrected",
        unit="1",
    ),
    told(
        "iodine_mg",
        "number",
        "spread.iodine_mg",
        "Iodine in the region at the end; needs a quantitative loop and the tube voltage",
        unit="mg",
    ),
    told(
        "peak_iodine_mg_cm2",
        "number",
        "spread.peak_iodine_mg_cm2",
        "What the peak opacity comes to",
        unit="mg/cm2",
    ),
    told(
        "iodine_relative_uncertainty",
        "number",
        "spread.iodine_relative_uncertainty",
        "1 sigma of both, as a share",
        unit="1",
    ),
    told(
        "arrival_threshold_od",
        "number",
        "spread.arrival_threshold_od",
        "Opacity that counts as arrival",
        unit="1",
    ),
    told(
        "region_threshold_od",
        "number",
        "spread.region_threshold_od",
        "Opacity from which contrast counts",
        unit="1",
    ),
    told(
        "detection_limit_od",
        "number",
        "spread.detection_limit_od",
        "Faintest 3 mm patch that shows by itself",
        unit="1",
    ),
    told(
        "opacity_scale",
        "number",
        "spread.opacity_scale",
        "Factor by which opacity was corrected for veiling and scatter; empty if not quantitative",
        unit="1",
    ),
    told(
        "opacity_relative_uncertainty",
        "number",
        "spread.opacity_relative_uncertainty",
        "1 sigma of that scale, as a share",
        unit="1",
    ),
    told(
        "scatter_to_primary",
        "number",
        "spread.scatter_to_primary",
        "Scatter over primary radiation",
        unit="1",
    ),
    told(
        "scatter_to_primary_sigma",
        "number",
        "spread.scatter_to_primary_sigma",
        "1 sigma",
        unit="1",
    ),
    Column(
        name="spread_reasons",
        kind="text",
        meaning="Why a number of the spread is missing or what it assumes",
        origin="summary.json: spread.reasons",
        take=joined("spread.reasons"),
    ),
)
"""How contrast spread, in this view."""

RUN_OFF = (
    told(
        "run_off_score",
        "number",
        "run_off.score",
        "Strongest tubular run-off (1 = alarm); empty where nothing could be searched",
        unit="1",
    ),
    told(
        "run_off_kind",
        "category",
        "run_off.kind",
        "Which detector spoke",
        values=(("transient", "moves along and fades"), ("persistent", "stays")),
    ),
    told(
        "run_off_first_frame", "integer", "run_off.frames.0", "First frame of it, counted from 0"
    ),
    told("run_off_last_frame", "integer", "run_off.frames.1", "Last frame of it"),
    told(
        "run_off_smallest_seen_od",
        "number",
        "run_off.smallest_seen_od",
        "Opacity below which a run-off is missed in this loop; denser ones can be, too",
        unit="1",
    ),
    told(
        "run_off_reason", "text", "run_off.reason", "Why it was not searched for, or not in full"
    ),
)
"""The search for vascular run-off."""
