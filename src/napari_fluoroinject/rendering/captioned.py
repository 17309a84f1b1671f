"""A picture pixel by pixel, with words in a strip below it and room for a legend beside it."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.rendering import palette, statement
from napari_fluoroinject.rendering.canvas import drawn_pixels, fractions, resize
from napari_fluoroinject.rendering.text_block import (
    Box,
    Entry,
    block_height_px,
    text_width_px,
    write,
    write_block,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_fluoroinject.model.arrays import FloatArray
    from napari_fluoroinject.model.report import Report

Pixels = npt.NDArray[np.uint8]
"""(rows, columns, 3), red, green and blue."""

_SMALLEST_WIDTH_PX = 480
"""The words of a small picture need more room than it has."""
_DRAWN_FOR_IN = 5.9
"""Lines and marks of a panel are made for a picture of that many inches."""
_SMALLEST_DPI = 80.0
"""Below it the smallest letters are hard to read."""
_LEGEND_IN = (1.25, 1.9)
"""Width and least height of what stands beside the picture."""
_EDGE_IN = 0.1
_TITLE_PT, _SAID_PT = 11.0, 9.0


def in_gray(levels: FloatArray) -> Pixels:
    """Turn gray levels (rows, columns), 0 to 1, into pixels."""
    stored = np.rint(255 * np.clip(levels, 0.0, 1.0)).astype(np.uint8)
    return np.repeat(stored[..., None], 3, axis=2)


def draw_captioned(
    picture: Pixels,
    report: Report,
    *,
    words: tuple[str, ...],
    keys: tuple[tuple[str, str], ...],
    overlay: Callable[[Axes], None],
    legend: Callable[[Figure, Box], None] | None = None,
) -> Pixels:
    """Draw a picture at its own resolution, its top left pixel in the top left corner.

    Below it stand the procedure, `words`, the gravest warning and that the software is for
    research; nothing of the patient, of whom a report knows nothing.

    Parameters
    ----------
    picture
        What lies under everything; where nothing is drawn its pixels stay as they are.
    report
        The analysed loop.
    words
        What the picture shows, one line each.
    keys
        What is drawn over it, as (words, colour).
    overlay
        Draws over the picture into axes whose units are its pixels, (column, row).
    legend
        Draws into the box beside the picture; None = there is none.
    """
    dpi = max(max(picture.shape[:2]) / _DRAWN_FOR_IN, _SMALLEST_DPI)
    said = _said(report, words)

    def compose(figure: Figure) -> None:
        rows, columns = picture.shape[:2]
        beside, least = (round(inches * dpi) for inches in _LEGEND_IN)
        side = columns if legend is None else columns + beside
        width, edge = max(side, _SMALLEST_WIDTH_PX), _EDGE_IN * dpi
        below = rows if legend is None else max(rows, least)
        line = 1.5 * _SAID_PT * dpi / 72 if keys else 0.0
        inner = width - 2 * edge
        text = block_height_px(figure, said, inner)
        resize(figure, width, ceil(below + edge + line + text + edge))
        overlay(_over(figure, picture))
        if legend is not None:
            legend(figure, Box(left=columns, top=0, width=beside, height=below))
        _draw_keys(figure, keys, left=edge, top=below + 0.6 * edge)
        block = Box(left=edge, top=below + edge + line, width=inner, height=text + 1)
        write_block(figure, said, block)

    return drawn_pixels(compose, dpi=dpi)


def _said(report: Report, words: tuple[str, ...]) -> tuple[Entry, ...]:
    severity, verdict = statement.verdict(report)
    colour = palette.TEXT if severity is None else palette.SEVERITY[severity]
    return (
        Entry(text=statement.title(report), size_pt=_TITLE_PT, bold=True, gap_px=0.0),
        *(Entry(text=line, size_pt=_SAID_PT) for line in words),
        Entry(text=verdict, size_pt=_SAID_PT, colour=colour, bold=severity is not None),
        Entry(
            text=f"{statement.RESEARCH_ONLY} · {statement.made_by(report)}",
            size_pt=_SAID_PT,
            colour=palette.MUTED,
        ),
    )


def _over(figure: Figure, picture: Pixels) -> Axes:
    """Put the picture into the top left corner, unresampled, and axes over it."""
    rows, columns = picture.shape[:2]
    height = figure.canvas.get_width_height()[1]
    figure.figimage(picture, xo=0, yo=height - rows, origin="upper", zorder=-1)
    axes = figure.add_axes(fractions(figure, Box(left=0, top=0, width=columns, height=rows)))
    axes.set_axis_off()
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.autoscale(enable=False)
    return axes


def _draw_keys(
    figure: Figure, keys: tuple[tuple[str, str], ...], *, left: float, top: float
) -> None:
    for text, colour in keys:
        write(figure, (left, top), text, size_pt=_SAID_PT, color=colour, weight="bold")
        left += 1.6 * _SAID_PT + text_width_px(figure, text, _SAID_PT, bold=True)
