"""Real loops, where a folder of them is at hand: FLUOROINJECT_DATA names it. None is shipped."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from napari_fluoroinject.dicom.read import LoopFiles, find_loops, read_loop

WG04 = "797b3375a2d1f94c"
EXPECTED = {
    "ge_xa_fluoro_im1.dcm": ((14, 512, 512), "00b5735d31c6fc05"),
    "ge_xa_cine_im5.dcm": ((16, 512, 512), "48833ce327ca59cf"),
    "wg04_xa1_unc.dcm": ((1, 1024, 1024), WG04),
    "wg04_xa1_rle.dcm": ((1, 1024, 1024), WG04),
    "wg04_xa1_jpll.dcm": ((1, 1024, 1024), WG04),
    "wg04_xa1_j2kr.dcm": ((1, 1024, 1024), WG04),
}


@pytest.fixture
def data() -> Path:
    folder = os.environ.get("FLUOROINJECT_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("FLUOROINJECT_DATA names no folder of real loops")
    return Path(folder)


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_loop_decodes_to_its_known_array(data, name):
    shape, digest = EXPECTED[name]
    loop = read_loop(data / name)
    stored = np.ascontiguousarray(loop.frames.every())
    assert loop.shape == stored.shape == shape
    assert hashlib.sha256(stored.astype(stored.dtype.newbyteorder("<"))).hexdigest()[:16] == digest
    assert np.array_equal(loop.frames.frame(shape[0] - 1), stored[-1])


def test_all_real_loops_are_found_and_nothing_else(data):
    skipped: Counter[str] = Counter()
    found = list(find_loops([data], skipped=skipped))
    assert all(isinstance(one, LoopFiles) for one in found)
    assert sorted(one.paths[0].name for one in found) == sorted(EXPECTED)
    assert skipped == {"not DICOM": 1}


def test_a_display_processed_loop_without_spacing_says_both(data):
    loop = read_loop(data / "ge_xa_fluoro_im1.dcm")
    assert loop.intensity.relationship == "display"
    assert not loop.intensity.quantitative
    assert loop.calibration is None
    assert loop.times_s[1] == pytest.approx(0.0666667)
    said = " ".join(loop.notes)
    assert "(DISP)" in said
    assert "no Imager Pixel Spacing" in said


def test_an_undefined_relationship_is_named_and_the_spacing_used(data):
    loop = read_loop(data / "ge_xa_cine_im5.dcm")
    assert loop.intensity.relationship == "unknown"
    assert any('"DRM"' in note for note in loop.notes)
    assert loop.calibration.basis == "iso_ermf"
    assert loop.mm_per_px == pytest.approx(0.390625 / 1.29306)
    assert loop.view.primary_angle_deg == -26.5
    assert loop.open_field[5:506, 6:508].all()
    assert not loop.open_field[:5].any()
