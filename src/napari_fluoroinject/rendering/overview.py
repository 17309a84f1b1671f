"""overview.png: one report at a glance, for a person who reads it between two patients."""

from __future__ import annotations

from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.rendering import curves, palette, panels, scene, statement
from napari_fluoroinject.rendering.text_block import Box, Entry, write_block

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_fluoroinject.model.report import Report

WIDTH_PX, HEIGHT_PX = 1600, 1000
DPI = 100

# The grid of the picture, in pixels from the top-left corner.
_FRAME = Box(left=20, top=108, width=590, height=590)
_AREA = Box(left=84, top=740, width=526, height=100)
_DENSITY = Box(left=84, top=854, width=526, height=100)
_OPACITY = Box(left=644, top=108, width=400, height=400)
_ARRIVAL = Box(left=1126, top=108, width=400, height=400)
_FOUND = Box(left=644, top=534, width=460, height=446)
_NUMBERS = Box(left=1126, top=534, width=454, height=446)

# matplotlib's settings are global: two threads must not draw with each other's.
_SETTINGS = Lock()


def draw_overview(report: Report) -> bytes:
    """Draw a report as a PNG of 1600 x 1000 pixels.

    The bytes depend on the report and on the version of matplotlib, which brings its font: no
    date, no software tag, none of the user's settings. Nothing of the patient is drawn, because a
    report knows nothing of the patient.
    """
    import matplotlib
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with (
        _SETTINGS,
        style.context("default"),
        matplotlib.rc_context({"font.family": "DejaVu Sans"}),
    ):
        figure = Figure(figsize=(WIDTH_PX / DPI, HEIGHT_PX / DPI), dpi=DPI)
        figure.set_facecolor(palette.BACKGROUND)
        canvas = FigureCanvasAgg(figure)
        frame = scene.shown_frame(report)
        _draw_header(figure, report)
        _draw_pictures(figure, report, frame)
        _draw_curves(figure, report, frame)
        write_block(figure, _findings(report), _FOUND)
        write_block(figure, _numbers(report), _NUMBERS)
        target = BytesIO()
        canvas.print_png(  # type: ignore[no-untyped-call]  # the stubs leave this one out
            target, metadata={"Software": None}
        )
    return target.getvalue()


def _draw_header(figure: Figure, report: Report) -> None:
    _write(figure, (20, 14), statement.title(report), size_pt=17, weight="bold")
    _write(figure, (20, 50), statement.subtitle(report), size_pt=10, color=palette.MUTED)
    _write(
        figure,
        (1580, 52),
        f"{statement.made_by(report)} · {statement.RESEARCH_ONLY}",
        size_pt=10,
        ha="right",
        color=palette.TEXT,
    )
    severity, verdict = statement.verdict(report)
    colour = palette.MUTED if severity is None else palette.SEVERITY[severity]
    _write(
        figure,
        (1572, 18),
        verdict,
        size_pt=13,
        ha="right",
        weight="bold",
        color=palette.TEXT if severity is None else palette.BACKGROUND,
        bbox={
            "facecolor": palette.PANEL if severity is None else colour,
            "edgecolor": colour,
            "boxstyle": "round,pad=0.35",
        },
    )


def _draw_pictures(figure: Figure, report: Report, frame: int) -> None:
    axes = _image_axes(figure, _FRAME)
    panels.draw_frame(axes, report, frame)
    _draw_key(figure, report)
    opacity = _image_axes(figure, _OPACITY)
    quantitative = report.loop.intensity.quantitative
    _write(
        figure,
        (_OPACITY.left, 84),
        "Peak opacity (scatter-corrected)" if quantitative else "Peak opacity (relative)",
        size_pt=11,
        weight="bold",
    )
    _draw_bar(figure, panels.draw_opacity(opacity, report), _OPACITY, "ln units")
    arrival = _image_axes(figure, _ARRIVAL)
    _write(figure, (_ARRIVAL.left, 84), "Arrival of contrast", size_pt=11, weight="bold")
    _draw_bar(figure, panels.draw_arrival(arrival, report), _ARRIVAL, "s")


def _draw_key(figure: Figure, report: Report) -> None:
    """Which colour is what: only for what is drawn."""
    left = _FRAME.left
    for text, colour, shown in (
        ("+ needle", palette.NEEDLE, scene.shaft(report, None) is not None),
        ("○ target", palette.TARGET, report.annotation.target_px is not None),
        ("— contrast", palette.REGION, scene.region(report, None) is not None),
        ("- - possible vascular run-off", palette.RUN_OFF, scene.shows_run_off(report)),
    ):
        if shown:
            _write(figure, (left, 84), text, size_pt=11, color=colour, weight="bold")
            left += 26 + 8.6 * len(text)


def _draw_curves(figure: Figure, report: Report, frame: int) -> None:
    area = figure.add_axes(_fractions(_AREA))
    curves.draw_area(area, report, frame)
    area.tick_params(labelbottom=False)
    curves.draw_density(figure.add_axes(_fractions(_DENSITY)), report, frame)


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
    unknowns = statement.unknowns(report)
    if unknowns:
        entries.append(_heading("Not known, not judged", gap_px=12.0))
        entries.extend(Entry(text=line, size_pt=9.5, mark=palette.RULE) for line in unknowns)
    return tuple(entries)


def _numbers(report: Report) -> tuple[Entry, ...]:
    entries = [_heading("Measured", gap_px=0.0)]
    for row in statement.measured(report):
        entries.append(Entry(text=f"{row.label}: {row.value}", size_pt=10.0, gap_px=5.0))
        if row.note:
            entries.append(Entry(text=row.note, colour=palette.MUTED, size_pt=8.5, gap_px=0.0))
    # What nobody has signed off must not read like advice.
    if report.procedure.expected_spread and report.procedure.clinician_signed_off:
        entries.append(_heading("Expected for this procedure", gap_px=12.0))
        entries.append(
            Entry(text=report.procedure.expected_spread, colour=palette.MUTED, size_pt=9.0)
        )
    return tuple(entries)


def _heading(text: str, *, gap_px: float) -> Entry:
    return Entry(text=text, size_pt=11, bold=True, gap_px=gap_px)


def _image_axes(figure: Figure, box: Box) -> Axes:
    axes = figure.add_axes(_fractions(box))
    axes.set_facecolor(palette.UNDEFINED)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(palette.RULE)
    return axes


def _draw_bar(figure: Figure, drawn: Any, beside: Box, unit: str) -> None:
    if drawn is None:
        return
    box = Box(left=beside.left + beside.width + 8, top=beside.top, width=13, height=beside.height)
    bar = figure.colorbar(drawn, cax=figure.add_axes(_fractions(box)))
    bar.outline.set_edgecolor(palette.RULE)
    bar.ax.tick_params(colors=palette.TEXT, labelsize=9, length=3)
    _write(figure, (box.left, beside.top - 18), unit, size_pt=9, color=palette.MUTED)


def _fractions(box: Box) -> tuple[float, float, float, float]:
    return (
        box.left / WIDTH_PX,
        1.0 - (box.top + box.height) / HEIGHT_PX,
        box.width / WIDTH_PX,
        box.height / HEIGHT_PX,
    )


def _write(
    figure: Figure,
    place: tuple[float, float],
    text: str,
    *,
    size_pt: float,
    **look: Any,
) -> None:
    figure.text(
        place[0] / WIDTH_PX,
        1.0 - place[1] / HEIGHT_PX,
        text,
        fontsize=size_pt,
        va="top",
        parse_math=False,
        **({"color": palette.TEXT} | look),
    )
