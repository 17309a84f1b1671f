"""The report on paper: what the overview shows and says, on white A4 pages."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.model.key_frame import key_frame
from napari_fluoroinject.rendering import palette, panels, statement
from napari_fluoroinject.rendering.canvas import drawn_pages, fitted, fractions, image_axes
from napari_fluoroinject.rendering.text_block import (
    Box,
    Entry,
    block_height_px,
    fitting,
    text_width_px,
    write,
    write_block,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.figure import Figure

    from napari_fluoroinject.model.report import Report

WIDTH_PX, HEIGHT_PX = 827, 1169
"""A4 at 100 pixels per inch."""

COUNTING = "Frames count from 1."
NO_NAME = "The pages name no patient: see the header of the DICOM object."
"""A page that is printed alone can be matched with its loop by the digest beside it."""

_INK, _SOFT = "#14181F", "#4A5563"
_EDGE = 50
_INNER = WIDTH_PX - 2 * _EDGE
_FOOT = Box(left=_EDGE, top=HEIGHT_PX - 64, width=_INNER, height=40)
_FRAME = Box(left=_EDGE, top=0, width=340, height=340)
_ARRIVAL = Box(left=_EDGE + 360, top=0, width=310, height=340)
_TITLE_PT, _VERDICT_PT, _SAID_PT, _NOTE_PT = 15.0, 11.0, 9.5, 8.0
_DIGEST_LETTERS = 16


def draw_pdf(report: Report) -> bytes:
    """Draw a report as a PDF of A4 pages: one or two, more where there is more to say.

    The statements are those of the overview. The bytes depend on the report and on the version of
    matplotlib, which brings the embedded font: there is no date and no name of a program. Nothing
    of the patient is drawn, because a report knows nothing of the patient.
    """
    return drawn_pages(_pages(report), width_px=WIDTH_PX, height_px=HEIGHT_PX)


def _pages(report: Report) -> Iterator[Callable[[Figure], None]]:
    """Draw the first page, which measures what there is to say, then as many as that takes."""
    pages: list[tuple[Entry, ...]] = []

    def first(figure: Figure) -> None:
        top = _draw_head(figure, report)
        top = _draw_pictures(figure, report, top)
        pages.extend(_split(figure, _said(report), top))
        _draw_page(figure, report, pages, number=1, top=top)

    yield first
    for number in range(2, len(pages) + 1):
        yield partial(_draw_page, report=report, pages=pages, number=number, top=float(_EDGE))


def _split(figure: Figure, entries: tuple[Entry, ...], top: float) -> Iterator[tuple[Entry, ...]]:
    while entries:
        count = max(fitting(figure, entries, _room(top)), 1)
        # A heading without what it heads goes to the next page.
        while count < len(entries) and count > 1 and entries[count - 1].bold:
            count -= 1
        yield entries[:count]
        entries, top = entries[count:], float(_EDGE)


def _room(top: float) -> Box:
    return Box(left=_EDGE, top=top, width=_INNER, height=_FOOT.top - 20 - top)


def _draw_page(
    figure: Figure,
    report: Report,
    pages: list[tuple[Entry, ...]],
    *,
    number: int,
    top: float,
) -> None:
    write_block(figure, pages[number - 1], replace(_room(top), height=HEIGHT_PX))
    digest = report.loop.sha256[:_DIGEST_LETTERS]
    lines = (
        f"{statement.RESEARCH_ONLY} · {statement.made_by(report)} · {COUNTING}",
        f"{NO_NAME} Loop {digest} (SHA-256) · page {number} of {len(pages)}",
    )
    small: dict[str, Any] = {"size_pt": _NOTE_PT, "colour": _SOFT, "gap_px": 0.0}
    write_block(figure, tuple(Entry(text=line, **small) for line in lines), _FOOT)


def _draw_head(figure: Figure, report: Report) -> float:
    """Write what run this is and what is gravest in it; returns where that ends."""
    severity, verdict = statement.verdict(report)
    head = (
        Entry(text=statement.title(report), size_pt=_TITLE_PT, colour=_INK, bold=True, gap_px=0),
        Entry(text=statement.subtitle(report), size_pt=_SAID_PT, colour=_SOFT, gap_px=4),
        Entry(
            text=verdict,
            size_pt=_VERDICT_PT,
            colour=_INK,
            bold=True,
            mark=palette.RULE if severity is None else palette.SEVERITY[severity],
            gap_px=10,
        ),
    )
    height = block_height_px(figure, head, _INNER)
    write_block(figure, head, Box(left=_EDGE, top=_EDGE, width=_INNER, height=height + 1))
    return _EDGE + height + 14


def _draw_pictures(figure: Figure, report: Report, top: float) -> float:
    """Draw the key frame and the arrival of contrast; returns where their legends end."""
    shape = report.loop.shape[1:]
    frame, why = key_frame(report)
    left = fitted(replace(_FRAME, top=top + 18), shape)
    right = fitted(replace(_ARRIVAL, top=top + 18), shape)
    shown = f"{statement.moment(report, frame)}: {why}"
    title_pt = _SAID_PT * min(1.0, _FRAME.width / text_width_px(figure, shown, _SAID_PT))
    write(figure, (left.left, top), shown, size_pt=title_pt, color=_INK)
    panels.draw_frame(image_axes(figure, left), report, frame)
    write(figure, (right.left, top), "Arrival of contrast", size_pt=_SAID_PT, color=_INK)
    _draw_bar(figure, panels.draw_arrival(image_axes(figure, right), report), right)
    below = max(left.top + left.height, right.top + right.height) + 8
    _draw_keys(figure, report, frame, below)
    return below + 22


def _draw_keys(figure: Figure, report: Report, frame: int, top: float) -> None:
    """Which colour is what, on the ground of the pictures: on paper the colours are too light."""
    left = float(_FRAME.left) + 4
    ground = {"facecolor": palette.BACKGROUND, "edgecolor": "none", "pad": 3}
    for text, colour in panels.keys(report, frame):
        look: dict[str, Any] = {"color": colour, "weight": "bold", "bbox": ground}
        write(figure, (left, top), text, size_pt=_NOTE_PT, **look)
        left += 14 + text_width_px(figure, text, _NOTE_PT, bold=True)


def _draw_bar(figure: Figure, drawn: Any, beside: Box) -> None:
    if drawn is None:
        return
    box = Box(left=beside.left + beside.width + 8, top=beside.top, width=11, height=beside.height)
    bar = figure.colorbar(drawn, cax=figure.add_axes(fractions(figure, box)))
    bar.ax.tick_params(colors=_INK, labelsize=8, length=3)
    write(figure, (box.left, beside.top - 16), "s", size_pt=_NOTE_PT, color=_SOFT)


def _said(report: Report) -> tuple[Entry, ...]:
    """All that the overview says, in its order; here nothing gives way."""
    return (*_warnings(report), *_measured(report), *_unknown(report), *_made(report))


def _warnings(report: Report) -> list[Entry]:
    entries = [_heading("Warnings")]
    notices = statement.notices(report)
    for notice in notices:
        colour = palette.SEVERITY[notice.severity]
        when = f" · {notice.when}" if notice.when else ""
        head = f"{notice.severity.upper()} · {notice.name}{when}"
        entries.append(replace(_line(head), bold=True, mark=colour, gap_px=5.0))
        entries.append(replace(_line(notice.text), mark=colour, gap_px=0.0))
    if not notices:
        entries.append(replace(_line(statement.all_quiet(report)), mark=palette.RULE))
    elif vessels := statement.vascular_unassessed(report):
        told = f"{vessels[:1].upper()}{vessels[1:]}."
        entries.append(replace(_line(told), mark=palette.RULE, gap_px=5.0))
    if flagged := statement.flagged(report):
        entries.append(replace(_line(flagged), mark=palette.RUN_OFF, gap_px=5.0))
    entries.append(replace(_line(statement.signed(report)), gap_px=5.0))
    return entries


def _measured(report: Report) -> list[Entry]:
    entries = [_heading("Measured")]
    for row in statement.measured(report):
        note = f" ({row.note})" if row.note else ""
        entries.append(_line(f"{row.label}: {row.value}{note}"))
    return entries


def _unknown(report: Report) -> list[Entry]:
    entries = []
    if unknowns := statement.unknowns(report):
        entries += [_heading("Not known, not judged"), *map(_line, unknowns)]
    if report.expected:
        entries.append(_heading("Of the expected spread"))
        entries.extend(_line(one.text) for one in report.expected)
    return entries


def _made(report: Report) -> list[Entry]:
    signed = "have been" if report.procedure.clinician_signed_off else "have not been"
    rules = f"The rules of the procedure {signed} reviewed by a clinician."
    parameters = "; ".join(f"{name} {value}" for name, value in report.provenance.parameters)
    said = [rules, *([f"Parameters: {parameters}"] if parameters else [])]
    return [_heading("How it was made"), *map(_note, said)]


def _heading(text: str) -> Entry:
    return Entry(text=text, colour=_INK, size_pt=11.0, bold=True, gap_px=12.0)


def _line(text: str) -> Entry:
    return Entry(text=text, colour=_INK, size_pt=_SAID_PT)


def _note(text: str) -> Entry:
    return Entry(text=text, colour=_SOFT, size_pt=_NOTE_PT, gap_px=0.0)
