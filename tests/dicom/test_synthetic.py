"""A loop of the simulator is known as one; that of a patient never is."""

from __future__ import annotations

from dataclasses import replace

import pydicom
import pytest
from example_report import written_source

from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.workflow import make_phantom_files

SETTINGS = PhantomSettings(size=64, frames=8)


@pytest.mark.parametrize("kind", ["xa", "rf", "enhanced_xa"])
def test_a_loop_of_the_simulator_says_so_in_memory_and_from_its_file(kind, tmp_path):
    path = make_phantom_files("mbb_lumbar", SETTINGS, out=tmp_path, kind=kind)[0]
    assert make_phantom("mbb_lumbar", settings=SETTINGS).loop.synthetic
    assert read_loop(path).synthetic


def test_a_loop_of_other_equipment_is_none(tmp_path):
    paths = written_source("xa", tmp_path)
    assert not read_loop(*paths).synthetic
    made = make_phantom_files("mbb_lumbar", replace(SETTINGS, seed=2), out=tmp_path)[0]
    dataset = pydicom.dcmread(made)
    dataset.ManufacturerModelName = "C-arm 5"
    dataset.save_as(made)
    assert not read_loop(made).synthetic
