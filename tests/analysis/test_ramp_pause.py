"""A pause in the frame times: what is tried does not grow with it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fluoroinject.analysis.ramp import RISES, _family
from napari_fluoroinject.compute.ramps import lattice


@pytest.mark.parametrize("pause", [50.0, 9000.0, 54000.0])
def test_a_pause_adds_no_ramps_but_those_that_reach_the_frame_after_it(pause):
    even = np.arange(60.0)
    late = np.where(even > 30, even + pause, even)
    most = sum(2 * (rise + 1) / max(0.5, 0.1 * rise) for rise in RISES)
    assert len(_family(12.0, late).start) <= len(_family(12.0, even).start) + most
    at_once = (_family(12.0, late).start > 30) & (_family(12.0, late).start < 31 + pause)
    assert at_once.any()  # contrast that came in the pause is still there after it


def test_without_a_pause_every_ramp_is_tried():
    even = np.arange(60.0)
    steps = [max(0.5, 0.1 * rise) for rise in RISES]
    start, rise = lattice(12.0, 59.0, RISES, steps)
    family = _family(12.0, even)
    assert np.array_equal(family.start, start)
    assert np.array_equal(family.rise, rise)
