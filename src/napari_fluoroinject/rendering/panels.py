"""The picture panels: a frame with its overlays, opacity, arrival times."""

from __future__ import annotations

from math import hypot
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.model.key_frame import shows_run_off
from napari_fluoroinject.model.needle import bow_px
from napari_fluoroinject.rendering import palette, scene
from napari_fluoroinject.rendering.statement import moment, span

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.model.spread import SpreadMaps
    from napari_fluoroinject.rendering.statement import OfLoop

SMALLEST_OPACITY_SPAN = 0.1
"""Upper end of the opacity bar is at least this, so that noise alone does not fill the colours."""


RAIL_POINTS = 33
"""Enough for a bent rail to look smooth."""

TARGET_PT = 26.0
"""Diameter of the ring about the target; the arms of the tip's cross fit into it."""


def draw_frame(axes: Axes, report: Report, frame: int) -> None:
    """One frame in its own geometry with all that was marked or found in it, and scale bar."""
    _show_gray(axes, scene.gray(report, frame))
    _draw_landmarks(axes, report, frame)
    _draw_leads(axes, report, frame)
    draw_overlays(axes, report, frame)
    draw_scale(axes, report)
    corner(axes, moment(report, frame))


def draw_opacity(axes: Axes, report: Report) -> Any:
    """Peak opacity in the reference pose; returns what its colour bar shows, None without maps."""
    if report.maps is None:
        _show_gray(axes, np.zeros(report.loop.shape[1:], np.float32))
        _notice(axes, "no opacity:\nno frames before the contrast")
        return None
    peak = report.maps.peak_od
    if not np.isfinite(peak).any():
        _show_gray(axes, 0.55 * scene.gray(report, reference_frame(report)))
        draw_overlays(axes, report, None)
        _notice(axes, "no opacity above the threshold")
        return None
    # Undefined pixels are masked: matplotlib leaves them transparent.
    drawn = _show(
        axes,
        np.ma.masked_invalid(peak),
        cmap=palette.OPACITY_MAP,
        vmin=0.0,
        vmax=_opacity_top(report.maps),
        interpolation="antialiased",
    )
    draw_overlays(axes, report, None)
    return drawn


def draw_arrival(axes: Axes, report: Report) -> Any:
    """Arrival times in the region, over dimmed anatomy; returns what its bar shows, or None."""
    _show_gray(axes, 0.55 * scene.gray(report, reference_frame(report)))
    drawn, missing = None, _why_no_arrival(report)
    if missing is None:
        arrival = _arrival_in_region(report)
        low, high = float(np.nanmin(arrival)), float(np.nanmax(arrival))
        drawn = _show(
            axes,
            np.ma.masked_invalid(arrival),
            cmap=palette.TIME_MAP,
            vmin=low,
            vmax=max(high, low + 0.1),
            interpolation="nearest",
        )
    draw_marks(axes, report, None)
    if missing is not None:
        _notice(axes, missing)
    return drawn


def draw_overlays(axes: Axes, report: Report, frame: int | None) -> None:
    """Contrast outline, run-off, needle and target, in `frame` or (None) in the reference pose."""
    mask = scene.region(report, frame)
    if mask is not None and min(mask.shape) > 1:
        axes.contour(
            mask.astype(np.float32), levels=[0.5], colors=[palette.REGION], linewidths=1.1
        )
    draw_marks(axes, report, frame)


def draw_marks(axes: Axes, report: Report, frame: int | None) -> None:
    """Run-off, target and needle: the tip lies on top, it must not be hidden."""
    _draw_run_off(axes, report, frame)
    _draw_target(axes, report, frame)
    _draw_shaft(axes, report, frame)


def reference_frame(report: Report) -> int:
    """A frame in or near the reference pose: the last mask frame, else the first frame."""
    return report.injection.mask_frames[-1] if report.injection.mask_frames else 0


def keys(report: Report, frame: int | None) -> tuple[tuple[str, str], ...]:
    """What is drawn over a picture, as (words, colour), in `frame` or in the reference pose."""
    drawn = (
        ("+ needle", palette.NEEDLE, scene.shaft(report, frame) is not None),
        ("○ target", palette.TARGET, report.annotation.target_px is not None),
        ("— contrast", palette.REGION, scene.region(report, frame) is not None),
        ("- - possible vascular run-off", palette.RUN_OFF, shows_run_off(report)),
    )
    return tuple((words, colour) for words, colour, shown in drawn if shown)


def draw_scale(axes: Axes, report: OfLoop) -> None:
    """A scale bar of a round length: millimetres when calibrated, else pixels, said so."""
    _, rows, columns = report.loop.shape
    mm_per_px = report.loop.mm_per_px
    unit_px = 1.0 if mm_per_px is None else 1.0 / mm_per_px
    length = _round_length(0.22 * columns / unit_px)
    bar_px = length * unit_px
    label = f"{length:g} px (uncalibrated)" if mm_per_px is None else f"{length:g} mm"
    right, bottom = columns - 0.5 - 0.04 * columns, rows - 0.5 - 0.04 * rows
    tick = 0.010 * rows
    ends = (right - bar_px, right)
    strokes = [
        (ends, (bottom, bottom)),
        *[((end, end), (bottom - tick, bottom + tick)) for end in ends],
    ]
    for line, width in ((palette.BACKGROUND, 4.5), (palette.TEXT, 2.0)):
        for columns_px, rows_px in strokes:
            axes.plot(
                columns_px, rows_px, color=line, linewidth=width, solid_capstyle="projecting"
            )
    # The longer words would run out of a small picture on the right.
    side, end = ("center", right - bar_px / 2) if mm_per_px is not None else ("right", right)
    place = (bottom - 2.4 * tick, end)
    _label(axes, place, label, palette.TEXT, anchor="bottom", side=side)


def _why_no_arrival(report: Report) -> str | None:
    """Why there is no arrival time to show; None where there is one."""
    if report.maps is None:
        return "no arrival times"
    if scene.region(report, None) is None:
        return "no contrast region"
    if report.loop.times_s is None:
        return "no frame times: no seconds"
    if not np.isfinite(_arrival_in_region(report)).any():
        return "no arrival above the threshold"
    return None


def _arrival_in_region(report: Report) -> DoubleArray:
    maps = report.maps
    assert maps is not None  # noqa: S101 - for the type checker: asked by the caller
    return np.where(maps.region, maps.arrival_s, np.nan)


def _draw_landmarks(axes: Axes, report: Report, frame: int) -> None:
    """Marked lines, areas and points, each with its name at its upper end."""
    for name, points in scene.landmarks(report, frame):
        for colour, width in ((palette.BACKGROUND, 2.4), (palette.LANDMARK, 1.1)):
            axes.plot(
                points[:, 1],
                points[:, 0],
                color=colour,
                linewidth=width,
                linestyle=(0, (2, 2)) if len(points) > 1 else "",
                marker="+",
                markersize=6,
            )
        top = points[points[:, 0].argmin()]
        _label_inside(axes, report, top, name, palette.LANDMARK)


def _draw_leads(axes: Axes, report: Report, frame: int) -> None:
    """A ring about each contact, the number of the lead beside its first."""
    for number, contacts in enumerate(scene.leads(report, frame), start=1):
        for colour, width in ((palette.BACKGROUND, 2.4), (palette.LEAD, 1.2)):
            axes.plot(
                contacts[:, 1],
                contacts[:, 0],
                linestyle="",
                marker="o",
                markersize=9,
                markerfacecolor="none",
                markeredgecolor=colour,
                markeredgewidth=width,
            )
        _label_inside(axes, report, contacts[0], f"lead {number}", palette.LEAD)


def _label_inside(axes: Axes, report: Report, point: DoubleArray, text: str, colour: str) -> None:
    """A label just above a point, and as near to it as the picture has room."""
    size = np.array(report.loop.shape[1:], np.float64)
    row, column = np.clip(point - size * (0.015, 0.0), size * (0.1, 0.14), size * (0.94, 0.86))
    _label(axes, (float(row), float(column)), text, colour, anchor="bottom")


def _draw_shaft(axes: Axes, report: Report, frame: int | None) -> None:
    needle = scene.shaft(report, frame)
    if needle is None:
        return
    (hub_row, hub_column), (tip_row, tip_column) = needle.hub_px, needle.tip_px
    length = hypot(tip_row - hub_row, tip_column - hub_column)
    if length == 0:
        return
    along = np.array([tip_row - hub_row, tip_column - hub_column]) / length
    across = np.array([-along[1], along[0]])
    # Two thin rails beside the steel leave the shaft itself in sight.
    beside = 0.008 * max(report.loop.shape[1:])
    clear_of_tip = 2.5 * beside
    share = np.linspace(0.0, 1.0 - clear_of_tip / length, RAIL_POINTS)
    bow = bow_px(share, needle.sag_px)
    middle = np.array(needle.hub_px) + (share * length)[:, None] * along - bow[:, None] * across
    for sign in (-1, 1):
        rail = middle + sign * beside * across
        axes.plot(rail[:, 1], rail[:, 0], color=palette.NEEDLE, linewidth=1.0, alpha=0.9)
    slope = 4.0 * (needle.sag_px or 0.0) / length
    pointing = (along + slope * across) / hypot(1.0, slope)
    _draw_tip(axes, np.array(needle.tip_px), pointing, spread_px=needle.spread_px)


def _draw_tip(axes: Axes, tip: DoubleArray, along: DoubleArray, *, spread_px: float) -> None:
    """A cross at the tip; its arm along the shaft is two sigma long, when that can be seen."""
    across = np.array([-along[1], along[0]])
    arm = 0.018 * float(np.ptp(axes.get_xlim()))
    for direction, reach in ((along, max(2 * spread_px, arm)), (across, arm)):
        ends = np.stack([tip - reach * direction, tip + reach * direction])
        for line, width in ((palette.BACKGROUND, 3.0), (palette.NEEDLE, 1.8)):
            axes.plot(ends[:, 1], ends[:, 0], color=line, linewidth=width, solid_capstyle="butt")


def _draw_target(axes: Axes, report: Report, frame: int | None) -> None:
    target = scene.target(report, frame)
    if target is None:
        return
    # Wider than the cross of the tip, so that a tip on its target stays in sight.
    for line, width in ((palette.BACKGROUND, 3.2), (palette.TARGET, 1.6)):
        axes.plot(
            [target[1]],
            [target[0]],
            marker="o",
            markersize=TARGET_PT,
            markerfacecolor="none",
            markeredgecolor=line,
            markeredgewidth=width,
        )


def _draw_run_off(axes: Axes, report: Report, frame: int | None) -> None:
    path = scene.run_off_path(report, frame)
    if path is None:
        return
    # A corridor beside the path, not a line on it: the reader must see what it stands on.
    beside = _offsets(path, 0.016 * max(report.loop.shape[1:]))
    for line, width in ((palette.BACKGROUND, 3.2), (palette.RUN_OFF, 1.6)):
        axes.plot(beside[:, 1], beside[:, 0], color=line, linewidth=width, linestyle=(0, (4, 1.6)))
    if frame is not None:
        when = "" if report.run_off.frames is None else f"\n{span(report, report.run_off.frames)}"
        place = _beyond(path, np.array(report.loop.shape[1:]))
        _label(axes, place, f"possible run-off{when}", palette.RUN_OFF, anchor="center")


def _offsets(path: DoubleArray, distance: float) -> DoubleArray:
    """The closed outline that runs `distance` beside a path of (row, column) nodes."""
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = distance * np.stack([-along[:, 1], along[:, 0]], axis=1)
    outline = np.concatenate([path + across, (path - across)[::-1]])
    return np.concatenate([outline, outline[:1]])


def _beyond(path: DoubleArray, size: DoubleArray) -> tuple[float, float]:
    """Where a path's label stands: past the end that lies farther out, inside the picture."""
    from_centre = np.linalg.norm(path[[0, -1]] - size / 2, axis=1)
    end, inner = (path[0], path[1]) if from_centre[0] > from_centre[1] else (path[-1], path[-2])
    outward = (end - inner) / max(float(np.linalg.norm(end - inner)), 1e-9)
    row, column = np.clip(
        end + outward * size * (0.07, 0.14), size * (0.06, 0.16), size * (0.94, 0.84)
    )
    return float(row), float(column)


def _show_gray(axes: Axes, image: FloatArray) -> None:
    _show(axes, image, cmap="gray", vmin=0.0, vmax=1.0, interpolation="antialiased")


def _show(axes: Axes, image: Any, **look: Any) -> Any:
    """Show an image that fills its panel, whatever is drawn on it afterwards."""
    drawn = axes.imshow(image, **look)
    # A hub outside the picture would else widen the panel, each panel differently.
    axes.autoscale(enable=False)
    return drawn


def _opacity_top(maps: SpreadMaps) -> float:
    inside = maps.peak_od[maps.region]
    values = inside if inside.size else maps.peak_od
    known = values[np.isfinite(values)]
    top = float(np.percentile(known, 98)) if known.size else 0.0
    return max(top, SMALLEST_OPACITY_SPAN)


def _round_length(longest: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not longer than `longest`."""
    decade = 10.0 ** np.floor(np.log10(longest))
    return float(max(step * decade for step in (1, 2, 5) if step * decade <= longest))


def corner(axes: Axes, text: str) -> None:
    """What a picture shows, written into its top left corner."""
    axes.text(
        0.02,
        0.98,
        text,
        transform=axes.transAxes,
        va="top",
        ha="left",
        color=palette.TEXT,
        fontsize=9.5,
        bbox={"facecolor": palette.BACKGROUND, "alpha": 0.7, "edgecolor": "none", "pad": 3},
    )


def _notice(axes: Axes, text: str) -> None:
    axes.text(
        0.5,
        0.05,
        text,
        transform=axes.transAxes,
        va="bottom",
        ha="center",
        color=palette.MUTED,
        fontsize=11,
        bbox={"facecolor": palette.BACKGROUND, "alpha": 0.75, "edgecolor": "none", "pad": 6},
    )


def _label(
    axes: Axes,
    point: tuple[float, float],
    text: str,
    colour: str,
    *,
    anchor: str,
    side: str = "center",
) -> None:
    axes.text(
        point[1],
        point[0],
        text,
        color=colour,
        ha=side,
        va=anchor,
        fontsize=9.5,
        clip_on=True,
        bbox={"facecolor": palette.BACKGROUND, "alpha": 0.7, "edgecolor": "none", "pad": 2},
    )
