"""The picture panels: all show the same part of the field, and the tip stays in sight."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from drawn_reports import bare, drawn_report, uncalibrated, with_run_off
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from napari_fluoroinject.model.annotation import Mark
from napari_fluoroinject.model.lead import Lead
from napari_fluoroinject.model.needle import Needle
from napari_fluoroinject.rendering import palette, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from napari_fluoroinject.model.report import Report


def _axes() -> Axes:
    figure = Figure(figsize=(6, 6), dpi=100)
    FigureCanvasAgg(figure)
    return figure.add_axes((0, 0, 1, 1))


def _drawn(report: Report) -> list[Axes]:
    frame, opacity, arrival = _axes(), _axes(), _axes()
    panels.draw_frame(frame, report, 0)
    panels.draw_opacity(opacity, report)
    panels.draw_arrival(arrival, report)
    return [frame, opacity, arrival]


def _hub_outside(report: Report) -> Report:
    needle = report.needle
    assert isinstance(needle, Needle)
    hub = (1.4 * report.loop.shape[1], -0.3 * report.loop.shape[2])
    return replace(
        report,
        needle=replace(
            needle,
            hub_px=hub,
            hub_by_frame_px=np.broadcast_to(np.array(hub), needle.hub_by_frame_px.shape).copy(),
        ),
    )


@pytest.mark.parametrize("of", [_hub_outside, with_run_off, uncalibrated, bare])
def test_every_panel_shows_the_whole_field_and_nothing_beside_it(
    report: Report, of: object
) -> None:
    assert callable(of)
    changed = of(report)
    _, rows, columns = changed.loop.shape
    for axes in _drawn(changed):
        assert axes.get_xlim() == (-0.5, columns - 0.5)
        assert axes.get_ylim() == (rows - 0.5, -0.5)


def test_a_target_on_the_tip_does_not_hide_the_tip() -> None:
    report = drawn_report()
    assert isinstance(report.needle, Needle)
    on_tip = replace(report, annotation=replace(report.annotation, target_px=report.needle.tip_px))
    for axes in _drawn(on_tip):
        ring = [line for line in axes.lines if line.get_marker() == "o"][-1]
        radius_px = ring.get_markersize() / 2 * axes.figure.dpi / 72
        centre = axes.transData.transform(ring.get_xydata()[0])
        after = axes.lines[axes.lines.index(ring) :]
        # The last four strokes are the cross: halo and line of two arms, drawn over the ring.
        assert len(after) > 4
        shown = [line for line in axes.lines[-4:] if line.get_color() == palette.NEEDLE]
        for line in shown:
            reach = np.linalg.norm(axes.transData.transform(line.get_xydata()) - centre, axis=1)
            assert reach.max() < radius_px
        assert to_hex(ring.get_markeredgecolor()).upper() == palette.TARGET


def test_a_panel_without_contrast_still_shows_the_needle(report: Report) -> None:
    assert report.maps is not None
    empty = replace(
        report.maps,
        region=np.zeros_like(report.maps.region),
        peak_od=np.full_like(report.maps.peak_od, np.nan),
    )
    _, opacity, arrival = _drawn(replace(report, maps=empty))
    for axes in (opacity, arrival):
        assert palette.NEEDLE in [line.get_color() for line in axes.lines]
        (notice,) = axes.texts
        # Below the middle: the tip of a needle is most often there.
        assert notice.get_position()[1] < 0.2


def test_marked_landmarks_and_leads_are_drawn_with_their_names_in_the_frame_alone() -> None:
    report = drawn_report()
    mark = Mark(landmark="facet_joint", points_px=((30.0, 80.0), (50.0, 85.0), (45.0, 105.0)))
    lead = Lead(contacts_px=np.array([[20.0, 20.0], [30.0, 20.0]]), sigma_px=0.1, order="unknown")
    annotation = replace(report.annotation, marks=(mark,))
    frame, opacity, _ = _drawn(replace(report, annotation=annotation, leads=(lead,)))
    names = [text.get_text() for text in frame.texts]
    assert "facet joint" in names
    assert "lead 1" in names
    assert palette.LANDMARK in [line.get_color() for line in frame.lines]
    assert palette.LANDMARK not in [line.get_color() for line in opacity.lines]
