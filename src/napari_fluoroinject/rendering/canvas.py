"""A figure of the house: its size, its settings, and how it becomes a PNG, pixels or pages."""

from __future__ import annotations

from contextlib import contextmanager
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.rendering import palette
from napari_fluoroinject.rendering.text_block import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

DPI = 100

_COMPRESSION = 2
"""Of 9: less than 1 % larger than by the default of 6, in less of the time."""

_PRINT_DPI = 200
"""Of pictures in a PDF; words and lines have none."""
_HAIR_PX = 1e-3

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
    with _house_style():
        canvas = _canvas(width_px, height_px, DPI)
        canvas.figure.set_facecolor(palette.BACKGROUND)
        compose(canvas.figure)
        target = BytesIO()
        canvas.print_png(  # type: ignore[no-untyped-call]  # the stubs leave this one out
            target, metadata={"Software": None}, pil_kwargs={"compress_level": _COMPRESSION}
        )
    return target.getvalue()


def drawn_pixels(compose: Callable[[Figure], None], *, dpi: float) -> npt.NDArray[np.uint8]:
    """Draw a figure as pixels, (rows, columns, 3) uint8, red, green and blue.

    They depend on what `compose` draws and on the version of matplotlib, as above.

    Parameters
    ----------
    compose
        Draws into the figure, whose canvas is Agg, and gives it its size by `resize`.
    dpi
        How many pixels are an inch of text and lines.
    """
    with _house_style():
        canvas = _canvas(1, 1, dpi)
        canvas.figure.set_facecolor(palette.BACKGROUND)
        compose(canvas.figure)
        canvas.draw()  # type: ignore[no-untyped-call]  # the stubs leave these two out
        seen = canvas.buffer_rgba()  # type: ignore[no-untyped-call]  # matplotlib has no types
        pixels: npt.NDArray[np.uint8] = np.asarray(seen)[..., :3].copy()
    return pixels


def drawn_pages(
    pages: Iterable[Callable[[Figure], None]], *, width_px: int, height_px: int
) -> bytes:
    """Draw figures as the pages of a PDF, at `DPI` pixels per inch.

    The fonts are embedded; there is no date, no producer and nothing of the user's settings.

    Parameters
    ----------
    pages
        Each draws one page into a figure, whose canvas is Agg so that text can be measured.
    width_px, height_px
        Their size.
    """
    from matplotlib.backends.backend_pdf import PdfPages

    target = BytesIO()
    silent: Any = dict.fromkeys(("CreationDate", "Creator", "Producer"))
    # Type 42 embeds the outlines as they are: text can be searched, copied and read out.
    with _house_style({"pdf.fonttype": 42}), PdfPages(target, metadata=silent) as document:
        for compose in pages:
            canvas = _canvas(width_px, height_px, DPI)
            compose(canvas.figure)
            document.savefig(canvas.figure, dpi=_PRINT_DPI)
    return target.getvalue()


def resize(figure: Figure, width_px: int, height_px: int) -> None:
    """Give a figure another size in pixels."""
    dpi = float(figure.dpi)
    # Agg cuts the fraction off, and inches times dots are rarely a whole number.
    figure.set_size_inches((width_px + _HAIR_PX) / dpi, (height_px + _HAIR_PX) / dpi)


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


@contextmanager
def _house_style(changes: dict[str, Any] | None = None) -> Iterator[None]:
    """Draw with the settings of the house, whatever the user's are."""
    import matplotlib
    from matplotlib import style

    settings: Any = {"font.family": "DejaVu Sans", **(changes or {})}
    with _SETTINGS, style.context("default"), matplotlib.rc_context(settings):
        yield


def _canvas(width_px: int, height_px: int, dpi: float) -> FigureCanvasAgg:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    return FigureCanvasAgg(Figure(figsize=(width_px / dpi, height_px / dpi), dpi=dpi))
