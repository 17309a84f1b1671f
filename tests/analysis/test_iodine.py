"""Opacity becomes iodine by the tube voltage, and only where both are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.analysis.iodine import (
    SPECTRUM_UNCERTAINTY,
    areal_density_mg_cm2,
)
from napari_fluoroinject.analysis.pipeline import analyze_loop
from napari_fluoroinject.analysis.spectrum import transmitted
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.procedures import get

IOHEXOL_240_MG_PER_MM_CM2 = 24.0
"""240 mg of iodine a millilitre: one millimetre holds 24 mg on every square centimetre."""


@pytest.mark.parametrize(
    ("kvp", "opacities"),
    [
        (75.0, (0.123, 0.243, 0.473, 1.11)),
        (85.0, (0.099, 0.195, 0.380, 0.892)),
        (95.0, (0.084, 0.166, 0.324, 0.760)),
    ],
)
def test_layers_of_iohexol_240_come_back_as_thick_as_they_were(kvp, opacities):
    """Opacities of 0.5, 1, 2 and 5 mm, computed with finer bins (spekpy 2.5.4, xraydb 4.5.8)."""
    expected = IOHEXOL_240_MG_PER_MM_CM2 * np.array([0.5, 1.0, 2.0, 5.0])
    found = areal_density_mg_cm2(np.array(opacities), kvp)
    np.testing.assert_allclose(found, expected, rtol=0.01)


@given(st.floats(0.0, 350.0), st.floats(60.0, 110.0))
def test_density_and_opacity_are_each_others_inverse(density, kvp):
    od = -np.log(transmitted("iodine", np.array([density / 1000.0]), kvp))
    assert areal_density_mg_cm2(od, kvp)[0] == pytest.approx(density, rel=1e-3, abs=0.01)


def test_noise_about_nothing_cancels():
    noise = np.random.default_rng(0).normal(0.0, 0.02, 100_000)
    assert areal_density_mg_cm2(noise, 75.0).mean() == pytest.approx(0.0, abs=0.02)


@pytest.fixture(scope="module")
def phantom():
    return make_phantom("mbb_lumbar", settings=PhantomSettings(seed=18, size=384, frames=60))


@pytest.fixture(scope="module")
def report(phantom):
    return analyze_loop(
        phantom.loop, get("mbb_lumbar"), Annotation(gauge=phantom.truth.gauge), on=choose("cpu")
    )


def test_the_mass_is_that_of_the_true_opacity(phantom, report):
    spread, truth = report.measurements, phantom.truth
    od = truth.od[-1].astype(np.float64)
    per_px_cm2 = (0.1 * phantom.loop.mm_per_px) ** 2
    true_mg = areal_density_mg_cm2(od, phantom.loop.kvp).sum() * per_px_cm2
    assert spread.iodine_mg == pytest.approx(true_mg, rel=2.0 * spread.iodine_relative_uncertainty)
    assert spread.iodine_relative_uncertainty > SPECTRUM_UNCERTAINTY
    true_peak = areal_density_mg_cm2(np.array([spread.peak_od]), phantom.loop.kvp)[0]
    assert spread.peak_iodine_mg_cm2 == pytest.approx(true_peak)


def test_without_tube_voltage_or_a_meaning_of_the_pixels_there_is_none(phantom):
    unknown = replace(phantom.loop, kvp=None)
    display = replace(
        phantom.loop, intensity=replace(phantom.loop.intensity, relationship="display")
    )
    for loop in (unknown, display):
        found = analyze_loop(loop, get("mbb_lumbar"), Annotation(), on=choose("cpu"))
        assert found.measurements.iodine_mg is None
        assert found.measurements.peak_iodine_mg_cm2 is None
        assert found.measurements.iodine_relative_uncertainty is None
    told = analyze_loop(unknown, get("mbb_lumbar"), Annotation(), on=choose("cpu"))
    assert "iodine: the file does not tell the tube voltage" in told.measurements.reasons
