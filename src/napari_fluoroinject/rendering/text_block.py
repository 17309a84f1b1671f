"""Columns of wrapped text in a figure, measured with the font that draws them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.rendering import palette

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle of the figure in pixels from its top-left corner."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One paragraph; `mark` colours the bar on its left (None: no bar), `gap_px` is kept above."""

    text: str
    colour: str = palette.TEXT
    size_pt: float = 9.5
    bold: bool = False
    mark: str | None = None
    gap_px: float = 3.0


LINE_FACTOR = 1.32
"""Line height as a multiple of the font size."""
INDENT_PX = 11.0


def write_block(figure: Figure, entries: tuple[Entry, ...], box: Box) -> int:
    """Write paragraphs into `box`; returns how many did not fit, which the last line then says."""
    cursor = box.top
    room_for_note = _line_px(figure, Entry(text=""))
    for index, entry in enumerate(entries):
        lines = _wrapped(figure, entry, box.width)
        height = len(lines) * _line_px(figure, entry)
        last = index == len(entries) - 1
        if cursor + entry.gap_px + height > box.top + box.height - (0 if last else room_for_note):
            left_out = len(entries) - index
            _write_line(
                figure,
                Entry(text=f"... {left_out} more in the report", colour=palette.MUTED),
                f"... {left_out} more in the report",
                left=box.left,
                top=cursor + 3.0,
            )
            return left_out
        cursor += entry.gap_px
        if entry.mark is not None:
            _draw_mark(figure, entry.mark, Box(left=box.left, top=cursor, width=4, height=height))
        for line in lines:
            indent = INDENT_PX if entry.mark is not None else 0.0
            _write_line(figure, entry, line, left=box.left + indent, top=cursor)
            cursor += _line_px(figure, entry)
    return 0


def block_height_px(figure: Figure, entries: tuple[Entry, ...], width: float) -> float:
    """Height that paragraphs take up in a column of that width, with the gaps above them."""
    return sum(
        entry.gap_px + len(_wrapped(figure, entry, width)) * _line_px(figure, entry)
        for entry in entries
    )


def fitting(figure: Figure, entries: tuple[Entry, ...], box: Box) -> int:
    """How many of the paragraphs, from the first on, fit into `box`."""
    height = 0.0
    for count, entry in enumerate(entries):
        height += block_height_px(figure, (entry,), box.width)
        if height > box.height:
            return count
    return len(entries)


def write(
    figure: Figure, place: tuple[float, float], text: str, *, size_pt: float, **look: Any
) -> None:
    """Write text with its top at `place` (left, top) in pixels; `look` goes to matplotlib."""
    width, height = figure.canvas.get_width_height()
    figure.text(
        place[0] / width,
        1.0 - place[1] / height,
        text,
        fontsize=size_pt,
        va="top",
        parse_math=False,
        **({"color": palette.TEXT} | look),
    )


def text_width_px(figure: Figure, text: str, size_pt: float, *, bold: bool = False) -> float:
    """Width of one line in pixels, measured with the font that draws it."""
    from matplotlib.font_manager import FontProperties

    font = FontProperties(size=size_pt, weight="bold" if bold else "normal")
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]  # only Agg has one
    return float(renderer.get_text_width_height_descent(text, font, False)[0])


def wrap(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """Lines of `text` no wider than `width`, broken at blanks; a wider word stands alone."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and measure(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines or [""]


def _wrapped(figure: Figure, entry: Entry, width: float) -> list[str]:
    def measure(text: str) -> float:
        return text_width_px(figure, text, entry.size_pt, bold=entry.bold)

    return wrap(entry.text, width - (INDENT_PX if entry.mark is not None else 0.0), measure)


def _write_line(figure: Figure, entry: Entry, line: str, *, left: float, top: float) -> None:
    weight = "bold" if entry.bold else "normal"
    write(figure, (left, top), line, size_pt=entry.size_pt, weight=weight, color=entry.colour)


def _draw_mark(figure: Figure, colour: str, box: Box) -> None:
    from matplotlib.patches import Rectangle

    width, height = figure.canvas.get_width_height()
    figure.add_artist(
        Rectangle(
            (box.left / width, 1.0 - (box.top + box.height) / height),
            box.width / width,
            box.height / height,
            facecolor=colour,
            edgecolor="none",
            transform=figure.transFigure,
        )
    )


def _line_px(figure: Figure, entry: Entry) -> float:
    return LINE_FACTOR * entry.size_pt * float(figure.dpi) / 72.0
