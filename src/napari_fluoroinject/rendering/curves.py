"""Time curves: how much area the contrast covers, and how dense it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.model.key_frame import shows_run_off
from napari_fluoroinject.rendering import palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.report import Report


def draw_area(axes: Axes, report: Report, frame: int) -> None:
    """Contrast area over time, in mm2 when calibrated, else in pixels; `frame` is marked."""
    _style(axes)
    per_px = None if report.loop.mm_per_px is None else report.loop.mm_per_px**2
    axes.set_ylabel("area,\npx" if per_px is None else "area,\nmm²")
    values = None
    if report.measurements is not None:
        values = report.measurements.area_by_frame_px * (1.0 if per_px is None else per_px)
    _draw(axes, report, values, colour=palette.REGION)
    _draw_marks(axes, report, frame, named=True)


def draw_density(axes: Axes, report: Report, frame: int) -> None:
    """Mean opacity inside the region over time; relative where the loop is not quantitative."""
    _style(axes)
    quantitative = report.loop.intensity.quantitative
    axes.set_ylabel("mean\nopacity" if quantitative else "relative\nopacity")
    axes.set_xlabel("frame" if report.loop.times_s is None else "time, s")
    if report.loop.times_s is None:
        from matplotlib.ticker import MaxNLocator

        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    values = None if report.measurements is None else report.measurements.mean_od_by_frame
    _draw(axes, report, values, colour="#7FD1FF")
    _draw_marks(axes, report, frame, named=False)


def _draw(axes: Axes, report: Report, values: DoubleArray | None, *, colour: str) -> None:
    abscissa = _abscissa(report)
    left, right = float(abscissa[0]), float(abscissa[-1])
    if right > left:
        axes.set_xlim(left, right)
    else:  # one frame: there is no other place on the axis
        axes.set_xlim(left - 0.5, left + 0.5)
        axes.set_xticks([left])
    if values is None or not np.isfinite(values).any():
        axes.set_yticks([])
        axes.text(
            0.5,
            0.5,
            "not measured",
            transform=axes.transAxes,
            ha="center",
            va="center",
            color=palette.MUTED,
        )
        return
    axes.plot(
        abscissa,
        values,
        color=colour,
        linewidth=1.8,
        marker="o" if len(abscissa) < 3 else None,
    )
    top = float(np.nanmax(values))
    axes.set_ylim(min(0.0, float(np.nanmin(values))), 1.12 * top if top > 0 else 1.0)


def _draw_marks(axes: Axes, report: Report, frame: int, *, named: bool) -> None:
    """Mask frames, onset, run-off and the drawn frame, each with its name on the upper curve."""
    abscissa = _abscissa(report)
    named_at: list[tuple[float, str, str]] = []
    masks = report.injection.mask_frames
    if masks:
        start, end = abscissa[min(masks)], abscissa[max(masks)]
        axes.axvspan(start, end, color=palette.MASK, alpha=0.35, linewidth=0)
        named_at.append(((start + end) / 2, "mask", palette.TEXT))
    if shows_run_off(report) and report.run_off.frames is not None:
        first, last = report.run_off.frames
        axes.axvspan(
            abscissa[first],
            abscissa[last],
            facecolor="none",
            edgecolor=palette.RUN_OFF,
            hatch="///",
            alpha=0.55,
            linewidth=0,
        )
        named_at.append(((abscissa[first] + abscissa[last]) / 2, "run-off", palette.RUN_OFF))
    if report.injection.onset_frame is not None:
        onset = abscissa[report.injection.onset_frame]
        axes.axvline(onset, color=palette.ONSET, linewidth=1.2, linestyle="--")
        named_at.append((onset, "onset", palette.ONSET))
    axes.axvline(abscissa[frame], color=palette.MUTED, linewidth=1.0, linestyle=":")
    named_at.append((abscissa[frame], "shown", palette.MUTED))
    if named:
        _name(axes, named_at)


def _name(axes: Axes, named_at: list[tuple[float, str, str]]) -> None:
    """Names above the curve, on a second line where two would touch."""
    low, high = axes.get_xlim()
    taken: list[tuple[float, int]] = []
    for place, text, colour in sorted(named_at):
        share = (place - low) / (high - low)
        line = next(
            line
            for line in range(4)
            if all(abs(share - other) > 0.11 or line != used for other, used in taken)
        )
        taken.append((share, line))
        axes.annotate(
            text,
            (min(max(share, 0.02), 0.98), 1.0),
            xycoords="axes fraction",
            xytext=(0, 3 + 11 * line),
            textcoords="offset points",
            ha="center",
            color=colour,
            fontsize=9,
        )


def _abscissa(report: Report) -> DoubleArray:
    """Seconds of the frames, or their numbers from 1 where the file tells no times."""
    if report.loop.times_s is not None:
        return report.loop.times_s
    return np.arange(1, report.loop.shape[0] + 1, dtype=np.float64)


def _style(axes: Axes) -> None:
    axes.set_facecolor(palette.PANEL)
    axes.tick_params(colors=palette.MUTED, labelsize=9, length=3)
    # Two lines at one distance from both axes: one line would reach into the other plot.
    axes.yaxis.label.set(color=palette.TEXT, fontsize=9, linespacing=1.0)
    axes.yaxis.set_label_coords(-0.1, 0.5)
    axes.xaxis.label.set_color(palette.TEXT)
    axes.grid(visible=True, color=palette.RULE, linewidth=0.6)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(palette.RULE)
