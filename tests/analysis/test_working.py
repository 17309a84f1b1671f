"""A large matrix is analysed binned, and everything comes back in the pixels of the loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.analysis.pipeline import analyze_loop
from napari_fluoroinject.analysis.working import binned_annotation, binned_loop
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.annotation import Annotation, NeedleTrajectory
from napari_fluoroinject.model.cine import ArrayFrames
from napari_fluoroinject.model.geometry import binning
from napari_fluoroinject.model.needle import Needle
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.procedures import get

ON = choose("cpu")
SIZE, FRAMES = 448, 45


@pytest.fixture(scope="module")
def phantom():
    return make_phantom("mbb_lumbar", settings=PhantomSettings(seed=18, size=SIZE, frames=FRAMES))


def doubled(loop):
    """The same picture on a matrix of twice the rows and columns."""
    stored = np.repeat(np.repeat(loop.frames.every(), 2, axis=1), 2, axis=2)
    half = replace(loop.calibration, mm_per_px=loop.mm_per_px / 2)
    return replace(
        loop,
        frames=ArrayFrames(stored),
        calibration=half,
        detector_mm_per_px=loop.detector_mm_per_px / 2,
    )


@pytest.mark.parametrize(
    ("side", "factor"), [(16, 1), (512, 1), (895, 1), (896, 2), (1024, 2), (1440, 3), (2048, 4)]
)
def test_small_pictures_stay_and_large_ones_come_to_about_512(side, factor):
    assert binning((side, side // 2)) == factor


def test_a_small_loop_is_returned_as_it_is(phantom):
    assert binned_loop(phantom.loop, on=ON) is phantom.loop


def test_the_intensity_is_averaged_and_not_its_logarithm(phantom):
    random = np.random.default_rng(0)
    stored = random.integers(50, 4000, (2, 901, 897)).astype(np.uint16)
    field = np.ones((901, 897), dtype=np.bool_)
    field[:, 0] = False
    loop = replace(
        phantom.loop, frames=ArrayFrames(stored), times_s=np.arange(2.0), open_field=field
    )
    small = binned_loop(loop, on=ON)
    assert small.shape == (2, 450, 448)
    beam = np.exp(loop.intensity.ln(stored))[:, :900, :896].reshape(2, 450, 2, 448, 2)
    np.testing.assert_allclose(
        small.intensity.ln(small.frames.every()), np.log(beam.mean(axis=(2, 4))), atol=2e-4
    )
    assert small.mm_per_px == 2 * loop.mm_per_px
    assert small.detector_mm_per_px == 2 * loop.detector_mm_per_px
    assert not small.open_field[:, 0].any()
    assert small.open_field[:, 1:].all()


@given(st.floats(-1, 1100), st.floats(-1, 1100), st.integers(2, 4))
def test_a_marked_point_stays_where_it_was(row, column, factor):
    """The centre of a block's pixels is the centre of the pixel that they become."""
    marked = Annotation(
        needle=NeedleTrajectory(hub_px=(row, column), tip_px=(column, row), frame=1),
        target_px=(row, column),
    )
    small = binned_annotation(marked, factor)
    assert small.target_px == small.needle.hub_px
    back = tuple((value + 0.5) * factor - 0.5 for value in small.target_px)
    assert back == pytest.approx((row, column), abs=1e-9)
    centre = Annotation(target_px=((factor - 1) / 2, (factor - 1) / 2))
    assert binned_annotation(centre, factor).target_px == pytest.approx((0.0, 0.0))


@pytest.fixture(scope="module")
def reports(phantom):
    """The loop as it is, and on twice the matrix."""
    loops = (phantom.loop, doubled(phantom.loop))
    return [
        analyze_loop(loop, get("mbb_lumbar"), Annotation(gauge=phantom.truth.gauge), on=ON)
        for loop in loops
    ]


def test_the_needle_is_at_the_same_place_of_the_body(reports):
    once, twice = reports
    assert isinstance(once.needle, Needle)
    expected = (np.array(once.needle.tip_px) + 0.5) * 2 - 0.5
    np.testing.assert_allclose(twice.needle.tip_px, expected, atol=0.05)
    assert twice.needle.tip_uncertainty_px == pytest.approx(
        2 * once.needle.tip_uncertainty_px, rel=0.05
    )
    assert twice.needle.sag_px == pytest.approx(2 * once.needle.sag_px, abs=0.05)
    apart = np.abs(twice.motion.shift_px - 2 * once.motion.shift_px)
    assert np.median(apart) < 0.02
    # processors round differently, and a frame may come to rest a little beside
    assert apart.max() < 0.1


def test_the_spread_has_the_same_millimetres_and_more_pixels(reports):
    once, twice = (report.measurements for report in reports)
    assert twice.area_mm2 == pytest.approx(once.area_mm2, rel=0.01)
    assert twice.area_px == pytest.approx(4 * once.area_px, rel=0.01)
    assert twice.along_mm == pytest.approx(once.along_mm, rel=0.02)
    assert twice.along_px == pytest.approx(2 * once.along_px, rel=0.02)
    assert twice.area_px == reports[1].maps.region.sum()
    np.testing.assert_allclose(
        twice.centroid_px, (np.array(once.centroid_px) + 0.5) * 2 - 0.5, atol=0.5
    )


def test_maps_and_pictures_have_the_size_of_the_loop(reports):
    _, twice = reports
    shape = (2 * SIZE, 2 * SIZE)
    for picture in (
        twice.maps.arrival_s,
        twice.maps.peak_od,
        twice.maps.region,
        twice.motion.bone_weight,
    ):
        assert picture.shape == shape
    assert twice.maps.region_by_frame.shape == (FRAMES, *shape)
    assert twice.loop.shape == (FRAMES, *shape)


def test_the_report_says_that_pixels_were_averaged(reports):
    once, twice = reports
    assert ("binning", "2") in twice.provenance.parameters
    assert "binning" not in dict(once.provenance.parameters)
