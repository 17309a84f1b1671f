"""Columns about the dose of the study, how much of the loop was judged, and by what."""

from __future__ import annotations

from contextlib import suppress

from napari_fluoroinject.batch.column import Cell, Column, Kind, LoopRecord, found, joined, told

_DOSE_BASES = (
    ("report", "a radiation dose report: totals of the study"),
    ("headers", "headers: at least so much"),
    ("none", "no dose was recorded"),
)
_STUDY = "of the whole study, the same in each of its loops; no dose of a patient"
DOSE = (
    told(
        "dose_kap_gycm2", "number", "dose.kap_gycm2", f"Kerma-area product {_STUDY}", unit="Gy.cm2"
    ),
    told(
        "dose_fluoroscopy_s",
        "number",
        "dose.fluoroscopy_s",
        f"Fluoroscopy time {_STUDY}",
        unit="s",
    ),
    told(
        "dose_kerma_mgy",
        "number",
        "dose.kerma_mgy",
        f"Air kerma at the reference point {_STUDY}",
        unit="mGy",
    ),
    told(
        "dose_basis", "category", "dose.basis", "Where the dose was recorded", values=_DOSE_BASES
    ),
    told(
        "dose_site_p75_kap_gycm2",
        "number",
        "dose.site_p75.kap_gycm2",
        "The site's own 75th percentile for the procedure; empty where it has set none",
        unit="Gy.cm2",
    ),
    told(
        "dose_site_p75_fluoroscopy_s",
        "number",
        "dose.site_p75.fluoroscopy_s",
        "The same of the fluoroscopy time",
        unit="s",
    ),
    told(
        "dose_site_p75_kerma_mgy",
        "number",
        "dose.site_p75.kerma_mgy",
        "The same of the air kerma",
        unit="mGy",
    ),
)
"""What the equipment recorded of the study."""


def _number(name: str, kind: Kind, meaning: str) -> Column:
    """A column of a parameter, which the summary keeps as text."""

    def take(record: LoopRecord) -> Cell:
        with suppress(TypeError, ValueError):  # absent, or `unknown`
            text = found(record.summary, ["parameters", name])
            return int(text) if kind == "integer" else float(text)
        return None

    origin, unit = f"summary.json: parameters.{name}", "1" if kind == "number" else ""
    return Column(name=name, kind=kind, meaning=meaning, origin=origin, unit=unit, take=take)


PROVENANCE = (
    told(
        "assessable_frames",
        "integer",
        "assessable.frames",
        "Frames that could be judged, of `frames`",
        unit="{frames}",
    ),
    Column(
        name="not_judged_reasons",
        kind="text",
        meaning="What could not be judged, and why",
        origin="summary.json: assessable.reasons",
        take=joined("assessable.reasons"),
    ),
    Column(
        name="notes",
        kind="text",
        meaning="What was noted when the file was read",
        origin="summary.json: notes",
        take=joined("notes"),
    ),
    Column(
        name="lead_count",
        kind="integer",
        unit="{leads}",
        meaning="Leads of a stimulator that were found, where the procedure places one",
        origin="summary.json: leads",
        take=lambda r: None if r.summary is None else len(r.summary.get("leads", ())),
    ),
    told(
        "mask_source",
        "category",
        "parameters.mask",
        "Whose mask frames were subtracted: found in the picture, of the header, or a person's",
    ),
    _number("needle_gauge", "integer", "Gauge that was said; empty where none was"),
    _number("false_alarm_rate", "number", "Rate of false alarms that thresholds are set by"),
    _number(
        "tissue_held_still", "number", "Share of the field in which lagging tissue was corrected"
    ),
    _number("binning", "integer", "Pixels along a side that made one of the analysis; empty = 1"),
    told(
        "decoder",
        "text",
        "parameters.decoder",
        "What decoded the pixels; empty where nothing had to",
    ),
    told("backend", "category", "backend.name", "What computed it: reference, cpu or cuda"),
    told("backend_device", "text", "backend.device", "On which device"),
    told("backend_version", "text", "backend.version", "By which version of it"),
    told("program_version", "text", "software.version", "Version of this program"),
)
"""How much was judged, and what made the result."""
