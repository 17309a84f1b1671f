"""Where a warning is to be seen: frame and points, or that it is about the whole loop."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from rendering.drawn_reports import bare, drawn_report, finding, with_run_off

from napari_fluoroinject import procedures
from napari_fluoroinject.model.annotation import Mark
from napari_fluoroinject.model.lead import Lead
from napari_fluoroinject.model.likeness import LIKENESSES
from napari_fluoroinject.model.measurement import Measurement
from napari_fluoroinject.model.needle import NoNeedle
from napari_fluoroinject.model.procedure import WarningId
from napari_fluoroinject.viewer.evidence import MOST_POINTS, evidence, tip_px

REPORT = drawn_report()
WHOLE = {
    "contrast_not_seen",
    "missing_view",
    "wrong_level_or_side",
    "order_violation",
    "dose_alert",
    "image_unfit",
}


def of(name: str, frames: tuple[int, int] | None = None):
    return finding(name, "high", "text", frames=frames)


@pytest.mark.parametrize("name", get_args(WarningId))
def test_every_warning_has_a_place_or_is_about_the_whole_loop(name):
    spot = evidence(with_run_off(REPORT), of(name))
    assert (spot is None) == (name in WHOLE)
    if spot is not None:
        rows, columns = REPORT.loop.shape[1:]
        assert spot.points_px
        assert all(-1 <= r <= rows and -1 <= c <= columns for r, c in spot.points_px)
        assert spot.what


@pytest.mark.parametrize("name", get_args(WarningId))
@pytest.mark.parametrize("frames", [None, (0, 0), (3, 8), (28, 29)])
def test_the_frame_always_lies_in_the_loop_and_among_those_of_the_warning(name, frames):
    for report in (REPORT, with_run_off(REPORT), bare(REPORT)):
        spot = evidence(report, of(name, frames))
        if spot is None:
            assert frames is None
            continue
        assert 0 <= spot.frame < report.loop.shape[0]
        if frames is not None:
            assert frames[0] <= spot.frame <= frames[1]


def test_a_run_off_is_shown_along_its_path_in_its_middle_frame():
    report = with_run_off(REPORT)
    spot = evidence(report, report.findings[1])
    assert spot is not None
    assert np.allclose(spot.points_px, report.run_off.path_px)
    assert spot.frame == sum(report.run_off.frames) // 2


@pytest.mark.parametrize("name", sorted(LIKENESSES))
def test_what_a_spread_resembles_is_shown_by_where_the_spread_ends(name):
    spot = evidence(REPORT, of(name, (25, 29)))
    assert spot is not None
    rows, columns = np.nonzero(REPORT.maps.region)
    found = np.array(spot.points_px)
    assert len(found) == 4
    assert found[:, 0].min() >= rows.min() - 1
    assert found[:, 0].max() <= rows.max() + 1
    assert np.ptp(found[:, 0]) >= np.ptp(rows)
    assert np.ptp(found[:, 1]) >= np.ptp(columns)


def test_tip_and_target_are_shown_where_the_tip_is_off_its_target():
    spot = evidence(REPORT, of("tip_off_target", (0, 0)))
    assert spot is not None
    assert spot.points_px == (tip_px(REPORT), REPORT.annotation.target_px)


def past_limits(*values: float | None):
    """A report of a procedure with two limits, and how far the tip stands beyond each."""
    procedure = procedures.get("rfa_sacral")
    marks = tuple(
        Mark(landmark=limit.landmark, points_px=((10.0 * n, 5.0), (10.0 * n, 60.0)))
        for n, limit in enumerate(procedure.limits, start=1)
    )
    measured = tuple(
        Measurement(
            id="tip_to_line", value=value, unit="mm", of=one.landmark, reason="" if value else "no"
        )
        for value, one in zip(values, procedure.limits, strict=True)
    )
    annotation = replace(REPORT.annotation, marks=marks)
    return replace(REPORT, procedure=procedure, annotation=annotation, measured=measured)


@pytest.mark.parametrize(
    ("values", "row"), [((9.0, 2.0), 10.0), ((2.0, 9.0), 20.0), ((None, 2.0), 20.0)]
)
def test_the_line_that_the_tip_passed_farthest_is_shown_with_the_tip(values, row):
    report = past_limits(*values)
    spot = evidence(report, of("tip_past_limit", (0, 0)))
    assert spot is not None
    assert spot.points_px == (tip_px(report), (row, 5.0), (row, 60.0))


def test_contacts_of_a_lead_stand_in_place_of_a_needle():
    lead = Lead(contacts_px=np.array([[1.0, 2.0], [3.0, 4.0]]), sigma_px=0.5, order="unknown")
    report = replace(past_limits(9.0, 2.0), needle=NoNeedle(reason="none"), leads=(lead,))
    spot = evidence(report, of("tip_past_limit"))
    assert spot is not None
    assert spot.points_px[:2] == ((1.0, 2.0), (3.0, 4.0))


def test_long_paths_are_shown_by_some_of_their_points():
    path = np.linspace(0, 100, 500)[:, None] * np.ones(2)
    report = with_run_off(REPORT)
    report = replace(report, run_off=replace(report.run_off, path_px=path))
    spot = evidence(report, of("vascular_uptake", (3, 8)))
    assert spot is not None
    assert len(spot.points_px) == MOST_POINTS
