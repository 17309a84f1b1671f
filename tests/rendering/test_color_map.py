"""The colour map: arrival over the mask frame; what is undefined is shown as undefined."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from drawn_reports import bare, drawn_report, uncalibrated, with_run_off
from matplotlib import colormaps

from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.needle import NoNeedle
from napari_fluoroinject.rendering import captioned, palette
from napari_fluoroinject.rendering.color_map import draw_color_map, first_frames

if TYPE_CHECKING:
    from napari_fluoroinject.model.report import Report


def unmarked(report: Report) -> Report:
    """The same report with neither needle nor target, which would lie over the colours."""
    return replace(report, needle=NoNeedle(reason="none"), annotation=Annotation())


def drawn(report: Report) -> np.ndarray:
    picture = draw_color_map(report)
    assert picture is not None
    return picture


@pytest.mark.parametrize("size", [16, 130, 700])
def test_contrast_of_every_size_has_a_colour_map(size: int) -> None:
    report = drawn_report(size=size)
    for changed in (report, with_run_off(report), uncalibrated(report)):
        picture = drawn(changed)
        assert picture.dtype == np.uint8
        assert picture.shape[0] > size
        assert picture.shape[1] > size


def test_without_maps_or_region_or_any_arrival_there_is_none(report: Report) -> None:
    assert report.maps is not None
    nothing = np.zeros_like(report.maps.region)
    unknown = np.full(nothing.shape, np.nan)
    assert draw_color_map(bare(report)) is None
    assert draw_color_map(replace(report, maps=replace(report.maps, region=nothing))) is None
    timeless = replace(report, maps=replace(report.maps, arrival_s=unknown))
    assert draw_color_map(timeless) is None


def test_every_arrival_has_the_colour_of_its_time_and_later_is_lighter() -> None:
    report = unmarked(drawn_report(size=200))
    assert report.maps is not None
    picture = drawn(report)[:200, :200]
    arrival = np.where(report.maps.region, report.maps.arrival_s, np.nan)
    known = np.isfinite(arrival)
    low, high = arrival[known].min(), arrival[known].max()
    share = (arrival[known].astype(float) - low) / (high - low)
    expected = colormaps[palette.TIME_MAP](share, bytes=True)[:, :3]
    same = (np.abs(picture[known].astype(int) - expected) <= 1).all(axis=-1)
    assert same.mean() > 0.98  # the scale bar may lie over a few
    luma = picture[known] @ np.array([0.299, 0.587, 0.114])
    order = np.argsort(share)
    assert np.corrcoef(share[order], luma[order])[0, 1] > 0.9


def test_an_undefined_place_is_woven_gray_and_never_a_colour_of_the_bar() -> None:
    report = unmarked(drawn_report(size=200))
    maps = report.maps
    assert maps is not None
    arrival = maps.arrival_s.copy()
    hole = np.zeros_like(maps.region)
    hole[95:105, 105:115] = True
    assert maps.region[hole].all()
    arrival[hole] = np.nan
    picture = drawn(replace(report, maps=replace(maps, arrival_s=arrival)))[:200, :200]
    inside = picture[hole].astype(int)
    assert (np.ptp(inside, axis=-1) == 0).all()  # gray
    assert 0.3 < (inside[:, 0] > 200).mean() < 0.7


def test_outside_the_spread_the_dimmed_frame_is_gray() -> None:
    report = unmarked(drawn_report(size=200))
    assert report.maps is not None
    picture = drawn(report)[:150, :200].astype(int)
    outside = ~report.maps.region[:150]
    assert (np.ptp(picture[outside], axis=-1) == 0).all()
    assert picture[outside].max() <= round(0.55 * 255)


def test_without_times_the_map_counts_frames_from_one_in_the_reference_pose() -> None:
    report = uncalibrated(drawn_report(size=100))
    maps = report.maps
    assert maps is not None
    first = first_frames(report, maps)
    assert np.isnan(first[~maps.region]).all()
    known = np.isfinite(first)
    assert known[maps.region].mean() > 0.9
    assert first[known].min() >= 1
    row, column = np.argwhere(known)[len(np.argwhere(known)) // 2]
    frame = int(first[row, column]) - 1
    place = np.rint(report.motion.in_frame((row, column), frame)).astype(int)
    assert maps.region_by_frame[frame, place[0], place[1]]
    assert drawn(report).shape[1] > 100


def test_the_words_name_the_unit_and_how_much_is_undefined(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    original = captioned.write_block

    def heard(figure: object, entries: object, box: object) -> int:
        said.extend(entry.text for entry in entries)
        return original(figure, entries, box)

    monkeypatch.setattr(captioned, "write_block", heard)
    drawn(report)
    timed = " ".join(said)
    said.clear()
    drawn(uncalibrated(report))
    assert "s from the first frame" in timed
    assert "undefined" in timed
    assert "frame, the first is 1" in " ".join(said)


def test_the_same_report_gives_the_same_pixels(report: Report) -> None:
    np.testing.assert_array_equal(drawn(report), drawn(report))
