"""The head of the picture: what run this is, what is gravest in it, and what made the picture."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_fluoroinject.rendering import palette, statement
from napari_fluoroinject.rendering.text_block import Box, text_width_px, wrap, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from napari_fluoroinject.model.report import Report

TITLE_PT, SUBTITLE_PT = 17.0, 10.0
VERDICT_PT = (13.0, 11.5, 10.0)
"""Size of the verdict on one, two and three lines."""
VERDICT_SHARE = 0.4
"""Widest part of the head that the verdict may take: the title needs the rest."""
GAP_PX = 24.0
"""Least space between the left and the right half of the head."""


def draw_header(figure: Figure, report: Report, box: Box) -> None:
    """Write title, loop, verdict and maker into `box`; level and side are never covered or cut.

    What is too long for one line gives way: the verdict wraps, the title is set smaller.
    """
    right = box.left + box.width
    lines, size_pt = _verdict_lines(figure, statement.verdict(report)[1], box.width)
    verdict_px = max(text_width_px(figure, line, size_pt, bold=True) for line in lines)
    _draw_verdict(figure, report, lines, size_pt=size_pt, right=right - 8, top=box.top + 4)
    made_by = f"{statement.made_by(report)} · {statement.RESEARCH_ONLY}"
    below = 38.0 if len(lines) == 1 else 48.0
    write(figure, (right, box.top + below), made_by, size_pt=SUBTITLE_PT, ha="right")
    taken = max(verdict_px + 16, text_width_px(figure, made_by, SUBTITLE_PT))
    room = box.width - taken - GAP_PX
    for text, top, full_pt, bold in (
        (statement.title(report), 0.0, TITLE_PT, True),
        (statement.subtitle(report), 36.0, SUBTITLE_PT, False),
    ):
        fitted_pt = full_pt * min(1.0, room / text_width_px(figure, text, full_pt, bold=bold))
        write(
            figure,
            (box.left, box.top + top + 0.7 * (full_pt - fitted_pt)),
            text,
            size_pt=fitted_pt,
            weight="bold" if bold else "normal",
            color=palette.TEXT if bold else palette.MUTED,
        )


def _verdict_lines(figure: Figure, text: str, width: float) -> tuple[list[str], float]:
    """The verdict's lines and their size: as large as they fit, small from the third line on."""
    lines, size_pt = [text], VERDICT_PT[0]
    for most, size_pt in enumerate(VERDICT_PT, start=1):
        measure = partial(text_width_px, figure, size_pt=size_pt, bold=True)
        lines = wrap(text, VERDICT_SHARE * width, measure)
        if len(lines) <= most:
            break
    return lines, size_pt


def _draw_verdict(
    figure: Figure, report: Report, lines: list[str], *, size_pt: float, right: float, top: float
) -> None:
    severity, _ = statement.verdict(report)
    colour = palette.MUTED if severity is None else palette.SEVERITY[severity]
    write(
        figure,
        (right, top if len(lines) == 1 else top - 5),
        "\n".join(lines),
        size_pt=size_pt,
        ha="right",
        weight="bold",
        color=palette.TEXT if severity is None else palette.BACKGROUND,
        bbox={
            "facecolor": palette.PANEL if severity is None else colour,
            "edgecolor": colour,
            "boxstyle": "round,pad=0.35",
        },
    )
