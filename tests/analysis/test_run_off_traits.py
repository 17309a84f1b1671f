"""What a path is judged by says what was drawn there."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_off_scenes import EVENT_FRAME, FRAMES, drawn_opacity, on_the_vessel, registered_scene

from napari_fluoroinject.analysis.vascular import Paths, look_for_paths
from napari_fluoroinject.analysis.vascular.kymograph import kymographs
from napari_fluoroinject.analysis.vascular.passing import NO_FIT, Run, best_fit
from napari_fluoroinject.analysis.vascular.traits import TRAITS, Traits
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.needle import NoNeedle

ON = choose("cpu")
NO_NEEDLE = NoNeedle(reason="none was drawn")
VESSEL_OD, NOISE_OD = 0.15, 0.1
SLOWNESS_S_PER_MM = 1 / (3 * 0.58 * 15)
"""Of the drawn front: 3 pixels of 0.58 mm in a frame of a fifteenth of a second."""


@cache
def found(contents: str) -> Paths:
    od = drawn_opacity(contents, vessel_od=VESSEL_OD)
    paths = look_for_paths(*registered_scene(od), NO_NEEDLE, on=ON)
    assert isinstance(paths, Paths)
    return paths


def on_it(contents: str) -> tuple[int, Traits]:
    """The strongest path that lies on the drawn vessel."""
    paths = found(contents)
    there = [
        number
        for number, one in enumerate(paths.candidates)
        if on_the_vessel(paths.in_loop(one.path)) >= 0.8
    ]
    best = max(there, key=lambda number: paths.candidates[number].strength)
    return best, paths.traits[best]


def test_contrast_that_passes_fits_passing_better() -> None:
    _, traits = on_it("transient")
    assert traits.passing_snr > 1.5 * traits.staying_snr
    assert traits.growth < -0.5 * traits.rise


def test_contrast_that_stays_fits_staying_better() -> None:
    _, traits = on_it("persistent")
    assert traits.staying_snr > 1.5 * traits.passing_snr
    assert abs(traits.growth) < 0.5 * traits.rise


def test_the_slowness_of_a_front_is_the_drawn_one() -> None:
    _, traits = on_it("persistent")
    assert traits.staying_slowness == pytest.approx(SLOWNESS_S_PER_MM, abs=0.01)


def test_a_vessel_is_thin_and_even_and_lies_in_no_film() -> None:
    _, traits = on_it("persistent")
    assert traits.width_mm < 2.5
    assert traits.staying_least > 0.5 * traits.staying_median
    assert traits.film_od < 0.05


def test_the_line_of_a_kymograph_rises_by_the_vessel_s_opacity() -> None:
    number, _ = on_it("persistent")
    paths = found("persistent")
    seen = kymographs(paths.evidence, [paths.candidates[number]])[0]
    assert seen.line.shape == seen.core.shape == seen.side.shape == (FRAMES, len(seen.points))
    assert seen.noise_od == pytest.approx(NOISE_OD, rel=0.15)
    before, after = seen.line[3:EVENT_FRAME].mean(), seen.line[-15:].mean()
    # A line two pixels wide, read with its neighbours.
    assert 0.5 < (after - before) * NOISE_OD / VESSEL_OD < 1.1
    assert abs(before) < 0.3


def test_every_trait_is_a_finite_number() -> None:
    for contents in ("nothing", "transient", "persistent"):
        for traits in found(contents).traits:
            assert traits.vector().shape == (len(TRAITS),)
            assert np.isfinite(traits.vector()).all()


def run_of(line: np.ndarray) -> Run:
    places = line.shape[1]
    return Run(
        totals=np.concatenate([np.zeros((1, places)), np.cumsum(line, axis=0)]),
        counts=np.arange(len(line) + 1.0),
        way_mm=(np.arange(places) - (places - 1) / 2) * 0.58,
        frames_per_s=15.0,
        mask_start=0,
        event=(30, 40),
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), lift=st.floats(-5, 5), stays=st.booleans())
def test_what_was_there_from_the_start_changes_no_fit(seed: int, lift: float, stays: bool) -> None:
    line = np.random.default_rng(seed).normal(size=(75, 40))
    one, other = best_fit(run_of(line), stays=stays), best_fit(run_of(line + lift), stays=stays)
    assert one.snr == pytest.approx(other.snr, abs=1e-6)
    assert one.median == pytest.approx(other.median, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), stays=st.booleans())
def test_a_line_run_along_from_its_other_end_fits_as_well(seed: int, stays: bool) -> None:
    line = np.random.default_rng(seed).normal(size=(75, 40))
    one, other = best_fit(run_of(line), stays=stays), best_fit(run_of(line[:, ::-1]), stays=stays)
    assert one.snr == pytest.approx(other.snr, rel=0.05)


def test_a_line_that_comes_for_a_second_is_dated() -> None:
    line = np.zeros((90, 40))
    line[33:46] = 1.0
    fit = best_fit(run_of(line), stays=False)
    assert abs(fit.start_frame - 33) <= 1
    assert fit.seconds == pytest.approx(0.9)
    assert fit.slowness_s_per_mm == 0.0
    assert fit.least == pytest.approx(1.0, abs=0.1)


def test_a_loop_that_is_too_short_has_no_fit() -> None:
    assert best_fit(run_of(np.zeros((6, 40))), stays=False) == NO_FIT
