"""The parts of the phantom by themselves: beam, layers, solids, film, splat, arrival."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_fluoroinject.phantom import attenuation, spectra, timing
from napari_fluoroinject.phantom.beam import Beam, Stand, aim
from napari_fluoroinject.phantom.layers import Layer, rotation, spline_weights
from napari_fluoroinject.phantom.lumbar_skeleton import draw_lumbar_skeleton
from napari_fluoroinject.phantom.needle import Rod, shade, shade_finely
from napari_fluoroinject.phantom.radiograph import bone_mineral
from napari_fluoroinject.phantom.shutter import draw_shutter
from napari_fluoroinject.phantom.solids import Capsule, Ellipsoid, Plate
from napari_fluoroinject.phantom.splat import splat
from napari_fluoroinject.phantom.streams import stream

ANGLES = st.floats(-100, 100)
NEAR = st.floats(-60, 60)


def beam(oblique_deg: float = 0.0, tilt_deg: float = 0.0, size: int = 128) -> Beam:
    stand = Stand(
        sid_mm=1000.0,
        sod_mm=700.0,
        pitch_mm=0.41,
        size=size,
        oblique_deg=oblique_deg,
        tilt_deg=tilt_deg,
    )
    return aim(stand, (3.0, -7.0, 11.0))


@given(oblique=ANGLES, tilt=st.floats(-50, 50))
def test_the_isocentre_falls_on_the_middle_in_every_view(oblique: float, tilt: float) -> None:
    view = beam(oblique, tilt)
    np.testing.assert_allclose(view.project(view.isocentre), view.centre_px, atol=1e-9)
    axes = np.stack([view.column_axis, view.row_axis, view.depth_axis])
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)


@given(oblique=ANGLES, across=NEAR, down=NEAR, depth=NEAR)
def test_magnification_follows_depth(
    oblique: float, across: float, down: float, depth: float
) -> None:
    view = beam(oblique)
    point = view.isocentre + across * view.column_axis + down * view.row_axis
    point = point + depth * view.depth_axis
    row, column = (view.project(point) - view.centre_px) * view.mm_per_px_at(point)
    assert row == pytest.approx(down, abs=1e-9)
    assert column == pytest.approx(across, abs=1e-9)
    assert view.mm_per_px_at(point) == pytest.approx(0.41 * (700 + depth) / 1000)


def test_head_is_up_and_the_patients_left_is_left_when_seen_from_behind() -> None:
    view = beam()
    assert view.project(view.isocentre + np.array([0, 0, 10]))[0] < view.centre_px
    assert view.project(view.isocentre + np.array([0, 10, 0]))[1] < view.centre_px


@given(fraction=st.floats(0, 1))
def test_spline_weights_sum_to_one(fraction: float) -> None:
    weights = spline_weights(fraction)
    assert sum(weights) == pytest.approx(1.0)
    assert min(weights) >= -1e-12


@settings(max_examples=25)
@given(rows=st.integers(-9, 9), columns=st.integers(-9, 9))
def test_a_layer_moved_by_whole_pixels_is_the_picture_moved(rows: int, columns: int) -> None:
    picture = np.random.default_rng(0).standard_normal((60, 60)).astype(np.float32)
    moved = Layer.of(picture, margin_px=14).moved((rows, columns))
    expected = picture[14 - rows : 46 - rows, 14 - columns : 46 - columns]
    np.testing.assert_allclose(moved, expected, atol=2e-5)


def test_a_layer_moves_by_parts_of_a_pixel_without_smear() -> None:
    at = np.arange(100, dtype=np.float64)
    wave = np.sin(0.7 * at)[:, None] * np.cos(0.5 * at)[None, :]
    moved = Layer.of(wave.astype(np.float32), margin_px=20).moved((0.4, -1.3))
    exact = np.sin(0.7 * (at - 0.4))[:, None] * np.cos(0.5 * (at + 1.3))[None, :]
    np.testing.assert_allclose(moved, exact[20:80, 20:80], atol=2e-3)


def test_a_turned_layer_agrees_with_the_turn_of_its_points() -> None:
    at = np.arange(100, dtype=np.float64)
    spot = np.exp(-((at[:, None] - 62) ** 2 + (at[None, :] - 35) ** 2) / 18)
    moved = Layer.of(spot.astype(np.float32), margin_px=20).moved((1.5, -0.5), 3.0)
    middle = np.array([29.5, 29.5])
    expected = middle + rotation(3.0) @ (np.array([42.0, 15.0]) - middle) + [1.5, -0.5]
    rows, columns = np.mgrid[0:60, 0:60]
    centroid = np.array([(rows * moved).sum(), (columns * moved).sum()]) / moved.sum()
    np.testing.assert_allclose(centroid, expected, atol=0.01)


@given(x=NEAR, y=NEAR, z=NEAR)
def test_signed_distances_are_negative_inside_and_positive_outside(
    x: float, y: float, z: float
) -> None:
    axes = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    point = [np.array([value], np.float32) for value in (x, y, z)]
    ball = Capsule(start=(0, 0, 0), end=(0, 0, 1e-3), start_mm=20.0, end_mm=20.0)
    assert ball.distance(*point)[0] == pytest.approx(np.hypot(np.hypot(x, y), z) - 20, abs=0.01)
    box = Plate(centre=(0, 0, 0), axes=axes, half=(10.0, 20.0, 30.0), edge_mm=2.0)
    egg = Ellipsoid(centre=(0, 0, 0), axes=axes, half=(10.0, 20.0, 30.0))
    if abs(x) > 10.01 or abs(y) > 20.01 or abs(z) > 30.01:
        assert box.distance(*point)[0] > 0
        assert egg.distance(*point)[0] > 0
    if abs(x) < 5 and abs(y) < 10 and abs(z) < 15:
        assert box.distance(*point)[0] < 0
        assert egg.distance(*point)[0] < 0


def test_bone_shows_pedicle_rings_and_end_plates() -> None:
    skeleton = draw_lumbar_skeleton(stream(0, "anatomy"))
    bone, frame = skeleton.vertebrae["L3"], skeleton.bone("L3")
    stand = Stand(sid_mm=1000, sod_mm=700, pitch_mm=0.41, size=256, oblique_deg=0, tilt_deg=0)
    view = aim(stand, frame.origin)
    picture = bone_mineral(skeleton, view, pixels=np.arange(256.0))
    eye = view.project(frame.world((bone.wall - 3, bone.pedicle_y, bone.pedicle_z)))
    row, column = np.round(eye).astype(int)
    half = round(bone.pedicle_width / 2 / view.mm_per_px)
    rim = picture[row - 3 : row + 4, column - half - 5 : column - half + 6].mean(axis=0).max()
    inner = picture[row - 3 : row + 4, column - 3 : column + 4].mean()
    assert rim > inner + 0.15
    disc = view.project(frame.world((0.0, 12.0, -bone.height_front / 2 - 4)))
    body = view.project(frame.world((0.0, 12.0, -bone.height_front / 2 + 8)))
    assert picture[round(body[0]), round(body[1])] > picture[round(disc[0]), round(disc[1])] + 0.5


@settings(max_examples=30)
@given(oblique=ANGLES, y=st.floats(-8, 8), z=st.floats(-8, 8))
def test_mass_on_the_detector_is_the_mass_in_the_patient(
    oblique: float, y: float, z: float
) -> None:
    view = beam(oblique)
    samples = (view.isocentre + np.array([0.0, y, z])).reshape(1, 1, 3)
    picture = splat(samples, np.ones((1, 1)), view, margin_px=8).layer(np.array([5.0], np.float32))
    areal = picture.moved((0.0, 0.0))
    pixel_cm2 = (view.mm_per_px_at(samples[0, 0]) / 10) ** 2
    assert float(areal.sum()) * pixel_cm2 == pytest.approx(5.0, rel=1e-4)
    assert areal.min() >= 0


def test_a_rod_darkens_by_the_chord_of_steel() -> None:
    rod = Rod(
        start=np.array([32.0, 10.0]),
        end=np.array([32.0, 50.0]),
        outer_mm=1.2,
        inner_mm=0.0,
        g_cm3=8.0,
        mm_per_px=(0.2, 0.2),
        lengthening=1.0,
    )
    seen = shade(rod, 64)
    assert seen is not None
    (rows, columns), density = seen
    whole = np.zeros((64, 64))
    whole[rows, columns] = density
    # Area of the cross-section times density: what a profile across must hold.
    expected = np.pi / 4 * 0.12**2 * 8.0
    assert whole[:, 30].sum() * 0.02 == pytest.approx(expected, rel=0.03)
    assert whole[:, 53:].sum() == 0
    assert (
        shade(
            Rod(
                start=np.array([-40.0, -40.0]),
                end=np.array([-30.0, -60.0]),
                outer_mm=1.2,
                inner_mm=0.0,
                g_cm3=8.0,
                mm_per_px=(0.2, 0.2),
                lengthening=1.0,
            ),
            64,
        )
        is None
    )


@pytest.mark.parametrize("lengthening", [1.0, 2.5])
def test_the_shadow_of_a_rod_is_that_of_its_parts_not_of_its_mean_density(
    lengthening: float,
) -> None:
    spectrum, radius_mm = spectra.SPECTRA["C"], 0.359
    rod = Rod(
        start=np.array([5.0, 8.0]),
        end=np.array([50.0, 41.0]),
        outer_mm=2 * radius_mm,
        inner_mm=0.0,
        g_cm3=8.0,
        mm_per_px=(0.3, 0.3),
        lengthening=lengthening,
    )
    rows, columns = np.mgrid[:64, :64]
    along = np.array([45.0, 33.0]) / np.hypot(45.0, 33.0)
    middle = np.abs((rows - 27.5) * along[0] + (columns - 24.5) * along[1]) < 15.0
    typical = np.full((64, 64), spectrum.hardened_g_cm2, np.float32)
    steel = shade_finely(rod, 64)
    assert steel is not None
    matter = attenuation.Matter(soft=typical, bone=np.zeros_like(typical), steel=(steel,))
    seen = attenuation.shadow(matter, spectrum).without
    bare = attenuation.shadow(replace(matter, steel=()), spectrum).without
    weight = spectrum.fraction * spectra.DETECTED * spectra.ENERGY_KEV
    x = np.linspace(-radius_mm, radius_mm, 2001)
    grams = 0.2 * lengthening * np.sqrt(radius_mm**2 - x**2).clip(0.0) * 8.0
    passed = np.exp(-np.multiply.outer(grams, spectra.STEEL)) @ (weight / weight.sum())
    area_px = np.trapezoid(1.0 - passed, x) / 0.3
    dip = (1.0 - seen / bare)[middle].sum() / 30.0
    assert dip == pytest.approx(area_px, rel=0.02)


@pytest.mark.parametrize(
    ("mm", "opacity"), [(0.5, 0.169), (1.0, 0.330), (2.0, 0.633), (5.0, 1.42)]
)
def test_iodine_darkens_the_entrance_beam_as_tabulated(mm: float, opacity: float) -> None:
    nothing = np.zeros((1, 1), np.float32)
    # Iohexol 240 mgI/mL; the tabulated value counts its iodine and its water-like remainder.
    iodine = np.full((1, 1), mm / 10 * 0.240, np.float32)
    matter = attenuation.Matter(soft=nothing, bone=nothing, iodine=iodine)
    od = float(attenuation.shadow(matter, spectra.SPECTRA["A"]).od[0, 0])
    assert od == pytest.approx(opacity, rel=0.03)


def test_arrival_is_interpolated_and_must_hold_for_two_frames() -> None:
    times = np.arange(6) / 10
    od = np.zeros((6, 1, 3), np.float32)
    od[:, 0, 0] = [0, 0.05, 0.15, 0.3, 0.3, 0.3]
    od[:, 0, 1] = [0, 0.5, 0, 0, 0.06, 0.18]
    od[:, 0, 2] = 0.01
    found = timing.arrival(od, times, threshold_od=0.1)
    assert found[0, 0] == pytest.approx(0.15)
    assert np.isnan(found[0, 1])
    assert np.isnan(found[0, 2])
    peak = timing.time_to_peak(od, times, threshold_od=0.1)
    assert peak[0, 1] == pytest.approx(0.1)
    assert np.isnan(peak[0, 2])


def test_streams_of_one_seed_are_separate_and_repeatable() -> None:
    draws = [stream(5, name).random() for name in ("anatomy", "flow", "motion", "noise")]
    assert len(set(draws)) == 4
    assert draws[0] == stream(5, "anatomy").random()
    assert draws[0] != stream(5, "anatomy", "trunk").random()


@pytest.mark.parametrize("shape", ["rectangular", "circular"])
def test_blades_darken_the_outside_and_leave_the_middle_open(shape: str) -> None:
    for seed in range(4):
        blades = draw_shutter(shape, 128, np.random.default_rng(seed))
        assert blades[64, 64] == pytest.approx(1.0)
        assert blades.min() >= 0.0099
        opened = blades > 0.5
        assert opened.mean() > 0.5
    np.testing.assert_array_equal(draw_shutter("none", 64, np.random.default_rng(0)), 1.0)
