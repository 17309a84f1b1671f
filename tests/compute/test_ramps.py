"""The ramp that running sums find is the one that trying every curve finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_fluoroinject.compute import cpu, reference
from napari_fluoroinject.compute.ramps import RampFamily, lattice, ramp_tables

DECAYS = np.array([np.inf, 40.0, 6.0])


def family(positions: np.ndarray, *, earliest: float, held_frames: float = 10.0) -> RampFamily:
    start, rise = lattice(earliest, float(positions[-1]), (2.0, 5.0, 12.0), (0.5, 0.7, 1.2))
    return RampFamily(
        positions=positions, start=start, rise=rise, decay=DECAYS, held_frames=held_frames
    )


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(4, 60),
    earliest=st.floats(-3.0, 3.0),
    held_frames=st.sampled_from([0.0, 10.0]),
)
def test_running_sums_find_what_trying_every_curve_finds(seed, count, earliest, held_frames):
    random = np.random.default_rng(seed)
    positions = np.cumsum(random.uniform(0.3, 2.0, count))
    tried = family(positions, earliest=earliest, held_frames=held_frames)
    frames = random.normal(size=(count, 3, 37)).astype(np.float32)
    frames[:, 0, 0] = 0.0
    expected, found = reference.best_ramp(frames, tried), cpu.best_ramp(frames, tried)
    np.testing.assert_allclose(found[2], expected[2], rtol=1e-4, atol=1e-5)
    # Few frames leave curves that nothing tells apart: what was found must be one of the best.
    energy = tried.energy(tried.curves())[found[0]]
    np.testing.assert_allclose(found[1] ** 2 * energy, expected[2], rtol=1e-4, atol=1e-5)
    assert found[1][0, 0] == found[2][0, 0] == 0.0


@pytest.mark.parametrize("kernels", [cpu, reference])
def test_the_ramp_that_was_drawn_is_found_on_top_of_a_constant(kernels):
    positions = np.arange(60.0)
    tried = family(positions, earliest=10.0, held_frames=0.0)
    drawn = tried.curves()[200]
    frames = np.broadcast_to((0.3 * drawn - 0.1)[:, None, None], (60, 2, 2)).astype(np.float32)
    best, amplitude, _ = kernels.best_ramp(frames, tried)
    assert (best == 200).all()
    np.testing.assert_allclose(amplitude, 0.3, rtol=1e-4)


def test_a_curve_that_no_frame_sees_is_never_chosen():
    positions = np.arange(10.0)
    blind = RampFamily(
        positions=positions,
        start=np.array([2.0, 9.5]),
        rise=np.array([3.0, 3.0]),
        decay=DECAYS,
        held_frames=0.0,
    )
    assert (ramp_tables(blind).norm[1] == 0).all()
    random = np.random.default_rng(1).normal(size=(10, 8, 8)).astype(np.float32)
    for kernels in (cpu, reference):
        best, _, explained = kernels.best_ramp(random, blind)
        assert (best < len(DECAYS)).all()
        assert np.isfinite(explained).all()
