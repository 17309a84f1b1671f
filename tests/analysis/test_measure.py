"""Numbers of the spread against regions that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spread_scenes import (
    FRAMES,
    INTERVAL_S,
    MM_PER_PX,
    NO_NEEDLE,
    ONSET,
    SPEED_PX,
    TIP,
    Scene,
    make_loop,
    noisy,
    opacity_of,
    unlocked,
)

from napari_fluoroinject.analysis.measure import measure
from napari_fluoroinject.analysis.spread import spread_maps
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.geometry import Calibration
from napari_fluoroinject.model.spread import RunOff, SpreadMaps

ON = choose("cpu")
LENGTHS = ("along", "across", "cranial", "caudal")


def box_maps(rows: tuple[int, int], columns: tuple[int, int]) -> SpreadMaps:
    """Maps whose region is a box, inclusive, that was reached row by row from the tip."""
    region = np.zeros((128, 128), dtype=bool)
    region[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = True
    row = np.arange(128)[:, None]
    arrival = np.where(region, 1.5 + 0.05 * np.abs(row - TIP[0]), np.nan)
    grown = np.zeros((FRAMES, 128, 128), dtype=bool)
    grown[ONSET:] = region
    undefined = np.full((128, 128), np.nan)
    return SpreadMaps(
        peak_od=np.where(region, 0.3, np.nan),
        arrival_s=arrival,
        time_to_peak_s=arrival + 0.4,
        washout_per_s=undefined,
        transit_s=undefined,
        region=region,
        region_by_frame=grown,
        arrival_threshold_od=0.12,
        region_threshold_od=0.06,
        detection_limit_od=0.02,
    )


def measured(maps: SpreadMaps, scene: Scene = Scene(), *, needle=None, **options):  # noqa: B008  # a frozen value
    loop, own, od = make_loop(scene)
    return measure(maps, opacity_of(od), loop, own if needle is None else needle, **options)


def test_extents_are_those_of_the_pixels_with_their_width():
    numbers = measured(box_maps((50, 89), (40, 59)))
    assert numbers.area_px == 800
    assert numbers.along_px == pytest.approx(40.0)
    assert numbers.across_px == pytest.approx(20.0)
    assert numbers.cranial_px == pytest.approx(64.0 - 49.5)
    assert numbers.caudal_px == pytest.approx(89.5 - 64.0)


def test_cranial_and_caudal_change_places_when_down_is_cranial():
    up = measured(box_maps((50, 89), (40, 59)))
    down = measured(box_maps((50, 89), (40, 59)), spine_axis_deg=90.0)
    assert down.cranial_px == pytest.approx(up.caudal_px)
    assert down.caudal_px == pytest.approx(up.cranial_px)
    assert down.along_px == pytest.approx(up.along_px)


def test_a_lying_spine_turns_along_into_across():
    upright = measured(box_maps((50, 89), (40, 59)))
    lying = measured(box_maps((50, 89), (40, 59)), spine_axis_deg=0.0)
    assert lying.along_px == pytest.approx(upright.across_px)
    assert lying.across_px == pytest.approx(upright.along_px)


def test_contrast_that_lies_caudal_of_the_tip_alone_has_no_cranial_extent():
    numbers = measured(box_maps((80, 99), (50, 69)))
    assert numbers.cranial_px == 0.0
    assert numbers.caudal_px == pytest.approx(35.5)


def test_direction_points_from_the_tip_to_the_middle_of_the_region():
    assert measured(box_maps((64, 64), (70, 90))).direction_deg == pytest.approx(0.0)
    assert measured(box_maps((80, 90), (60, 60))).direction_deg == pytest.approx(90.0)


def test_the_assumed_axis_of_the_spine_is_told():
    reasons = measured(box_maps((50, 89), (40, 59))).reasons
    assert any("cranial" in reason and "assume" in reason for reason in reasons)


@given(mm_per_px=st.floats(0.05, 2.0))
@settings(max_examples=15, deadline=None)
def test_every_length_scales_with_the_millimetres_of_a_pixel(mm_per_px):
    loop, needle, od = make_loop(Scene(seed=2))
    calibration = Calibration(mm_per_px=mm_per_px, basis="iso_sid_sod")
    loop = replace(loop, loop=replace(loop.loop, calibration=calibration))
    numbers = measure(box_maps((50, 89), (40, 59)), opacity_of(od), loop, needle)
    for name in LENGTHS:
        pixels, millimetres = (getattr(numbers, f"{name}_{unit}") for unit in ("px", "mm"))
        assert millimetres == pytest.approx(pixels * mm_per_px)
    assert numbers.area_mm2 == pytest.approx(numbers.area_px * mm_per_px**2)
    assert numbers.front_speed_mm_s == pytest.approx(numbers.front_speed_px_s * mm_per_px)


@given(down=st.integers(-20, 20), right=st.integers(-20, 20))
@settings(max_examples=15, deadline=None)
def test_no_extent_depends_on_where_in_the_picture_the_spread_lies(down, right):
    maps = box_maps((50, 89), (40, 59))
    moved = {
        name: np.roll(getattr(maps, name), (down, right), axis=(-2, -1))
        for name in ("region", "arrival_s", "peak_od", "time_to_peak_s", "region_by_frame")
    }
    loop, needle, od = make_loop(Scene(seed=2))
    elsewhere = replace(
        needle, tip_by_frame_px=needle.tip_by_frame_px + np.array([down, right], dtype=float)
    )
    here = measure(maps, opacity_of(od), loop, needle)
    there = measure(replace(maps, **moved), opacity_of(od), loop, elsewhere)
    for name in LENGTHS:
        assert getattr(there, f"{name}_px") == pytest.approx(getattr(here, f"{name}_px"))
    assert there.direction_deg == pytest.approx(here.direction_deg)
    assert there.front_speed_px_s == pytest.approx(here.front_speed_px_s)
    assert there.area_px == here.area_px


def test_the_front_is_as_fast_as_it_was_drawn():
    loop, needle, true = make_loop()
    opacity = opacity_of(noisy(true, 0.03))
    numbers = measure(spread_maps(opacity, loop, needle, on=ON), opacity, loop, needle)
    assert numbers.front_speed_px_s == pytest.approx(SPEED_PX / INTERVAL_S, rel=0.1)
    assert numbers.front_speed_mm_s == pytest.approx(numbers.front_speed_px_s * MM_PER_PX)
    early_px = 0.1 * np.sqrt(numbers.area_px / np.pi)  # a hundredth of the disc lies within
    arrived = ONSET + (early_px + 3.0 * 0.12 / 0.4) / SPEED_PX
    assert numbers.first_arrival_s == pytest.approx(arrived * INTERVAL_S, abs=INTERVAL_S)
    assert numbers.peak_od == pytest.approx(0.4, abs=0.03)


def test_kinetics_of_the_region_are_those_of_its_maps():
    numbers = measured(box_maps((50, 89), (40, 59)))
    assert numbers.peak_od == pytest.approx(0.3)
    assert numbers.first_arrival_s == pytest.approx(1.5, abs=0.01)
    assert numbers.median_time_to_peak_s == pytest.approx(2.4, abs=0.1)


def test_area_and_mean_opacity_of_each_frame_are_unknown_where_the_frame_was_lost():
    loop, needle, od = make_loop()
    lost = unlocked(loop, [30])
    numbers = measure(box_maps((60, 69), (55, 64)), opacity_of(od), lost, needle)
    assert np.isnan(numbers.area_by_frame_px[30])
    assert np.isnan(numbers.mean_od_by_frame[30])
    assert numbers.area_by_frame_px[ONSET - 1] == 0
    assert np.isnan(numbers.mean_od_by_frame[ONSET - 1])
    assert numbers.area_by_frame_px[-1] == 100
    assert numbers.mean_od_by_frame[-1] == pytest.approx(0.4, abs=0.01)


def test_mean_opacity_is_read_where_the_anatomy_went():
    scene = Scene(drift_px=(0.5, 0.0))
    loop, needle, true = make_loop(scene)
    opacity = opacity_of(noisy(true, 0.02))
    maps = spread_maps(opacity, loop, needle, on=ON)
    numbers = measure(maps, opacity, loop, needle)
    assert numbers.mean_od_by_frame[-1] == pytest.approx(true[-1][maps.region].mean(), rel=0.1)


def test_without_calibration_there_are_pixels_and_a_reason():
    numbers = measured(box_maps((50, 89), (40, 59)), Scene(calibrated=False))
    assert numbers.along_px == pytest.approx(40.0)
    assert numbers.along_mm is None
    assert numbers.area_mm2 is None


def test_without_a_needle_nothing_is_told_from_the_tip():
    numbers = measured(box_maps((50, 89), (40, 59)), needle=NO_NEEDLE)
    assert numbers.along_px == pytest.approx(40.0)
    assert numbers.cranial_px is None
    assert numbers.direction_deg is None
    assert numbers.front_speed_px_s is None
    assert any("no needle" in reason for reason in numbers.reasons)


def test_without_contrast_there_is_no_spread_and_the_reason_says_so():
    scene = Scene(contrast=False)
    loop, needle, od = make_loop(scene)
    opacity = opacity_of(noisy(od, 0.03))
    numbers = measure(spread_maps(opacity, loop, needle, on=ON), opacity, loop, needle)
    assert numbers.area_px is None
    assert numbers.area_mm2 is None
    assert np.isnan(numbers.area_by_frame_px).all()
    assert numbers.along_px is None
    assert numbers.centroid_px is None
    assert numbers.direction_deg is None
    assert numbers.peak_od is None
    assert any("no contrast was seen" in reason for reason in numbers.reasons)


def test_contrast_without_a_certain_region_says_so():
    maps = box_maps((50, 89), (40, 59))
    nothing = replace(
        maps,
        region=np.zeros_like(maps.region),
        region_by_frame=np.zeros_like(maps.region_by_frame),
    )
    numbers = measured(nothing)
    assert numbers.area_px is None
    assert any("no region" in reason for reason in numbers.reasons)


def test_contrast_that_is_gone_at_the_end_has_an_area_in_time_and_none_at_the_end():
    maps = box_maps((50, 89), (40, 59))
    while_there = maps.region_by_frame.copy()
    while_there[ONSET + 8 :] = False
    numbers = measured(
        replace(maps, region=np.zeros_like(maps.region), region_by_frame=while_there)
    )
    assert numbers.area_px is None
    assert numbers.area_by_frame_px[ONSET + 4] == 800
    assert numbers.area_by_frame_px[-1] == 0
    assert "no contrast was left at the end" in numbers.reasons[0]


def run_off_along(path) -> RunOff:
    return RunOff(
        score=1.3,
        kind="persistent",
        path_px=np.asarray(path, dtype=float),
        frames=(ONSET, ONSET + 4),
        smallest_seen_od=0.03,
    )


def test_beside_a_suspected_vessel_nothing_says_that_no_contrast_was_seen():
    vessel = run_off_along([[40, 60], [100, 60]])
    nothing = replace(box_maps((50, 89), (40, 59)), region=np.zeros((128, 128), bool))
    empty = measured(nothing, Scene(contrast=False), run_off=vessel)
    filled = measured(box_maps((50, 89), (58, 62)), run_off=vessel)
    for numbers in (empty, filled):
        assert "no spread outside the suspected vessel" in numbers.reasons[0]
        assert not any("no contrast" in reason for reason in numbers.reasons)
    spread = measured(box_maps((50, 89), (40, 80)), run_off=vessel)
    assert not any("suspected vessel" in reason for reason in spread.reasons)


@pytest.mark.parametrize(
    ("rows", "columns", "bounds"),
    [
        ((50, 89), (40, 59), ()),
        ((0, 89), (40, 59), ("area", "along", "cranial")),
        ((60, 127), (40, 59), ("area", "along", "caudal")),
        ((50, 89), (0, 59), ("area", "across")),
        ((0, 127), (0, 127), ("area", "along", "across", "cranial", "caudal")),
    ],
)
def test_extents_towards_an_edge_that_contrast_reaches_are_lower_bounds(rows, columns, bounds):
    assert measured(box_maps(rows, columns)).lower_bounds == bounds


def test_the_edge_is_that_of_what_can_be_judged_and_a_hole_in_it_is_none():
    loop, needle, od = make_loop()
    valid = np.ones((128, 128), dtype=bool)
    valid[:45] = False
    valid[70:75, 50:55] = False
    opacity = replace(opacity_of(od), valid=valid)
    near = measure(box_maps((46, 89), (40, 59)), opacity, loop, needle)
    assert near.lower_bounds == ("area", "along", "cranial")
    far = measure(box_maps((60, 89), (40, 59)), opacity, loop, needle)
    assert far.lower_bounds == ()
    unsaid = measure(box_maps((46, 89), (40, 59)), opacity, loop, NO_NEEDLE)
    assert unsaid.lower_bounds == ("area", "along")


@pytest.mark.parametrize("columns", [(50, 59), (62, 71), (70, 79)])
def test_a_column_that_runs_straight_out_of_a_round_field_has_its_width(columns):
    loop, needle, od = make_loop()
    row, column = np.mgrid[:128, :128]
    round_field = np.hypot(row - 63.5, column - 63.5) < 60
    opacity = replace(opacity_of(od), valid=round_field)
    maps = box_maps((0, 127), columns)
    leaving = measure(replace(maps, region=maps.region & round_field), opacity, loop, needle)
    assert leaving.lower_bounds == ("area", "along", "cranial", "caudal")
    beside = measure(box_maps((60, 68), (5, 40)), opacity, loop, needle)
    assert beside.lower_bounds == ("area", "across")


def test_a_front_over_too_short_a_way_or_without_times_has_no_speed():
    short = measured(box_maps((62, 66), (58, 62)))
    assert short.front_speed_px_s is None
    assert any("front" in reason for reason in short.reasons)
    maps = box_maps((50, 89), (40, 59))
    timeless = replace(maps, arrival_s=np.full((128, 128), np.nan))
    numbers = measured(timeless, Scene(timeless=True))
    assert numbers.front_speed_px_s is None
    assert numbers.first_arrival_s is None


def test_a_front_that_comes_towards_the_tip_has_no_speed_away_from_it():
    maps = box_maps((50, 89), (40, 59))
    backwards = replace(maps, arrival_s=4.0 - maps.arrival_s)
    assert measured(backwards).front_speed_px_s is None
