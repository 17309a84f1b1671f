"""A figure of the house: its size in pixels, its settings, and how it becomes a PNG."""

from __future__ import annotations

from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING

from napari_fluoroinject.rendering import palette
from napari_fluoroinject.rendering.text_block import Box

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 100

_COMPRESSION = 2
"""Of 9: less than 1 % larger than by the default of 6, in less of the time."""

# matplotlib's settings are global: two threads must not draw with each other's.
_SETTINGS = Lock()


def drawn_png(compose: Callable[[Figure], None], *, width_px: int, height_px: int) -> bytes:
    """Draw a figure as a PNG.

    The bytes depend on what `compose` draws and on the version of matplotlib, which brings its
    font: no date, no software tag, none of the user's settings.

    Parameters
    ----------
    compose
        Draws into the figure, whose canvas is Agg.
    width_px, height_px
        Its size.
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
        figure = Figure(figsize=(width_px / DPI, height_px / DPI), dpi=DPI)
        canvas = FigureCanvasAgg(figure)
        figure.set_facecolor(palette.BACKGROUND)
        compose(figure)
        target = BytesIO()
        canvas.print_png(  # type: ignore[no-untyped-call]  # the stubs leave this one out
            target, metadata={"Software": None}, pil_kwargs={"compress_level": _COMPRESSION}
        )
    return target.getvalue()


def image_axes(figure: Figure, box: Box) -> Axes:
    """Axes for a picture in `box`, framed and without ticks."""
    axes = figure.add_axes(fractions(figure, box))
    axes.set_facecolor(palette.UNDEFINED)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(palette.RULE)
    return axes


def fitted(box: Box, shape: tuple[int, ...]) -> Box:
    """The largest picture of (rows, columns) square pixels inside `box`, at its top left."""
    rows, columns = shape
    scale = min(box.width / columns, box.height / rows)
    return Box(left=box.left, top=box.top, width=scale * columns, height=scale * rows)


def fractions(figure: Figure, box: Box) -> tuple[float, float, float, float]:
    """Left, bottom, width and height of `box` as matplotlib counts: of the figure, from below."""
    width, height = figure.canvas.get_width_height()
    return (
        box.left / width,
        1.0 - (box.top + box.height) / height,
        box.width / width,
        box.height / height,
    )
