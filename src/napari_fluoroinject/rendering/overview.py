"""overview.png: one report at a glance, for a person who reads it between two patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.model.key_frame import shows_run_off
from napari_fluoroinject.rendering import curves, palette, panels, scene, statement
from napari_fluoroinject.rendering.canvas import drawn_png, fitted, fractions, image_axes
from napari_fluoroinject.rendering.header import draw_header
from napari_fluoroinject.rendering.text_block import Box, Entry, write, write_block

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from napari_fluoroinject.model.report import Report

WIDTH_PX, HEIGHT_PX = 1600, 1000

COUNTING = "Frames count from 1 here and in DICOM, from 0 in summary.json and annotations."
"""A reader who marks a frame of the picture in an annotation must not be one frame off."""

# The grid of the picture, in pixels from the top-left corner.
_HEAD = Box(left=20, top=14, width=1560, height=66)
_FRAME = Box(left=20, top=108, width=590, height=590)
_AREA = Box(left=92, top=740, width=518, height=100)
_DENSITY = Box(left=92, top=854, width=518, height=100)
_OPACITY = Box(left=644, top=108, width=400, height=400)
_ARRIVAL = Box(left=1126, top=108, width=400, height=400)
_FOUND = Box(left=644, top=536, width=460, height=434)
_NUMBERS = Box(left=1126, top=536, width=454, height=458)


def draw_overview(report: Report) -> bytes:
    """Draw a report as a PNG of 1600 x 1000 pixels.

    The bytes depend on the report and on the version of matplotlib, which brings its font: no
    date, no software tag, none of the user's settings. Nothing of the patient is drawn, because a
    report knows nothing of the patient.
    """
    return drawn_png(
        lambda figure: compose(figure, report), width_px=WIDTH_PX, height_px=HEIGHT_PX
    )


def compose(figure: Figure, report: Report) -> None:
    """Draw a report into a figure of 1600 x 1000 pixels whose canvas is Agg."""
    frame = scene.shown_frame(report)
    draw_header(figure, report, _HEAD)
    _draw_pictures(figure, report, frame)
    _draw_curves(figure, report, frame)
    write_block(figure, _findings(report), _FOUND)
    write_block(figure, _numbers(report), _NUMBERS)
    write(figure, (_FOUND.left, 979), COUNTING, size_pt=8.0, color=palette.MUTED)


def _draw_pictures(figure: Figure, report: Report, frame: int) -> None:
    shape = report.loop.shape[1:]
    panels.draw_frame(image_axes(figure, fitted(_FRAME, shape)), report, frame)
    _draw_key(figure, report)
    opacity, arrival = fitted(_OPACITY, shape), fitted(_ARRIVAL, shape)
    quantitative = report.loop.intensity.quantitative
    title = "Peak opacity (scatter-corrected)" if quantitative else "Peak opacity (relative)"
    write(figure, (opacity.left, 84), title, size_pt=11, weight="bold")
    _draw_bar(
        figure, panels.draw_opacity(image_axes(figure, opacity), report), opacity, "ln units"
    )
    if report.maps is not None and np.isfinite(report.maps.peak_od).any():
        below = (opacity.left, opacity.top + opacity.height + 5)
        write(figure, below, _outside(report), size_pt=8.5, color=palette.MUTED)
    write(figure, (arrival.left, 84), "Arrival of contrast", size_pt=11, weight="bold")
    _draw_bar(figure, panels.draw_arrival(image_axes(figure, arrival), report), arrival, "s")


def _outside(report: Report) -> str:
    """What may be bright without an outline; that something was missed is never ruled out."""
    drawn = scene.region(report, None) is not None or shows_run_off(report)
    where = "Bright outside the outlines" if drawn else "Bright, no outline"
    return f"{where}: gas, motion, noise or missed contrast"


def _draw_key(figure: Figure, report: Report) -> None:
    """Which colour is what: only for what is drawn."""
    left = _FRAME.left
    for text, colour in panels.keys(report, None):
        write(figure, (left, 84), text, size_pt=11, color=colour, weight="bold")
        left += 26 + 8.6 * len(text)


def _draw_curves(figure: Figure, report: Report, frame: int) -> None:
    area = figure.add_axes(fractions(figure, _AREA))
    curves.draw_area(area, report, frame)
    area.tick_params(labelbottom=False)
    curves.draw_density(figure.add_axes(fractions(figure, _DENSITY)), report, frame)


def _findings(report: Report) -> tuple[Entry, ...]:
    entries = [_heading("Warnings", gap_px=0.0)]
    notices = statement.notices(report)
    for notice in notices:
        colour = palette.SEVERITY[notice.severity]
        when = f" · {notice.when}" if notice.when else ""
        entries.append(
            Entry(
                text=f"{notice.severity.upper()} · {notice.name}{when}",
                colour=colour,
                size_pt=10.5,
                bold=True,
                mark=colour,
                gap_px=6.0,
            )
        )
        entries.append(Entry(text=notice.text, size_pt=10.5, mark=colour, gap_px=0.0))
    if not notices:
        entries.append(Entry(text=statement.all_quiet(report), size_pt=10.5, mark=palette.MUTED))
    elif statement.vascular_unassessed(report):
        vessels = statement.vascular_unassessed(report)
        told = f"{vessels[:1].upper()}{vessels[1:]}."
        entries.append(Entry(text=told, size_pt=10.5, mark=palette.MUTED, gap_px=6.0))
    if flagged := statement.flagged(report):
        entries.append(Entry(text=flagged, size_pt=10.5, mark=palette.RUN_OFF, gap_px=6.0))
    entries.append(Entry(text=statement.signed(report), size_pt=9.5, gap_px=10.0))
    unknowns = statement.unknowns(report)
    if unknowns:
        entries.append(_heading("Not known, not judged", gap_px=12.0))
        entries.extend(Entry(text=line, size_pt=9.5, mark=palette.RULE) for line in unknowns)
    if report.expected:  # after all that warns: it gives way where there is no room
        entries.append(_heading("Of the expected spread", gap_px=12.0))
        entries.extend(
            Entry(text=one.text, colour=palette.MUTED, size_pt=9.0) for one in report.expected
        )
    return tuple(entries)


def _numbers(report: Report) -> tuple[Entry, ...]:
    entries = [_heading("Measured", gap_px=0.0)]
    for row in statement.measured(report):
        entries.append(Entry(text=f"{row.label}: {row.value}", size_pt=9.5, gap_px=1.5))
        if row.note:
            entries.append(Entry(text=row.note, colour=palette.MUTED, size_pt=8.0, gap_px=0.0))
    # What nobody has signed off must not read like advice.
    if report.procedure.expected_spread and report.procedure.clinician_signed_off:
        entries.append(_heading("Expected for this procedure", gap_px=12.0))
        entries.append(
            Entry(text=report.procedure.expected_spread, colour=palette.MUTED, size_pt=9.0)
        )
    return tuple(entries)


def _heading(text: str, *, gap_px: float) -> Entry:
    return Entry(text=text, size_pt=11, bold=True, gap_px=gap_px)


def _draw_bar(figure: Figure, drawn: Any, beside: Box, unit: str) -> None:
    if drawn is None:
        return
    box = Box(left=beside.left + beside.width + 8, top=beside.top, width=13, height=beside.height)
    bar = figure.colorbar(drawn, cax=figure.add_axes(fractions(figure, box)))
    bar.outline.set_edgecolor(palette.RULE)
    bar.ax.tick_params(colors=palette.TEXT, labelsize=9, length=3)
    write(figure, (box.left, beside.top - 18), unit, size_pt=9, color=palette.MUTED)
