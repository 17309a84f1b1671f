"""Inputs that fuzzing has found, made anew: a typed error for each, never anything else."""

from __future__ import annotations

from pydicom.dataelem import DataElement
from small_loops import written
from sources import single_frame_series, xa

from napari_fluoroinject.dicom.read import find_loops
from napari_fluoroinject.errors import UnreadableObjectError


def test_a_source_image_sequence_that_is_no_sequence_is_an_unreadable_object(tmp_path):
    single = xa("single", frames=None)
    single[0x00082112] = DataElement(0x00082112, "US", [1, 2])
    (found,) = find_loops([written(tmp_path, single)])
    assert isinstance(found, UnreadableObjectError)


def test_one_damaged_frame_leaves_its_fellows_a_loop(tmp_path):
    frames = single_frame_series()[:3]
    frames[1][0x00082112] = DataElement(0x00082112, "US", [1, 2])
    for k, frame in enumerate(frames):
        frame.save_as(tmp_path / f"{k}.dcm", enforce_file_format=True)
    found = list(find_loops([tmp_path]))
    assert [isinstance(one, UnreadableObjectError) for one in found] == [True, False]
    assert len(found[1].paths) == 2
