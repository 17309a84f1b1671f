"""The open field ends at blades and diaphragms, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_fluoroinject.analysis.field import find_open_field

SIZE = 256
ROW, COLUMN = np.mgrid[:SIZE, :SIZE]


def scene(open_, *, seed=0, frames=8, noise=0.08):
    """Uneven log frames that are 1.5 darker where not open, as scatter leaves them."""
    random = np.random.default_rng(seed)
    texture = ndimage.gaussian_filter(random.standard_normal((SIZE, SIZE)), 12)
    ln = 6 + 0.25 * texture / texture.std() - 1.5 * ndimage.gaussian_filter(1.0 - open_, 0.8)
    return (ln + noise * random.standard_normal((frames, SIZE, SIZE))).astype(np.float32)


def rectangle(top, bottom, left, right):
    return (top <= ROW) & (bottom > ROW) & (left <= COLUMN) & (right > COLUMN)


OCTAGON = rectangle(10, 246, 10, 246) & (np.abs(ROW - 127.5) + np.abs(COLUMN - 127.5) < 200)
BLADES = {
    "four sides": rectangle(20, 230, 15, 240),
    "one side": rectangle(0, SIZE, 0, 235),
    "octagon": OCTAGON,
    "round": np.hypot(ROW - 127.5, COLUMN - 127.5) < 110,
    "round, off centre": np.hypot(ROW - 132, COLUMN - 122) < 115,
    "round, seen in the corners": np.hypot(ROW - 130, COLUMN - 126) < 145,
}


@pytest.mark.parametrize("name", BLADES)
def test_blades_are_left_out_and_little_else(name):
    open_ = BLADES[name]
    found = find_open_field(scene(open_), None)
    assert not (found & ~open_).any()
    inner = ndimage.binary_erosion(open_, iterations=9, border_value=1)
    assert (found & inner).sum() > 0.99 * inner.sum()


@pytest.mark.parametrize("seed", range(4))
def test_a_picture_without_blades_is_open_all_over(seed):
    assert find_open_field(scene(np.ones((SIZE, SIZE)), seed=seed), None).all()


def test_a_bright_skin_line_is_no_blade():
    ln = scene(np.ones((SIZE, SIZE)))
    ln[:, :, 240:] += 1.5
    assert find_open_field(ln, None).all()


@pytest.mark.parametrize(("column", "radius"), [(320, 112), (340, 122), (430, 212)])
def test_a_round_organ_at_the_border_is_no_diaphragm(column, radius):
    organ = np.hypot(ROW - 127.5, COLUMN - column) < radius
    assert find_open_field(scene(~organ), None).all()


def test_the_field_lies_within_the_headers_shutter():
    header = rectangle(30, 220, 25, 250)
    found = find_open_field(scene(np.ones((SIZE, SIZE))), header)
    assert not (found & ~header).any()
    assert found.sum() > 0.9 * header.sum()


def test_one_frame_is_enough():
    found = find_open_field(scene(BLADES["four sides"], frames=1), None)
    assert not (found & ~BLADES["four sides"]).any()


def test_transposing_the_picture_transposes_the_field():
    ln = scene(rectangle(0, SIZE, 18, 240))
    turned = find_open_field(np.ascontiguousarray(ln.transpose(0, 2, 1)), None)
    np.testing.assert_array_equal(turned, find_open_field(ln, None).T)


def test_what_is_not_a_number_is_not_open():
    ln = scene(np.ones((SIZE, SIZE)))
    ln[:, :12] = np.nan
    assert not find_open_field(ln, None)[:12].any()


def test_a_closed_shutter_leaves_nothing():
    closed = np.zeros((SIZE, SIZE), bool)
    assert not find_open_field(scene(np.ones((SIZE, SIZE))), closed).any()
