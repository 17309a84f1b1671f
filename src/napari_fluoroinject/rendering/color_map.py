"""When contrast reached each place, as colours over the frame before it came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.rendering import palette, panels, scene
from napari_fluoroinject.rendering.canvas import fractions
from napari_fluoroinject.rendering.captioned import draw_captioned, in_gray
from napari_fluoroinject.rendering.statement import moment
from napari_fluoroinject.rendering.text_block import Box, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.model.spread import SpreadMaps
    from napari_fluoroinject.rendering.captioned import Pixels

_DIMMED = 0.55
"""Brightness of the anatomy under the colours, as in the overview."""
_SHORTEST_SPAN = 0.1
"""Of the colours, in seconds: a spread that is there at once is of one colour."""
_WEAVE_PX = 2
"""Squares of the pattern that stands for "undefined", which no colour does."""
_UNDEFINED = 215


def draw_color_map(report: Report) -> Pixels | None:
    """Draw the arrival of contrast over a dimmed mask frame, with a colour bar beside it.

    Seconds where the loop tells when its frames were taken; else the number of the frame in which
    each place first belongs to the spread. Within the spread a place without an arrival is woven
    in gray and so named. The colours rise in lightness and are told apart by colour-blind eyes.

    Parameters
    ----------
    report
        The analysed loop.

    Returns
    -------
    Pixels
        (rows, columns, 3) uint8; the same report gives the same pixels. None without a contrast
        region, or where no place of it has an arrival.
    """
    maps = report.maps
    if maps is None or not maps.region.any():
        return None
    timed = report.loop.times_s is not None
    arrival = _arrival_s(maps) if timed else first_frames(report, maps)
    known = np.isfinite(arrival)
    if not known.any():
        return None
    low, high = float(arrival[known].min()), float(arrival[known].max())
    span = low, max(high, low + (_SHORTEST_SPAN if timed else 1.0))
    woven = maps.region & ~known
    frame = panels.reference_frame(report)
    unit = "s from the first frame" if timed else "frame, the first is 1"
    under = f"over {moment(report, frame)}, dimmed"
    return draw_captioned(
        _coloured(in_gray(_DIMMED * scene.gray(report, frame)), arrival, span, woven),
        report,
        words=(f"Arrival of contrast, {unit}; {under}", *_of_undefined(woven, maps.region)),
        keys=tuple(key for key in panels.keys(report, None) if key[1] != palette.REGION),
        overlay=lambda axes: _draw_over(axes, report),
        legend=lambda figure, box: _draw_legend(
            figure, box, span, timed=timed, woven=bool(woven.any())
        ),
    )


def first_frames(report: Report, maps: SpreadMaps) -> DoubleArray:
    """Number, from 1, of the first frame in which each place of the region is in the spread.

    Parameters
    ----------
    report
        The analysed loop.
    maps
        Of it.

    Returns
    -------
    DoubleArray
        (rows, columns) in the reference pose; NaN outside the region and where it never is.
    """
    rows, columns = np.nonzero(maps.region)
    places = np.stack([rows, columns], axis=1).astype(np.float64)
    first = np.full(len(places), np.nan)
    for frame, spread in enumerate(maps.region_by_frame):
        seen = np.rint(report.motion.all_in_frame(places, frame)).astype(int)
        row, column = seen.T
        inside = (row >= 0) & (row < spread.shape[0]) & (column >= 0) & (column < spread.shape[1])
        inside[inside] = spread[row[inside], column[inside]]
        first[inside & np.isnan(first)] = frame + 1
    picture = np.full(maps.region.shape, np.nan)
    picture[rows, columns] = first
    return picture


def _arrival_s(maps: SpreadMaps) -> DoubleArray:
    return np.where(maps.region, maps.arrival_s.astype(np.float64), np.nan)


def _coloured(
    picture: Pixels, arrival: DoubleArray, span: tuple[float, float], woven: BoolArray
) -> Pixels:
    from matplotlib import colormaps

    known = np.isfinite(arrival)
    share = (arrival[known] - span[0]) / (span[1] - span[0])
    coloured = picture.copy()
    coloured[known] = colormaps[palette.TIME_MAP](share, bytes=True)[:, :3]
    row, column = np.indices(woven.shape) // _WEAVE_PX
    coloured[woven & ((row + column) % 2 == 0)] = _UNDEFINED
    return coloured


def _of_undefined(woven: BoolArray, region: BoolArray) -> tuple[str, ...]:
    if not woven.any():
        return ()
    share = 100 * woven.sum() / region.sum()
    return (f"Woven gray: contrast whose arrival is undefined ({share:.0f} % of the spread)",)


def _draw_over(axes: Axes, report: Report) -> None:
    panels.draw_marks(axes, report, None)
    panels.draw_scale(axes, report)


def _draw_legend(
    figure: Figure, box: Box, span: tuple[float, float], *, timed: bool, woven: bool
) -> None:
    """Colour bar with its unit, and the pattern of what is undefined."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.ticker import MaxNLocator

    inch = float(figure.dpi)
    write(
        figure,
        (box.left + 0.15 * inch, 0.1 * inch),
        "s" if timed else "frame",
        size_pt=9,
        color=palette.TEXT,
    )
    foot = 0.55 * inch if woven else 0.15 * inch
    place = Box(
        left=box.left + 0.15 * inch,
        top=0.35 * inch,
        width=0.16 * inch,
        height=box.height - 0.35 * inch - foot,
    )
    shown = ScalarMappable(Normalize(*span), cmap=palette.TIME_MAP)
    bar = figure.colorbar(
        shown,
        cax=figure.add_axes(fractions(figure, place)),
        ticks=MaxNLocator(nbins=5, integer=not timed),
    )
    bar.outline.set_edgecolor(palette.RULE)
    bar.ax.tick_params(colors=palette.TEXT, labelsize=9, length=3)
    if woven:
        _draw_weave(
            figure, Box(left=place.left, top=box.height - 0.35 * inch, width=16, height=16)
        )


def _draw_weave(figure: Figure, box: Box) -> None:
    side = int(box.width)
    row, column = np.indices((side, side)) // _WEAVE_PX
    patch = np.where((row + column) % 2 == 0, _UNDEFINED, 60).astype(np.uint8)
    height = figure.canvas.get_width_height()[1]
    figure.figimage(
        np.repeat(patch[..., None], 3, axis=2),
        xo=int(box.left),
        yo=height - int(box.top) - side,
        origin="upper",
    )
    write(figure, (box.left + side + 4, box.top), "undefined", size_pt=8, color=palette.TEXT)
