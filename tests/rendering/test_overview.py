"""overview.png: every report can be drawn, always to the same bytes."""

from __future__ import annotations

import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from drawn_reports import (
    bare,
    drawn_report,
    finding,
    uncalibrated,
    with_expected,
    with_run_off,
)
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread

from napari_fluoroinject.model.annotation import Flag
from napari_fluoroinject.rendering import palette, statement
from napari_fluoroinject.rendering.overview import (
    COUNTING,
    HEIGHT_PX,
    WIDTH_PX,
    compose,
    draw_overview,
)

if TYPE_CHECKING:
    from napari_fluoroinject.model.report import Report


def _size(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def _chunks(png: bytes) -> set[bytes]:
    names, at = set(), 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        names.add(png[at + 4 : at + 8])
        at += 12 + length
    return names


def test_an_overview_is_a_png_of_1600_by_1000_pixels(report: Report) -> None:
    assert _size(draw_overview(report)) == (WIDTH_PX, HEIGHT_PX) == (1600, 1000)


def test_the_same_report_gives_the_same_bytes(report: Report) -> None:
    assert draw_overview(report) == draw_overview(report)


def test_the_picture_holds_no_date_and_no_software_tag(report: Report) -> None:
    assert not _chunks(draw_overview(report)) & {b"tEXt", b"iTXt", b"zTXt", b"tIME", b"eXIf"}


def test_the_settings_of_the_user_do_not_change_the_picture(report: Report) -> None:
    import matplotlib

    expected = draw_overview(report)
    with matplotlib.rc_context({"axes.grid": True, "font.size": 30, "lines.linewidth": 9}):
        assert draw_overview(report) == expected


def test_drawing_leaves_the_settings_of_the_user_alone(report: Report) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    draw_overview(report)
    assert dict(matplotlib.rcParams) == before


def test_drawing_needs_no_screen_and_no_pyplot() -> None:
    code = (
        "import sys; import napari_fluoroinject.rendering.overview as o; "
        "assert 'matplotlib' not in sys.modules; "
        "from drawn_reports import drawn_report; o.draw_overview(drawn_report()); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(Path(__file__).parent)}
    )


@pytest.mark.parametrize("frames", [1, 2, 30])
@pytest.mark.parametrize("size", [16, 130])
def test_loops_of_any_length_and_size_can_be_drawn(frames: int, size: int) -> None:
    report = drawn_report(frames=frames, size=size)
    for changed in (report, with_run_off(report), uncalibrated(report), bare(report)):
        assert _size(draw_overview(changed)) == (WIDTH_PX, HEIGHT_PX)


def test_a_huge_loop_can_be_drawn() -> None:
    assert _size(draw_overview(drawn_report(frames=3, size=1024))) == (WIDTH_PX, HEIGHT_PX)


def test_a_loop_that_lost_its_registration_can_be_drawn(report: Report) -> None:
    lost = replace(report.motion, locked=np.zeros(report.loop.shape[0], bool))
    assert draw_overview(replace(report, motion=lost))


def test_a_loop_whose_contrast_was_not_seen_can_be_drawn(report: Report) -> None:
    assert report.maps is not None
    assert report.measurements is not None
    nothing = np.zeros_like(report.maps.region)
    frames = report.loop.shape[0]
    unseen = replace(
        report,
        injection=replace(report.injection, onset_frame=None),
        maps=replace(
            report.maps,
            region=nothing,
            region_by_frame=np.zeros_like(report.maps.region_by_frame),
            arrival_s=np.full(nothing.shape, np.nan),
        ),
        measurements=replace(
            report.measurements,
            area_px=None,
            area_by_frame_px=np.full(frames, np.nan),
            mean_od_by_frame=np.full(frames, np.nan),
        ),
        findings=(finding("contrast_not_seen", "critical", "No contrast was seen."),),
    )
    assert draw_overview(unseen)


def test_every_number_of_a_full_report_is_in_the_picture(report: Report) -> None:
    alarmed = with_run_off(report)
    assert alarmed.measurements is not None
    assert alarmed.tip_target_px is not None
    full = replace(
        alarmed,
        measurements=replace(alarmed.measurements, across_px=40.0, across_mm=11.5),
    )
    said = _said(full)
    for row in statement.measured(full):
        assert f"{row.label}: {row.value}" in said
        assert row.note in said
    assert "more in the report" not in said


def test_the_expected_pattern_is_told_whole_and_beside_a_warning_in_muted_words(
    report: Report,
) -> None:
    told = with_expected(with_run_off(report))
    said = _said(told)
    assert told.expected[0].text in said
    assert "more in the report" not in said
    assert told.expected[0].text not in _said(report)
    figure = _figure(told)
    (first, *_) = [text for text in figure.texts if "expected pattern" in text.get_text()]
    assert first.get_color() == palette.MUTED


def test_what_the_operator_flagged_is_told_as_theirs(report: Report) -> None:
    flags = (Flag(kind="vascular_uptake", frame=2),)
    flagged = replace(report, annotation=replace(report.annotation, flags=flags))
    told = statement.flagged(flagged)
    assert told.startswith("The operator flagged vascular uptake in frame 3 (")
    assert told in _said(flagged)
    assert "flagged" not in _said(report)


def test_the_picture_says_how_it_counts_frames(report: Report) -> None:
    assert COUNTING in _said(report)


def test_the_picture_says_that_what_is_bright_may_be_missed_contrast(report: Report) -> None:
    assert "Bright outside the outlines: gas, motion, noise or missed contrast" in _said(report)


def test_more_warnings_than_fit_are_counted_not_dropped(report: Report) -> None:
    many = tuple(
        finding("image_unfit", "moderate", f"Reason {k}: " + 12 * "a long reason ")
        for k in range(30)
    )
    assert draw_overview(replace(report, findings=many)) != draw_overview(
        replace(report, findings=many[:20])
    )


def test_a_warning_is_seen_in_the_picture(report: Report) -> None:
    quiet = _pixels(draw_overview(report))
    alarmed = _pixels(draw_overview(with_run_off(report)))
    orange = np.array([0xFF, 0x98, 0x00]) / 255
    assert not (np.abs(quiet - orange).max(axis=-1) < 0.02).any()
    assert (np.abs(alarmed - orange).max(axis=-1) < 0.02).sum() > 200


def _said(report: Report) -> str:
    """All that stands in the picture, in one line."""
    return " ".join(" ".join(text.get_text() for text in _figure(report).texts).split())


def _figure(report: Report) -> Figure:
    figure = Figure(figsize=(16, 10), dpi=100)
    FigureCanvasAgg(figure)
    compose(figure, report)
    return figure


def _pixels(png: bytes) -> np.ndarray:
    from io import BytesIO

    return imread(BytesIO(png), format="png")[..., :3]
