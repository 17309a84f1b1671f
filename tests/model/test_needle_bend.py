"""What a needle's sag says of its course."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fluoroinject.model.needle import Needle, bow_px


def needle(sag_px: float | None) -> Needle:
    """From (10, 10) along the columns to (10, 50)."""
    return Needle(
        tip_px=(10.0, 50.0),
        hub_px=(10.0, 10.0),
        frame=0,
        tip_uncertainty_px=0.5,
        hub_uncertainty_px=0.5,
        tip_by_frame_px=np.array([[10.0, 50.0]]),
        hub_by_frame_px=np.array([[10.0, 10.0]]),
        source="detected",
        tip_end_by="moved",
        sag_px=sag_px,
    )


def test_a_shaft_lies_farthest_off_its_chord_in_the_middle():
    share = np.linspace(0, 1, 21)
    bow = bow_px(share, 3.0)
    assert bow[10] == bow.max() == 3.0
    assert bow[0] == bow[-1] == 0.0
    np.testing.assert_allclose(bow, bow[::-1])


def test_beyond_its_ends_a_shaft_goes_straight_on():
    share = np.array([-1.0, -0.5, -1e-6, 1 + 1e-6, 1.5, 2.0])
    np.testing.assert_allclose(
        bow_px(share, 2.0), 8.0 * np.array([-1.0, -0.5, -1e-6, -1e-6, -0.5, -1.0]), rtol=1e-9
    )


def test_a_shaft_whose_sag_is_not_known_is_straight():
    assert not bow_px(np.linspace(-1, 2, 7), None).any()
    assert needle(None).tip_axis_deg == needle(None).axis_deg == 0.0


@pytest.mark.parametrize("sag_px", [-3.0, 0.5, 4.0])
def test_a_tip_points_along_the_tangent_of_the_bow(sag_px: float) -> None:
    share = np.array([1 - 1e-6, 1.0])
    rows, columns = bow_px(share, sag_px), 40.0 * share
    tangent = np.degrees(np.arctan2(np.diff(rows), np.diff(columns)))[0] % 360
    assert needle(sag_px).tip_axis_deg == pytest.approx(tangent, abs=1e-3)
    assert needle(sag_px).axis_deg == 0.0
