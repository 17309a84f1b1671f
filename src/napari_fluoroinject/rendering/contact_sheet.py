"""subtracted.png: frames of a subtracted loop across the injection, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.model.subtracted import MIDDLE, STEP_LN, UNDEFINED
from napari_fluoroinject.rendering import palette
from napari_fluoroinject.rendering.canvas import drawn_png, fitted, image_axes
from napari_fluoroinject.rendering.overview import COUNTING
from napari_fluoroinject.rendering.panels import corner, draw_scale
from napari_fluoroinject.rendering.statement import RESEARCH_ONLY, made_by, moment, subtitle
from napari_fluoroinject.rendering.text_block import Box, text_width_px, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from napari_fluoroinject.model.subtracted import SubtractedLoop

PICTURES = 12
"""Shown on one sheet."""
WIDTH_PX = 1600

_COLUMNS = 4
_EDGE_PX, _GAP_PX = 20.0, 10.0
_HEAD_PX, _FOOT_PX = 104.0, 44.0
_SIDE_PX = (WIDTH_PX - 2 * _EDGE_PX - (_COLUMNS - 1) * _GAP_PX) / _COLUMNS
"""Width of a picture, and the most that it is high."""
_CAUTION = (
    "Darker than the mask: contrast, but also what moves (needle, gas, tissue) and noise. "
    "Not corrected for scatter."
)
_BAR_PX = (300.0, 12.0)
_MOST_LETTERS = 130
_TITLE_PT, _SAID_PT = 17.0, 10.0


def draw_sheet(made: SubtractedLoop) -> bytes:
    """Draw about twelve frames as a PNG 1600 pixels wide: contrast dark, no difference mid-grey.

    They lie evenly between the frame before contrast and the last one, or over the whole loop
    where no contrast was seen. As in the overview nothing of the patient is drawn.
    """
    shape = made.stored.shape[1:]
    rows = -(-len(shown_frames(made)) // _COLUMNS)
    high = fitted(Box(left=0, top=0, width=_SIDE_PX, height=_SIDE_PX), shape).height
    height = _HEAD_PX + rows * (high + _GAP_PX) + _FOOT_PX
    return drawn_png(
        lambda figure: compose(figure, made), width_px=WIDTH_PX, height_px=round(height)
    )


def shown_frames(made: SubtractedLoop) -> tuple[int, ...]:
    """0-based frames on the sheet, rising; of frames that nothing was subtracted from, none."""
    frames = np.flatnonzero(made.subtracted)
    if made.onset_frame is not None:
        across = frames[frames >= made.onset_frame - 1]
        frames = across if across.size else frames
    if not frames.size:
        return ()
    at = np.linspace(0, frames.size - 1, min(PICTURES, frames.size))
    return tuple(int(frame) for frame in frames[np.rint(at).astype(int)])


def compose(figure: Figure, made: SubtractedLoop) -> None:
    """Draw the sheet into a figure of its size whose canvas is Agg."""
    _draw_head(figure, made)
    shape = made.stored.shape[1:]
    lost = set(made.lost)
    box = fitted(Box(left=0, top=0, width=_SIDE_PX, height=_SIDE_PX), shape)
    for k, frame in enumerate(shown_frames(made)):
        row, column = divmod(k, _COLUMNS)
        axes = image_axes(
            figure,
            Box(
                left=_EDGE_PX + column * (_SIDE_PX + _GAP_PX),
                top=_HEAD_PX + row * (box.height + _GAP_PX),
                width=box.width,
                height=box.height,
            ),
        )
        stored = made.stored[frame]
        axes.imshow(
            np.ma.masked_equal(stored, UNDEFINED).astype(np.float32),
            cmap="gray",
            vmin=MIDDLE - made.window_ln / STEP_LN,
            vmax=MIDDLE + made.window_ln / STEP_LN,
            interpolation="antialiased",
        )
        axes.autoscale(enable=False)
        corner(axes, f"{moment(made, frame)}{' · not followed' if frame in lost else ''}")
        if k == 0:
            draw_scale(axes, made)
    _draw_foot(figure, made)


def _draw_head(figure: Figure, made: SubtractedLoop) -> None:
    right = WIDTH_PX - _EDGE_PX
    by = f"{made_by(made)} · {RESEARCH_ONLY}"
    write(figure, (right, 52), by, size_pt=_SAID_PT, ha="right")
    write(figure, (_EDGE_PX, 14), "Subtracted", size_pt=_TITLE_PT, weight="bold")
    write(figure, (_EDGE_PX, 52), subtitle(made), size_pt=_SAID_PT, color=palette.MUTED)
    said = f"{_cut(made.told())} · {_cut(made.moved())}"
    size_pt = _SAID_PT * min(
        1.0, (WIDTH_PX - 2 * _EDGE_PX) / text_width_px(figure, said, _SAID_PT)
    )
    write(figure, (_EDGE_PX, 76), said, size_pt=size_pt)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 3]}..."


def _draw_foot(figure: Figure, made: SubtractedLoop) -> None:
    """The grey scale in numbers: what a person reads opacity off."""
    height = figure.canvas.get_width_height()[1]
    top = height - _FOOT_PX + 8
    quantitative = made.loop.intensity.quantitative
    unit = "ln units" if quantitative else "ln units, relative"
    width, thick = _BAR_PX
    bar = image_axes(figure, Box(left=_EDGE_PX + 54, top=top, width=width, height=thick))
    bar.imshow(np.linspace(0, 1, 256)[None], cmap="gray", aspect="auto")
    write(figure, (_EDGE_PX, top - 1), f"-{made.window_ln:.2f}", size_pt=9)
    end = _EDGE_PX + 54 + width
    upper = f"+{made.window_ln:.2f} {unit}"
    write(figure, (end + 8, top - 1), upper, size_pt=9)
    end += 8 + text_width_px(figure, upper, 9)
    write(figure, (end + 40, top - 1), _CAUTION, size_pt=9, color=palette.MUTED)
    write(
        figure,
        (WIDTH_PX - _EDGE_PX, top + 18),
        COUNTING,
        size_pt=8.0,
        color=palette.MUTED,
        ha="right",
    )
