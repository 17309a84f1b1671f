"""The width of a line is measured across it, wherever it bends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, gaussian_filter

from napari_fluoroinject.analysis.corridor import path_band
from napari_fluoroinject.analysis.vascular.width import line_width_px

SIZE = 128


def path():
    along = np.linspace(0, 1, 8)
    return np.column_stack([30 + 60 * along, 40 + 30 * along + 8 * np.sin(3 * along)])


def line(width_px: float) -> np.ndarray:
    dense = np.column_stack([np.interp(np.linspace(0, 7, 400), np.arange(8), p) for p in path().T])
    away = np.ones((SIZE, SIZE), bool)
    away[tuple(np.rint(dense).astype(int).T)] = False
    bar = (distance_transform_edt(away) <= width_px / 2).astype(float)
    return gaussian_filter(bar, 0.8).astype(np.float32)


def test_a_wider_line_measures_wider_and_about_what_it_is():
    true_px = (3.0, 5.0, 7.0)
    widths = [line_width_px(line(width), path().astype(np.float32)) for width in true_px]
    assert widths == sorted(widths)
    assert widths == pytest.approx(true_px, abs=2.0)


def test_a_path_beside_the_middle_of_the_line_measures_the_same():
    beside = (path() + np.array([1.0, -1.0])).astype(np.float32)
    assert line_width_px(line(5.0), beside) == pytest.approx(5.0, abs=1.2)


def test_noise_changes_little():
    noisy = line(5.0) + 0.1 * np.random.default_rng(0).standard_normal((SIZE, SIZE))
    width = line_width_px(noisy.astype(np.float32), path().astype(np.float32))
    assert width == pytest.approx(5.0, abs=1.5)


def test_what_does_not_fall_to_half_is_as_wide_as_was_looked():
    slope = np.broadcast_to(np.arange(SIZE, dtype=np.float32), (SIZE, SIZE))
    assert line_width_px(slope.copy(), path().astype(np.float32)) > 9


def test_a_band_along_a_path_holds_it_and_nothing_further_away():
    band = path_band(path(), (SIZE, SIZE), half_width_px=3.0)
    row, column = np.rint(path()).astype(int).T
    assert band[row, column].all()
    assert not path_band(np.empty((0, 2)), (SIZE, SIZE), half_width_px=3.0).any()
    outside = path_band(path() + 500.0, (SIZE, SIZE), half_width_px=3.0)
    assert not outside.any()
